mod model;

use super::record::Payout;
use super::session::Purchase;
use super::*;
use crate::config::schema::Metric;

fn moment(boot: u64, millis: u64) -> Moment {
    Moment { boot, millis }
}

fn purchase(metric: Metric, step: u64, steps: u64) -> Purchase {
    Purchase {
        metric,
        step,
        steps,
    }
}

fn mac(number: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, number]).unwrap()
}

fn mint() -> MintUrl {
    "https://mint.example".parse().unwrap()
}

fn proof(number: u32, amount: u64) -> Proof {
    let key = cashu::SecretKey::from_slice(&[7; 32]).unwrap().public_key();
    let id: Id = "009a1f293253e41e".parse().unwrap();
    let secret = Secret::new(format!("{number:064x}"));
    Proof::new(Amount::from(amount), id, secret, key)
}

fn intent(number: u32, mac: Mac, purchase: Purchase) -> Intent {
    let inputs = vec![proof(number, 8)];
    Intent {
        id: TokenId::of(inputs.iter().map(|proof| &proof.secret)),
        purpose: Purpose::Payment { mac, purchase },
        mint: mint(),
        unit: CurrencyUnit::Sat,
        inputs,
        invoice: None,
        restored: false,
        outputs: Vec::new(),
        time: 0,
    }
}

fn settled(intent: &Intent, proofs: Vec<Proof>, now: Moment) -> Record {
    Record::Settled {
        id: intent.id,
        proofs,
        time: 1_700_000_000,
        now,
    }
}

fn json(record: &Record) -> Record {
    serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
}

#[test]
fn a_top_up_adds_to_what_remains() {
    let minute = purchase(Metric::Milliseconds, 60_000, 1);
    let mut session = Session::new(&minute, 5);
    session.open(0, moment(1, 1_000));
    assert_eq!(session.used_at(moment(1, 41_000)), 40_000);
    session.add(&minute, moment(1, 41_000));
    assert_eq!(session.allotment, 120_000);
    assert_eq!(session.remaining_at(moment(1, 41_000)), 80_000);
    assert_eq!(session.remaining_at(moment(1, 120_999)), 1);
    // A session that was over for a while is not begun in the past.
    assert_eq!(session.remaining_at(moment(1, 500_000)), 0);
    session.add(&minute, moment(1, 500_000));
    assert_eq!(session.remaining_at(moment(1, 500_000)), 60_000);
    assert_eq!((session.allotment, session.started), (180_000, 5));
}

#[test]
fn what_is_written_late_is_not_counted_twice() {
    let minute = purchase(Metric::Milliseconds, 60_000, 1);
    let mut session = Session::new(&minute, 0);
    session.open(0, moment(1, 0));
    // The disk was full for a while: the payment is from before this count.
    session.count(None, moment(1, 30_000));
    session.add(&minute, moment(1, 10_000));
    session.count(None, moment(1, 20_000));
    assert_eq!(session.remaining_at(moment(1, 40_000)), 80_000);
}

#[test]
fn without_access_nothing_is_used_up() {
    let mut session = Session::new(&purchase(Metric::Milliseconds, 60_000, 1), 0);
    assert_eq!(session.remaining_at(moment(1, 9_000_000)), 60_000);
    session.open(0, moment(1, 9_000_000));
    session.count(None, moment(1, 9_010_000));
    // The router was off, nobody knows how long.
    session.resume(moment(2, 3));
    assert_eq!(session.running, None);
    assert_eq!(session.remaining_at(moment(2, 5_000_000)), 50_000);
    session.open(0, moment(2, 5_000_000));
    assert_eq!(session.remaining_at(moment(2, 5_001_000)), 49_000);
    // A restart of the daemon alone stops nothing.
    session.resume(moment(2, 5_002_000));
    assert_eq!(session.remaining_at(moment(2, 5_002_000)), 48_000);
}

#[test]
fn bytes_are_counted_from_where_the_gate_stood() {
    let mut session = Session::new(&purchase(Metric::Bytes, 100, 10), 0);
    session.count(Some(5_000), moment(1, 0));
    assert_eq!(session.used, 0);
    session.open(5_000, moment(1, 1));
    session.count(Some(5_300), moment(1, 2));
    session.count(None, moment(1, 3));
    assert_eq!(session.used, 300);
    // The gate was restarted, and has counted 50 since.
    session.count(Some(50), moment(1, 4));
    assert_eq!(session.used, 350);
    session.count(Some(u64::MAX), moment(1, 5));
    assert_eq!(session.remaining_at(moment(1, 5)), 0);
}

#[test]
fn another_metric_keeps_the_steps() {
    let mut session = Session::new(&purchase(Metric::Bytes, 100, 10), 0);
    session.open(0, moment(1, 0));
    session.count(Some(250), moment(1, 0));
    session.add(&purchase(Metric::Milliseconds, 60_000, 2), moment(1, 10));
    // 7.5 steps are left, the half one counts as a whole.
    assert_eq!(session.allotment, 10 * 60_000);
    assert_eq!(session.remaining_at(moment(1, 1_010)), 599_000);
}

#[test]
fn a_token_is_named_by_its_secrets() {
    let [a, b] = ["a", "b"].map(Secret::new);
    assert_eq!(TokenId::of([&a, &b]), TokenId::of([&b, &a]));
    assert_ne!(TokenId::of([&a, &b]), TokenId::of([&Secret::new("ab")]));
    assert_ne!(TokenId::of([&a]), TokenId::of([&a, &a]));
    let id = TokenId::of([&a]);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!("x".parse::<TokenId>().is_err());
}

#[test]
fn receipts_are_bounded_and_found() {
    let mut state = State::default();
    let step = purchase(Metric::Bytes, 1, 1);
    for number in 0..u32::try_from(MAX_RECEIPTS).unwrap() + 10 {
        let intent = intent(number, mac(1), step);
        state.apply(&Record::Intent(intent.clone()));
        state.apply(&settled(&intent, Vec::new(), moment(1, 0)));
    }
    assert_eq!(state.receipts.len(), MAX_RECEIPTS);
    assert!(state.receipt(intent(0, mac(1), step).id).is_none());
    let last = state.receipt(intent(1_009, mac(1), step).id).unwrap();
    assert_eq!(last.allotment, 1_010);
}

/// Whatever is tried with it, the flash of a router holds.
#[tokio::test]
async fn what_comes_to_nothing_does_not_fill_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let disk = crate::journal::disk::Directory::open(directory.path()).unwrap();
    let (store, _) = Store::open(disk).unwrap();
    let mut most = 0;
    for number in 0..60 {
        let mut intent = intent(number, mac(1), purchase(Metric::Bytes, 1, 1));
        intent.inputs[0].secret = Secret::new("x".repeat(60_000));
        let refused = Record::Refused { id: intent.id };
        for record in [Record::Intent(intent), refused] {
            let written = store.commit(crate::journal::When::Now, |_| (vec![record], ()));
            written.await.unwrap();
            most = most.max(store.size());
        }
    }
    assert!(most > 400_000 && most <= 512 * 1024, "{most}");
    let file = std::fs::metadata(directory.path().join("journal")).unwrap();
    assert_eq!(file.len(), store.size());
}
