//! Many customers at once: the gate alone, without money.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tollgate_wrt::gate::nft::Place;
use tollgate_wrt::gate::{Gate, Limit, Nftables};
use tollgate_wrt::net::Mac;

use crate::network::Network;

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

#[test]
fn five_hundred_customers() {
    let Some(network) = Network::new() else {
        return;
    };
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
        .on(|| crate::machine::run("ip", &["-batch", "-"], &neighbours))
        .unwrap();
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
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    network.router.on(|| {
        runtime().block_on(async {
            let gate = gate(&network);
            gate.list().await.unwrap();
            let start = Instant::now();
            for number in 0..COUNT {
                gate.open(mac(number), limit(number)).await.unwrap();
            }
            println!("opened {COUNT}: {:?}", start.elapsed());
            let start = Instant::now();
            assert_eq!(gate.list().await.unwrap().len(), COUNT);
            println!("listed: {:?}", start.elapsed());
            assert_eq!(elements(), COUNT);
            network.router.nft("flush ruleset");
            let start = Instant::now();
            assert_eq!(gate.list().await.unwrap().len(), COUNT);
            println!("made again: {:?}", start.elapsed());
            assert_eq!(elements(), COUNT);
        });
        // The next daemon finds them, and closes them.
        runtime().block_on(async {
            let gate = gate(&network);
            let start = Instant::now();
            let open = gate.list().await.unwrap();
            println!("taken over: {:?}", start.elapsed());
            assert_eq!(open.len(), COUNT);
            let start = Instant::now();
            for number in 0..COUNT {
                gate.close(mac(number)).await.unwrap();
            }
            println!("closed: {:?}", start.elapsed());
            assert_eq!((gate.list().await.unwrap().len(), elements()), (0, 0));
            // What has counted for them goes when nothing uses it any more.
            let _ = timeout(Duration::from_secs(3), gate.tend()).await;
        });
    });
    let text = network.router.nft_list(&["list", "quotas"]).unwrap();
    assert!(!text.contains("quota c"), "{text}");
}
