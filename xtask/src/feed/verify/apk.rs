//! A feed of apk: `packages.adb` and the packages that it vouches for.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::feed::Feed;
use super::sums;
use crate::feed::apk;
use crate::feed::package::{Package, Source, of_info};
use crate::keys::store::Public;
use crate::package::adb::block::{BlockKind, Schema};
use crate::package::adb::container;
use crate::package::adb::read::{Adb, Object};
use crate::package::adb::schema::{index, info};
use crate::package::adb::sign::Signature;
use crate::package::apk::load::Blocks;

const INDEX: &str = "packages.adb";
/// Largest index when unpacked.
const MAX_UNPACKED: u64 = 128 << 20;
/// Most packages; values may share places and so tell of very many.
const MAX_PACKAGES: usize = 100_000;

/// Names of the files that the index has.
pub(super) fn listed(dir: &Path) -> Vec<String> {
    let names = || -> Result<Vec<String>> {
        let bytes = crate::util::fs::read(&dir.join(INDEX))?;
        let stream = container::decompress(&bytes, MAX_UNPACKED)?;
        let adb = Blocks::of(&stream, Schema::Index)?.adb;
        let infos = infos(adb)?;
        infos
            .into_iter()
            .map(|info| Ok(of_info(info)?.file_name))
            .collect()
    };
    names().unwrap_or_default()
}

/// Checks everything; gives the packages that are as the index says.
pub(super) fn check(feed: &mut Feed, dir: &Path) -> Vec<Package> {
    let Some(bytes) = feed.read(dir, INDEX) else {
        return Vec::new();
    };
    let mut packages = Vec::new();
    if let Err(error) = check_index(feed, dir, &bytes, &mut packages) {
        feed.problem(INDEX, format!("{error:#}"));
    }
    packages
}

fn check_index(
    feed: &mut Feed,
    dir: &Path,
    bytes: &[u8],
    packages: &mut Vec<Package>,
) -> Result<()> {
    let stream = container::decompress(bytes, MAX_UNPACKED)?;
    let blocks = Blocks::of(&stream, Schema::Index)?;
    if let Err(error) = check_signatures(feed.key.as_ref(), &blocks) {
        feed.problem(INDEX, error.to_string());
    }
    let infos = infos(blocks.adb)?;
    for (number, info) in infos.iter().enumerate() {
        let place = || format!("its entry {}", number + 1);
        let entry = of_info(*info).with_context(place)?;
        if !sums::is_plain(&entry.file_name) {
            feed.problem(INDEX, format!("{} is no file name", entry.file_name));
            continue;
        }
        let Some(package) = feed.package(dir, &entry.file_name) else {
            continue;
        };
        match is_vouched_for(*info, &package).with_context(place) {
            Ok(()) => packages.push(package),
            Err(error) => feed.problem(&entry.file_name, format!("{error:#}")),
        }
    }
    if packages.len() == infos.len() {
        packages.sort_by(|a, b| a.file_name.cmp(&b.file_name));
        let own = container::decompress(&apk::index(packages, None)?, MAX_UNPACKED)?;
        ensure!(
            Blocks::of(&own, Schema::Index)?.adb == blocks.adb,
            "says other things of its packages than they say of themselves"
        );
    }
    Ok(())
}

fn check_signatures(key: Option<&Public>, blocks: &Blocks<'_>) -> Result<()> {
    let mut signatures = Vec::new();
    for (kind, block) in &blocks.others {
        ensure!(
            *kind == BlockKind::Signature,
            "has the content of files, which no index has"
        );
        signatures.push(Signature::read(block)?);
    }
    ensure!(!signatures.is_empty(), "is not signed: apk refuses it");
    let Some(Public::Ec(key)) = key else {
        return Ok(());
    };
    let names = || {
        let names = signatures
            .iter()
            .map(|found| crate::fingerprint::hex(&found.key));
        names.collect::<Vec<_>>().join(", ")
    };
    ensure!(
        signatures.iter().any(|found| found.key == key.id()),
        "is signed with the key {}, not with {}",
        names(),
        crate::fingerprint::hex(&key.id())
    );
    ensure!(
        signatures
            .iter()
            .any(|found| found.verifies(key, Schema::Index, blocks.adb)),
        "its signature is not that of this content"
    );
    Ok(())
}

fn infos(adb: &[u8]) -> Result<Vec<Object<'_>>> {
    let root = Adb::new(adb)?.root()?;
    let list = root.object(index::PACKAGES)?;
    ensure!(
        list.len() <= MAX_PACKAGES,
        "lists {} packages: at most {MAX_PACKAGES} are looked at",
        list.len()
    );
    list.values()
        .map(|value| root.adb().object(value))
        .collect()
}

/// Size and hash, which is what apk goes by.
fn is_vouched_for(info: Object<'_>, package: &Package) -> Result<()> {
    let size = info.int(info::FILE_SIZE)?;
    ensure!(
        size == package.size,
        "has {} bytes, and {size} in {INDEX}: apk refuses it",
        package.size
    );
    let Source::Values(values) = &package.source else {
        anyhow::bail!("is no apk");
    };
    ensure!(
        *info.blob(info::HASHES)? == *Sha256::digest(values),
        "is another package than the one that {INDEX} vouches for: apk refuses it"
    );
    Ok(())
}
