//! The kernel's nftables over netlink: what is counted, and who is let through.
//!
//! Sources of the format: the kernel's `linux/netfilter/nf_tables.h` and
//! `nfnetlink.h`. Numbers in attributes are big-endian on every machine.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::Protocol;
use rustix::net::netlink::NETFILTER;

use super::keys::{Key, Map, object_name, parse_object_name};
use crate::net::Mac;
use crate::net::netlink::{self, Attributes, DUMP, REQUEST, attribute, attributes};

/// The daemon's table, in the family `inet`.
pub const TABLE: &str = "tollgate";

pub(super) const PROTOCOL: Option<Protocol> = Some(NETFILTER);

pub(super) const INET: u8 = 1;
pub(super) const ANY_FAMILY: u8 = 0;

pub(super) const SUBSYSTEM: u16 = 10 << 8;
const GETTABLE: u16 = SUBSYSTEM | 1;
const GETCHAIN: u16 = SUBSYSTEM | 4;
const GETRULE: u16 = SUBSYSTEM | 7;
const GETSETELEM: u16 = SUBSYSTEM | 13;
const GETGEN: u16 = SUBSYSTEM | 16;
const GETOBJ: u16 = SUBSYSTEM | 19;

/// NFNLGRP_NFTABLES as a bit.
const GROUP: u32 = 1 << 6;

pub(super) const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const CHAIN_TABLE: u16 = 1;
const RULE_TABLE: u16 = 1;
const GEN_ID: u16 = 1;
pub(super) const OBJ_TABLE: u16 = 1;
pub(super) const OBJ_NAME: u16 = 2;
pub(super) const OBJ_TYPE: u16 = 3;
pub(super) const OBJ_DATA: u16 = 4;
const OBJ_USE: u16 = 5;
pub(super) const OBJECT_QUOTA: u32 = 2;
pub(super) const QUOTA_BYTES: u16 = 1;
pub(super) const QUOTA_CONSUMED: u16 = 4;
pub(super) const LIST_TABLE: u16 = 1;
pub(super) const LIST_SET: u16 = 2;
pub(super) const LIST_ELEMENTS: u16 = 3;
pub(super) const LIST_ITEM: u16 = 1;
pub(super) const ELEM_KEY: u16 = 1;
const ELEM_EXPIRATION: u16 = 5;
pub(super) const ELEM_OBJREF: u16 = 9;
pub(super) const DATA_VALUE: u16 = 1;

/// The sets of what [`fresh`] gives, with the maps whose keys theirs are like.
pub(super) const FRESH: [(&str, Map); 2] = [("fresh4", Map::Up4), ("fresh6", Map::Up6)];

/// The length of `nfgenmsg`: family, version, generation or subsystem.
const NFGENMSG: usize = 4;

/// The limit of a quota that only counts. The kernel takes at most 2⁶³ − 1.
pub const UNLIMITED: u64 = 1 << 62;

/// A customer's allowance, counted by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Whose.
    pub mac: Mac,
    /// Bytes at which it ends.
    pub limit: u64,
    /// Bytes that were counted.
    pub consumed: u64,
}

impl Quota {
    /// Whether nothing is left. What came after that was counted, too, and did
    /// not pass; the kernel does not tell how much it was.
    pub fn is_spent(&self) -> bool {
        self.consumed >= self.limit
    }

    /// The limit, if bytes are what was bought.
    pub fn bytes_limit(&self) -> Option<u64> {
        (self.limit < UNLIMITED).then_some(self.limit)
    }
}

/// One address of a customer, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// What packets are compared with.
    pub key: Key,
    /// Whose quota counts them.
    pub mac: Mac,
    /// How long it stands; `None` for ever.
    pub left: Option<Duration>,
}

pub(super) fn header(family: u8) -> Attributes {
    Attributes::after(&[family, 0, 0, 0])
}

pub(super) fn ask(kind: u16, flags: u16, body: &Attributes) -> io::Result<Vec<Vec<u8>>> {
    let question = netlink::message(kind, REQUEST | flags, 0, body.bytes());
    let answer = netlink::ask(PROTOCOL, &question)?;
    let bodies = answer.into_iter().map(|(_, mut body)| {
        // The header holds the generation, which is no part of what was asked.
        body.drain(..NFGENMSG.min(body.len()));
        body
    });
    Ok(bodies.collect())
}

/// A socket that is told of every change to nftables.
///
/// # Errors
/// What the system says where there are none.
pub fn watch() -> io::Result<OwnedFd> {
    netlink::open(PROTOCOL, GROUP)
}

/// The number of the ruleset's state: each transaction adds one.
///
/// # Errors
/// What the kernel says.
pub fn generation() -> io::Result<u32> {
    let answer = ask(GETGEN, 0, &header(ANY_FAMILY))?;
    let id = answer
        .first()
        .and_then(|body| be32(attribute(body, GEN_ID)));
    id.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Everything of the table that nobody but the daemon changes: its flags,
/// chains and rules. `None` where there is no such table.
///
/// # Errors
/// What the kernel says.
pub fn rules() -> io::Result<Option<Vec<u8>>> {
    let table = header(INET).text(TABLE_NAME, TABLE);
    let mut all = match ask(GETTABLE, 0, &table) {
        Ok(answer) => {
            let flags = answer.first().and_then(|body| attribute(body, TABLE_FLAGS));
            flags.unwrap_or_default().to_vec()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for chain in ask(GETCHAIN, DUMP, &header(INET))? {
        if text(attribute(&chain, CHAIN_TABLE)) == Some(TABLE) {
            all.extend(chain);
        }
    }
    let of_table = header(INET).text(RULE_TABLE, TABLE);
    all.extend(ask(GETRULE, DUMP, &of_table)?.concat());
    Ok(Some(all))
}

/// All quotas of the table.
///
/// # Errors
/// What the kernel says.
pub fn quotas() -> io::Result<Vec<Quota>> {
    Ok(objects()?.iter().filter_map(|body| quota(body)).collect())
}

/// Whose quotas no element counts with any more. One that has ended counts as
/// an element until the kernel has cleared it away.
///
/// # Errors
/// What the kernel says.
pub fn unused_quotas() -> io::Result<Vec<Mac>> {
    let objects = objects()?;
    let unused = objects
        .iter()
        .filter(|body| be32(attribute(body, OBJ_USE)) == Some(0));
    Ok(unused.filter_map(|body| Some(quota(body)?.mac)).collect())
}

fn objects() -> io::Result<Vec<Vec<u8>>> {
    let wanted = header(INET)
        .text(OBJ_TABLE, TABLE)
        .put(OBJ_TYPE, &OBJECT_QUOTA.to_be_bytes());
    ask(GETOBJ, DUMP, &wanted)
}

/// One customer's quota, if there is one.
///
/// # Errors
/// What the kernel says.
pub fn quota_of(mac: Mac) -> io::Result<Option<Quota>> {
    let wanted = header(INET)
        .text(OBJ_TABLE, TABLE)
        .text(OBJ_NAME, &object_name(mac))
        .put(OBJ_TYPE, &OBJECT_QUOTA.to_be_bytes());
    match ask(GETOBJ, 0, &wanted) {
        Ok(answer) => Ok(answer.first().and_then(|body| quota(body))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn quota(body: &[u8]) -> Option<Quota> {
    let table = text(attribute(body, OBJ_TABLE))?;
    let mac = parse_object_name(text(attribute(body, OBJ_NAME))?)?;
    let data = attribute(body, OBJ_DATA)?;
    let quota = Quota {
        mac,
        limit: be64(attribute(data, QUOTA_BYTES))?,
        consumed: be64(attribute(data, QUOTA_CONSUMED)).unwrap_or(0),
    };
    (table == TABLE).then_some(quota)
}

/// What stands in a map and has not ended.
///
/// # Errors
/// What the kernel says.
pub fn elements(map: Map) -> io::Result<Vec<Element>> {
    items(map.name(), |item| element(map, item))
}

/// New addresses that customers have sent from, as the table's rules noted
/// them.
///
/// # Errors
/// What the kernel says.
pub fn fresh() -> io::Result<Vec<(Mac, IpAddr)>> {
    let mut found = Vec::new();
    for (set, map) in FRESH {
        found.extend(items(set, |item| match Key::parse(map, key(item)?)? {
            Key::Up(mac, address) => Some((mac, address)),
            _ => None,
        })?);
    }
    Ok(found)
}

fn items<T>(set: &str, read: impl Fn(&[u8]) -> Option<T>) -> io::Result<Vec<T>> {
    let wanted = header(INET).text(LIST_TABLE, TABLE).text(LIST_SET, set);
    let mut found = Vec::new();
    for body in ask(GETSETELEM, DUMP, &wanted)? {
        let list = attribute(&body, LIST_ELEMENTS).unwrap_or_default();
        found.extend(attributes(list).filter_map(|(_, item)| read(item)));
    }
    Ok(found)
}

fn key(item: &[u8]) -> Option<&[u8]> {
    attribute(attribute(item, ELEM_KEY)?, DATA_VALUE)
}

fn element(map: Map, item: &[u8]) -> Option<Element> {
    let value = key(item)?;
    let object = text(attribute(item, ELEM_OBJREF))?;
    let left = be64(attribute(item, ELEM_EXPIRATION)).map(Duration::from_millis);
    Some(Element {
        key: Key::parse(map, value)?,
        mac: parse_object_name(object)?,
        left,
    })
}

fn be32(value: Option<&[u8]>) -> Option<u32> {
    value?.try_into().ok().map(u32::from_be_bytes)
}

fn be64(value: Option<&[u8]>) -> Option<u64> {
    value?.try_into().ok().map(u64::from_be_bytes)
}

pub(super) fn text(value: Option<&[u8]>) -> Option<&str> {
    let value = value?;
    let end = value.iter().position(|byte| *byte == 0);
    std::str::from_utf8(&value[..end.unwrap_or(value.len())]).ok()
}
