//! What happens to routers.

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::Signal;

use crate::common::wait_until;
use crate::net::network::{ALICE_MAC, BOB_MAC, Who};
use crate::shop::Shop;

/// What the daemon promises after a restart of anything is two seconds; on a
/// machine with other work the programs that it has to run take longer, and it
/// pauses for three times as long as they took.
const AGAIN: Duration = Duration::from_secs(10);

#[test]
fn it_is_right_again() {
    let Some(mut shop) = Shop::new("bytes", 50_000_000) else {
        return;
    };
    let mut daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.transfer(Who::Alice, 500_000);
    wait_until("bytes are counted", || {
        shop.usage(Who::Alice).unwrap().0 > 990_000
    });

    // Killed: whoever has paid goes on, and is counted by the next one.
    daemon.signal(Signal::KILL);
    daemon.wait();
    shop.assert_open(Who::Alice);
    shop.transfer(Who::Alice, 500_000);
    // Bob makes himself known meanwhile, and is let through by nobody knows whom.
    shop.browse(Who::Bob, "x.example", "/");
    shop.server.ask(&["auth", BOB_MAC]).unwrap();
    shop.assert_open(Who::Bob);
    let daemon = shop.start();
    let took = wait_until("nobody else", || shop.is_shut(Who::Bob));
    assert!(took < AGAIN, "{took:?}");
    shop.assert_open(Who::Alice);
    // What passed meanwhile is counted, once.
    shop.assert_counted((0, 0), 1);

    // openNDS is restarted: it has forgotten everybody.
    shop.server.stop();
    wait_until("it is missed", || {
        let (_, text) = shop.output(&["status"]);
        text.contains("without it nobody is kept out")
    });
    daemon.log().wait_for("Start it");
    let (code, text) = shop.output(&["gate", "status"]);
    assert!(code == 1 && text.contains("Start it"), "{text}");
    shop.server.run(&shop.network.router);
    let took = wait_until("paid", || shop.is_open(Who::Alice));
    assert!(took < AGAIN, "{took:?}");
    shop.assert_shut(Who::Bob);
    daemon.log().wait_for("well again");
    // It goes on counting. What passed while nobody was kept out is not counted.
    let since = (shop.usage(Who::Alice).unwrap().0, shop.seen());
    shop.transfer(Who::Alice, 500_000);
    shop.assert_counted(since, 1);

    // By both at once, and quickly.
    assert!(daemon.stop().success());
    shop.server.stop();
    shop.server.run(&shop.network.router);
    shop.assert_shut(Who::Alice);
    let daemon = shop.start();
    let took = wait_until("paid", || shop.is_open(Who::Alice));
    assert!(took < AGAIN, "{took:?}");
    shop.assert_shut(Who::Bob);
    // Somebody shuts her out.
    shop.server.ask(&["deauth", ALICE_MAC]).unwrap();
    let took = wait_until("paid", || shop.is_open(Who::Alice));
    assert!(took < AGAIN, "{took:?}");
    assert!(daemon.stop().success());
}

#[test]
fn no_money_is_taken_for_nothing() {
    let Some(mut shop) = Shop::new("bytes", 1_000_000) else {
        return;
    };
    let daemon = shop.start();
    // It hangs.
    shop.server.signal(Signal::STOP);
    let answer = shop.offer(Who::Alice, 1);
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.body.contains("not spent"), "{answer:?}");
    daemon.log().wait_for("not done in 5 seconds");
    wait_until("status says it", || {
        shop.output(&["status"]).1.contains("not done in 5 seconds")
    });
    shop.server.signal(Signal::CONT);
    daemon.log().wait_for("well again");
    shop.assert_shut(Who::Alice);
    // The same ecash, while somebody else uses ndsctl for a while.
    if !shop.server.is_nodogsplash() {
        let lock = File::options()
            .write(true)
            .open(shop.server.tmp("ndsctl.lock"))
            .unwrap();
        wait_until("locked", || {
            fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
        });
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(900));
            drop(lock);
        });
    }
    shop.pay(Who::Alice, 1);
    shop.assert_open(Who::Alice);

    // IPv6 would be a way around.
    assert!(!shop.output(&["status"]).1.contains("gate only IPv4"));
    shop.network.router.set("net.ipv6.conf.all.forwarding", "1");
    daemon.log().wait_for("there is IPv6 on br-lan");
    assert!(shop.output(&["status"]).1.contains("gate only IPv4"));
    assert_eq!(shop.output(&["gate", "status"]).0, 1);

    // Offloading would be another.
    let firewall = |value: u8| {
        let text = format!("config defaults\n\toption flow_offloading '{value}'\n");
        shop.root.write("etc/config/firewall", &text);
    };
    firewall(1);
    daemon.log().wait_for("flow offloading is on");
    assert_eq!(shop.offer(Who::Alice, 1).status, 500);
    firewall(0);

    // openNDS does not take who has no address of its DHCP.
    if !shop.server.is_nodogsplash() {
        let file = shop.server.tmp("dhcp.leases");
        let leases = fs::read_to_string(&file).unwrap();
        fs::write(&file, leases.replace("10.77.0.11", "10.77.0.12")).unwrap();
        let answer = shop.offer(Who::Bob, 1);
        assert_eq!(answer.status, 500, "{answer:?}");
        daemon.log().wait_for("does not take 02:00:00:00:0b:01");
        fs::write(&file, leases).unwrap();
    }

    // Whom the owner trusts does not pay. It is not running: nobody does.
    shop.server.ask(&["trust", BOB_MAC]).unwrap();
    assert_eq!(shop.offer(Who::Bob, 1).status, 500);
    daemon.log().wait_for("has access without payment");
    shop.server.stop();
    assert_eq!(shop.offer(Who::Bob, 1).status, 500);
    assert!(daemon.stop().success());
}

/// openNDS sleeps for a second for each client in its list that has left.
#[test]
fn a_list_that_takes_long_is_waited_for() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.assert_open(Who::Alice);
    assert!(daemon.stop().success());
    shop.server.delay("5.5");
    let daemon = shop.start();
    daemon.log().wait_for("not done in 5 seconds");
    // The daemon does not know yet how long it takes.
    daemon.log().wait_for("well again");
    assert!(daemon.stop().success());
    // Nor is that a sign that nobody is let through.
    let (code, text) = shop.output(&["gate", "remove"]);
    assert!(code == 0 && text.contains("1 who had paid"), "{text}");
    shop.server.delay("0");
    shop.assert_shut(Who::Alice);
}
