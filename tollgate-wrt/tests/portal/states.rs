//! States of the shop, and languages.

use std::process::Command;

use serde_json::json;

use crate::axe;
use crate::browser::{Browser, is_there};
use crate::common::{Daemon, Root};
use crate::looks::{PHONE, arrange, assert_fits, assert_quiet, folder, look};
use crate::net::network::{Network, portal};
use crate::shop::{faketime, root, start};

/// What the package installs.
const LANGUAGES: [&str; 5] = ["ar", "de", "es", "fr", "pt"];

/// Two mints that are not there, with two units.
const MINTS: &str = r#"{"metric":"milliseconds","step_size":60000,"accepted_mints":[
    {"url":"https://mint.minibits.example/Bitcoin","price_per_step":1},
    {"url":"https://a-mint-with-a-long-name.of-a-long-domain.example/and/a/path","price_per_step":2,"price_unit":"usd","purchase_min_steps":5}]}"#;

fn open(
    network: &Network,
    config: &str,
    prepare: impl FnOnce(&mut Command) + Send,
) -> (Root, Daemon) {
    let root = root(config);
    translate(&root);
    root.write("proc/sys/kernel/hostname", "CafeLuna\n");
    let daemon = start(network, &root, prepare);
    (root, daemon)
}

/// Installs what the package installs.
pub fn translate(root: &Root) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/portal/languages");
    for tag in LANGUAGES {
        let text = std::fs::read_to_string(format!("{folder}/{tag}.json")).unwrap();
        root.write(&format!("usr/share/tollgate-wrt/portal/{tag}.json"), &text);
    }
}

#[test]
fn in_every_language_with_several_mints() {
    let ready = is_there() && axe::script().is_some();
    let Some(network) = Network::new().filter(|_| ready) else {
        return;
    };
    let (_root, daemon) = open(&network, MINTS, |_| ());
    let origin = format!("http://{}", portal());
    let secure = format!("--unsafely-treat-insecure-origin-as-secure={origin}");
    let camera = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        &secure,
    ];
    let browser = Browser::open(&network.alice, &camera);
    browser.go("/portal/");
    assert_eq!(
        browser.text("#note"),
        "The price depends on the mint, see below."
    );
    // Prices follow the mint.
    let prices = || browser.text(".choices");
    assert!(prices().contains("15 min\n15 sat"), "{}", prices());
    browser.click("[name=mint]:not(:checked)");
    assert!(prices().contains("15 min\n30 US cent"), "{}", prices());
    look(&browser, "several");

    browser.click("a[lang=ar]");
    assert_eq!(
        browser.run("return [document.dir, document.documentElement.lang]", &[]),
        json!(["rtl", "ar"])
    );
    look(&browser, "arabic");
    for tag in LANGUAGES {
        browser.click(&format!("a[lang={tag}]"));
        arrange(&browser, PHONE, "light");
        assert_fits(&browser, tag);
        assert_eq!(
            browser.text("footer [aria-current]"),
            browser.text(&format!("footer [lang={tag}]"))
        );
    }

    // The script writes numbers as the server does.
    assert_numbers(&browser);
    scans(&browser);
    assert_quiet(&browser, &[]);

    drop(browser);
    assert!(daemon.stop().success());
}

/// A code is read by the browser where it can. Chromium on Linux cannot: this
/// detector is a double, the camera is Chromium's own test picture.
fn scans(browser: &Browser) {
    browser.go("/portal/?lang=en");
    assert_eq!(browser.text("#scan"), "", "no detector, no button");
    let double = "window.BarcodeDetector = class { detect(video) { return Promise.resolve(
        video.videoWidth && window.shown ? [{ rawValue: 'cashuBcode' }] : []); } }";
    let script = browser.cdp(
        "Page.addScriptToEvaluateOnNewDocument",
        &json!({"source": double}),
    );
    browser.go("/portal/?lang=en");
    assert_eq!(browser.text("#scan"), "Scan a QR code");
    browser.click("#scan");
    browser.wait_for("#scan", "Stop scanning");
    browser.picture(&folder().join("scanning-320-light.png"), None);
    browser.run("window.shown = true", &[]);
    browser.wait("the code", |browser| {
        browser.run("return document.querySelector('#token').value", &[]) == "cashuBcode"
    });
    assert_eq!(browser.text("#scan"), "Scan a QR code");
    assert_eq!(browser.text("#video"), "");
    assert_eq!(
        browser.run("return document.activeElement.id", &[]),
        "token"
    );
    browser.cdp("Page.removeScriptToEvaluateOnNewDocument", &script);
}

/// Amounts of `units.rs`, as the page shows them when the daemon tells them.
fn assert_numbers(browser: &Browser) {
    for (metric, number, shown) in [
        ("bytes", 999_999u64, "999 kB left"),
        ("bytes", 1_999_999, "1.9 MB left"),
        ("bytes", 22_020_096, "22 MB left"),
        ("bytes", 9_999_999_999, "9.9 GB left"),
        ("bytes", 10_000_000_000_000, "10 TB left"),
        ("milliseconds", 59_999, "59 s left"),
        ("milliseconds", 3_599_999, "59 min left"),
        ("milliseconds", 3_600_000, "1 h left"),
        ("milliseconds", 93_900_000, "26:05 h left"),
    ] {
        browser.go("/portal/?lang=en");
        // The answer of the daemon is a double: it has no such session.
        let script =
            "window.fetch = () => Promise.resolve(new Response(JSON.stringify(arguments[0])))";
        let session = json!({
            "session_active": true, "metric": metric, "remaining": number, "allotment": number, "usage": 0,
        });
        browser.run(script, &[session]);
        browser.run("document.dispatchEvent(new Event('visibilitychange'))", &[]);
        browser.wait_for("#left", shown);
    }
}

#[test]
fn a_shop_that_sells_nothing_and_a_device_that_nobody_knows() {
    let ready = is_there() && axe::script().is_some();
    let Some(network) = Network::new().filter(|_| ready) else {
        return;
    };
    let (_root, daemon) = open(&network, "{}", |_| ());
    let browser = Browser::open(&network.alice, &[]);
    browser.go("/portal");
    assert_eq!(browser.place(), "/portal/");
    assert_eq!(browser.text("#state"), "Nothing is sold here yet");
    assert_eq!(browser.text("form"), "");
    look(&browser, "closed");
    drop(browser);
    assert!(daemon.stop().success());

    // The router's own address has no device behind it.
    let (_root, daemon) = open(&network, MINTS, |_| ());
    let browser = Browser::open(&network.router, &[]);
    browser.go("/portal/");
    browser.wait_for("main", "This router does not know your device.");
    assert_eq!(browser.text("form"), "");
    assert_quiet(&browser, &[]);
    drop(browser);
    assert!(daemon.stop().success());

    // Before a router knows the time, it reaches no mint.
    let Some(library) = faketime() else {
        crate::groups::group("chromium", Some("no faketime"));
        return;
    };
    let (_root, daemon) = open(&network, MINTS, |command| {
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME", "-3650d")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    });
    let browser = Browser::open(&network.alice, &[]);
    browser.wait("the mints are missed", |browser| {
        browser.go("/portal/");
        browser.text("main").contains("does not know the time yet")
    });
    look(&browser, "no-clock");
    drop(browser);
    assert!(daemon.stop().success());
}
