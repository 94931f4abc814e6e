//! Packages: one file tree and one description of it, written in the formats
//! that OpenWrt installs. Nothing here knows how the files were built.
//!
//! | module | |
//! |---|---|
//! | [`path`], [`tree`] | names and files of a package in memory |
//! | [`load`] | a tree from a directory or a tar archive |
//! | [`meta`], [`modes`], [`conffiles`] | what the recipe says about it |
//! | [`control`], [`tar`], [`gzip`], [`ipk`] | the ipk format |
//! | [`adb`], [`apk`] | the apk format |
//! | [`version`] | how versions are ordered |
//! | [`repack`] | a package that OpenWrt's own tools packed |

pub mod adb;
pub mod apk;
pub mod conffiles;
pub mod control;
pub mod gzip;
pub mod ipk;
pub mod load;
pub mod meta;
pub mod modes;
pub mod path;
pub mod repack;
pub mod tar;
pub mod tree;
pub mod version;
