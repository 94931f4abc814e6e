//! The kernel's neighbour table, asked and watched over netlink (rtnetlink(7)).
//!
//! One question is one message. On a known interface the kernel is asked for
//! the one entry; else it lists all of the address family.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use super::netlink::{self, Attributes};
use super::{Mac, unambiguous};

const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;

/// RTNLGRP_NEIGH as a bit.
const GROUP: u32 = 1 << 2;

const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// States in which the hardware address is one to believe: permanent, or
/// confirmed now or earlier. The others are incomplete, failed and none.
const NUD_VALID: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

/// The flag of an entry that is to be looked for because it is needed.
const NTF_USE: u8 = 1;

/// The length of `ndmsg`: family, index, state, flags, type.
const NDMSG: usize = 12;

/// Who has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The kernel's number for the interface.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Who has it.
    pub mac: Mac,
}

/// The MAC address of `address`, on the interface with `index` if one is given.
///
/// # Errors
/// What the system says where there is no netlink.
pub fn lookup(address: IpAddr, index: Option<u32>) -> io::Result<Option<Mac>> {
    let answer = match netlink::ask(None, &question(address, index)) {
        Ok(answer) => answer,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let fitting = neighbours(&answer).filter(|neighbour| neighbour.address == address);
    Ok(unambiguous(fitting.map(|neighbour| neighbour.mac)))
}

/// All that is known, of both families and on all interfaces.
///
/// # Errors
/// What the system says where there is no netlink.
pub fn all() -> io::Result<Vec<Neighbour>> {
    let flags = netlink::REQUEST | netlink::DUMP;
    let question = netlink::message(RTM_GETNEIGH, flags, 0, &[0; NDMSG]);
    let answer = netlink::ask(None, &question)?;
    Ok(neighbours(&answer).collect())
}

/// Has the kernel ask on the link who has `address`, as for a packet to it. The
/// answer is one of [`changes`].
///
/// # Errors
/// What the kernel says.
pub fn ask_for(address: IpAddr, index: u32) -> io::Result<()> {
    let flags = netlink::REQUEST | netlink::CREATE | netlink::ACK;
    let body = entry_of(address, index, NTF_USE).put(NDA_DST, &octets(address));
    let question = netlink::message(RTM_NEWNEIGH, flags, 0, body.bytes());
    netlink::ask(None, &question).map(drop)
}

/// A socket that is told who gets an address; [`changes`] reads what it gives.
///
/// # Errors
/// What the system says where there is no netlink.
pub fn watch() -> io::Result<OwnedFd> {
    netlink::open(None, GROUP)
}

/// The neighbours that one `recv` of [`watch`] tells of.
pub fn changes(data: &[u8]) -> Vec<Neighbour> {
    let told = netlink::messages(data).filter(|message| message.kind == RTM_NEWNEIGH);
    told.filter_map(|message| neighbour(message.body)).collect()
}

/// The message that asks for one entry, or for all.
fn question(address: IpAddr, index: Option<u32>) -> Vec<u8> {
    let flags = match index {
        Some(_) => netlink::REQUEST,
        None => netlink::REQUEST | netlink::DUMP,
    };
    let mut body = entry_of(address, index.unwrap_or(0), 0);
    if index.is_some() {
        body = body.put(NDA_DST, &octets(address));
    }
    netlink::message(RTM_GETNEIGH, flags, 0, body.bytes())
}

/// An `ndmsg` without a state.
fn entry_of(address: IpAddr, index: u32, flags: u8) -> Attributes {
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut header = vec![family, 0, 0, 0];
    header.extend(index.to_ne_bytes());
    header.extend([0, 0, flags, 0]); // state, flags, type
    Attributes::after(&header)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn neighbours(answer: &[(u16, Vec<u8>)]) -> impl Iterator<Item = Neighbour> {
    let entries = answer.iter().filter(|(kind, _)| *kind == RTM_NEWNEIGH);
    entries.filter_map(|(_, body)| neighbour(body))
}

/// An entry, if it is valid.
fn neighbour(body: &[u8]) -> Option<Neighbour> {
    let index = netlink::u32_at(body, 4)?;
    let state = netlink::u16_at(body, 8)?;
    if state & NUD_VALID == 0 {
        return None;
    }
    let attributes = body.get(NDMSG..)?;
    // Entries of bridges have no address.
    let address = ip_address(netlink::attribute(attributes, NDA_DST)?)?;
    let mac = netlink::attribute(attributes, NDA_LLADDR)?.try_into().ok();
    Some(Neighbour {
        index,
        address,
        mac: mac.and_then(Mac::new)?,
    })
}

fn ip_address(value: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 0xff];
    const REACHABLE: u16 = 2;
    const FAILED: u16 = 0x20;

    fn address() -> IpAddr {
        "192.0.2.1".parse().unwrap()
    }

    fn entry(address: IpAddr, mac: &[u8], state: u16) -> Vec<u8> {
        let mut header = vec![2, 0, 0, 0];
        header.extend(7u32.to_ne_bytes());
        header.extend(state.to_ne_bytes());
        header.extend([0; 2]);
        let body = Attributes::after(&header);
        let body = match address {
            IpAddr::V4(address) => body.put(NDA_DST, &address.octets()),
            IpAddr::V6(address) => body.put(NDA_DST, &address.octets()),
        };
        let body = body.put(NDA_LLADDR, mac).put(99, &[0; 4]);
        netlink::message(RTM_NEWNEIGH, netlink::MULTI, 0, body.bytes())
    }

    #[test]
    fn entries_of_both_families() {
        let other: IpAddr = "2001:db8::2".parse().unwrap();
        let mut data = entry(other, &[2; 6], REACHABLE);
        data.extend(entry(address(), &MAC, REACHABLE));
        let found = changes(&data);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].index, found[0].address), (7, other));
        assert_eq!(found[1].mac, Mac::new(MAC).unwrap());
    }

    #[test]
    fn entries_to_disbelieve() {
        let loopback = entry(address(), &[0; 6], 0x40);
        let failed = entry(address(), &MAC, FAILED);
        let infiniband = entry(address(), &[2; 20], REACHABLE);
        for data in [loopback, failed, infiniband] {
            assert_eq!(changes(&data), []);
        }
    }

    #[test]
    fn the_kernel_answers() {
        // Nobody has this address, whatever the machine's table holds.
        let nobody = "203.0.113.77".parse().unwrap();
        match lookup(nobody, None).and_then(|_| lookup(nobody, Some(1))) {
            Ok(found) => assert_eq!(found, None),
            Err(error) => eprintln!("no netlink here: {error}"),
        }
        if let Ok(all) = all() {
            assert!(all.iter().all(|neighbour| neighbour.address != nobody));
        }
    }

    proptest! {
        #[test]
        fn never_panics(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = changes(&data);
        }

        #[test]
        fn never_panics_on_damaged_entries(at in 0usize..70, value: u8, cut in 0usize..70) {
            let mut data = entry(address(), &MAC, REACHABLE);
            if let Some(byte) = data.get_mut(at) {
                *byte = value;
            }
            data.truncate(cut);
            let _ = changes(&data);
        }
    }
}
