//! Payouts: the mint pays a Lightning invoice with the wallet's ecash.
//!
//! The intent (ecash, quote, blank outputs for the change) is written before
//! the mint is asked to pay. From then on the ecash is set aside until it is
//! known for good what became of it, however long that takes.

use std::sync::Arc;
use std::time::Duration;

use log::{debug, warn};
use tokio::time::{Instant, sleep};

use super::work::{FIRST_PAUSE, LAST_PAUSE, wall_time};
use super::{Answer, Refusal, Till, outcome};
use crate::ledger;
use crate::ledger::record::{Intent, Payout, Purpose, Record};
use crate::wallet::{Connection, Melted, Mint};

/// How long after an invoice's end it is believed that nobody can pay it any
/// more, and how long it has to be watched for that, in seconds. Clocks differ.
const GRACE: u64 = 600;

/// How long after an intent no request of it can be under way to the mint any
/// more, in seconds.
const LONGEST: u64 = 86_400;

impl Till {
    /// Makes a payout, and writes `also` down in the same step as its intent.
    ///
    /// # Errors
    /// Why it was not made, or is not yet.
    pub async fn pay_out(
        self: &Arc<Self>,
        mint: Arc<Mint>,
        connection: Connection,
        intent: Intent,
        also: impl FnOnce(&ledger::State) -> Vec<Record>,
    ) -> Result<(), Refusal> {
        let task = |till: Arc<Self>, intent: Intent, answer: Answer| async move {
            if let Purpose::Payout(payout) = &intent.purpose {
                till.melt(&mint, Some(connection), &intent, payout, &answer)
                    .await;
            }
        };
        let result = self.begin(intent, also, task).await?;
        outcome(result).await.map(|_| ())
    }

    /// From the request for payment (none for an intent of an earlier run, which
    /// may have asked) to the end.
    pub(super) async fn melt(
        &self,
        mint: &Mint,
        connection: Option<Connection>,
        intent: &Intent,
        payout: &Payout,
        answer: &Answer,
    ) {
        let start = Instant::now();
        let is_over = || {
            // Some invoices last for years, and requests do not.
            let end = payout.expiry.saturating_add(GRACE);
            let end = end.min(intent.time.saturating_add(LONGEST));
            // A clock that jumps ends nothing.
            wall_time() > end && start.elapsed() > Duration::from_secs(GRACE)
        };
        let mut melted = match connection {
            Some(connection) => mint.melt_first(connection, intent, payout).await,
            None => mint.melt_again(intent, payout, is_over()).await,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            match melted {
                Melted::Done(change) => return self.credit(intent, change, answer).await,
                Melted::Refused(error) => return self.give_back(intent, &error, answer).await,
                Melted::Gone(error) => {
                    self.lose(intent, &intent.inputs).await;
                    let text = error.to_string();
                    return answer.give(Err(Refusal::token("session-error", text)));
                }
                // Lightning can take days; the log is small.
                Melted::Unknown(error) if pause < LAST_PAUSE => {
                    warn!(mint:% = intent.mint, to = payout.address.as_str(), error:%; "a payout is pending");
                }
                Melted::Unknown(error) => {
                    debug!(mint:% = intent.mint, to = payout.address.as_str(), error:%; "a payout is pending");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
            melted = mint.melt_again(intent, payout, is_over()).await;
        }
    }
}
