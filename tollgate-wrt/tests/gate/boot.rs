//! A router that starts: the gate is there before the network is.

use crate::common::wait_until;
use crate::net::machine::Reached;
use crate::net::network::{FIREWALL, Network, Who};
use crate::shop::{Shop, root};

/// The bridge and its addresses, as netifd makes them.
fn make_bridge(network: &Network) {
    let router = &network.router;
    router.ip("link add br-lan type bridge");
    for command in [
        "link set lan1 master br-lan",
        "link set lan2 master br-lan",
        "link set br-lan up",
        "address add 10.77.0.1/24 dev br-lan",
        "address add 2001:db8:77::1/64 dev br-lan nodad",
    ] {
        router.ip(command);
    }
}

#[test]
fn nothing_passes_before_the_daemon_runs() {
    let Some(mut shop) = Shop::new("bytes", 50_000_000) else {
        return;
    };
    let router = &shop.network.router;
    router.ip("link delete br-lan");
    router.ip("link set lo down");
    let run = |words: &[&str]| router.on(|| shop.root.output(words));
    let (code, text, errors) = run(&["prepare"]);
    assert_eq!(
        (code, text.as_str()),
        (
            0,
            "made the router's key\nshut the gate, until the daemon opens it\n"
        ),
        "{errors}"
    );
    // Firewall and network come up: it takes the daemon to open it.
    make_bridge(&shop.network);
    router.nft(FIREWALL);
    shop.network.assert_shut(Who::Alice);
    assert_eq!(run(&["gate", "status"]).0, 0);
    // Once more is nothing.
    assert_eq!(run(&["prepare"]).1, "");

    // Neither bridge nor loopback nor the mint are there yet.
    router.ip("link delete br-lan");
    router.ip("link set wan down");
    let daemon = router.on(|| crate::common::Daemon::spawn(shop.root.command(&["run"])));
    daemon.log().wait_for("the gate is in place");
    daemon.log().wait_for("no such interface yet");
    make_bridge(&shop.network);
    router.ip("link set lo up");
    shop.network.assert_shut(Who::Alice);
    daemon.log().wait_for("addr=[::]:2121 interface=br-lan");
    for command in [
        "link set wan up",
        "-6 address replace 2001:db8:1::2/64 dev wan nodad",
    ] {
        router.ip(command);
    }
    let has_answered = || {
        let (_, text, _) = shop
            .network
            .router
            .on(|| shop.root.output(&["status", "--json"]));
        text.contains("\"network_ok\":true")
    };
    wait_until("the mint answers", has_answered);
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    shop.network.assert_shut(Who::Bob);

    // `gate remove` waits for the daemon's end.
    let run = |words: &[&str]| shop.network.router.on(|| shop.root.output(words));
    let (code, _, errors) = run(&["gate", "remove"]);
    assert_eq!(code, 1);
    assert!(errors.contains("stop the daemon first"), "{errors}");
    shop.network.assert_shut(Who::Bob);
    assert!(daemon.stop().success());
    shop.network.assert_shut(Who::Bob);
    assert_eq!(run(&["gate", "remove"]).0, 0);
    shop.network.assert_open(Who::Bob);

    // A mistake stops the daemon; a shop is shut at the next start all the same.
    let uci = "config tollgate 'main'\n\toption gate 'nftables'\n";
    for (file, text) in [
        ("etc/tollgate/config.json", "{\"step_size\": -1}".to_owned()),
        (
            "etc/config/tollgate",
            format!("{uci}\toption port 'none'\n"),
        ),
        // Nor does it start without its key.
        ("etc/tollgate/identities.json", "{}".to_owned()),
    ] {
        let is = std::fs::read_to_string(shop.root.file(file)).unwrap();
        shop.root.write(file, &text);
        let run = |words: &[&str]| shop.network.router.on(|| shop.root.output(words));
        let (code, text, errors) = run(&["prepare"]);
        assert_eq!(text, "shut the gate, until the daemon opens it\n");
        assert!(
            code == 1 && errors.contains("nobody new is let through until"),
            "{errors}"
        );
        shop.network.assert_shut(Who::Bob);
        assert_eq!(run(&["gate", "remove"]).0, 0);
        shop.root.write(file, &is);
    }

    // Who does not want it here at all, is not shut out by hand either.
    let config = format!("{uci}\toption enabled '0'\n");
    shop.root.write("etc/config/tollgate", &config);
    let run = |words: &[&str]| shop.network.router.on(|| shop.root.output(words));
    assert_eq!(run(&["prepare"]), (0, String::new(), String::new()));
    shop.network.assert_open(Who::Bob);
}

#[test]
fn a_router_that_sells_nothing_shuts_nobody_out() {
    let Some(network) = Network::new() else {
        return;
    };
    let root = root("{}");
    let (code, text, errors) = network.router.on(|| root.output(&["prepare", "--json"]));
    assert_eq!(
        (code, text.as_str()),
        (0, "{\"gate\":false,\"key\":true}\n"),
        "{errors}"
    );
    let reached = network
        .customer(Who::Alice)
        .reaches(Who::Alice.targets()[0]);
    assert_eq!(reached, Reached::ALL);
    // A mistake in the settings is told, and nothing is done.
    root.write("etc/tollgate/config.json", "{\"step_size\": -1}");
    let (code, _, errors) = network.router.on(|| root.output(&["prepare"]));
    assert!(code == 1 && errors.contains("step_size"), "{errors}");
}
