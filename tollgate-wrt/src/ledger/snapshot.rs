//! The state as the fewest records that add up to it.

use super::State;
use super::record::Record;

/// Most pieces of ecash in one record, so that no line gets long.
const CHUNK: usize = 32;

impl State {
    /// Records that make this state out of an empty one.
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (purse, _) in self.balances() {
            let proofs = self.proofs(purse);
            let (mint, unit) = purse;
            records.extend(proofs.chunks(CHUNK).map(|proofs| Record::Proofs {
                mint: mint.clone(),
                unit: unit.clone(),
                proofs: proofs.to_vec(),
            }));
        }
        records.extend(self.sent.values().cloned().map(Record::Sent));
        records.extend(self.receipts.iter().copied().map(Record::Receipt));
        records.extend(self.paid.iter().cloned().map(Record::Paid));
        records.extend(self.owed.iter().map(|((mint, unit), owed)| Record::Owed {
            mint: mint.clone(),
            unit: unit.clone(),
            owed: owed.clone(),
        }));
        records.extend(self.pending.values().cloned().map(Record::Intent));
        for (purse, _) in self.unchecked() {
            let proofs = self.unchecked_proofs(purse, usize::MAX);
            let (mint, unit) = purse;
            records.extend(proofs.chunks(CHUNK).map(|proofs| Record::Restored {
                mint: mint.clone(),
                unit: unit.clone(),
                proofs: proofs.to_vec(),
            }));
        }
        records.extend(self.sessions().map(|(mac, session)| Record::Session {
            mac,
            session: session.clone(),
        }));
        records
    }
}
