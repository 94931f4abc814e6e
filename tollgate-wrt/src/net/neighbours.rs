//! The kernel's neighbour table, asked over netlink (rtnetlink(7)).
//!
//! One question is one message. On a known interface the kernel is asked for
//! the one entry; else it lists all of the address family. It answers while
//! the question is being sent, so that nothing here waits.
//!
//! Messages are in the machine's byte order and aligned to four bytes:
//! `nlmsghdr` (16 bytes), `ndmsg` (12 bytes), attributes (4 bytes and value).

use std::io;
use std::net::IpAddr;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use super::{Mac, unambiguous};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;

const NLM_F_REQUEST: u16 = 0x001;
const NLM_F_DUMP: u16 = 0x300;

const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// States in which the hardware address is one to believe: permanent, or
/// confirmed now or earlier. The others are incomplete, failed and none.
const NUD_VALID: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

const HEADER: usize = 16;
const NDMSG: usize = 12;
const ATTRIBUTE: usize = 4;

/// Room for one answer. The kernel fills at most 8 kB for readers like this.
const BUFFER: usize = 32 * 1024;

/// Most answers to one question: a table has at most some thousand entries.
const MAX_ANSWERS: usize = 1_000;

/// The MAC address of `address`, on the interface with `index` if one is given.
///
/// # Errors
/// What the system says where there is no netlink.
pub fn lookup(address: IpAddr, index: Option<u32>) -> io::Result<Option<Mac>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None, // NETLINK_ROUTE is 0
    )?;
    send(&socket, &question(address, index), SendFlags::empty())?;

    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    for _ in 0..MAX_ANSWERS {
        let (_, length) = recv(&socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT)?;
        let answer = read(&buffer[..length.min(BUFFER)], address, &mut found)?;
        if answer == Answer::Complete {
            return Ok(unambiguous(found));
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// The message that asks for one entry, or for all.
fn question(address: IpAddr, index: Option<u32>) -> Vec<u8> {
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    let (family, octets) = match address {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    };
    let flags = match index {
        Some(_) => NLM_F_REQUEST,
        None => NLM_F_REQUEST | NLM_F_DUMP,
    };
    let mut body = vec![family, 0, 0, 0];
    body.extend(index.unwrap_or(0).to_ne_bytes());
    body.extend([0; 4]); // state, flags, type
    if index.is_some() {
        push_attribute(&mut body, NDA_DST, &octets);
    }
    message(RTM_GETNEIGH, flags, &body)
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = (HEADER + body.len()) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]); // sequence number and port: one question a socket
    message.extend(body);
    message
}

/// Values are of 4 or 16 bytes here, so that there is nothing to pad.
fn push_attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend(((ATTRIBUTE + value.len()) as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The kernel has said all.
    Complete,
    /// There is more to receive.
    Partial,
}

/// Reads what one `recv` gave: a sequence of messages.
fn read(mut data: &[u8], address: IpAddr, found: &mut Vec<Mac>) -> io::Result<Answer> {
    let mut answer = Answer::Partial;
    while let Some(length) = u32_at(data, 0) {
        let length = length as usize;
        let (Some(kind), Some(flags)) = (u16_at(data, 4), u16_at(data, 6)) else {
            break;
        };
        let Some(body) = data.get(HEADER..length) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        match kind {
            NLMSG_DONE => return Ok(Answer::Complete),
            NLMSG_ERROR => {
                // The errno, negated. ENOENT: there is no such entry.
                let code = u32_at(body, 0).unwrap_or(0);
                let errno = i32::try_from(code.wrapping_neg()).unwrap_or(0);
                let error = io::Error::from_raw_os_error(errno);
                return match error.kind() {
                    io::ErrorKind::NotFound => Ok(Answer::Complete),
                    _ => Err(error),
                };
            }
            RTM_NEWNEIGH => {
                found.extend(neighbour(body, address));
                const NLM_F_MULTI: u16 = 2;
                if flags & NLM_F_MULTI == 0 {
                    answer = Answer::Complete;
                }
            }
            _ => {}
        }
        data = data.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(answer)
}

/// The MAC address in an entry, if the entry is valid and of `address`.
fn neighbour(body: &[u8], address: IpAddr) -> Option<Mac> {
    let state = u16_at(body, 8)?;
    if state & NUD_VALID == 0 {
        return None;
    }
    let mut attributes = body.get(NDMSG..)?;
    let (mut is_wanted, mut mac) = (false, None);
    while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let length = usize::from(length);
        let value = attributes.get(ATTRIBUTE..length)?;
        match kind {
            NDA_DST => is_wanted = ip_address(value) == Some(address),
            NDA_LLADDR => mac = value.try_into().ok().and_then(Mac::new),
            _ => {}
        }
        attributes = attributes
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    mac.filter(|_| is_wanted)
}

fn ip_address(value: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from))
        .ok()
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..at + 2)?;
    bytes.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::io::Errno;

    use super::*;

    const MAC: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 0xff];
    const REACHABLE: u16 = 2;
    const FAILED: u16 = 0x20;
    const MULTI: u16 = 2;

    fn address() -> IpAddr {
        "192.0.2.1".parse().unwrap()
    }

    fn entry(address: IpAddr, mac: &[u8], state: u16, flags: u16) -> Vec<u8> {
        let mut body = vec![2, 0, 0, 0, 7, 0, 0, 0];
        body.extend(state.to_ne_bytes());
        body.extend([0; 2]);
        match address {
            IpAddr::V4(address) => push_attribute(&mut body, NDA_DST, &address.octets()),
            IpAddr::V6(address) => push_attribute(&mut body, NDA_DST, &address.octets()),
        }
        push_attribute(&mut body, NDA_LLADDR, mac);
        body.resize(body.len().next_multiple_of(4), 0);
        push_attribute(&mut body, 99, &[0; 4]);
        message(RTM_NEWNEIGH, flags, &body)
    }

    fn read_all(data: &[u8]) -> (io::Result<Answer>, Vec<Mac>) {
        let mut found = Vec::new();
        (read(data, address(), &mut found), found)
    }

    #[test]
    fn a_single_entry_is_complete() {
        let (answer, found) = read_all(&entry(address(), &MAC, REACHABLE, 0));
        assert_eq!(answer.unwrap(), Answer::Complete);
        assert_eq!(found, [Mac::new(MAC).unwrap()]);
    }

    #[test]
    fn lists_end_with_done() {
        let other = "192.0.2.2".parse().unwrap();
        let mut data = entry(other, &[2; 6], REACHABLE, MULTI);
        data.extend(entry(address(), &MAC, REACHABLE, MULTI));
        let (answer, found) = read_all(&data);
        assert_eq!((answer.unwrap(), found.len()), (Answer::Partial, 1));

        let done = message(NLMSG_DONE, MULTI, &[0; 4]);
        assert_eq!(read_all(&done).0.unwrap(), Answer::Complete);
    }

    #[test]
    fn entries_to_disbelieve() {
        let loopback = entry(address(), &[0; 6], 0x40, 0);
        let failed = entry(address(), &MAC, FAILED, 0);
        let infiniband = entry(address(), &[2; 20], REACHABLE, 0);
        for data in [loopback, failed, infiniband] {
            assert_eq!(read_all(&data).1, []);
        }
    }

    #[test]
    fn errors_are_errnos() {
        let error = |errno: Errno| {
            let code = -errno.raw_os_error();
            let mut body = code.to_ne_bytes().to_vec();
            body.extend([0; 16]);
            read_all(&message(NLMSG_ERROR, 0, &body)).0
        };
        assert_eq!(error(Errno::NOENT).unwrap(), Answer::Complete);
        let unsupported = error(Errno::OPNOTSUPP).unwrap_err();
        assert_eq!(
            unsupported.raw_os_error(),
            Some(Errno::OPNOTSUPP.raw_os_error())
        );
        // A length that leads out of the data.
        let mut short = message(NLMSG_ERROR, 0, &[0; 4]);
        short.truncate(18);
        assert!(read_all(&short).0.is_err());
    }

    #[test]
    fn the_kernel_answers() {
        // Nobody has this address, whatever the machine's table holds.
        let nobody = "203.0.113.77".parse().unwrap();
        match lookup(nobody, None).and_then(|_| lookup(nobody, Some(1))) {
            Ok(found) => assert_eq!(found, None),
            Err(error) => eprintln!("no netlink here: {error}"),
        }
    }

    proptest! {
        #[test]
        fn never_panics(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&data);
        }

        #[test]
        fn never_panics_on_damaged_entries(at in 0usize..70, value: u8, cut in 0usize..70) {
            let mut data = entry(address(), &MAC, REACHABLE, MULTI);
            if let Some(byte) = data.get_mut(at) {
                *byte = value;
            }
            data.truncate(cut);
            let _ = read_all(&data);
        }
    }
}
