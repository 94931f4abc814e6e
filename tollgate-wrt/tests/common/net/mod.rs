//! Networks of network namespaces, made with iproute2.
#![allow(dead_code, reason = "no test program uses all of it")]

pub mod machine;
pub mod namespace;
pub mod network;
