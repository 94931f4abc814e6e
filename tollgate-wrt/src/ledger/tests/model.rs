//! The ledger beside a model of it, which has sums only.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

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
    Owe(u64),
    PayOut(usize),
    PaidOut(u64),
    NotPaid,
    Lose(usize),
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
        (0..200u64).prop_map(Deed::Owe),
        (0..4usize).prop_map(Deed::PayOut),
        (0..9u64).prop_map(Deed::PaidOut),
        Just(Deed::NotPaid),
        (0..4usize).prop_map(Deed::Lose),
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
    /// Ecash that is under way, and whose share it pays.
    paying: Vec<(TokenId, u64)>,
    owed: u64,
    /// What arrived, and what it cost.
    paid: u64,
    cost: u64,
    lost: u64,
    gained: u64,
}

/// A payout of the owner's share with these pieces; all but 2 arrive.
fn payout(inputs: Vec<Proof>) -> Intent {
    Intent {
        purpose: Purpose::Payout(Payout {
            share: Some("owner".into()),
            address: "owner@pay.example".into(),
            quote: "q".into(),
            request: "lnbc1".into(),
            amount: sum(&inputs) - 2,
            fee_reserve: 1,
            expiry: 0,
        }),
        id: TokenId::of(inputs.iter().map(|proof| &proof.secret)),
        inputs,
        ..intent(0, mac(0), purchase(Metric::Bytes, 1, 1))
    }
}

const STEP: u64 = 60_000;

proptest! {
    #[test]
    fn it_does_what_a_model_does(deeds in prop::collection::vec(deed(), 0..80)) {
        let minute = purchase(Metric::Milliseconds, STEP, 1);
        let (mut state, mut model) = (State::default(), Model::default());
        let (mut now, mut history) = (moment(1, 0), Vec::<Record>::new());
        let mut fresh = 0;
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
                        model.gained += 8;
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
                    let proofs = state.proofs(&(mint(), CurrencyUnit::Sat));
                    let id = TokenId::of(proofs.iter().map(|proof| &proof.secret));
                    if !proofs.is_empty() {
                        record = Some(Record::Sent(Sent { id, mint: mint(), unit: CurrencyUnit::Sat, proofs, time: 0 }));
                    }
                    model.sent += model.wallet;
                    model.wallet = 0;
                }
                Deed::Owe(owed) => {
                    let owed_to = [("owner".to_owned(), owed)].into();
                    record = Some(Record::Owed { mint: mint(), unit: CurrencyUnit::Sat, owed: owed_to });
                    model.owed = owed;
                }
                Deed::PayOut(count) => {
                    let mut inputs = state.proofs(&(mint(), CurrencyUnit::Sat));
                    inputs.truncate(count);
                    // Change can be less than a payout's fees.
                    if sum(&inputs) >= 2 {
                        let intent = payout(inputs);
                        let total = sum(&intent.inputs);
                        model.wallet -= total;
                        model.paying.push((intent.id, total));
                        record = Some(Record::Intent(intent));
                    }
                }
                Deed::PaidOut(change) => {
                    if let Some((id, total)) = model.paying.pop() {
                        fresh += 1;
                        let change = change.min(2);
                        let proofs = vec![proof(10_000 + fresh, change)];
                        record = Some(Record::Settled { id, proofs, time: 0, now });
                        model.wallet += change;
                        model.owed = model.owed.saturating_sub(total - change);
                        model.paid += total - 2;
                        model.cost += total - change;
                    }
                }
                Deed::NotPaid => {
                    if let Some((id, total)) = model.paying.pop() {
                        record = Some(Record::Refused { id });
                        model.wallet += total;
                    }
                }
                Deed::Lose(count) => {
                    let mut lost = state.proofs(&(mint(), CurrencyUnit::Sat));
                    lost.truncate(count);
                    model.wallet -= sum(&lost);
                    model.lost += sum(&lost);
                    let secrets = lost.into_iter().map(|proof| proof.secret).collect();
                    record = Some(Record::Gone { mint: mint(), unit: CurrencyUnit::Sat, secrets });
                }
                Deed::Repeat => record = history.iter().rev()
                    .find(|record| !matches!(record, Record::Session { .. } | Record::Closed { .. }
                        | Record::Intent(_) | Record::Opened { .. } | Record::Refused { .. }
                        // What was taken out of the wallet since would be there again.
                        | Record::Owed { .. } | Record::Proofs { .. }))
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
            expected.extend(model.paying.iter().map(|(id, _)| *id));
            expected.sort_unstable();
            prop_assert_eq!(pending, expected);
            let balance: u64 = state.balances().map(|(_, balance)| balance).sum();
            prop_assert_eq!(balance, model.wallet);
            let sent = state.sent().flat_map(|sent| &sent.proofs);
            prop_assert_eq!(sent.map(|proof| u64::from(proof.amount)).sum::<u64>(), model.sent);
            let owed = state.owed(&(mint(), CurrencyUnit::Sat));
            prop_assert_eq!(owed.values().sum::<u64>(), model.owed);
            if state.paid().count() < MAX_PAID {
                prop_assert_eq!(state.paid().map(|paid| paid.amount).sum::<u64>(), model.paid);
                let cost = state.paid().map(|paid| paid.amount + paid.fee);
                prop_assert_eq!(cost.sum::<u64>(), model.cost);
            }
            let under_way: u64 = model.paying.iter().map(|(_, total)| total).sum();
            prop_assert_eq!(model.gained, model.wallet + model.sent + model.cost + model.lost + under_way);
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
        prop_assert_eq!(again.purses, state.purses);
        prop_assert_eq!(again.sent, state.sent);
        prop_assert_eq!(again.owed, state.owed);
        prop_assert_eq!(again.paid, state.paid);
        prop_assert_eq!(again.receipts, state.receipts);
        for (mac, session) in &state.sessions {
            let left = again.sessions[mac].remaining_at(now);
            prop_assert_eq!(left, session.remaining_at(now));
        }
    }
}
