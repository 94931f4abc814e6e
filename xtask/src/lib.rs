//! The build tool: OpenWrt packages from Rust crates, with proof that no
//! toolchain was rebuilt. Modules import one way, down this list's order:
//!
//! [`util`] → [`config`], [`fingerprint`], [`keys`] → [`package`], [`inspect`], [`buildlog`] →
//! [`record`], [`engine`] → [`toolchain`] → [`image`], [`compile`], [`assemble`] →
//! [`provenance`] → [`policy`], [`build`], [`doctor`], [`recipe`], [`smoke`], [`feed`] → [`deploy`] →
//! [`trial`], [`sdk_run`] → [`verify`], [`reproduce`] → [`cmd`].

pub mod assemble;
pub mod bench;
pub mod build;
pub mod buildlog;
pub mod cmd;
pub mod compile;
pub mod config;
pub mod context;
pub mod deploy;
pub mod doctor;
pub mod engine;
pub mod feed;
pub mod fingerprint;
pub mod flags;
pub mod image;
pub mod inspect;
pub mod keys;
pub mod package;
pub mod policy;
pub mod provenance;
pub mod recipe;
pub mod record;
pub mod reproduce;
pub mod sdk_run;
pub mod smoke;
pub mod source;
pub mod toolchain;
pub mod trial;
pub mod util;
pub mod verify;
