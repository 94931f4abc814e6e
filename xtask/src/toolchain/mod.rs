//! Toolchains for native builds: a pinned rustc, its standard library for the
//! target, and zig as C compiler and linker.
//!
//! | module | |
//! |---|---|
//! | [`provider`] | the trait, versions, and how one is chosen |
//! | [`debian`], [`rustup`] | the two providers; [`apt`] fetches packages |
//! | [`wheels`] | zig and cargo-zigbuild |
//! | [`stdlib`] | the standard library per target; [`starter`] runs rustc with it |
//! | [`qemu`] | runs what was compiled |
//! | [`cache`] | where all of it lies, with records |

pub mod apt;
pub mod cache;
pub mod debian;
pub mod provider;
pub mod qemu;
pub mod rustup;
pub mod select;
pub mod starter;
pub mod stdlib;
pub mod wheels;
