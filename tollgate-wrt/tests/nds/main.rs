//! The ndsctl gate with the real openNDS (Debian's package) and real packets:
//! two customers, a router and the internet, each in a network namespace of its
//! own. What passed is decided on the internet's side.
//!
//! Group `opennds`: needs root, util-linux, iptables, nftables, iproute2 and the
//! package opennds, and a real mint (group `mint`). Without them the tests say
//! so and pass, unless XTASK_REQUIRE has the words. NODOGSPLASH=DIR runs them
//! with the `nodogsplash`, `ndsctl` and `htdocs` of that directory instead.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../xtask/tests/support/groups.rs"]
mod groups;
#[path = "../common/mint/mod.rs"]
mod mint;
#[path = "../common/net/mod.rs"]
mod net;
mod paid;
mod server;
mod shop;
mod trouble;
