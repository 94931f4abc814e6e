//! What happens to routers.

use std::thread;
use std::time::Duration;

use crate::common::wait_until;
use crate::groups;
use crate::net::machine::{ECHO, exchange};
use crate::net::network::{FIREWALL, Network, Who};
use crate::shop::{Shop, faketime, root, start};

/// How long it may take until all is right again.
pub const AGAIN: Duration = Duration::from_secs(2);

/// Alice gets through and Bob does not, in time.
pub fn assert_right(shop: &Shop, what: &str) {
    let took = wait_until(what, || {
        shop.network.is_shut(Who::Bob) && shop.network.is_open(Who::Alice)
    });
    assert!(took < AGAIN, "{what}: {took:?}");
}

#[test]
fn it_is_right_again() {
    let Some(mut shop) = Shop::new("bytes", 50_000_000) else {
        return;
    };
    let mut daemon = shop.start();
    shop.pay(Who::Alice, 1);
    assert_right(&shop, "at first");
    let target = (Who::Alice.targets()[0], ECHO).into();
    let mut stream = shop.network.alice.connect(target).unwrap();
    for _ in 0..20 {
        exchange(&mut stream, 10_000).unwrap();
    }
    wait_until("bytes are counted", || {
        shop.usage(Who::Alice).unwrap().0 > 400_000
    });

    // Killed: the gate stays as it is. Started: it goes on counting.
    daemon.signal(rustix::process::Signal::KILL);
    daemon.wait();
    assert_right(&shop, "without the daemon");
    for _ in 0..20 {
        exchange(&mut stream, 10_000).unwrap();
    }
    let daemon = shop.start();
    assert_right(&shop, "with another daemon");
    wait_until("what passed meanwhile is counted", || {
        shop.usage(Who::Alice).unwrap().0 > 800_000
    });
    // The connection has lived through it all.
    exchange(&mut stream, 10_000).unwrap();

    // firewall4 is loaded again.
    shop.network.router.nft(FIREWALL);
    exchange(&mut stream, 10_000).unwrap();
    assert_right(&shop, "after firewall4's reload");
    // Somebody does more than that. firewall4's table is not the daemon's to mend.
    let used = shop.usage(Who::Alice).unwrap().0;
    for text in [
        format!("flush ruleset\n{FIREWALL}"),
        "flush table inet tollgate".to_owned(),
        "delete table inet tollgate".to_owned(),
        "flush map inet tollgate up4".to_owned(),
        "flush chain inet tollgate refuse".to_owned(),
        "add table inet tollgate { flags dormant; }".to_owned(),
    ] {
        shop.network.router.nft(&text);
        assert_right(&shop, &text);
        exchange(&mut stream, 100).unwrap();
    }
    assert!(shop.usage(Who::Alice).unwrap().0 >= used);

    // Links and bridges come and go.
    let router = &shop.network.router;
    router.ip("link set lan1 down");
    router.ip("link set lan1 up");
    assert_right(&shop, "after the link was down");
    let router = &shop.network.router;
    router.ip("link delete br-lan");
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
    assert_right(&shop, "after the bridge was made again");
    assert!(daemon.stop().success());

    // After the session's end nobody is let through by a daemon that starts.
    shop.root
        .write("proc/sys/kernel/random/boot_id", "the second start");
    shop.network
        .router
        .nft(&format!("flush ruleset\n{FIREWALL}"));
    let daemon = shop.start();
    assert_right(&shop, "after the router has started again");
    assert!(daemon.stop().success());
}

#[test]
fn a_clock_that_is_set_changes_nothing() {
    let Some(library) = faketime() else {
        groups::group("gate", Some("no faketime"));
        return;
    };
    let Some(mut shop) = Shop::new("milliseconds", 12_000) else {
        return;
    };
    shop.set_clock("-730d");
    let daemon = shop.start_with(Some(&library));
    shop.pay(Who::Alice, 1);
    let paid = std::time::Instant::now();
    for offset in ["+0", "+3650d", "-3650d"] {
        shop.set_clock(offset);
        thread::sleep(Duration::from_millis(500));
        assert_right(&shop, offset);
    }
    let lasted =
        paid.elapsed() + wait_until("the time is over", || shop.network.is_shut(Who::Alice));
    assert!(
        lasted > Duration::from_secs(11) && lasted < Duration::from_secs(16),
        "{lasted:?}"
    );
    assert!(daemon.stop().success());
}

fn set_offloading(shop: &Shop, value: u8) {
    let text = format!("config defaults\n\toption flow_offloading '{value}'\n");
    shop.root.write("etc/config/firewall", &text);
}

/// A command's exit code, and whether it says that offloading is on.
fn says_offloading(shop: &Shop, command: &[&str]) -> (i32, bool) {
    let (code, text, _) = shop.network.router.on(|| shop.root.output(command));
    (code, text.contains("flow offloading is on"))
}

#[test]
fn offloading_is_refused() {
    let Some(mut shop) = Shop::new("bytes", 1_000_000) else {
        return;
    };
    set_offloading(&shop, 1);
    let daemon = shop.start();
    let line = daemon.log().wait_for("payments are refused");
    assert!(line.contains("flow_offloading=0"), "{line}");
    assert_eq!(says_offloading(&shop, &["gate", "status"]), (1, true));
    wait_until("status says it", || says_offloading(&shop, &["status"]).1);
    let answer = shop.offer(Who::Alice, 1);
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.body.contains("service-unavailable"), "{answer:?}");
    shop.network.assert_shut(Who::Alice);
    set_offloading(&shop, 0);
    // Any change of nftables makes the daemon look.
    shop.network.router.nft(FIREWALL);
    daemon.log().wait_for("flow offloading is off");
    assert_eq!(says_offloading(&shop, &["gate", "status"]), (0, false));
    wait_until("status does not say it", || {
        !says_offloading(&shop, &["status"]).1
    });
    // The token that was refused is good.
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    // It is switched on while the daemon runs: firewall4 is loaded again for that.
    set_offloading(&shop, 1);
    shop.network.router.nft(FIREWALL);
    let took = wait_until("it is noticed", || says_offloading(&shop, &["status"]).1);
    assert!(took < AGAIN, "{took:?}");
    assert_eq!(shop.offer(Who::Alice, 1).status, 500);
}

#[test]
fn two_daemons_do_not_fight_for_it() {
    let Some(network) = Network::new() else {
        return;
    };
    let config = r#"{"accepted_mints":[{"url":"https://mint.example","price_per_step":1}]}"#;
    let (first, second) = (root(config), root(config));
    let daemon = start(&network, &first, |_| ());
    daemon.log().wait_for("the gate is in place");
    second.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n option gate 'nftables'\n option port '2122'\n",
    );
    let other = start(&network, &second, |_| ());
    other.log().wait_for("another daemon works it");
    // One that has nothing to sell does not open the other's gate either.
    let third = root("{}");
    third.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n option gate 'nftables'\n option port '2123'\n",
    );
    let idle = start(&network, &third, |_| ());
    idle.log().wait_for("until a mint is named");
    network.assert_shut(Who::Alice);
    // It takes over when the first is gone.
    assert!(daemon.stop().success());
    other.log().wait_for("the gate is in place");
    network.assert_shut(Who::Alice);
}
