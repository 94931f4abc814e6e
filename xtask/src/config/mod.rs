//! What is built: releases and architectures, the workspace, package tables.
//! Everything is typed and checked here, once, with file and line.

pub mod image;
pub mod package;
pub mod sdk;
pub mod strict;
pub mod target;
pub mod version;
pub mod words;
pub mod workspace;
