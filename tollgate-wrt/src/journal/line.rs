//! Records as lines of text: `<checksum> <number> <record>`.
//!
//! The checksum is the first 16 hexadecimal digits of the SHA-256 of what
//! follows it. Numbers count up by one, so that a line which is gone without a
//! trace, as whole blocks of a file can be, is noticed. Records have no newline.

use std::fmt::Write as _;
use std::io;

use bitcoin_hashes::hex::DisplayHex;
use bitcoin_hashes::{Hash as _, sha256};

use super::Contents;

/// The first line of every journal.
pub const HEAD: &str = "tollgate-wrt journal 1\n";

/// What every version's first line begins with.
const NAME: &str = "tollgate-wrt journal ";

/// A journal as it was found.
#[derive(Debug)]
pub struct Found {
    pub contents: Contents,
    /// Where the last whole line ends.
    pub length: usize,
    /// The number of the record that comes next.
    pub next: u64,
}

/// Adds a record to `text`.
pub fn push(text: &mut String, number: u64, record: &str) {
    let body = format!("{number} {record}");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} {body}", checksum(&body));
}

fn checksum(body: &str) -> String {
    sha256::Hash::hash(body.as_bytes()).as_byte_array()[..8].to_lower_hex_string()
}

/// Reads everything that is whole.
///
/// # Errors
/// `InvalidData` for a file of another version, or no journal at all.
pub fn read_all(bytes: &[u8]) -> io::Result<Found> {
    let head = &bytes[..bytes.len().min(HEAD.len())];
    let has_head = head == HEAD.as_bytes();
    if !has_head && bytes.starts_with(NAME.as_bytes()) && bytes.contains(&b'\n') {
        return Err(invalid(
            "a journal of another version; the newer tollgate-wrt that wrote it can read it",
        ));
    }
    let mut found = Found {
        contents: Contents::default(),
        length: 0,
        next: 0,
    };
    let mut at = 0;
    let mut is_broken = false;
    if has_head {
        at = HEAD.len();
        found.length = at;
    }
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        at += end.map_or(rest.len(), |end| end + 1);
        // Without its newline a line may be a shorter one than was written.
        let Some((number, record)) = end.and_then(|_| parse(line)) else {
            is_broken = true;
            continue;
        };
        if is_broken || number != found.next {
            found.contents.damaged += 1;
            is_broken = false;
        }
        found.contents.records.push(record.to_owned());
        found.next = number.saturating_add(1);
        found.length = at;
    }
    if !has_head {
        // The head is written together with the first records, in one step.
        if found.contents.records.is_empty() {
            return Err(invalid("no journal of tollgate-wrt"));
        }
        found.contents.damaged = found.contents.damaged.max(1);
    }
    found.contents.torn = bytes.len() - found.length;
    Ok(found)
}

/// The number and the record of a line that is as it was written.
fn parse(line: &[u8]) -> Option<(u64, &str)> {
    let (sum, body) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    if sum != checksum(body) {
        return None;
    }
    let (number, record) = body.split_once(' ')?;
    Some((number.parse().ok()?, record))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
