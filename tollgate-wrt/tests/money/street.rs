//! A machine of its own, with an address that looks public: the daemon, its mint,
//! and a server of Lightning addresses.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::common::Daemon;
use crate::lnurl::{AUTHORITY, HOSTS, Server};
use crate::mint::nutshell::{Mint, Version};
use crate::mint::wallet;
use crate::net::namespace::{Namespace, within};
use crate::payout::command;
use crate::shop::{STEP, Shop};

/// All of it. What stands first ends first.
pub struct Street {
    pub daemon: Option<Daemon>,
    pub shop: Shop,
    pub mint: Mint,
    _payee: Mint,
    pub server: Server,
    machine: Namespace,
    _directory: tempfile::TempDir,
}

impl Street {
    /// `mint` are settings of the mint. The owner gets seven tenths, `a` two and
    /// `b` one.
    pub fn new(mint: &Value) -> Option<Self> {
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

    pub fn start(&mut self) {
        let command = self.shop.root.command(&["run", "--listen", "127.0.0.1:0"]);
        self.daemon = Some(Daemon::start(self.machine.command(&command)));
    }

    pub fn stop(&mut self) {
        assert!(self.daemon.take().unwrap().stop().success());
    }

    /// Puts ecash into the wallet, as the owner.
    pub fn receive(&self, amount: u64) {
        let (machine, mint): (_, SocketAddr) = (&self.machine.name, self.mint.address);
        for bit in (0..10).filter(|bit| amount >> bit & 1 == 1) {
            let proofs = within(machine, || wallet::mint(mint, 1, 1 << bit));
            let token = wallet::token(&self.mint.url(), &proofs);
            let (is_done, text) = self.run(&["wallet", "receive", &token]);
            assert!(is_done, "{text}");
        }
    }

    pub fn run(&self, words: &[&str]) -> (bool, String) {
        command(&self.shop, words)
    }

    pub fn owed(&self) -> Value {
        let (_, text) = self.run(&["wallet", "balance", "--json"]);
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["data"]["balances"][0]["owed"].clone()
    }

    /// What the mint has paid, the first first.
    pub fn paid(&self) -> Vec<u64> {
        self.mint.paid().into_iter().map(|paid| paid.1).collect()
    }
}
