//! Changes of the kernel's nftables, over netlink.

use std::io;

use super::kernel::{
    ANY_FAMILY, DATA_VALUE, ELEM_KEY, ELEM_OBJREF, Element, INET, LIST_ELEMENTS, LIST_ITEM,
    LIST_SET, LIST_TABLE, OBJ_DATA, OBJ_NAME, OBJ_TABLE, OBJ_TYPE, OBJECT_QUOTA, PROTOCOL,
    QUOTA_BYTES, QUOTA_CONSUMED, Quota, SUBSYSTEM, TABLE, TABLE_NAME, header,
};
use super::keys::{Key, Map, object_name};
use crate::net::Mac;
use crate::net::netlink::{self, ACK, Attributes, CREATE, REQUEST};

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const DELTABLE: u16 = SUBSYSTEM | 2;
const NEWSETELEM: u16 = SUBSYSTEM | 12;
const NEWOBJ: u16 = SUBSYSTEM | 18;
const DELOBJ: u16 = SUBSYSTEM | 20;
/// Like deleting, but what is not there is no failure. Linux 6.3; OpenWrt 24.10
/// has 6.6.
const DESTROYSETELEM: u16 = SUBSYSTEM | 30;

const ELEM_TIMEOUT: u16 = 4;

/// Batches are smaller than what a socket takes at once (about 200 kB).
const MAX_BATCH: usize = 100 * 1024;

/// Changes that take effect together, or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    messages: Vec<(u16, u16, Attributes)>,
    size: usize,
}

impl Batch {
    fn push(&mut self, kind: u16, flags: u16, body: Attributes) {
        self.size += body.bytes().len() + 16;
        self.messages.push((kind, flags, body));
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether the kernel may find nothing to do: elements that have ended are not
    /// there to be removed. It counts no change then.
    pub fn may_be_nothing(&self) -> bool {
        self.messages
            .iter()
            .all(|(kind, ..)| *kind == DESTROYSETELEM)
    }

    /// Whether it should be committed before more is added.
    pub fn is_full(&self) -> bool {
        self.size > MAX_BATCH
    }

    /// Makes a quota, or gives one that is there another limit. What was
    /// counted is taken only for a new one.
    pub fn set_quota(&mut self, quota: &Quota) {
        let data = Attributes::default()
            .put(QUOTA_BYTES, &quota.limit.to_be_bytes())
            .put(QUOTA_CONSUMED, &quota.consumed.to_be_bytes());
        let body = header(INET)
            .text(OBJ_TABLE, TABLE)
            .text(OBJ_NAME, &object_name(quota.mac))
            .put(OBJ_TYPE, &OBJECT_QUOTA.to_be_bytes())
            .nest(OBJ_DATA, &data);
        self.push(NEWOBJ, CREATE, body);
    }

    /// Removes a quota that nothing counts with.
    pub fn remove_quota(&mut self, mac: Mac) {
        let body = header(INET)
            .text(OBJ_TABLE, TABLE)
            .text(OBJ_NAME, &object_name(mac))
            .put(OBJ_TYPE, &OBJECT_QUOTA.to_be_bytes());
        self.push(DELOBJ, 0, body);
    }

    /// Adds an element; one that is there is replaced.
    pub fn set_element(&mut self, element: &Element) {
        self.remove_element(element.key);
        let mut item = Attributes::default()
            .nest(ELEM_KEY, &key_value(element.key))
            .text(ELEM_OBJREF, &object_name(element.mac));
        if let Some(left) = element.left {
            let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
            item = item.put(ELEM_TIMEOUT, &left.to_be_bytes());
        }
        self.push(NEWSETELEM, CREATE, in_list(element.key.map(), &item));
    }

    /// Removes an element; one that is not there is no failure.
    pub fn remove_element(&mut self, key: Key) {
        let item = Attributes::default().nest(ELEM_KEY, &key_value(key));
        self.push(DESTROYSETELEM, 0, in_list(key.map(), &item));
    }

    /// Removes the table with all that is in it.
    pub fn remove_table(&mut self) {
        self.push(DELTABLE, 0, header(INET).text(TABLE_NAME, TABLE));
    }

    /// Does it all. The kernel waits meanwhile until nobody uses what was: some
    /// milliseconds, for one change as for hundreds.
    ///
    /// # Errors
    /// What the kernel says; then nothing was changed.
    pub fn commit(self) -> io::Result<()> {
        let Some(last) = self.messages.len().checked_sub(1) else {
            return Ok(());
        };
        let mut frame = [ANY_FAMILY, 0, 0, 0];
        frame[2..].copy_from_slice(&(SUBSYSTEM >> 8).to_be_bytes());
        let mut data = netlink::message(BATCH_BEGIN, REQUEST, 0, &frame);
        for (at, (kind, flags, body)) in self.messages.iter().enumerate() {
            // Failures are told without being asked for.
            let ack = if at == last { ACK } else { 0 };
            let sequence = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let flags = REQUEST | flags | ack;
            data.extend(netlink::message(*kind, flags, sequence, body.bytes()));
        }
        data.extend(netlink::message(BATCH_END, REQUEST, 0, &frame));
        netlink::ask(PROTOCOL, &data).map(drop)
    }
}

fn key_value(key: Key) -> Attributes {
    Attributes::default().put(DATA_VALUE, &key.bytes())
}

fn in_list(map: Map, item: &Attributes) -> Attributes {
    let list = Attributes::default().nest(LIST_ITEM, item);
    header(INET)
        .text(LIST_TABLE, TABLE)
        .text(LIST_SET, map.name())
        .nest(LIST_ELEMENTS, &list)
}
