//! The commands: each takes its flags and the project, and gives an exit code.

pub mod apk;
pub mod bench;
pub mod ci;
pub mod completions;
pub mod deploy;
pub mod doctor;
pub mod feed;
pub mod fingerprint;
pub mod image;
pub mod inspect;
pub mod ipk;
pub mod keygen;
pub mod log;
pub mod man;
mod one;
pub mod pack;
pub mod policy;
pub mod recipe;
pub mod reproduce;
pub mod setup;
pub mod smoke;
pub mod test;
pub mod trial;
pub mod verify_cache;
