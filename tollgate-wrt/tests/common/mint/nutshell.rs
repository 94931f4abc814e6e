//! A real mint, in a process of its own.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use crate::mint::install::{Version, programs};
use crate::net::machine::Machine;
use crate::net::namespace;

/// How long a mint may take to start: it makes its keys and its database.
const PATIENCE: Duration = Duration::from_secs(90);

/// A mint; killed, and nothing else, when the test is over.
pub struct Mint {
    child: Child,
    pub address: SocketAddr,
    how: How,
}

/// How a mint is started.
struct How {
    namespace: Option<String>,
    version: Version,
    directory: PathBuf,
    address: SocketAddr,
    fee: u64,
    /// Settings beside the common ones.
    more: Vec<(&'static str, String)>,
}

impl Mint {
    /// Starts a mint with its files in `directory`, which may be those of an
    /// earlier one, and with a fee of `fee` thousandths per piece.
    pub fn start(directory: &Path, fee: u64) -> Option<Self> {
        Self::start_version(Version::New, directory, fee)
    }

    pub fn start_version(version: Version, directory: &Path, fee: u64) -> Option<Self> {
        Self::start_in(None, version, directory, fee)
    }

    /// In a network namespace.
    pub fn start_in(
        namespace: Option<&str>,
        version: Version,
        directory: &Path,
        fee: u64,
    ) -> Option<Self> {
        Self::start_with(
            Ipv4Addr::LOCALHOST.into(),
            namespace,
            version,
            directory,
            fee,
        )
    }

    /// On a machine of a network of the test's own, at this address.
    pub fn on(machine: &Machine, host: &str, directory: &Path) -> Option<Self> {
        // From here: that machine has no way to a package index.
        programs(Version::New)?;
        let host = host.parse().unwrap();
        machine.on(|| Self::start_with(host, None, Version::New, directory, 0))
    }

    fn start_with(
        host: IpAddr,
        namespace: Option<&str>,
        version: Version,
        directory: &Path,
        fee: u64,
    ) -> Option<Self> {
        programs(version)?;
        let address = (host, free_port(host)).into();
        fs::create_dir_all(directory).unwrap();
        let how = How {
            namespace: namespace.map(str::to_owned),
            version,
            directory: directory.to_owned(),
            address,
            fee,
            more: Vec::new(),
        };
        let mut mint = Self {
            child: how.spawn(),
            address,
            how,
        };
        mint.wait();
        Some(mint)
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while !self.is_up() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the mint has ended: {status}\n{}", self.log());
            }
            assert!(start.elapsed() < PATIENCE, "no mint:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn is_up(&self) -> bool {
        match &self.how.namespace {
            None => TcpStream::connect(self.address).is_ok(),
            Some(namespace) => {
                let address = self.address;
                namespace::within(namespace, || TcpStream::connect(address).is_ok())
            }
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.how.directory.join("log")).unwrap_or_default()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it where it is (SIGSTOP), or lets it go on (SIGCONT).
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Starts it again, at the same address and with the same database.
    pub fn restart(&mut self) {
        self.child = self.how.spawn();
        self.wait();
    }

    /// Kills it, and starts it again with these settings beside the common ones.
    pub fn restart_with(&mut self, more: &[(&'static str, &str)]) {
        self.kill();
        let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
        self.how.more = more.collect();
        self.restart();
    }

    /// Kills it, and starts it again so that [`Mint::rotate`] can be used.
    pub fn restart_with_management(&mut self) {
        let port = free_port(Ipv4Addr::LOCALHOST.into()).to_string();
        self.restart_with(&[
            ("MINT_RPC_SERVER_ENABLE", "TRUE"),
            ("MINT_RPC_SERVER_ADDR", "127.0.0.1"),
            ("MINT_RPC_SERVER_PORT", &port),
            ("MINT_RPC_SERVER_MUTUAL_TLS", "FALSE"),
        ]);
    }

    /// Retires the keyset, for one that ends at a time, or never.
    pub fn rotate(&self, final_expiry: Option<u64>) {
        let port = self
            .how
            .more
            .iter()
            .find(|(key, _)| *key == "MINT_RPC_SERVER_PORT");
        let mut command = Command::new(programs(self.how.version).unwrap().join("mint-cli"));
        command
            .args([
                "--insecure",
                "--host",
                "127.0.0.1",
                "--port",
                &port.unwrap().1,
            ])
            .args(["next-keyset", "sat", "0"]);
        if let Some(expiry) = final_expiry {
            command.args(["0", &expiry.to_string()]);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("successfully created"), "{output:?}");
    }

    /// What it has paid over Lightning, by its own database: invoice, amount,
    /// and the fee.
    pub fn paid(&self) -> Vec<(String, u64, u64)> {
        let script = "
import sqlite3, sys
db = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True)
for row in db.execute(\"SELECT request, amount, fee_paid FROM melt_quotes WHERE state = 'PAID'\"): print(*row)
";
        let text = self.query(script);
        let rows = text.lines().map(|line| {
            let mut words = line.split(' ');
            let mut next = || words.next().unwrap().to_owned();
            (next(), next().parse().unwrap(), next().parse().unwrap())
        });
        rows.collect()
    }

    /// What the mint has issued and not got back, by its own database.
    pub fn outstanding(&self) -> u64 {
        let script = "
import sqlite3, sys
db = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True)
value = lambda text: db.execute(text).fetchone()[0] or 0
issued = value('SELECT SUM(amount) FROM promises WHERE c_ IS NOT NULL')
print(issued - value('SELECT SUM(amount) FROM proofs_used'))
";
        self.query(script).trim().parse().unwrap()
    }

    /// The names of the invoices that it has made.
    pub fn quotes(&self) -> Vec<String> {
        let script = "
import sqlite3, sys
db = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True)
for row in db.execute('SELECT quote FROM mint_quotes'): print(row[0])
";
        self.query(script).lines().map(str::to_owned).collect()
    }

    /// The secrets that were spent.
    pub fn spent(&self) -> Vec<String> {
        let script = "
import sqlite3, sys
db = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True)
for row in db.execute('SELECT secret FROM proofs_used'): print(row[0])
";
        self.query(script).lines().map(str::to_owned).collect()
    }

    fn query(&self, script: &str) -> String {
        let database = self.how.directory.join("db/mint.sqlite3");
        let output = Command::new(programs(self.how.version).unwrap().join("python"))
            .args(["-c", script])
            .arg(database)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A port that nobody has, nor gets by chance: none of those that Linux gives to
/// connections, if it is not told otherwise.
pub fn free_port(host: IpAddr) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + (std::process::id().wrapping_mul(7_919) % 19_000) as u16;
    let is_free = |port: &u16| TcpListener::bind((host, *port)).is_ok();
    let mut ports = (0..1_000).map(|_| first + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(is_free).unwrap()
}

impl Drop for Mint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl How {
    fn spawn(&self) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("log"))
            .unwrap();
        (&log).write_all(b"-- start\n").unwrap();
        let program = programs(self.version).unwrap().join("mint");
        let mut command = match &self.namespace {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
        };
        command
            .args(["--host", &self.address.ip().to_string()])
            .args(["--port", &self.address.port().to_string()])
            .current_dir(&self.directory)
            .env("MINT_PRIVATE_KEY", "a key for tests")
            .env("MINT_BACKEND_BOLT11_SAT", "FakeWallet")
            .env("FAKEWALLET_BRR", "TRUE")
            .env("FAKEWALLET_DELAY_INCOMING_PAYMENT", "0")
            .env("FAKEWALLET_DELAY_OUTGOING_PAYMENT", "0")
            .env("MINT_INPUT_FEE_PPK", self.fee.to_string())
            .env("MINT_RATE_LIMIT", "FALSE")
            .env("MINT_DATABASE", self.directory.join("db"))
            .env("CASHU_DIR", &self.directory)
            .env("TOR", "FALSE");
        for (key, value) in &self.more {
            command.env(key, value);
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }
}
