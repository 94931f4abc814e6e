//! Completions for bash and zsh, made of the table. OpenWrt's own shell, ash,
//! has none: they are for machines that have the others.
//!
//! Nothing of the program calls this, so that it is not part of it: `cargo run
//! --example manual` does.

use std::fmt::Write as _;

use super::{COMMANDS, Command, Hint, Opt, Runs};
use crate::config::fields;

/// The script for bash.
pub fn bash() -> String {
    let mut text = String::from(
        "# Completions of tollgate-wrt for bash; made by `cargo run --example manual`.\n\
         _tollgate_wrt() {\n\
         \x20   local cur=${COMP_WORDS[COMP_CWORD]} command= words= word i\n\
         \x20   for ((i = 1; i < COMP_CWORD; i++)); do\n\
         \x20       word=${COMP_WORDS[i]}\n\
         \x20       case \"$command $word\" in\n",
    );
    commands(&mut text, "        ");
    text.push_str("        esac\n    done\n    case ${COMP_WORDS[COMP_CWORD - 1]} in\n");
    for (option, hint) in with_values() {
        let what = match hint {
            Hint::Directory => "-d".to_owned(),
            Hint::Words(words) => format!("-W '{}'", words.join(" ")),
            Hint::None => continue,
        };
        let _ = writeln!(
            text,
            "        --{option}) COMPREPLY=($(compgen {what} -- \"$cur\")); return ;;"
        );
    }
    text.push_str("    esac\n    case $command in\n");
    for command in COMMANDS {
        let words: Vec<String> = (command.children().map(Command::word).map(str::to_owned))
            .chain(
                command
                    .options
                    .iter()
                    .map(|option| format!("--{}", option.long)),
            )
            .chain(["--help".to_owned()])
            .chain(keys(command).map(str::to_owned))
            .collect();
        let _ = writeln!(
            text,
            "        '{}') words='{}' ;;",
            command.name,
            words.join(" ")
        );
    }
    text.push_str(
        "    esac\n\
         \x20   COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\
         \x20   case $command in\n",
    );
    let _ = writeln!(
        text,
        "        {}) COMPREPLY+=($(compgen -f -- \"$cur\")) ;;",
        files().collect::<Vec<_>>().join("|")
    );
    text.push_str("    esac\n}\ncomplete -F _tollgate_wrt tollgate-wrt\n");
    text
}

/// The script for zsh.
pub fn zsh() -> String {
    let mut text = String::from(
        "#compdef tollgate-wrt\n\
         # Completions of tollgate-wrt for zsh; made by `cargo run --example manual`.\n\
         _tollgate_wrt() {\n\
         \x20   local command= word i\n\
         \x20   local -a found options\n\
         \x20   for ((i = 2; i < CURRENT; i++)); do\n\
         \x20       word=${words[i]}\n\
         \x20       case \"$command $word\" in\n",
    );
    commands(&mut text, "        ");
    text.push_str("        esac\n    done\n    case ${words[CURRENT - 1]} in\n");
    for (option, hint) in with_values() {
        let what = match hint {
            Hint::Directory => "_files -/".to_owned(),
            Hint::Words(words) => format!("compadd {}", words.join(" ")),
            Hint::None => continue,
        };
        let _ = writeln!(text, "        --{option}) {what}; return ;;");
    }
    text.push_str("    esac\n    case $command in\n");
    for command in COMMANDS {
        let described = |word: &str, what: &str| {
            let what = what.replace('\'', "'\\''").replace(':', "\\:");
            format!("'{}:{what}'", word.replace(':', "\\:"))
        };
        let children = command
            .children()
            .map(|child| described(child.word(), child.summary));
        let keys = keys(command).map(|key| described(key, "a setting"));
        let options = command.options.iter().map(|option| {
            let first = option.help.split(". ").next().unwrap_or_default();
            described(&format!("--{}", option.long), first)
        });
        let list = |items: Vec<String>| items.join(" ");
        let _ = writeln!(
            text,
            "        '{}')\n            found=({})\n            options=({} '--help:Show this help') ;;",
            command.name,
            list(children.chain(keys).collect()),
            list(options.collect())
        );
    }
    text.push_str(
        "    esac\n\
         \x20   (( $#found )) && _describe -t commands command found\n\
         \x20   _describe -t options option options\n\
         \x20   case $command in\n",
    );
    let _ = writeln!(
        text,
        "        {}) _files ;;",
        files().collect::<Vec<_>>().join("|")
    );
    text.push_str("    esac\n}\n_tollgate_wrt \"$@\"\n");
    text
}

/// Branches that add a word to the command's name.
fn commands(text: &mut String, indent: &str) {
    for command in COMMANDS.iter().filter(|command| !command.name.is_empty()) {
        let above = command.name.rsplit_once(' ').map_or("", |(above, _)| above);
        let _ = writeln!(
            text,
            "{indent}'{above} {}') command='{}' ;;",
            command.word(),
            command.name
        );
    }
}

/// Options with values of a kind, each once.
fn with_values() -> Vec<(&'static str, Hint)> {
    let mut all: Vec<(&str, Hint)> = Vec::new();
    let options = COMMANDS.iter().flat_map(|command| command.options);
    for Opt { long, hint, .. } in options {
        if *hint != Hint::None && !all.iter().any(|(known, _)| known == long) {
            all.push((long, *hint));
        }
    }
    all
}

/// The settings that a command is about.
fn keys(command: &Command) -> impl Iterator<Item = &'static str> {
    let is_about = command.args.contains("KEY");
    let keys = fields::all().map(|(key, _)| key);
    keys.filter(move |key| is_about && !key.contains('['))
}

/// Commands that take a file.
fn files() -> impl Iterator<Item = String> {
    let commands = COMMANDS.iter();
    commands
        .filter(|command| command.args == "FILE" && !matches!(command.runs, Runs::Group))
        .map(|command| format!("'{}'", command.name))
}
