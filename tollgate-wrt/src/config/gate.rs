//! Which gate the owner has chosen.

use std::path::PathBuf;

/// The gate that is worked when somebody has paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateChoice {
    /// Nothing was chosen: nothing is sold.
    Missing,
    /// The kernel's nftables. TCP ports of the router that are open to those
    /// who have not paid, beside the daemon's.
    Nftables(Vec<u16>),
    /// NoDogSplash or openNDS.
    Ndsctl,
    /// The owner's own program.
    Command(PathBuf),
    /// No gate: everybody has access anyway.
    None,
}

/// The words of the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateKind {
    Nftables,
    Ndsctl,
    Command,
    None,
}

impl GateKind {
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "nftables" => Some(Self::Nftables),
            "ndsctl" => Some(Self::Ndsctl),
            "command" => Some(Self::Command),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// Ports that the owner needs to get at a router that sells on its LAN: SSH and
/// the web interface.
const OPEN_PORTS: [u16; 3] = [22, 80, 443];

/// What the options say together.
///
/// # Errors
/// Which option is at fault, and what would be right.
pub fn choose(
    kind: Option<GateKind>,
    command: Option<PathBuf>,
    open_ports: Option<Vec<u16>>,
) -> Result<GateChoice, (&'static str, &'static str)> {
    if open_ports.is_some() && kind != Some(GateKind::Nftables) {
        return Err((
            "open_port",
            "open_port is used by no gate; expected `option gate 'nftables'` too",
        ));
    }
    match (kind, command) {
        (Some(GateKind::Nftables), None) => {
            let ports = open_ports.unwrap_or_else(|| OPEN_PORTS.to_vec());
            Ok(GateChoice::Nftables(ports))
        }
        (None, None) => Ok(GateChoice::Missing),
        (Some(GateKind::Ndsctl), None) => Ok(GateChoice::Ndsctl),
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
