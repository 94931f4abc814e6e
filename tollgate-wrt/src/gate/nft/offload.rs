//! Flow offloading: packets of connections that the kernel (or the switch) has
//! taken off the usual path pass no rule any more, neither the gate's nor its
//! counters'. A customer's open connections would then go on for ever, unpaid.

use std::io;
use std::path::Path;

use super::kernel::{ANY_FAMILY, SUBSYSTEM, ask, header, text};
use crate::files;
use crate::net::netlink::{DUMP, attribute};
use crate::uci;

const GETFLOWTABLE: u16 = SUBSYSTEM | 23;

// Attributes of a flowtable (`linux/netfilter/nf_tables.h`).
const TABLE: u16 = 1;
const NAME: u16 = 2;

/// What offloads, if anything does: firewall4's settings, which it loads at the
/// next start, and what is loaded.
pub fn found(firewall: &Path) -> Option<String> {
    let text = files::read_text(firewall).unwrap_or_default();
    // Of settings that are others by now, what is loaded tells.
    let text = match files::is_replaced(firewall) {
        true => String::new(),
        false => text,
    };
    if let Some(option) = configured(&text) {
        return Some(format!("`option {option} '1'` in {}", firewall.display()));
    }
    let loaded = flowtables().unwrap_or_default();
    loaded
        .first()
        .map(|name| format!("the flowtable `{name}` of nftables"))
}

/// What to say of it.
pub fn advice(what: &str) -> String {
    format!(
        "flow offloading is on ({what}): it would take customers past gate and counters; turn it off with: uci set firewall.@defaults[0].flow_offloading=0; uci commit firewall; /etc/init.d/firewall restart"
    )
}

/// The option that asks for it. firewall4 reads the hardware's one only
/// together with the other.
fn configured(text: &str) -> Option<&'static str> {
    let sections = uci::parse(text).ok()?;
    let defaults = sections.iter().filter(|section| section.kind == "defaults");
    let is_on = |option: &str| {
        let mut values = defaults.clone().filter_map(|section| section.value(option));
        values.any(|value| ["1", "on", "true", "yes", "enabled"].contains(&value))
    };
    is_on("flow_offloading").then_some("flow_offloading")
}

/// The kernel's flowtables, by name.
fn flowtables() -> io::Result<Vec<String>> {
    let answer = ask(GETFLOWTABLE, DUMP, &header(ANY_FAMILY))?;
    Ok(answer.iter().map(|body| flowtable(body)).collect())
}

/// What cannot be read is a flowtable all the same.
fn flowtable(body: &[u8]) -> String {
    let word = |kind| text(attribute(body, kind)).unwrap_or("?");
    format!("{} {}", word(TABLE), word(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_of_firewall4() {
        let text = |value: &str| {
            format!(
                "config zone\n option flow_offloading '1'\nconfig defaults\n option input 'ACCEPT'\n option flow_offloading '{value}'\n"
            )
        };
        assert_eq!(configured(&text("1")), Some("flow_offloading"));
        assert_eq!(configured(&text("yes")), Some("flow_offloading"));
        assert_eq!(configured(&text("0")), None);
        assert_eq!(
            configured("config defaults\n option flow_offloading_hw '1'\n"),
            None
        );
        assert_eq!(configured(""), None);
    }

    /// What `nft --debug=mnl add flowtable inet fw4 ft { hook ingress priority
    /// filter; devices = { lo }; }` sends behind the header, which is what the
    /// kernel lists, but for the number of uses (4) and the handle (5).
    #[test]
    #[cfg(target_endian = "little")]
    fn a_flowtable_is_read() {
        let table = [8, 0, 1, 0, b'f', b'w', b'4', 0];
        let name = [7, 0, 2, 0, b'f', b't', 0, 0];
        let mut hook = vec![32, 0, 3, 0x80];
        hook.extend([8, 0, 1, 0, 0, 0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0]);
        hook.extend([12, 0, 3, 0x80, 7, 0, 1, 0, b'l', b'o', 0, 0]);
        let flags = [8, 0, 7, 0, 0, 0, 0, 0];
        let uses = [8, 0, 4, 0, 0, 0, 0, 1];
        let handle = [12, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        let body = [&table[..], &name, &hook, &flags, &uses, &handle].concat();
        assert_eq!(flowtable(&body), "fw4 ft");
        assert_eq!(flowtable(&body[..8]), "fw4 ?");
        // A message that this daemon does not understand is no reason to sell.
        assert_eq!(flowtable(&[]), "? ?");
    }
}
