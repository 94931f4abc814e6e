//! Paying over Lightning. The invoice is read from the picture of the page, by
//! zbar, as a wallet's camera would.

use std::path::Path;

use serde_json::json;

use crate::axe;
use crate::browser::{Browser, DOWN, SPACE, TAB, is_there};
use crate::looks::{PHONE, arrange, assert_quiet, folder, look};
use crate::net::machine::run;
use crate::net::network::Who;
use crate::shop::Shop;

/// What a code in a picture says.
fn read(picture: &Path) -> String {
    let text = run(
        "zbarimg",
        &[
            "--quiet",
            "--raw",
            "-Sdisable",
            "-Sqrcode.enable",
            picture.to_str().unwrap(),
        ],
        "",
    );
    text.unwrap().trim().to_owned()
}

/// The invoice that the page shows, in letters and as a code.
fn invoice(browser: &Browser, name: &str) -> String {
    browser.wait_for("#wait", "Waiting for your payment");
    // The page may be renewing itself.
    let shown = |script: &str| {
        let mut text = String::new();
        browser.wait(script, |browser| {
            let value = browser.run(script, &[]);
            text = value.as_str().unwrap_or_default().to_owned();
            !text.is_empty()
        });
        text
    };
    let text = shown("return document.querySelector('#invoice')?.value");
    for scheme in ["light", "dark"] {
        arrange(browser, PHONE, scheme);
        let file = folder().join(format!("{name}-code-{scheme}.png"));
        browser.picture(&file, None);
        assert_eq!(read(&file), text.to_ascii_uppercase());
    }
    let link = shown("return document.querySelector('.invoice a.main')?.href");
    assert_eq!(link, format!("lightning:{text}"));
    text
}

/// Has the mint's Lightning, which is a stand-in, pay all invoices or none.
fn pay_all(shop: &mut Shop, are_paid: bool) {
    let Shop { network, mint, .. } = shop;
    let brr = if are_paid { "TRUE" } else { "FALSE" };
    network
        .internet
        .on(|| mint.restart_with(&[("FAKEWALLET_BRR", brr)]));
}

#[test]
fn an_invoice_is_shown_paid_and_gone() {
    let ready = is_there() && axe::script().is_some();
    let Some(mut shop) = Shop::new("bytes", 1_000_000).filter(|_| ready) else {
        return;
    };
    pay_all(&mut shop, false);
    crate::states::translate(&shop.root);
    // Who has paid is shown this before the gate opens, and a phone's window closes.
    let config = format!(
        r#"{{"step_size":1000000,"redirect_url":"https://cafe.example/hello","auth_delay_seconds":10,"accepted_mints":[{{"url":"{}","price_per_step":1}}]}}"#,
        shop.mint.url()
    );
    shop.root.write("etc/tollgate/config.json", &config);
    let daemon = shop.start();
    let alice = Browser::open(&shop.network.alice, &[]);
    alice.go("/portal/");
    // An own amount takes the choice away, and the other way round.
    let chosen = |browser: &Browser| {
        let script = "return [document.querySelectorAll(':checked').length, document.querySelector('#amount').value]";
        browser.run(script, &[])
    };
    alice.paste("#amount", "5 0 0");
    assert_eq!(chosen(&alice), json!([0, "5 0 0"]));
    alice.click("[name=steps][value='1000']");
    assert_eq!(chosen(&alice), json!([1, ""]));
    alice.paste("#amount", "7");
    alice.click("#lightning ~ form button.main");
    let text = invoice(&alice, "invoice");
    assert_eq!(alice.text("h1"), "Pay 7 sat for 7 MB");
    alice.wait_for("main", "It can be paid for another");
    look(&alice, "invoice");
    // Copied without the clipboard that only https has.
    alice.click("#copy");
    assert_eq!(alice.text("#copy"), "Copied");
    let field = "const t = document.createElement('textarea'); document.body.append(t); t.id = 'there'; t.focus()";
    alice.run(field, &[]);
    let paste = json!({"type": "keyDown", "commands": ["paste"]});
    alice.cdp("Input.dispatchKeyEvent", &paste);
    assert_eq!(
        alice.run("return document.querySelector('#there').value", &[]),
        text
    );
    // Who comes back to the page finds it again.
    alice.go("/portal/?lang=de");
    assert!(alice.text(".open").contains("unbezahlte Rechnung"));
    alice.click(".open a");
    alice.wait_for("h1", "7 sat für 7 MB bezahlen");

    // Bob has no script and no mouse.
    let bob = Browser::open(&shop.network.bob, &[]);
    bob.set_scripts(false);
    bob.go("/portal/");
    for _ in 0..3 {
        bob.press(TAB);
    }
    bob.press(DOWN);
    assert_eq!(bob.run("return document.activeElement.value", &[]), "500");
    bob.press(TAB);
    bob.press(TAB);
    bob.press(SPACE);
    invoice(&bob, "invoice-without-script");
    assert_eq!(bob.text("h1"), "Pay 500 sat for 500 MB");
    assert_eq!(bob.text("#copy"), "");
    shop.network.assert_shut(Who::Alice);
    shop.network.assert_shut(Who::Bob);

    pay_all(&mut shop, true);
    alice.wait_for("#state", "Bezahlt, der Zugang öffnet sich gleich");
    arrange(&alice, PHONE, "light");
    alice.picture(&folder().join("opening-320-light.png"), None);
    alice.wait_for("#state", "Sie sind online");
    assert_eq!(alice.text("#status a.main"), "Weiter zu cafe.example");
    alice.picture(&folder().join("continue-320-light.png"), None);
    assert_eq!(alice.text("#left"), "Noch 7 MB");
    assert!(
        alice
            .text("#result")
            .contains("Ihre Zahlung ist angekommen.")
    );
    bob.wait_for("#state", "You are online");
    assert_eq!(bob.text("#left"), "500 MB left");
    shop.network.assert_open(Who::Alice);
    shop.network.assert_open(Who::Bob);
    assert_quiet(&alice, &[]);
    assert_quiet(&bob, &[]);
    drop((alice, bob));
    assert!(daemon.stop().success());
}
