//! Paying with ecash: with scripts, without them, and by the keyboard alone.

use crate::axe;
use crate::browser::{Browser, ENTER, TAB, is_there};
use crate::looks::{assert_quiet, look};
use crate::net::machine::{ECHO, exchange};
use crate::net::network::Who;
use crate::shop::Shop;

/// A step of so many bytes.
const STEP: u64 = 1_000_000;

/// Sends so many kilobytes, which come back.
fn use_up(shop: &Shop, kilobytes: usize) {
    let address = (Who::Alice.targets()[0], ECHO).into();
    let mut stream = shop.network.alice.connect(address).unwrap();
    for _ in 0..kilobytes.div_ceil(20) {
        if exchange(&mut stream, 10_000).is_err() {
            break;
        }
    }
}

#[test]
fn a_customer_pays_and_sees_it_used_up() {
    let ready = is_there() && axe::script().is_some();
    let Some(mut shop) = Shop::new("bytes", STEP).filter(|_| ready) else {
        return;
    };
    let daemon = shop.start();
    let browser = Browser::open(&shop.network.alice, &[]);
    browser.go("/portal/");
    assert_eq!(browser.text("#state"), "You are not online yet");
    assert_eq!(browser.text("#note"), "1 sat buys 1 MB.");
    assert_eq!(browser.text("#meter"), "");
    shop.network.assert_shut(Who::Alice);
    let bytes = assert_quiet(&browser, &[]);
    assert!((5_000..60_000).contains(&bytes), "{bytes}");
    look(&browser, "offline");

    // Pasted as it comes out of a mail. Both forms of the address are no token's.
    let token = shop.take_token(4);
    let (start, end) = token.split_at(40);
    browser.paste("#token", &format!(" cashu:{start}\n  {end}\n"));
    browser.click("#ecash + form button.main");
    browser.wait_for("#state", "You are online");
    assert_eq!(browser.text("#left"), "4 MB left");
    assert!(
        browser
            .text("#result")
            .contains("Your payment has arrived.")
    );
    assert_eq!(
        browser.run("return document.activeElement.id", &[]),
        "result"
    );
    assert!(!browser.place().contains("cashu"), "{}", browser.place());
    shop.network.assert_open(Who::Alice);
    shop.network.assert_shut(Who::Bob);
    look(&browser, "online");

    // Usage is live: the page is the same.
    browser.run("window.mark = 1", &[]);
    browser.paste("#token", "half a token");
    use_up(&shop, 1_500);
    browser.wait("what was sent is seen", |browser| {
        browser.text("#left").starts_with("2.") && browser.text("#used").starts_with("1.")
    });
    use_up(&shop, 2_150);
    browser.wait_for("#state", "Almost used up");
    assert_eq!(browser.text("#note"), "Top up below to stay online.");
    look(&browser, "low");
    use_up(&shop, 1_000);
    browser.wait_for("#state", "Your access is used up");
    assert_eq!(browser.text("#meter"), "");
    shop.network.assert_shut(Who::Alice);
    // What was typed meanwhile is there.
    assert_eq!(
        browser.run(
            "return document.querySelector('#token').value + window.mark",
            &[]
        ),
        "half a token1"
    );
    look(&browser, "over");

    // Again, and a top-up while it lasts.
    for total in ["of 1 MB used", "of 2 MB used"] {
        browser.go("/portal/");
        browser.paste("#token", &shop.take_token(1));
        browser.click("#ecash + form button.main");
        browser.wait_for("#used", total);
    }
    shop.network.assert_open(Who::Alice);
    let bytes = assert_quiet(&browser, &[]);
    assert!(bytes > 0);
    drop(browser);
    assert!(
        !daemon.log().text().contains("cashu"),
        "{}",
        daemon.log().text()
    );
    assert!(daemon.stop().success());
}

#[test]
fn neither_scripts_nor_a_mouse_are_needed() {
    let ready = is_there();
    let Some(mut shop) = Shop::new("milliseconds", 20_000).filter(|_| ready) else {
        return;
    };
    let daemon = shop.start();
    let browser = Browser::open(&shop.network.alice, &[]);
    browser.set_scripts(false);
    browser.go("/portal/");
    assert_eq!(browser.text("#note"), "1 sat buys 20 s.");
    // The first field, the first button.
    let focused = || {
        let script = "const e = document.activeElement; return e.id || e.textContent.trim()";
        browser.run(script, &[]).as_str().unwrap().to_owned()
    };
    browser.press(TAB);
    assert_eq!(focused(), "token");
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.run(outline, &[]), "solid");
    browser.paste("#token", &shop.take_token(1));
    browser.press(TAB);
    assert_eq!(focused(), "Pay");
    assert_eq!(browser.run(outline, &[]), "solid");
    browser.press(ENTER);
    browser.wait_for("#state", "You are online");
    assert!(
        browser
            .text("#result")
            .contains("Your payment has arrived.")
    );
    assert_eq!(focused(), "result");
    assert!(
        browser.text("#left").ends_with(" s left"),
        "{}",
        browser.text("#left")
    );
    shop.network.assert_open(Who::Alice);

    // A link shows how it stands, and at last that it is over.
    browser.wait("the end", |browser| {
        if browser.text("#refresh").is_empty() {
            return browser.text("#state") == "Your access is used up";
        }
        browser.click("#refresh a");
        false
    });
    shop.network.assert_shut(Who::Alice);

    // A mint that does not answer: the page waits, and tells what came of it.
    let token = shop.take_token(1);
    shop.mint.signal(rustix::process::Signal::STOP);
    browser.paste("#token", &token);
    browser.click("#ecash + form button.main");
    browser.wait_for("#state", "Your payment is running");
    assert!(!browser.place().contains("cashu"), "{}", browser.place());
    crate::looks::arrange(&browser, crate::looks::PHONE, "light");
    browser.picture(&crate::looks::folder().join("running-320-light.png"), None);
    // It may take the mint hours; who does not want to wait can pay otherwise.
    let waiting = browser.place();
    browser.click("#status .buttons a");
    let notice = browser.text(".warning");
    assert!(
        notice.starts_with("A payment of yours is running"),
        "{notice}"
    );
    assert!(!browser.text("#ecash + form").is_empty());
    browser.picture(
        &crate::looks::folder().join("meanwhile-320-light.png"),
        None,
    );
    browser.go(&waiting);
    browser.wait_for("#state", "Your payment is running");
    shop.mint.signal(rustix::process::Signal::CONT);
    browser.wait_for("#state", "You are online");
    assert!(
        browser
            .text("#result")
            .contains("Your payment has arrived.")
    );
    assert_quiet(&browser, &[]);
    drop(browser);
    assert!(daemon.stop().success());
}
