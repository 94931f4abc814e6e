//! The workflow runs under act, and makes the package that `cargo xtask` makes
//! when a user types it: in another folder, started by another program.

#[path = "support/pinned.rs"]
mod pinned;
#[path = "support/project.rs"]
mod project;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const ARCH: &str = "aarch64_cortex-a53";
const FILE: &str = ".github/workflows/build-package.yml";

/// `act` in the project, as docs/local-development.md has it.
fn act(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .args(["-W", FILE, "-P", "ubuntu-latest=-self-hosted"])
        // Files of the developer's that act would read.
        .args(["--env-file", "/dev/null", "--var-file", "/dev/null"])
        .args(["--secret-file", "/dev/null", "--no-cache-server"])
        .args(["--container-daemon-socket", "-"])
        .current_dir(support::root());
    for action in actions() {
        let double = support::root().join("xtask/tests/fixtures/actions/double");
        let double = double.to_str().unwrap();
        command.args(["--local-repository", &format!("{action}={double}")]);
    }
    // Those of the cargo that runs this test are none of a workflow's.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let cargos = name.starts_with("CARGO") && name != "CARGO_HOME";
        if cargos || name == "LD_LIBRARY_PATH" || name.starts_with("XTASK_REQUIRE") {
            command.env_remove(name);
        }
    }
    command
}

/// `owner/name@commit` of every action but checkout, which act has itself.
fn actions() -> Vec<String> {
    let text = std::fs::read_to_string(support::root().join(FILE)).unwrap();
    let mut actions = Vec::new();
    for line in text.lines() {
        let action = line.trim_start().strip_prefix("uses: ");
        let action = action.and_then(|action| action.split_whitespace().next());
        actions.extend(action.filter(|name| !name.contains("/checkout@")));
    }
    assert!(!actions.is_empty());
    actions.into_iter().map(str::to_owned).collect()
}

/// A target directory that has the dependencies of the project's own, and none
/// of its crates: these are compiled anew, in act's copy of the checkout.
/// Compilers replace files, so links do; cargo writes into its own.
fn seeded_target() -> tempfile::TempDir {
    let script = r#"
        set -eu
        cd "$1"
        find . -type d -name .fingerprint -not -path './bench/*' | while read -r found; do
            from=${found%/.fingerprint}
            case $from in ./debug|./openwrt/*) ;; *) continue ;; esac
            mkdir -p "$2/$from/deps"
            cp -a "$from/.fingerprint" "$from/build" "$2/$from/"
            find "$from/deps" -maxdepth 1 \( -name 'lib*.rlib' -o -name 'lib*.rmeta' -o -name 'lib*.so' \) \
                -not -name 'libxtask*' -not -name 'libtollgate*' -exec ln -t "$2/$from/deps" {} +
            rm -rf "$2/$from"/.fingerprint/xtask-* "$2/$from"/.fingerprint/tollgate-* \
                "$2/$from"/build/xtask-* "$2/$from"/build/tollgate-*
        done
    "#;
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let target = tempfile::tempdir_in(own).unwrap();
    let status = Command::new("sh")
        .args(["-c", script, "sh"])
        .args([own, target.path()])
        .status();
    assert!(status.unwrap().success());
    target
}

/// What the steps printed, and the result of each by its name.
fn read(log: &str) -> (String, BTreeMap<String, String>) {
    let mut printed = String::new();
    let mut results = BTreeMap::new();
    for line in log.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let message = entry["msg"].as_str().unwrap_or_default();
        if entry["raw_output"] == true {
            printed.push_str(message.trim_end_matches(['\r', '\n']));
            printed.push('\n');
        }
        // Before that stage act reads every action, those of no use to it too.
        let main = entry["stage"] == "Main";
        if let (true, Some(result), Some(step)) =
            (main, entry["stepResult"].as_str(), entry["step"].as_str())
        {
            results.insert(step.to_owned(), result.to_owned());
        }
    }
    (printed, results)
}

#[test]
fn act_makes_the_same_package() {
    let Some(program) = pinned::program(&pinned::ACT) else {
        return;
    };
    if !project::toolchain() {
        return;
    }
    // By hand, with the project's own target directory: the next check uses it.
    let dist = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for command in ["ipk", "apk"] {
        let mut direct = support::xtask();
        direct.args([
            command,
            "aarch64",
            "--toolchain",
            "debian",
            "--json",
            "--dist",
        ]);
        let report = support::json(&support::run(direct.arg(dist.path())));
        let package = &report["packages"][0];
        let path = Path::new(package["path"].as_str().unwrap());
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        expected.push((file, package["sha256"].as_str().unwrap().to_owned()));
    }

    let target = seeded_target();
    let workspaces = tempfile::tempdir().unwrap();
    let mut run = act(
        &program,
        &["push", "--json", "--matrix", &format!("arch:{ARCH}")],
    );
    run.arg("--action-cache-path").arg(workspaces.path());
    let target_dir = format!("CARGO_TARGET_DIR={}", target.path().display());
    run.args(["--env", "XTASK_TOOLCHAIN=debian", "--env", &target_dir]);
    let output = run.output().unwrap();
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}\n{error}");

    let (printed, results) = read(&log);
    for (file, sha256) in &expected {
        let line = format!("| `{file}` | ");
        let row = printed.lines().find(|printed| printed.contains(&line));
        let row = row.unwrap_or_else(|| panic!("no {file} in the summary:\n{printed}"));
        assert!(
            row.ends_with(&format!("| cached | `{sha256}` |")),
            "{row}, not {sha256}"
        );
    }
    // One architecture was asked for, and everything but the upload ran.
    assert!(!printed.contains("mips_24kc |"), "{printed}");
    assert!(
        results.values().all(|result| result == "success"),
        "{results:?}"
    );
    let wanted = ["Toolchain", "Packages", "qemu", "toolchain was", "Summary"];
    for step in wanted {
        assert!(
            results.keys().any(|name| name.contains(step)),
            "{step}: {results:?}"
        );
    }
    for step in ["Keep", "Log in"] {
        assert!(
            !results.keys().any(|name| name.starts_with(step)),
            "{results:?}"
        );
    }
}
