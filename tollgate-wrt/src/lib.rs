//! Sells internet access for Cashu ecash on OpenWrt routers: a TollGate.
//!
//! The modules build on each other in one direction, from the top of this
//! list to its end:
//!
//! | module | what it holds |
//! |---|---|
//! | [`calendar`] | dates |
//! | [`paths`], [`files`] | where things are, how they are read and written |
//! | [`clock`] | the time, and whether it was set |
//! | [`logging`] | what is said |
//! | [`json`], [`uci`] | the two file formats, with the positions that error messages name |
//! | [`config`] | the owner's settings from both files, checked once |
//! | [`nostr`] | signed events, and those of TollGate |
//! | [`identity`] | the key that signs them |
//! | [`front`] | the event that everybody is shown |
//! | [`net`] | interfaces, listening sockets, a client's MAC address |
//! | [`journal`] | records that survive a crash |
//! | [`ledger`] | sessions and ecash: what the records add up to |
//! | [`backup`] | the ledger, the key and the settings in one file |
//! | [`gate`] | what lets customers through |
//! | [`sessions`] | ledger and gate, kept in step |
//! | [`wallet`] | tokens, mints, swaps |
//! | [`lnurl`] | invoices of those who are paid out to |
//! | [`payment`] | from a token to access |
//! | [`payout`] | from the wallet to those who share the profit |
//! | [`bank`] | the owner's side of the wallet |
//! | [`captive`] | the way of who has not paid to the portal |
//! | [`control`] | commands to the running daemon, over a Unix socket |
//! | [`portal`] | the page that customers pay on |
//! | [`http`] | the server on port 2121 |
//! | [`daemon`] | one run, from start to stop |
//! | [`cli`] | the command line |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod backup;
pub mod bank;
pub mod calendar;
pub mod captive;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod files;
pub mod front;
pub mod gate;
pub mod http;
pub mod identity;
pub mod journal;
pub mod json;
pub mod ledger;
pub mod lnurl;
pub mod logging;
pub mod net;
pub mod nostr;
pub mod paths;
pub mod payment;
pub mod payout;
pub mod portal;
pub mod sessions;
pub mod uci;
pub mod wallet;
