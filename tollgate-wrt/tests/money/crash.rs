//! kill -9, at every step of the journal and at any moment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cashu::Proof;
use rustix::process::{Pid, Signal, kill_process};

use crate::common::{Daemon, wait_until};
use crate::mint::nutshell::Mint;
use crate::mint::wallet;
use crate::proxy::{Fault, Proxy};
use crate::shop::{Books, Shop, mac, pay, try_pay, usage};

/// Compiles what kills the daemon in the middle of its work. It stands between
/// the real binary and the C library, so that nothing of it is in the binary.
pub fn shim(directory: &Path) -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/money/crash.c");
    let library = directory.join("crash.so");
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status();
    match compiler {
        Ok(status) if status.success() => Some(library),
        other => {
            crate::groups::group("mint", Some(&format!("no C compiler: {other:?}")));
            None
        }
    }
}

/// The mint's books against the router's and the customers': everything that
/// the mint has issued and not got back is in the router's wallet or still the
/// customers', every token that is spent was credited once, and nothing else was.
fn audit(mint: &Mint, books: &Books, tokens: &[(usize, Proof)]) {
    assert_eq!(books.pending, 0);
    let spent = mint.spent();
    for secret in books.secrets.keys() {
        assert!(!spent.contains(secret), "the wallet holds what is spent");
    }
    let is_spent = |proof: &Proof| spent.contains(&proof.secret.to_string());
    let kept = tokens.iter().filter(|(_, proof)| !is_spent(proof));
    let kept: u64 = kept.map(|(_, proof)| u64::from(proof.amount)).sum();
    assert_eq!(mint.outstanding(), books.balance() + kept);
    let mut customers: Vec<usize> = tokens.iter().map(|(customer, _)| *customer).collect();
    customers.sort_unstable();
    customers.dedup();
    for customer in customers {
        let paid = tokens
            .iter()
            .filter(|(who, proof)| *who == customer && is_spent(proof));
        let paid: u64 = paid.map(|(_, proof)| u64::from(proof.amount)).sum();
        let credited = books.sessions.get(&mac(customer)).copied().unwrap_or(0);
        assert_eq!(credited, paid, "customer {customer}");
    }
}

#[test]
fn killed_at_every_step_of_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let Some(shim) = shim(dir.path()) else {
        return;
    };
    let mut total = 0;
    for how in ["before", "after", "torn"] {
        for step in 1.. {
            let shop = Shop::new(&[&mint.url()]);
            let proof = wallet::mint(mint.address, 1, 4).remove(0);
            let token = wallet::token(&mint.url(), std::slice::from_ref(&proof));
            let mut command = shop.root.command(&["run", "--listen", "127.0.0.1:0"]);
            command
                .env("LD_PRELOAD", &shim)
                .env("CRASH_AT", step.to_string())
                .env("CRASH_HOW", how);
            let mut victim = Daemon::spawn(command);
            // It may be killed before it listens, or while it is paid.
            let answer = victim
                .wait_for_address()
                .map(|()| try_pay(&victim, 0, &token));
            let is_paid = matches!(&answer, Some(Ok(answer)) if answer.status == 200);
            if is_paid {
                // And while it writes its last checkpoint.
                victim.signal(Signal::TERM);
            }
            let status = victim.wait();

            let daemon = shop.start();
            assert_eq!(pay(&daemon, 0, &token).steps(), 4, "{how} {step}");
            assert!(usage(&daemon, 0).ends_with("/14400000"));
            assert_eq!(shop.open(), [mac(0)]);
            assert!(daemon.stop().success());
            let books = shop.books();
            assert_eq!((books.balance(), books.pending), (4, 0), "{how} {step}");
            assert_eq!(books.sessions[&mac(0)], 4);
            total += 4;
            assert_eq!(mint.outstanding(), total, "{how} {step}");
            if status.success() {
                // All steps were survived: it never came to this one.
                assert!(step > 8, "only {step} steps");
                break;
            }
        }
    }
}

#[test]
fn killed_while_the_mint_swaps() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let proofs = wallet::mint(mint.address, 2, 4);
    for (number, proof) in proofs.iter().enumerate() {
        let shop = Shop::new(&[&proxy.url()]);
        let mut victim = shop.start();
        let pid = Pid::from_raw(i32::try_from(victim.pid()).unwrap()).unwrap();
        let kill = Box::new(move || kill_process(pid, Signal::KILL).unwrap());
        proxy.next([if number == 0 {
            Fault::Before(kill)
        } else {
            Fault::After(kill)
        }]);
        let token = wallet::token(&proxy.url(), std::slice::from_ref(proof));
        assert!(try_pay(&victim, 0, &token).is_err());
        assert!(!victim.wait().success());
        assert_eq!(shop.books().pending, 1);
        let daemon = shop.start();
        // Nobody has to ask for it.
        wait_until("it is credited", || {
            usage(&daemon, 0).ends_with("/14400000")
        });
        wait_until("the gate is open", || shop.open() == [mac(0)]);
        assert_eq!(pay(&daemon, 0, &token).steps(), 4);
        assert!(daemon.stop().success());
        assert_eq!(shop.books().balance(), 4);
        assert_eq!(mint.outstanding(), 8);
    }
}

/// How often to crash, and a source of numbers below a bound, by a seed that
/// TOLLGATE_SEED sets.
pub fn random() -> (u64, impl FnMut(u64) -> u64) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let crashes = number("TOLLGATE_CRASHES").unwrap_or(100);
    let mut seed = number("TOLLGATE_SEED").unwrap_or_else(|| {
        let mut bytes = [0; 8];
        getrandom::getrandom(&mut bytes).unwrap();
        u64::from_ne_bytes(bytes)
    });
    eprintln!("TOLLGATE_SEED={seed} TOLLGATE_CRASHES={crashes}");
    let random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    (crashes, random)
}

/// Many customers pay, and the daemon is killed again and again, at moments
/// that a seed gives: TOLLGATE_SEED repeats a run, TOLLGATE_CRASHES has more.
#[test]
fn killed_at_any_moment_under_load() {
    const CUSTOMERS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let (crashes, mut random) = random();
    let shop = Shop::new(&[&mint.url()]);
    let mut all: Vec<(usize, Proof)> = Vec::new();
    for _ in 0..crashes {
        let proofs = wallet::mint(mint.address, CUSTOMERS * 2, 2);
        let fresh: Vec<_> = proofs
            .into_iter()
            .enumerate()
            .map(|(n, proof)| (n % CUSTOMERS, proof))
            .collect();
        let daemon = shop.start();
        let answered = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for customer in 0..CUSTOMERS {
                let (daemon, fresh, answered) = (&daemon, &fresh, Arc::clone(&answered));
                let url = mint.url();
                scope.spawn(move || {
                    for (_, proof) in fresh.iter().filter(|(who, _)| *who == customer) {
                        let token = wallet::token(&url, std::slice::from_ref(proof));
                        if try_pay(daemon, customer, &token).is_err() {
                            return;
                        }
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            thread::sleep(Duration::from_millis(random(700)));
            daemon.signal(Signal::KILL);
        });
        all.extend(fresh);
        drop(daemon);
    }
    // What was taken settles; what was not, the customers still have.
    let daemon = shop.start();
    wait_until("all is settled", || {
        let text = std::fs::read_to_string(shop.root.file("etc/tollgate/money/journal")).unwrap();
        let ids = |kind: &str| {
            let lines = text
                .lines()
                .filter(|line| line.contains(&format!(r#"{{"is":"{kind}""#)));
            lines.count()
        };
        ids("intent") <= ids("settled") + ids("refused")
    });
    assert!(daemon.stop().success());
    audit(&mint, &shop.books(), &all);
}
