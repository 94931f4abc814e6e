//! Real builds with the `debian` toolchain: a package that is not the daemon.

#[path = "support/project.rs"]
mod project;
mod support;
#[path = "support/ipk.rs"]
mod unpack;

use project::Project;
use serde_json::{Value, json};

fn package(report: &Value) -> &Value {
    &report["packages"][0]
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_package_is_built_whole() {
    if !project::toolchain() {
        return;
    }
    let project = Project::new();
    let output = support::run(&mut project.xtask(&[
        "ipk",
        "aarch64",
        "aarch64_cortex-a72",
        "mips",
        "--json",
    ]));
    let report = support::json(&output);
    let archs: Vec<&str> = report["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["arch"].as_str().unwrap())
        .collect();
    assert_eq!(
        archs,
        ["aarch64_cortex-a53", "aarch64_cortex-a72", "mips_24kc"]
    );
    let file = project.path("dist/24.10/mips_24kc/greeter_1.2.0~rc1-r3_mips_24kc.ipk");
    assert_eq!(
        report["packages"][2]["path"],
        json!(file.canonicalize().unwrap())
    );
    assert_eq!(
        report["packages"][2]["size"],
        json!(std::fs::metadata(&file).unwrap().len())
    );
    // One target, one compile: the second architecture takes the first's binaries.
    assert_eq!(
        stderr(&output).matches("Compiling greeter v").count(),
        2,
        "{}",
        stderr(&output)
    );

    let shown = support::json(&support::run(
        support::xtask().args(["inspect", "--json"]).arg(&file),
    ));
    let installed = shown["data_size"].to_string();
    assert_eq!(
        shown["control"],
        json!({
            "Package": "greeter",
            "Version": "1.2.0~rc1-r3",
            "Depends": "libc, ubus",
            "Source": "feeds/packages/greeter",
            "SourceName": "greeter",
            "License": "MIT Apache-2.0",
            "Section": "utils",
            "SourceDateEpoch": "1700000000",
            "URL": "https://example.org/greeter",
            "Maintainer": "Test Author <author@example.org>",
            "Architecture": "mips_24kc",
            "Installed-Size": installed,
            "Description": " Greets, twice",
        })
    );
    let files: Vec<String> = shown["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            format!(
                "{} {} {}",
                file["kind"].as_str().unwrap(),
                file["mode"].as_str().unwrap(),
                file["path"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        files,
        [
            "dir 0755 /",
            "dir 0755 /etc",
            "dir 0755 /etc/config",
            "file 0600 /etc/config/greeter",
            "dir 0755 /etc/greeter.d",
            "dir 0755 /etc/uci-defaults",
            "file 0755 /etc/uci-defaults/99-greeter",
            "dir 0755 /usr",
            "dir 0755 /usr/bin",
            "file 0755 /usr/bin/greeter",
            "file 0755 /usr/bin/greeter-ctl",
            "symlink 0777 /usr/bin/hello",
        ]
    );
    assert_eq!(
        shown["members"][0],
        json!({
            "name": "conffiles",
            "mode": "0644",
            "uid": 0,
            "gid": 0,
            "text": "/etc/config/greeter\n"
        })
    );
    let program = &shown["files"][9]["elf"];
    assert_eq!(
        (
            program["machine"].as_str(),
            program["endian"].as_str(),
            program["float_abi"].as_str()
        ),
        (Some("mips"), Some("big"), Some("soft"))
    );
    assert_eq!(program["stripped"], true);
    assert_eq!(shown["findings"], json!([]));
}

#[test]
fn no_path_of_this_machine_is_in_the_program() {
    if !project::toolchain() {
        return;
    }
    let project = Project::new();
    let report = support::json(&support::run(
        &mut project.xtask(&["ipk", "aarch64", "--json"]),
    ));
    let ipk = std::fs::read(package(&report)["path"].as_str().unwrap()).unwrap();
    let data = unpack::unpack(&ipk).data;
    let home = std::env::var("HOME").unwrap();
    for machine in [
        project.dir.path().to_str().unwrap(),
        home.as_str(),
        ".cache/tollgate-xtask",
    ] {
        // A home of `/` is in every path.
        if machine.len() > 4 {
            assert!(
                !data
                    .windows(machine.len())
                    .any(|window| window == machine.as_bytes()),
                "{machine}"
            );
        }
    }
}

#[test]
fn it_runs_and_after_a_clean_no_std_crate_is_compiled() {
    if !project::toolchain() {
        return;
    }
    let project = Project::new();
    let first = support::json(&support::run(
        &mut project.xtask(&["ipk", "mips", "--json"]),
    ));
    std::fs::remove_dir_all(project.path("target")).unwrap();
    let output = support::run(&mut project.xtask(&["ipk", "mips", "--json"]));
    let second = support::json(&output);
    assert_eq!(
        package(&second)["compiled"],
        json!(["greeter@1.2.0-rc1", "greeter@1.2.0-rc1"])
    );
    assert!(
        !stderr(&output).contains("standard library"),
        "{}",
        stderr(&output)
    );
    assert_eq!(package(&second)["sha256"], package(&first)["sha256"]);

    let third = support::json(&support::run(
        &mut project.xtask(&["ipk", "mips", "--json"]),
    ));
    assert_eq!(package(&third)["compiled"], json!([]), "nothing to do");
    assert_eq!(package(&third)["sha256"], package(&first)["sha256"]);

    if support::group("qemu", None) {
        let tried = support::json(&support::run(
            &mut project.xtask(&["smoke", "mips", "--json"]),
        ));
        assert_eq!(tried["tried"][0]["answer"], "hello from greeter\n");
    }
}

#[test]
fn one_architecture_that_fails_does_not_hide_the_others() {
    if !project::toolchain() {
        return;
    }
    let project = Project::new();
    let main = project.path("src/main.rs");
    let text = std::fs::read_to_string(&main).unwrap();
    std::fs::write(
        &main,
        format!("#[cfg(target_arch = \"mips\")]\ncompile_error!(\"not here\");\n{text}"),
    )
    .unwrap();
    let output = project
        .xtask(&["ipk", "mips", "aarch64", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = support::json(&output);
    assert_eq!(package(&report)["arch"], "aarch64_cortex-a53");
    assert_eq!(report["failures"][0]["arch"], "mips_24kc");
    assert!(stderr(&output).contains("the tree differs from its last commit"));
    assert!(stderr(&output).contains("error: not here"));
    assert!(stderr(&output).contains("error: 1 of 2 architectures failed"));
}
