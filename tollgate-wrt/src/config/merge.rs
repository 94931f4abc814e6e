//! Puts the settings of UCI over those of `config.json`.
//!
//! Each file is right in itself by now. What is found here is what the two of
//! them say together, and that nothing is sold at a price that nobody set.

use std::num::NonZeroU64;

use super::gate::{self, GateChoice, GateKind};
use super::overrides::Overrides;
use super::schema::{File, Metric, Mint, SAT};
use super::{LAN_BRIDGE, PORT, Settings, check};
use crate::json;

/// A file and the place in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// A field of `config.json`.
    Json(json::Path),
    /// A line of the UCI file.
    Uci(Option<usize>),
}

/// Two settings that do not go together.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where to mend it.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// The settings in force.
///
/// # Errors
/// Everything that is wrong with them.
pub fn merge(mut file: File, overrides: Overrides) -> Result<Settings, Vec<Problem>> {
    let mut problems = Vec::new();
    problems.extend(merge_step(&mut file, &overrides).err());
    merge_mints(&mut file, &overrides, &mut problems);
    let gate = gate::choose(
        overrides.gate,
        overrides.gate_command.clone(),
        overrides.open_ports.clone(),
    );
    let gate = gate.unwrap_or_else(|(option, message)| {
        problems.push(Problem {
            place: Place::Uci(overrides.line(option)),
            message: message.to_owned(),
        });
        GateChoice::Missing
    });
    if problems.is_empty() {
        check_together(&file, &overrides, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    file.log_level = overrides.log_level.unwrap_or(file.log_level);
    Ok(Settings {
        enabled: overrides.enabled.unwrap_or(true),
        interfaces: interfaces(overrides.interfaces),
        port: overrides.port.unwrap_or(PORT),
        gate,
        captive_api: overrides.captive_api,
        file,
    })
}

/// What UCI says of the gate, without anything that it could be at odds with; of
/// a file that cannot be read, what the package's own says. A gate other than
/// nftables is none here.
pub fn gate_alone(overrides: Option<Overrides>) -> Settings {
    let overrides = overrides.unwrap_or_else(|| Overrides {
        gate: Some(GateKind::Nftables),
        ..Overrides::default()
    });
    let gate = match overrides.gate {
        Some(GateKind::Nftables) => gate::choose(overrides.gate, None, overrides.open_ports),
        _ => Ok(GateChoice::Missing),
    };
    Settings {
        enabled: overrides.enabled.unwrap_or(true),
        interfaces: interfaces(overrides.interfaces),
        port: overrides.port.unwrap_or(PORT),
        gate: gate.unwrap_or(GateChoice::Missing),
        captive_api: None,
        file: File::default(),
    }
}

fn interfaces(named: Vec<String>) -> Vec<String> {
    match named.is_empty() {
        true => vec![LAN_BRIDGE.to_owned()],
        false => named,
    }
}

/// The size of a step belongs to the metric that it was written for: the bytes
/// of 21 MiB, taken as milliseconds, are six hours.
fn merge_step(file: &mut File, overrides: &Overrides) -> Result<(), Problem> {
    let written_for = file.metric;
    file.metric = overrides.metric.unwrap_or(written_for);
    if overrides.step_size.is_some() {
        file.step_size = overrides.step_size;
        return Ok(());
    }
    let metric = file.metric.as_str();
    let fault = match file.step_size {
        None if file.metric == Metric::Milliseconds => format!(
            " without step_size, whose default of {} is for bytes",
            file.step()
        ),
        Some(size) if file.metric != written_for => format!(
            ", but the step_size in config.json, {size}, is for {}",
            written_for.as_str()
        ),
        _ => return Ok(()),
    };
    let example = match file.metric {
        Metric::Milliseconds => "60000 (a minute)",
        Metric::Bytes => "22020096 (21 MiB)",
    };
    Err(match overrides.metric {
        Some(_) => Problem {
            place: Place::Uci(overrides.line("metric")),
            message: format!("metric `{metric}`{fault}; expected a step_size such as {example}"),
        },
        None => Problem {
            place: Place::Json(json::Path::default().key("metric")),
            message: format!("metric: {metric:?}{fault}; expected a step_size such as {example}"),
        },
    })
}

/// UCI has one price, in sat, for all mints; a mint that only UCI names has the
/// price of the others. So prices of a unit stay equal.
fn merge_mints(file: &mut File, overrides: &Overrides, problems: &mut Vec<Problem>) {
    let known = &file.accepted_mints;
    let price = overrides.price_per_step.or_else(|| {
        let mint = known.iter().find(|mint| mint.price_unit == SAT)?;
        Some(mint.price_per_step)
    });
    if !overrides.mints.is_empty() {
        let chosen = overrides.mints.iter().filter_map(|(url, line)| {
            if let Some(mint) = known.iter().find(|mint| mint.url == *url) {
                return Some(mint.clone());
            }
            if price.is_none() {
                let message = format!(
                    "mint `{url}` has no price, for config.json has none in {SAT}; expected a price_per_step too, such as `option price_per_step '1'`"
                );
                let place = Place::Uci(Some(*line));
                problems.push(Problem { place, message });
            }
            Some(Mint::new(url.clone(), price?, SAT.to_owned()))
        });
        file.accepted_mints = chosen.collect();
    }
    if let Some(price) = overrides.price_per_step {
        problems.extend(set_price(&mut file.accepted_mints, price, overrides).err());
    }
}

fn set_price(mints: &mut [Mint], price: NonZeroU64, overrides: &Overrides) -> Result<(), Problem> {
    if let Some(mint) = mints.iter().find(|mint| mint.price_unit != SAT) {
        let message = format!(
            "price_per_step is a price in {SAT}, but {} is paid in {}; expected only mints that are paid in {SAT}, or all prices in config.json",
            mint.url, mint.price_unit
        );
        let place = Place::Uci(overrides.line("price_per_step"));
        return Err(Problem { place, message });
    }
    for mint in mints {
        mint.price_per_step = price;
    }
    Ok(())
}

/// Two values that are right alone can be too much together: the smallest
/// purchase from `config.json` and the size or price of a step from UCI.
fn check_together(file: &File, overrides: &Overrides, problems: &mut Vec<Problem>) {
    let cause = overrides.lines.iter().rfind(|(name, _)| {
        // The mints too: their price can be that of others.
        ["step_size", "price_per_step", "mint"].contains(&name.as_str())
    });
    problems.extend(check::errors(file).into_iter().map(|found| {
        let name = cause.map_or("a value", |(name, _)| name);
        Problem {
            place: Place::Uci(cause.map(|(_, line)| *line)),
            message: format!(
                "{name} does not go with config.json: {}: {}",
                found.path, found.message
            ),
        }
    }));
}
