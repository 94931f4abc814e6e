//! What is asked for again, or at length.

use super::*;
use crate::ledger::record::{Intent, Invoice, Purpose, TokenId};

/// Pages wait in memory for slow readers: a flood of them must not fill it.
#[test]
fn pages_stay_small_whatever_is_posted() {
    let shop = Place::selling();
    let visitor = shop.portal.visitor(&visit(""));
    let refusal = Refusal::token("c", "t");
    let length = |token: &str| match shop.portal.home(&visitor, Some((&refusal, token))) {
        Answer::Page(_, page) => page.len(),
        other => panic!("{other:?}"),
    };
    let plain = length("");
    assert_eq!(length(&"x".repeat(16 * 1024)), plain + 16 * 1024);
    assert_eq!(length(&"\"".repeat(1 << 20)), plain);
}

#[test]
fn a_refusal_is_not_taken_away_by_what_the_page_waits_for() {
    let shop = Place::selling();
    shop.bought(10_000_000, 0, false);
    let (_, page) = shop.refused(&Refusal::token("c", "t"));
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"20;url="));
}

/// The mint is not there: a second invoice could not be made.
#[tokio::test(flavor = "current_thread")]
async fn the_same_again_is_the_same_invoice() {
    let shop = Place::selling();
    let mint: crate::config::MintUrl = "https://mint.example/a'b&c".parse().unwrap();
    let invoice = |quote: &str, expiry| {
        let purchase = Purchase {
            metric: Metric::Bytes,
            step: 1_000_000,
            steps: 3,
        };
        let mac = MAC.parse().unwrap();
        let record = Record::Intent(Intent {
            id: TokenId::of_quote(&mint, quote),
            purpose: Purpose::Payment { mac, purchase },
            mint: mint.clone(),
            unit: "sat".parse().unwrap(),
            inputs: Vec::new(),
            invoice: Some(Invoice {
                quote: quote.to_owned(),
                request: "lnbc1".to_owned(),
                amount: 6,
                expiry: Some(expiry),
            }),
            outputs: Vec::new(),
            time: 0,
            restored: false,
        });
        shop.store.update(|state| state.apply(&record));
    };
    let visit = visit("");
    let ask = |form: &'static str| shop.portal.make_invoice(&visit, form.into());
    // One that can be paid no more is no help.
    invoice("old", 1);
    assert!(matches!(ask("steps=3").await, Answer::Page(..)));
    let page = |query: &str| match shop.portal.show_invoice(&super::visit(query)) {
        Answer::Page(status, page) => (status, page.contains(">lnbc1<")),
        other => panic!("{other:?}"),
    };
    // One of a mint that says 0 of its end has none.
    invoice("endless", 0);
    let Answer::Elsewhere(endless) = ask("steps=3").await else {
        panic!("a page");
    };
    assert_eq!(page(endless.split_once('?').unwrap().1), (200, true));
    let id = TokenId::of_quote(&mint, "endless");
    shop.store
        .update(|state| state.apply(&Record::Refused { id }));
    invoice("good", u64::MAX);
    let Answer::Elsewhere(same) = ask("steps=3").await else {
        panic!("a page");
    };
    assert_eq!(ask("amount=7").await, Answer::Elsewhere(same.clone()));
    // The mint's own name for it, with which anybody could have its ecash, stays here.
    let id = TokenId::of_quote(&mint, "good").to_string();
    assert!(same.starts_with(&format!("invoice?quote={id}-")), "{same}");
    assert!(!same.contains("good"));
    assert_eq!(page(same.split_once('?').unwrap().1), (200, true));
    for other in ["good", &id, &format!("{id}-00000000")] {
        assert_eq!(page(&format!("quote={other}")), (404, false), "{other}");
    }
    assert!(matches!(ask("steps=4").await, Answer::Page(..)));
}

/// The session from before ended while the mint was asked; the new one is as large.
#[test]
fn a_new_session_like_the_last_is_one_that_was_paid() {
    let shop = Place::selling();
    let bought = |started| {
        let purchase = Purchase {
            metric: Metric::Bytes,
            step: 1_000_000,
            steps: 1,
        };
        let session = Session {
            running: Some(shop.portal.keeper.now()),
            ..Session::new(&purchase, started)
        };
        let mac = MAC.parse().unwrap();
        let record = Record::Session {
            mac,
            session: session.clone(),
        };
        shop.store.update(|state| state.apply(&record));
        session
    };
    let before = mark(&bought(1_700_000_000));
    let page = shop.page(&format!("wait={before}"));
    assert!(page.contains("Your payment is not credited."), "{page}");
    bought(1_700_000_060);
    let page = shop.page(&format!("wait={before}"));
    assert!(page.contains("Your payment has arrived."), "{page}");
}

#[tokio::test(flavor = "current_thread")]
async fn what_was_ordered_is_chosen_still() {
    let shop = Place::new(
        r#"{"step_size": 1000000, "accepted_mints": [
            {"url": "https://one.example", "price_per_step": 2},
            {"url": "https://two.example", "price_per_step": 2}]}"#,
    );
    let answer = async |form: &'static str| {
        let answer = shop.portal.make_invoice(&visit(""), form.into()).await;
        match answer {
            Answer::Page(_, page) => page,
            other => panic!("{other:?}"),
        }
    };
    let checked = |page: &str| -> Vec<String> {
        let inputs = page.split("value=\"").skip(1);
        let values = inputs.filter_map(|input| {
            let (value, rest) = input.split_once('"')?;
            let tag = rest.split_once('>')?.0;
            tag.ends_with(" checked").then(|| value.to_owned())
        });
        values.collect()
    };
    let page = answer("steps=500&mint=https%3A%2F%2Ftwo.example").await;
    assert_eq!(checked(&page), ["500", "https://two.example"]);
    let page = answer("amount=7+%3C&steps=500&mint=x").await;
    assert!(page.contains("name=\"amount\" value=\"7 &lt;\""));
    assert_eq!(checked(&page), ["https://one.example"]);
}
