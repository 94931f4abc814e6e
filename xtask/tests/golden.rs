//! The packer against packages that OpenWrt's own `ipkg-build` made from the
//! same input: equal after decompression, headers and padding included.

mod support;
#[path = "support/ipk.rs"]
mod unpack;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Keys of meta.json that describe the package; the others describe how the
/// golden set was made.
const KEYS: [&str; 24] = [
    "name",
    "version",
    "release",
    "section",
    "category",
    "title",
    "pkgarch",
    "depends",
    "extra_depends",
    "conflicts",
    "provides",
    "alternatives",
    "userid",
    "abi_version",
    "maintainer",
    "license",
    "license_files",
    "url",
    "cpe_id",
    "flags",
    "default_variant",
    "file_modes",
    "epoch",
    "source_field",
];
/// Keys whose text make evaluates (`$$` is `$`).
const EVALUATED: [&str; 6] = [
    "description",
    "preinst",
    "postinst",
    "prerm",
    "postrm",
    "conffiles",
];

/// meta.json as the TOML that `pack --meta` reads: one key to one key.
fn table(meta: &Value) -> String {
    let mut toml = String::new();
    let values = KEYS.iter().map(|key| (*key, &meta[*key]));
    let evaluated = EVALUATED.iter().map(|key| (*key, &meta["evaluated"][*key]));
    for (key, value) in values.chain(evaluated) {
        match value {
            Value::Null => {}
            // JSON strings, numbers and lists of strings are TOML as well.
            value => writeln!(toml, "{key} = {value}").unwrap(),
        }
    }
    writeln!(toml, "architecture = {}", meta["arch"]).unwrap();
    toml
}

fn cases(dir: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("out.ipk").is_file())
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_golden_ipk_is_made_again() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let cases = cases(&dir);
    assert!(
        cases.len() >= 14,
        "only {} cases in {}",
        cases.len(),
        dir.display()
    );
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let meta: Value =
            serde_json::from_slice(&std::fs::read(case.join("meta.json")).unwrap()).unwrap();
        let toml = out.path().join(format!("{name}.toml"));
        std::fs::write(&toml, table(&meta)).unwrap();
        let folder = out.path().join(&name);
        std::fs::create_dir(&folder).unwrap();
        let mut pack = support::xtask();
        pack.args(["pack", "--meta"])
            .arg(&toml)
            .arg("--tree")
            .arg(case.join("input.tar"))
            .arg("-o")
            .arg(&folder);
        support::run(&mut pack);

        let ours = folder.join(meta["ipk_filename"].as_str().unwrap());
        let ours = unpack::unpack(
            &std::fs::read(&ours).unwrap_or_else(|error| panic!("{}: {error}", ours.display())),
        );
        let golden = unpack::unpack(&std::fs::read(case.join("out.ipk")).unwrap());
        for (what, ours, golden) in [
            ("data.tar", &ours.data, &golden.data),
            ("control.tar", &ours.control, &golden.control),
        ] {
            if let Some(difference) = unpack::first_difference(ours, golden) {
                panic!("{name}, {what}: {difference}");
            }
        }
        assert_eq!(ours, golden, "{name}");
    }
}

#[test]
fn every_golden_ipk_is_read_and_accepted() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    for case in cases(&dir) {
        let meta: Value =
            serde_json::from_slice(&std::fs::read(case.join("meta.json")).unwrap()).unwrap();
        let output = support::run(
            support::xtask()
                .args(["inspect", "--json"])
                .arg(case.join("out.ipk")),
        );
        let report = support::json(&output);
        assert_eq!(
            report["control"]["Version"],
            meta["full_version"],
            "{}",
            case.display()
        );
        let errors: Vec<&Value> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["severity"] == "error")
            .collect();
        assert_eq!(errors, Vec::<&Value>::new(), "{}", case.display());
    }
}
