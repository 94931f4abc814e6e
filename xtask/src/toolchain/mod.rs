//! Toolchains for native builds: a pinned rustc, its standard library for the
//! target, and zig as C compiler and linker.
//!
//! | module | |
//! |---|---|
//! | [`provider`] | the trait, versions, and how one is chosen |
//! | [`debian`], [`rustup`] | the two providers; [`apt`] fetches packages |
//! | [`wheels`] | zig and cargo-zigbuild |
//! | [`stdlib`] | the standard library per target; [`starter`] runs rustc with it |
//! | [`qemu`] | runs what was compiled |
//! | [`cache`] | where all of it lies, with records |

pub mod apt;
pub mod cache;
pub mod debian;
pub mod provider;
pub mod qemu;
pub mod rustup;
pub mod select;
pub mod starter;
pub mod stdlib;
pub mod wheels;

use anyhow::Result;

use self::cache::Cache;
use self::provider::Compiler;
use self::select::Choice;
use self::stdlib::Std;
use self::wheels::Zig;
use crate::config::sdk::Sdk;
use crate::record::Part;
use crate::util::ui::Ui;

/// A compiler and a linker that are there, and the cache they lie in.
#[derive(Debug)]
pub struct Toolchain {
    /// Where standard libraries and zig's compiled C libraries are kept.
    pub cache: Cache,
    /// rustc and cargo.
    pub compiler: Compiler,
    /// Linker and driver.
    pub zig: Zig,
    /// What was installed just now.
    pub made: Vec<Part>,
}

impl Toolchain {
    /// Finds the chosen compiler and zig, or fetches them.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub fn ensure(choice: Choice, sdk: &Sdk, ui: &Ui) -> Result<Self> {
        let cache = Cache::open()?;
        let ensured = select::ensure_compiler(choice, sdk, &cache, ui)?;
        let (zig, fetched) = wheels::ensure(&cache, &sdk.toolchain, ui)?;
        let made = [("compiler", ensured.installed), ("zig", fetched)];
        let made = made.into_iter().filter(|(_, reasons)| !reasons.is_empty());
        Ok(Self {
            cache,
            compiler: ensured.compiler,
            zig,
            made: made
                .map(|(name, reasons)| Part {
                    name: name.to_owned(),
                    reasons,
                })
                .collect(),
        })
    }

    /// The target's standard library, built where it is missing or damaged.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn std(&self, target: &str, sdk: &Sdk, ui: &Ui) -> Result<Std> {
        stdlib::ensure_built(&self.cache, &self.compiler, target, sdk, ui)
    }
}
