//! The server for customers: HTTP-01 to HTTP-03 of the TollGate protocol.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the signed advertisement (kind 10021), or a signed notice (kind 21023) |
//! | `POST /` | takes a payment: a signed session (kind 1022) or a notice |
//! | `GET /whoami` | `mac=<MAC>`; `mac=` when nobody knows it: the protocol wants 200 |
//! | `GET /usage` | `<used>/<allotment>`; `-1/-1` without a session |
//! | `GET /balance` | the same as JSON, with more |
//! | `POST /ln-invoice` | a Lightning invoice of a mint, for a session |
//! | `GET /ln-invoice?quote=…` | whether it is paid |
//! | `GET /captive-api` | whether the customer has access, for its system (RFC 8908) |
//! | `/portal/` | the page that customers pay on, see [`crate::portal`] |
//! | `OPTIONS` any path | what scripts of other origins may do |
//!
//! Whatever was meant for another host is sent to the portal
//! ([`crate::captive`]). All but `GET /` and `OPTIONS` answer 421 to a customer
//! who asks for a host that is neither an address nor a local name (one label,
//! `.lan` and the like).

mod body;
mod client;
mod cors;
mod invoices;
mod limit;
mod payments;
mod peers;
mod portal;
mod rejected;
mod routes;
mod server;

pub use client::Client;
pub use payments::Shop;
pub use routes::App;
pub use server::{Server, Serving, serve};

use bytes::Bytes;
use http_body_util::Full;

/// A whole answer; the daemon streams nothing.
pub type Response = hyper::Response<Full<Bytes>>;
