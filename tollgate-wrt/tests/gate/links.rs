//! Links, bridges and addresses that come and go: all is right again in time.

use std::io::Read as _;
use std::net::Shutdown;

use crate::common::wait_until;
use crate::groups;
use crate::net::machine::{ECHO, exchange, run};
use crate::net::network::{Who, portal};
use crate::shop::{Shop, get};
use crate::trouble::{AGAIN, assert_right};

/// What a DHCP client does with its lease, in short.
const LEASE: &str = "#!/bin/sh
[ \"$1\" = bound ] || exit 0
ip -4 address flush dev \"$interface\"
ip address add \"$ip/${mask:-24}\" dev \"$interface\"
ip route replace default via \"$router\"
";

/// The portal answers, in time.
fn assert_portal(shop: &Shop, what: &str) {
    let bob = &shop.network.bob;
    let took = wait_until(what, || bob.is_heard(portal()));
    assert!(took < AGAIN, "{what}: {took:?}");
    assert_eq!(bob.on(|| get(portal(), "/")).status, 200);
}

#[test]
fn links_and_addresses_come_and_go() {
    if let Err(why) = run("busybox", &["udhcpc", "--help"], "") {
        groups::group("gate", Some(&why));
        return;
    }
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    shop.network.serve_names();
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    assert_right(&shop, "at first");

    // A lease gives Alice another address.
    let script = shop.root.write_program("lease", LEASE);
    let client = ["udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "5", "-s"];
    let client = [client.as_slice(), &[script.to_str().unwrap()]].concat();
    let alice = &shop.network.alice;
    alice.on(|| run("busybox", &client, "")).unwrap();
    let addresses = alice.on(|| run("ip", &["-4", "address", "show", "dev", "eth0"], ""));
    let addresses = addresses.unwrap();
    assert!(!addresses.contains("10.77.0.10/"), "{addresses}");
    assert_right(&shop, "after the lease");

    // The router forgets its neighbours; nobody notices.
    let target = (Who::Alice.targets()[0], ECHO).into();
    let mut stream = shop.network.alice.connect(target).unwrap();
    for family in ["-4", "-6"] {
        shop.network
            .router
            .ip(&format!("{family} neigh flush dev br-lan"));
    }
    exchange(&mut stream, 1_000).unwrap();
    assert_right(&shop, "after the neighbours were forgotten");
    exchange(&mut stream, 1_000).unwrap();
    // It ends here: were a bridge to take an acknowledgement of hers with it, the
    // other side would send again, and the router's answers be counted as hers.
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    drop(stream);

    let router = &shop.network.router;
    let addresses = [
        "address add 10.77.0.1/24 dev br-lan",
        "address add 2001:db8:77::1/64 dev br-lan nodad",
    ];
    // The bridge is down, and up again; IPv6 loses its addresses by that.
    router.ip("link set br-lan down");
    router.ip("link set br-lan up");
    router.ip(addresses[1]);
    assert_portal(&shop, "the portal after the bridge was down");
    assert_right(&shop, "after the bridge was down");
    // Another one with the same name, as after `/etc/init.d/network restart`.
    let router = &shop.network.router;
    router.ip("link delete br-lan");
    // An end of a connection may have been lost with the bridge in the same way.
    wait_until("nothing passes without a bridge", || {
        shop.network.is_shut(Who::Alice)
    });
    let router = &shop.network.router;
    router.ip("link add br-lan type bridge");
    for command in ["link set lan1 master br-lan", "link set lan2 master br-lan"] {
        router.ip(command);
    }
    router.ip("link set br-lan up");
    addresses.iter().for_each(|command| router.ip(command));
    assert_portal(&shop, "the portal of another bridge");
    assert_right(&shop, "with another bridge");
    // The customer's device was away.
    let alice = &shop.network.alice;
    alice.ip("link set eth0 down");
    alice.ip("link set eth0 up");
    alice.ip("address replace 2001:db8:77::10/64 dev eth0 nodad");
    alice.ip("route replace default via 10.77.0.1");
    alice.ip("-6 route replace default via 2001:db8:77::1");
    assert_right(&shop, "after the device was away");
    assert!(daemon.stop().success());
}
