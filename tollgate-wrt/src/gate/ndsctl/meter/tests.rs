use proptest::prelude::*;

use super::*;
use crate::gate::ndsctl::report::State;

fn mac() -> Mac {
    "02:00:00:00:00:01".parse().unwrap()
}

fn client(host: u8, token: u32, bytes: u64) -> Client {
    Client {
        mac: mac(),
        ip: Ipv4Addr::new(10, 0, 0, host),
        token: format!("{token:08x}"),
        state: State::Authenticated,
        down: bytes,
        up: 0,
        limits: None,
    }
}

#[test]
fn what_is_counted_stays() {
    let mut meters = Meters::default();
    meters.count(&[client(1, 1, 1_000)], true);
    meters.count(&[client(1, 1, 1_000)], true);
    assert_eq!(meters.counted(mac()), 1_000);
    // Less than before, then as much again under another name.
    meters.count(&[client(1, 1, 300)], true);
    meters.count(&[client(1, 2, 300)], true);
    assert_eq!(meters.counted(mac()), 1_600);
    // At two addresses, of which one goes, and comes back.
    meters.count(&[client(1, 2, 300), client(2, 3, 50)], true);
    meters.count(&[client(2, 3, 60)], true);
    meters.count(&[client(1, 2, 300)], false);
    assert_eq!(meters.counted(mac()), 1_960);
    meters.count(&[], true);
    assert_eq!(meters.counted(mac()), 1_960);
    meters.keep(|_| true);
    assert_eq!(meters.counted(mac()), 1_960);
    meters.keep(|_| false);
    assert_eq!(meters.counted(mac()), 0);
}

#[derive(Debug, Clone)]
enum Event {
    Traffic(u8, u64),
    /// Shut out and let through again.
    Reset(u8),
    /// The address is gone.
    Left(u8),
    LookAtAll,
    LookAtOne(u8),
    /// The daemon is killed and started.
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let host = || 0..3u8;
    prop_oneof![
        4 => (host(), 0..5_000u64).prop_map(|(host, bytes)| Event::Traffic(host, bytes)),
        1 => host().prop_map(Event::Reset),
        1 => host().prop_map(Event::Left),
        3 => Just(Event::LookAtAll),
        1 => host().prop_map(Event::LookAtOne),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    // Each looks into a file.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever NDS and the daemon do, each byte that was ever shown is counted
    /// once.
    #[test]
    fn each_byte_counts_once(events in prop::collection::vec(event(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("counters");
        let mut meters = Meters::open(file.clone());
        let mut tokens = 0;
        // Token, bytes, and how many of them were shown, by address.
        let mut clients: BTreeMap<u8, (u32, u64, u64)> = BTreeMap::new();
        let mut shown = 0;
        for event in events {
            match event {
                Event::Traffic(host, bytes) => {
                    tokens += 1;
                    clients.entry(host).or_insert((tokens, 0, 0)).1 += bytes;
                }
                Event::Reset(host) => {
                    tokens += 1;
                    if let Some(client) = clients.get_mut(&host) {
                        *client = (tokens, 0, 0);
                    }
                }
                Event::Left(host) => {
                    clients.remove(&host);
                }
                Event::LookAtAll | Event::LookAtOne(_) => {
                    let is_seen = |host: u8| match event {
                        Event::LookAtOne(one) => one == host,
                        _ => true,
                    };
                    let mut seen = Vec::new();
                    for (&host, (token, bytes, before)) in &mut clients {
                        if is_seen(host) {
                            shown += *bytes - *before;
                            *before = *bytes;
                            seen.push(client(host, *token, *bytes));
                        }
                    }
                    meters.count(&seen, matches!(event, Event::LookAtAll));
                    meters.keep(|_| true);
                }
                Event::Restart => meters = Meters::open(file.clone()),
            }
            prop_assert_eq!(meters.counted(mac()), shown);
        }
    }

    #[test]
    fn a_damaged_file_is_no_harm(text: String) {
        for line in text.lines() {
            let _ = read(line);
        }
        let _ = read(&format!("02:00:00:00:00:01 7 {text}"));
    }
}
