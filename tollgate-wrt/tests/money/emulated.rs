//! Programs of packages, for other processors: they take money, too.
//!
//! Group `emulated`: TOLLGATE_PROGRAMS has a JSON list of commands, each a list
//! of words such as `["qemu-mips", "/…/usr/bin/tollgate-wrt"]`. `cargo xtask ci`
//! names those of the packages that it has built (check `payments-under-qemu`).
//! An emulator knows no netlink: customers' MACs come from the lease file.

use std::fs;
use std::process::Command;

use crate::common::Daemon;
use crate::groups;
use crate::mint::nutshell::Mint;
use crate::mint::wallet::{self, Nutshell};
use crate::shop::{Shop, mac, pay, usage};

#[test]
fn packages_for_other_processors_take_money() {
    let Some(programs) = std::env::var_os("TOLLGATE_PROGRAMS") else {
        groups::group("emulated", Some("TOLLGATE_PROGRAMS names no program"));
        return;
    };
    let programs = programs.into_string().unwrap();
    let programs: Vec<Vec<String>> = serde_json::from_str(&programs).unwrap();
    assert!(!programs.is_empty());
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 100) else {
        return;
    };
    groups::group("emulated", None);
    let wallet = Nutshell::new(&mint, dir.path(), 128);
    for program in &programs {
        take_money(&mint, &wallet, program);
    }
}

fn take_money(mint: &Mint, wallet: &Nutshell, program: &[String]) {
    let shop = Shop::new(&[&mint.url()]);
    let start = || {
        let mut command = Command::new(&program[0]);
        command
            .args(&program[1..])
            .args(["run", "--listen", "127.0.0.1:0", "--root"])
            .arg(shop.root.path());
        let daemon = Daemon::start(command);
        // The program that was named, and no other one.
        let words = fs::read(format!("/proc/{}/cmdline", daemon.pid())).unwrap();
        let words = String::from_utf8(words).unwrap();
        assert!(words.starts_with(&program.join("\0")), "{words}");
        daemon
    };
    let before = mint.outstanding();
    let daemon = start();
    // A token of a real wallet, a top-up in the old form, and the fee.
    let first = wallet.send(16, &[]);
    let steps = pay(&daemon, 0, &first).steps();
    assert!((14..=16).contains(&steps), "{steps}");
    let legacy = wallet.send(4, &["--legacy"]);
    let total = pay(&daemon, 0, &format!("cashu:{legacy}\n")).steps();
    assert!(total > steps, "{total}");
    let spent = pay(&daemon, 1, &first);
    assert_eq!(spent.code(), (402, "payment-error-token-spent".into()));
    let foreign = wallet::token("https://mint.example", &wallet::mint(mint.address, 1, 2));
    assert_eq!(
        pay(&daemon, 1, &foreign).code(),
        (402, "payment-error-mint-not-accepted".into())
    );
    assert_eq!(shop.open(), [mac(0)]);
    drop(daemon);

    // Its journal is the same on every processor: killed, and read again.
    let daemon = start();
    assert_eq!(pay(&daemon, 0, &first).steps(), steps);
    assert!(usage(&daemon, 0).ends_with(&format!("/{}", total * crate::shop::STEP)));
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (total, 0));
    assert_eq!(books.sessions[&mac(0)], total);
    // Whatever the wallet's change and the fees were, no piece appeared.
    assert!(mint.outstanding() <= before + 2);
}
