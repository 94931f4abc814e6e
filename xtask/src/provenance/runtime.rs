//! What is linked besides crates: Rust's standard library and the C library.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::bill::{Component, Origin};
use super::lock::Lock;
use super::manifest::Manifest;
use crate::toolchain::provider::Compiler;
use crate::toolchain::stdlib::Std;
use crate::toolchain::wheels::Zig;
use crate::util::fs;

/// What the standard library's crates say where their Cargo.toml does not.
const RUST: &str = "MIT OR Apache-2.0";

/// The crates of the standard library that binaries are linked with.
///
/// # Errors
/// A library that cannot be listed; a crate of it whose licence is not known.
pub fn standard_library(std: &Std, target: &str, compiler: &Compiler) -> Result<Vec<Component>> {
    let dir = std.sysroot.join("lib/rustlib").join(target).join("lib");
    let library = &compiler.library;
    let lock = Lock::parse(&fs::read_text(&library.join("Cargo.lock"))?)?;
    let version = compiler.version.to_string();
    let mut components = Vec::new();
    for name in rlibs(&dir)? {
        // Empty crates that stand for `core` and `alloc` while std is built.
        if name.starts_with("rustc_std_workspace_") {
            continue;
        }
        let mut crates = lock.iter();
        let locked = crates.find(|one| one.name.replace('-', "_") == name);
        let locked = locked.with_context(|| {
            format!("lib{name} of the standard library is not in its Cargo.lock")
        })?;
        let theirs = locked.source.is_some();
        let source = source(library, &locked.name, &locked.version, theirs);
        let manifest = source
            .as_ref()
            .map(|dir| Manifest::read(&dir.join("Cargo.toml")));
        let manifest = manifest.transpose()?.unwrap_or_default();
        let license = manifest.license.or((!theirs).then(|| RUST.to_owned()));
        ensure!(
            license.is_some(),
            "the licence of {} {}, a part of the standard library, is not known: its source is not in {}",
            locked.name,
            locked.version,
            library.display()
        );
        components.push(Component {
            purl: match theirs {
                true => locked.purl(),
                false => format!("pkg:generic/rust-{}@{version}", locked.name),
            },
            origin: Origin::Std,
            name: locked.name.clone(),
            version: match theirs {
                true => locked.version.clone(),
                false => version.clone(),
            },
            license: license.map(|text| text.replace('/', " OR ")),
            sha256: locked.checksum.clone(),
            description: manifest.description,
            authors: match theirs {
                true => manifest.authors,
                false => vec!["The Rust Project Developers".to_owned()],
            },
            repository: manifest.repository,
            features: Vec::new(),
            optional: false,
            depends: Vec::new(),
            dir: source.unwrap_or_default(),
            license_file: None,
        });
    }
    ensure!(
        components.iter().any(|one| one.name == "std"),
        "there is no libstd in {}",
        dir.display()
    );
    // Which of them needs which, the library's own lock file says.
    let there: Vec<(String, String)> = components
        .iter()
        .map(|one| (one.name.clone(), one.purl.clone()))
        .collect();
    for component in &mut components {
        let mut crates = lock.iter();
        if let Some(locked) = crates.find(|one| one.name == component.name) {
            let names = lock.depends(locked).map(|one| &one.name);
            let purls = names.filter_map(|name| {
                let mut known = there.iter();
                known.find(|(known, _)| known == name)
            });
            component.depends = purls.map(|(_, purl)| purl.clone()).collect();
            component.depends.sort();
        }
    }
    Ok(components)
}

/// Names of the crates in a library's folder.
fn rlibs(dir: &Path) -> Result<Vec<String>> {
    let context = || format!("list {}", dir.display());
    let mut names = Vec::new();
    for file in std::fs::read_dir(dir).with_context(context)? {
        let file = file.with_context(context)?.file_name();
        let name = file.to_string_lossy();
        let Some(name) = name
            .strip_prefix("lib")
            .and_then(|name| name.strip_suffix(".rlib"))
        else {
            continue;
        };
        names.push(name.split('-').next().unwrap_or(name).to_owned());
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Where the source of one of the library's crates is, if it is there.
fn source(library: &Path, name: &str, version: &str, theirs: bool) -> Option<PathBuf> {
    let folder = name.replace('_', "-");
    // compiler-builtins is a workspace of its own.
    let own = [
        format!("{folder}/{folder}"),
        folder.clone(),
        name.to_owned(),
    ];
    let versioned = [name, &folder].map(|name| format!("vendor/{name}-{version}"));
    let vendored = [versioned.to_vec(), vec![format!("vendor/{name}")]].concat();
    let places = match theirs {
        true => vendored,
        false => own.to_vec(),
    };
    let mut dirs: Vec<PathBuf> = places.iter().map(|place| library.join(place)).collect();
    if theirs {
        // rustup's source has none of them: cargo fetched it.
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        let registries = home.and_then(|home| std::fs::read_dir(home.join("registry/src")).ok());
        let registries = registries.into_iter().flatten().flatten();
        dirs.extend(registries.map(|registry| registry.path().join(format!("{name}-{version}"))));
    }
    dirs.into_iter()
        .find(|dir| dir.join("Cargo.toml").is_file())
}

/// The C library and what else zig adds when it links for `target`.
///
/// # Errors
/// A zig that has another layout.
pub fn c_library(zig: &Zig, zig_version: &str, target: &str) -> Result<Vec<Component>> {
    let lib = zig.zig.parent().unwrap_or(Path::new("")).join("lib");
    let part = |name: &str, version: &str, license: &str, about: &str, dir: PathBuf| Component {
        purl: format!("pkg:generic/{name}@{version}"),
        origin: Origin::Runtime,
        name: name.to_owned(),
        version: version.to_owned(),
        license: Some(license.to_owned()),
        sha256: None,
        description: Some(about.to_owned()),
        authors: Vec::new(),
        repository: None,
        features: Vec::new(),
        optional: false,
        depends: Vec::new(),
        dir,
        license_file: None,
    };
    let mut parts = Vec::new();
    if target.contains("musl") {
        let file = lib.join("libc/musl/src/internal/version.h");
        let text = fs::read_text(&file)?;
        let version = text.split('"').nth(1);
        let version =
            version.with_context(|| format!("read the version of musl in {}", file.display()))?;
        let about = "the C library, from zig's copy of its source";
        parts.push(part("musl", version, "MIT", about, lib.join("libc/musl")));
    }
    let about = "zig's compiler runtime";
    let dir = zig.zig.parent().unwrap_or(Path::new("")).to_owned();
    parts.push(part("zig-compiler-rt", zig_version, "MIT", about, dir));
    let about = "stack unwinding, from zig's copy of LLVM; programs that abort use none of it";
    let license = "Apache-2.0 WITH LLVM-exception";
    let mut unwind = part(
        "llvm-libunwind",
        zig_version,
        license,
        about,
        lib.join("libunwind"),
    );
    unwind.optional = true;
    // Its number is zig's: the copy names no version.
    unwind.purl = format!("pkg:generic/llvm-libunwind@zig-{zig_version}");
    unwind.version = format!("zig-{zig_version}");
    parts.push(unwind);
    Ok(parts)
}
