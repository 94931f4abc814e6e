//! A real mint beside the daemon: nutshell, of a package index, from the cache
//! directory that the money tests use, too.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::process::Server;
use crate::context::Context;
use crate::toolchain::cache::Cache;
use crate::util::{fs, lock, port};

/// What pip installs, as in tollgate-wrt/tests/common/mint/install.rs.
const PINS: [&str; 3] = ["cashu==0.20.2", "marshmallow<4", "limits<5"];
const DIRECTORY: &str = "nutshell-0.20.2-1";
const WALLET: &str = include_str!("wallet.py");

/// What customers pay with, and what the mint is asked for by itself.
#[derive(Debug)]
pub struct Money {
    /// Tokens of 21 sat, in three pieces.
    pub tokens: Vec<String>,
    /// Bodies of swaps of the same shape.
    pub swaps: Vec<String>,
}

/// nutshell's programs; fetched where they are missing.
///
/// # Errors
/// No Python, no pip, or no package index.
pub fn programs(ctx: &Context) -> Result<PathBuf> {
    let cache = Cache::open()?;
    let directory = cache.path(DIRECTORY);
    let _lock = lock::take(
        &cache.path(&format!("{DIRECTORY}.lock")),
        "nutshell",
        &ctx.ui,
    )?;
    let done = directory.join("installed");
    if !done.exists() {
        ctx.ui.status("Fetching", PINS[0]);
        fs::remove_dir(&directory)?;
        let hint = "make a virtual environment (Debian: apt install python3-venv)";
        duct::cmd!("python3", "-m", "venv", &directory)
            .stdout_to_stderr()
            .run()
            .context(hint)?;
        let pip = directory.join("bin/pip");
        let quiet = ["install", "--quiet", "--disable-pip-version-check"];
        duct::cmd(pip, quiet.iter().chain(&PINS))
            .stdout_to_stderr()
            .run()
            .context("install the mint from a package index")?;
        fs::write_atomic(&done, b"", 0o644)?;
    }
    Ok(directory.join("bin"))
}

/// Starts a mint without fees, with its files in `dir`.
///
/// # Errors
/// When it does not start.
pub fn start(programs: &Path, dir: &Path) -> Result<Server> {
    let address = port::free()?;
    let mut command = Command::new(programs.join("mint"));
    command
        .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
        .current_dir(dir)
        .env("MINT_PRIVATE_KEY", "a key for a bench")
        .env("MINT_BACKEND_BOLT11_SAT", "FakeWallet")
        .env("FAKEWALLET_BRR", "TRUE")
        .env("FAKEWALLET_DELAY_INCOMING_PAYMENT", "0")
        .env("FAKEWALLET_DELAY_OUTGOING_PAYMENT", "0")
        .env("MINT_INPUT_FEE_PPK", "0")
        .env("MINT_RATE_LIMIT", "FALSE")
        .env("MINT_DATABASE", dir.join("db"))
        .env("CASHU_DIR", dir)
        .env("TOR", "FALSE");
    let patience = Duration::from_secs(90);
    Server::start(command, address, &dir.join("log"), patience)
}

/// `count` tokens and as many swaps.
///
/// # Errors
/// When the mint does not give them.
pub fn money(programs: &Path, mint: &Server, count: usize) -> Result<Money> {
    let url = format!("http://{}", mint.address);
    let script = duct::cmd!(
        programs.join("python"),
        "-c",
        WALLET,
        &url,
        count.to_string()
    );
    let text = script.read().context("make ecash for the bench")?;
    let mut tokens: Vec<String> = text.lines().map(str::to_owned).collect();
    ensure!(
        tokens.len() == 2 * count,
        "the wallet made {} of {} lines",
        tokens.len(),
        2 * count
    );
    let swaps = tokens.split_off(count);
    Ok(Money { tokens, swaps })
}
