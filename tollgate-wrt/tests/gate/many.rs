//! Many customers at once: the gate alone, without money.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tollgate_wrt::clock::Uptime;
use tollgate_wrt::config::schema::Metric;
use tollgate_wrt::gate::nft::Place;
use tollgate_wrt::gate::{Gate, Limit, Nftables};
use tollgate_wrt::journal::When;
use tollgate_wrt::journal::disk::Directory;
use tollgate_wrt::ledger::Store;
use tollgate_wrt::ledger::record::Record;
use tollgate_wrt::ledger::session::{Purchase, Session};
use tollgate_wrt::net::Mac;
use tollgate_wrt::paths::Paths;
use tollgate_wrt::sessions::Keeper;

use crate::net::network::Network;

const COUNT: usize = 500;

fn mac(number: usize) -> Mac {
    Mac::new([2, 0, 0, 1, (number / 256) as u8, (number % 256) as u8]).unwrap()
}

fn gate(network: &Network) -> Nftables {
    let place = Place {
        interfaces: vec!["br-lan".to_owned()],
        port: 2121,
        open_ports: Vec::new(),
    };
    // No firewall4 here.
    Nftables::new(place, format!("/{}", network.router.name).into())
}

/// How long what is promised within a second may take here: a program that is not
/// optimised, beside other tests. `cargo xtask bench network` has the second.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is promised within a second.
async fn in_time(what: &str, work: impl Future<Output = ()>) {
    let start = Instant::now();
    work.await;
    let took = start.elapsed();
    println!("{what}: {took:?}");
    assert!(took < PATIENCE, "{what}: {took:?}");
}

/// Has the router know all customers, each with an IPv4 and an IPv6 address.
fn introduce(network: &Network) {
    let mut neighbours = String::new();
    for number in 0..COUNT {
        let (high, low) = (number / 250 + 1, number % 250 + 1);
        for address in [
            format!("10.77.{high}.{low}"),
            format!("2001:db8:77::{number:x}:1"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            neighbours += &format!(
                "neighbour add {address} lladdr {} dev br-lan nud permanent\n",
                mac(number)
            );
        }
    }
    network
        .router
        .on(|| crate::net::machine::run("ip", &["-batch", "-"], &neighbours))
        .unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn five_hundred_customers() {
    let Some(network) = Network::new() else {
        return;
    };
    introduce(&network);
    let limit = |number: usize| match number % 2 {
        0 => Limit::Bytes(1_000_000),
        _ => Limit::Time(Duration::from_secs(3_600)),
    };
    let elements = || {
        let text = network
            .router
            .nft_list(&["list", "map", "inet", "tollgate", "down6"])
            .unwrap();
        text.matches(" : \"").count()
    };
    network.router.on(|| {
        runtime().block_on(async {
            let gate = gate(&network);
            gate.list().await.unwrap();
            let all = (0..COUNT).map(|number| (mac(number), limit(number)));
            in_time("open", async {
                assert_eq!(gate.open_all(all.collect()).await, []);
            })
            .await;
            assert_eq!(gate.list().await.unwrap().len(), COUNT);
            assert_eq!(elements(), COUNT);
            network.router.nft("flush ruleset");
            in_time("make again", async {
                assert_eq!(gate.list().await.unwrap().len(), COUNT);
            })
            .await;
            assert_eq!(elements(), COUNT);
        });
        // The next daemon finds them, and closes them.
        runtime().block_on(async {
            let gate = gate(&network);
            in_time("take over and close", async {
                assert_eq!(gate.list().await.unwrap().len(), COUNT);
                let all = (0..COUNT).map(mac);
                assert_eq!(gate.close_all(all.collect()).await, []);
            })
            .await;
            assert_eq!((gate.list().await.unwrap().len(), elements()), (0, 0));
            // What has counted for them goes when nothing uses it any more.
            let _ = timeout(Duration::from_secs(3), gate.tend()).await;
        });
    });
    let text = network.router.nft_list(&["list", "quotas"]).unwrap();
    assert!(!text.contains("quota c"), "{text}");
}

/// A ledger of all customers' sessions, as an earlier run of the daemon has left
/// it: every other one is of bytes.
async fn ledger(paths: &Paths, uptime: Uptime) -> Arc<Store> {
    let (store, _) = Store::open(Directory::open(&paths.money()).unwrap()).unwrap();
    let sessions = (0..COUNT).map(|number| {
        let (metric, step) = match number % 2 {
            0 => (Metric::Bytes, 1_000_000),
            _ => (Metric::Milliseconds, 3_600_000),
        };
        let purchase = Purchase {
            metric,
            step,
            steps: 1,
        };
        let mut session = Session::new(&purchase, 0);
        session.open(0, uptime.now());
        let mac = mac(number);
        Record::Session { mac, session }
    });
    let records = sessions.collect();
    store.commit(When::Now, |_| (records, ())).await.unwrap();
    Arc::new(store)
}

#[test]
fn ledger_and_gate_agree_after_one_look() {
    let Some(network) = Network::new() else {
        return;
    };
    introduce(&network);
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::new(root.path());
    let uptime = Uptime::new(&paths).unwrap();
    let open = || {
        let text = network
            .router
            .nft_list(&["list", "map", "inet", "tollgate", "macs"]);
        text.map_or(0, |text| text.matches(" : \"").count())
    };
    network.router.on(|| {
        runtime().block_on(async {
            let store = ledger(&paths, uptime).await;
            // Nothing is open, and everybody should be.
            let keeper = Keeper::new(Arc::clone(&store), Arc::new(gate(&network)), uptime);
            in_time("open all", keeper.tick()).await;
            assert_eq!((open(), keeper.sessions().len()), (COUNT, COUNT));
            drop(keeper);
            // All are open, and another daemon goes on.
            let keeper = Keeper::new(Arc::clone(&store), Arc::new(gate(&network)), uptime);
            in_time("go on", keeper.tick()).await;
            assert_eq!((open(), keeper.sessions().len()), (COUNT, COUNT));
            drop((keeper, store));
        });
        runtime().block_on(async {
            // All are open, and nobody should be.
            let none = tempfile::tempdir().unwrap();
            let (store, _) = Store::open(Directory::open(none.path()).unwrap()).unwrap();
            let keeper = Keeper::new(Arc::new(store), Arc::new(gate(&network)), uptime);
            in_time("close all", keeper.tick()).await;
            assert_eq!(open(), 0);
        });
    });
}
