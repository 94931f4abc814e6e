//! An append-only file of records that survives crashes and power cuts.
//!
//! Each record is a line with a checksum ([`line`]). A record counts from the
//! moment that [`Journal::append`] returns: then it is on the disk. What a
//! crash leaves behind it, half a line or none, was never promised to anybody
//! and is dropped when the file is next opened.
//!
//! A line that is damaged in the middle of the file is another matter: disks
//! do that. It is left out, a copy of the file is kept, and all other records
//! are read, for each of them may be money.

pub mod disk;
mod line;

use std::io;

use disk::Disk;

/// Below this size a journal is not rewritten, in bytes.
const SMALL: u64 = 64 * 1024;

/// A journal that is open for appending.
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    /// Bytes that are on the disk and right.
    length: u64,
    /// The number of the next record.
    next: u64,
    /// The length after the last rewriting.
    rewritten: u64,
    tail: Tail,
}

/// When a record has to be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before anything else is done.
    Now,
    /// Together with the next one.
    WithNext,
}

/// What is known of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// It is as long as it should be.
    Clean,
    /// There may be more in it, of an append that failed.
    Rest,
    /// It may be the old one or the new one, of a replacement that failed.
    Unknown,
}

/// What an existing journal holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The records, oldest first.
    pub records: Vec<String>,
    /// Bytes at the end that were no whole record.
    pub torn: usize,
    /// Places before the end where records are damaged or missing.
    pub damaged: usize,
}

impl<D: Disk> Journal<D> {
    /// Reads the journal, and makes it if there is none.
    ///
    /// # Errors
    /// What the system says, or that the file is of another version.
    pub fn open(mut disk: D) -> io::Result<(Self, Contents)> {
        let Some(bytes) = disk.read()? else {
            let mut journal = Self {
                disk,
                length: 0,
                next: 0,
                rewritten: 0,
                tail: Tail::Clean,
            };
            journal.replace::<&str>(&[])?;
            return Ok((journal, Contents::default()));
        };
        let found = line::read_all(&bytes)?;
        if found.contents.damaged > 0 {
            disk.keep_copy(&bytes)?;
        }
        let mut journal = Self {
            disk,
            length: found.length as u64,
            next: found.next,
            // Nobody knows how much of it still matters: to rewrite it tells.
            rewritten: 0,
            tail: match found.contents.torn {
                0 => Tail::Clean,
                _ => Tail::Rest,
            },
        };
        journal.drop_rest()?;
        Ok((journal, found.contents))
    }

    /// Adds records; on return they are on the disk, unless that is left to
    /// the next append. Records of which nobody minds whether a crash takes
    /// them cost no write of their own then.
    ///
    /// # Errors
    /// What the system says. None of the records counts then; should one of
    /// them be found in the file after a crash all the same, it is one that the
    /// caller wanted to be there.
    pub fn append<T: AsRef<str>>(&mut self, records: &[T], when: When) -> io::Result<()> {
        self.drop_rest()?;
        let mut lines = String::new();
        for (number, record) in (self.next..).zip(records) {
            line::push(&mut lines, number, record.as_ref());
        }
        self.tail = Tail::Rest;
        let written = self
            .disk
            .append(lines.as_bytes())
            .and_then(|()| match when {
                When::Now => self.disk.sync(),
                When::WithNext => Ok(()),
            });
        if let Err(error) = written {
            // Mended now if that is possible, else before the next append.
            let _ = self.drop_rest();
            return Err(error);
        }
        self.tail = Tail::Clean;
        self.length += lines.len() as u64;
        self.next += records.len() as u64;
        Ok(())
    }

    /// Whether the journal has to be replaced before anything can be appended
    /// (the last replacement failed), or whether it is worth it: it has become several
    /// times as large as when it held only what still matters. So each byte
    /// that is appended costs a bounded number of bytes written to the flash.
    pub fn is_due(&self) -> bool {
        let is_large = self.length > SMALL && self.length > self.rewritten.saturating_mul(3);
        is_large || self.is_blocked()
    }

    /// Whether nothing can be appended before the journal is replaced.
    pub fn is_blocked(&self) -> bool {
        self.tail == Tail::Unknown
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Puts other records in place of all that there are, in one step.
    ///
    /// # Errors
    /// What the system says. If the new one could not be written (a full disk),
    /// the old one goes on. Otherwise there is one or the other then, and nothing
    /// can be appended until another replacement succeeds.
    pub fn replace<T: AsRef<str>>(&mut self, records: &[T]) -> io::Result<()> {
        let mut lines = line::HEAD.to_owned();
        for (number, record) in (0..).zip(records) {
            line::push(&mut lines, number, record.as_ref());
        }
        self.disk.stage(lines.as_bytes())?;
        self.tail = Tail::Unknown;
        self.disk.replace()?;
        self.tail = Tail::Clean;
        self.length = lines.len() as u64;
        self.rewritten = self.length;
        self.next = records.len() as u64;
        Ok(())
    }

    fn drop_rest(&mut self) -> io::Result<()> {
        match self.tail {
            Tail::Clean => Ok(()),
            Tail::Rest => {
                self.disk.truncate(self.length)?;
                self.tail = Tail::Clean;
                Ok(())
            }
            Tail::Unknown => Err(io::Error::other("the journal has to be replaced first")),
        }
    }
}

/// What the bytes of a journal hold.
///
/// # Errors
/// `InvalidData` for a file of another version, or no journal at all.
pub fn read(bytes: &[u8]) -> io::Result<Contents> {
    Ok(line::read_all(bytes)?.contents)
}

#[cfg(test)]
mod tests;
