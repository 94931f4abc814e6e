//! What customers are told by DHCP: the package's own script, a real dnsmasq and
//! a real client.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use crate::common::{BINARY, Root, wait_until};
use crate::net::machine::run;
use crate::net::network::Network;

const SCRIPT: &str = include_str!("../../../openwrt/tollgate-wrt/files/tollgate-wrt.dhcp");
const API: &str = "https://portal.example/captive-api";

/// Where OpenWrt's dnsmasq reads more files from.
const CONF_DIR: &str = "tmp/dnsmasq.cfg01411c.d";
const FILE: &str = "tmp/dnsmasq.cfg01411c.d/tollgate-captive-api.conf";

const SERVICE: &str = "#!/bin/sh
# A double of OpenWrt's init script of dnsmasq: the program is the real one.
[ ! -e /var/pid ] || kill \"$(cat /var/pid)\"
# It removes the file when it ends.
while [ -e /var/pid ]; do sleep 0.02; done
echo \"$1\" >>/var/service
[ \"$1\" != restart ] || exec dnsmasq -C /var/etc/dnsmasq.conf.cfg01411c
";
const LOGGER: &str = "#!/bin/sh
# A double of logger: what is said goes to a file.
echo \"$*\" >>/var/said
";
/// As that script writes it (OpenWrt 24.10), in short.
const DNSMASQ: &str = "# auto-generated config file from /etc/config/dhcp
user=root
port=0
bind-dynamic
interface=br-lan
no-ping
dhcp-authoritative
dhcp-leasefile=/var/leases
dhcp-range=set:lan,10.77.0.100,10.77.0.249,255.255.255.0,12h
conf-dir=/tmp/dnsmasq.cfg01411c.d
pid-file=/var/pid
";
/// The client's script: what the server has said.
const CLIENT: &str = "#!/bin/sh\n[ \"$1\" != bound ] || env >\"$OUT\"\n";

/// The router's files: its own, and the machine's programs.
struct Router<'a> {
    network: &'a Network,
    root: Root,
}

impl<'a> Router<'a> {
    fn new(network: &'a Network) -> Self {
        let root = Root::new();
        for directory in [CONF_DIR, "var/etc", "proc", "dev", "usr", "lib", "lib64"] {
            fs::create_dir_all(root.file(directory)).unwrap();
        }
        for (name, text) in [
            ("own/dhcp", SCRIPT),
            ("own/logger", LOGGER),
            ("etc/init.d/dnsmasq", SERVICE),
            ("own/client", CLIENT),
        ] {
            root.write_program(name, text);
        }
        let own = root.file("own/");
        run("cp", &[BINARY, own.to_str().unwrap()], "").unwrap();
        symlink("usr/bin", root.file("bin")).unwrap();
        symlink("usr/sbin", root.file("sbin")).unwrap();
        root.write("var/etc/dnsmasq.conf.cfg01411c", DNSMASQ);
        root.write("etc/passwd", "root:x:0:0:root:/:/bin/sh\n");
        let router = Self { network, root };
        router.run("/etc/init.d/dnsmasq restart");
        router
    }

    /// Runs something with the router's files, on the router.
    fn run(&self, command: &str) -> Output {
        let script = "cd \"$1\" || exit
            for part in usr lib lib64 dev; do
                [ ! -e \"/$part\" ] || mount --rbind \"/$part\" \"$part\" || exit
            done
            exec chroot . /usr/bin/env PATH=/own:/usr/sbin:/usr/bin:/sbin:/bin sh -c \"$2\"";
        let output = self.network.router.on(|| {
            Command::new("unshare")
                .args(["--mount", "sh", "-c", script, "sh"])
                .arg(self.root.path())
                .arg(command)
                .output()
                .unwrap()
        });
        assert!(output.status.success(), "{command}: {output:?}");
        output
    }

    fn configure(&self, options: &str) {
        let text = format!("config tollgate 'main'\n{options}");
        self.root.write("etc/config/tollgate", &text);
    }

    /// How often dnsmasq was started anew so far.
    fn restarts(&self) -> usize {
        let text = fs::read_to_string(self.root.file("var/service")).unwrap();
        text.lines().count()
    }

    /// What the script has told the log last.
    fn last_said(&self) -> String {
        let text = fs::read_to_string(self.root.file("var/said")).unwrap();
        text.lines().last().unwrap().to_owned()
    }

    /// Option 114, as a new client gets it.
    fn told(&self) -> Option<String> {
        let out = self.root.file("var/client");
        let _ = fs::remove_file(&out);
        wait_until("the client has a lease", || {
            let script = self.root.file("own/client");
            let _ = self.network.alice.on(|| {
                Command::new("busybox")
                    .args([
                        "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "2", "-T", "1",
                    ])
                    .args(["-O", "114", "-s"])
                    .arg(script)
                    .env_clear()
                    .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                    .env("OUT", &out)
                    .output()
                    .unwrap()
            });
            out.exists()
        });
        let text = fs::read_to_string(&out).unwrap();
        assert!(text.contains("serverid=10.77.0.1"), "{text}");
        let option = text.lines().find_map(|line| line.strip_prefix("opt114="))?;
        let bytes = (0..option.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(&option[at..at + 2], 16).unwrap());
        Some(String::from_utf8(bytes.collect()).unwrap())
    }
}

impl Drop for Router<'_> {
    fn drop(&mut self) {
        let _ = self.run("/etc/init.d/dnsmasq stop");
    }
}

#[test]
fn dhcp_tells_of_the_api_only_when_it_has_an_https_address() {
    let Some(network) = Network::new() else {
        return;
    };
    if let Err(why) = run("busybox", &["udhcpc", "--help"], "") {
        crate::groups::group("gate", Some(&why));
        return;
    }
    let router = Router::new(&network);
    router.configure("");
    router.run("dhcp start");
    assert_eq!((router.told(), router.restarts()), (None, 1));

    router.configure(&format!(" option captive_api '{API}'\n"));
    router.run("dhcp start");
    assert_eq!(
        (router.told().as_deref(), router.restarts()),
        (Some(API), 2)
    );
    // What has not changed disturbs nobody.
    router.run("dhcp start");
    assert_eq!(router.restarts(), 2);
    // Customers are told, and not those of other networks.
    router.configure(&format!(
        " option captive_api '{API}'\n list interface 'br-guest'\n list interface 'eth9'\n"
    ));
    router.run("dhcp start");
    assert_eq!((router.told(), router.restarts()), (None, 3));
    let text = fs::read_to_string(router.root.file(FILE)).unwrap();
    assert_eq!(
        text,
        format!("dhcp-option=tag:br-guest,114,{API}\ndhcp-option=tag:eth9,114,{API}\n")
    );

    // An address that is none stops the daemon, and nobody is sent there.
    router.configure(" option captive_api 'http://10.77.0.1:2121/captive-api'\n");
    router.run("dhcp start");
    assert_eq!((router.told(), router.restarts()), (None, 4));
    assert_eq!(fs::read_dir(router.root.file(CONF_DIR)).unwrap().count(), 0);
    // The service stops.
    router.configure(&format!(" option captive_api '{API}'\n"));
    router.run("dhcp start");
    assert_eq!(router.told().as_deref(), Some(API));
    router.run("dhcp stop");
    assert_eq!((router.told(), router.restarts()), (None, 6));
    router.run("dhcp stop");
    assert_eq!(router.restarts(), 6);

    // A router where it cannot be written, or without dnsmasq, is told that it
    // does not work.
    fs::remove_dir(router.root.file(CONF_DIR)).unwrap();
    router.root.write(CONF_DIR, "a file in the way");
    router.run("dhcp start");
    assert!(router.last_said().contains("cannot change /tmp/dnsmasq"));
    fs::remove_dir_all(router.root.file("var/etc")).unwrap();
    router.run("dhcp start");
    assert!(router.last_said().contains("has no conf-dir here"));
    assert_eq!(router.restarts(), 6);
}
