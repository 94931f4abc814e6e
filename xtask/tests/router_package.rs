//! The package's scripts of installation, removal and system upgrade, under
//! busybox's shell in a root of their own; the service, `uci` and logger are
//! doubles.

#[path = "support/far_root.rs"]
mod far_root;
#[path = "support/router_root.rs"]
mod router_root;
mod support;

use std::os::unix::fs::MetadataExt;

use far_root::FarRoot;
use router_root::{LOGGER, owner, router, run, script};

fn sourced(root: &FarRoot, name: &str, environment: &[(&str, &str)]) -> String {
    root.write("script", &script(name), 0o644);
    let mut command = root.command(&["/bin/sh", "-c", &format!("{LOGGER}; ( . /script )")]);
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

const NOTHING: &str = "tollgate-wrt: nothing else of this router's configuration is changed\n";

#[test]
fn the_configuration_of_the_router_stays_as_it_is() {
    if !far_root::have() {
        return;
    }
    let usual = "tollgate.main.interface='br-lan'\nnetwork.lan.device='br-lan'\nfirewall.@defaults[0].flow_offloading='0'\n";
    let root = router();
    root.write("uci", usual, 0o644);
    assert_eq!(sourced(&root, "tollgate-wrt.defaults", &[]), NOTHING);
    assert_eq!(root.read("uci"), usual);
    assert!(!root.has("committed"));

    // Offloading is the owner's to turn off.
    root.write("uci", &usual.replace("'0'", "'1'"), 0o644);
    let said = sourced(&root, "tollgate-wrt.defaults", &[]);
    assert!(
        said.contains("flow offloading is on, with which nothing is sold"),
        "{said}"
    );
    assert_eq!(root.read("uci"), usual.replace("'0'", "'1'"));

    // A LAN without that bridge: once.
    root.write(
        "uci",
        &usual.replace("device='br-lan'", "device='br-lan.1'"),
        0o644,
    );
    let said = sourced(&root, "tollgate-wrt.defaults", &[]);
    assert!(
        said.starts_with("tollgate-wrt: the LAN is br-lan.1 and not br-lan"),
        "{said}"
    );
    assert!(
        root.read("uci")
            .contains("tollgate.main.interface='br-lan.1'\n")
    );
    assert_eq!(root.read("committed"), "tollgate\n");
    let told = root.read("log").lines().count();
    assert_eq!(sourced(&root, "tollgate-wrt.defaults", &[]), NOTHING);
    assert_eq!(root.read("log").lines().count(), told + 1);

    // The bridge of another network is what the owner has meant.
    let other = "tollgate.main.interface='br-lan'\nnetwork.lan.device='eth0'\nnetwork.guest.device='br-lan'\n";
    root.write("uci", other, 0o644);
    assert_eq!(sourced(&root, "tollgate-wrt.defaults", &[]), NOTHING);
    assert_eq!(root.read("uci"), other);
}

const SERVICE: &str = "#!/bin/sh\n# a double of the service\necho \"$1\" >>/service\n[ \"$1\" != enabled ] || [ -L /etc/rc.d/S19tollgate-wrt ]\n";

#[test]
fn removal_leaves_the_money_to_root_and_an_upgrade_leaves_all() {
    if !far_root::have() {
        return;
    }
    let root = router();
    run(&root, "start");
    root.write("etc/tollgate/money/journal", "1", 0o600);
    root.write("etc/init.d/tollgate-wrt", SERVICE, 0o755);
    root.write("var/run/tollgate/tollgate.sock", "", 0o600);
    for environment in [("PKG_UPGRADE", "1"), ("IPKG_INSTROOT", "/image")] {
        assert_eq!(sourced(&root, "tollgate-wrt.prerm", &[environment]), "");
        assert!(!root.has("service"));
    }
    assert_eq!(
        sourced(&root, "tollgate-wrt.prerm", &[]),
        "tollgate-wrt: the wallet stays in /etc/tollgate/money, and the router's key in /etc/tollgate/identities.json\n"
    );
    assert_eq!(root.read("service"), "open\n");
    assert!(!root.has("var/run/tollgate") && root.names("var/run").is_empty());
    for file in ["config.json", "money", "money/journal"] {
        assert_eq!(owner(&root, &format!("etc/tollgate/{file}")), 0, "{file}");
    }
    let directory = std::fs::metadata(root.path("etc/tollgate")).unwrap();
    assert_eq!(directory.gid(), 0);
    // A daemon that does not end could put links in place of directories.
    for directory in ["var/run/tollgate/trap", "etc/tollgate/money/trap"] {
        std::fs::create_dir_all(root.path(directory)).unwrap();
        let file = format!("{directory}/file");
        root.write(&file, "", 0o600);
        std::os::unix::fs::chown(root.path(&file), Some(32_768), None).unwrap();
    }
    sourced(&root, "tollgate-wrt.prerm", &[]);
    for directory in ["var/run/tollgate/trap", "etc/tollgate/money/trap"] {
        assert_eq!(owner(&root, &format!("{directory}/file")), 32_768);
    }
}

#[test]
fn the_place_in_the_start_s_order_is_taken_over() {
    if !far_root::have() {
        return;
    }
    let root = router();
    root.write("etc/init.d/tollgate-wrt", SERVICE, 0o755);
    let linked = |name: &str| {
        std::fs::create_dir_all(root.path("etc/rc.d")).unwrap();
        let link = root.path("etc/rc.d").join(name);
        std::os::unix::fs::symlink("../init.d/tollgate-wrt", link).unwrap();
        std::fs::remove_file(root.path("service")).unwrap_or_default();
        sourced(&root, "tollgate-wrt.postinst", &[]);
        root.read("service")
    };
    assert_eq!(sourced(&root, "tollgate-wrt.postinst", &[]), "");
    assert!(!root.has("service"), "disabled stays disabled");
    assert_eq!(linked("S95tollgate-wrt"), "enabled\ndisable\nenable\n");
    assert_eq!(linked("S19tollgate-wrt"), "enabled\n");
}

#[test]
fn nothing_is_bought_after_sysupgrade_s_archive() {
    if !far_root::have() {
        return;
    }
    let root = router();
    root.write("etc/init.d/tollgate-wrt", SERVICE, 0o755);
    root.write("upgrade.sh", &script("tollgate-wrt.upgrade.sh"), 0o644);
    // As sysupgrade has it: run_hooks of lib/upgrade/common.sh.
    let hooks = "archive() { echo archive >>/service; }; sysupgrade_init_conffiles=archive; . /upgrade.sh; \
        for hook in $sysupgrade_init_conffiles; do eval \"$hook /tmp/list\"; done";
    let run = |image: &str| {
        let output = root.run(&["/bin/sh", "-c", &format!("IMAGE={image}; {hooks}")]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stderr.is_empty(), image.is_empty(), "{output:?}");
        root.read("service")
    };
    assert_eq!(run(""), "archive\n");
    assert_eq!(run("/tmp/image"), "archive\nstop\narchive\n");
}
