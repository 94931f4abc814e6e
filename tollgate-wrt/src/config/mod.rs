//! The owner's settings: `config.json`, overridden by `/etc/config/tollgate`.
//!
//! They are read once and checked there, so that the rest of the daemon has
//! values and no doubts. Neither file is ever written. A file with a mistake
//! stops the start: a daemon that fell back to defaults would sell at prices
//! that nobody set, into mints that nobody chose.

mod check;
mod duration;
pub mod fields;
mod mint_url;
mod overrides;
pub mod schema;
pub mod upstream;

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

pub use duration::Duration;
pub use mint_url::MintUrl;
use overrides::Overrides;
pub use overrides::is_interface_name;
use schema::{File, Mint};

use crate::files;
use crate::json::{self, Position};
use crate::paths::Paths;

/// The device that OpenWrt's LAN ports and access points are joined in.
const LAN_BRIDGE: &str = "br-lan";

/// The port of the TollGate protocol (HTTP-01).
pub const PORT: u16 = 2121;

/// Most unknown keys that are told of. To find a key costs a look at the text.
const MAX_UNKNOWN: usize = 50;

/// The settings in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whether the owner wants the daemon to run.
    pub enabled: bool,
    /// The network devices that customers are on.
    pub interfaces: Vec<String>,
    /// The TCP port for customers.
    pub port: u16,
    /// What stands in `config.json`, or its defaults, with the overrides.
    pub file: File,
}

/// Settings, and what there is to say about where they came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What was read and ignored, or is odd.
    pub warnings: Vec<Finding>,
    /// Whether there is a `config.json`.
    pub has_file: bool,
}

/// A statement about one place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// The line and, in JSON, the column; counted from 1.
    pub line: Option<usize>,
    /// The column.
    pub column: Option<usize>,
    /// The field, what is wrong with it, and what would be right.
    pub message: String,
}

/// Why there are no settings: at least one finding.
#[derive(Debug)]
pub struct Error(pub Vec<Finding>);

impl fmt::Display for Finding {
    /// `FILE:LINE:COLUMN: message`, as compilers write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Reads and checks both files. A missing file is one without settings.
///
/// # Errors
/// Everything that is wrong with the values, or the first thing that makes a
/// file unreadable.
pub fn load(paths: &Paths) -> Result<Loaded, Error> {
    let mut warnings = Vec::new();
    let text = read(&paths.config())?;
    let has_file = text.is_some();
    let file = match text {
        Some(text) => parse_file(&paths.config(), &text, &mut warnings)?,
        None => File::default(),
    };
    let overrides = match read(&paths.uci())? {
        Some(text) => parse_overrides(&paths.uci(), &text, &mut warnings)?,
        None => Overrides::default(),
    };
    let lines = overrides.lines.clone();
    let settings = Settings::new(file, overrides);
    check_together(&settings, &paths.uci(), &lines)?;
    Ok(Loaded {
        settings,
        warnings,
        has_file,
    })
}

/// Two values that are right alone can be too much together: the smallest
/// purchase from `config.json` and the size or price of a step from UCI.
fn check_together(settings: &Settings, uci: &Path, lines: &[(String, usize)]) -> Result<(), Error> {
    let cause = lines
        .iter()
        .rfind(|(name, _)| name == "step_size" || name == "price_per_step");
    let errors = check::errors(&settings.file).into_iter().map(|found| {
        let name = cause.map_or("a value", |(name, _)| name);
        Finding {
            file: uci.to_owned(),
            line: cause.map(|(_, line)| *line),
            column: None,
            message: format!(
                "{name} does not go with config.json: {}: {}",
                found.path, found.message
            ),
        }
    });
    let errors: Vec<_> = errors.collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Error(errors)),
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match files::read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error(vec![Finding {
            file: path.to_owned(),
            line: None,
            column: None,
            message: error.to_string(),
        }])),
    }
}

fn parse_file(path: &Path, text: &str, warnings: &mut Vec<Finding>) -> Result<File, Error> {
    let finding = |position: Position, message| Finding {
        file: path.to_owned(),
        line: Some(position.line),
        column: Some(position.column),
        message,
    };
    let (file, unknown) = json::parse::<File>(text, fields::is_unset)
        .map_err(|error| Error(vec![finding(error.position, explain(&error))]))?;
    // Other daemons read `Metric` as `metric`: to ignore it would be to sell
    // something else than they do.
    let miswritten: Vec<Finding> = unknown
        .iter()
        .filter_map(|path| {
            let known = fields::same_but_case(path)?;
            let message = format!("{path} is not known; write it `{known}`");
            Some(finding(json::locate_key(text, path), message))
        })
        .take(MAX_UNKNOWN)
        .collect();
    if !miswritten.is_empty() {
        return Err(Error(miswritten));
    }
    for path in unknown.into_iter().take(MAX_UNKNOWN) {
        let mut message = format!("{path} is not known and ignored");
        if let Some(known) = fields::nearest(&path) {
            message.push_str(&format!("; did you mean `{known}`?"));
        }
        warnings.push(finding(json::locate_key(text, &path), message));
    }

    let locate = |found: check::Finding| {
        let position = json::locate(text, &found.path);
        let expected = match fields::expected(&found.path) {
            Some(expected) => format!("; expected {expected}"),
            None => String::new(),
        };
        let message = format!("{}: {}{expected}", found.path, found.message);
        finding(position, message)
    };
    let errors = check::errors(&file);
    if !errors.is_empty() {
        return Err(Error(errors.into_iter().map(locate).collect()));
    }
    warnings.extend(check::warnings(&file).into_iter().map(locate));
    Ok(file)
}

/// A sentence about a JSON error: field, fault, and what belongs there.
fn explain(error: &json::Error) -> String {
    if !error.is_json {
        return match error.path.0.is_empty() {
            true => format!("not valid JSON: {}", error.message),
            false => format!("{}: not valid JSON: {}", error.path, error.message),
        };
    }
    // serde's own "expected u64" is for programmers.
    let (fault, serde_expected) = match error.message.split_once(", expected ") {
        Some((fault, expected)) => (fault, Some(expected)),
        None => (error.message.as_str(), None),
    };
    let fault = match fault.split_once(" field `") {
        Some(("missing", _)) => "missing",
        Some(("duplicate", _)) => "stands twice",
        _ => fault,
    };
    let place = match error.path.0.is_empty() {
        true => String::new(),
        false => format!("{}: ", error.path),
    };
    match fields::expected(&error.path).or(serde_expected) {
        Some(expected) => format!("{place}{fault}; expected {expected}"),
        None => format!("{place}{fault}"),
    }
}

fn parse_overrides(
    path: &Path,
    text: &str,
    warnings: &mut Vec<Finding>,
) -> Result<Overrides, Error> {
    let locate = |found: overrides::Finding| Finding {
        file: path.to_owned(),
        line: Some(found.line),
        column: None,
        message: found.message,
    };
    let (overrides, ignored) =
        overrides::parse(text).map_err(|errors| Error(errors.into_iter().map(locate).collect()))?;
    warnings.extend(ignored.into_iter().map(locate));
    Ok(overrides)
}

impl Settings {
    /// Puts the overrides over a file that was checked. Prices stay equal: UCI
    /// has one price for all mints, and a mint that only UCI names takes the
    /// price of the others.
    fn new(mut file: File, overrides: Overrides) -> Self {
        if let Some(level) = overrides.log_level {
            file.log_level = level;
        }
        if let Some(metric) = overrides.metric {
            file.metric = metric;
        }
        if let Some(size) = overrides.step_size {
            file.step_size = size;
        }
        if !overrides.mints.is_empty() {
            file.accepted_mints = choose(&file.accepted_mints, overrides.mints);
        }
        if let Some(price) = overrides.price_per_step {
            for mint in &mut file.accepted_mints {
                mint.price_per_step = price;
            }
        }
        let interfaces = match overrides.interfaces.is_empty() {
            true => vec![LAN_BRIDGE.to_owned()],
            false => overrides.interfaces,
        };
        Self {
            enabled: overrides.enabled.unwrap_or(true),
            interfaces,
            port: overrides.port.unwrap_or(PORT),
            file,
        }
    }
}

/// The mints that UCI names, each with its settings from the file if it has any.
fn choose(known: &[Mint], wanted: Vec<MintUrl>) -> Vec<Mint> {
    const UNIT: &str = "sat";
    let price = known
        .iter()
        .find(|mint| mint.price_unit == UNIT)
        .map_or(NonZeroU64::MIN, |mint| mint.price_per_step);
    let choice = wanted.into_iter().map(|url| {
        let known = known.iter().find(|mint| mint.url == url).cloned();
        known.unwrap_or_else(|| Mint::new(url, price, UNIT.to_owned()))
    });
    choice.collect()
}

#[cfg(test)]
mod tests;
