//! `prepare`: what has to be done as root before the daemon runs.

use std::fs::File;
use std::io::Read as _;
use std::process::ExitCode;

use serde_json::json;

use super::output::{complain, exit_code, print};
use super::table::Parsed;
use crate::config::{self, GateChoice, Settings};
use crate::gate::nft::{self, Place};
use crate::identity;
use crate::paths::Paths;

/// What was done.
#[derive(Debug, Default)]
struct Done {
    /// The router has a key since just now.
    key: bool,
    /// The gate is shut since just now.
    gate: bool,
}

/// Makes the router's key, and shuts the gate where something is sold.
///
/// # Errors
/// What is wrong with the options.
pub fn run(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    let mut done = Done::default();
    let is_ready = match prepare(&paths, &mut done) {
        Ok(()) => true,
        Err(error) => {
            complain(&error);
            false
        }
    };
    let text = match parsed.json() {
        true => format!("{}\n", json!({"key": done.key, "gate": done.gate})),
        false => text(&done),
    };
    Ok(exit_code(print(&text) && is_ready))
}

fn text(done: &Done) -> String {
    let lines = [
        (done.key, "made the router's key\n"),
        (done.gate, "shut the gate, until the daemon opens it\n"),
    ];
    let said = lines.into_iter().filter(|(is_done, _)| *is_done);
    said.map(|(_, line)| line).collect()
}

fn prepare(paths: &Paths, done: &mut Done) -> Result<(), String> {
    let identity = identity::load_or_create(&paths.identities());
    done.key = identity.map_err(|error| error.to_string())?.is_new;
    let (settings, mistake) = match config::load(paths) {
        Ok(loaded) => (loaded.settings, None),
        Err(error) => {
            let first = error.0.first().map(ToString::to_string);
            (config::gate_despite_mistakes(paths), first)
        }
    };
    // As the daemon does it: a router that is not set up yet shuts nobody out.
    // Sessions that are left without a mint wait for the daemon. Whether there
    // is a mint, a mistake hides; one that has sold goes on being shut.
    let is_shop = match &mistake {
        Some(_) => has_sold(paths),
        None => !settings.file.accepted_mints.is_empty(),
    };
    if is_shop {
        done.gate = shut(settings)?;
    }
    match mistake {
        Some(mistake) if is_shop => Err(format!(
            "{mistake}; nobody new is let through until that is mended"
        )),
        Some(mistake) => Err(mistake),
        None => Ok(()),
    }
}

/// Whether the journal holds anything: an empty one has its first line alone.
fn has_sold(paths: &Paths) -> bool {
    let mut start = [0; 64];
    let journal = File::open(paths.money().join("journal"));
    let read = journal.and_then(|mut file| file.read(&mut start));
    let end = start.iter().position(|byte| *byte == b'\n');
    read.is_ok_and(|read| end.is_some_and(|end| read > end + 1))
}

/// Shuts the gate, if it is the daemon's own; `false` where there was one.
fn shut(settings: Settings) -> Result<bool, String> {
    let GateChoice::Nftables(open_ports) = settings.gate else {
        return Ok(false);
    };
    let place = Place {
        interfaces: settings.interfaces,
        port: settings.port,
        open_ports,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let shut = runtime.block_on(nft::shut(&place));
    shut.map_err(|error| error.0)
}
