//! The gate with real packets: two customers, a router and the internet, each in
//! a network namespace of its own. What passed is decided on the internet's
//! side, by its own packet counters.
//!
//! Group `gate`: needs root, iproute2, nftables and dnsmasq, and a real mint
//! (group `mint`). Without them the tests say so and pass, unless XTASK_REQUIRE
//! has the words. Group `network-manager`: needs NetworkManager and dbus-daemon.

mod addresses;
mod behind;
mod boot;
mod captive;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod dhcp;
mod evasion;
mod flood;
mod frames;
#[path = "../../../xtask/tests/support/groups.rs"]
mod groups;
mod jail;
mod links;
mod many;
#[path = "../common/mint/mod.rs"]
mod mint;
#[path = "../common/net/mod.rs"]
mod net;
mod network_manager;
mod odd;
mod overshoot;
mod paid;
mod probes;
mod shop;
mod site;
mod trouble;
mod unpaid;
