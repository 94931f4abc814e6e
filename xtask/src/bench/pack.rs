//! Packing against the processes that OpenWrt's `ipkg-build` runs for the same.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Figure, Target, alternate};
use crate::util::fs;

/// Bytes of program in the measured tree; with the small files it is 12 MB.
const PROGRAM: usize = 11_000_000;
const SMALL_FILES: usize = 200;

/// What `ipkg-build` does after its checks: pack, measure, pack, pack.
const IPKG_BUILD: &str = r#"
set -e
cd "$1"
tar -X /dev/null --format=gnu --numeric-owner --owner=0 --group=0 --sort=name -cpf - --mtime=@1700000000 . |
	gzip -n - > "$2/data.tar.gz"
zcat < "$2/data.tar.gz" | wc -c > "$2/size"
cd "$2/CONTROL"
tar --format=gnu --numeric-owner --owner=0 --group=0 --sort=name -cf - --mtime=@1700000000 . |
	gzip -n - > "$2/control.tar.gz"
echo 2.0 > "$2/debian-binary"
cd "$2"
tar --format=gnu --numeric-owner --owner=0 --group=0 --sort=name -cf - --mtime=@1700000000 \
	./debian-binary ./data.tar.gz ./control.tar.gz | gzip -n - > "$2/out.ipk"
"#;

/// Packs a tree made of `program` (any large binary) and files of `texts` with
/// `xtask pack`, and with GNU tar and gzip.
///
/// # Errors
/// When one of them fails.
pub fn figures(xtask: &Path, program: &Path, texts: &Path, runs: usize) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir().context("make a directory for the bench")?;
    let root = dir.path().join("root");
    let mut bytes = fs::read(program)?;
    bytes.truncate(PROGRAM);
    fs::write_atomic(&root.join("usr/bin/program"), &bytes, 0o755)?;
    let sources = walkdir::WalkDir::new(texts)
        .sort_by_file_name()
        .into_iter()
        .flatten();
    let sources = sources.filter(|file| {
        file.path()
            .extension()
            .is_some_and(|extension| extension == "rs")
    });
    for (number, file) in sources.take(SMALL_FILES).enumerate() {
        fs::write_atomic(
            &root.join(format!("usr/share/{number}.rs")),
            &fs::read(file.path())?,
            0o644,
        )?;
    }
    let other = dir.path().join("other");
    fs::write_atomic(
        &other.join("CONTROL/control"),
        b"Package: bench\nVersion: 1\nArchitecture: all\n",
        0o644,
    )?;
    let meta = dir.path().join("meta.toml");
    let table = "name = \"bench\"\nversion = \"1\"\narchitecture = \"all\"\nepoch = 1700000000\n";
    fs::write_atomic(&meta, table.as_bytes(), 0o644)?;

    let out = dir.path().join("out.ipk");
    let ours = duct::cmd!(xtask, "pack", "--meta", &meta, "--tree", &root, "-o", &out);
    let theirs = duct::cmd!("sh", "-c", IPKG_BUILD, "ipkg-build", &root, &other);
    let times = alternate(
        runs,
        &[("xtask pack", &ours), ("tar and gzip", &theirs)],
        || Ok(()),
    )?;
    let (ours, theirs) = (times[0].as_secs_f64(), times[1].as_secs_f64());
    let size = |path: &Path| {
        std::fs::metadata(path)
            .map(|found| found.len() as f64)
            .context("measure a package")
    };
    let (our_size, their_size) = (size(&out)?, size(&other.join("out.ipk"))?);
    let tree = bytes.len() as f64 / 1e6;
    Ok(vec![
        Figure {
            name: "pack, times faster than GNU tar + gzip".into(),
            value: theirs / ours,
            unit: "×",
            target: Some(Target::AtLeast(3.0)),
            detail: format!(
                "{ours:.3} s against {theirs:.3} s, a program of {tree:.0} MB and {SMALL_FILES} files"
            ),
        },
        Figure {
            name: "packed size against GNU tar + gzip".into(),
            value: our_size / their_size,
            unit: "×",
            target: Some(Target::AtMost(1.0)),
            detail: format!("{our_size:.0} B against {their_size:.0} B"),
        },
    ])
}
