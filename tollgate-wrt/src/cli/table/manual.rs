//! The manual page, made of the table.
//!
//! Nothing of the program calls this, so that it is not part of it: `cargo run
//! --example manual` does.

use std::fmt::Write as _;

use super::{COMMANDS, Command, Runs};

const FILES: &[(&str, &str)] = &[
    (
        "/etc/config/tollgate",
        "The settings that are changed often, in OpenWrt's own format; they override the next file.",
    ),
    (
        "/etc/tollgate/config.json",
        "All settings (v0.0.8), shared with other TollGate daemons. Written by `config set` only.",
    ),
    (
        "/etc/tollgate/identities.json",
        "The router's key, and the names that profit is shared with.",
    ),
    (
        "/etc/tollgate/money/journal",
        "Payments, ecash and sessions. Not to be copied or edited: `backup` does it right.",
    ),
    (
        "/var/run/tollgate.sock",
        "Where the running daemon takes commands, from root only.",
    ),
];

/// `tollgate-wrt(8)`, for `man`.
pub fn page() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(".TH TOLLGATE\\-WRT 8 \"\" \"tollgate\\-wrt {version}\"\n");
    section(&mut text, "NAME");
    line(
        &mut text,
        "tollgate-wrt - sell internet access for Cashu ecash on OpenWrt routers",
    );
    section(&mut text, "SYNOPSIS");
    text.push_str(".B tollgate\\-wrt\n.I COMMAND\n.RI [ OPTIONS ]\n");
    section(&mut text, "DESCRIPTION");
    line(
        &mut text,
        "The daemon of a TollGate: `run` serves customers, and the other commands are its owner's. Those that need the running daemon ask it over a Unix socket, and say so when there is none.",
    );
    section(&mut text, "COMMANDS");
    let leaves = COMMANDS
        .iter()
        .filter(|command| !matches!(command.runs, Runs::Group));
    for command in leaves {
        entry(&mut text, command);
    }
    section(&mut text, "FILES");
    for (file, what) in FILES {
        tagged(&mut text, file, what);
    }
    section(&mut text, "EXIT STATUS");
    line(&mut text, "0 success, 1 failure, 2 wrong usage.");
    section(&mut text, "SEE ALSO");
    text.push_str(".BR logread (1),\n.BR uci (1)\n");
    text
}

fn entry(text: &mut String, command: &Command) {
    let _ = writeln!(text, ".SS {}", quoted(&command.usage()));
    for paragraph in command.about.split('\n') {
        text.push_str(".PP\n");
        line(text, paragraph);
    }
    for option in command.options {
        tagged(text, &option.usage(), option.help);
    }
    for (what, lines) in command.examples {
        text.push_str(".PP\n");
        match what.is_empty() {
            true => line(text, "Example:"),
            false => line(text, &format!("Example: {what}")),
        }
        text.push_str(".PP\n.RS 4\n.nf\n");
        for example in lines.split('\n') {
            line(text, example);
        }
        text.push_str(".fi\n.RE\n");
    }
}

fn section(text: &mut String, name: &str) {
    let _ = writeln!(text, ".SH {}", quoted(name));
}

fn tagged(text: &mut String, tag: &str, what: &str) {
    let _ = writeln!(text, ".TP\n.B {}", escaped(tag));
    line(text, what);
}

/// A line of text, in which nothing is a request.
fn line(text: &mut String, words: &str) {
    let guard = match words.starts_with(['.', '\'']) {
        true => "\\&",
        false => "",
    };
    let _ = writeln!(text, "{guard}{}", escaped(words));
}

fn quoted(words: &str) -> String {
    format!("\"{}\"", escaped(words).replace('"', "\\(dq"))
}

/// Characters that roff would take for something else.
fn escaped(words: &str) -> String {
    words
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('`', "\\(ga")
        .replace('\'', "\\(aq")
        .replace('…', "...")
}
