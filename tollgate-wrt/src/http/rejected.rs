//! Requests whose bodies are not read.

use crate::payment::Refusal;

/// Why the body of a request is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// In so many seconds it may be.
    Later(u64),
    /// It is larger than 1 MiB.
    TooLarge,
    /// It did not come whole, or not in time.
    Broken,
}

impl Rejected {
    /// The same in the protocol's words.
    pub(super) fn refusal(self) -> Refusal {
        let (status, refusal) = match self {
            Self::Later(seconds) => {
                let text = format!(
                    "Too many payments. Try again in {seconds} seconds; your token is not spent."
                );
                let refusal = Refusal::unavailable(text).named("too-many");
                (429, refusal.with("seconds", seconds))
            }
            Self::TooLarge => {
                let text = "This is larger than 1 MiB.";
                (
                    413,
                    Refusal::request("invalid-request", text).named("too-large"),
                )
            }
            Self::Broken => {
                let text = "The request did not come whole and in time.";
                (
                    408,
                    Refusal::request("invalid-request", text).named("broken"),
                )
            }
        };
        Refusal { status, ..refusal }
    }
}
