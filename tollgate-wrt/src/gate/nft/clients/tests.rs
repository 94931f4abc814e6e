use super::*;

fn mac(number: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, number]).unwrap()
}

fn neighbour(address: &str, number: u8) -> Neighbour {
    Neighbour {
        index: 1,
        address: address.parse().unwrap(),
        mac: mac(number),
    }
}

fn quota(number: u8, consumed: u64, limit: u64) -> Quota {
    Quota {
        mac: mac(number),
        limit,
        consumed,
    }
}

fn addresses(clients: &Clients, number: u8) -> Vec<String> {
    let elements = clients.elements(mac(number), Instant::now());
    let down = elements.iter().filter_map(|element| match element.key {
        Key::Down(address) => Some(address.to_string()),
        _ => None,
    });
    down.collect()
}

#[test]
fn addresses_follow_who_has_them() {
    let now = Instant::now();
    let mut clients = Clients::default();
    assert_eq!(
        clients.learn(&neighbour("192.0.2.1", 1), now),
        Change::default()
    );
    clients.open(mac(1), Limit::Bytes(10), Some(&quota(1, 5, 9)), now);
    clients.open(mac(2), Limit::Time(Duration::from_secs(9)), None, now);
    assert_eq!(clients.quota(mac(1)).unwrap().limit, 15);
    let change = clients.learn(&neighbour("192.0.2.1", 1), now);
    assert_eq!((change.added.len(), change.added[0].left), (2, None));
    let change = clients.learn(&neighbour("2001:db8::1", 2), now);
    assert_eq!(change.added[0].left, Some(Duration::from_secs(9)));
    assert_eq!(
        clients.learn(&neighbour("2001:db8::1", 2), now),
        Change::default()
    );
    // Another device has the first one's address.
    let change = clients.learn(&neighbour("192.0.2.1", 2), now);
    assert_eq!((change.removed.len(), change.added.len()), (2, 2));
    assert_eq!(addresses(&clients, 1), [""; 0]);
    assert_eq!(addresses(&clients, 2), ["2001:db8::1", "192.0.2.1"]);
    // A stranger has it.
    assert_eq!(
        clients.learn(&neighbour("192.0.2.1", 3), now).removed.len(),
        2
    );
    // Nothing that stays on the link.
    for address in [
        "fe80::1",
        "169.254.1.1",
        "127.0.0.1",
        "::1",
        "224.0.0.1",
        "ff02::1",
    ] {
        assert_eq!(
            clients.learn(&neighbour(address, 1), now),
            Change::default()
        );
    }
    // A top-up keeps the addresses.
    clients.open(
        mac(2),
        Limit::Time(Duration::from_secs(20)),
        Some(&quota(2, 7, UNLIMITED)),
        now,
    );
    let elements = clients.elements(mac(2), now + Duration::from_secs(5));
    assert_eq!(
        (elements.len(), elements[0].left),
        (3, Some(Duration::from_secs(15)))
    );
    // Time that is over is no time without end.
    assert_eq!(clients.elements(mac(2), now + Duration::from_secs(20)), []);
    assert_eq!(clients.close(mac(2)).len(), 3);
    assert!(!clients.contains(mac(2)));
}

#[test]
fn nobody_fills_the_table() {
    let now = Instant::now();
    let mut clients = Clients::default();
    clients.open(mac(1), Limit::Bytes(10), None, now);
    for number in 0..100 {
        clients.learn(&neighbour(&format!("2001:db8::{number:x}"), 1), now);
    }
    let found = addresses(&clients, 1);
    assert_eq!(found.len(), MAX_ADDRESSES);
    assert_eq!(found.last().unwrap(), "2001:db8::63");
}

#[test]
fn a_table_is_taken_over() {
    let now = Instant::now();
    let mut before = Clients::default();
    before.open(mac(1), Limit::Bytes(10), Some(&quota(1, 4, 9)), now);
    before.open(mac(2), Limit::Time(Duration::from_secs(60)), None, now);
    before.open(mac(3), Limit::Time(Duration::from_secs(60)), None, now);
    before.learn(&neighbour("192.0.2.1", 1), now);
    before.learn(&neighbour("192.0.2.2", 2), now);
    let macs = [mac(1), mac(2), mac(3)];
    let quotas: Vec<_> = macs.iter().filter_map(|mac| before.quota(*mac)).collect();
    // The third one's are gone: nobody knows when that ends.
    let elements: Vec<_> = macs[..2]
        .iter()
        .flat_map(|mac| before.elements(*mac, now))
        .collect();
    let (after, orphans) = Clients::adopt(&quotas, &elements, now);
    assert_eq!(orphans, [mac(3)]);
    for number in [1, 2] {
        assert_eq!(after.quota(mac(number)), before.quota(mac(number)));
        assert_eq!(
            after.elements(mac(number), now),
            before.elements(mac(number), now)
        );
    }
}

#[test]
fn what_passes_while_the_limit_is_reckoned_is_of_it() {
    let now = Instant::now();
    let mut clients = Clients::default();
    let mut limit = |told: Option<u64>, bytes: u64, quota: Option<Quota>| {
        if let Some(told) = told {
            clients.tell(mac(1), told);
        }
        clients.open(mac(1), Limit::Bytes(bytes), quota.as_ref(), now);
        clients.quota(mac(1)).unwrap().limit
    };
    assert_eq!(limit(None, 100, None), 100);
    // Of 100 it was told that 60 are used, and 50 were bought: 5 passed since.
    assert_eq!(limit(Some(60), 90, Some(quota(1, 65, 100))), 150);
    // The same again, as after a failure.
    assert_eq!(limit(None, 90, Some(quota(1, 65, 100))), 150);
    // 10 were left, and 30 came of which 20 did not pass.
    assert_eq!(limit(Some(140), 60, Some(quota(1, 170, 150))), 220);
    // More passed than is left.
    assert_eq!(limit(Some(180), 10, Some(quota(1, 200, 220))), 200);
    // Counted anew, from less.
    assert_eq!(limit(Some(200), 10, Some(quota(1, 50, 200))), 60);
}
