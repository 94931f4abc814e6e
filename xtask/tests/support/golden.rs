//! The cases of the golden set: what meta.json says, as `pack --meta` reads it.
#![allow(dead_code)]

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
pub fn table(meta: &Value) -> String {
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

pub fn cases(dir: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("out.ipk").is_file())
        .collect();
    cases.sort();
    cases
}

/// A case's meta.json.
pub fn meta(case: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(case.join("meta.json")).unwrap()).unwrap()
}
