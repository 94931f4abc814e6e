//! `config set`: the only thing that ever writes `config.json`.
//!
//! Options of UCI are written by OpenWrt's own `uci`; what stands there
//! overrides `config.json`, so that it would be of no use to set it here.

use std::fmt;
use std::fs::File as Handle;
use std::io;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use super::schema::{File, Mint, VERSION};
use super::{Error, Origin, examine, fields, read, settings, uci_options};
use crate::files;
use crate::json::{self, Path};
use crate::paths::Paths;

/// Only the owner: the file says whom the money goes to.
const MODE: u32 = 0o600;

/// A value that was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// What stood there, if anything.
    pub before: Option<String>,
    /// What stands there now, as JSON.
    pub after: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The file.
    pub file: PathBuf,
    /// What is another value now.
    pub changes: Vec<Change>,
    /// What is odd about the configuration, as it is now.
    pub warnings: Vec<String>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum Wrong {
    /// The configuration as it is, or as it would be.
    Config(Error),
    /// A key or a value.
    Value(String),
    /// What the system says.
    Io(PathBuf, io::Error),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(errors) => {
                let texts = errors.0.iter().map(ToString::to_string);
                f.write_str(&texts.collect::<Vec<_>>().join("\n"))
            }
            Self::Value(text) => f.write_str(text),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

/// Sets values of `config.json`, all or none of them. Keys that nobody knows,
/// their order and the white space stay as they are.
///
/// # Errors
/// Why nothing was changed.
pub fn set(paths: &Paths, pairs: &[(String, String)], dry_run: bool) -> Result<Saved, Wrong> {
    let file = paths.config();
    let io = |error| Wrong::Io(file.clone(), error);
    let _lock = match dry_run {
        true => None,
        false => Some(lock(paths).map_err(io)?),
    };
    let old = read(&file).map_err(Wrong::Config)?;
    // One that is broken already is mended by hand.
    examine(paths, old.clone()).map_err(Wrong::Config)?;
    let current = settings(paths).map_err(Wrong::Config)?;
    let mut text = old
        .clone()
        .unwrap_or_else(|| format!("{{\n  \"config_version\": \"{VERSION}\"\n}}\n"));
    let mut changes = Vec::new();
    for (key, value) in pairs {
        let path = known(key)?;
        refuse_overridden(paths, &current, key, value)?;
        let value = as_json(&path, value);
        let before = json::value_at(&text, &path).map(str::to_owned);
        if before.as_deref() == Some(&value) {
            continue;
        }
        text = json::set(&text, &path, &value).ok_or_else(|| {
            Wrong::Value(format!(
                "{key}: there is no such place; a list grows by one element at its end"
            ))
        })?;
        changes.push(Change {
            key: key.clone(),
            before,
            after: value,
        });
    }
    refuse_reinterpreted(&changes, pairs)?;
    let examined = examine(paths, Some(text.clone())).map_err(|errors| {
        // Its lines are those of a file that nobody has seen.
        let texts = errors.0.into_iter().map(|finding| finding.message);
        Wrong::Value(texts.collect::<Vec<_>>().join("\n"))
    })?;
    if !dry_run && !changes.is_empty() {
        files::replace_own(&file, text.as_bytes(), MODE).map_err(io)?;
    }
    let warnings = examined.loaded.warnings.iter().map(ToString::to_string);
    Ok(Saved {
        file,
        changes,
        warnings: warnings.collect(),
    })
}

/// Two commands at once would each undo what the other has done.
fn lock(paths: &Paths) -> io::Result<Handle> {
    let file = paths.config();
    let directory = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(directory)?;
    let handle = Handle::open(directory)?;
    flock(&handle, FlockOperation::LockExclusive)?;
    Ok(handle)
}

fn known(key: &str) -> Result<Path, Wrong> {
    let path = Path::parse(key).filter(|path| fields::expected(path).is_some());
    path.ok_or_else(|| {
        if uci_options().any(|option| option == key) {
            return Wrong::Value(format!(
                "{key} is a setting of /etc/config/tollgate: {}",
                uci_command(key, "VALUE")
            ));
        }
        let near = Path::parse(key).and_then(|path| {
            let same = fields::same_but_case(&path).map(str::to_owned);
            same.or_else(|| fields::nearest(&path))
        });
        let hint = near.map(|near| format!("; did you mean `{near}`?"));
        Wrong::Value(format!(
            "{key} is not known{}; `tollgate-wrt config schema` lists all keys",
            hint.unwrap_or_default()
        ))
    })
}

/// What UCI says counts, whatever stands in `config.json`.
fn refuse_overridden(
    paths: &Paths,
    current: &[super::Setting],
    key: &str,
    value: &str,
) -> Result<(), Wrong> {
    let option = match Path::parse(key).unwrap_or_default().pattern().as_str() {
        "metric" => "metric",
        "step_size" => "step_size",
        "log_level" => "log_level",
        "accepted_mints[].price_per_step" => "price_per_step",
        _ => return Ok(()),
    };
    let uci = paths.uci();
    let line = current.iter().find_map(|setting| match &setting.origin {
        Origin::File(place) if setting.key == key && place.file == uci => Some(place.to_string()),
        _ => None,
    });
    match line {
        Some(line) => Err(Wrong::Value(format!(
            "{key} is set in {}, which overrides config.json: {}",
            line.trim_end_matches(": "),
            uci_command(option, value)
        ))),
        None => Ok(()),
    }
}

fn uci_command(option: &str, value: &str) -> String {
    let verb = match option {
        "interface" | "mint" | "open_port" => "add_list",
        _ => "set",
    };
    format!("uci {verb} tollgate.main.{option}='{value}'; uci commit tollgate")
}

/// A step of 21 MiB is six hours in milliseconds: whoever changes the metric
/// says how large a step is.
fn refuse_reinterpreted(changes: &[Change], pairs: &[(String, String)]) -> Result<(), Wrong> {
    let is_changed = changes.iter().any(|change| change.key == "metric");
    let has_step = pairs.iter().any(|(key, _)| key == "step_size");
    match is_changed && !has_step {
        true => Err(Wrong::Value(
            "metric: step_size counts in it; set both at once, such as `config set metric milliseconds step_size 60000`".to_owned(),
        )),
        false => Ok(()),
    }
}

/// The value as JSON: what is typed for a text is the text, quotes or not.
fn as_json(path: &Path, typed: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(typed).ok();
    let is_text = default_at(path).is_none_or(|value| value.is_string());
    let is_duration = fields::expected(path) == Some(super::duration::EXPECTED);
    let is_meant = match &parsed {
        None => false,
        Some(Value::String(_)) => true,
        Some(Value::Number(_)) if is_duration => true,
        Some(_) => !is_text,
    };
    match is_meant {
        true => typed.trim().to_owned(),
        // A text is always JSON.
        false => serde_json::to_string(typed).unwrap_or_default(),
    }
}

/// What stands at a path by default, lists having one element.
fn default_at(path: &Path) -> Option<Value> {
    let mut file = File::default();
    file.step_size = Some(file.step());
    let url = "https://mint.example".parse().ok()?;
    file.accepted_mints = vec![Mint::new(
        url,
        std::num::NonZeroU64::MIN,
        super::schema::SAT.to_owned(),
    )];
    let mut value = &serde_json::to_value(&file).ok()?;
    for step in &path.0 {
        value = match step {
            json::Step::Key(key) => value.get(key)?,
            json::Step::Index(_) => value.get(0)?,
        };
    }
    Some(value.clone())
}
