//! Runs other programs. Their output is kept, and its end is shown when they
//! fail: a log nobody reads is no explanation.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::fs;

/// Lines of a failed program's output that an error shows.
const TAIL: usize = 15;

/// Runs `command` with its output in `log`.
///
/// # Errors
/// When it cannot be started, or fails: with the last lines of its output.
pub fn run_logged(command: duct::Expression, what: &str, log: &Path) -> Result<()> {
    if let Some(parent) = log.parent() {
        fs::create_dirs(parent)?;
    }
    let output = command
        .stderr_to_stdout()
        .stdin_null()
        .stdout_path(log)
        .unchecked()
        .run()
        .with_context(|| format!("start {what}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    bail!(
        "{what} failed ({}); the end of {}:\n{}",
        output.status,
        log.display(),
        tail(&text)
    );
}

/// The last lines, indented.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let shown = &lines[lines.len().saturating_sub(TAIL)..];
    shown
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first program of that name on PATH.
pub fn find_program(name: &str) -> Option<PathBuf> {
    find_programs(name).into_iter().next()
}

/// Every program of that name on PATH, in order.
pub fn find_programs(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .filter(|file| is_executable(file))
        .collect()
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// One word for a shell, whatever is in it.
pub fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same for people: what needs no quotes gets none.
pub fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+:=@%,".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => shell_quoted(text),
    }
}

/// Variables that would change what a compiler makes, or that cargo set for
/// this very process: a build's result must not depend on them.
pub fn is_build_variable(name: &OsStr) -> bool {
    const KEPT: [&str; 8] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTRY_",
        "CARGO_REGISTRIES_",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_LOG",
    ];
    const DROPPED: [&str; 25] = [
        "CARGO",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUST_",
        "RUSTUP_TOOLCHAIN",
        "CC",
        "CXX",
        "AR",
        "CFLAGS",
        "CXXFLAGS",
        "CPPFLAGS",
        "LDFLAGS",
        "RANLIB",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "TARGET_",
        // What the cc and pkg-config crates and compilers look at besides.
        "HOST_CC",
        "HOST_CFLAGS",
        "CRATE_CC_",
        "PKG_CONFIG",
        "CPATH",
        "C_INCLUDE_PATH",
        "CPLUS_INCLUDE_PATH",
        "LIBRARY_PATH",
    ];
    let name = name.to_string_lossy();
    let is = |prefix: &&str| match *prefix {
        // Single names, and their variants by target: `CC_mips_unknown_linux_musl`.
        word @ ("CC" | "CXX" | "AR" | "CFLAGS" | "CXXFLAGS" | "RANLIB") => {
            name == word
                || name
                    .strip_prefix(word)
                    .is_some_and(|rest| rest.starts_with('_'))
        }
        prefix => name.starts_with(prefix),
    };
    name != "RUST_BACKTRACE"
        && DROPPED.iter().any(is)
        && !KEPT.iter().any(|prefix| name.starts_with(prefix))
}

/// `command` without any [`is_build_variable`] of this process; those that it
/// sets itself stay. Call it last: in duct the inner setting wins.
pub fn without_build_variables(command: duct::Expression) -> duct::Expression {
    let dropped: Vec<OsString> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_build_variable(name))
        .collect();
    dropped
        .into_iter()
        .fold(command, |command, name| command.env_remove(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_end_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("logs/x.log");
        let command = duct::cmd!("sh", "-c", "seq 1 40; echo oops >&2; exit 3");
        let error = run_logged(command, "counting", &log)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("counting failed (exit status: 3); the end of "),
            "{error}"
        );
        assert!(
            error.ends_with("    40\n    oops") && !error.contains("    20\n"),
            "{error}"
        );
        run_logged(duct::cmd!("true"), "nothing", &log).unwrap();
    }

    #[test]
    fn words_survive_a_shell() {
        for word in ["/a b/c", "it's", "$HOME `x` \"y\" \\", "", "/a/b-1.2~"] {
            for quoted in [shell_quoted(word), shell_word(word)] {
                let echo = format!("printf %s {quoted}");
                assert_eq!(duct::cmd!("sh", "-c", echo).read().unwrap(), word);
            }
        }
        assert_eq!(shell_word("/a/b-1.2"), "/a/b-1.2");
    }

    #[test]
    fn what_a_command_sets_itself_stays() {
        // cargo sets both for tests.
        let command = duct::cmd!("sh", "-c", "echo \"$CARGO_MANIFEST_DIR,$CARGO_PKG_NAME\"");
        let command = without_build_variables(command.env("CARGO_MANIFEST_DIR", "own"));
        assert_eq!(command.read().unwrap(), "own,");
    }

    #[test]
    fn variables_that_change_a_build_are_dropped() {
        for name in [
            "RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_PKG_NAME",
            "CC",
            "CC_mips",
            "RUSTUP_TOOLCHAIN",
            "CPATH",
            "PKG_CONFIG_ALLOW_CROSS",
        ] {
            assert!(is_build_variable(OsStr::new(name)), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "PATH",
            "HOME",
            "CCACHE_DIR",
            "ARCH",
            "RUST_BACKTRACE",
        ] {
            assert!(!is_build_variable(OsStr::new(name)), "{name}");
        }
    }
}
