//! The daemon on a router that runs openNDS, with a real mint on the internet.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use cashu::Proof;
use serde_json::Value;

use crate::common::{Daemon, Response, Root, connect, verified_event, wait_until};
use crate::groups;
use crate::mint::nutshell::Mint;
use crate::mint::wallet;
use crate::net::machine::{ECHO, Machine, Reached, exchange};
use crate::net::network::{MINT, Network, Who, portal};
use crate::server::Server;

/// Counts both ways: on the internet what is Alice's, on the router what it
/// says to her itself.
const WITNESS: &str = "
table ip both {
    counter alice {}
    counter own {}
    chain arriving {
        type filter hook prerouting priority -300;
        ip daddr 203.0.113.10 counter name alice
    }
    chain leaving {
        type filter hook postrouting priority 300;
        ip saddr 203.0.113.10 counter name alice
    }
    chain to {
        type filter hook output priority 300;
        ip daddr 10.77.0.10 counter name own
    }
    chain from {
        type filter hook input priority 300;
        ip saddr 10.77.0.10 counter name own
    }
}
";

/// A router that sells.
pub struct Shop {
    pub server: Server,
    pub network: Network,
    pub root: Root,
    mint: Mint,
    purse: Vec<Proof>,
    _directory: tempfile::TempDir,
}

impl Shop {
    /// Sells steps of `size` for a sat. `None`, after having said so, where
    /// something is missing.
    pub fn new(metric: &str, size: u64) -> Option<Self> {
        let network = Network::new()?;
        let router = &network.router;
        // openNDS gates only IPv4.
        router.set("net.ipv6.conf.all.forwarding", "0");
        router.ip("route add default via 203.0.113.1");
        let server = match Server::start(router) {
            Ok(server) => server,
            Err(why) => {
                groups::group("opennds", Some(&why));
                return None;
            }
        };
        groups::group("opennds", None);
        network.internet.nft(WITNESS);
        network.router.nft(WITNESS);
        let directory = tempfile::tempdir().unwrap();
        let mint = Mint::on(&network.internet, MINT, directory.path())?;
        let purse = network.internet.on(|| wallet::mint(mint.address, 8, 1));
        let root = Root::new();
        let config = format!(
            r#"{{"metric":"{metric}","step_size":{size},"accepted_mints":[{{"url":"{}","price_per_step":1}}]}}"#,
            mint.url()
        );
        root.write("etc/tollgate/config.json", &config);
        root.write(
            "etc/config/tollgate",
            "config tollgate 'main'\n\toption gate 'ndsctl'\n\tlist interface 'br-lan'\n",
        );
        root.write("proc/sys/kernel/random/boot_id", "the first start");
        root.write("proc/sys/net/ipv6/conf/all/none", "");
        root.write("proc/net/none", "");
        root.write("var/run/none", "");
        for file in [
            "proc/uptime",
            "proc/net/if_inet6",
            "proc/sys/net/ipv6/conf/all/forwarding",
        ] {
            symlink(format!("/{file}"), root.file(file)).unwrap();
        }
        Some(Self {
            server,
            network,
            root,
            mint,
            purse,
            _directory: directory,
        })
    }

    /// Starts the daemon; it answers on the LAN when this is done.
    pub fn start(&self) -> Daemon {
        let daemon = self
            .network
            .router
            .on(|| Daemon::spawn(self.command(&["run", "--log-level", "debug"])));
        daemon.log().wait_for("interface=br-lan");
        daemon
    }

    fn command(&self, command: &[&str]) -> Command {
        let mut command = self.root.command(command);
        command.env("PATH", self.server.path());
        command
    }

    /// Runs a command on the router; exit code, and all that it says.
    pub fn output(&self, command: &[&str]) -> (i32, String) {
        let output = (self.network.router)
            .on(|| self.command(command).output())
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        (output.status.code().unwrap(), text)
    }

    /// Has a customer pay for so many steps.
    pub fn pay(&mut self, who: Who, steps: usize) {
        let answer = self.offer(who, steps);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(verified_event(&answer.body)["kind"], 1022);
        self.purse.drain(..steps);
    }

    /// The same where it may be refused; what is offered is not spent then.
    pub fn offer(&self, who: Who, steps: usize) -> Response {
        let body = wallet::token(&self.mint.url(), &self.purse[..steps]);
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {}", body.len());
        self.ask(who, &head, &body)
    }

    /// What a customer is told of the session: used and bought.
    pub fn usage(&self, who: Who) -> Option<(u64, u64)> {
        let text = self.ask(who, "GET /usage HTTP/1.1", "").body;
        let (used, bought) = text.split_once('/').unwrap();
        Some((used.parse().ok()?, bought.parse().unwrap()))
    }

    fn ask(&self, who: Who, head: &str, body: &str) -> Response {
        self.network.customer(who).on(|| {
            let mut stream = connect(portal());
            write!(stream, "{head}\r\nHost: {}\r\n\r\n{body}", portal()).unwrap();
            Response::read(&mut stream, true).unwrap()
        })
    }

    /// What of the internet a customer reaches.
    fn tried(&self, who: Who) -> (Reached, u64) {
        let before = self.network.arrived(who).0;
        let reached = self.network.customer(who).reaches(who.targets()[0]);
        (reached, self.network.arrived(who).0 - before)
    }

    /// Bytes of Alice's packets that the internet has seen, both ways.
    pub fn seen(&self) -> u64 {
        bytes(&self.network.internet, "alice")
    }

    /// The session's use gets to be what the internet has seen, but for a kB in
    /// each direction of each of `times` that she was let through, and for what
    /// passed between her and the router itself, which NDS may count, too.
    /// `since` is what was used and seen before.
    pub fn assert_counted(&self, since: (u64, u64), times: u64) {
        wait_until("all is counted", || {
            let used = self.usage(Who::Alice).unwrap().0 - since.0;
            let seen = self.seen() - since.1;
            let own = bytes(&self.network.router, "own");
            assert!(used <= seen + own, "{used} {seen} {own}");
            used + 2 * 1_024 * times >= seen
        });
    }

    pub fn is_open(&self, who: Who) -> bool {
        let machine = self.network.customer(who);
        machine.is_answered(who.targets()[0])
    }

    pub fn is_shut(&self, who: Who) -> bool {
        self.tried(who) == (Reached::NOTHING, 0)
    }

    pub fn assert_open(&self, who: Who) {
        let took = wait_until("everything gets through", || self.is_open(who));
        assert!(took < Duration::from_secs(2), "{who:?} {took:?}");
    }

    pub fn assert_shut(&self, who: Who) {
        assert_eq!(self.tried(who), (Reached::NOTHING, 0), "{who:?}");
    }

    /// Asks any web server for something, as browsers and phones do at first:
    /// NDS answers.
    pub fn browse(&self, who: Who, host: &str, path: &str) -> String {
        self.network.customer(who).on(|| {
            let mut stream = connect((who.targets()[0], 80).into());
            let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: x\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
    }

    /// Sends so many bytes there and back again.
    pub fn transfer(&self, who: Who, bytes: usize) {
        let target = (who.targets()[0], ECHO).into();
        let mut stream = self.network.customer(who).connect(target).unwrap();
        for _ in 0..bytes.div_ceil(10_000) {
            exchange(&mut stream, 10_000).unwrap();
        }
    }
}

/// What a counter of [`WITNESS`] has.
fn bytes(machine: &Machine, counter: &str) -> u64 {
    let list = ["-j", "list", "counter", "ip", "both", counter];
    let text = machine.nft_list(&list).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let counter = json["nftables"].as_array().unwrap().last().unwrap();
    counter["counter"]["bytes"].as_u64().unwrap()
}
