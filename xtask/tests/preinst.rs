//! The package's preinst over another TollGate daemon's package: real file
//! trees in a root of their own, under busybox's shell and under dash. The
//! daemon that is installed there is a double.

#[path = "support/far_root.rs"]
mod far_root;
mod support;

use std::process::Output;

use far_root::FarRoot;

/// Answers as the Go daemon's client does while its service runs.
const CLIENT: &str = "#!/bin/sh
# a double of another TollGate daemon's command line
echo \"$*\" >>/asked
[ -e /runs ] || { echo 'failed to communicate with TollGate service' >&2; exit 1; }
[ \"$*\" = 'wallet balance' ] && echo \"Total wallet balance: $(cat /sats) sats\"
";
const SERVICE: &str = "#!/bin/sh
# a double of another TollGate daemon's service
echo \"$1\" >>/service
case $1 in start) : >/runs ;; stop) rm -f /runs ;; esac
";
const WGET: &str = "#!/bin/sh
# a double of wget: what the other daemon answers
[ -e /runs ] && cat /advert
";
/// With it busybox's shell would take its own wget before any other.
const WITHOUT_PROC: &str = "umount \"$0/proc\"";
const ADVERT: &str = "{\"kind\":10021,\"id\":\"00\"}";
const NOTICE: &str = "{\"kind\":21023,\"id\":\"00\"}";
const SHELLS: [&[&str]; 2] = [&["/bin/busybox", "ash"], &["/usr/bin/dash"]];

/// A root with the Go daemon's package, whose wallet file is there.
fn peer(sats: &str, advert: &str) -> FarRoot {
    let root = FarRoot::new();
    root.add_program("/usr/bin/dash");
    root.write("usr/bin/tollgate", CLIENT, 0o755);
    root.write("etc/init.d/tollgate-wrt", SERVICE, 0o755);
    std::fs::remove_file(root.path("usr/bin/wget")).unwrap();
    root.write("usr/bin/wget", WGET, 0o755);
    root.write("sats", sats, 0o644);
    root.write("advert", advert, 0o644);
    root.write("runs", "", 0o644);
    root.write("etc/tollgate/wallet.db", "bolt", 0o600);
    let list = "/usr/bin/tollgate\n/usr/bin/tollgate-wrt\n/etc/init.d/tollgate-wrt\n/lib/upgrade/keep.d/tollgate\n";
    root.write("usr/lib/opkg/info/tollgate-wrt.list", list, 0o644);
    root
}

fn preinst(root: &FarRoot, shell: &[&str]) -> Output {
    let script = support::root().join("openwrt/tollgate-wrt/files/tollgate-wrt.preinst");
    support::copy_program(&script, &root.path("preinst"));
    let words = [shell, &["/preinst", "upgrade", "0.4.0"]].concat();
    root.command_after(WITHOUT_PROC, &words).output().unwrap()
}

/// Runs it in a fresh root under each shell, the shells side by side.
fn under_each(make: impl Fn() -> FarRoot + Sync, check: impl Fn(&FarRoot, i32, String) + Sync) {
    if !far_root::have() {
        return;
    }
    std::thread::scope(|scope| {
        for shell in SHELLS {
            let (make, check) = (&make, &check);
            scope.spawn(move || {
                let root = make();
                let output = preinst(&root, shell);
                assert!(output.stdout.is_empty(), "{shell:?}: {output:?}");
                assert_eq!(root.names("tmp"), [""; 0], "{shell:?}");
                let said = String::from_utf8(output.stderr).unwrap();
                check(&root, output.status.code().unwrap(), said);
            });
        }
    });
}

#[test]
fn nothing_is_asked_where_nothing_or_this_package_is_installed() {
    let own = || {
        let root = peer("9", ADVERT);
        let list = "/usr/bin/tollgate-wrt\n/lib/upgrade/keep.d/tollgate-wrt\n/usr/bin/tollgate\n";
        root.write("usr/lib/opkg/info/tollgate-wrt.list", list, 0o644);
        root
    };
    let of_apk = || {
        let root = own();
        let list = root.read("usr/lib/opkg/info/tollgate-wrt.list");
        std::fs::remove_file(root.path("usr/lib/opkg/info/tollgate-wrt.list")).unwrap();
        root.write("lib/apk/packages/tollgate-wrt.list", &list, 0o644);
        root
    };
    let none = || {
        let root = peer("9", ADVERT);
        std::fs::remove_file(root.path("usr/lib/opkg/info/tollgate-wrt.list")).unwrap();
        root
    };
    for make in [&own as &(dyn Fn() -> FarRoot + Sync), &of_apk, &none] {
        under_each(make, |root, code, said| {
            assert_eq!((code, said.as_str()), (0, ""));
            assert!(!root.has("asked") && !root.has("service"));
        });
    }
}

#[test]
fn an_image_that_is_built_runs_nothing() {
    if !far_root::have() {
        return;
    }
    let root = peer("9", ADVERT);
    let script = support::root().join("openwrt/tollgate-wrt/files/tollgate-wrt.preinst");
    support::copy_program(&script, &root.path("preinst"));
    let output = root
        .command(&["/bin/sh", "/preinst"])
        .env("IPKG_INSTROOT", "/image")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(!root.has("asked"));
}

#[test]
fn money_is_not_left_behind() {
    under_each(
        || peer("1234", ADVERT),
        |root, code, said| {
            assert_eq!(code, 1, "{said}");
            assert_eq!(
                said,
                "tollgate-wrt: not installed. Another TollGate daemon has this name, and this one cannot spend its money:
  /etc/tollgate/wallet.db is its wallet and holds 1234 sats
Take the money of wallet.db out with
  cd /root && tollgate wallet drain cashu
which writes it as Cashu tokens to /root/wallet_drain_*.txt, to be put into a
wallet of yours.
To install all the same and leave these files where they are:
  touch /etc/tollgate/leave-wallet
"
            );
            assert!(!root.has("service"), "the daemon was left alone");
        },
    );
    // opkg has stopped the daemon before: it is started to be asked, and goes on.
    let stopped = || {
        let root = peer("10", ADVERT);
        std::fs::remove_file(root.path("runs")).unwrap();
        root
    };
    under_each(stopped, |root, code, said| {
        assert_eq!(code, 1);
        assert!(said.contains("holds 10 sats"), "{said}");
        assert_eq!(root.read("service"), "start\n");
    });
}

#[test]
fn an_empty_wallet_is_no_obstacle() {
    let stopped = || {
        let root = peer("0", ADVERT);
        std::fs::remove_file(root.path("runs")).unwrap();
        root
    };
    under_each(stopped, |root, code, said| {
        assert_eq!((code, said.as_str()), (0, ""));
        assert_eq!(root.read("service"), "start\nstop\n", "as opkg had left it");
        assert!(root.has("etc/tollgate/wallet.db"));
    });
    let without_wallet = || {
        let root = peer("0", ADVERT);
        std::fs::remove_file(root.path("etc/tollgate/wallet.db")).unwrap();
        root
    };
    under_each(without_wallet, |root, code, said| {
        assert_eq!((code, said.as_str()), (0, ""));
        assert!(!root.has("asked"));
    });
}

const SILENT: &str = "is its wallet, and its daemon does not say that it is empty";

#[test]
fn what_is_not_known_counts_as_money() {
    // Without a mint in reach the other daemon calls a closed wallet empty.
    under_each(
        || peer("0", NOTICE),
        |_, code, said| {
            assert_eq!(code, 1);
            assert!(
                said.contains(SILENT) && said.contains("wallet drain"),
                "{said}"
            );
        },
    );
}

#[test]
fn a_client_that_hangs_is_not_waited_for() {
    let hangs = || {
        let root = peer("0", ADVERT);
        root.write(
            "usr/bin/tollgate",
            "#!/bin/sh\n# a double of a client that hangs\nexec sleep 60\n",
            0o755,
        );
        root
    };
    under_each(hangs, |_, code, said| {
        assert_eq!(code, 1);
        assert!(said.contains(SILENT), "{said}");
    });
}

#[test]
fn other_files_that_hold_money() {
    let others = || {
        let root = peer("0", ADVERT);
        std::fs::remove_file(root.path("usr/bin/tollgate")).unwrap();
        std::fs::remove_file(root.path("etc/tollgate/wallet.db")).unwrap();
        root.write("etc/tollgate/wallet.sqlite", "SQLite", 0o600);
        root.write("etc/tollgate/tokens-to-recover.txt", "cashuB", 0o600);
        root
    };
    under_each(others, |_, code, said| {
        assert_eq!(code, 1);
        assert!(
            said.contains("/etc/tollgate/wallet.sqlite is a wallet"),
            "{said}"
        );
        assert!(said.contains("tokens-to-recover.txt holds"), "{said}");
        assert!(!said.contains("wallet drain"), "{said}");
    });
}

#[test]
fn the_owner_may_leave_the_money_once() {
    let marked = || {
        let root = peer("1234", ADVERT);
        root.write("etc/tollgate/leave-wallet", "", 0o644);
        root
    };
    under_each(marked, |root, code, said| {
        assert_eq!(code, 0, "{said}");
        assert!(
            said.contains("because of /etc/tollgate/leave-wallet"),
            "{said}"
        );
        assert!(said.contains("holds 1234 sats"), "{said}");
        assert!(!root.has("etc/tollgate/leave-wallet"));
        assert!(root.has("etc/tollgate/wallet.db"));
    });
}
