//! The Docker image with OpenWrt's SDK: what it is made from, and what of that
//! changed.
//!
//! | module | |
//! |---|---|
//! | [`files`], [`revision`] | the project's files, in the working tree or in a git revision |
//! | [`spec`] | everything that decides what the image is: inputs, build arguments, context |
//! | [`manifest`] | that, written down |
//! | [`compare`] | a manifest, an image or a revision to compare with |

pub mod compare;
pub mod files;
pub mod manifest;
pub mod revision;
pub mod spec;
