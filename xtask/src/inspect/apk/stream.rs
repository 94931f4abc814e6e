//! The blocks of a stream, one after the other.

use std::io::{self, Read};

use anyhow::{Context, Result, ensure};

use crate::inspect::finding::Findings;
use crate::package::adb::block::{BlockKind, Header, MAGIC, Schema};

/// A stream while it is read. As a reader it is the content of the block that
/// it stands at.
pub(super) struct Stream<'a> {
    reader: &'a mut dyn Read,
    /// What it says that it is.
    pub(super) schema: Option<Schema>,
    /// The last block's kind.
    last: Option<BlockKind>,
    number: usize,
    /// Bytes of the block that were not read yet.
    left: u64,
    padding: usize,
}

impl<'a> Stream<'a> {
    /// Reads the stream's head.
    pub(super) fn open(reader: &'a mut dyn Read) -> Result<Self> {
        let mut head = [0; 8];
        reader
            .read_exact(&mut head)
            .context("read the head of its stream")?;
        ensure!(
            head[..4] == *MAGIC,
            "what is packed in it is no stream of apk-tools 3 (ADB.)"
        );
        let schemas = [Schema::Package, Schema::Index];
        Ok(Self {
            schema: schemas
                .into_iter()
                .find(|schema| head[4..] == *schema.tag()),
            reader,
            last: None,
            number: 0,
            left: 0,
            padding: 0,
        })
    }

    /// Goes to the next block, past what was not read of this one; `None` at
    /// the end. False with a block that is in the wrong place.
    pub(super) fn next(&mut self, findings: &mut Findings) -> Result<Option<(Header, bool)>> {
        self.leave(findings)?;
        let place = format!("block {}", self.number + 1);
        let mut head = Vec::new();
        self.reader
            .take(4)
            .read_to_end(&mut head)
            .with_context(|| place.clone())?;
        if head.is_empty() {
            return Ok(None);
        }
        let head = head.try_into().ok();
        let head = head.with_context(|| format!("{place} is cut off"))?;
        let header = Header::read(head).with_context(|| place.clone())?;
        let is_expected = match (self.last, header.kind) {
            (None, kind) => kind == BlockKind::Adb,
            (Some(_), BlockKind::Adb) => false,
            (Some(last), BlockKind::Signature) => last != BlockKind::Data,
            (Some(_), BlockKind::Data) => true,
        };
        if is_expected {
            self.last = Some(header.kind);
        } else {
            let message = format!(
                "{place} is in the wrong place: values, then signatures, then files; apk stops here"
            );
            findings.error("block-order", None, message);
        }
        self.number += 1;
        self.left = header.length as u64;
        self.padding = header.padding();
        Ok(Some((header, is_expected)))
    }

    /// The whole content of the block.
    pub(super) fn whole(&mut self, limit: usize, what: &str) -> Result<Vec<u8>> {
        ensure!(
            self.left <= limit as u64,
            "{what} has {} bytes: at most {limit} are read",
            self.left
        );
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)
            .with_context(|| format!("read {what}"))?;
        Ok(bytes)
    }

    fn leave(&mut self, findings: &mut Findings) -> Result<()> {
        let place = format!("block {}", self.number);
        io::copy(self, &mut io::sink()).with_context(|| place.clone())?;
        ensure!(
            self.left == 0,
            "{place} is cut off: {} bytes of it are missing",
            self.left
        );
        let mut padding = Vec::new();
        self.reader
            .take(self.padding as u64)
            .read_to_end(&mut padding)
            .with_context(|| place.clone())?;
        ensure!(
            padding.len() == self.padding,
            "{place} is cut off: the zeros behind it are missing"
        );
        if padding.iter().any(|byte| *byte != 0) {
            let message = format!("has bytes behind {place} where zeros belong");
            findings.warning("block-padding", None, message);
        }
        Ok(())
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (&mut *self.reader).take(self.left).read(buffer)?;
        self.left -= length as u64;
        Ok(length)
    }
}
