//! The stream inside the container: a schema, then blocks. Exactly one block
//! of values, then signatures, then the content of files.

use anyhow::{Context, Result, bail, ensure};

/// First bytes of the stream.
pub const MAGIC: &[u8; 4] = b"ADB.";
/// Largest block: 30 bits hold its length with the four bytes of its header.
const MAX_LENGTH: usize = 0x3fff_ffff - 4;

/// What the values describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// A package.
    Package,
    /// An index of packages.
    Index,
}

impl Schema {
    /// The four bytes that name it.
    pub fn tag(self) -> &'static [u8; 4] {
        match self {
            Self::Package => b"pckg",
            Self::Index => b"indx",
        }
    }
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Values.
    Adb,
    /// A signature over them.
    Signature,
    /// A file's content behind its two numbers.
    Data,
}

/// Collects a stream.
#[derive(Debug)]
pub struct Stream(Vec<u8>);

impl Stream {
    /// An empty stream of this schema.
    pub fn new(schema: Schema) -> Self {
        Self([MAGIC, schema.tag().as_slice()].concat())
    }

    /// Adds a block made of `parts`.
    ///
    /// # Errors
    /// More than a gigabyte.
    pub fn block(&mut self, kind: BlockKind, parts: &[&[u8]]) -> Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        ensure!(
            length <= MAX_LENGTH,
            "a block of {length} bytes: the format holds {MAX_LENGTH}"
        );
        let header = (kind as u32) << 30 | (length as u32 + 4);
        self.0.extend_from_slice(&header.to_le_bytes());
        for part in parts {
            self.0.extend_from_slice(part);
        }
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        Ok(())
    }

    /// The whole stream.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it holds.
    pub kind: BlockKind,
    /// Bytes of content.
    pub length: usize,
}

impl Header {
    /// Reads its four bytes.
    ///
    /// # Errors
    /// The extended form, which apk-tools calls illegal, and a length below
    /// that of the header itself.
    pub fn read(bytes: [u8; 4]) -> Result<Self> {
        let word = u32::from_le_bytes(bytes);
        let kind = match word >> 30 {
            0 => BlockKind::Adb,
            1 => BlockKind::Signature,
            2 => BlockKind::Data,
            _ => bail!("a block of the extended kind, which no package has"),
        };
        let length = (word & 0x3fff_ffff) as usize;
        let length = length
            .checked_sub(4)
            .context("a block that is shorter than its own header")?;
        Ok(Self { kind, length })
    }

    /// Zeros between its content and the next block.
    pub fn padding(self) -> usize {
        (self.length + 4).next_multiple_of(8) - (self.length + 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_padding() {
        let mut stream = Stream::new(Schema::Package);
        stream.block(BlockKind::Adb, &[b"abcd"]).unwrap();
        stream.block(BlockKind::Data, &[b"a", b"bcde"]).unwrap();
        let bytes = stream.finish();
        assert_eq!(
            bytes,
            b"ADB.pckg\x08\0\0\0abcd\x09\0\0\x80abcde\0\0\0\0\0\0\0"
        );
        let header = Header::read(bytes[16..20].try_into().unwrap()).unwrap();
        assert_eq!((header.kind, header.length), (BlockKind::Data, 5));
        assert_eq!(header.padding(), 7);
        for wrong in [[3, 0, 0, 0], [8, 0, 0, 0xc0]] {
            assert!(Header::read(wrong).is_err(), "{wrong:?}");
        }
    }
}
