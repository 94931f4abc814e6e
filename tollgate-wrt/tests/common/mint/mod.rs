//! A real mint, nutshell, and wallets that pay with its ecash.
#![allow(dead_code, reason = "no test program uses all of it")]

pub mod install;
pub mod nutshell;
pub mod wallet;
