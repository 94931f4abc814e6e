//! The wallet's side of Cashu: tokens, mints, and swaps that lose nothing.
//!
//! The wallet's ecash itself is part of the [ledger](crate::ledger), so that
//! money and access are written down together.

mod abilities;
pub mod bolt11;
pub mod error;
mod http;
mod info;
mod invoice;
pub mod keysets;
mod melt;
pub mod mint;
mod outputs;
mod restore;
mod swap;
pub mod token;
#[cfg(test)]
mod vectors;

pub use error::MintError;
pub use http::{Client, Connection};
pub use info::Abilities;
pub use invoice::{Minted, Quote};
pub use melt::{MeltQuote, Melted};
pub use mint::Mint;
pub use outputs::{make, make_blank};
pub use swap::Outcome;
