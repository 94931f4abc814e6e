//! The tree of an apk that is at hand, for those who want its files.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use crate::package::adb::block::{BlockKind, Header, Schema};
use crate::package::adb::container;
use crate::package::adb::read::{Adb, Object};
use crate::package::adb::schema::{acl, dir, file, package};
use crate::package::path::TreePath;
use crate::package::tree::{Entry, Node, Tree};

/// An apk that unpacks to more is not read: it is held in memory.
pub const MAX_UNPACKED: u64 = 1_000_000_000;
/// Most files and directories: values may share places, and so describe very many.
const MAX_FILES: usize = 100_000;

/// A stream's values, and its other blocks.
#[derive(Debug)]
pub struct Blocks<'a> {
    /// The payload of the first block.
    pub adb: &'a [u8],
    /// Signatures and content, in their order.
    pub others: Vec<(BlockKind, &'a [u8])>,
}

impl<'a> Blocks<'a> {
    /// Takes an unpacked stream apart.
    ///
    /// # Errors
    /// Another schema; broken blocks, or blocks in the wrong order.
    pub fn of(stream: &'a [u8], schema: Schema) -> Result<Self> {
        let expected = [b"ADB.".as_slice(), schema.tag()].concat();
        ensure!(
            stream.starts_with(&expected),
            "it is no {} of apk-tools 3",
            match schema {
                Schema::Package => "package",
                Schema::Index => "index",
            }
        );
        let mut rest = &stream[8..];
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let cut_off = || format!("block {} is cut off", blocks.len() + 1);
            let (head, behind) = rest.split_first_chunk::<4>().with_context(cut_off)?;
            let header = Header::read(*head)?;
            let (content, behind) = behind
                .split_at_checked(header.length)
                .with_context(cut_off)?;
            rest = behind.get(header.padding()..).with_context(cut_off)?;
            blocks.push((header.kind, content));
        }
        let is_in_order = blocks.is_sorted_by_key(|(kind, _)| *kind as u32);
        let values = blocks
            .iter()
            .filter(|(kind, _)| *kind == BlockKind::Adb)
            .count();
        ensure!(
            values == 1 && is_in_order,
            "its blocks are not one of values, then signatures, then content"
        );
        let others = blocks.split_off(1);
        Ok(Self {
            adb: blocks[0].1,
            others,
        })
    }
}

/// Reads the files of the apk `bytes`; everything belongs to root.
///
/// # Errors
/// Broken packages, devices, names that leave the package.
pub fn tree(bytes: &[u8]) -> Result<Tree> {
    let stream = container::decompress(bytes, MAX_UNPACKED)?;
    let blocks = Blocks::of(&stream, Schema::Package)?;
    let mut contents: HashMap<(u32, u32), &[u8]> = HashMap::new();
    for (kind, block) in &blocks.others {
        if let (BlockKind::Data, Some((numbers, content))) = (kind, block.split_at_checked(8)) {
            let number = |at: usize| {
                let bytes = [
                    numbers[at],
                    numbers[at + 1],
                    numbers[at + 2],
                    numbers[at + 3],
                ];
                u32::from_le_bytes(bytes)
            };
            contents.insert((number(0), number(4)), content);
        }
    }
    let root = Adb::new(blocks.adb)?.root()?;
    let mut tree = Tree::default();
    let mut left = MAX_FILES;
    for (number, value) in root.object(package::PATHS)?.values().enumerate() {
        left = left.checked_sub(1).context("it has too many files")?;
        let dir = root.adb().object(value)?;
        let path = TreePath::new(dir.blob(dir::NAME)?)?;
        tree.insert(path.clone(), Entry::dir(mode(dir, dir::ACL)?))?;
        for (index, value) in dir.object(dir::FILES)?.values().enumerate() {
            left = left.checked_sub(1).context("it has too many files")?;
            let file = root.adb().object(value)?;
            let name = [path.as_bytes(), b"/", file.blob(file::NAME)?].concat();
            let name = TreePath::new(&name)?;
            let numbers = (number as u32 + 1, index as u32 + 1);
            let content = contents.get(&numbers).copied().unwrap_or_default();
            let entry = entry(&tree, file, content).with_context(|| name.to_string())?;
            tree.insert(name, entry)?;
        }
    }
    Ok(tree)
}

fn entry(tree: &Tree, object: Object<'_>, content: &[u8]) -> Result<Entry> {
    let mode = mode(object, file::ACL)?;
    let target = object.blob(file::TARGET)?;
    let Some((kind, to)) = target.split_at_checked(2) else {
        ensure!(
            content.len() as u64 == object.int(file::SIZE)?,
            "its content is missing"
        );
        return Ok(Entry::file(mode, content));
    };
    match u16::from_le_bytes([kind[0], kind[1]]) {
        file::SYMLINK => Ok(Entry::symlink(to)),
        file::REGULAR => {
            let first = tree.get(&TreePath::new(to)?);
            match first.map(|entry| &entry.node) {
                Some(Node::File(content)) => Ok(Entry::file(mode, content.clone())),
                _ => bail!("is a further name of a file that is not before it"),
            }
        }
        _ => bail!("is a device"),
    }
}

fn mode(object: Object<'_>, field: usize) -> Result<u32> {
    Ok(object.object(field)?.int(acl::MODE)? as u32 & 0o7777)
}
