//! Signed events of Nostr, and the kinds of them that TollGate defines.

mod event;
mod key;
pub mod tollgate;

pub use event::{Draft, Event};
pub use key::SigningKey;
