//! Versions: how each package manager orders them, and what apk allows.

pub mod apk;
pub mod opkg;
