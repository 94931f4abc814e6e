//! `/etc/config/tollgate`: the few settings that an owner changes often, in
//! the format of the router's own. They override `config.json` in memory.

use std::num::NonZeroU64;
use std::path::PathBuf;

use super::captive::CaptiveApi;
use super::fields::closest;
use super::gate::GateKind;
use super::mint_url::MintUrl;
use super::schema::{LogLevel, Metric};
use crate::uci::{self, Entry, Section};

/// The type of the one section that is read.
const SECTION: &str = "tollgate";

/// Its name. The init script reads `enabled` from the section with this name.
const NAME: &str = "main";

/// Longest name of a network interface, in bytes: the kernel's IFNAMSIZ
/// without the closing zero.
const MAX_INTERFACE_NAME: usize = 15;

/// The settings that the file has. What is absent overrides nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub enabled: Option<bool>,
    /// Network devices, each once.
    pub interfaces: Vec<String>,
    pub port: Option<u16>,
    pub log_level: Option<LogLevel>,
    pub metric: Option<Metric>,
    pub step_size: Option<NonZeroU64>,
    pub price_per_step: Option<NonZeroU64>,
    pub gate: Option<GateKind>,
    pub gate_command: Option<PathBuf>,
    pub captive_api: Option<CaptiveApi>,
    /// TCP ports; none if there is only a 0.
    pub open_ports: Option<Vec<u16>>,
    /// Mints and their lines.
    pub mints: Vec<(MintUrl, usize)>,
    /// Where each option stands, by name.
    pub lines: Vec<(String, usize)>,
}

/// Something to say about one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line, counted from 1.
    pub line: usize,
    /// What is there, and what would be right.
    pub message: String,
}

/// Reads the file's text; gives the settings and what was not understood.
///
/// # Errors
/// Every value that does not fit, or the first line that is not UCI.
pub fn parse(text: &str) -> Result<(Overrides, Vec<Finding>), Vec<Finding>> {
    let sections =
        uci::parse(text).map_err(|uci::Error { line, message }| vec![Finding { line, message }])?;
    let mut overrides = Overrides::default();
    let mut warnings = Vec::new();
    let mut errors = Vec::new();
    for section in &sections {
        if let Err(reject) = check_section(section) {
            let line = section.line;
            match reject {
                Reject::Unknown(message) => warnings.push(Finding { line, message }),
                Reject::Wrong(message) => errors.push(Finding { line, message }),
            }
            continue;
        }
        for entry in &section.entries {
            let line = entry.line;
            match overrides.set(entry) {
                Ok(()) => overrides.lines.push((entry.name.clone(), line)),
                Err(Reject::Unknown(message)) => warnings.push(Finding { line, message }),
                Err(Reject::Wrong(message)) => errors.push(Finding { line, message }),
            }
        }
    }
    match errors.is_empty() {
        true => Ok((overrides, warnings)),
        false => Err(errors),
    }
}

enum Reject {
    Unknown(String),
    Wrong(String),
}

/// Whether the settings are in this section.
fn check_section(Section { kind, name, .. }: &Section) -> Result<(), Reject> {
    Err(match (kind.as_str(), name.as_deref()) {
        (SECTION, Some(NAME)) => return Ok(()),
        (SECTION, Some(name)) => Reject::Unknown(format!(
            "section `{name}` is ignored; the settings are in `config {SECTION} '{NAME}'`"
        )),
        (SECTION, None) => Reject::Unknown(format!(
            "a section without a name is ignored; write `config {SECTION} '{NAME}'`"
        )),
        (kind, Some(NAME)) => Reject::Wrong(format!(
            "section `{NAME}` is of type `{kind}`; expected `config {SECTION} '{NAME}'`"
        )),
        (kind, _) => Reject::Unknown(format!(
            "section type `{kind}` is not known and ignored; expected `{SECTION}`"
        )),
    })
}

const LISTS: [&str; 3] = ["interface", "mint", "open_port"];
const OPTIONS: [&str; 10] = [
    "enabled",
    "port",
    "log_level",
    "metric",
    "step_size",
    "price_per_step",
    "gate",
    "gate_command",
    "captive_api",
    "jail",
];

/// The names of all options and lists.
pub fn uci_options() -> impl Iterator<Item = &'static str> {
    OPTIONS.into_iter().chain(LISTS)
}

impl Overrides {
    /// The last line on which the option stands.
    pub fn line(&self, name: &str) -> Option<usize> {
        let found = self.lines.iter().rfind(|(known, _)| known == name);
        found.map(|(_, line)| *line)
    }

    fn set(&mut self, entry: &Entry) -> Result<(), Reject> {
        let Entry {
            name,
            value,
            is_list,
            ..
        } = entry;
        if *is_list && OPTIONS.contains(&name.as_str()) {
            let message = format!("`{name}` is not a list; expected `option {name} 'VALUE'`");
            return Err(Reject::Wrong(message));
        }
        match name.as_str() {
            "enabled" => self.enabled = Some(read(entry, "1 or 0", switch)?),
            // The init script's alone.
            "jail" => drop(read(entry, "1 or 0", switch)?),
            "port" => self.port = Some(read(entry, "a port from 1 to 65535", port)?),
            "log_level" => {
                let expected = "error, warn, info, debug or trace";
                self.log_level = Some(read(entry, expected, LogLevel::from_word)?);
            }
            "metric" => {
                self.metric = Some(read(entry, "milliseconds or bytes", Metric::from_word)?)
            }
            "step_size" => {
                let expected = "a whole number of bytes or milliseconds, 1 or more";
                self.step_size = Some(read(entry, expected, number)?);
            }
            "price_per_step" => {
                let expected = "a whole number, 1 or more";
                self.price_per_step = Some(read(entry, expected, number)?);
            }
            "gate" => {
                self.gate = Some(read(
                    entry,
                    "nftables, ndsctl, command or none",
                    GateKind::from_word,
                )?)
            }
            "gate_command" => {
                let expected = "the path of a program, such as /usr/bin/my-gate";
                self.gate_command = Some(read(entry, expected, absolute)?);
            }
            "captive_api" => {
                let expected = "an https address, such as https://portal.example/captive-api";
                self.captive_api = Some(read(entry, expected, CaptiveApi::from_word)?);
            }
            "interface" => {
                let expected = "the name of a network device, such as br-lan";
                // `option interface 'a b'` is how old files write a list.
                for name in value.split_ascii_whitespace() {
                    if !is_interface_name(name) {
                        return Err(wrong(entry, expected));
                    }
                    if !self.interfaces.iter().any(|known| known == name) {
                        self.interfaces.push(name.to_owned());
                    }
                }
            }
            "open_port" => {
                let ports = self.open_ports.get_or_insert_default();
                for word in value.split_ascii_whitespace() {
                    let port: u16 = word
                        .parse()
                        .map_err(|_| wrong(entry, "a port from 1 to 65535, or 0 for none"))?;
                    ports.extend(Some(port).filter(|port| *port > 0));
                }
            }
            "mint" => {
                let mint: MintUrl = value.parse().map_err(|error| {
                    let message =
                        format!("mint: {error}; expected an address such as https://mint.example");
                    Reject::Wrong(message)
                })?;
                if self.mints.iter().any(|(known, _)| *known == mint) {
                    let message = format!("mint `{mint}` is named twice; leave one of them out");
                    return Err(Reject::Wrong(message));
                }
                self.mints.push((mint, entry.line));
            }
            _ => {
                let known = closest(name, uci_options());
                let hint = known.map(|known| format!("; did you mean `{known}`?"));
                let message = format!(
                    "`{name}` is not known and ignored{}",
                    hint.unwrap_or_default()
                );
                return Err(Reject::Unknown(message));
            }
        }
        Ok(())
    }
}

fn read<T>(entry: &Entry, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Reject> {
    parse(&entry.value).ok_or_else(|| wrong(entry, expected))
}

fn wrong(Entry { name, value, .. }: &Entry, expected: &str) -> Reject {
    Reject::Wrong(format!("{name} `{value}`; expected {expected}"))
}

/// The words of `get_bool` in OpenWrt's /lib/functions.sh, which the init script
/// reads `enabled` with. That one takes any other word for the default.
fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "on" | "true" | "yes" | "enabled" => Some(true),
        "0" | "off" | "false" | "no" | "disabled" => Some(false),
        _ => None,
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|&port| port > 0)
}

fn number(text: &str) -> Option<NonZeroU64> {
    text.parse().ok()
}

fn absolute(text: &str) -> Option<PathBuf> {
    Some(PathBuf::from(text)).filter(|path| path.is_absolute())
}

/// What the kernel takes as the name of an interface.
pub fn is_interface_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_INTERFACE_NAME
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':')
}
