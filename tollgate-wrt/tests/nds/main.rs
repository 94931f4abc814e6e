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
#[allow(dead_code)]
#[path = "../money/install.rs"]
mod install;
#[allow(dead_code)]
#[path = "../gate/machine.rs"]
mod machine;
#[allow(dead_code)]
#[path = "../money/namespace.rs"]
mod namespace;
#[allow(dead_code)]
#[path = "../gate/network.rs"]
mod network;
#[allow(dead_code)]
#[path = "../money/nutshell.rs"]
mod nutshell;
mod paid;
mod server;
mod shop;
mod trouble;
#[allow(dead_code)]
#[path = "../money/wallet.rs"]
mod wallet;
