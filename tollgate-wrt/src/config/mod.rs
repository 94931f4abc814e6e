//! The owner's settings: `config.json`, overridden by `/etc/config/tollgate`.
//!
//! They are read once and checked there, so that the rest of the daemon has
//! values and no doubts. Neither file is ever written, but by `config set`
//! ([`set`]), when its owner says so. A file with a mistake stops the start: a daemon that fell back to defaults would sell at prices
//! that nobody set, into mints that nobody chose.

mod captive;
mod check;
mod duration;
pub mod fields;
mod gate;
mod merge;
mod mint_url;
mod origin;
mod overrides;
pub mod schema;
pub mod upstream;
mod write;

use std::fmt;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

pub use captive::CaptiveApi;
pub use duration::Duration;
pub use gate::GateChoice;
pub use mint_url::{MintUrl, Parts};
pub use origin::{Origin, Setting, no_counterpart, settings};
use overrides::Overrides;
pub use overrides::{is_interface_name, uci_options};
use schema::File;
pub use write::{Change, Saved, Wrong, set};

use merge::{Place, Problem};

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
    /// What lets customers through.
    pub gate: GateChoice,
    /// Where customers' systems may ask whether they have access.
    pub captive_api: Option<CaptiveApi>,
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

impl Finding {
    fn in_json(file: &Path, position: Position, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(position.line),
            column: Some(position.column),
            message,
        }
    }

    /// Without a line it is about the whole file.
    fn in_uci(file: &Path, line: Option<usize>, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column: None,
            message,
        }
    }
}

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
    let text = read(&paths.config())?;
    Ok(examine(paths, text)?.loaded)
}

/// Which gate there is and where, for a router whose settings have a mistake.
pub fn gate_despite_mistakes(paths: &Paths) -> Settings {
    let text = read(&paths.uci()).ok().flatten();
    let parsed = text.and_then(|text| overrides::parse(&text).ok());
    merge::gate_alone(parsed.map(|(overrides, _)| overrides))
}

/// Settings, and the texts that they came from.
struct Examined {
    loaded: Loaded,
    /// The text of `config.json`, empty where there is none.
    text: String,
    /// What stands in it, without the overrides.
    file: File,
    /// Where each option of UCI stands, by name.
    lines: Vec<(String, usize)>,
    /// The mints that UCI names.
    mints: Vec<(MintUrl, usize)>,
}

/// The settings, with `text` as `config.json`.
fn examine(paths: &Paths, text: Option<String>) -> Result<Examined, Error> {
    let mut warnings = Vec::new();
    let (config, uci) = (paths.config(), paths.uci());
    let file = match &text {
        Some(text) => parse_file(&config, text, &mut warnings)?,
        None => File::default(),
    };
    let overrides = match read(&uci)? {
        Some(text) => parse_overrides(&uci, &text, &mut warnings)?,
        None => Overrides::default(),
    };
    let has_file = text.is_some();
    let text = text.unwrap_or_default();
    let (lines, mints) = (overrides.lines.clone(), overrides.mints.clone());
    let written = file.clone();
    let locate = |problem: Problem| match problem.place {
        Place::Json(path) => Finding::in_json(&config, json::locate(&text, &path), problem.message),
        Place::Uci(line) => Finding::in_uci(&uci, line, problem.message),
    };
    let settings = merge::merge(file, overrides)
        .map_err(|problems| Error(problems.into_iter().map(locate).collect()))?;
    Ok(Examined {
        loaded: Loaded {
            settings,
            warnings,
            has_file,
        },
        text,
        file: written,
        lines,
        mints,
    })
}

/// Tells two states of the settings' files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// The settings' files as they are now.
pub fn fingerprint(paths: &Paths) -> Fingerprint {
    let mut hasher = std::hash::DefaultHasher::new();
    for path in [paths.config(), paths.uci()] {
        files::read_text(&path).ok().hash(&mut hasher);
        files::is_replaced(&path).hash(&mut hasher);
    }
    Fingerprint(hasher.finish())
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match files::read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error(vec![Finding::in_uci(path, None, error.to_string())])),
    }
}

fn parse_file(path: &Path, text: &str, warnings: &mut Vec<Finding>) -> Result<File, Error> {
    let finding = |position, message| Finding::in_json(path, position, message);
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
    let locate = |found: overrides::Finding| Finding::in_uci(path, Some(found.line), found.message);
    let (overrides, ignored) =
        overrides::parse(text).map_err(|errors| Error(errors.into_iter().map(locate).collect()))?;
    warnings.extend(ignored.into_iter().map(locate));
    Ok(overrides)
}

#[cfg(test)]
mod tests;
