//! `backup` and `restore`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::output::{complain, exit_code, print};
use super::remote::{exchange, unanswered};
use super::table::Parsed;
use super::table::options::{DRY_RUN, MERGE, MONEY_ONLY, REPLACE, SESSIONS};
use crate::backup::{self, Backup, Done, HEAD, How, MAX_LENGTH, MODE, Onto};
use crate::control::wire::Request;
use crate::files;
use crate::paths::Paths;

/// Saves everything in a file.
///
/// # Errors
/// What is wrong with the options.
pub fn backup(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    let target = parsed.texts()?.remove(0);
    if target == "-" && io::stdout().is_terminal() {
        return Err("a backup holds the router's key and money: not on a terminal".into());
    }
    let done = make(&paths).and_then(|text| {
        let backup = Backup::parse(&text).map_err(|error| error.to_string())?;
        match target.as_str() {
            "-" => match print(&text) {
                true => {}
                false => return Err("standard output is closed".to_owned()),
            },
            path => save(Path::new(path), &text).map_err(|error| format!("{path}: {error}"))?,
        }
        Ok(backup)
    });
    Ok(exit_code(match done {
        // The backup itself is what there is to print.
        Ok(_) if target == "-" => true,
        Ok(backup) => told(parsed.json(), &target, &backup),
        Err(error) => {
            complain(&error);
            false
        }
    }))
}

/// Has the daemon make it, for the journal is the daemon's while it runs.
fn make(paths: &Paths) -> Result<String, String> {
    let request = Request {
        command: "backup".to_owned(),
        ..Request::default()
    };
    match exchange(paths, &request) {
        Ok(answer) => match (answer.success, answer.data.as_str()) {
            (true, Some(text)) => Ok(text.to_owned()),
            (true, None) => Err("the daemon is of another version; restart it".to_owned()),
            (false, _) => Err(answer.error),
        },
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            let made = Backup::offline(paths).and_then(|backup| backup.to_text());
            made.map_err(|error| format!("{}: {error}", paths.money().display()))
        }
        Err(error) => Err(unanswered(paths, &error)),
    }
}

/// Writes the file, but over nothing that is no backup, and into no directory
/// that would have to be made: a disk may not be mounted.
fn save(path: &Path, text: &str) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        let what = format!("there is no directory {}", parent.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    let is_other = match File::open(path) {
        Ok(file) => {
            let mut first = String::new();
            let length = HEAD.len() as u64;
            let read = file.take(length).read_to_string(&mut first);
            read.is_err() || (first != HEAD && !first.is_empty())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    match is_other {
        true => Err(io::Error::other(
            "it exists and is no backup; choose another name",
        )),
        false => files::replace(path, text.as_bytes(), MODE),
    }
}

fn told(as_json: bool, target: &str, backup: &Backup) -> bool {
    let state = backup.state();
    let balances: Vec<_> = state.balances().collect();
    let sessions = state.sessions().count();
    if as_json {
        let balances = balances
            .iter()
            .map(|((mint, unit), amount)| json!({"mint": mint, "unit": unit, "amount": amount}));
        let data = json!({
            "file": target,
            "made": backup.made,
            "balances": balances.collect::<Vec<_>>(),
            "sessions": sessions,
            "pending": state.all_pending().count(),
            "files": backup.files.iter().map(|saved| &saved.name).collect::<Vec<_>>(),
        });
        return print(&format!("{data}\n"));
    }
    let mut text =
        format!("Saved in {target}. Whoever has this file has the money and the router's key.\n");
    if balances.is_empty() {
        text.push_str("  no ecash\n");
    }
    for ((mint, unit), amount) in balances {
        text.push_str(&format!("  {amount} {unit} {mint}\n"));
    }
    text.push_str(&format!("  {}\n", count(sessions, "session")));
    print(&text)
}

/// Puts a backup onto this router.
///
/// # Errors
/// What is wrong with the options.
pub fn restore(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    let source = parsed.texts()?.remove(0);
    let onto = match (parsed.has(&MERGE), parsed.has(&REPLACE)) {
        (true, true) => return Err("--merge and --replace exclude each other".into()),
        (true, false) => Onto::Merge,
        (false, true) => Onto::Replace,
        (false, false) => Onto::Empty,
    };
    let how = How {
        onto,
        sessions: parsed.has(&SESSIONS),
        money_only: parsed.has(&MONEY_ONLY),
        dry_run: parsed.has(&DRY_RUN),
    };
    let done = read(&source)
        .map_err(|error| format!("{source}: {error}"))
        .and_then(|text| Backup::parse(&text).map_err(|error| format!("{source}: {error}")))
        .and_then(|backup| {
            backup::restore(&paths, &backup, how).map_err(|error| explain(&paths, &error))
        });
    Ok(exit_code(match done {
        Ok(done) if parsed.json() => print(&format!("{}\n", as_json(&done, how))),
        Ok(done) => print(&as_text(&done, how)),
        Err(error) => {
            complain(&error);
            false
        }
    }))
}

fn read(source: &str) -> io::Result<String> {
    let mut text = String::new();
    match source {
        "-" => io::stdin()
            .lock()
            .take(MAX_LENGTH)
            .read_to_string(&mut text)?,
        path => File::open(path)?
            .take(MAX_LENGTH)
            .read_to_string(&mut text)?,
    };
    Ok(text)
}

fn explain(paths: &Paths, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            "the daemon is running; stop it first: /etc/init.d/tollgate-wrt stop".to_owned()
        }
        io::ErrorKind::AlreadyExists => format!(
            "{error}. To add the backup's ecash to it, use --merge; to put the backup in its place, --replace (a copy is kept). Nothing was changed"
        ),
        _ => format!("{}: {error}", paths.money().display()),
    }
}

fn as_json(done: &Done, how: How) -> serde_json::Value {
    let ecash = done
        .ecash
        .iter()
        .map(|(mint, unit, amount)| json!({"mint": mint, "unit": unit, "amount": amount}));
    json!({
        "dry_run": how.dry_run,
        "unchecked": ecash.collect::<Vec<_>>(),
        "pending": done.pending,
        "sessions": {"restored": done.sessions.0, "left_out": done.sessions.1},
        "files": done.files,
        "kept": done.kept,
        "unchanged": done.stay,
        "journal": done.journal,
    })
}

fn as_text(done: &Done, how: How) -> String {
    let mut text = match how.dry_run {
        true => "Nothing is changed. This is what would be restored:\n".to_owned(),
        false => "Restored:\n".to_owned(),
    };
    let mut line = |words: String| {
        text.push_str("  ");
        text.push_str(&words);
        text.push('\n');
    };
    for (mint, unit, amount) in &done.ecash {
        line(format!(
            "up to {amount} {unit} {mint}, as far as the mint says that it is unspent"
        ));
    }
    if done.ecash.is_empty() {
        line("no ecash that is not here already".to_owned());
    }
    if done.pending > 0 {
        line(format!(
            "{} that was not settled",
            count(done.pending, "payment")
        ));
    }
    let (back, left) = done.sessions;
    if back > 0 {
        line(count(back, "session"));
    }
    if left > 0 {
        let why = match how.sessions {
            true => "is over, or is here already",
            false => "is left out (--sessions would bring it back)",
        };
        line(format!("{} {why}", count(left, "session")));
    }
    for file in &done.files {
        line(file.display().to_string());
    }
    for file in &done.stay {
        line(format!("{} stays as it is", file.display()));
    }
    for file in done.kept.iter().chain(&done.journal) {
        line(format!("what was there is in {}", file.display()));
    }
    if !how.dry_run {
        text.push_str("Start the daemon, which asks the mints: /etc/init.d/tollgate-wrt start\n");
        text.push_str("`tollgate-wrt wallet balance` then shows what is left.\n");
    }
    text
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
