//! The portal in a real Chromium, on a customer's machine: a router, the
//! internet with a real mint, and the network between them are those of the
//! gate's tests.
//!
//! Group `chromium`: needs Debian's chromium, chromium-driver, zbar-tools and
//! fonts-dejavu-core; and the groups `gate` and `mint`. Without them the tests
//! say so and pass, unless XTASK_REQUIRE has the words. Pictures of what was
//! seen are in target/portal.

mod axe;
mod browser;
#[path = "../common/mod.rs"]
mod common;
mod ecash;
#[path = "../../../xtask/tests/support/groups.rs"]
mod groups;
mod lightning;
mod looks;
#[path = "../common/mint/mod.rs"]
mod mint;
#[path = "../common/net/mod.rs"]
mod net;
mod refused;
#[allow(dead_code)]
#[path = "../gate/shop.rs"]
mod shop;
mod states;
mod wire;
