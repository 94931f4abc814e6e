//! Payments at work: who waits for which, and how many there may be.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Refusal, Result, Till};
use crate::config::MintUrl;
use crate::ledger::record::TokenId;
use crate::net::Mac;

/// Most payments of a mint at once. One that does not answer holds up no other.
const MAX_PER_MINT: usize = 32;

/// The same for invoices, of which many are never paid.
const MAX_INVOICES: usize = 128;

/// Most payments of a customer at once.
const MAX_PER_MAC: usize = 4;

/// What is paid with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Token,
    /// It may never be paid, and holds up no token.
    Invoice,
    /// Nobody pays: the wallet's own ecash is at work.
    Own,
}

/// A payment at work.
#[derive(Debug)]
pub(super) struct Busy {
    kind: Kind,
    pub(super) mac: Option<Mac>,
    mint: MintUrl,
    pub(super) result: watch::Receiver<Option<Result>>,
}

impl Till {
    /// Starts a task for a payment, which ends when its outcome is known.
    pub(super) fn start<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        busy: &mut HashMap<TokenId, Busy>,
        (id, kind, mac, mint): (TokenId, Kind, Option<Mac>, MintUrl),
        task: impl FnOnce(Arc<Self>, Answer) -> F,
    ) -> watch::Receiver<Option<Result>> {
        let (sender, result) = watch::channel(None);
        let entry = Busy {
            kind,
            mac,
            mint,
            result: result.clone(),
        };
        busy.insert(id, entry);
        let answer = Answer {
            sender,
            busy: Leave {
                till: Arc::clone(self),
                id,
            },
        };
        tokio::spawn(task(Arc::clone(self), answer));
        result
    }

    /// Whether a token of this customer is at work.
    pub fn is_paying(&self, mac: Mac) -> bool {
        let busy = self.busy();
        let mut all = busy.values();
        all.any(|busy| busy.kind == Kind::Token && busy.mac == Some(mac))
    }

    pub(super) fn busy(&self) -> MutexGuard<'_, HashMap<TokenId, Busy>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a payment's outcome is told.
#[derive(Debug)]
pub(super) struct Answer {
    sender: watch::Sender<Option<Result>>,
    #[expect(dead_code, reason = "dropped")]
    busy: Leave,
}

impl Answer {
    /// Tells it; the first outcome counts.
    pub(super) fn give(&self, result: Result) {
        self.sender.send_if_modified(|given| {
            let is_first = given.is_none();
            if is_first {
                *given = Some(result);
            }
            is_first
        });
    }
}

/// Ends a payment's place among those at work.
#[derive(Debug)]
struct Leave {
    till: Arc<Till>,
    id: TokenId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.till.busy().remove(&self.id);
    }
}

/// Whether there is room for one more payment.
pub(super) fn admit(
    busy: &HashMap<TokenId, Busy>,
    kind: Kind,
    mac: Option<Mac>,
    mint: &MintUrl,
) -> std::result::Result<(), Refusal> {
    let alike = || busy.values().filter(|busy| busy.kind == kind);
    let of_mint = alike().filter(|busy| busy.mint == *mint).count();
    let of_mac = alike().filter(|busy| busy.mac == mac).count();
    if of_mac >= MAX_PER_MAC {
        let (text, name) = match kind {
            Kind::Invoice => (
                "You have several unpaid invoices. Pay one of them, or try again when they have expired.",
                "invoices",
            ),
            _ => (
                "Your earlier payments are not done yet. Nothing is spent; try again later.",
                "unfinished",
            ),
        };
        return Err(Refusal::busy(text).named(name));
    }
    let most = match kind {
        Kind::Token | Kind::Own => MAX_PER_MINT,
        Kind::Invoice => MAX_INVOICES,
    };
    if of_mint >= most {
        return Err(Refusal::queue());
    }
    Ok(())
}
