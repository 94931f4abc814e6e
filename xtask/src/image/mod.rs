//! The Docker image with OpenWrt's SDK: what it is made from, and what of that
//! changed.
//!
//! | module | |
//! |---|---|
//! | [`files`], [`revision`] | the project's files, in the working tree or in a git revision |
//! | [`spec`] | everything that decides what the image is: inputs, build arguments, context |
//! | [`manifest`] | that, written down |
//! | [`compare`] | a manifest, an image or a revision to compare with |
//! | [`label`], [`decide`] | what an image says of itself; whether one must be built, and why |
//! | [`dockerfile`], [`progress`] | the builder's steps and its output |
//! | [`invocation`], [`build`] | how it is called, and one run of it |
//! | [`finish`] | labels and tags: from then on it is believed |
//! | [`ensure`] | all of that: an image that is there and right |
//! | [`failed`] | which step failed, for `--shell` |
//! | [`shell`], [`history`] | the state before a failed step; layers and what drives them |
//! | [`pin`], [`prune`] | the base's digest; images that nothing needs any more |
//! | [`registry`] | push and pull |

pub mod build;
pub mod compare;
pub mod decide;
pub mod dockerfile;
pub mod ensure;
pub mod failed;
pub mod files;
pub mod finish;
pub mod history;
pub mod invocation;
pub mod label;
pub mod manifest;
pub mod pin;
pub mod progress;
pub mod prune;
pub mod registry;
pub mod revision;
pub mod shell;
pub mod spec;
