//! Real payments: the daemon's binary against a real mint, nutshell, with
//! ecash of nutshell's own wallet and of a small one here.
//!
//! Group `mint`: nutshell is fetched once into the cache directory of `cargo
//! xtask`. Without Python, pip and a package index the tests say so and pass,
//! unless XTASK_REQUIRE has the word `mint`. Some need namespaces, too (group
//! `namespaces`).

mod backup;
mod clock;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod emulated;
mod faults;
#[path = "../../../xtask/tests/support/groups.rs"]
mod groups;
mod guard;
mod keysets;
mod lightning;
mod lnurl;
#[path = "../common/mint/mod.rs"]
mod mint;
#[path = "../common/net/mod.rs"]
mod net;
mod odd;
mod owner;
mod pay;
mod payout;
mod payout_crash;
mod payout_mints;
mod proxy;
mod shares;
mod shop;
mod street;
