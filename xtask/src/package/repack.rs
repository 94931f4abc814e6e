//! The package of another packer, compressed as this one's.
//!
//! OpenWrt compresses with GNU gzip and zlib, whose deflate streams are not
//! libdeflate's ([`super::gzip`], [`super::adb::container`]). What is inside is
//! what a package is; it stays as it is, to the byte. So two packages with the
//! same archives or values are the same file, whichever tool packed them.

use std::io::Read;

use anyhow::{Context, Result, ensure};

use super::adb::block::{BlockKind, Schema, Stream};
use super::adb::read::Adb;
use super::adb::schema::{info, package};
use super::adb::{container, sign};
use super::apk::load;
use super::{gzip, tar};
use crate::keys::ec;

/// The members of an ipk in the order in which OpenWrt writes them.
const MEMBERS: [&str; 3] = ["./debian-binary", "./data.tar.gz", "./control.tar.gz"];

/// A package that was compressed again.
#[derive(Debug)]
pub struct Repacked {
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Byte length of the uncompressed data.tar; of an apk the bytes of its files.
    pub installed_size: u64,
}

/// Compresses an ipk again, with its archives as they are.
///
/// # Errors
/// A file that is not what OpenWrt 24.10's `ipkg-build` writes.
pub fn ipk(ipk: &[u8]) -> Result<Repacked> {
    let outer = gunzip(ipk).context("unpack the ipk")?;
    let mut archive = ::tar::Archive::new(&outer[..]);
    let mut members = Vec::new();
    let mut mtime = None;
    for entry in archive.entries().context("read the ipk")? {
        let mut entry = entry.context("read the ipk")?;
        let name = entry.path_bytes().into_owned();
        let name = String::from_utf8_lossy(&name).into_owned();
        mtime = mtime.or(entry.header().mtime().ok());
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .with_context(|| format!("read {name} of the ipk"))?;
        members.push((name, content));
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(
        names == MEMBERS,
        "the ipk holds {}; OpenWrt writes {}",
        names.join(", "),
        MEMBERS.join(", ")
    );
    let mut writer = tar::Writer::new(mtime.unwrap_or_default());
    let mut installed_size = 0;
    for (name, content) in &members {
        if !name.ends_with(".gz") {
            writer.file(name.as_bytes(), 0o644, content)?;
            continue;
        }
        let inner = gunzip(content).with_context(|| format!("unpack {name}"))?;
        if name == MEMBERS[1] {
            installed_size = inner.len() as u64;
        }
        writer.file(name.as_bytes(), 0o644, &gzip::compress(&inner))?;
    }
    Ok(Repacked {
        bytes: gzip::compress(&writer.finish()),
        installed_size,
    })
}

/// Compresses an apk again, its values and files as they are, signed where a
/// key is given. A signature that it has goes: the key of an SDK, made there for
/// this one build, is nobody's, and another at every build.
///
/// # Errors
/// What is no package of apk-tools 3.
pub fn apk(apk: &[u8], key: Option<&ec::Secret>) -> Result<Repacked> {
    let old = container::decompress(apk, load::MAX_UNPACKED).context("unpack the apk")?;
    let blocks = load::Blocks::of(&old, Schema::Package).context("read the apk")?;
    let root = Adb::new(blocks.adb)?.root().context("read the apk")?;
    let info = root.object(package::INFO).context("read the apk")?;
    let mut stream = Stream::new(Schema::Package);
    stream.block(BlockKind::Adb, &[blocks.adb])?;
    if let Some(key) = key {
        let signature = sign::sign(key, Schema::Package, blocks.adb)?;
        stream.block(BlockKind::Signature, &[&signature])?;
    }
    let data = |(kind, _): &&(BlockKind, &[u8])| *kind == BlockKind::Data;
    for (kind, content) in blocks.others.iter().filter(data) {
        stream.block(*kind, &[content])?;
    }
    Ok(Repacked {
        installed_size: info.int(info::INSTALLED_SIZE).context("read the apk")?,
        bytes: container::compress(&stream.finish())?,
    })
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    // All members: some packers write several, and half an archive is none.
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::meta::Meta;
    use super::super::path::TreePath;
    use super::super::tree::{Entry, Tree};
    use super::super::{apk as apk_format, ipk as ipk_format};
    use super::*;

    /// As another packer would compress it.
    fn gzip_of_others(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn package() -> (Meta, Tree) {
        let meta = Meta {
            name: "x".into(),
            version: "1-r1".into(),
            arch: "all".into(),
            epoch: 1_700_000_000,
            ..Meta::default()
        };
        let mut tree = Tree::default();
        let path = TreePath::new("usr/bin/x").unwrap();
        tree.insert(path, Entry::file(0o755, vec![7; 5000]))
            .unwrap();
        (meta, tree)
    }

    #[test]
    fn the_same_values_give_the_same_apk_whoever_signed_it() {
        let (meta, tree) = package();
        let ours = apk_format::pack(&meta, tree.clone(), None).unwrap();
        let deflated = |bytes: &[u8]| {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::DeflateEncoder::new(b"ADBd".to_vec(), level);
            let stream = container::decompress(bytes, 1 << 20).unwrap();
            encoder.write_all(&stream).unwrap();
            encoder.finish().unwrap()
        };
        let [sdk, own] = [
            ec::Secret::generate().unwrap(),
            ec::Secret::generate().unwrap(),
        ];
        let signed = |key| {
            apk_format::pack(&meta, tree.clone(), Some(key))
                .unwrap()
                .bytes
        };
        for theirs in [deflated(&ours.bytes), deflated(&signed(&sdk))] {
            assert_ne!(theirs, ours.bytes);
            let again = apk(&theirs, None).unwrap();
            assert!(again.bytes == ours.bytes);
            assert_eq!(again.installed_size, ours.installed_size);
            assert!(apk(&theirs, Some(&own)).unwrap().bytes == signed(&own));
        }
        for wrong in [&b"x"[..], &ours.bytes[..ours.bytes.len() - 1], &[]] {
            assert!(apk(wrong, None).is_err());
        }
    }

    #[test]
    fn the_same_archives_give_the_same_ipk() {
        let (meta, tree) = package();
        let ours = ipk_format::pack(&meta, tree).unwrap();

        let outer = gunzip(&ours.bytes).unwrap();
        let mut writer = tar::Writer::new(meta.epoch);
        for entry in ::tar::Archive::new(&outer[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path_bytes().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            if name.ends_with(b".gz") {
                content = gzip_of_others(&gunzip(&content).unwrap());
            }
            writer.file(&name, 0o644, &content).unwrap();
        }
        let theirs = gzip_of_others(&writer.finish());
        assert_ne!(theirs, ours.bytes);
        let again = ipk(&theirs).unwrap();
        assert_eq!(again.bytes, ours.bytes);
        assert_eq!(again.installed_size, ours.installed_size as u64);
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(ipk(b"x").is_err());
        let mut writer = tar::Writer::new(0);
        writer.file(b"./debian-binary", 0o644, b"2.0\n").unwrap();
        let error = ipk(&gzip_of_others(&writer.finish())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the ipk holds ./debian-binary; OpenWrt writes ./debian-binary, ./data.tar.gz, ./control.tar.gz"
        );
    }
}
