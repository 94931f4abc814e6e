//! A real prober: NetworkManager on a customer's machine, which is asked what
//! it thinks of the network.
//!
//! Group `network-manager`: needs dbus-daemon and the files of Debian's package
//! network-manager, below the directory that NETWORK_MANAGER names if they are
//! not installed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::captive::internet;
use crate::common::wait_until;
use crate::groups;
use crate::net::machine::{Machine, run};
use crate::net::network::Who;
use crate::shop::Shop;

/// In namespaces of its own: a bus and NetworkManager, with the files that they
/// want to have for themselves. Answers each line with a word.
const SCRIPT: &str = r#"
set -e
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir -p /run/conf /run/NetworkManager /var/lib/NetworkManager
echo 'nameserver 10.77.0.1' >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
cat >/run/bus.conf <<'END'
<busconfig>
<type>system</type>
<listen>unix:path=/run/bus</listen>
<auth>EXTERNAL</auth>
<policy context="default">
<allow own="*"/>
<allow send_type="method_call"/>
<allow send_type="signal"/>
<allow send_requested_reply="true"/>
<allow receive_type="method_call"/>
<allow receive_type="method_return"/>
<allow receive_type="error"/>
<allow receive_type="signal"/>
</policy>
</busconfig>
END
# As Debian's network-manager-config-connectivity-debian has it.
cat >/run/nm.conf <<'END'
[main]
plugins=
dns=none
rc-manager=unmanaged
no-auto-default=*
auth-polkit=false
[connectivity]
uri=http://network-test.debian.org/nm
response=NetworkManager is online
END
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus
dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile </dev/null 2>/dev/null &
while [ ! -S /run/bus ]; do sleep 0.1; done
"$1/usr/sbin/NetworkManager" --no-daemon --config=/run/nm.conf --config-dir=/run/conf \
	--system-config-dir=/run/conf --state-file=/run/state --pid-file=/run/pid </dev/null >/run/log 2>&1 &
set +e
while read -r line; do
	"$1/usr/bin/nmcli" networking connectivity check </dev/null 2>/dev/null || echo 'not there yet'
done
"#;

struct NetworkManager {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl NetworkManager {
    /// `None`, after having said so, where it is not there.
    fn start(machine: &Machine) -> Option<Self> {
        let root = std::env::var("NETWORK_MANAGER").unwrap_or_default();
        let program = format!("{root}/usr/sbin/NetworkManager");
        let missing = match Path::new(&program).exists() {
            false => Some(format!("there is no {program}")),
            true => run("dbus-daemon", &["--version"], "").err(),
        };
        groups::group("network-manager", missing.as_deref());
        if missing.is_some() {
            return None;
        }
        let mut child = machine.on(|| {
            Command::new("unshare")
                .args(["--mount", "--pid", "--mount-proc", "--kill-child"])
                .args(["sh", "-c", SCRIPT, "sh", &root])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        });
        Some(Self {
            questions: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    /// What it finds out now: `full`, `portal`, `limited`, `none`.
    fn connectivity(&mut self) -> String {
        writeln!(self.questions.as_mut().unwrap()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for NetworkManager {
    fn drop(&mut self) {
        // All of it ends with this one.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn network_manager_sees_a_portal_until_it_is_paid() {
    let Some(mut shop) = Shop::new("milliseconds", 16_000) else {
        return;
    };
    let (servers, _names) = internet(&shop.network);
    let daemon = shop.start();
    let Some(mut manager) = NetworkManager::start(&shop.network.alice) else {
        return;
    };
    wait_until("NetworkManager finds the portal", || {
        manager.connectivity() == "portal"
    });
    assert_eq!(servers.asked(), 0);
    shop.pay(Who::Alice, 1);
    assert_eq!(manager.connectivity(), "full");
    assert!(servers.asked() > 0);
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());
    assert_eq!(manager.connectivity(), "portal");
    assert!(daemon.stop().success());
}
