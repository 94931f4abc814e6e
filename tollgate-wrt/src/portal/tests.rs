use std::fs;

use super::*;
use crate::clock::Uptime;
use crate::config;
use crate::config::schema::Metric;
use crate::gate::{Missing, NoGate};
use crate::journal::disk::Directory;
use crate::ledger::Store;
use crate::ledger::record::Record;
use crate::ledger::session::Purchase;

const MAC: &str = "02:00:00:00:00:01";

/// A portal, and what it looks at.
struct Place {
    _root: tempfile::TempDir,
    store: Arc<Store>,
    portal: Portal,
}

impl Place {
    fn new(config: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        for (path, text) in [
            (paths.config(), config),
            (paths.host_name(), "Caf\u{e9} <Luna> & \"Sons\"\n"),
            (
                paths.portal().join("de.json"),
                include_str!("languages/de.json"),
            ),
        ] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (store, _) = Store::open(Directory::open(&paths.money()).unwrap()).unwrap();
        let store = Arc::new(store);
        let uptime = Uptime::new(&paths).unwrap();
        let gate = Arc::new(NoGate::default());
        let keeper = Arc::new(Keeper::new(Arc::clone(&store), gate, uptime));
        let settings = config::load(&paths).unwrap().settings;
        let till = Till::new(
            &settings,
            Arc::clone(&store),
            Arc::clone(&keeper),
            Arc::default(),
        );
        let (portal, warnings) = Portal::new(&paths, &settings, Arc::new(till), keeper);
        assert_eq!(warnings, Vec::<String>::new());
        Self {
            _root: root,
            store,
            portal,
        }
    }

    /// A shop with one mint, which sells bytes.
    fn selling() -> Self {
        Self::new(
            r#"{"redirect_url": "https://cafe.example/a?b=<c>&d", "step_size": 1000000,
                "accepted_mints": [{"url": "https://mint.example/a'b&c", "price_per_step": 2}]}"#,
        )
    }

    /// A customer who has bought and used so many bytes; the gate is open or not.
    fn bought(&self, allotment: u64, used: u64, is_open: bool) {
        let purchase = Purchase {
            metric: Metric::Bytes,
            step: allotment,
            steps: 1,
        };
        let session = Session {
            used,
            running: is_open.then(|| self.portal.keeper.now()),
            ..Session::new(&purchase, 0)
        };
        let mac = MAC.parse().unwrap();
        let record = Record::Session { mac, session };
        self.store.update(|state| state.apply(&record));
    }

    fn page(&self, query: &str) -> String {
        let visit = visit(query);
        match self.portal.show(&visit) {
            Answer::Page(200, page) => page,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&self, refusal: &Refusal) -> (u16, String) {
        let visitor = self.portal.visitor(&visit("lang=de"));
        match self.portal.home(&visitor, Some((refusal, "cashuB<x>"))) {
            Answer::Page(status, page) => (status, page),
            other => panic!("{other:?}"),
        }
    }
}

fn visit(query: &str) -> Visit<'_> {
    Visit {
        mac: Some(MAC.parse().unwrap()),
        query: Some(query),
        languages: None,
    }
}

fn heading(page: &str) -> &str {
    let (_, after) = page.split_once("<span id=\"state\">").unwrap();
    after.split('<').next().unwrap()
}

#[test]
fn how_matters_stand() {
    let shop = Place::selling();
    let page = shop.page("");
    assert_eq!(heading(&page), "You are not online yet");
    assert!(page.contains("2 sat buys 1 MB.") && page.contains("name=\"token\""));
    assert!(!page.contains("id=\"result\""), "{page}");
    // An address alone does not say that something was paid.
    assert!(!shop.page("paid=1").contains("id=\"result\""));
    assert_eq!(heading(&shop.page("was=1")), "Your access is used up");

    shop.bought(10_000_000, 9_000_000, true);
    assert_eq!(heading(&shop.page("")), "You are online");
    let page = shop.page("paid=1&lang=de");
    assert!(page.contains("<h2>Ihre Zahlung ist angekommen.</h2>"));
    assert!(page.contains("Noch 1 MB") && page.contains("9 MB von 10 MB verbraucht"));
    assert!(page.contains("<progress id=\"bar\" max=\"1000\" value=\"100\""));
    assert!(page.contains("href=\"https://cafe.example/a?b=&lt;c&gt;&amp;d\""));
    assert!(page.contains("Weiter zu cafe.example"));
    shop.bought(10_000_000, 9_000_001, true);
    assert_eq!(heading(&shop.page("")), "Almost used up");

    // Paid, and the gate is shut still: there is nothing to do but wait.
    shop.bought(10_000_000, 0, false);
    let page = shop.page("paid=1&lang=de");
    assert_eq!(
        heading(&page),
        "Bezahlt, der Zugang \u{f6}ffnet sich gleich"
    );
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"3;url=./?paid=1&amp;lang=de\">"));
    assert!(!page.contains("<form"));
}

#[test]
fn what_came_of_a_payment_that_took_long() {
    let shop = Place::selling();
    let result = |query: &str| {
        let page = shop.page(query);
        let after = page.split_once("id=\"result\"")?.1.to_owned();
        Some(after.split_once("<h2>")?.1.split('<').next()?.to_owned())
    };
    let refused = Some("This did not work".to_owned());
    let paid = Some("Your payment has arrived.".to_owned());
    assert_eq!(result("wait=0"), refused);
    shop.bought(10_000_000, 0, true);
    assert_eq!(result("wait=0"), paid);
    // A top-up that was none.
    assert_eq!(result("wait=10000000"), refused);
    assert_eq!(result("wait=x"), None);
    assert_eq!(result(""), None);
}

#[test]
fn what_is_missing() {
    let shop = Place::new("{}");
    let page = shop.page("");
    assert_eq!(heading(&page), "Nothing is sold here yet");
    assert!(!page.contains("<form") && page.contains("has not chosen a mint"));

    let shop = Place::selling();
    let unknown = Visit {
        mac: None,
        ..visit("")
    };
    let Answer::Page(200, page) = shop.portal.show(&unknown) else {
        panic!()
    };
    assert!(page.contains("does not know your device") && !page.contains("<form"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_gate_that_does_not_open_is_said() {
    let shop = Place::selling();
    let Place { portal, store, .. } = shop;
    let uptime = Uptime::new(&Paths::new("/nowhere")).unwrap();
    let keeper = Arc::new(Keeper::new(store, Arc::new(Missing::default()), uptime));
    assert!(keeper.ready(MAC.parse().unwrap()).await.is_err());
    let portal = Portal { keeper, ..portal };
    let Answer::Page(_, page) = portal.show(&visit("")) else {
        panic!()
    };
    assert!(
        page.contains("Access cannot be opened at the moment."),
        "{page}"
    );
}

#[test]
fn nothing_from_outside_is_html() {
    let shop = Place::selling();
    let (status, page) = shop.refused(&Refusal::token("a-new-code", "<b>new</b>"));
    assert_eq!(status, 402);
    // What no translation has a text for is said in the protocol's words.
    assert!(page.contains("<p>&lt;b&gt;new&lt;/b&gt;</p>"), "{page}");
    assert!(page.contains(">cashuB&lt;x&gt;</textarea>"));
    let hostile = Refusal::token("c", "t")
        .named("other-mint")
        .with("mint", "\"><script>");
    let (_, page) = shop.refused(&hostile);
    assert!(page.contains("Ecash von &quot;&gt;&lt;script&gt; wird hier nicht"));
    assert!(page.contains("Caf\u{e9} &lt;Luna&gt; &amp; &quot;Sons&quot;"));
    assert!(page.contains(">mint.example/a&#39;b&amp;c<"), "{page}");
    // The query, too.
    for query in [
        "lang=%22%3E%3Cscript%3E",
        "wait=%22%3E%3Cb%3E",
        "quote=%3Cb%3E",
    ] {
        let page = shop.page(query);
        assert!(!page.contains("<script>") && !page.contains("<b>") && !page.contains("<i>"));
    }
    let visit = visit("quote=%22%3E%3Cb%3E&lang=de");
    let Answer::Page(404, page) = shop.portal.show_invoice(&visit) else {
        panic!()
    };
    assert!(page.contains("keine solche Rechnung") && !page.contains("<b>"));
}

#[test]
fn every_refusal_has_a_text() {
    // The names stand in the code as `.named("…")`.
    let sources = [
        include_str!("../payment/busy.rs"),
        include_str!("../payment/invoice.rs"),
        include_str!("../payment/mod.rs"),
        include_str!("../payment/price.rs"),
        include_str!("../payment/refusal.rs"),
        include_str!("../payment/work.rs"),
        include_str!("../http/rejected.rs"),
        include_str!("mod.rs"),
        include_str!("offer.rs"),
    ];
    let languages = Languages::english();
    let english = languages.choose(None, None);
    let mut count = 0;
    for source in sources {
        for part in source.split(".named(\"").skip(1) {
            let name = part.split('"').next().unwrap();
            let text = english.known(&format!("refusal-{name}"));
            assert!(text.is_some(), "no text for {name}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn cents_are_named() {
    let shop = Place::selling();
    let small = Refusal::token("session-error", "t")
        .named("too-small")
        .with("value", "1 usd")
        .with("least", "5 usd");
    let (_, page) = shop.refused(&small);
    assert!(page.contains("bleiben 1 US cent, der kleinste Kauf kostet 5 US cent."));
    let unit = Refusal::token("c", "t")
        .named("other-unit")
        .with("unit", "sat");
    assert!(shop.refused(&unit).1.contains("Bezahlen Sie in sat."));
}

mod repeated;
