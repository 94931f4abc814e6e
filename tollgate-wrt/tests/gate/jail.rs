//! The daemon as procd's jail runs it: as a user of its own, with the
//! capabilities of the package's file, and with nothing of the system but what
//! the init script's two lists show.
//!
//! ujail is not to be had outside of OpenWrt: its part is done here by unshare,
//! mount, chroot and setpriv, in the order in which it does it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{BINARY, Daemon, wait_until};
use crate::groups;
use crate::net::machine::{ECHO, exchange};
use crate::net::network::Who;
use crate::shop::Shop;

/// A user that no system has; procd takes the number of the name.
const USER: u32 = 47_110;

/// `$1` is the jail's root, `$2` the user, `$3` its capabilities. What is to be
/// seen comes from standard input: `ro` or `rw`, a
/// path on this machine, and where it is seen.
const JAIL: &str = r#"set -e
jail=$1 user=$2 capabilities=$3
mount -t tmpfs -o mode=0755 jail "$jail"
while read -r how from to; do
	[ -e "$from" ] || continue
	if [ -d "$from" ]; then
		mkdir -p "$jail$to"
	elif [ -e "$jail$to" ]; then
		continue
	else
		mkdir -p "$jail${to%/*}"
		: >"$jail$to"
	fi
	mount --bind "$from" "$jail$to"
	[ "$how" = rw ] || mount -o remount,bind,ro "$jail$to"
done
mount -o remount,ro "$jail"
exec env -i container=ujail "$(command -v chroot)" "$jail" /setpriv --reuid "$user" --regid "$user" --clear-groups \
	--bounding-set="-all,$capabilities" --inh-caps="-all,$capabilities" --ambient-caps="-all,$capabilities" \
	--no-new-privs /usr/bin/tollgate-wrt run </dev/null
"#;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openwrt/tollgate-wrt/files");
    fs::read_to_string(path.join(name)).unwrap()
}

/// The words of a list of the init script.
fn listed(name: &str) -> Vec<String> {
    let script = file("tollgate-wrt.init");
    let start = format!("\n{name}=\"");
    let list = script.split(&start).nth(1).unwrap();
    let words = list.split('"').next().unwrap().split_whitespace();
    words.map(str::to_owned).collect()
}

/// The capabilities of the package's file, which has the same in each set.
fn capabilities() -> Vec<String> {
    let json: Value = serde_json::from_str(&file("tollgate-wrt.capabilities.json")).unwrap();
    let names = |set: &Value| -> Vec<String> {
        let names = set.as_array().unwrap().iter();
        names
            .map(|name| name.as_str().unwrap().replace("CAP_", "").to_lowercase())
            .collect()
    };
    let sets: BTreeSet<Vec<String>> = json.as_object().unwrap().values().map(names).collect();
    assert_eq!((json.as_object().unwrap().len(), sets.len()), (5, 1));
    sets.into_iter().next().unwrap()
}

/// A program with the libraries that it is linked with.
fn linked(program: &str) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut files: Vec<String> = text
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect();
    files.push(program.to_owned());
    files
}

/// What is seen in the jail, a line each.
fn seen(shop: &Shop) -> String {
    let mut lines = String::new();
    let mut show = |how: &str, from: &str, to: &str| {
        lines.push_str(&format!("{how} {from} {to}\n"));
    };
    for library in linked(BINARY).iter().filter(|file| *file != BINARY) {
        show("ro", library, library);
    }
    show("ro", BINARY, "/usr/bin/tollgate-wrt");
    // ujail: `procfs`, and what it always shows.
    show("rw", "/proc", "/proc");
    for device in ["/dev/null", "/dev/urandom"] {
        show("rw", device, device);
    }
    show("ro", "/etc/resolv.conf", "/etc/resolv.conf");
    // This test's own.
    let setpriv = "/usr/bin/setpriv";
    for library in linked(setpriv).iter().filter(|file| *file != setpriv) {
        show("ro", library, library);
    }
    show("ro", setpriv, "/setpriv");
    for (how, list) in [("ro", "READABLE"), ("rw", "WRITABLE")] {
        for path in listed(list) {
            if path.starts_with("/usr/sbin/") {
                for file in linked(&path) {
                    show(how, &file, &file);
                }
            } else {
                let from = shop.root.file(path.trim_start_matches('/'));
                show(how, from.to_str().unwrap(), &path);
            }
        }
    }
    lines
}

/// What the init script does as root before the daemon is there.
fn prepare(shop: &Shop) {
    let (code, _, errors) = shop.network.router.on(|| shop.root.output(&["prepare"]));
    assert_eq!(code, 0, "{errors}");
    for directory in ["etc/tollgate/money", "var/run/tollgate"] {
        fs::create_dir_all(shop.root.file(directory)).unwrap();
    }
    let money = shop.root.file("etc/tollgate/money");
    fs::set_permissions(money, fs::Permissions::from_mode(0o700)).unwrap();
    for path in own_files(&shop.root.file("etc/tollgate"))
        .into_iter()
        .chain([shop.root.file("var/run/tollgate")])
    {
        chown(path, Some(USER), Some(USER)).unwrap();
    }
}

/// Everything below a directory, but not the directory.
fn own_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(own_files(&path));
        }
        found.push(path);
    }
    found
}

fn start(shop: &Shop, capabilities: &[String]) -> Daemon {
    let jail = shop.root.file("jail");
    fs::create_dir_all(&jail).unwrap();
    let list = shop.root.file("jail.list");
    fs::write(&list, seen(shop)).unwrap();
    let with: Vec<String> = capabilities.iter().map(|name| format!("+{name}")).collect();
    shop.network.router.on(|| {
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                JAIL,
                "sh",
            ])
            .arg(jail)
            .arg(USER.to_string())
            .arg(with.join(","))
            .stdin(fs::File::open(list).unwrap());
        Daemon::spawn(command)
    })
}

fn shop() -> Option<Shop> {
    for program in ["setpriv", "unshare"] {
        if Command::new(program).arg("--version").output().is_err() {
            groups::group("gate", Some("no util-linux"));
            return None;
        }
    }
    Shop::new("bytes", 50_000_000)
}

#[test]
fn a_user_of_its_own_works_the_gate() {
    let Some(mut shop) = shop() else {
        return;
    };
    prepare(&shop);
    let daemon = start(&shop, &capabilities());
    daemon.log().wait_for("interface=br-lan");
    daemon.log().wait_for("the gate is in place");
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    let own = format!("{USER}\t{USER}\t{USER}\t{USER}");
    assert_eq!((line("Uid:"), line("NoNewPrivs:")), (own, "1".to_owned()));
    // Bits 10 and 12, and no others, in the children too.
    for set in ["CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(line(set), "0000000000001400", "{set}");
    }
    shop.network.assert_shut(Who::Alice);
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    let target = (Who::Alice.targets()[0], ECHO).into();
    let mut stream = shop.network.alice.connect(target).unwrap();
    exchange(&mut stream, 10_000).unwrap();
    wait_until("bytes are counted", || {
        shop.usage(Who::Alice).unwrap().0 > 10_000
    });
    // The rules need nft, which has the rights by inheritance.
    shop.network.router.nft("delete table inet tollgate");
    wait_until("the gate is made again", || {
        shop.network.is_shut(Who::Bob) && shop.network.is_open(Who::Alice)
    });
    // Root's commands reach it, and what they write it can read.
    let run = |words: &[&str]| shop.network.router.on(|| shop.root.output(words));
    let (code, text, errors) = run(&["status"]);
    assert_eq!(code, 0, "{errors}");
    assert!(!text.contains("was changed"), "{text}");
    let (code, _, errors) = run(&["config", "set", "step_size", "60000000"]);
    assert_eq!(code, 0, "{errors}");
    assert!(run(&["status"]).1.contains("was changed"));
    let (code, text, _) = run(&["backup", "-"]);
    assert!(code == 0 && text.contains("privatekey"), "{text}");
    assert!(daemon.stop().success());

    // What it has made is its own; what it reads it could not change.
    let files = own_files(&shop.root.file("etc/tollgate"));
    assert!(files.iter().any(|path| path.ends_with("money/journal")));
    for path in files {
        let file = fs::metadata(&path).unwrap();
        assert_eq!((file.uid(), file.gid()), (USER, USER), "{path:?}");
        assert_eq!(file.mode() & 0o077, 0, "{path:?}");
    }
    let daemon = start(&shop, &capabilities());
    daemon.log().wait_for("the gate is in place");
    shop.network.assert_open(Who::Alice);
    shop.network.assert_shut(Who::Bob);
    assert!(shop.usage(Who::Alice).unwrap().0 > 10_000);
    assert!(daemon.stop().success());
}

#[test]
fn each_capability_is_needed() {
    let Some(shop) = shop() else {
        return;
    };
    let without = |name: &str| -> Vec<String> {
        let rest = capabilities().into_iter().filter(|known| known != name);
        rest.collect()
    };
    prepare(&shop);
    let daemon = start(&shop, &without("net_admin"));
    let line = daemon.log().wait_for("the gate is not as it should be");
    assert!(
        line.contains("not permitted") && line.contains("option jail '0'"),
        "{line}"
    );
    // Nobody pays for a gate that cannot be opened.
    let answer = shop.offer(Who::Alice, 1);
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(daemon.stop().success());

    shop.root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\toption gate 'nftables'\n\toption port '80'\n",
    );
    let daemon = start(&shop, &without("net_bind_service"));
    let line = daemon.log().wait_for("interface=br-lan port=80");
    assert!(line.contains("Permission denied"), "{line}");
    drop(daemon);
    let daemon = start(&shop, &capabilities());
    daemon.log().wait_for("addr=[::]:80 interface=br-lan");
    assert!(daemon.stop().success());
}
