//! Completions as a shell runs them, and manual pages as `man` shows them.

mod support;

use std::process::Command;

/// What bash offers for a command line that ends where the cursor is.
fn offered(script: &str, before: &str, words: &[&str]) -> Vec<String> {
    let list: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let asked = format!(
        "{before}\n{script}\nCOMP_WORDS=({words})\nCOMP_CWORD={last}\nCOMP_LINE='{line}'\nCOMP_POINT=${{#COMP_LINE}}\n\
         function=$(complete -p {program})\nfunction=${{function##* -F }}\nfunction=${{function%% *}}\n\
         \"$function\" {program} \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last}-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words = list.join(" "),
        last = words.len() - 1,
        line = words.join(" "),
        program = words[0],
    );
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &asked])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{words:?}: {errors}");
    text.lines().map(str::to_owned).collect()
}

fn script(shell: &str) -> String {
    let output = support::run(support::xtask().args(["completions", shell]));
    String::from_utf8(output.stdout).unwrap()
}

fn program(name: &str) -> Option<&'static str> {
    let found = xtask::util::process::find_program(name).is_some();
    (!found).then_some("a program of the shell tests is not installed")
}

#[test]
fn bash_completes_commands_flags_and_values() {
    if !support::group("bash", program("bash")) {
        return;
    }
    let script = script("bash");
    for program in [&["xtask"][..], &["cargo", "xtask"]] {
        let ask = |rest: &[&str]| offered(&script, "", &[program, rest].concat());
        assert_eq!(ask(&["verify"]), ["verify-cache"]);
        assert_eq!(ask(&["ipk", "--back"]), ["--backend"]);
        assert_eq!(ask(&["ipk", "--backend", "s"]), ["sdk"]);
        assert!(ask(&["feed", "--"]).contains(&"--verify".to_owned()));
        assert_eq!(ask(&["completions", "f"]), ["fish"]);
    }
}

#[test]
fn other_commands_of_cargo_complete_as_before() {
    if !support::group("bash", program("bash")) {
        return;
    }
    let script = script("bash");
    let before = "_cargo() { COMPREPLY=(build bench); }; complete -F _cargo cargo";
    let twice = format!("{script}\n{script}");
    assert_eq!(offered(&twice, before, &["cargo", "b"]), ["build", "bench"]);
    let ours = ["cargo", "xtask", "doct"];
    assert_eq!(offered(&twice, before, &ours), ["doctor"]);
    assert_eq!(offered(&script, "", &["cargo", "x"]), ["xtask"]);
}

#[test]
fn shells_find_no_mistake_in_their_scripts() {
    for shell in ["bash", "zsh", "fish"] {
        let text = script(shell);
        assert!(text.contains("verify-cache") && text.contains("cargo xtask"));
        if !support::group(shell, program(shell)) {
            continue;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let checked = Command::new(shell).arg("-n").arg(file.path()).output();
        let errors = String::from_utf8(checked.unwrap().stderr).unwrap();
        assert!(errors.is_empty(), "{shell}: {errors}");
    }
}

#[test]
fn every_page_is_shown_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    support::run(support::xtask().args(["man", "-o"]).arg(dir.path()));
    let names: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in ["xtask.1", "xtask-ipk.1", "xtask-man.1"] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
    let one = support::run(support::xtask().args(["man", "ipk"])).stdout;
    let written = std::fs::read(dir.path().join("xtask-ipk.1")).unwrap();
    assert_eq!(one, written);
    if !support::group("groff", program("groff")) {
        return;
    }
    for name in names {
        let shown = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .arg(dir.path().join(&name))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&shown.stderr);
        assert!(
            shown.status.success() && errors.is_empty(),
            "{name}: {errors}"
        );
    }
}

#[test]
fn a_page_of_no_command_names_the_nearest() {
    let output = support::xtask().args(["man", "ipkg"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains("did you mean ipk?"),
        "{text}"
    );
}
