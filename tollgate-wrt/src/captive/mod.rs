//! The way of somebody who has not paid to the portal.
//!
//! - The gate leads what unpaid customers ask of port 80, wherever it was meant
//!   to go, to the daemon's port. All of that is answered with a redirect to the
//!   portal ([`redirect`]). Whichever address a system asks to find out whether
//!   it has internet, it sees that it has not, and opens its sign-in window
//!   there. No address is treated in a way of its own, so that none is forgotten.
//! - Systems that were told of it by DHCP ask an API instead ([`api`]).

pub mod api;
mod arrival;
pub mod redirect;

pub use arrival::Arrival;
