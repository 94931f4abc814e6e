//! The manual page as `man` shows it, and completions as shells run them.
//! Groups `bash`, `zsh` and `groff`.

#[path = "../../xtask/tests/support/groups.rs"]
mod groups;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tollgate_wrt::cli::table::{COMMANDS, Runs, manual, shell};
use tollgate_wrt::config::{self, fields};

/// Whether the group's program, of the same name, is there.
fn group(name: &str) -> bool {
    let found = Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    groups::group(name, found.err().map(|_| "it is not installed"))
}

fn clean(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What bash offers where the last word ends.
fn offered(directory: &Path, words: &[&str]) -> Vec<String> {
    let list: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let asked = format!(
        "{}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_tollgate_wrt\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        shell::bash(),
        list.join(" "),
        words.len() - 1
    );
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &asked])
        .current_dir(directory)
        .output()
        .unwrap();
    let text = clean(output);
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn bash_completes_commands_options_keys_and_files() {
    if !group("bash") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("router.backup"), "").unwrap();
    let ask = |rest: &[&str]| offered(dir.path(), &[&["tollgate-wrt"], rest].concat());
    assert_eq!(ask(&["sta"]), ["status"]);
    assert_eq!(ask(&["wallet", "rec"]), ["receive"]);
    assert_eq!(ask(&["wallet", "--json", "bal"]), ["balance"]);
    assert_eq!(ask(&["config", "get", "--or"]), ["--origin"]);
    assert_eq!(ask(&["config", "set", "step"]), ["step_size"]);
    assert_eq!(ask(&["run", "--log", "sys"]), ["syslog"]);
    assert_eq!(ask(&["run", "--log-level", "d"]), ["debug"]);
    assert_eq!(ask(&["restore", "rou"]), ["router.backup"]);
    assert!(ask(&["restore", "--"]).contains(&"--dry-run".to_owned()));
    // Every command can be reached.
    for command in COMMANDS.iter().filter(|command| !command.name.is_empty()) {
        let words: Vec<&str> = command.name.split(' ').collect();
        assert!(
            ask(&words).contains(&command.word().to_owned()),
            "{words:?}"
        );
    }
}

#[test]
fn zsh_finds_no_mistake_and_knows_every_command() {
    let script = shell::zsh();
    for command in COMMANDS.iter().filter(|command| !command.name.is_empty()) {
        let described = format!("'{}:", command.word());
        assert!(script.contains(&described), "{described}");
    }
    if !group("zsh") {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &script).unwrap();
    clean(
        Command::new("zsh")
            .arg("-n")
            .arg(file.path())
            .output()
            .unwrap(),
    );
    // With doubles of zsh's own functions, which print what they are given.
    let asked = "_describe() { print -rl -- ${(P)${@[-1]}}; }\n_files() { print files; }\ncompadd() { print -rl -- $@; }\n";
    let offers = |words: &str, current: usize| {
        let text = format!(
            "{asked}words=({words}); CURRENT={current}; source {}",
            file.path().display()
        );
        clean(
            Command::new("zsh")
                .args(["-f", "-c", &text])
                .output()
                .unwrap(),
        )
    };
    assert!(offers("tollgate-wrt wa", 2).contains("wallet:"));
    assert!(offers("tollgate-wrt wallet dr", 3).contains("drain:"));
    assert!(offers("tollgate-wrt config get st", 4).contains("step_size:"));
    assert!(offers("tollgate-wrt run --log s", 4).starts_with("stderr\nsyslog"));
    assert!(offers("tollgate-wrt restore r", 3).ends_with("files\n"));
}

#[test]
fn the_manual_page_is_shown_without_a_warning() {
    let page = manual::page();
    if !group("groff") {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), page).unwrap();
    let shown = Command::new("groff")
        .args(["-man", "-Tascii", "-P-cbou", "-ww", "-rLL=80n"])
        .arg(file.path())
        .output()
        .unwrap();
    let text = clean(shown);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for command in COMMANDS {
        if matches!(command.runs, Runs::Group) {
            continue;
        }
        assert!(text.contains(&command.usage()), "{}", command.name);
        for option in command.options {
            assert!(text.contains(&option.usage()), "{}", option.long);
        }
    }
    assert!(text.contains("tollgate-wrt config set metric milliseconds step_size"));
    for (_, lines) in COMMANDS.iter().flat_map(|command| command.examples) {
        let line = lines.split('\n').next().unwrap();
        assert!(text.contains(line), "{line}");
    }
}

/// docs/configuration.md names every command, and every setting.
#[test]
fn the_owners_document_is_complete() {
    let text = include_str!("../../docs/configuration.md");
    for command in COMMANDS {
        if matches!(command.runs, Runs::Group) {
            continue;
        }
        assert!(
            text.contains(&format!("| `{}` |", command.usage())),
            "{}",
            command.name
        );
    }
    for (key, _) in fields::all() {
        // What is in an object without effect is without effect.
        let name = match fields::unused(key) {
            Some(_) => key.split('.').next().unwrap(),
            None => key.rsplit('.').next().unwrap().trim_end_matches("[]"),
        };
        let is_there = text.contains(&format!("`{name}`")) || text.contains(&format!("`.{name}`"));
        assert!(is_there, "{key}");
    }
    for option in config::uci_options() {
        assert!(text.contains(&format!("| `{option}`")), "{option}");
    }
}
