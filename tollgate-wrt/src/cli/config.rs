//! `config get`, `config set` and `config schema`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::{complain, exit_code, print};
use super::remote::exchange;
use super::table::Parsed;
use super::table::options::{DRY_RUN, ORIGIN};
use crate::config::{self, Error, Origin, Setting, fields};
use crate::control::wire::Request;
use crate::paths::Paths;

/// Shows settings in force.
///
/// # Errors
/// What is wrong with the options.
pub fn get(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    let key = parsed.texts()?.pop();
    let settings = match config::settings(&paths) {
        Ok(settings) => settings,
        Err(errors) => return Ok(wrong(&errors)),
    };
    let shown = shown(&paths, settings);
    let is_below = |name: &str, key: &str| {
        let rest = name.strip_prefix(key);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let chosen = shown
        .iter()
        .filter(|one| key.as_ref().is_none_or(|key| is_below(&one.key, key)));
    let chosen: Vec<&Shown> = chosen.collect();
    if chosen.is_empty() {
        let key = key.unwrap_or_default();
        complain(&format!(
            "{key} is no setting; `tollgate-wrt config schema` lists all keys"
        ));
        return Ok(ExitCode::FAILURE);
    }
    let with_origin = parsed.has(&ORIGIN);
    let text = match chosen.as_slice() {
        _ if parsed.json() => {
            let all: Vec<Value> = chosen.iter().map(|one| one.json()).collect();
            pretty(&Value::Array(all))
        }
        [one] if Some(&one.key) == key.as_ref() && !with_origin => {
            format!("{}\n", bare(&one.value))
        }
        all => all.iter().map(|one| one.line(with_origin)).collect(),
    };
    Ok(exit_code(print(&text)))
}

/// A setting, and what the running daemon was told instead.
struct Shown {
    key: String,
    value: Value,
    origin: Origin,
    is_command_line: bool,
}

/// The settings, with those that the running daemon's command line overrides.
fn shown(paths: &Paths, settings: Vec<Setting>) -> Vec<Shown> {
    let request = Request {
        command: "status".to_owned(),
        ..Request::default()
    };
    // Without a daemon there is no command line.
    let answer = exchange(paths, &request).ok();
    let given = answer.map(|answer| answer.data["command_line"].clone());
    let given = given.as_ref().and_then(Value::as_object);
    let mut shown: Vec<Shown> = (settings.into_iter())
        .map(|setting| {
            let values = given.and_then(|given| given.get(&setting.key)?.as_array());
            let value = match (values, setting.value.is_array()) {
                (Some(values), true) => Value::Array(values.clone()),
                (Some(values), false) => values.first().cloned().unwrap_or_default(),
                (None, _) => setting.value,
            };
            Shown {
                key: setting.key,
                value,
                origin: setting.origin,
                is_command_line: values.is_some(),
            }
        })
        .collect();
    if let Some(value) = given.and_then(|given| given.get("listen")) {
        shown.push(Shown {
            key: "listen".to_owned(),
            value: value.clone(),
            origin: Origin::Default,
            is_command_line: true,
        });
    }
    shown
}

impl Shown {
    fn line(&self, with_origin: bool) -> String {
        let value = bare(&self.value);
        match with_origin {
            true => format!("{} = {value}  ({})\n", self.key, self.origin()),
            false => format!("{} = {value}\n", self.key),
        }
    }

    fn origin(&self) -> String {
        match &self.origin {
            _ if self.is_command_line => "command line of the running daemon".to_owned(),
            Origin::Default => "default".to_owned(),
            Origin::File(place) => place.to_string().trim_end_matches(": ").to_owned(),
        }
    }

    fn json(&self) -> Value {
        let (origin, place) = match &self.origin {
            _ if self.is_command_line => ("command-line", None),
            Origin::Default => ("default", None),
            Origin::File(place) => match place.column {
                Some(_) => ("config.json", Some(place)),
                None => ("uci", Some(place)),
            },
        };
        json!({
            "key": self.key,
            "value": self.value,
            "origin": origin,
            "file": place.map(|place| place.file.display().to_string()),
            "line": place.and_then(|place| place.line),
            "column": place.and_then(|place| place.column),
        })
    }
}

/// A text without its quotes, anything else as JSON.
fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "not set".to_owned(),
        other => other.to_string(),
    }
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn wrong(errors: &Error) -> ExitCode {
    for error in &errors.0 {
        complain(&error.to_string());
    }
    ExitCode::FAILURE
}

/// Changes settings in `config.json`.
///
/// # Errors
/// What is wrong with the words or the options.
pub fn set(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    let words = parsed.texts()?;
    if words.len() % 2 == 1 {
        return Err("a value is missing; expected KEY VALUE, and so on".into());
    }
    let pairs: Vec<(String, String)> = words
        .chunks_exact(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect();
    let dry_run = parsed.has(&DRY_RUN);
    let saved = match config::set(&paths, &pairs, dry_run) {
        Ok(saved) => saved,
        Err(error) => {
            complain(&format!("{error}\nNothing was changed."));
            return Ok(ExitCode::FAILURE);
        }
    };
    if parsed.json() {
        let changes = saved.changes.iter().map(|change| {
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
            json!({
                "key": change.key,
                "before": change.before.as_deref().map(value),
                "after": value(&change.after),
            })
        });
        let report = json!({
            "file": saved.file,
            "dry_run": dry_run,
            "changes": changes.collect::<Vec<_>>(),
            "warnings": saved.warnings,
        });
        return Ok(exit_code(print(&pretty(&report))));
    }
    let mut text = String::new();
    for warning in &saved.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for change in &saved.changes {
        let before = change.before.as_deref().unwrap_or("not set");
        text.push_str(&format!("{}: {before} -> {}\n", change.key, change.after));
    }
    let file = saved.file.display();
    text.push_str(&match (saved.changes.is_empty(), dry_run) {
        (true, _) => format!("{file} says so already.\n"),
        (false, true) => format!("{file} was not changed.\n"),
        (false, false) => {
            format!("Saved in {file}. To use it: /etc/init.d/tollgate-wrt reload\n")
        }
    });
    Ok(exit_code(print(&text)))
}

/// Lists every key, and what belongs there.
///
/// # Errors
/// What is wrong with the options.
pub fn schema(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let keys = fields::all().map(|(key, expected)| (key, expected, fields::unused(key)));
    let text = match parsed.json() {
        true => {
            let all = keys.map(|(key, expected, unused)| {
                json!({"key": key, "expected": expected, "unused": unused})
            });
            pretty(&Value::Array(all.collect()))
        }
        false => keys
            .map(|(key, expected, unused)| {
                let unused = match unused {
                    Some(why) => format!(" (not used: {why})"),
                    None => String::new(),
                };
                format!("{key}\n    {expected}{unused}\n")
            })
            .collect(),
    };
    Ok(exit_code(print(&text)))
}
