//! Whose part of the wallet is how much. Numbers only.

use std::collections::BTreeMap;

/// Shares of 1 are counted in millionths: files have decimal fractions.
const WHOLE: u64 = 1_000_000;

/// What one mint's ecash in the wallet is, in its unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// What the wallet holds and the mint takes.
    pub balance: u64,
    /// What is set aside for payouts of shares that are not settled yet.
    pub under_way: u64,
    /// How much of it is whose.
    pub owed: BTreeMap<String, u64>,
    /// What is to stay.
    pub min_balance: u64,
    /// The balance below which nothing is shared out.
    pub min_payout: u64,
}

/// A part of the profit: a name, and millionths.
pub type Part = (String, u64);

/// Parts out of the fractions of the settings. The same name twice is one part.
pub fn parts<'a>(shares: impl Iterator<Item = (&'a str, f64)>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (name, factor) in shares {
        // The settings were checked: from 0 to 1.
        let millionths = (factor.clamp(0.0, 1.0) * WHOLE as f64).round() as u64;
        match parts.iter_mut().find(|(known, _)| known == name) {
            Some((_, part)) => *part += millionths,
            None => parts.push((name.to_owned(), millionths)),
        }
    }
    parts
}

impl Books {
    /// What is owed to whom once the profit that came since is shared out.
    ///
    /// The first name gets what is left over by rounding. Of a name that has no
    /// part any more, the others get what it was owed.
    pub fn share_out(&self, parts: &[Part]) -> BTreeMap<String, u64> {
        let mut owed: BTreeMap<String, u64> = parts
            .iter()
            .map(|(name, _)| (name.clone(), self.owed.get(name).copied().unwrap_or(0)))
            .collect();
        let whole = self.balance.saturating_add(self.under_way);
        let shared = owed.values().fold(0, |a: u64, b| a.saturating_add(*b));
        let fresh = whole
            .saturating_sub(self.min_balance)
            .saturating_sub(shared);
        if self.balance < self.min_payout || fresh == 0 {
            return owed;
        }
        let mut left = fresh;
        for (name, millionths) in parts.iter().skip(1) {
            let part = u128::from(fresh) * u128::from(*millionths) / u128::from(WHOLE);
            let part = u64::try_from(part).unwrap_or(u64::MAX).min(left);
            left -= part;
            let owed = owed.entry(name.clone()).or_default();
            *owed = owed.saturating_add(part);
        }
        if let Some((first, _)) = parts.first() {
            let owed = owed.entry(first.clone()).or_default();
            *owed = owed.saturating_add(left);
        }
        owed
    }

    /// The most that may leave the wallet now.
    pub fn at_hand(&self) -> u64 {
        self.balance.saturating_sub(self.min_balance)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn books(balance: u64, owed: &[(&str, u64)]) -> Books {
        Books {
            balance,
            under_way: 0,
            owed: owed
                .iter()
                .map(|(name, sum)| ((*name).into(), *sum))
                .collect(),
            min_balance: 64,
            min_payout: 128,
        }
    }

    fn map(owed: &[(&str, u64)]) -> BTreeMap<String, u64> {
        owed.iter()
            .map(|(name, sum)| ((*name).into(), *sum))
            .collect()
    }

    #[test]
    fn profit_is_what_is_above_what_stays_and_what_is_owed() {
        let shares = [("owner", 0.79), ("a", 0.07), ("b", 0.07), ("c", 0.07)];
        let parts = parts(shares.into_iter());
        let owed = books(164, &[]).share_out(&parts);
        assert_eq!(owed, map(&[("owner", 79), ("a", 7), ("b", 7), ("c", 7)]));
        // What could not be paid stays whose it is.
        let later = books(264, &[("a", 7), ("b", 0)]).share_out(&parts);
        let fresh = 200 - 7;
        assert_eq!(later["a"], 7 + fresh * 7 / 100);
        assert_eq!(later.values().sum::<u64>(), 200);
        // Below the least, nothing changes.
        assert_eq!(books(127, &[("a", 7)]).share_out(&parts)["a"], 7);
        assert_eq!(books(127, &[]).share_out(&parts)["owner"], 0);
        // Taken out by the owner: nothing comes until there is more than is owed.
        assert_eq!(
            books(128, &[("a", 70)]).share_out(&parts),
            map(&[("owner", 0), ("a", 70), ("b", 0), ("c", 0)])
        );
        assert_eq!(books(30, &[]).at_hand(), 0);
        // A name that is gone: the others share what it had.
        let gone = books(164, &[("x", 50)]).share_out(&parts);
        assert_eq!(gone.values().sum::<u64>(), 100);
        assert!(!gone.contains_key("x"));
    }

    #[test]
    fn payouts_under_way_are_owed_still() {
        let parts = parts([("owner", 1.0)].into_iter());
        let mut now = books(64, &[("owner", 100)]);
        now.under_way = 100;
        assert_eq!(now.share_out(&parts), map(&[("owner", 100)]));
        now.balance = 164;
        assert_eq!(now.share_out(&parts), map(&[("owner", 200)]));
    }

    #[test]
    fn one_name_twice_is_one_part() {
        assert_eq!(
            parts([("a", 0.25), ("b", 0.5), ("a", 0.25)].into_iter()),
            [("a".to_owned(), 500_000), ("b".to_owned(), 500_000)]
        );
    }

    proptest! {
        #[test]
        fn no_more_is_owed_than_there_is(
            balance in 0u64..100_000,
            before in 0u64..100_000,
            cuts in prop::collection::vec(0u64..1_000_000, 0..4),
        ) {
            let mut cuts: Vec<u64> = cuts;
            cuts.push(0);
            cuts.push(WHOLE);
            cuts.sort_unstable();
            let parts: Vec<Part> = cuts.windows(2).enumerate()
                .map(|(n, cut)| (format!("{n}"), cut[1] - cut[0])).collect();
            let books = books(balance, &[("0", before)]);
            let owed = books.share_out(&parts);
            let total: u64 = owed.values().sum();
            prop_assert!(owed["0"] >= before);
            if balance >= 128 && balance - 64 > before {
                prop_assert_eq!(total, balance - 64);
            } else {
                prop_assert_eq!(total, before);
            }
            // Shared out once, nothing is left to share out.
            let again = Books { owed: owed.clone(), ..books };
            prop_assert_eq!(again.share_out(&parts), owed);
        }
    }
}
