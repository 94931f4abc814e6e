//! Feeds of the golden packages against the indexes that OpenWrt made of them,
//! and signatures that usign and apk made.

#[path = "support/golden.rs"]
mod golden;
mod support;

use std::path::Path;

use serde_json::Value;
use xtask::keys::store::Kind;
use xtask::package::adb::block::{BlockKind, Schema};
use xtask::package::adb::container;
use xtask::package::adb::sign::Signature;
use xtask::package::apk::load::Blocks;

const ARCH: &str = "aarch64_cortex-a53";

/// A feed of every golden package of this release; gives its folder.
fn feed(golden: &Path, dist: &Path, release: &str, key: &str, end: &str) -> std::path::PathBuf {
    let packages = dist.join(release).join(ARCH);
    std::fs::create_dir_all(&packages).unwrap();
    for case in golden::cases(golden) {
        let name = golden::meta(&case)[key].as_str().unwrap().to_owned();
        std::fs::copy(case.join(end), packages.join(name)).unwrap();
    }
    let mut feed = support::xtask();
    feed.args(["feed", ARCH, "--unsigned", "--release", release, "--dist"])
        .arg(dist);
    support::run(&mut feed);
    dist.join("feed").join(release).join(ARCH)
}

/// Entries of an opkg index by package name.
fn entries(text: &str) -> Vec<(String, String)> {
    let entries = text.split("\n\n").filter(|entry| !entry.trim().is_empty());
    entries
        .map(|entry| {
            let entry = entry.trim_start_matches('\n');
            let name = entry.lines().next().unwrap().to_owned();
            (name, entry.to_owned())
        })
        .collect()
}

#[test]
fn packages_are_indexed_as_openwrt_indexes_them() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let dist = tempfile::tempdir().unwrap();
    let feed = feed(&dir, dist.path(), "24.10", "ipk_filename", "out.ipk");
    for name in ["Packages", "Packages.manifest"] {
        let read = |dir: &Path| entries(&std::fs::read_to_string(dir.join(name)).unwrap());
        let (ours, golden) = (read(&feed), read(&dir.join("index24")));
        assert_eq!(ours.len(), 14, "{name}");
        let golden: Vec<_> = golden
            .into_iter()
            .filter(|(name, _)| ours.iter().any(|(own, _)| own == name))
            .collect();
        assert_eq!(ours, golden, "{name}");
    }
    let json = |dir: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(dir.join("index.json")).unwrap()).unwrap()
    };
    for (name, version) in json(&feed)["packages"].as_object().unwrap() {
        assert_eq!(
            json(&dir.join("index24"))["packages"][name],
            *version,
            "{name}"
        );
    }
    let header = |dir: &Path| std::fs::read(dir.join("Packages.gz")).unwrap()[..10].to_vec();
    assert_eq!(header(&feed), header(&dir.join("index24")));
}

#[test]
fn an_index_of_the_length_that_usign_cannot_sign_is_longer() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let dist = tempfile::tempdir().unwrap();
    let from = dir.join("index24-padded");
    let packages = dist.path().join("24.10").join(ARCH);
    std::fs::create_dir_all(&packages).unwrap();
    let name = "g-pad_1.0.0-r1_all.ipk";
    std::fs::copy(from.join(name), packages.join(name)).unwrap();
    let mut feed = support::xtask();
    feed.args(["feed", ARCH, "--unsigned", "--dist"])
        .arg(dist.path());
    support::run(&mut feed);
    for name in ["Packages", "Packages.manifest", "index.json"] {
        let ours = dist.path().join("feed/24.10").join(ARCH).join(name);
        let golden = std::fs::read(from.join(name)).unwrap();
        assert_eq!(std::fs::read(ours).unwrap(), golden, "{name}");
    }
}

#[test]
fn apks_are_indexed_as_apk_indexes_them() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let dist = tempfile::tempdir().unwrap();
    let feed = feed(&dir, dist.path(), "25.12", "apk_filename", "out.apk");
    let index = |dir: &Path| std::fs::read(dir.join("packages.adb")).unwrap();
    let shown = |bytes: &[u8]| -> Vec<Vec<(usize, String)>> {
        let stream = container::decompress(bytes, 1 << 30).unwrap();
        let blocks = Blocks::of(&stream, Schema::Index).unwrap();
        let root = xtask::package::adb::read::Adb::new(blocks.adb)
            .unwrap()
            .root()
            .unwrap();
        let list = root.object(2).unwrap();
        let infos = list.values().map(|value| root.adb().object(value).unwrap());
        infos.map(|info| dump(info, 2)).collect()
    };
    let (ours, golden) = (shown(&index(&feed)), shown(&index(&dir.join("index25"))));
    assert_eq!(ours.len(), 14);
    let golden: Vec<_> = golden
        .into_iter()
        .filter(|entry| ours.iter().any(|own| own[0] == entry[0]))
        .collect();
    assert_eq!(ours, golden);
    let json = |dir: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(dir.join("index.json")).unwrap()).unwrap()
    };
    for (name, version) in json(&feed)["packages"].as_object().unwrap() {
        assert_eq!(
            json(&dir.join("index25"))["packages"][name],
            *version,
            "{name}"
        );
    }
}

/// Every field of an object with its number, lists within lists as text.
fn dump(object: xtask::package::adb::read::Object<'_>, depth: usize) -> Vec<(usize, String)> {
    let mut fields = Vec::new();
    for slot in 1..=object.len() {
        let text = match (object.blob(slot), object.int(slot), object.object(slot)) {
            (Ok(b""), _, _) => continue,
            (Ok(bytes), _, _) => bytes.escape_ascii().to_string(),
            (_, Ok(number), _) => number.to_string(),
            (_, _, Ok(list)) if depth > 0 => format!("{:?}", dump(list, depth - 1)),
            other => panic!("field {slot}: {other:?}"),
        };
        fields.push((slot, text));
    }
    fields
}

#[test]
fn signatures_of_usign_are_verified() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let key = std::fs::read_to_string(dir.join("keys/test-only-usign.pub")).unwrap();
    let key = Kind::Usign.public(&key).unwrap();
    let mut checked = 0;
    for entry in std::fs::read_dir(dir.join("usign")).unwrap() {
        let path = entry.unwrap().path();
        let signature = path.with_extension("sig");
        if path.extension().is_none() {
            let message = std::fs::read(&path).unwrap();
            let signature = std::fs::read(&signature).unwrap();
            key.verify_file(&message, &signature).unwrap();
            assert!(
                key.verify_file(&[&message[..], b"x"].concat(), &signature)
                    .is_err()
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 9);
    for index in ["index24", "index24-padded"] {
        let file = |name: &str| std::fs::read(dir.join(index).join(name)).unwrap();
        key.verify_file(&file("Packages"), &file("Packages.sig"))
            .unwrap();
    }
}

#[test]
fn signatures_of_apk_are_verified() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let pem = std::fs::read_to_string(dir.join("keys/test-only-apk-public-key.pem")).unwrap();
    let key = xtask::keys::ec::Public::from_pem(&pem).unwrap();
    for (file, schema) in [
        ("index25/packages.adb", Schema::Index),
        ("signed/adbsigned.apk", Schema::Package),
        ("signed/mkpkg-signed.apk", Schema::Package),
    ] {
        let bytes = std::fs::read(dir.join(file)).unwrap();
        let stream = container::decompress(&bytes, 1 << 30).unwrap();
        let blocks = Blocks::of(&stream, schema).unwrap();
        let (kind, block) = blocks.others[0];
        assert_eq!(kind, BlockKind::Signature, "{file}");
        let signature = Signature::read(block).unwrap();
        assert!(signature.verifies(&key, schema, blocks.adb), "{file}");
        let mut other = blocks.adb.to_vec();
        other[20] ^= 1;
        assert!(!signature.verifies(&key, schema, &other), "{file}");
    }
}
