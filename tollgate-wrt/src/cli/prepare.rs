//! `prepare`: what has to be done as root before the daemon runs.

use std::process::ExitCode;

use serde_json::json;

use super::output::{complain, exit_code, print};
use super::table::Parsed;
use crate::config::{self, GateChoice, Settings};
use crate::gate::nft::{self, Place};
use crate::identity;
use crate::journal::disk;
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
    // Without a key (its file has a mistake, the flash is full) the daemon does
    // not start: the gate is shut all the same.
    let identity = identity::load_or_create(&paths.identities());
    done.key = identity.as_ref().is_ok_and(|identity| identity.is_new);
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
    let is_shop = is_shop && settings.enabled;
    let wrong = mistake.or_else(|| identity.err().map(|error| error.to_string()));
    if is_shop {
        match (shut(settings), &wrong) {
            (Ok(is_shut), _) => done.gate = is_shut,
            (Err(error), None) => return Err(error),
            (Err(error), Some(wrong)) => return Err(format!("{wrong}; {error}")),
        }
    }
    match wrong {
        Some(wrong) if is_shop => Err(format!(
            "{wrong}; nobody new is let through until that is mended"
        )),
        Some(wrong) => Err(wrong),
        None => Ok(()),
    }
}

/// Whether the journal holds anything: an empty one has its first line alone.
fn has_sold(paths: &Paths) -> bool {
    let start = disk::beginning(&paths.money(), 64).unwrap_or_default();
    let end = start.iter().position(|byte| *byte == b'\n');
    end.is_some_and(|end| start.len() > end + 1)
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
