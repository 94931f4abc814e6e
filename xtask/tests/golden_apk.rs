//! The apk writer against packages that OpenWrt 25.12's own build system made
//! from the same input: identical after decompression.

#[path = "support/golden.rs"]
mod golden;
mod support;
#[path = "support/apk.rs"]
mod unpack;

use std::io::Read;

/// The staged root without the lists that the build system put into it.
fn input(tar: &[u8]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.starts_with("./lib/apk/packages/") && !name.ends_with('/') {
            continue;
        }
        let mut header = entry.header().clone();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        match entry.link_name().unwrap() {
            Some(target) => out.append_link(&mut header, name, target).unwrap(),
            None => out.append_data(&mut header, name, &content[..]).unwrap(),
        }
    }
    out.into_inner().unwrap()
}

#[test]
fn every_golden_apk_is_made_again() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let cases = golden::cases(&dir);
    assert!(cases.len() >= 14, "only {} cases", cases.len());
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let meta = golden::meta(&case);
        let toml = out.path().join(format!("{name}.toml"));
        std::fs::write(&toml, golden::table(&meta)).unwrap();
        let tree = out.path().join(format!("{name}.tar"));
        let tar = std::fs::read(case.join("input-apk.tar")).unwrap();
        std::fs::write(&tree, input(&tar)).unwrap();
        let folder = out.path().join(&name);
        std::fs::create_dir(&folder).unwrap();
        let mut pack = support::xtask();
        pack.args(["pack", "--format", "apk", "--meta"])
            .arg(&toml)
            .arg("--tree")
            .arg(&tree)
            .arg("-o")
            .arg(&folder);
        support::run(&mut pack);

        let ours = folder.join(meta["apk_filename"].as_str().unwrap());
        let ours = std::fs::read(&ours)
            .unwrap_or_else(|error| panic!("{name}: {}: {error}", ours.display()));
        let golden = std::fs::read(case.join("out.apk")).unwrap();
        unpack::assert_same(&name, &unpack::inflate(&ours), &unpack::inflate(&golden));
    }
}

#[test]
fn file_modes_are_said_to_be_left_out() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let case = dir.join("05-modes");
    let out = tempfile::tempdir().unwrap();
    let toml = out.path().join("x.toml");
    std::fs::write(&toml, golden::table(&golden::meta(&case))).unwrap();
    let mut pack = support::xtask();
    pack.args(["pack", "--meta"])
        .arg(&toml)
        .arg("--tree")
        .arg(case.join("input-apk.tar"))
        .arg("-o")
        .arg(out.path().join("x.apk"));
    let output = support::run(&mut pack);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ignores PKG_FILE_MODES"), "{said}");
}
