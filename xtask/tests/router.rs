//! The init script, under busybox's shell in a root of its own. OpenWrt's
//! functions, which it calls, are doubles here, as
//! are `uci` and the daemon; they write down what they are told. (By hand the
//! scripts run under the real procd, ujail and uci.)

#[path = "support/far_root.rs"]
mod far_root;
#[path = "support/router_root.rs"]
mod router_root;
mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use far_root::FarRoot;
use router_root::{CONFIG, FIREWALL, owner, router, run, script};

#[test]
fn the_gate_stands_before_the_network() {
    let init = script("tollgate-wrt.init");
    let start = init.lines().find_map(|line| line.strip_prefix("START="));
    let own = format!("S{}tollgate-wrt", start.unwrap());
    // OpenWrt's own numbers, 24.10 and 25.12.
    let mut order = ["S19firewall", "S19dnsmasq", "S20network", own.as_str()];
    order.sort_unstable();
    assert_eq!(
        order,
        ["S19dnsmasq", "S19firewall", own.as_str(), "S20network"]
    );
}

#[test]
fn the_daemon_is_locked_up_where_that_can_be() {
    if !far_root::have() {
        return;
    }
    let root = router();
    std::fs::create_dir_all(root.path("etc/tollgate/money")).unwrap();
    root.write("etc/tollgate/money/journal", "1", 0o600);
    root.write("etc/shadow", "", 0o600);
    std::os::unix::fs::symlink("/etc/shadow", root.path("etc/tollgate/money/link")).unwrap();
    // The daemon makes no directories: one there could be a link a moment later.
    std::fs::create_dir_all(root.path("etc/tollgate/money/trap")).unwrap();
    root.write("etc/tollgate/money/trap/file", "", 0o600);
    // An owner may hide the settings from others, and all that the daemon has.
    root.write("etc/config/tollgate", CONFIG, 0o600);
    let hidden = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(root.path("etc/tollgate"), hidden).unwrap();
    let (code, told) = run(&root, "start");
    assert_eq!(code, 0);
    for line in [
        "procd_set_param command /usr/bin/tollgate-wrt run --log syslog",
        "procd_set_param file /usr/bin/tollgate-wrt /etc/config/tollgate /etc/tollgate/config.json /etc/tollgate/identities.json",
        "procd_set_param respawn 60 5 5",
        "procd_add_jail tollgate-wrt log procfs",
        "procd_add_jail_mount_rw /etc/tollgate/money /var/run/tollgate",
        "procd_set_param user tollgate",
        "procd_set_param group tollgate",
        "procd_set_param capabilities /etc/capabilities/tollgate-wrt.json",
        "procd_set_param no_new_privs 1",
        "procd_add_reload_trigger tollgate",
    ] {
        assert!(told.lines().any(|said| said == line), "{line}: {told}");
    }
    // The zone of the LAN lets customers in as it is.
    assert!(!told.contains("json_"), "{told}");
    assert_eq!(root.read("asked"), "prepare\n");
    assert_eq!(root.read("dhcp"), "start\n");
    assert_eq!(root.read("log"), "daemon.info made the router's key\n");
    for file in ["config.json", "money", "money/journal", "money/link"] {
        assert_eq!(
            owner(&root, &format!("etc/tollgate/{file}")),
            32_768,
            "{file}"
        );
    }
    for (path, mode) in [("etc/config/tollgate", 0o640), ("etc/tollgate", 0o750)] {
        let file = std::fs::metadata(root.path(path)).unwrap();
        assert_eq!(
            (file.uid(), file.gid(), file.mode() & 0o777),
            (0, 32_768, mode),
            "{path}"
        );
    }
    // Not where a link leads to or might, nor what is the owner's to change.
    for file in ["etc/shadow", "etc/tollgate/money/trap/file"] {
        assert_eq!(owner(&root, file), 0, "{file}");
    }
    let link = std::fs::read_link(root.path("var/run/tollgate.sock")).unwrap();
    assert_eq!(link.to_str(), Some("tollgate/tollgate.sock"));
}

/// What a router lacks.
type Change<'a> = &'a dyn Fn(&FarRoot);

#[test]
fn where_it_cannot_be_it_runs_as_root_and_says_so() {
    if !far_root::have() {
        return;
    }
    let remove = |root: &FarRoot, file: &str| std::fs::remove_file(root.path(file)).unwrap();
    let cases: [(&str, Change); 5] = [
        ("procd-ujail is not installed", &|root| {
            remove(root, "sbin/ujail")
        }),
        ("there is no user tollgate", &|root| {
            root.write("etc/passwd", "root:x:0:0:::\n", 0o644);
        }),
        ("there is no /etc/capabilities/tollgate-wrt.json", &|root| {
            remove(root, "etc/capabilities/tollgate-wrt.json");
        }),
        ("option jail '0'", &|root| {
            root.write(
                "etc/config/tollgate",
                &format!("{CONFIG}\toption jail 'off'\n"),
                0o644,
            );
        }),
        (
            "the program of `option gate 'command'` may need root",
            &|root| {
                let config = CONFIG.replace("nftables", "command");
                root.write("etc/config/tollgate", &config, 0o644);
            },
        ),
    ];
    for (why, change) in cases {
        let root = router();
        run(&root, "start");
        assert_eq!(owner(&root, "etc/tollgate/money"), 32_768);
        change(&root);
        let (code, told) = run(&root, "start");
        assert_eq!(code, 0, "{why}");
        assert!(
            !told.contains("jail") && !told.contains("user"),
            "{why}: {told}"
        );
        let said = root.read("log");
        assert!(
            said.ends_with(&format!("daemon.notice runs as root: {why}\n")),
            "{said}"
        );
        assert_eq!(owner(&root, "etc/tollgate/money"), 0, "{why}");
    }
}

#[test]
fn customers_of_a_closed_zone_are_let_in_to_the_portal() {
    if !far_root::have() {
        return;
    }
    let root = router();
    let config = format!("{CONFIG}\tlist interface 'br-guest'\n\toption port '8080'\n");
    root.write("etc/config/tollgate", &config, 0o644);
    let (_, told) = run(&root, "start");
    let data = told.split_once("json_add_array firewall\n").unwrap().1;
    let rule = |proto: &str, ports: &str| {
        format!(
            "json_add_object \njson_add_string type rule\njson_add_string src visitors\n\
             json_add_string proto {proto}\njson_add_string dest_port {ports}\n\
             json_add_string target ACCEPT\njson_close_object \n"
        )
    };
    let rules = rule("tcp", "8080") + &rule("tcp udp", "53") + &rule("udp", "67 547");
    assert_eq!(data, rules + "json_close_array \n");
    assert_eq!(root.read("etc/config/firewall"), FIREWALL);
    // procd forgets them with the service; firewall4 has to be told.
    assert_eq!(run(&root, "stop").1, "procd: killed\n");
    root.write("data", "{\"dest_port\": \"8080\"}", 0o644);
    assert_eq!(
        run(&root, "stop").1,
        "procd: killed\nprocd_set_config_changed firewall\n"
    );
    // A zone that lets everybody in needs none, nor does one of other networks.
    let open = FIREWALL.replace("option input 'REJECT'", "option input 'ACCEPT'");
    for firewall in [open.as_str(), &FIREWALL.replace("'guest'", "'other'")] {
        root.write("etc/config/firewall", firewall, 0o644);
        assert!(!run(&root, "start").1.contains("json_"), "{firewall}");
    }
    // A device, and not a network, is what the list has.
    root.write(
        "etc/config/tollgate",
        &CONFIG.replace("br-lan", "guest"),
        0o644,
    );
    run(&root, "start");
    let said = root.read("log");
    let warning =
        "daemon.warn `list interface 'guest'`: guest is a network; its device is br-guest\n";
    assert!(said.contains(warning), "{said}");
}

#[test]
fn disabled_and_opened_it_takes_the_gate_along() {
    if !far_root::have() {
        return;
    }
    let root = router();
    root.write(
        "etc/config/tollgate",
        &CONFIG.replace("'1'", "'off'"),
        0o644,
    );
    root.write("runs", "", 0o644);
    let (code, told) = run(&root, "start");
    assert_eq!(
        (code, told.as_str()),
        (
            0,
            "procd_add_reload_trigger tollgate\nprocd_add_raw_trigger interface.* 2000 /etc/init.d/tollgate-wrt reload\n"
        )
    );
    // The daemon had to end first.
    assert_eq!(root.read("asked"), "gate remove\ngate remove\n");
    assert_eq!(
        root.read("log"),
        "daemon.notice disabled by `option enabled '0'`\ndaemon.notice the gate is gone: everybody has access\n"
    );
    assert_eq!(root.read("dhcp"), "stop\n");

    let root = router();
    assert_eq!(run(&root, "stop"), (0, "procd: killed\n".to_owned()));
    assert!(!root.has("asked"), "to stop it leaves the gate shut");
    assert_eq!(run(&root, "open"), (0, "procd: killed\n".to_owned()));
    assert_eq!(root.read("asked"), "gate remove\n");
}
