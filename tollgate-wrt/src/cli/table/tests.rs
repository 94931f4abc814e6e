use std::collections::BTreeSet;
use std::ffi::OsString;

use super::parse::{Request, parse};
use super::*;

/// A command line, as it is understood.
fn run(line: &str) -> Result<String, String> {
    let words = line
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(OsString::from);
    match parse(words).map_err(|error| error.to_string())? {
        Request::Help(command) => Ok(format!("help {}", command.name)),
        Request::Version => Ok("version".to_owned()),
        Request::Run(parsed) => Ok(format!(
            "{} {:?} {:?}",
            parsed.command.name, parsed.words, parsed.options
        )),
    }
}

fn error(line: &str) -> String {
    run(line).unwrap_err()
}

#[test]
fn the_table_holds_together() {
    let names: BTreeSet<&str> = COMMANDS.iter().map(|command| command.name).collect();
    assert_eq!(names.len(), COMMANDS.len(), "a command stands twice");
    for command in COMMANDS {
        let name = command.name;
        let has_children = command.children().next().is_some();
        assert_eq!(has_children, matches!(command.runs, Runs::Group), "{name}");
        if let Some((group, _)) = name.rsplit_once(' ') {
            assert!(names.contains(group), "{name}");
        }
        if !name.is_empty() {
            assert!(!command.examples.is_empty(), "{name} has no example");
        }
        // An example is something that can be typed.
        for line in command
            .examples
            .iter()
            .flat_map(|(_, lines)| lines.split('\n'))
        {
            let Some((before, line)) = line.split_once("tollgate-wrt ") else {
                continue;
            };
            if before.ends_with('/') {
                continue;
            }
            let end = line.find(['>', '<', '&', '|']).unwrap_or(line.len());
            assert!(run(line[..end].trim()).is_ok(), "{name}: {line}");
        }
    }
}

#[test]
fn help_fits_a_terminal_and_names_everything() {
    for command in COMMANDS {
        let text = help::help(command);
        for line in text.lines() {
            let is_example = line.starts_with("  ") && line.contains("tollgate-wrt");
            assert!(
                is_example || line.chars().count() <= 80,
                "{}: {line}",
                command.name
            );
            assert_eq!(line.trim_end(), line, "{}", command.name);
        }
        for option in command.options {
            assert!(text.contains(&option.usage()), "{}", command.name);
        }
        for child in command.children() {
            assert!(
                text.contains(&format!("\n  {}", child.word())),
                "{}",
                child.name
            );
        }
    }
}

#[test]
fn options_and_words() {
    assert_eq!(
        run("run --root=/tmp --listen 127.0.0.1:0 --listen=[::1]:2121"),
        Ok(
            r#"run [] [("root", "/tmp"), ("listen", "127.0.0.1:0"), ("listen", "[::1]:2121")]"#
                .into()
        )
    );
    assert_eq!(
        run("sessions --json"),
        Ok(r#"sessions [] [("json", "")]"#.into())
    );
    // Before the last word, too.
    assert_eq!(
        run("wallet --json drain https://mint.example"),
        Ok(r#"wallet drain ["https://mint.example"] [("json", "")]"#.into())
    );
    assert_eq!(
        run("wallet receive -"),
        Ok(r#"wallet receive ["-"] []"#.into())
    );
}

#[test]
fn help_and_version() {
    assert_eq!(run("--help"), Ok("help ".into()));
    assert_eq!(run("help"), Ok("help ".into()));
    assert_eq!(run("help wallet send"), Ok("help wallet send".into()));
    assert_eq!(run("-V"), Ok("version".into()));
    assert_eq!(run("run -h"), Ok("help run".into()));
    assert_eq!(run("wallet --help"), Ok("help wallet".into()));
    assert_eq!(run("config check --help"), Ok("help config check".into()));
}

#[test]
fn usage_errors_say_what_is_expected() {
    assert!(error("").starts_with("a command is missing: run, "));
    assert_eq!(error("walk"), "there is no command `walk`");
    let near = "there is no command `walet`; did you mean `wallet`?";
    assert_eq!(error("walet"), near);
    assert_eq!(
        error("wallet drainn"),
        "there is no command `wallet drainn`; did you mean `drain`?"
    );
    assert_eq!(
        error("run --lisen"),
        "--lisen is no option of `run`; did you mean --listen?"
    );
    assert_eq!(error("--json"), "--json is no option here");
    assert_eq!(error("run --json"), "--json is no option of `run`");
    assert!(error("config").starts_with("`config` needs a command: "));
    assert_eq!(
        error("wallet receive"),
        "too few words; expected `tollgate-wrt wallet receive TOKEN`"
    );
    for wrong in [
        "wallet",
        "wallet burn",
        "wallet sent x",
        "sessions x",
        "sessions --json=1",
    ] {
        assert!(run(wrong).is_err(), "{wrong}");
    }
}
