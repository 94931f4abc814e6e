//! Packages and feeds: what the daemon's own package weighs and costs, against
//! gzip and xz on the same bytes, and how long an index of 1,000 packages takes,
//! against the processes that OpenWrt's own script runs for one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{Figure, Target, alternate};
use crate::assemble;
use crate::config::sdk::Format;
use crate::context::Context;
use crate::feed::choose::extension;
use crate::keys::store::{Kind, Secret};
use crate::package::adb::container;
use crate::package::apk::load::MAX_UNPACKED;
use crate::package::meta::Meta;
use crate::package::path::TreePath;
use crate::package::tree::{Entry, Tree};
use crate::toolchain::select::Choice;
use crate::util::fs;

const ARCH: &str = "aarch64";
/// Packages in the measured feeds.
const PACKAGES: usize = 1000;
/// Bytes of each one's file.
const FILE: usize = 4000;

/// What ipkg-build does with its archives, by a compressor in place of gzip.
const REPACK: &str = r#"
set -e
cd "$1"
$2 <data.tar >data.tar.gz
$2 <control.tar >control.tar.gz
tar --format=gnu --numeric-owner --owner=0 --group=0 --mtime=@1700000000 -cf - \
	./debian-binary ./data.tar.gz ./control.tar.gz | $2 >"$3"
"#;

/// What OpenWrt's ipkg-make-index.sh does for each package.
const INDEX: &str = r#"
set -e
cd "$1"
for file in ./*.ipk; do
	size=$(stat -L -c %s "$file")
	sum=$(sha256sum "$file" | cut -d' ' -f1)
	tar -xzOf "$file" ./control.tar.gz | tar xzOf - ./control |
		sed -e "s,^Description:,Filename: $file\nSize: $size\nSHA256sum: $sum\nDescription:,"
	echo
done >"$2/Packages"
gzip -9nc "$2/Packages" >"$2/Packages.gz"
"#;

/// All figures.
///
/// # Errors
/// When something does not build, or a program is missing.
pub fn figures(ctx: &Context, choice: Choice, runs: usize) -> Result<Vec<Figure>> {
    let own = std::env::current_exe().context("find this program")?;
    let dir = tempfile::tempdir().context("make a folder for the bench")?;
    let mut figures = Vec::new();
    for format in [Format::Ipk, Format::Apk] {
        figures.extend(package(ctx, choice, &own, dir.path(), format, runs)?);
    }
    figures.extend(feeds(ctx, &own, dir.path(), runs)?);
    Ok(figures)
}

/// The release that installs packages of a format.
fn release(ctx: &Context, format: Format) -> Result<String> {
    let mut releases = ctx.sdk.release.iter();
    let found = releases.find(|(_, table)| table.format == format);
    let (name, _) = found.with_context(|| {
        let end = extension(format);
        format!("no release of openwrt/sdk.toml installs {end} packages")
    })?;
    Ok(name.clone())
}

/// The daemon's package, packed again and again.
fn package(
    ctx: &Context,
    choice: Choice,
    own: &Path,
    dir: &Path,
    format: Format,
    runs: usize,
) -> Result<Vec<Figure>> {
    let end = extension(format);
    let release = release(ctx, format)?;
    ctx.ui
        .note(&format!("the daemon is built for {ARCH} as an {end}"));
    let output = duct::cmd!(
        own,
        "ipk",
        ARCH,
        "--release",
        &release,
        "--json",
        "--toolchain",
        choice.name(),
        "--dist",
        dir
    )
    .stdout_capture()
    .run()
    .context("build the daemon")?;
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("read what ipk says")?;
    let text = |key: &str| report["packages"][0][key].as_str().map(str::to_owned);
    let path = PathBuf::from(text("path").context("ipk wrote no package")?);
    let work = dir.join(end);
    fs::create_dirs(&work)?;
    let [gzip, xz] = ["gzip", "xz"].map(|name| work.join(format!("by-{name}")));
    // The same bytes for all of them.
    let theirs = |compressor: &'static str, to: &Path| match format {
        Format::Ipk => duct::cmd!("sh", "-c", REPACK, "repack", &work, compressor, to),
        Format::Apk => {
            let script = r#"$1 <"$2" >"$3""#;
            duct::cmd!(
                "sh",
                "-c",
                script,
                "compress",
                compressor,
                work.join("stream"),
                to
            )
        }
    };
    let root = match format {
        Format::Ipk => {
            let script = r#"cd "$1" && tar -xzf "$2" && gzip -d data.tar.gz control.tar.gz"#;
            duct::cmd!("sh", "-c", script, "unpack", &work, &path)
                .run()
                .context("take the ipk apart")?;
            work.join("data.tar")
        }
        Format::Apk => {
            let stream = container::decompress(&fs::read(&path)?, MAX_UNPACKED)?;
            fs::write_atomic(&work.join("stream"), &stream, 0o644)?;
            dir.join("ipk/data.tar")
        }
    };
    let meta = work.join("meta.toml");
    let table = "name = \"bench\"\nversion = \"1\"\narchitecture = \"all\"\nepoch = 1700000000\n";
    fs::write_atomic(&meta, table.as_bytes(), 0o644)?;
    let out = work.join(format!("out.{end}"));
    let ours = duct::cmd!(own, "pack", "--meta", &meta, "--tree", &root, "-o", &out);
    let (by_gzip, by_xz) = (theirs("gzip -9n", &gzip), theirs("xz -9", &xz));
    let commands = [
        ("xtask pack", &ours),
        ("gzip -9", &by_gzip),
        ("xz -9", &by_xz),
    ];
    let times = alternate(runs, &commands, || Ok(()))?;
    let [ours, by_gzip, by_xz] = [times[0], times[1], times[2]].map(|time| time.as_secs_f64());
    let size = |path: &Path| {
        let found = std::fs::metadata(path).context("measure a package")?;
        anyhow::Ok(found.len() as f64)
    };
    let (ours_size, gzip_size, xz_size) = (size(&path)?, size(&gzip)?, size(&xz)?);
    let ratio = |name: &str, value: f64, target, detail: String| Figure {
        name: format!("{end} of the daemon, {name}"),
        value,
        unit: "×",
        target,
        detail,
    };
    Ok(vec![
        ratio(
            "size against gzip -9",
            ours_size / gzip_size,
            Some(Target::AtMost(1.0)),
            format!("{ours_size:.0} B against {gzip_size:.0} B"),
        ),
        ratio(
            "size against xz -9",
            ours_size / xz_size,
            None,
            format!("{ours_size:.0} B against {xz_size:.0} B, which no router unpacks"),
        ),
        ratio(
            "times faster than gzip -9",
            by_gzip / ours,
            Some(Target::AtLeast(2.0)),
            format!("{ours:.3} s against {by_gzip:.3} s"),
        ),
        ratio(
            "times faster than xz -9",
            by_xz / ours,
            None,
            format!("{ours:.3} s against {by_xz:.3} s"),
        ),
    ])
}

/// Feeds of many small packages.
fn feeds(ctx: &Context, own: &Path, dir: &Path, runs: usize) -> Result<Vec<Figure>> {
    let dist = dir.join("feeds");
    let mut commands = Vec::new();
    for (format, kind) in [(Format::Ipk, Kind::Usign), (Format::Apk, Kind::Ec)] {
        let release = release(ctx, format)?;
        let arch = ctx.sdk.arch(ARCH, &ctx.sdk.release(Some(&release))?)?.name;
        let folder = dist.join(&release).join(&arch);
        for number in 0..PACKAGES {
            let (name, bytes) = small(format, &arch, number)?;
            fs::write_atomic(&folder.join(name), &bytes, 0o644)?;
        }
        let key = dir.join(kind.files().0);
        fs::write_atomic(&key, Secret::generate(kind)?.to_text()?.as_bytes(), 0o600)?;
        let feed = duct::cmd!(
            own,
            "feed",
            &arch,
            "--release",
            &release,
            "--dist",
            &dist,
            "--key",
            &key
        );
        commands.push((folder, feed));
    }
    let theirs = duct::cmd!("sh", "-c", INDEX, "index", &commands[0].0, dir);
    let named = [
        ("xtask feed of ipks", &commands[0].1),
        ("xtask feed of apks", &commands[1].1),
        ("OpenWrt's loop", &theirs),
    ];
    // It takes seconds: a few runs are enough.
    let times = alternate(runs.min(3), &named, || Ok(()))?;
    let index = std::fs::metadata(dir.join("Packages")).context("measure an index")?;
    ensure!(index.len() > 0, "OpenWrt's loop wrote no index");
    let theirs = times[2].as_secs_f64();
    let figures = ["ipks", "apks"].iter().zip(&times).map(|(what, time)| {
        let ours = time.as_secs_f64();
        Figure {
            name: format!("feed of {PACKAGES} {what}, times faster than a loop"),
            value: theirs / ours,
            unit: "×",
            target: Some(Target::AtLeast(2.0)),
            detail: format!(
                "{ours:.2} s with signature, checks and copies, against {theirs:.2} s for tar, stat and sha256sum over the ipks"
            ),
        }
    });
    Ok(figures.collect())
}

fn small(format: Format, arch: &str, number: usize) -> Result<(String, Vec<u8>)> {
    let meta = Meta {
        name: format!("bench-{number:04}"),
        version: "1.0-r1".into(),
        arch: arch.into(),
        description: "One of many".into(),
        source: "feeds/bench/bench".into(),
        epoch: 1_700_000_000,
        ..Meta::default()
    };
    let content: Vec<u8> = (0..FILE).map(|at| (at * (number + 7) / 3) as u8).collect();
    let mut tree = Tree::default();
    let path = TreePath::new(format!("usr/share/bench/{number}"))?;
    tree.insert(path, Entry::file(0o644, content))?;
    let packed = assemble::pack(format, &meta, tree, None)?;
    Ok((packed.file_name, packed.bytes))
}
