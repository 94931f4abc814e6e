//! The server for customers: HTTP-01 to HTTP-03 of the TollGate protocol.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the signed advertisement (kind 10021), or a signed notice (kind 21023) |
//! | `GET /whoami` | `mac=<MAC>`; `mac=` when nobody knows it: the protocol wants 200 |
//! | `GET /usage` | `<used>/<allotment>`; `-1/-1` without a session |
//! | `OPTIONS` any path | what scripts of other origins may do |
//!
//! `/whoami` and `/usage` answer 421 to a customer who asks for a host that is
//! neither an address nor a local name (one label, `.lan` and the like).

mod client;
mod cors;
mod peers;
mod routes;
mod server;

pub use client::Client;
pub use routes::App;
pub use server::{Server, Serving, serve};

use bytes::Bytes;
use http_body_util::Full;

/// A whole answer; the daemon streams nothing.
pub type Response = hyper::Response<Full<Bytes>>;
