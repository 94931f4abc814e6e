//! What is refused, and how it is said.

use std::io::Write as _;

use crate::axe;
use crate::browser::{Browser, is_there};
use crate::common::{Response, connect};
use crate::looks::{assert_quiet, look};
use crate::mint::wallet;
use crate::net::network::{Who, portal};
use crate::shop::Shop;

/// What is in the console when a page comes with a status other than 200.
const STATUS: &str = "Failed to load resource: the server responded with a status of ";

fn pay(browser: &Browser, token: &str) -> String {
    browser.go("/portal/");
    browser.paste("#token", token);
    browser.click("#ecash + form button.main");
    browser.wait_for("#result h2", "This did not work");
    assert_eq!(
        browser.run("return document.activeElement.id", &[]),
        "result"
    );
    assert!(!browser.place().contains("cashu"), "{}", browser.place());
    browser.text("#result p")
}

/// One request without a browser.
fn ask(request: &str) -> Response {
    let mut stream = connect(portal());
    stream.write_all(request.as_bytes()).unwrap();
    Response::read(&mut stream, true).unwrap()
}

fn post(body: &str, headers: &str) -> Response {
    let (host, length) = (portal(), body.len());
    ask(&format!(
        "POST /portal/pay HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    ))
}

#[test]
fn every_refusal_says_whose_the_token_is() {
    let ready = is_there() && axe::script().is_some();
    let Some(mut shop) = Shop::new("bytes", 1_000_000).filter(|_| ready) else {
        return;
    };
    let url = shop.mint.url();
    let config = format!(
        r#"{{"step_size":1000000,"accepted_mints":[{{"url":"{url}","price_per_step":1,"purchase_min_steps":2}}]}}"#
    );
    shop.root.write("etc/tollgate/config.json", &config);
    shop.root
        .write("proc/sys/kernel/hostname", "<b>Caf\u{e9} \"Luna\"</b>\n");
    crate::states::translate(&shop.root);
    let daemon = shop.start();
    let browser = Browser::open(&shop.network.alice, &[]);

    // Names come from outside: they are text.
    browser.go("/portal/");
    assert_eq!(browser.text("header p"), "<b>Caf\u{e9} \"Luna\"</b>");
    assert!(browser.text(".mints").contains("at least 2 sat"));

    let said = pay(&browser, "\"><script>document.title = 'x'</script>&lt;");
    assert!(said.starts_with("This is no Cashu token."), "{said}");
    assert_eq!(
        browser.run(
            "return document.querySelector('#token').value + document.title[0]",
            &[]
        ),
        "\"><script>document.title='x'</script>&lt;Y"
    );
    look(&browser, "refused");

    let small = shop.take_token(1);
    let said = pay(&browser, &small);
    assert_eq!(
        said,
        "This is too little: after the mint’s fee it is worth 1 sat, and the smallest purchase is 2 sat. The token is still yours."
    );
    // It is not lost with the page.
    assert_eq!(
        browser.run("return document.querySelector('#token').value", &[]),
        small
    );

    let pieces = shop
        .network
        .internet
        .on(|| wallet::mint(shop.mint.address, 2, 1));
    let said = pay(
        &browser,
        &wallet::token("https://elsewhere.example/mint", &pieces),
    );
    assert!(
        said.starts_with(
            "Ecash of https://elsewhere.example/mint is not accepted here. It is still yours."
        ),
        "{said}"
    );

    let token = shop.take_token(2);
    let paid = shop.network.bob.on(|| post(&format!("token={token}"), ""));
    assert_eq!(
        (paid.status, paid.header("location")),
        (303, Some("./?paid=1&lang=en#result"))
    );
    shop.network.assert_open(Who::Bob);
    let said = pay(&browser, &token);
    assert_eq!(said, "This token has already been spent. Use another one.");
    assert_quiet(&browser, &[STATUS]);
    shop.network.assert_shut(Who::Alice);

    // The same in other languages, and other than from a form.
    let german = shop
        .network
        .bob
        .on(|| post("token=x", "Accept-Language: fr;q=0.2, de-AT\r\n"));
    assert_eq!(german.status, 402);
    assert!(
        german.body.contains("Das ist kein Cashu-Token."),
        "{}",
        german.body
    );
    // Refused by its length alone.
    let head = format!(
        "POST /portal/pay HTTP/1.1\r\nHost: {}\r\nContent-Length: 1048577\r\n\r\n",
        portal()
    );
    let large = shop.network.bob.on(|| ask(&head));
    assert_eq!(large.status, 413);
    assert!(
        large.body.contains("longer than any token"),
        "{}",
        large.body
    );
    let later = (0..12)
        .map(|_| shop.network.bob.on(|| post("token=x", "")))
        .find(|answer| answer.status == 429);
    let later = later.expect("too many tries");
    let seconds = later.header("retry-after").unwrap();
    assert!(
        later.body.contains(&format!("Try again in {seconds} s.")),
        "{}",
        later.body
    );

    // A name that is not the router's tells nothing, and is told nothing.
    let foreign = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: evil.example:2121\r\n\r\n");
        shop.network.alice.on(|| ask(&request)).status
    };
    assert_eq!(
        (foreign("/portal/"), foreign("/portal/invoice?quote=x")),
        (421, 421)
    );
    drop(browser);
    assert!(daemon.stop().success());
}
