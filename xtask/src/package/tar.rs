//! Writes tar archives exactly as GNU tar does for OpenWrt's `ipkg-build`:
//! `--format=gnu --numeric-owner --sort=name --mtime=@EPOCH`.
//!
//! opkg's reader knows this dialect only: octal numbers, `L`/`K` records for
//! long names, no PAX headers (opkg-lede, libbb/unarchive.c).

use anyhow::{Result, bail};

use super::path::TreePath;
use super::tree::{Entry, Node, Tree};

const BLOCK: usize = 512;
/// GNU tar pads an archive to whole records of 20 blocks.
const RECORD: usize = 20 * BLOCK;
/// Bytes of a name or link target that a header holds.
const NAME_FIELD: usize = 100;

/// An archive in the making.
pub struct Writer {
    bytes: Vec<u8>,
    mtime: u64,
}

/// The type flag of a header.
#[derive(Clone, Copy)]
enum Kind {
    File = b'0' as isize,
    Hardlink = b'1' as isize,
    Symlink = b'2' as isize,
    Dir = b'5' as isize,
    LongLink = b'K' as isize,
    LongName = b'L' as isize,
}

struct Header<'a> {
    name: &'a [u8],
    link: &'a [u8],
    mode: u32,
    uid: u32,
    gid: u32,
    size: usize,
    mtime: u64,
    kind: Kind,
}

impl Writer {
    /// An empty archive; every entry gets `mtime` (seconds since 1970).
    pub fn new(mtime: u64) -> Self {
        Self {
            bytes: Vec::new(),
            mtime,
        }
    }

    /// A regular file owned by root, with its name as it stands.
    ///
    /// # Errors
    /// When a number does not fit its octal field.
    pub fn file(&mut self, name: &[u8], mode: u32, content: &[u8]) -> Result<()> {
        self.entry(name, b"", &Entry::file(mode, content), Kind::File, content)
    }

    /// A directory owned by root, with its name as it stands.
    ///
    /// # Errors
    /// When a number does not fit its octal field.
    pub fn dir(&mut self, name: &[u8], mode: u32) -> Result<()> {
        self.entry(name, b"", &Entry::dir(mode), Kind::Dir, b"")
    }

    /// A whole tree, `./` first.
    ///
    /// # Errors
    /// When a number does not fit its octal field.
    pub fn tree(&mut self, tree: &Tree) -> Result<()> {
        let mut first_of_group = std::collections::HashMap::<u32, &TreePath>::new();
        // Enough for all but long names, so that megabytes are not moved again.
        let contents = tree.iter().map(|(_, entry)| match &entry.node {
            Node::File(content) => BLOCK + content.len().next_multiple_of(BLOCK),
            Node::Dir | Node::Symlink(_) => BLOCK,
        });
        self.bytes.reserve(contents.sum::<usize>() + RECORD);
        for (path, entry) in tree.iter() {
            let name = path.tar_name(entry.is_dir());
            let first = match entry.link_group {
                Some(group) => *first_of_group.entry(group).or_insert(path),
                None => path,
            };
            if first != path {
                self.entry(&name, &first.tar_name(false), entry, Kind::Hardlink, b"")?;
                continue;
            }
            match &entry.node {
                Node::Dir => self.entry(&name, b"", entry, Kind::Dir, b"")?,
                Node::File(content) => self.entry(&name, b"", entry, Kind::File, content)?,
                Node::Symlink(target) => self.entry(&name, target, entry, Kind::Symlink, b"")?,
            }
        }
        Ok(())
    }

    /// Two zero blocks, then zeros up to a whole record.
    pub fn finish(mut self) -> Vec<u8> {
        let end = (self.bytes.len() + 2 * BLOCK).next_multiple_of(RECORD);
        self.bytes.resize(end, 0);
        self.bytes
    }

    fn entry(
        &mut self,
        name: &[u8],
        link: &[u8],
        entry: &Entry,
        kind: Kind,
        content: &[u8],
    ) -> Result<()> {
        self.long_record(link, Kind::LongLink)?;
        self.long_record(name, Kind::LongName)?;
        let header = Header {
            name,
            link,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            size: content.len(),
            mtime: self.mtime,
            kind,
        };
        self.put(&header, content)
    }

    /// The record that carries a name or link target over 100 bytes.
    fn long_record(&mut self, text: &[u8], kind: Kind) -> Result<()> {
        if text.len() <= NAME_FIELD {
            return Ok(());
        }
        let mut content = text.to_vec();
        content.push(0);
        let header = Header {
            name: b"././@LongLink",
            link: b"",
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: content.len(),
            mtime: 0,
            kind,
        };
        self.put(&header, &content)
    }

    fn put(&mut self, header: &Header<'_>, content: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(&header.encode()?);
        self.bytes.extend_from_slice(content);
        let end = self.bytes.len().next_multiple_of(BLOCK);
        self.bytes.resize(end, 0);
        Ok(())
    }
}

impl Header<'_> {
    fn encode(&self) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        let name = &self.name[..self.name.len().min(NAME_FIELD)];
        block[..name.len()].copy_from_slice(name);
        octal(&mut block[100..108], u64::from(self.mode), "mode")?;
        octal(&mut block[108..116], u64::from(self.uid), "user id")?;
        octal(&mut block[116..124], u64::from(self.gid), "group id")?;
        octal(&mut block[124..136], self.size as u64, "size")?;
        octal(&mut block[136..148], self.mtime, "time")?;
        block[156] = self.kind as u8;
        let link = &self.link[..self.link.len().min(NAME_FIELD)];
        block[157..157 + link.len()].copy_from_slice(link);
        block[257..265].copy_from_slice(b"ustar  \0");
        // The checksum counts its own field as blanks.
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        octal(&mut block[148..155], sum, "checksum")?;
        Ok(block)
    }
}

/// Octal digits with leading zeros and a NUL at the end of the field.
fn octal(field: &mut [u8], value: u64, what: &str) -> Result<()> {
    let digits = field.len() - 1;
    let text = format!("{value:0digits$o}");
    if text.len() > digits {
        bail!("{what} {value} does not fit a tar header ({digits} octal digits)");
    }
    field[..digits].copy_from_slice(text.as_bytes());
    field[digits] = 0;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_gnu_tar_puts_them() {
        let mut writer = Writer::new(1_700_000_000);
        writer.file(b"./debian-binary", 0o644, b"2.0\n").unwrap();
        let tar = writer.finish();
        // The first header of every OpenWrt package made at that time.
        assert_eq!(
            &tar[100..148],
            b"0000644\x000000000\x000000000\x0000000000004\x0014524770400\0"
        );
        assert_eq!(&tar[148..157], b"010525\0 0");
        assert_eq!(&tar[257..265], b"ustar  \0");
        assert!(tar[265..512].iter().all(|byte| *byte == 0));
        assert_eq!(&tar[512..517], b"2.0\n\0");
    }

    #[test]
    fn archives_are_whole_records() {
        assert_eq!(Writer::new(0).finish().len(), RECORD);
        for (content, records) in [(RECORD - 3 * BLOCK, 1), (RECORD - 3 * BLOCK + 1, 2)] {
            let mut writer = Writer::new(0);
            writer.file(b"x", 0o644, &vec![1; content]).unwrap();
            assert_eq!(writer.finish().len(), records * RECORD, "{content}");
        }
    }

    #[test]
    fn names_over_100_bytes_get_a_record_of_their_own() {
        let fits = [b'a'; 100];
        let long = [b'b'; 101];
        let mut writer = Writer::new(7);
        writer.file(&fits, 0o644, b"").unwrap();
        assert_eq!(writer.bytes.len(), BLOCK);
        writer
            .entry(&long, &long, &Entry::symlink(long), Kind::Symlink, b"")
            .unwrap();
        let types: Vec<_> = writer.bytes.chunks(BLOCK).map(|block| block[156]).collect();
        assert_eq!(types, [b'0', b'K', 0, b'L', 0, b'2']);
        let record = &writer.bytes[BLOCK..2 * BLOCK];
        assert!(record.starts_with(b"././@LongLink\0"));
        assert_eq!(&record[124..148], b"00000000146\x0000000000000\0");
        assert_eq!(&writer.bytes[5 * BLOCK..][..100], &long[..100]);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let mut tree = Tree::default();
        let entry = Entry {
            uid: 0o7777777 + 1,
            ..Entry::dir(0o755)
        };
        tree.insert(TreePath::new("x").unwrap(), entry).unwrap();
        let error = Writer::new(0).tree(&tree).unwrap_err();
        assert_eq!(
            error.to_string(),
            "user id 2097152 does not fit a tar header (7 octal digits)"
        );
    }
}
