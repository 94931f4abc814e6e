//! What lies beside a package: the bill of materials has what is linked and
//! nothing else, the licences' texts are there, the provenance is the package's.

#[path = "support/linked.rs"]
mod linked;
#[path = "support/project.rs"]
mod project;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use linked::Linked;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn read(path: &Value) -> Value {
    serde_json::from_slice(&std::fs::read(path.as_str().unwrap()).unwrap()).unwrap()
}

fn names(bom: &Value, kind: &str) -> Vec<String> {
    let purls = bom["components"].as_array().unwrap().iter();
    let purls = purls.map(|one| one["purl"].as_str().unwrap().to_owned());
    purls.filter(|purl| purl.starts_with(kind)).collect()
}

fn hash(path: &str) -> String {
    let bytes = std::fs::read(path).unwrap();
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_bill_has_what_is_linked_and_nothing_else() {
    if !project::toolchain() {
        return;
    }
    let workspace = Linked::new();
    let report = workspace.ipk();
    let package = &report["packages"][0];
    let bom = read(&package["sbom"]);
    let own = names(&bom, "pkg:cargo/p");
    let wanted = [
        "pkg:cargo/p-deep@0.3.0",
        "pkg:cargo/p-linked@0.2.0",
        "pkg:cargo/p-main@0.1.0",
    ];
    assert_eq!(
        own, wanted,
        "no macro, build, test, other target's or unused crate"
    );

    // cargo's own answer, which does not come from the messages of a build.
    let tree = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "p-main",
            "-e",
            "normal,no-proc-macro",
        ])
        .args([
            "--target",
            "x86_64-unknown-linux-musl",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(workspace.dir.path())
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout).unwrap();
    let mut tree: Vec<String> = tree
        .lines()
        .filter(|line| !line.ends_with("(*)"))
        .map(|line| {
            let mut words = line.split(' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap());
            format!("pkg:cargo/{name}@{}", version.trim_start_matches('v'))
        })
        .collect();
    tree.sort();
    assert_eq!(own, tree);

    for part in [
        "pkg:generic/rust-std@",
        "pkg:generic/rust-core@",
        "pkg:cargo/hashbrown@",
        "pkg:generic/musl@1.",
    ] {
        assert_eq!(names(&bom, part).len(), 1, "{part}");
    }
    let edges = bom["dependencies"].as_array().unwrap();
    let of = |reference: &str| {
        let edge = edges.iter().find(|edge| edge["ref"] == reference);
        edge.unwrap_or_else(|| panic!("{reference}"))["dependsOn"].clone()
    };
    assert_eq!(of(wanted[2]), serde_json::json!([wanted[1]]));
    assert_eq!(of(wanted[1]), serde_json::json!([wanted[0]]));
    let features = bom["components"].as_array().unwrap().iter();
    let features: Vec<_> = features.filter(|one| one["purl"] == wanted[0]).collect();
    assert_eq!(features[0]["properties"][0]["value"], "extra");
    let hashed = bom["components"].as_array().unwrap().iter();
    let mut hashed = hashed.filter(|one| one["name"] == "hashbrown");
    assert_eq!(
        hashed.next_back().unwrap()["hashes"][0]["content"]
            .as_str()
            .unwrap()
            .len(),
        64
    );

    let licences = std::fs::read_to_string(package["licenses"].as_str().unwrap()).unwrap();
    assert_eq!(licences.matches("The terms of p-deep").count(), 1);
    assert!(licences.contains("p-deep 0.3.0: ISC; text "), "{licences}");
    assert!(licences.contains("musl 1.") && licences.contains("Rich Felker"));
    assert!(!licences.contains("p-tests") && !licences.contains("p-windows"));
    structure(&bom);
}

#[test]
fn the_provenance_is_the_package_s_and_of_no_machine() {
    if !project::toolchain() {
        return;
    }
    let workspace = Linked::new();
    let report = workspace.ipk();
    let package = &report["packages"][0];
    let path = package["provenance"].as_str().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let statement: Value = serde_json::from_str(&text).unwrap();
    let file = package["path"].as_str().unwrap();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], hash(file));
    assert_eq!(
        statement["subject"][0]["digest"]["sha256"],
        package["sha256"]
    );
    assert_eq!(path, format!("{file}.provenance.json"));
    let build = &statement["predicate"]["buildDefinition"];
    let dependencies = build["resolvedDependencies"].as_array().unwrap();
    let dependency = |name: &str| dependencies.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(
        dependency("source")["digest"]["gitCommit"],
        workspace.git(&["rev-parse", "HEAD"])
    );
    assert_eq!(dependency("source")["annotations"]["dirty"], false);
    let lock = workspace.dir.path().join("Cargo.lock");
    assert_eq!(
        dependency("Cargo.lock")["digest"]["sha256"],
        hash(lock.to_str().unwrap())
    );
    assert_eq!(dependency("rust")["annotations"]["provider"], "debian");
    assert_eq!(
        build["externalParameters"]["sourceDateEpoch"],
        project::COMMIT_TIME
    );
    let byproducts = statement["predicate"]["runDetails"]["byproducts"]
        .as_array()
        .unwrap();
    let hashes: Vec<&str> = byproducts
        .iter()
        .filter_map(|one| one["digest"]["sha256"].as_str())
        .collect();
    let beside = ["sbom", "licenses"].map(|name| hash(package[name].as_str().unwrap()));
    assert_eq!(hashes, beside);
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    // Names that are words of the format, and of many machines.
    let host = Some(host.trim()).filter(|host| !["debian", "builder", "linux"].contains(host));
    let place = workspace.dir.path().to_str().unwrap();
    let home = std::env::var("HOME").unwrap();
    for name in ["provenance", "sbom", "licenses"] {
        let text = std::fs::read_to_string(package[name].as_str().unwrap()).unwrap();
        for private in [place, &home, host.unwrap_or_default()] {
            let told = private.len() > 4 && text.contains(private);
            assert!(!told, "{name} tells of {private}");
        }
    }

    // The same again: the same bytes. With a change: dirty.
    let all = |report: &Value| {
        ["provenance", "sbom", "licenses"]
            .map(|name| std::fs::read(report["packages"][0][name].as_str().unwrap()).unwrap())
    };
    let first = all(&report);
    std::fs::remove_dir_all(workspace.dir.path().join("dist")).unwrap();
    assert!(all(&workspace.ipk()) == first);
    std::fs::write(workspace.dir.path().join("new"), "x").unwrap();
    let dirty = read(&workspace.ipk()["packages"][0]["provenance"]);
    let dependencies = &dirty["predicate"]["buildDefinition"]["resolvedDependencies"];
    assert_eq!(dependencies[0]["annotations"]["dirty"], true);
}

/// What the standard asks for beyond the schema: references that lead somewhere.
fn structure(bom: &Value) {
    assert_eq!(bom["specVersion"], "1.6");
    let serial = bom["serialNumber"].as_str().unwrap();
    assert!(
        serial.starts_with("urn:uuid:") && serial.len() == 45,
        "{serial}"
    );
    let components = bom["components"].as_array().unwrap();
    let mut known: Vec<&str> = components
        .iter()
        .map(|one| one["bom-ref"].as_str().unwrap())
        .collect();
    known.push(bom["metadata"]["component"]["bom-ref"].as_str().unwrap());
    let count = known.len();
    known.sort_unstable();
    known.dedup();
    assert_eq!(known.len(), count, "a reference twice");
    for edge in bom["dependencies"].as_array().unwrap() {
        let ends = edge["dependsOn"].as_array().unwrap().iter();
        for end in ends.chain([&edge["ref"]]) {
            assert!(known.binary_search(&end.as_str().unwrap()).is_ok(), "{end}");
        }
    }
    for one in components {
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
    }
}

/// The version of OWASP's own library that the bill is checked with.
const VALIDATOR: &str = "cyclonedx-python-lib[json-validation]==11.12.0";

/// A python with that library, made once in the cache.
fn validator() -> Result<PathBuf, String> {
    let cache = xtask::toolchain::cache::Cache::open().map_err(|error| error.to_string())?;
    let dir = cache.path("cyclonedx-11.12.0");
    let python = dir.join("bin/python");
    let works = |python: &Path| {
        let mut command = Command::new(python);
        let asked = command
            .args(["-c", "import cyclonedx.validation.json, jsonschema"])
            .output();
        asked.is_ok_and(|output| output.status.success())
    };
    if works(&python) {
        return Ok(python);
    }
    let run = |program: &Path, args: &[&str]| {
        let output = Command::new(program)
            .args(args)
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = text.lines().last().unwrap_or_default().to_owned();
        output.status.success().then_some(()).ok_or(last)
    };
    run(Path::new("python3"), &["-m", "venv", dir.to_str().unwrap()])?;
    run(
        &python,
        &[
            "-m",
            "pip",
            "install",
            "--quiet",
            "--retries=5",
            "--timeout=30",
            VALIDATOR,
        ],
    )?;
    works(&python)
        .then_some(python)
        .ok_or_else(|| "the library does not load".to_owned())
}

#[test]
fn cyclonedx_s_own_schema_accepts_the_bill() {
    let python = validator();
    let missing = python
        .as_ref()
        .err()
        .map(|why| format!("{VALIDATOR}: {why}"));
    if !support::group("cyclonedx", missing.as_deref()) || !project::toolchain() {
        return;
    }
    let workspace = Linked::new();
    let sbom = workspace.ipk()["packages"][0]["sbom"]
        .as_str()
        .unwrap()
        .to_owned();
    let script = "import sys\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        from cyclonedx.schema import SchemaVersion\n\
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())\n\
        sys.exit(None if error is None else str(error)[:2000])\n";
    let check = |file: &Path| {
        let python = python.as_ref().unwrap();
        let output = Command::new(python)
            .arg("-c")
            .arg(script)
            .arg(file)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (accepted, said) = check(Path::new(&sbom));
    assert!(accepted, "{said}");
    // It does refuse what is none.
    let broken = workspace.dir.path().join("broken.json");
    let text = std::fs::read_to_string(&sbom).unwrap();
    std::fs::write(
        &broken,
        text.replace("\"scope\": \"required\"", "\"scope\": \"some\""),
    )
    .unwrap();
    assert!(!check(&broken).0);
}

#[test]
fn a_dependency_without_a_licence_is_named() {
    if !project::toolchain() {
        return;
    }
    let workspace = Linked::new();
    let manifest = workspace.dir.path().join("p-deep/Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        text.replace("license = \"ISC\"", "license = \"ISC AND\""),
    )
    .unwrap();
    let output = workspace.command().output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("read the licence of p-deep 0.3.0"), "{text}");
}
