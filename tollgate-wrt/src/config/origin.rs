//! Every setting in force, and where its value came from.

use serde_json::Value;

use super::fields;
use super::schema::{File, Mint, SAT};
use super::{Error, Examined, Finding, GateChoice, MintUrl, examine, read};
use crate::json::{self, Path, Step};
use crate::paths::Paths;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody has set it.
    Default,
    /// A file: line and, in JSON, column.
    File(Finding),
}

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name: that of `config.json`, or that of an option of UCI which has
    /// none there.
    pub key: String,
    /// Its value, as it stands in JSON.
    pub value: Value,
    /// Where that came from.
    pub origin: Origin,
    /// Whether the option is UCI's alone.
    pub is_uci: bool,
}

/// Every setting, in the order of the files' documentation.
///
/// # Errors
/// As [`super::load`].
pub fn settings(paths: &Paths) -> Result<Vec<Setting>, Error> {
    let examined = examine(paths, read(&paths.config())?)?;
    let source = Source {
        paths,
        examined: &examined,
    };
    let settings = &examined.loaded.settings;
    let mut found = Vec::new();
    let (gate, program, open_ports) = match &settings.gate {
        GateChoice::Missing => (Value::Null, Value::Null, Value::Null),
        GateChoice::Ndsctl => ("ndsctl".into(), Value::Null, Value::Null),
        GateChoice::None => ("none".into(), Value::Null, Value::Null),
        GateChoice::Command(program) => {
            let program = program.display().to_string();
            ("command".into(), program.into(), Value::Null)
        }
        GateChoice::Nftables(ports) => ("nftables".into(), Value::Null, ports.clone().into()),
    };
    let captive_api = settings.captive_api.as_ref();
    let captive_api = captive_api.map_or(Value::Null, |address| address.as_str().into());
    let own = [
        ("enabled", settings.enabled.into()),
        ("interface", settings.interfaces.clone().into()),
        ("port", settings.port.into()),
        ("gate", gate),
        ("gate_command", program),
        ("open_port", open_ports),
        ("captive_api", captive_api),
    ];
    for (key, value) in own {
        found.push(Setting {
            key: key.to_owned(),
            value,
            origin: source.uci(key).unwrap_or(Origin::Default),
            is_uci: true,
        });
    }
    let mut file = settings.file.clone();
    file.step_size = Some(file.step());
    let tree = serde_json::to_value(&file).unwrap_or_default();
    collect(&tree, &Path::default(), &mut |path, value| {
        found.push(Setting {
            key: path.to_string(),
            value: value.clone(),
            origin: source.origin(path, &file),
            is_uci: false,
        });
    });
    Ok(found)
}

/// Keys of `config.json` that this daemon has no use for.
///
/// # Errors
/// As [`super::load`].
pub fn no_counterpart(paths: &Paths) -> Result<Vec<Finding>, Error> {
    let text = read(&paths.config())?.unwrap_or_default();
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    let keys = document.as_object().into_iter().flatten();
    let unused = keys.filter_map(|(key, value)| {
        let why = fields::unused(key).filter(|_| !value.is_null())?;
        let at = json::locate_key(&text, &Path::default().key(key));
        let message = format!("{key} has no counterpart in this daemon: {why}");
        Some((at, message))
    });
    let mut unused: Vec<_> = unused.collect();
    unused.sort_by_key(|(at, _)| (at.line, at.column));
    let finding = |(at, message)| Finding::in_json(&paths.config(), at, message);
    Ok(unused.into_iter().map(finding).collect())
}

/// Calls `each` for every value that is no object and no list of objects.
fn collect(value: &Value, path: &Path, each: &mut impl FnMut(&Path, &Value)) {
    match value {
        Value::Object(members) => {
            // In the order of the table, not of the alphabet.
            let rank = |key: &str| {
                let pattern = path.key(key).pattern();
                fields::all().position(|(known, _)| known == pattern)
            };
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_by_key(|key| rank(key));
            for key in keys {
                collect(&members[key], &path.key(key), each);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &path.index(index), each);
            }
        }
        _ => each(path, value),
    }
}

struct Source<'a> {
    paths: &'a Paths,
    examined: &'a Examined,
}

impl Source<'_> {
    fn origin(&self, path: &Path, file: &File) -> Origin {
        let overridden = match path.pattern().as_str() {
            "log_level" => self.uci("log_level"),
            "metric" => self.uci("metric"),
            "step_size" => self.uci("step_size"),
            "accepted_mints" | "accepted_mints[].url" => self.uci("mint"),
            "accepted_mints[].price_per_step" => self.uci("price_per_step"),
            _ => None,
        };
        let (written, mint) = self.written(path, file);
        // Of several mints each has a line of its own.
        let line = mint.and_then(|mint| self.line_of(&mint.url));
        match (overridden, line) {
            (Some(_), Some(line)) if path.pattern().ends_with(".url") => self.at(line),
            (Some(origin), _) => origin,
            (None, _) => written.map_or(Origin::Default, Origin::File),
        }
    }

    /// Where it stands in `config.json`, if it does, and which mint it is about.
    fn written<'f>(&self, path: &Path, file: &'f File) -> (Option<Finding>, Option<&'f Mint>) {
        let mut path = path.clone();
        let mut mint = None;
        if let [Step::Key(list), Step::Index(index), rest @ ..] = path.0.as_slice() {
            if list == "accepted_mints" {
                mint = file.accepted_mints.get(*index);
                let known = &self.examined.file.accepted_mints;
                let same = |known: &Mint| mint.is_some_and(|mint| mint.url == known.url);
                let Some(at) = known.iter().position(same) else {
                    return (self.price_of_others(rest), mint);
                };
                let moved = Path::default().key(list).index(at);
                path = Path([moved.0.as_slice(), rest].concat());
            }
        }
        let found = self.in_json(&path).or_else(|| {
            // The second name of schema::Mint.
            let (Step::Key(last), above) = path.0.split_last()? else {
                return None;
            };
            let other = Path(above.to_vec()).key("min_purchase_steps");
            (last == "purchase_min_steps").then(|| self.in_json(&other))?
        });
        (found, mint)
    }

    fn in_json(&self, path: &Path) -> Option<Finding> {
        let text = &self.examined.text;
        let value = json::value_at(text, path)?;
        let value: Value = serde_json::from_str(value).ok()?;
        if fields::is_unset(path, &value) {
            return None;
        }
        let at = json::locate(text, path);
        Some(Finding::in_json(&self.paths.config(), at, String::new()))
    }

    /// A mint that only UCI names has the price of the others.
    fn price_of_others(&self, rest: &[Step]) -> Option<Finding> {
        let [Step::Key(key)] = rest else { return None };
        let mints = &self.examined.file.accepted_mints;
        let first = mints.iter().position(|mint| mint.price_unit == SAT)?;
        let price = Path::default()
            .key("accepted_mints")
            .index(first)
            .key("price_per_step");
        (key == "price_per_step").then(|| self.in_json(&price))?
    }

    fn uci(&self, option: &str) -> Option<Origin> {
        let mut lines = self.examined.lines.iter();
        let (_, line) = lines.rfind(|(name, _)| name == option)?;
        Some(self.at(*line))
    }

    fn line_of(&self, mint: &MintUrl) -> Option<usize> {
        let mut mints = self.examined.mints.iter();
        mints.find(|(url, _)| url == mint).map(|(_, line)| *line)
    }

    fn at(&self, line: usize) -> Origin {
        Origin::File(Finding::in_uci(
            &self.paths.uci(),
            Some(line),
            String::new(),
        ))
    }
}
