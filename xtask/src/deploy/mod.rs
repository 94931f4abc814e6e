//! Puts a package on a router, or tells the router of a feed.
//!
//! | module | |
//! |---|---|
//! | [`ssh`] | the user's own ssh client; one connection for all commands |
//! | [`running`] | a command there while it runs |
//! | [`lines`] | what a script there prints |
//! | [`router`] | what a router says of itself, before and after |
//! | [`package`] | the package, and why a router would not take it |
//! | [`install`] | copy and install, in one step on the router |
//! | [`feed`] | the feed and its key |
//!
//! What runs on the router is in the `.sh` files beside these: plain POSIX, as
//! busybox's shell has it. Nothing of it stays there.

pub mod feed;
pub mod install;
pub mod lines;
pub mod package;
pub mod router;
pub mod running;
pub mod ssh;
