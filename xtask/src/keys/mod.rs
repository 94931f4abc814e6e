//! Keys and signatures that routers check.
//!
//! | module | package manager | what is signed |
//! |---|---|---|
//! | [`usign`] | opkg (24.10) | the file `Packages`: Ed25519 |
//! | [`ec`] | apk (25.12) | indexes, and packages where wanted: ECDSA on P-256 |
//!
//! [`store`] finds them: in files, in the environment, in the user's folder.

pub mod ec;
pub mod store;
pub mod usign;

use std::io::Read;

use anyhow::{Context, Result};

/// `N` bytes of the kernel's randomness.
///
/// # Errors
/// A system without `/dev/urandom`.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("read random bytes from /dev/urandom")?;
    Ok(bytes)
}
