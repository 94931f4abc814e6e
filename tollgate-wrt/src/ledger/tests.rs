use std::collections::BTreeMap;

use proptest::prelude::*;

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
        inputs,
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

/// What can be done to the ledger, by small numbers.
#[derive(Debug, Clone)]
enum Deed {
    Intend(u32, u8),
    Settle(u32),
    Refuse(u32),
    Open(u8),
    Pass(u32),
    Reboot,
    Close(u8),
    Send,
    Repeat,
    Rewrite,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..12u32, 0..3u8).prop_map(|(token, who)| Deed::Intend(token, who)),
        (0..12u32).prop_map(Deed::Settle),
        (0..12u32).prop_map(Deed::Refuse),
        (0..3u8).prop_map(Deed::Open),
        (0..50_000u32).prop_map(Deed::Pass),
        Just(Deed::Reboot),
        (0..3u8).prop_map(Deed::Close),
        Just(Deed::Send),
        Just(Deed::Repeat),
        Just(Deed::Rewrite),
    ]
}

/// The same in the fewest words: sums only.
#[derive(Debug, Default)]
struct Model {
    /// Token: who pays, while it is pending.
    pending: BTreeMap<u32, u8>,
    credited: Vec<u32>,
    /// Who: remaining milliseconds, and whether they run.
    left: BTreeMap<u8, (u64, bool)>,
    wallet: u64,
    sent: u64,
}

const STEP: u64 = 60_000;

proptest! {
    #[test]
    fn it_does_what_a_model_does(deeds in prop::collection::vec(deed(), 0..80)) {
        let minute = purchase(Metric::Milliseconds, STEP, 1);
        let (mut state, mut model) = (State::default(), Model::default());
        let (mut now, mut history) = (moment(1, 0), Vec::<Record>::new());
        for deed in deeds {
            let mut record = None;
            match deed {
                Deed::Intend(token, who) => {
                    record = Some(Record::Intent(intent(token, mac(who), minute)));
                    if !model.credited.contains(&token) {
                        model.pending.insert(token, who);
                    }
                }
                Deed::Settle(token) => {
                    let proofs = vec![proof(token + 1_000, 8)];
                    record = Some(settled(&intent(token, mac(0), minute), proofs, now));
                    if let Some(who) = model.pending.remove(&token) {
                        model.credited.push(token);
                        model.wallet += 8;
                        model.left.entry(who).or_default().0 += STEP;
                    }
                }
                Deed::Refuse(token) => {
                    let id = intent(token, mac(0), minute).id;
                    record = Some(Record::Refused { id });
                    model.pending.remove(&token);
                }
                Deed::Open(who) => {
                    record = Some(Record::Opened { mac: mac(who), counter: 0, now });
                    if let Some(left) = model.left.get_mut(&who) {
                        left.1 = true;
                    }
                }
                Deed::Pass(millis) => {
                    now.millis += u64::from(millis);
                    for (left, _) in model.left.values_mut().filter(|left| left.1) {
                        *left = left.saturating_sub(millis.into());
                    }
                }
                Deed::Reboot => {
                    // The usage until then was written down.
                    let known: Vec<_> = state.sessions.keys().copied().collect();
                    for mac in known {
                        state.count(mac, None, now);
                        let session = state.sessions[&mac].clone();
                        history.push(Record::Session { mac, session });
                    }
                    now = moment(now.boot + 1, 7);
                    state.resume(now);
                    model.left.values_mut().for_each(|left| left.1 = false);
                }
                Deed::Close(who) => {
                    record = Some(Record::Closed { mac: mac(who) });
                    model.left.remove(&who);
                }
                Deed::Send => {
                    let proofs = state.proofs(&mint());
                    let id = TokenId::of(proofs.iter().map(|proof| &proof.secret));
                    if !proofs.is_empty() {
                        record = Some(Record::Sent(Sent { id, mint: mint(), proofs, time: 0 }));
                    }
                    model.sent += model.wallet;
                    model.wallet = 0;
                }
                Deed::Repeat => record = history.iter().rev()
                    .find(|record| !matches!(record, Record::Session { .. } | Record::Closed { .. }
                        | Record::Intent(_) | Record::Opened { .. } | Record::Refused { .. }))
                    .filter(|record| !matches!(record, Record::Settled { id, .. } if state.pending(*id).is_some()))
                    .cloned(),
                Deed::Rewrite => history = state.records(),
            }
            if let Some(record) = record {
                let record = json(&record);
                state.apply(&record);
                history.push(record);
            }

            let pending: Vec<TokenId> = state.pending.keys().copied().collect();
            let mut expected: Vec<TokenId> = model.pending.keys()
                .map(|token| intent(*token, mac(0), minute).id).collect();
            expected.sort_unstable();
            prop_assert_eq!(pending, expected);
            let balance: u64 = state.balances().map(|(_, balance)| balance).sum();
            prop_assert_eq!(balance, model.wallet);
            let sent = state.sent().flat_map(|sent| &sent.proofs);
            prop_assert_eq!(sent.map(|proof| u64::from(proof.amount)).sum::<u64>(), model.sent);
            for who in 0..3 {
                let left = state.session(mac(who)).map(|session| session.remaining_at(now));
                prop_assert_eq!(left, model.left.get(&who).map(|left| left.0));
            }
            for token in &model.credited {
                prop_assert!(state.receipt(intent(*token, mac(0), minute).id).is_some());
            }
        }
        // A crash, and everything is read again.
        let mut again = State::default();
        for record in &history {
            again.apply(record);
        }
        again.resume(now);
        prop_assert_eq!(again.pending, state.pending);
        prop_assert_eq!(again.purse, state.purse);
        prop_assert_eq!(again.sent, state.sent);
        prop_assert_eq!(again.receipts, state.receipts);
        for (mac, session) in &state.sessions {
            let left = again.sessions[mac].remaining_at(now);
            prop_assert_eq!(left, session.remaining_at(now));
        }
    }
}
