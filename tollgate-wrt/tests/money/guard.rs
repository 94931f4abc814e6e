//! Where payouts may lead: to the public internet, and nowhere else.

use std::sync::atomic::Ordering;
use std::thread;

use serde_json::json;

use crate::payout::{audit, balance};
use crate::street::Street;

#[test]
fn nobody_is_sent_where_the_router_alone_can_go() {
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 3_600})) else {
        return;
    };
    street.receive(64);
    let pay = |to: &str| street.run(&["wallet", "payout", "--to", to, "9"]);
    thread::scope(|scope| {
        let slow = scope.spawn(|| pay("hangs@pay.tollgate.test"));
        for (to, why) in [
            (
                "x@self.tollgate.test",
                "127.0.0.1, which is not in the public internet",
            ),
            (
                "x@inside.tollgate.test",
                "10.0.0.1, which is not in the public internet",
            ),
            ("x@127.0.0.1", "not in the public internet"),
            ("x@[::1]", "not in the public internet"),
            ("x@[::ffff:10.0.0.1]", "not in the public internet"),
            ("x@wrong.tollgate.test", "not valid for name"),
            ("x@nobody.tollgate.test", "nobody.tollgate.test"),
            (
                "moved-inside@pay.tollgate.test",
                "10.0.0.1, which is not in the public internet",
            ),
            (
                "moved-plain@pay.tollgate.test",
                "has to begin with https://",
            ),
            ("moved-round@pay.tollgate.test", "redirects too often"),
            (
                "sends-inside@pay.tollgate.test",
                "127.0.0.1, which is not in the public internet",
            ),
            (
                "sends-plain@pay.tollgate.test",
                "has to begin with https://",
            ),
            (
                "greedy@pay.tollgate.test",
                "10000 thousandths of a sat were asked back for 9000",
            ),
            ("empty@pay.tollgate.test", "no Lightning invoice"),
            ("rich@pay.tollgate.test", "it takes 1000000 to"),
            ("login@pay.tollgate.test", "not for payments"),
            ("nonsense@pay.tollgate.test", "no JSON"),
            ("huge@pay.tollgate.test", "length limit exceeded"),
        ] {
            let (is_done, text) = pay(to);
            assert!(!is_done && text.contains(why), "{to}: {text}");
        }
        let (is_done, text) = slow.join().unwrap();
        assert!(
            !is_done && text.contains("does not answer within 20 seconds"),
            "{text}"
        );
    });
    assert_eq!(street.server.inside.load(Ordering::SeqCst), 0);
    assert_eq!((balance(&street.shop), street.paid()), (64, vec![]));
    // A redirect to the public internet is followed.
    let (is_done, text) = pay("moved@pay.tollgate.test");
    assert!(
        is_done && text.starts_with("paid 9 sat to moved@pay.tollgate.test"),
        "{text}"
    );
    street.stop();
    audit(&street.mint, &street.shop);
}
