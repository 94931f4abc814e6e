//! The index of apk: `packages.adb`, as `apk mkndx` of apk-tools 3.0.5 writes it.

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::choose;
use super::package::{Package, Source};
use crate::config::sdk::Format;
use crate::keys::ec;
use crate::package::adb::block::{BlockKind, Schema, Stream};
use crate::package::adb::read::{Adb, Object};
use crate::package::adb::schema::{info, package};
use crate::package::adb::value::{Kind, Value};
use crate::package::adb::write::Writer;
use crate::package::adb::{container, sign};

/// Deepest list in an info: dependencies, their fields.
const MAX_DEPTH: usize = 4;
/// Most values of one info.
const MAX_VALUES: usize = 100_000;

/// The index over packages, signed where there is a key.
///
/// # Errors
/// Packages of another format, or with values that an index cannot have.
pub fn index(packages: &[Package], key: Option<&ec::Secret>) -> Result<Vec<u8>> {
    let mut writer = Writer::default();
    let mut entries = Vec::new();
    for package in packages {
        let Source::Values(values) = &package.source else {
            bail!("{} is no apk", package.path.display());
        };
        let value = entry(&mut writer, package, values)
            .with_context(|| format!("index {}", package.path.display()))?;
        entries.push((package, value));
    }
    entries.sort_by(|(a, _), (b, _)| {
        let versions = || choose::compare(Format::Apk, &a.version, &b.version);
        a.name.cmp(&b.name).then_with(versions)
    });
    let values: Vec<Value> = entries.into_iter().map(|(_, value)| value).collect();
    let list = writer.object(&values);
    let root = writer.object(&[Value::NULL, list]);
    let adb = writer.finish(root)?.0;
    let mut stream = Stream::new(Schema::Index);
    stream.block(BlockKind::Adb, &[&adb])?;
    if let Some(key) = key {
        let signature = sign::sign(key, Schema::Index, &adb)?;
        stream.block(BlockKind::Signature, &[&signature])?;
    }
    container::compress(&stream.finish())
}

/// A package's info, copied field by field, with the size of its file and the
/// hash by which the index vouches for it.
fn entry(writer: &mut Writer, package: &Package, values: &[u8]) -> Result<Value> {
    let info = Adb::new(values)?.root()?.object(package::INFO)?;
    ensure!(info.len() <= info::COUNT, "its info has unknown fields");
    let mut fields = [Value::NULL; info::COUNT];
    let mut left = MAX_VALUES;
    for (field, slot) in fields.iter_mut().zip(1..) {
        *field = copy(writer, info, info.value(slot), MAX_DEPTH, &mut left)?;
    }
    fields[info::FILE_SIZE - 1] = writer.int(package.size);
    fields[info::HASHES - 1] = writer.blob(&Sha256::digest(values));
    Ok(writer.object(&fields))
}

fn copy(
    writer: &mut Writer,
    from: Object<'_>,
    value: Value,
    depth: usize,
    left: &mut usize,
) -> Result<Value> {
    *left = left
        .checked_sub(1)
        .context("its info has too many values")?;
    Ok(match value.kind() {
        Kind::Null => Value::NULL,
        Kind::Int | Kind::Int32 | Kind::Int64 => writer.int(from.adb().int(value)?),
        Kind::Blob8 | Kind::Blob16 | Kind::Blob32 => writer.blob(from.adb().blob(value)?),
        Kind::Object | Kind::Array => {
            let depth = depth.checked_sub(1).context("its lists are too deep")?;
            let list = from.adb().object(value)?;
            let mut values = Vec::new();
            for value in list.values() {
                values.push(copy(writer, list, value, depth, left)?);
            }
            writer.object(&values)
        }
        Kind::Unknown => bail!("its info has a value of an unknown type"),
    })
}
