//! Which gate the owner has chosen.

use std::path::PathBuf;

/// The gate that is worked when somebody has paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateChoice {
    /// Nothing was chosen: nothing is sold.
    Missing,
    /// The owner's own program.
    Command(PathBuf),
    /// No gate: everybody has access anyway.
    None,
}

/// The words of the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateKind {
    Command,
    None,
}

impl GateKind {
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "command" => Some(Self::Command),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// What the two options say together.
///
/// # Errors
/// Which option is at fault, and what would be right.
pub fn choose(
    kind: Option<GateKind>,
    command: Option<PathBuf>,
) -> Result<GateChoice, (&'static str, &'static str)> {
    match (kind, command) {
        (None, None) => Ok(GateChoice::Missing),
        (Some(GateKind::None), None) => Ok(GateChoice::None),
        (Some(GateKind::Command), Some(program)) => Ok(GateChoice::Command(program)),
        (Some(GateKind::Command), None) => Err((
            "gate",
            "gate `command` without a program; expected a gate_command too, such as `option gate_command '/usr/bin/my-gate'`",
        )),
        (_, Some(_)) => Err((
            "gate_command",
            "gate_command is used by no gate; expected `option gate 'command'` too",
        )),
    }
}
