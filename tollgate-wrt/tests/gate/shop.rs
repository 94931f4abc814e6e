//! The daemon on the router, with a real mint on the internet.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use cashu::Proof;

use crate::common::{Daemon, Response, Root, connect, verified_event};
use crate::mint::nutshell::Mint;
use crate::mint::wallet;
use crate::net::network::{MINT, Network, Who, portal};

/// A router that sells.
pub struct Shop {
    pub network: Network,
    pub root: Root,
    pub mint: Mint,
    directory: tempfile::TempDir,
    purse: Vec<Proof>,
}

impl Shop {
    /// Sells steps of `size` for a sat. `None`, after having said so, where
    /// something is missing.
    pub fn new(metric: &str, size: u64) -> Option<Self> {
        let network = Network::new()?;
        let directory = tempfile::tempdir().unwrap();
        let mint = Mint::on(&network.internet, MINT, directory.path())?;
        let purse = network.internet.on(|| wallet::mint(mint.address, 8, 1));
        let config = format!(
            r#"{{"metric":"{metric}","step_size":{size},"accepted_mints":[{{"url":"{}","price_per_step":1}}]}}"#,
            mint.url()
        );
        Some(Self {
            network,
            root: root(&config),
            mint,
            directory,
            purse,
        })
    }

    /// Starts the daemon; it answers on the LAN when this is done.
    pub fn start(&self) -> Daemon {
        self.start_with(None)
    }

    /// The same with a clock whose offset stands in a file ([`Shop::set_clock`]).
    pub fn start_with(&self, faketime: Option<&Path>) -> Daemon {
        let daemon = start(&self.network, &self.root, |command| {
            if let Some(library) = faketime {
                command
                    .env("LD_PRELOAD", library)
                    .env("FAKETIME_TIMESTAMP_FILE", self.clock())
                    .env("FAKETIME_NO_CACHE", "1")
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            }
        });
        daemon.log().wait_for("the gate is in place");
        daemon
    }

    fn clock(&self) -> PathBuf {
        self.directory.path().join("clock")
    }

    /// Sets the clock of daemons that were started with one.
    pub fn set_clock(&self, offset: &str) {
        let fresh = self.directory.path().join("fresh");
        fs::write(&fresh, offset).unwrap();
        fs::rename(&fresh, self.clock()).unwrap();
    }

    /// Has a customer pay for so many steps.
    pub fn pay(&mut self, who: Who, steps: usize) {
        let answer = self.offer(who, steps);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(verified_event(&answer.body)["kind"], 1022);
        self.spend(steps);
    }

    /// So much was paid in another way.
    pub fn spend(&mut self, steps: usize) {
        self.purse.drain(..steps);
    }

    /// A token of so many pieces of a sat, which are the customer's no more.
    #[allow(dead_code, reason = "the tests of the portal use it")]
    pub fn take_token(&mut self, pieces: usize) -> String {
        let token = wallet::token(&self.mint.url(), &self.purse[..pieces]);
        self.purse.drain(..pieces);
        token
    }

    /// Fills the customers' purse with so many more.
    #[allow(dead_code, reason = "the tests of the portal use it")]
    pub fn earn(&mut self, pieces: usize) {
        let address = self.mint.address;
        let earned = || wallet::mint(address, pieces, 1);
        self.purse.extend(self.network.internet.on(earned));
    }

    /// The same where it may be refused; what is offered is not spent then.
    pub fn offer(&self, who: Who, steps: usize) -> Response {
        let token = self.token(steps);
        self.network.customer(who).on(|| post(&token))
    }

    /// What is paid with next.
    pub fn token(&self, steps: usize) -> String {
        wallet::token(&self.mint.url(), &self.purse[..steps])
    }

    /// What a customer is told of the session: used and bought.
    pub fn usage(&self, who: Who) -> Option<(u64, u64)> {
        let text = self
            .network
            .customer(who)
            .on(|| get(portal(), "/usage").body);
        let (used, bought) = text.split_once('/').unwrap();
        Some((used.parse().ok()?, bought.parse().unwrap()))
    }
}

/// The router's files.
pub fn root(config: &str) -> Root {
    let root = Root::new();
    root.write("etc/tollgate/config.json", config);
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\toption gate 'nftables'\n\tlist interface 'br-lan'\n",
    );
    root.write("proc/sys/kernel/random/boot_id", "the first start");
    symlink("/proc/uptime", root.file("proc/uptime")).unwrap();
    root
}

/// Starts the daemon on the router.
pub fn start(network: &Network, root: &Root, prepare: impl FnOnce(&mut Command) + Send) -> Daemon {
    let daemon = network.router.on(|| {
        let mut command = root.command(&["run"]);
        prepare(&mut command);
        Daemon::spawn(command)
    });
    daemon.log().wait_for("interface=br-lan");
    daemon
}

fn post(body: &str) -> Response {
    let mut stream = connect(portal());
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\r\n{body}",
        portal()
    )
    .unwrap();
    Response::read(&mut stream, true).unwrap()
}

pub fn get(address: SocketAddr, path: &str) -> Response {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", portal()).unwrap();
    Response::read(&mut stream, true).unwrap()
}

/// The library of `faketime`, as that program finds it.
pub fn faketime() -> Option<PathBuf> {
    let output = Command::new("faketime")
        .args(["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let path = text.trim().split(':').next_back()?;
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}
