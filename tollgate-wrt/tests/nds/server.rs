//! openNDS (or NoDogSplash) on the test's router. It writes to /tmp and /etc by
//! fixed names: so it runs in a mount namespace that a sleeping process holds.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};

use crate::common::PATIENCE;
use crate::net::machine::{Machine, run};
use crate::net::network::ALICE_MAC;

/// Makes the files of the namespace, with what docs/ndsctl.md tells owners to
/// set. iptables 1.8.9 cannot add to chains that openNDS 9.10 has made by
/// nft with a priority of its own: it wants to make them anew, and takes EEXIST
/// for an answer; Linux says EOPNOTSUPP since 6.x. nft does it instead. openNDS
/// 9.10 sometimes ends when its own check and `ndsctl` run scripts at the same
/// moment (both change the handler of SIGCHLD): the check waits.
const SET_UP: &str = r##"
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
[ -z "$NODOGSPLASH" ] || cp -r "$NODOGSPLASH"/nodogsplash "$NODOGSPLASH"/ndsctl "$NODOGSPLASH"/htdocs /mnt
cat >/mnt/iptables <<'END'
#!/bin/sh
case "$*" in
*"-t filter -I "[FI]*)
	[ "$1" != --wait ] || shift
	exec nft "$(iptables-translate "$@" | sed -n "s/^nft '\(.*\)'\$/\1/p")" ;;
*"-t filter -D FORWARD 1")
	handle="$(nft -a list chain ip filter FORWARD | sed -n 's/.*# handle //p' | sed -n 2p)"
	exec nft delete rule ip filter FORWARD handle "$handle" ;;
*) exec /usr/sbin/iptables "$@" ;;
esac
END
chmod 755 /mnt/iptables
cat >/mnt/rules <<'END'
FirewallRuleSet authenticated-users {
    FirewallRule allow all
}
FirewallRuleSet preauthenticated-users {
}
FirewallRuleSet users-to-router {
    FirewallRule allow udp port 53
    FirewallRule allow tcp port 53
    FirewallRule allow udp port 67
    FirewallRule allow tcp port 2121
}
END
cat >/mnt/opennds.conf - /mnt/rules <<'END'
GatewayInterface br-lan
gatewayfqdn disable
dhcp_default_url_enable 0
enable_serial_number_suffix 0
binauth /bin/true
fasport 2121
faspath /portal/
fas_secure_enabled 1
faskey test
checkinterval 600
END
cat >/mnt/nodogsplash.conf - /mnt/rules <<'END'
GatewayInterface br-lan
MaxClients 250
BinAuth /bin/true
CheckInterval 5
WebRoot /mnt/htdocs
END
[ ! -e /etc/opennds/opennds.conf ] || mount --bind /mnt/opennds.conf /etc/opennds/opennds.conf
# It would restart the machine's dnsmasq.
[ ! -e /usr/bin/systemctl ] || mount --bind /bin/true /usr/bin/systemctl
mount -t tmpfs tmpfs /tmp
printf '%s\n' "1700000000 $ALICE 10.77.0.10 alice *" "1700000000 02:00:00:00:0b:01 10.77.0.11 bob *" >/tmp/dhcp.leases
echo ready
exec sleep 1000000
"##;

/// How long procd waits for a service to end (`term_timeout`'s default).
const TERM_TIMEOUT: Duration = Duration::from_secs(5);

/// A router's openNDS.
pub struct Server {
    holder: Child,
    server: Option<Child>,
    nodogsplash: Option<PathBuf>,
    directory: tempfile::TempDir,
}

impl Server {
    /// Starts it. `Err` where it is not installed.
    pub fn start(router: &Machine) -> Result<Self, String> {
        let nodogsplash = std::env::var_os("NODOGSPLASH").map(PathBuf::from);
        if nodogsplash.is_none() && !PathBuf::from("/usr/bin/opennds").exists() {
            return Err("no opennds; install Debian's package of that name".to_owned());
        }
        for program in ["unshare", "nsenter", "iptables", "iptables-translate"] {
            run(program, &["--version"], "")?;
        }
        let holder = router.on(|| {
            Command::new("unshare")
                .args(["--mount", "sh", "-c", SET_UP])
                .env("ALICE", ALICE_MAC)
                .env("NODOGSPLASH", nodogsplash.clone().unwrap_or_default())
                .stdout(Stdio::piped())
                .spawn()
        });
        let mut holder = holder.map_err(|error| error.to_string())?;
        let mut line = String::new();
        let output = std::io::BufReader::new(holder.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut { output }, &mut line).unwrap();
        let mut server = Self {
            holder,
            server: None,
            nodogsplash,
            directory: tempfile::tempdir().unwrap(),
        };
        if line != "ready\n" {
            return Err("its files cannot be made".to_owned());
        }
        server.delay("0");
        server.run(router);
        Ok(server)
    }

    pub fn is_nodogsplash(&self) -> bool {
        self.nodogsplash.is_some()
    }

    fn ndsctl(&self) -> PathBuf {
        self.directory.path().join("ndsctl")
    }

    /// Makes what the daemon finds on its PATH, which takes so many seconds to
    /// list all clients. Written by another process: what somebody may still
    /// have open to write cannot be run.
    pub fn delay(&self, seconds: &str) {
        let write = "cat >\"$0.new\" && chmod 755 \"$0.new\" && mv \"$0.new\" \"$0\"";
        let path = self.ndsctl();
        let arguments = ["-c", write, path.to_str().unwrap()];
        run("sh", &arguments, &self.script(seconds)).unwrap();
    }

    /// Held by every `ndsctl` that is at work.
    fn lock(&self) -> PathBuf {
        self.directory.path().join("at-work")
    }

    fn script(&self, seconds: &str) -> String {
        let program = match self.is_nodogsplash() {
            true => "/mnt/ndsctl",
            false => "/usr/bin/ndsctl",
        };
        let holder = self.holder.id();
        let lock = self.lock();
        let lock = lock.display();
        format!(
            "#!/bin/sh\n[ \"$*\" != json ] || sleep {seconds}\nexec flock --shared --no-fork {lock} nsenter --target={holder} --mount {program} \"$@\"\n"
        )
    }

    /// PATH with `ndsctl`.
    pub fn path(&self) -> String {
        let path = std::env::var("PATH").unwrap();
        format!("{}:{path}", self.directory.path().display())
    }

    /// A file that it sees as /tmp/….
    pub fn tmp(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/tmp/{name}", self.holder.id()))
    }

    /// Starts the program, and waits until it answers.
    pub fn run(&mut self, router: &Machine) {
        let holder = format!("--target={}", self.holder.id());
        let program: &[&str] = match self.is_nodogsplash() {
            true => &["/mnt/nodogsplash", "-f", "-c", "/mnt/nodogsplash.conf"],
            false => &["/usr/bin/opennds", "-f"],
        };
        let log = fs::File::create(self.directory.path().join("log")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let child = router.on(|| {
            Command::new("nsenter")
                .args([&holder, "--mount", "--wd=/", "env"])
                // NoDogSplash needs no help.
                .arg(match self.is_nodogsplash() {
                    true => format!("PATH={path}"),
                    false => format!("PATH=/mnt:{path}"),
                })
                .args(program)
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
        });
        self.server = Some(child.unwrap());
        let start = Instant::now();
        while self.ask(&["json"]).is_err() {
            let log = || fs::read_to_string(self.directory.path().join("log")).unwrap();
            assert!(start.elapsed() < PATIENCE, "it does not start:\n{}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs `ndsctl`; again while it is busy.
    pub fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        const BUSY: i32 = 4;
        let start = Instant::now();
        loop {
            let output = Command::new(self.ndsctl())
                .args(arguments)
                .output()
                .unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            match output.status.code() {
                Some(BUSY) if start.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(20))
                }
                Some(0) => return Ok(text(&output.stdout)),
                _ => return Err(text(&output.stdout) + &text(&output.stderr)),
            }
        }
    }

    /// Whether it lets this device through.
    pub fn lets_through(&self, mac: &str) -> bool {
        let json = self.ask(&["json", mac]).unwrap();
        json.contains("\"Authenticated\"")
    }

    /// What a client would ask for to be let through without payment, if it
    /// knew all secrets.
    pub fn click(&self, mac: &str) -> String {
        let json = self.ask(&["json", mac]).unwrap();
        let (_, rest) = json.split_once("\"token\":\"").unwrap();
        let token = rest.split('"').next().unwrap();
        let hash = |text: &str| -> String {
            let bytes = Sha256::digest(text);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        match self.is_nodogsplash() {
            true => format!("/nodogsplash_auth/?tok={token}&redir=http://x"),
            false => {
                let secret = hash(&format!("{}test", hash(token)));
                format!("/opennds_auth/?tok={secret}&redir=http://x")
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.server.as_ref().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Has it end, as procd does: killed where it does not do so by itself. openNDS
    /// 9.10 cleans up in the signal's handler, and was seen to wait there for ever
    /// for what the handler had interrupted: so no `ndsctl` is at work then.
    pub fn stop(&mut self) {
        let lock = fs::File::create(self.lock()).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        self.signal(Signal::TERM);
        let start = Instant::now();
        let server = self.server.as_mut().unwrap();
        while server.try_wait().unwrap().is_none() {
            if start.elapsed() > TERM_TIMEOUT {
                server.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(20).collect();
            let status = self.server.as_mut().map(Child::try_wait);
            eprintln!(
                "NDS ({status:?}) has said, last things first:\n{}",
                end.join("\n")
            );
        }
        for child in self.server.iter_mut().chain([&mut self.holder]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
