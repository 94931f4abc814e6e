//! Payouts of shares to Lightning addresses: the daemon, its mint and a server
//! of addresses, on a machine of their own with an address that looks public.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::Daemon;
use crate::crash::random;
use crate::lnurl::{AUTHORITY, HOSTS, Server};
use crate::namespace::{Namespace, within};
use crate::nutshell::{Mint, Version};
use crate::pay::wait_until;
use crate::payout::{audit, balance, command};
use crate::shop::{STEP, Shop};
use crate::wallet;

/// All of it. What stands first ends first.
struct Street {
    daemon: Option<Daemon>,
    shop: Shop,
    mint: Mint,
    _payee: Mint,
    server: Server,
    machine: Namespace,
    _directory: tempfile::TempDir,
}

impl Street {
    /// `mint` are settings of the mint. The owner gets seven tenths, `a` two and
    /// `b` one.
    fn new(mint: &Value) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let machine = Namespace::new(HOSTS)?;
        let start = |name: &str| {
            let directory = directory.path().join(name);
            Mint::start_in(Some(&machine.name), Version::New, &directory, 0)
        };
        let (own, payee) = (start("mint")?, start("payee")?);
        let server = Server::start(&machine, payee.address);
        let mut accepted = json!({"url": own.url(), "price_per_step": 1, "min_balance": 10,
            "min_payout_amount": 50, "balance_tolerance_percent": 30});
        let settings = mint.as_object().unwrap().clone();
        accepted.as_object_mut().unwrap().extend(settings);
        let share = |name: &str, factor: f64| json!({"identity": name, "factor": factor});
        let config = json!({
            "metric": "milliseconds",
            "step_size": STEP,
            "accepted_mints": [accepted],
            "profit_share": [share("a", 0.2), share("owner", 0.7), share("b", 0.1)],
        });
        let shop = Shop::with(&config.to_string());
        let public = |name: &str| {
            let address = format!("{name}@pay.tollgate.test");
            json!({"name": name, "lightning_address": address})
        };
        let identities = json!({
            "config_version": "v0.0.1",
            "owned_identities": [{"name": "merchant", "privatekey": "01".repeat(32)}],
            "public_identities": [public("owner"), public("a"), public("b")],
        });
        let path = "etc/tollgate/identities.json";
        shop.root.write(path, &identities.to_string());
        shop.root
            .write("etc/ssl/certs/ca-certificates.crt", AUTHORITY);
        let mut street = Self {
            daemon: None,
            shop,
            mint: own,
            _payee: payee,
            server,
            machine,
            _directory: directory,
        };
        street.start();
        Some(street)
    }

    fn start(&mut self) {
        let command = self.shop.root.command(&["run", "--listen", "127.0.0.1:0"]);
        self.daemon = Some(Daemon::start(self.machine.command(&command)));
    }

    fn stop(&mut self) {
        assert!(self.daemon.take().unwrap().stop().success());
    }

    /// Puts ecash into the wallet, as the owner.
    fn receive(&self, amount: u64) {
        let (machine, mint): (_, SocketAddr) = (&self.machine.name, self.mint.address);
        for bit in (0..10).filter(|bit| amount >> bit & 1 == 1) {
            let proofs = within(machine, || wallet::mint(mint, 1, 1 << bit));
            let token = wallet::token(&self.mint.url(), &proofs);
            let (is_done, text) = self.run(&["wallet", "receive", &token]);
            assert!(is_done, "{text}");
        }
    }

    fn run(&self, words: &[&str]) -> (bool, String) {
        command(&self.shop, words)
    }

    fn owed(&self) -> Value {
        let (_, text) = self.run(&["wallet", "balance", "--json"]);
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["data"]["balances"][0]["owed"].clone()
    }

    /// What the mint has paid, the first first.
    fn paid(&self) -> Vec<u64> {
        self.mint.paid().into_iter().map(|paid| paid.1).collect()
    }
}

#[test]
fn shares_are_paid_and_what_cannot_be_stays_owed() {
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 3_600})) else {
        return;
    };
    street.receive(49);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(
        is_done && text.contains("the balance is 49; 10 stay, and from 50"),
        "{text}"
    );
    street.receive(61);

    // 100 are shared out; two sat are kept for Lightning, of which one is needed.
    let (is_done, text) = street.run(&["wallet", "payout", "--dry-run"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(is_done && lines.len() == 3, "{text}");
    for (line, start) in lines.iter().zip([
        "would pay 68 sat to owner (owner@pay.tollgate.test), fees at most 2 sat, ",
        "would pay 18 sat to a (a@pay.tollgate.test), fees at most 2 sat, ",
        "would pay 8 sat to b (b@pay.tollgate.test), fees at most 2 sat, ",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
    assert_eq!((balance(&street.shop), street.paid()), (110, vec![]));
    assert_eq!(street.owed(), json!({}));

    street.server.away.lock().unwrap().push("a");
    let (is_done, text) = street.run(&["wallet", "payout", "--json"]);
    assert!(!is_done, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let state = |index: usize| {
        let report = &answer["data"][index];
        let word = |key: &str| report[key].as_str().unwrap().to_owned();
        (
            word("identity"),
            word("state"),
            report["amount"].as_u64().unwrap(),
        )
    };
    assert_eq!(state(0), ("owner".into(), "paid".into(), 68));
    assert_eq!(state(1), ("a".into(), "failed".into(), 0));
    assert!(answer["error"].as_str().unwrap().contains("no such user"));
    assert_eq!(state(2), ("b".into(), "paid".into(), 8));
    assert_eq!(street.paid(), [68, 8]);
    assert_eq!(balance(&street.shop), 110 - 69 - 9);
    assert_eq!(street.owed(), json!({"a": 20, "b": 1, "owner": 1}));

    // A restart later `a` is there again, and has what was owed before.
    street.stop();
    street.start();
    let daemon = street.daemon.as_ref().unwrap();
    daemon.log().wait_for("cannot pay out now");
    street.server.away.lock().unwrap().clear();
    street.receive(100);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(is_done, "{text}");
    assert_eq!(street.paid(), [68, 8, 69, 38, 9]);
    assert_eq!(street.owed(), json!({"a": 1, "b": 1, "owner": 1}));
    assert_eq!(balance(&street.shop), 13);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(is_done && text.contains("the fees would eat it"), "{text}");

    // Without the owner nobody is paid.
    street.server.away.lock().unwrap().push("owner");
    street.receive(64);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(
        !is_done && text.lines().count() == 1 && text.contains("owner"),
        "{text}"
    );
    assert_eq!(street.paid().len(), 5);
    let (_, list) = street.run(&["wallet", "payouts"]);
    assert_eq!(list.lines().count(), 5, "{list}");
    assert!(
        list.contains(" 38 sat to a@pay.tollgate.test (a), fees 1, "),
        "{list}"
    );
    street.stop();
    audit(&street.mint, &street.shop);
}

#[test]
fn shares_are_paid_by_themselves() {
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 1})) else {
        return;
    };
    street.server.away.lock().unwrap().push("b");
    street.receive(110);
    wait_until("the owner and a are paid", || street.paid().len() == 2);
    wait_until("that is known", || {
        street.owed() == json!({"a": 1, "b": 10, "owner": 1})
    });
    street.stop();
    street.server.away.lock().unwrap().clear();
    street.start();
    wait_until("b is paid", || street.paid() == [68, 18, 8]);
    wait_until("that is known", || {
        balance(&street.shop) == 110 - 69 - 19 - 9
    });
    street.stop();
    audit(&street.mint, &street.shop);
}

/// By themselves, at moments that a seed gives.
#[test]
fn shares_survive_kills() {
    const ROUNDS: u64 = 3;
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 1})) else {
        return;
    };
    let (_, mut random) = random();
    for _ in 0..ROUNDS {
        street.receive(110);
        thread::sleep(Duration::from_millis(random(1_500)));
        let mut daemon = street.daemon.take().unwrap();
        daemon.signal(Signal::KILL);
        daemon.wait();
        street.start();
    }
    // A round may have come before all of it was there; what is left is dust.
    wait_until("all is paid", || {
        street.run(&["wallet", "payout"]);
        let owed = street.owed();
        let owed: Vec<u64> = owed
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_u64)
            .collect();
        let (_, list) = street.run(&["wallet", "payouts"]);
        !list.contains("pending")
            && balance(&street.shop) < 50
            && owed.iter().all(|owed| *owed < 12)
    });
    street.stop();
    audit(&street.mint, &street.shop);
    // Nobody has more than the share, whatever was cut off.
    let books = street.shop.books();
    let profit = ROUNDS * 110 - 10;
    for (name, tenths) in [("owner", 7), ("a", 2), ("b", 1)] {
        let address = format!("{name}@pay.tollgate.test");
        let paid = books.paid.iter().filter(|(to, ..)| *to == address);
        let total: u64 = paid.map(|(_, amount, fee)| amount + fee).sum();
        let most = profit * tenths / 10 + ROUNDS;
        assert!(
            total <= most && total + 60 > most,
            "{name}: {total} of {most}"
        );
    }
}

#[test]
fn nobody_is_sent_where_the_router_alone_can_go() {
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 3_600})) else {
        return;
    };
    street.receive(64);
    let pay = |to: &str| street.run(&["wallet", "payout", "--to", to, "9"]);
    thread::scope(|scope| {
        let slow = scope.spawn(|| pay("hangs@pay.tollgate.test"));
        for (to, why) in [
            (
                "x@self.tollgate.test",
                "127.0.0.1, which is not in the public internet",
            ),
            (
                "x@inside.tollgate.test",
                "10.0.0.1, which is not in the public internet",
            ),
            ("x@127.0.0.1", "not in the public internet"),
            ("x@[::1]", "not in the public internet"),
            ("x@[::ffff:10.0.0.1]", "not in the public internet"),
            ("x@wrong.tollgate.test", "not valid for name"),
            ("x@nobody.tollgate.test", "nobody.tollgate.test"),
            (
                "moved-inside@pay.tollgate.test",
                "10.0.0.1, which is not in the public internet",
            ),
            (
                "moved-plain@pay.tollgate.test",
                "has to begin with https://",
            ),
            ("moved-round@pay.tollgate.test", "redirects too often"),
            (
                "sends-inside@pay.tollgate.test",
                "127.0.0.1, which is not in the public internet",
            ),
            (
                "sends-plain@pay.tollgate.test",
                "has to begin with https://",
            ),
            (
                "greedy@pay.tollgate.test",
                "10000 thousandths of a sat were asked back for 9000",
            ),
            ("empty@pay.tollgate.test", "no Lightning invoice"),
            ("rich@pay.tollgate.test", "it takes 1000000 to"),
            ("login@pay.tollgate.test", "not for payments"),
            ("nonsense@pay.tollgate.test", "no JSON"),
            ("huge@pay.tollgate.test", "length limit exceeded"),
        ] {
            let (is_done, text) = pay(to);
            assert!(!is_done && text.contains(why), "{to}: {text}");
        }
        let (is_done, text) = slow.join().unwrap();
        assert!(
            !is_done && text.contains("does not answer within 20 seconds"),
            "{text}"
        );
    });
    assert_eq!(street.server.inside.load(Ordering::SeqCst), 0);
    assert_eq!((balance(&street.shop), street.paid()), (64, vec![]));
    // A redirect to the public internet is followed.
    let (is_done, text) = pay("moved@pay.tollgate.test");
    assert!(
        is_done && text.starts_with("paid 9 sat to moved@pay.tollgate.test"),
        "{text}"
    );
    street.stop();
    audit(&street.mint, &street.shop);
}
