//! What a page looks like, and whether everybody can use it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::axe;
use crate::browser::Browser;

/// The narrowest phone, and a desk.
pub const PHONE: u32 = 320;
pub const DESK: u32 = 1280;

/// Where the pictures are.
pub fn folder() -> PathBuf {
    // target/debug/deps/portal-…
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("portal");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Makes the window so wide, for eyes that like it light or dark.
pub fn arrange(browser: &Browser, width: u32, scheme: &str) {
    let is_phone = width == PHONE;
    let metrics = json!({
        "width": width,
        "height": if is_phone { 568 } else { 900 },
        "deviceScaleFactor": if is_phone { 2 } else { 1 },
        "mobile": is_phone,
    });
    browser.cdp("Emulation.setDeviceMetricsOverride", &metrics);
    let scheme = json!({"features": [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]});
    browser.cdp("Emulation.setEmulatedMedia", &scheme);
}

/// Looks at a page, on a phone and at a desk, by day and by night.
pub fn look(browser: &Browser, name: &str) {
    for width in [PHONE, DESK] {
        for scheme in ["light", "dark"] {
            arrange(browser, width, scheme);
            let place = format!("{name}, {width}, {scheme}");
            let file = folder().join(format!("{name}-{width}-{scheme}.png"));
            browser.picture(&file, None);
            assert_fits(browser, &place);
            // Its rules are the same for both, but for colours and room.
            if (width == PHONE) == (scheme == "light") {
                assert_usable(browser, &place);
            }
        }
    }
    arrange(browser, PHONE, "light");
}

/// Nothing is wider than the window, and the name stands where the page begins.
pub fn assert_fits(browser: &Browser, place: &str) {
    let script = "
        const wide = document.documentElement.clientWidth;
        const out = [...document.querySelectorAll('body *')].filter((e) =>
            e.checkVisibility() && !e.closest('.said') && e.getBoundingClientRect().right > wide + 0.5);
        const edges = (selector) => {
            const box = document.querySelector(selector).getBoundingClientRect();
            return Math.round(box.left) + ' to ' + Math.round(box.right);
        };
        const [name, page] = [edges('header'), edges('main > :not([hidden])')];
        if (name !== page) return ['the name: ' + name, 'the page: ' + page];
        return [document.documentElement.scrollWidth - wide, ...out.map((e) => e.outerHTML.slice(0, 200))];";
    assert_eq!(browser.run(script, &[]), json!([0]), "{place}");
}

/// axe-core finds nothing, and fingers meet what they aim at: 44 pixels.
fn assert_usable(browser: &Browser, place: &str) {
    let script = "
        return [...document.querySelectorAll('a, button, input, textarea, summary, label.choice')]
            .filter((e) => e.checkVisibility() && !e.closest('p.open'))
            .filter((e) => { const box = e.getBoundingClientRect(); return box.height < 43.5 || box.width < 43.5; })
            .map((e) => e.outerHTML.slice(0, 200));";
    assert_eq!(browser.run(script, &[]), json!([]), "too small: {place}");
    browser.run(axe::script().unwrap(), &[]);
    let script = "
        const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then(
            (found) => done(found.violations.map((v) => [v.id, ...v.nodes.map((n) => n.html + n.failureSummary)])),
            (error) => done(String(error)));";
    let found = browser.run_later(script, &[]);
    assert_eq!(found, json!([]), "{place}: {found:#}");
}

/// Nothing was complained of in the console, and nothing was asked of others
/// than the router; how many bytes came, in all.
pub fn assert_quiet(browser: &Browser, expected: &[&str]) -> u64 {
    let console = browser.log("browser");
    let is_odd = |entry: &&Value| {
        let message = entry["message"].as_str().unwrap();
        !expected.iter().any(|expected| message.contains(expected))
    };
    let odd: Vec<_> = console.iter().filter(is_odd).collect();
    assert!(odd.is_empty(), "{odd:#?}");
    let (mut bytes, mut own_requests) = (0, Vec::new());
    for entry in browser.log("performance") {
        let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
        let (method, parameters) = (&message["message"]["method"], &message["message"]["params"]);
        match method.as_str().unwrap() {
            "Network.requestWillBeSent" => {
                let url = parameters["request"]["url"].as_str().unwrap();
                let own = format!("http://{}/", crate::net::network::portal());
                // What Chromium shows before it is told to go anywhere.
                let is_inside = ["data:", "chrome://"]
                    .iter()
                    .any(|scheme| url.starts_with(scheme));
                assert!(url.starts_with(&own) || is_inside, "{url}");
                assert!(!url.contains("cashu"), "a token in an address: {url}");
                if !is_inside {
                    own_requests.push(parameters["requestId"].clone());
                }
            }
            "Network.loadingFinished" if own_requests.contains(&parameters["requestId"]) => {
                bytes += parameters["encodedDataLength"].as_f64().unwrap() as u64;
            }
            _ => {}
        }
    }
    bytes
}
