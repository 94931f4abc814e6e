//! Netlink: how the kernel's tables are asked, changed and watched (netlink(7)).
//!
//! Messages are in the machine's byte order and aligned to four bytes:
//! `nlmsghdr` (16 bytes), a header of the family, attributes (4 bytes and value).
//! The kernel answers while the question is being sent, so that nothing here
//! waits.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send,
    socket_with,
};

/// The kind of a message that says how a question ended.
const ERROR: u16 = 2;
/// The kind of a message that ends a list.
const DONE: u16 = 3;

/// Flag: this is a question.
pub const REQUEST: u16 = 0x001;
/// Flag: there are more messages of this list.
pub const MULTI: u16 = 0x002;
/// Flag: success is to be told, too.
pub const ACK: u16 = 0x004;
/// Flag of an answer: what is listed has changed in between.
const INTERRUPTED: u16 = 0x010;
/// Flag: all there is.
pub const DUMP: u16 = 0x300;
/// Flag: to be made if it is not there.
pub const CREATE: u16 = 0x400;

const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;
const NESTED: u16 = 0x8000;
const KIND: u16 = 0x3fff;

/// Room for one answer. The kernel fills at most 32 kB for readers like this.
pub const BUFFER: usize = 32 * 1024;

/// Most pieces of one answer.
const MAX_PIECES: usize = 2_000;

/// How often a list that changed while it was read is read again.
const TRIES: usize = 5;

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<'a> {
    /// What it is.
    pub kind: u16,
    flags: u16,
    /// What follows `nlmsghdr`.
    pub body: &'a [u8],
}

/// A whole message, padded.
pub fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = (HEADER + body.len()) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend([0; 4]); // the port: the kernel knows it
    message.extend(body);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// Attributes that are being written, behind the header of their family.
#[derive(Debug, Default)]
pub struct Attributes(Vec<u8>);

impl Attributes {
    /// Attributes that follow `header`.
    pub fn after(header: &[u8]) -> Self {
        Self(header.to_vec())
    }

    /// Adds a value.
    pub fn put(mut self, kind: u16, value: &[u8]) -> Self {
        let length = (ATTRIBUTE + value.len()) as u16;
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a text, with the zero that ends it.
    pub fn text(self, kind: u16, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.put(kind, &value)
    }

    /// Adds attributes as the value of one.
    pub fn nest(self, kind: u16, inner: &Self) -> Self {
        self.put(kind | NESTED, &inner.0)
    }

    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The messages in what one `recv` gave. What is cut off ends them.
pub fn messages(mut data: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(data, 0)?).ok()?;
        let (kind, flags) = (u16_at(data, 4)?, u16_at(data, 6)?);
        // A failure quotes the question, as far as there was room.
        let body = data.get(HEADER..length.min(data.len()))?;
        data = data.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Received { kind, flags, body })
    })
}

/// The attributes in `data`. What is cut off ends them.
pub fn attributes(mut data: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(data, 0)?);
        let kind = u16_at(data, 2)? & KIND;
        let value = data.get(ATTRIBUTE..length)?;
        data = data.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of this kind.
pub fn attribute(data: &[u8], kind: u16) -> Option<&[u8]> {
    let mut found = attributes(data).filter(|(known, _)| *known == kind);
    found.next().map(|(_, value)| value)
}

/// A number in the machine's order.
pub fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..at + 2)?;
    bytes.try_into().ok().map(u16::from_ne_bytes)
}

/// A number in the machine's order.
pub fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// The kernel has said all.
    Complete,
    /// There is more to receive.
    Partial,
}

/// Reads what one `recv` gave; collects kinds and bodies. `Interrupted` is a list
/// that changed meanwhile.
fn read(data: &[u8], found: &mut Vec<(u16, Vec<u8>)>) -> io::Result<Progress> {
    let mut progress = Progress::Partial;
    for Received { kind, flags, body } in messages(data) {
        if flags & INTERRUPTED != 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match kind {
            // Both begin with an errno, negated; 0 is success.
            DONE | ERROR => {
                let code = u32_at(body, 0).unwrap_or(0);
                let errno = i32::try_from(code.wrapping_neg()).unwrap_or(0);
                return match errno {
                    0 => Ok(Progress::Complete),
                    _ => Err(io::Error::from_raw_os_error(errno)),
                };
            }
            _ => {
                found.push((kind, body.to_vec()));
                if flags & MULTI == 0 {
                    progress = Progress::Complete;
                }
            }
        }
    }
    Ok(progress)
}

/// Opens a socket that is told of changes to `groups` (a bit each); none for
/// one that only asks. `None` is the protocol of routing.
///
/// # Errors
/// What the system says where there is no netlink.
pub fn open(protocol: Option<Protocol>, groups: u32) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let family = AddressFamily::NETLINK;
    let socket = socket_with(family, SocketType::RAW, flags, protocol)?;
    if groups != 0 {
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    }
    Ok(socket)
}

/// Asks, and gives kinds and bodies of the answer.
///
/// # Errors
/// What the kernel says.
pub fn ask(protocol: Option<Protocol>, question: &[u8]) -> io::Result<Vec<(u16, Vec<u8>)>> {
    let mut result = Err(io::ErrorKind::Interrupted.into());
    for _ in 0..TRIES {
        result = ask_once(protocol, question);
        let is_interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        if !result.as_ref().is_err_and(is_interrupted) {
            break;
        }
    }
    result
}

fn ask_once(protocol: Option<Protocol>, question: &[u8]) -> io::Result<Vec<(u16, Vec<u8>)>> {
    let socket = open(protocol, 0)?;
    send(&socket, question, SendFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    for _ in 0..MAX_PIECES {
        let (_, length) = recv(&socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT)?;
        if read(&buffer[..length.min(BUFFER)], &mut found)? == Progress::Complete {
            return Ok(found);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::io::Errno;

    use super::*;

    fn read_all(data: &[u8]) -> (io::Result<Progress>, usize) {
        let mut found = Vec::new();
        (read(data, &mut found), found.len())
    }

    #[test]
    fn what_is_written_is_read() {
        let inner = Attributes::default().text(3, "name").put(4, &[1; 5]);
        let body = Attributes::after(&[9; 4]).nest(1, &inner).put(2, &[7]);
        let data = message(20, MULTI, 1, body.bytes());
        let found: Vec<_> = messages(&data).collect();
        assert_eq!((found.len(), found[0].kind), (1, 20));
        let body = &found[0].body[4..];
        assert_eq!(attribute(body, 2), Some([7].as_slice()));
        let inner = attribute(body, 1).unwrap();
        assert_eq!(attribute(inner, 3), Some(b"name\0".as_slice()));
        assert_eq!(attribute(inner, 4), Some([1; 5].as_slice()));
        assert_eq!(attribute(inner, 5), None);
    }

    #[test]
    fn lists_end_with_done() {
        let mut data = message(20, MULTI, 1, &[0; 8]);
        data.extend(message(20, MULTI, 1, &[0; 8]));
        assert_eq!(read_all(&data).0.unwrap(), Progress::Partial);
        data.extend(message(DONE, MULTI, 1, &[0; 4]));
        let (progress, count) = read_all(&data);
        assert_eq!((progress.unwrap(), count), (Progress::Complete, 2));
        let single = message(20, 0, 1, &[0; 8]);
        assert_eq!(read_all(&single).0.unwrap(), Progress::Complete);
        let changed = message(20, MULTI | INTERRUPTED, 1, &[]);
        let error = read_all(&changed).0.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn errors_are_errnos() {
        let error = |errno: i32| {
            let mut body = (-errno).to_ne_bytes().to_vec();
            body.extend([0; 16]);
            read_all(&message(ERROR, 0, 0, &body)).0
        };
        assert_eq!(error(0).unwrap(), Progress::Complete);
        let unsupported = Errno::OPNOTSUPP.raw_os_error();
        let told = error(unsupported).unwrap_err();
        assert_eq!(told.raw_os_error(), Some(unsupported));
    }

    proptest! {
        #[test]
        fn never_panics(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&data);
            for (_, value) in attributes(&data) {
                let _ = attributes(value).count();
            }
        }
    }
}
