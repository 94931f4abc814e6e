//! Requests that were meant for others, or that are odd.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::captive::{PORTALS, internet, send, web};
use crate::common::{Response, connect};
use crate::net::network::{Who, portal};
use crate::shop::Shop;

#[test]
fn what_was_meant_for_others_pays_nobody_and_loses_nothing() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let (servers, _names) = internet(&shop.network);
    let daemon = shop.start();
    let token = shop.token(1);
    let length = token.len();
    for address in web() {
        let answer = send(
            &shop.network,
            (address, 80).into(),
            &format!(
                "POST / HTTP/1.1\r\nHost: tollgate.example\r\nContent-Length: {length}\r\n\r\n{token}"
            ),
        );
        let expected = PORTALS[usize::from(address.is_ipv6())];
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(expected))
        );
        assert!(!answer.body.contains(&token[..20]), "{answer:?}");
    }
    assert_eq!(shop.usage(Who::Alice), None);
    assert!(!daemon.log().text().contains("paid"));
    // Large or small, whole or not, the answer comes.
    let large = "x".repeat(200_000);
    let target = SocketAddr::new(web()[0], 80);
    for (request, status) in [
        (
            format!("POST /a HTTP/1.1\r\nHost: x.example\r\nContent-Length: 200000\r\n\r\n{large}"),
            303,
        ),
        ("HEAD /x HTTP/1.1\r\nHost: x.example\r\n\r\n".into(), 302),
        ("GET / HTTP/1.0\r\n\r\n".into(), 302),
        // To the router, by what is in the request.
        (
            "GET /whoami HTTP/1.1\r\nHost: 10.77.0.1:2121\r\n\r\n".into(),
            302,
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: x.example\r\n\r\n".into(), 303),
        (
            "CONNECT x.example:443 HTTP/1.1\r\nHost: x.example:443\r\n\r\n".into(),
            303,
        ),
        (
            "GET http://x.example/<script>alert(1)</script> HTTP/1.1\r\nHost: \"><b>\r\n\r\n"
                .into(),
            400,
        ),
        (
            "GET /?url=//evil.example/ HTTP/1.1\r\nHost: evil.example\"><b>\r\n\r\n".into(),
            302,
        ),
    ] {
        let answer = send(&shop.network, target, &request);
        assert_eq!(answer.status, status, "{request:.80} {answer:?}");
        assert!(!answer.body.contains("evil") && !answer.body.contains("<b>"));
        if status != 400 {
            assert_eq!(answer.header("location"), Some(PORTALS[0]));
            assert_eq!(answer.header("connection"), Some("close"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
    assert_eq!(servers.asked(), 0);
    // What is meant for the router is answered as ever, whoever redirects it.
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: 10.77.0.1:2121\r\n\r\n", 200),
        (
            "GET /usage HTTP/1.1\r\nHost: tollgate.lan:2121\r\n\r\n",
            200,
        ),
        ("GET /usage HTTP/1.1\r\nHost: tollgate.lan\r\n\r\n", 200),
        ("GET /usage HTTP/1.0\r\n\r\n", 200),
        (
            "GET /usage HTTP/1.1\r\nHost: evil.example:2121\r\n\r\n",
            421,
        ),
        // A rebound page would read in the answer whose device it runs on.
        (
            "POST / HTTP/1.1\r\nHost: evil.example:2121\r\nContent-Length: 1\r\n\r\nx",
            421,
        ),
        (
            "POST /ln-invoice HTTP/1.1\r\nHost: evil.example:2121\r\nContent-Length: 2\r\n\r\n{}",
            421,
        ),
        (
            "GET http://10.77.0.1:2121/usage HTTP/1.1\r\nHost: x\r\n\r\n",
            200,
        ),
        // Somebody who takes the daemon for a proxy, or another gate's redirect.
        (
            "GET http://x.example/ HTTP/1.1\r\nHost: x.example\r\n\r\n",
            302,
        ),
        ("GET / HTTP/1.1\r\nHost: x.example\r\n\r\n", 302),
    ] {
        let answer = send(&shop.network, portal(), request);
        assert_eq!(answer.status, status, "{request} {answer:?}");
    }
    // The token is as good as ever.
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    assert!(daemon.stop().success());
}

/// All customers of a LAN have addresses of one /64.
#[test]
fn who_tries_too_often_stops_nobody_else() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let daemon = shop.start();
    let token = shop.token(1);
    let offer = |shop: &Shop, who: Who, body: &str| {
        let router: SocketAddr = "[2001:db8:77::1]:2121".parse().unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: {router}\r\nContent-Length: ");
        shop.network.customer(who).on(|| {
            let mut stream = connect(router);
            write!(stream, "{head}{}\r\n\r\n{body}", body.len()).unwrap();
            Response::read(&mut stream, true).unwrap().status
        })
    };
    for _ in 0..10 {
        assert_eq!(offer(&shop, Who::Bob, "x"), 402);
    }
    assert_eq!(offer(&shop, Who::Bob, "x"), 429);
    // From another of his addresses it is he, too.
    assert_eq!(shop.offer(Who::Bob, 1).status, 429);
    assert_eq!(offer(&shop, Who::Alice, &token), 200);
    shop.spend(1);
    shop.network.assert_open(Who::Alice);
    assert!(daemon.stop().success());
}
