//! The table as `--help` shows it, 80 columns wide.

use super::{Command, Opt, Runs};

/// Widest line.
const WIDTH: usize = 80;

/// Exit codes, which all commands share.
pub const EXIT_CODES: &str = "Exit codes: 0 success, 1 failure, 2 wrong usage.";

/// What `--help` shows.
pub fn help(command: &Command) -> String {
    let mut text = String::new();
    for paragraph in command.about.split('\n') {
        wrap(&mut text, "", paragraph);
    }
    let args = match command.runs {
        Runs::Group => "COMMAND [OPTIONS]",
        _ if command.args.is_empty() => "[OPTIONS]",
        _ => &format!("{} [OPTIONS]", command.args),
    };
    text.push_str(&format!("\nUsage: {} {args}\n", command.full_name()));
    if let Runs::Group = command.runs {
        text.push_str("\nCommands:\n");
        columns(&mut text, command.children().map(listed).collect());
    }
    text.push_str("\nOptions:\n");
    let mut options: Vec<(String, String)> = command.options.iter().map(option).collect();
    options.push(("-h, --help".into(), "Show this help".into()));
    if command.name.is_empty() {
        options.push(("-V, --version".into(), "Show the version".into()));
    }
    columns(&mut text, options);
    if command.name.is_empty() {
        text.push_str(&format!(
            "\n`tollgate-wrt COMMAND --help` shows more.\n{EXIT_CODES}\n"
        ));
    }
    for (what, line) in command.examples {
        text.push_str(format!("\nExample: {what}").trim_end());
        text.push('\n');
        for line in line.split('\n') {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// A command of a group, as it is written behind the group's name.
fn listed(command: &'static Command) -> (String, String) {
    let args = match command.runs {
        Runs::Group => "COMMAND",
        _ => command.args,
    };
    let name = format!("{} {args}", command.word());
    (name.trim_end().to_owned(), command.summary.to_owned())
}

fn option(option: &Opt) -> (String, String) {
    (option.usage(), option.help.to_owned())
}

/// Names at the left, what they mean at the right.
fn columns(text: &mut String, rows: Vec<(String, String)>) {
    /// A name that is longer has a line to itself.
    const WIDEST: usize = 20;
    let fitting = rows.iter().map(|(name, _)| name.len());
    let width = fitting.filter(|len| *len <= WIDEST).max().unwrap_or(0);
    let indent = " ".repeat(width + 4);
    for (name, what) in rows {
        let start = text.len();
        wrap(text, &indent, &what);
        match name.len() <= width {
            true => text.replace_range(start..start + width + 4, &format!("  {name:width$}  ")),
            false => text.insert_str(start, &format!("  {name}\n")),
        }
    }
}

/// Adds a paragraph, its lines at most [`WIDTH`] wide.
fn wrap(text: &mut String, indent: &str, paragraph: &str) {
    let mut line = indent.to_owned();
    for word in paragraph.split(' ') {
        let is_first = line.len() == indent.len();
        if !is_first && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = indent.to_owned();
        } else if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
