//! Why a payment is not accepted, in the protocol's words.

use crate::nostr::tollgate::Level;
use crate::wallet::MintError;
use crate::wallet::error::code;
use crate::wallet::token::Fault;

/// An answer other than a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP's word for it.
    pub status: u16,
    /// How bad it is: after a warning the same token can be tried again.
    pub level: Level,
    /// The protocol's word for it.
    pub code: &'static str,
    /// For people.
    pub text: String,
    /// The portal's name of it: the text of a translation, finer than the
    /// protocol's. Empty where there is none, so that `text` is shown.
    pub key: &'static str,
    /// What that text has to name.
    pub values: Vec<(&'static str, String)>,
}

impl Refusal {
    fn new(status: u16, level: Level, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            level,
            code,
            text: text.into(),
            key: "",
            values: Vec::new(),
        }
    }

    /// With the portal's name of it.
    pub fn named(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }

    /// With something that its text in the portal names.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// The request is none.
    pub fn request(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(400, Level::Error, code, text)
    }

    /// The token is none that can be paid with here.
    pub fn token(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(402, Level::Error, code, text)
    }

    /// The mint makes no invoice: a wrong request, as the portal knows it.
    pub fn no_invoice(text: impl Into<String>) -> Self {
        Self::new(400, Level::Warning, "payment-processing-failed", text)
    }

    /// It is too much at the moment.
    pub fn busy(text: impl Into<String>) -> Self {
        Self::new(429, Level::Warning, "mint-rate-limited", text)
    }

    /// Mints have too much to answer first.
    pub fn queue() -> Self {
        let text = "Too many payments are waiting for the mint. Nothing is spent; try again later.";
        Self::busy(text).named("queue")
    }

    /// The router cannot do it now. The token was not touched.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(500, Level::Warning, "service-unavailable", text)
    }

    /// The mint cannot be reached before the network has told the time.
    pub fn unset_clock() -> Self {
        let text = "This router's clock is not set yet, so that the mint cannot be reached. Your token is not spent; try again in a minute.";
        Self::new(500, Level::Warning, "payment-processing-failed", text).named("clock")
    }

    /// The payment goes on.
    pub fn pending() -> Self {
        let text = "The mint has not answered yet. As soon as it does, your payment is credited; do not spend this token elsewhere.";
        Self::new(500, Level::Warning, "payment-processing-timeout", text).named("pending")
    }

    /// Whether it is only not known yet what comes of it.
    pub fn is_pending(&self) -> bool {
        self.code == Self::pending().code
    }

    /// The money is there, access is not.
    pub fn unopened() -> Self {
        let text = "Your payment is credited, but access could not be opened yet. It is opened as soon as possible; nothing is used up until then.";
        Self::new(500, Level::Warning, "session-error", text).named("unopened")
    }

    /// The token was spent by somebody.
    pub fn spent() -> Self {
        Self::token("payment-error-token-spent", "This token is already spent.").named("spent")
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let (key, text) = match fault {
            Fault::NoToken => ("no-token", "This is no Cashu token."),
            Fault::Contents => (
                "contents",
                "This token holds no ecash, too many pieces of it, or one twice.",
            ),
            Fault::SeveralMints => (
                "several-mints",
                "This token is of several mints. Send one for each.",
            ),
            Fault::Locked => (
                "locked",
                "This token is locked to somebody's key. Send one that is not.",
            ),
            Fault::Keyset => ("keyset", "The mint does not know this token's keyset."),
        };
        Self::token("payment-error-invalid-token", text).named(key)
    }
}

impl From<&MintError> for Refusal {
    /// By the kind and the number of an error, never by its text. None of them
    /// says anything about the next payment with the same mint.
    fn from(error: &MintError) -> Self {
        match error {
            MintError::Unreachable(_) => Self::new(
                500,
                Level::Warning,
                "payment-processing-failed",
                "The mint cannot be reached. Your token is not spent; try again later.",
            )
            .named("unreachable"),
            MintError::RateLimited(_) => {
                Self::busy("The mint is busy. Your token is not spent; try again in a minute.")
                    .named("mint-busy")
            }
            MintError::Refused { code, .. } => match code {
                Some(code::SPENT) => Self::spent(),
                Some(code::PENDING) => Self::new(
                    402,
                    Level::Warning,
                    "payment-processing-failed",
                    "This token is being spent elsewhere at this moment.",
                )
                .named("elsewhere"),
                _ => Self::token(
                    "payment-error-invalid-token",
                    "The mint does not accept this token.",
                )
                .named("refused"),
            },
            MintError::Lost(_) => Self::new(
                500,
                Level::Warning,
                "payment-processing-failed",
                "The mint gives no usable answer. Try again later.",
            )
            .named("lost"),
        }
    }
}
