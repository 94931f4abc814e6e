//! The files in an image: the list that was made when it was baked, against
//! the label that holds the list's hash, and against what is there.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::check::{Check, Evidence};
use crate::engine::Engine;
use crate::fingerprint::{Reason, hex};
use crate::image::decide::Ready;
use crate::record::list;

/// What runs in the container.
const SCRIPT: &str = include_str!("inside.sh");

/// Differences that a sentence names.
const NAMED: usize = 3;

/// Compares them, in a container without a network that is gone afterwards.
pub fn examine(engine: &Engine, image: &Ready, force: &str) -> Evidence {
    let rust = image.labels.inputs.get("rust").unwrap_or_default();
    let variable = format!("XTASK_RUST={rust}");
    let said = engine.read(&[
        "run",
        "--rm",
        "--network=none",
        "--env",
        &variable,
        "--entrypoint=/bin/bash",
        &image.image.id,
        "-c",
        SCRIPT,
    ]);
    let check = Check::Files;
    let said = match said {
        Ok(said) => said,
        Err(error) => {
            let why = format!("the image cannot be looked into: {error:#}");
            return Evidence::unknown(check, why).mend(force);
        }
    };
    match compare(&said, &image.labels.toolchain) {
        Err(why) => Evidence::unknown(check, why).mend(force),
        Ok((files, stamps, reasons)) => match reasons.first() {
            None => Evidence::ok(
                check,
                format!("{files} files and {stamps} stamps in the image are what was baked"),
            ),
            Some(first) => Evidence::recompiled(
                check,
                format!(
                    "the toolchain in the image is not what was baked: {}",
                    list(&reasons, NAMED)
                ),
            )
            .because(first.kind())
            .mend(force),
        },
    }
}

/// Numbers of files and stamps, and every difference; `Err` where nothing can be
/// compared.
fn compare(said: &str, label: &str) -> Result<(usize, usize, Vec<Reason>), String> {
    let whole = said
        .trim_end()
        .strip_suffix("== end")
        .and_then(|said| said.split_once("== now\n"));
    let (baked, now) = whole.ok_or("the list of the image's files is not whole")?;
    if hex(&Sha256::digest(baked)) != label {
        let path = "/opt/xtask/toolchain.sha256".to_owned();
        let (old, new) = (label.to_owned(), hex(&Sha256::digest(baked)));
        return Ok((0, 0, vec![Reason::FileChanged { path, old, new }]));
    }
    let (baked, now) = (read(baked)?, read(now)?);
    let stamps = baked.values().filter(|value| value.is_stamp()).count();
    let mut reasons = Vec::new();
    for (path, old) in &baked {
        let path = (*path).to_owned();
        match now.get(path.as_str()) {
            None => reasons.push(Reason::FileMissing { path }),
            Some(new) if new != old => reasons.push(Reason::FileChanged {
                path,
                old: old.text(),
                new: new.text(),
            }),
            Some(_) => {}
        }
    }
    let added = now.keys().filter(|path| !baked.contains_key(*path));
    reasons.extend(added.map(|path| Reason::FileAdded {
        path: (*path).to_owned(),
    }));
    // A list of nothing is no evidence.
    if baked.is_empty() {
        return Err("the image's list of its toolchain is empty".to_owned());
    }
    Ok((baked.len() - stamps, stamps, reasons))
}

/// What a list says of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    File(&'a str),
    Link(&'a str),
    Stamp(&'a str),
}

impl Value<'_> {
    fn is_stamp(&self) -> bool {
        matches!(self, Self::Stamp(_))
    }

    fn text(&self) -> String {
        match self {
            Self::File(hash) => hash[..12].to_owned(),
            Self::Link(target) => format!("a link to {target}"),
            Self::Stamp(time) => format!("a stamp of {time}"),
        }
    }
}

fn read(list: &str) -> Result<BTreeMap<&str, Value<'_>>, String> {
    let mut values = BTreeMap::new();
    for line in list.lines() {
        let entry = if let Some(link) = line.strip_prefix("# link ") {
            link.split_once(" -> ")
                .map(|(path, target)| (path, Value::Link(target)))
        } else if let Some(stamp) = line.strip_prefix("# stamp ") {
            stamp
                .split_once(' ')
                .map(|(time, path)| (path, Value::Stamp(time)))
        } else {
            // sha256sum puts a backslash before lines with names that it quotes.
            let line = line.strip_prefix('\\').unwrap_or(line);
            line.split_once("  ")
                .filter(|(hash, _)| hash.len() == 64 && hash.is_ascii())
                .map(|(hash, path)| (path, Value::File(hash)))
        };
        let Some((path, value)) = entry else {
            return Err(format!("the image's list has a line {line:?}"));
        };
        values.insert(path, value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "ce96f179b87961e2a314c451a4877a4a3a4be7701fdca5360337f57a8f8baff7";

    fn differences(baked: &str, now: &str) -> String {
        let label = hex(&Sha256::digest(baked));
        match compare(&format!("{baked}== now\n{now}== end\n"), &label) {
            Ok((files, stamps, reasons)) => format!("{files} {stamps}: {}", list(&reasons, 9)),
            Err(why) => why,
        }
    }

    #[test]
    fn every_difference_is_told() {
        let baked = format!("{HASH}  /r/rustc\n# link /r/lib -> x\n# stamp 12 /b/.built\n");
        assert_eq!(differences(&baked, &baked), "2 1: ");
        let zeros = "0".repeat(64);
        assert_eq!(
            differences(&baked, &baked.replace(HASH, &zeros)),
            "2 1: /r/rustc is corrupted: 000000000000 where the record says ce96f179b879"
        );
        assert_eq!(
            differences(&baked, &baked.replace("> x", "> y").replace(" 12 ", " 13 ")),
            "2 1: /b/.built is corrupted: a stamp of 13 where the record says a stamp of 12, \
             /r/lib is corrupted: a link to y where the record says a link to x"
        );
        assert_eq!(
            differences(&baked, &baked.replace("/b/.built", "/b/.prepared")),
            "2 1: /b/.built is missing, /b/.prepared is not in its record"
        );
    }

    #[test]
    fn what_cannot_be_compared_is_no_evidence() {
        assert!(differences("", "").contains("is empty"));
        assert!(differences("rubbish\n", "").contains("has a line \"rubbish\""));
        assert!(compare("", HASH).unwrap_err().contains("not whole"));
        assert!(compare("== now\n", HASH).is_err());
        let (.., reasons) = compare("== now\n== end\n", HASH).unwrap();
        assert!(
            matches!(&reasons[..], [Reason::FileChanged { path, .. }] if path.ends_with(".sha256"))
        );
    }
}
