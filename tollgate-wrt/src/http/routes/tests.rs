use std::path::Path;
use std::sync::Arc;

use hyper::header::HOST;

use super::*;
use crate::clock::Uptime;
use crate::config;
use crate::gate::Missing;
use crate::journal::disk::Directory;
use crate::ledger::Store;
use crate::nostr::SigningKey;
use crate::paths::Paths;
use crate::payment::Till;
use crate::sessions::Keeper;

/// An app of a system without any file.
fn app(root: &Path, front: &str) -> App {
    let paths = Paths::new(root);
    let (store, _) = Store::open(Directory::open(&paths.money()).unwrap()).unwrap();
    let store = Arc::new(store);
    let uptime = Uptime::new(&paths).unwrap();
    let keeper = Arc::new(Keeper::new(
        Arc::clone(&store),
        Arc::new(Missing::default()),
        uptime,
    ));
    let settings = config::load(&paths).unwrap().settings;
    let till = Till::new(&settings, store, Arc::clone(&keeper), Arc::default());
    let shop = Shop {
        till: Arc::new(till),
        keeper,
        key: SigningKey::generate().unwrap(),
    };
    let (till, keeper) = (Arc::clone(&shop.till), Arc::clone(&shop.keeper));
    let (portal, _) = Portal::new(&paths, &settings, till, keeper);
    let (front, resolver) = (front.to_owned(), Resolver::new(paths));
    App::new(front, resolver, shop, portal, api::Places::default())
}

fn status(peer: &str, path: &str, host: Option<&str>) -> u16 {
    let root = tempfile::tempdir().unwrap();
    let app = app(root.path(), "{}");
    let mut headers = HeaderMap::new();
    headers.extend(host.map(|host| (HOST, host.parse().unwrap())));
    let client = Client::new(peer.parse().unwrap(), None);
    let response = app.answer_at_once(&Method::GET, &path.parse().unwrap(), &headers, &client);
    response.status().as_u16()
}

#[test]
fn who_a_customer_is_is_not_told_to_a_rebound_name() {
    const CUSTOMER: &str = "203.0.113.77:1";
    for path in ["/whoami", "/usage", "/balance", "/captive-api"] {
        assert_eq!(status(CUSTOMER, path, Some("evil.example:2121")), 421);
        assert_eq!(status(CUSTOMER, path, Some("192.168.1.1:2121")), 200);
        assert_eq!(status(CUSTOMER, path, Some("tollgate.lan:2121")), 200);
        assert_eq!(status(CUSTOMER, path, None), 200);
        // A web server on the router may keep the name that it was asked by.
        assert_eq!(status("127.0.0.1:1", path, Some("tollgate.example")), 200);
    }
    // Says nothing of the customer.
    assert_eq!(status(CUSTOMER, "/", Some("evil.example:2121")), 200);
}

#[test]
fn the_front_can_be_replaced() {
    let root = tempfile::tempdir().unwrap();
    let app = app(root.path(), "old");
    let before = app.front();
    app.set_front("new".to_owned());
    assert_eq!((&before[..], &app.front()[..]), (&b"old"[..], &b"new"[..]));
}
