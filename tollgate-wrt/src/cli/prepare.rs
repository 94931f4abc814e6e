//! `prepare`: what has to be done as root before the daemon runs.

use std::process::ExitCode;

use serde_json::json;

use super::output::{complain, exit_code, print};
use super::table::Parsed;
use crate::config::{self, GateChoice};
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
    let loaded = config::load(paths).map_err(|error| {
        let first = error.0.first().map(ToString::to_string);
        first.unwrap_or_default()
    })?;
    let settings = loaded.settings;
    let GateChoice::Nftables(open_ports) = settings.gate else {
        return Ok(());
    };
    // As the daemon does it: a router that is not set up yet shuts nobody out.
    // Sessions that are left without a mint wait for the daemon.
    if settings.file.accepted_mints.is_empty() {
        return Ok(());
    }
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
    done.gate = shut.map_err(|error| error.0)?;
    Ok(())
}
