//! The Docker image with OpenWrt's SDK: what it is made from.
//!
//! | module | |
//! |---|---|
//! | [`files`] | the project's files, in the working tree or in a git revision |
//! | [`spec`] | everything that decides what the image is: inputs, build arguments, context |

pub mod files;
pub mod spec;
