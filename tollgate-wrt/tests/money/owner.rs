//! What the owner does with the money.

use crate::nutshell::Mint;
use crate::shop::{STEP, Shop, mac, pay};
use crate::wallet::Nutshell;

#[test]
fn the_owner_takes_the_money_out_and_puts_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let wallet = Nutshell::new(&mint, dir.path(), 50);
    let shop = Shop::new(&[&mint.url()]);
    let command = |words: &[&str]| {
        let (code, output, error) = shop.root.output(words);
        (code == 0, format!("{output}{error}"))
    };
    assert!(
        command(&["wallet", "balance"])
            .1
            .contains("is the daemon running?")
    );
    let daemon = shop.start();
    assert_eq!(command(&["wallet", "balance"]).1, "the wallet is empty\n");
    assert_eq!(command(&["sessions"]).1, "no sessions\n");
    assert_eq!(pay(&daemon, 0, &wallet.send(21, &[])).steps(), 21);
    assert_eq!(pay(&daemon, 1, &wallet.send(3, &[])).steps(), 3);
    let balance = format!("24 sat {}\n", mint.url());
    assert_eq!(command(&["wallet", "balance"]), (true, balance));
    let sessions = command(&["sessions"]).1;
    assert!(
        sessions.contains(&mac(0)) && sessions.contains(&format!("/{}", 3 * STEP)),
        "{sessions}"
    );

    let (_, token) = command(&["wallet", "drain"]);
    assert_eq!(command(&["wallet", "balance"]).1, "the wallet is empty\n");
    // Shown again, for as long as nobody has it: after a crash, too.
    assert_eq!(command(&["wallet", "sent"]).1, token);
    drop(daemon);
    let daemon = shop.start();
    assert_eq!(command(&["wallet", "sent"]).1, token);
    // Another wallet takes it, and pays with a part of it.
    wallet.run(&["receive", token.trim()]);
    assert_eq!(
        command(&["wallet", "sent"]).1,
        "all tokens that were taken out are spent\n"
    );
    assert!(command(&["wallet", "sent", "--json"]).0);
    let (is_done, error) = command(&["wallet", "receive", token.trim()]);
    assert!(!is_done && error.contains("already spent"), "{error}");
    let back = wallet.send(9, &[]);
    assert_eq!(
        command(&["wallet", "receive", &back]),
        (true, "received 9\n".into())
    );
    assert!(!command(&["wallet", "receive", "nonsense"]).0);
    assert!(daemon.stop().success());
    assert_eq!(shop.books().balance(), 9);
    assert_eq!(mint.outstanding(), 50);
    assert!(!shop.root.file("var/run/tollgate.sock").exists());
}
