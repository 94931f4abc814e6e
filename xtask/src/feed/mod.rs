//! Feeds: folders that a router installs packages from, as opkg and apk expect
//! them behind a URL.
//!
//! | module | |
//! |---|---|
//! | [`package`] | what an index says of one package file |
//! | [`choose`] | which packages of a folder go into its feed |
//! | [`opkg`] | `Packages` and its kin (OpenWrt 24.10) |
//! | [`apk`] | `packages.adb` (OpenWrt 25.12) |
//! | [`page`] | `index.json`, `index.html`, `sha256sums` |
//! | [`mod@write`] | a whole feed, in one step |
//! | [`verify`] | looks at one as a router would, and further |
//! | [`fetch`] | the feed behind a URL |

pub mod apk;
pub mod choose;
pub mod fetch;
pub mod opkg;
pub mod package;
pub mod page;
pub mod verify;
pub mod write;
