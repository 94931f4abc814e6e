//! `image --pin`: the base image's digest, as its registry tells it, written to
//! openwrt/sdk.toml. Comments and order of the file stay.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::spec::SDK;
use crate::config::image::is_digest;
use crate::config::sdk::{Arch, Release, Sdk};
use crate::engine::Engine;
use crate::util::fs;
use crate::util::ui::Ui;

/// A base image's digest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pin {
    /// The release's branch name.
    pub release: String,
    /// OpenWrt's name of the architecture.
    pub arch: String,
    /// The reference without digest.
    pub base: String,
    /// `sha256:…`
    pub digest: String,
    /// What the file said before.
    pub old: Option<String>,
}

/// Asks the registry for the digest of the base image. It is pulled, which the
/// next build would do anyway.
///
/// # Errors
/// The registry does not know it, or does not answer.
pub fn resolve(engine: &Engine, sdk: &Sdk, release: &Release, arch: &Arch, ui: &Ui) -> Result<Pin> {
    let base = sdk.image.base(release, arch)?;
    let step = ui.step("Resolving", &base);
    let said = engine
        .read(&["pull", &base])
        .with_context(|| format!("pull {base}: a digest is what its registry says"))?;
    let line = said.lines().find_map(|line| line.strip_prefix("Digest: "));
    let digest = match line {
        Some(digest) => digest.trim().to_owned(),
        None => from_image(engine, &base)?,
    };
    ensure!(
        is_digest(&digest),
        "the engine says {digest:?}, which is no digest"
    );
    step.done("Resolved");
    Ok(Pin {
        release: release.name.clone(),
        arch: arch.name.clone(),
        base,
        digest,
        old: sdk.image.digest(release, arch).map(str::to_owned),
    })
}

/// What the engine noted when it pulled.
fn from_image(engine: &Engine, base: &str) -> Result<String> {
    let image = engine.inspect_images(&[base])?.into_iter().next().flatten();
    let digests = image.map(|image| image.repo_digests).unwrap_or_default();
    let found = digests.first().and_then(|name| name.split_once('@'));
    match found {
        Some((_, digest)) => Ok(digest.to_owned()),
        None => bail!("the engine pulled {base} and names no digest"),
    }
}

/// Writes digests to the project's sdk.toml.
///
/// # Errors
/// The file is written in a way that this does not understand: then what to
/// write by hand.
pub fn write(root: &Path, pins: &[Pin]) -> Result<()> {
    let path = root.join(SDK);
    let mut text = fs::read_text(&path)?;
    for pin in pins {
        text = with_pin(&text, pin).with_context(|| {
            format!(
                "write the digest; by hand: [image.digest.{:?}]\n{} = {:?}",
                pin.release, pin.arch, pin.digest
            )
        })?;
    }
    let mode = {
        use std::os::unix::fs::PermissionsExt;
        let found = std::fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
        found.permissions().mode() & 0o7777
    };
    fs::write_atomic(&path, text.as_bytes(), mode)
}

/// The text with one digest, everything else as it was: proved by reading it.
fn with_pin(text: &str, pin: &Pin) -> Result<String> {
    let header = format!("[image.digest.{:?}]", pin.release);
    let line = format!("{} = {:?}", pin.arch, pin.digest);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    match lines
        .iter()
        .position(|found| is_header(found, &pin.release))
    {
        Some(at) => {
            let end = end_of_table(&lines, at);
            let same = (at + 1..end).find(|index| key(&lines[*index]).as_ref() == Some(&pin.arch));
            match same {
                Some(index) => {
                    let comment = lines[index]
                        .find('#')
                        .map(|at| lines[index][at..].to_owned());
                    lines[index] = match comment {
                        Some(comment) => format!("{line} {comment}"),
                        None => line,
                    };
                }
                None => {
                    let later = (at + 1..end)
                        .find(|index| key(&lines[*index]).is_some_and(|key| key > pin.arch));
                    lines.insert(later.unwrap_or(end), line);
                }
            }
        }
        None => {
            let last = lines
                .iter()
                .rposition(|found| {
                    let found = found.trim();
                    found == "[image]" || found.starts_with("[image.")
                })
                .context("the file has no [image] table")?;
            let end = end_of_table(&lines, last);
            lines.splice(end..end, [String::new(), header, line]);
        }
    }
    let new = lines.join(line_end) + line_end;
    prove(text, &new, pin)?;
    Ok(new)
}

/// Whether the line begins the table of a release's digests, however it is
/// written.
fn is_header(line: &str, release: &str) -> bool {
    let table = line
        .trim_start()
        .starts_with('[')
        .then(|| line.parse::<toml::Table>());
    table.and_then(Result::ok).is_some_and(|table| {
        let digests = table.get("image").and_then(|image| image.get("digest"));
        digests.is_some_and(|digests| digests.get(release).is_some())
    })
}

/// The key that a line sets.
fn key(line: &str) -> Option<String> {
    line.parse::<toml::Table>().ok()?.keys().next().cloned()
}

/// Behind the last key of the table whose header is in line `at`: comments that
/// follow belong to what comes next.
fn end_of_table(lines: &[String], at: usize) -> usize {
    let next = lines[at + 1..]
        .iter()
        .position(|line| line.trim_start().starts_with('['))
        .map_or(lines.len(), |offset| at + 1 + offset);
    let is_content = |line: &String| !line.trim().is_empty() && !line.trim().starts_with('#');
    let last = lines[at..next].iter().rposition(is_content);
    at + last.unwrap_or(0) + 1
}

/// Nothing but the digest differs.
fn prove(old: &str, new: &str, pin: &Pin) -> Result<()> {
    let mut expected: toml::Table = old.parse().context("read openwrt/sdk.toml")?;
    let found: toml::Table = new.parse().context("read what would be written")?;
    let image = expected
        .get_mut("image")
        .and_then(toml::Value::as_table_mut);
    let image = image.context("[image] is no table")?;
    let mut table = |name: &str, parent: Option<&str>| {
        let parent = match parent {
            Some(parent) => image.get_mut(parent)?.as_table_mut()?,
            None => &mut *image,
        };
        let entry = parent
            .entry(name)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        entry.is_table().then_some(())
    };
    table("digest", None).context("`digest` of [image] is no table")?;
    table(&pin.release, Some("digest")).context("the release's digests are no table")?;
    if let Some(digests) = image
        .get_mut("digest")
        .and_then(|digest| digest.get_mut(&pin.release))
        .and_then(toml::Value::as_table_mut)
    {
        digests.insert(pin.arch.clone(), toml::Value::String(pin.digest.clone()));
    }
    ensure!(
        expected == found,
        "openwrt/sdk.toml has the digests in a form that is not understood here"
    );
    Sdk::parse(Path::new(SDK), new).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(release: &str, arch: &str, digit: &str) -> Pin {
        Pin {
            release: release.into(),
            arch: arch.into(),
            base: String::new(),
            digest: format!("sha256:{}", digit.repeat(64)),
            old: None,
        }
    }

    fn project() -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        std::fs::read_to_string(root.join(SDK)).unwrap()
    }

    #[test]
    fn only_the_digest_is_written() {
        let text = project();
        let first = with_pin(&text, &pin("24.10", "mips_24kc", "a")).unwrap();
        let added = |from: &str, to: &str| -> Vec<String> {
            let old: Vec<&str> = from.lines().collect();
            to.lines()
                .filter(|line| !old.contains(line))
                .map(str::to_owned)
                .collect()
        };
        let digest = |digit: &str| format!("\"sha256:{}\"", digit.repeat(64));
        assert_eq!(
            added(&text, &first),
            [
                "[image.digest.\"24.10\"]".to_owned(),
                format!("mips_24kc = {}", digest("a"))
            ]
        );
        // In order, behind its own comment, and in a table of its own.
        let second = with_pin(&first, &pin("24.10", "aarch64_cortex-a53", "b")).unwrap();
        let at = |text: &str| second.find(text).unwrap();
        assert!(at("aarch64_cortex-a53 = \"sha256") < at("mips_24kc = \"sha256"));
        let commented = second.replace(&digest("a"), &format!("{} # why", digest("a")));
        let third = with_pin(&commented, &pin("24.10", "mips_24kc", "c")).unwrap();
        assert!(third.contains(&format!("mips_24kc = {} # why\n", digest("c"))));
        let fourth = with_pin(&third, &pin("25.12", "riscv64_generic", "d")).unwrap();
        assert!(fourth.contains("\n[image.digest.\"25.12\"]\nriscv64_generic = "));
        let next = fourth.find("\n[toolchain]").unwrap();
        assert!(fourth.find("riscv64_generic = \"sha256").unwrap() < next);
        assert_eq!(
            with_pin(&fourth, &pin("25.12", "riscv64_generic", "d")).unwrap(),
            fourth
        );
    }

    #[test]
    fn other_ways_to_write_it_are_understood() {
        let digest = |digit: &str| format!("\"sha256:{}\"", digit.repeat(64));
        let text = project().replace(
            "\n[toolchain]\n",
            &format!(
                "\n  [ image.digest.'24.10' ] # pinned\n  \"mips_24kc\" = {}\n\n  [toolchain]\n",
                digest("a")
            ),
        );
        let changed = with_pin(&text, &pin("24.10", "mips_24kc", "b")).unwrap();
        assert_eq!(changed.lines().count(), text.lines().count());
        assert!(changed.contains(&format!("\nmips_24kc = {}\n", digest("b"))));
        let added = with_pin(&text, &pin("24.10", "x86_64", "b")).unwrap();
        assert!(added.contains(&format!("\nx86_64 = {}\n\n  [toolchain]", digest("b"))));
        let windows = project().replace('\n', "\r\n");
        let pinned = with_pin(&windows, &pin("24.10", "x86_64", "b")).unwrap();
        assert!(
            pinned.starts_with(
                windows
                    .split("[toolchain.zig]")
                    .next()
                    .unwrap()
                    .split("[toolchain]")
                    .next()
                    .unwrap()
                    .trim_end()
            )
        );
        assert!(!pinned.replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn what_is_not_understood_is_not_written() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let inline = project().replace(
            "rust = \"pinned\"\n",
            &format!(
                "rust = \"pinned\"\ndigest = {{ \"24.10\" = {{ mips_24kc = \"{digest}\" }} }}\n"
            ),
        );
        let error = with_pin(&inline, &pin("24.10", "x86_64", "b")).unwrap_err();
        assert!(!error.to_string().is_empty());
        let unknown = with_pin(&project(), &pin("24.10", "sparc", "b")).unwrap_err();
        assert!(unknown.to_string().contains("sparc") || format!("{unknown:#}").contains("sparc"));
    }
}
