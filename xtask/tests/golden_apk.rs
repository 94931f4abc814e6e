//! The apk writer against packages that OpenWrt 25.12's own build system made
//! from the same input: identical after decompression.

#[path = "support/golden.rs"]
mod golden;
mod support;
#[path = "support/apk.rs"]
mod unpack;

use std::io::Read;

use serde_json::Value;

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
        // Compressed anew, OpenWrt's is the same file.
        assert!(
            xtask::package::repack::apk(&golden, None).unwrap().bytes == ours,
            "{name}"
        );
    }
}

#[test]
fn every_golden_apk_is_read_as_apk_reads_it() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    for case in golden::cases(&dir) {
        let name = case.display();
        let mut inspect = support::xtask();
        let output = support::run(
            inspect
                .args(["inspect", "--json"])
                .arg(case.join("out.apk")),
        );
        let report = support::json(&output);
        let dump = std::fs::read(case.join("out.apk.json")).unwrap();
        let dump: Value = serde_json::from_slice(&dump).unwrap();
        let control = report["control"].as_object().unwrap();
        let info = dump["info"].as_object().unwrap();
        assert!(control.keys().eq(info.keys()), "{name}: {control:?}");
        for (key, value) in info {
            let expected = match value {
                Value::Array(list) => {
                    let words: Vec<&str> = list.iter().map(|word| word.as_str().unwrap()).collect();
                    words.join(" ")
                }
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(control[key], expected, "{name}: {key}");
        }
        let expected = paths(&dump["paths"]);
        let found = report["files"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (file, expected) in found.iter().zip(expected) {
            let shown = |key: &str| file[key].to_string().replace('"', "");
            let mut content = match file["kind"].as_str().unwrap() {
                "file" => shown("sha256"),
                "dir" => String::new(),
                _ => shown("target"),
            };
            if expected.ends_with(" bytes)") {
                // apk shows no more of a long target.
                content = format!("({} bytes)", content.len() + 2);
            }
            let found = format!(
                "{} {} {} {content}",
                shown("path"),
                shown("mode"),
                shown("size")
            );
            assert_eq!(found, expected, "{name}");
        }
        for (script, text) in dump["scripts"].as_object().unwrap() {
            let mut members = report["members"].as_array().unwrap().iter();
            let member = members.find(|member| member["name"] == **script).unwrap();
            assert_eq!(member["text"].as_str(), text.as_str(), "{name}: {script}");
        }
        let rules: Vec<&Value> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["severity"] == "error")
            .collect();
        assert_eq!(rules, Vec::<&Value>::new(), "{name}");
    }
}

/// `path mode size content` of each entry in apk's own dump.
fn paths(dump: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    let octal = |entry: &Value| format!("{:04o}", entry["acl"]["mode"].as_u64().unwrap());
    for dir in dump.as_array().unwrap() {
        let dir_name = match dir["name"].as_str() {
            Some(name) => format!("/{name}"),
            None => String::new(),
        };
        let shown = if dir_name.is_empty() { "/" } else { &dir_name };
        paths.push(format!("{shown} {} 0 ", octal(dir)));
        for file in dir["files"].as_array().into_iter().flatten() {
            let content = match file["target"].as_str() {
                Some(target) if target.starts_with('(') => target.to_owned(),
                // Two bytes of type, then text.
                Some(target) => hex_text(&target[4..]),
                None => file["hash"].as_str().unwrap().to_owned(),
            };
            let name = file["name"].as_str().unwrap();
            let size = file["size"].as_u64().unwrap();
            paths.push(format!(
                "{dir_name}/{name} {} {size} {content}",
                octal(file)
            ));
        }
    }
    paths
}

fn hex_text(hex: &str) -> String {
    let bytes = (0..hex.len()).step_by(2);
    let bytes = bytes.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
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
