//! The wallet's side of Cashu: tokens, mints, and swaps that lose nothing.
//!
//! The wallet's ecash itself is part of the [ledger](crate::ledger), so that
//! money and access are written down together.

pub mod error;
mod http;
mod invoice;
pub mod keysets;
pub mod mint;
mod outputs;
mod swap;
pub mod token;

pub use error::MintError;
pub use http::{Client, Connection};
pub use invoice::{Minted, Quote};
pub use mint::Mint;
pub use outputs::make;
pub use swap::Outcome;
