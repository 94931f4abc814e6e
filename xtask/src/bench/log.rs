//! The log scanner against `grep -c`, on a log of some hundred megabytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Figure, Target, alternate};

/// Bytes of the measured log.
const SIZE: u64 = 400_000_000;
/// Lines of compilers between the stages: what most of a log is.
const COMPILER: &str = "\
     Running `/builder/staging_dir/target-mipsel_24kc_musl/host/bin/rustc --crate-name cfg_if --edition=2018 /builder/dl/cargo/registry/src/index.example-1949cf8c6b5b557f/cfg-if-1.0.4/src/lib.rs --error-format=json --crate-type lib --emit=dep-info,metadata,link -C opt-level=z -C panic=unwind -C codegen-units=1 --out-dir /builder/build_dir/target-mipsel_24kc_musl/lantern-2.1.0/target/mipsel-unknown-linux-musl/release/deps -C linker=mipsel-openwrt-linux-musl-gcc`
mipsel-openwrt-linux-musl-gcc -c -o src/a.o src/a.c -Os -pipe -fno-caller-saves -I/builder/staging_dir/toolchain-mipsel_24kc_gcc-13.3.0_musl/include
  CC      drivers/net/wireless/ath/ath9k/main.o
checking for stdint.h... yes
make[4]: Nothing to be done for 'all'.
";

/// Repeats the logs of `fixtures`, with a compiler's lines between them, and
/// reads the result with `xtask log` and with `grep -c`.
///
/// # Errors
/// When one of them fails, or a fixture cannot be read.
pub fn figures(xtask: &Path, fixtures: &Path, runs: usize) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir().context("make a directory for the bench")?;
    let log = dir.path().join("build.log");
    let size = write(&log, fixtures)?;
    let empty = dir.path().join("empty.log");
    std::fs::write(&empty, b"").context("write an empty log")?;
    // The verdict is the exit code: 0 would fail here as 1 does.
    let read = |log: &Path| {
        let script = r#""$0" log "$1" --json; test $? -ne 2"#;
        duct::cmd!("sh", "-c", script, xtask, log)
    };
    let (ours, start) = (read(&log), read(&empty));
    let theirs = duct::cmd!("grep", "-c", "host-compile", &log);
    let commands = [
        ("xtask log", &ours),
        ("xtask log of nothing", &start),
        ("grep -c", &theirs),
    ];
    let times = alternate(runs, &commands, || Ok(()))?;
    let (ours, start, theirs) = (
        times[0].as_secs_f64(),
        times[1].as_secs_f64(),
        times[2].as_secs_f64(),
    );
    let megabytes = size as f64 / 1e6;
    Ok(vec![
        Figure {
            name: "log scanner, throughput".into(),
            value: megabytes / (ours - start).max(f64::EPSILON),
            unit: "MB/s",
            target: Some(Target::AtLeast(300.0)),
            detail: format!("{ours:.3} s for {megabytes:.0} MB, {start:.3} s of it to start"),
        },
        Figure {
            name: "log scanner against grep -c".into(),
            value: ours / theirs,
            unit: "×",
            target: None,
            detail: format!("{ours:.3} s against {theirs:.3} s"),
        },
    ])
}

/// Writes the measured log; gives its size.
fn write(log: &Path, fixtures: &Path) -> Result<u64> {
    let mut logs = Vec::new();
    let entries = std::fs::read_dir(fixtures)
        .with_context(|| format!("read {}", fixtures.display()))?
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("read {}", fixtures.display()))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // An image's log makes the scanner look for more in all that follows.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".log") && !name.starts_with("image-") {
            logs.extend(std::fs::read(&path).with_context(|| format!("read {}", path.display()))?);
            logs.extend(COMPILER.repeat(60).into_bytes());
        }
    }
    ensure!(!logs.is_empty(), "no logs in {}", fixtures.display());
    let mut file = BufWriter::new(File::create(log).context("write the measured log")?);
    let mut size = 0;
    while size < SIZE {
        file.write_all(&logs).context("write the measured log")?;
        size += logs.len() as u64;
    }
    file.flush().context("write the measured log")?;
    Ok(size)
}
