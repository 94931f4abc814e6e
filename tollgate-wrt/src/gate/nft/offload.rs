//! Flow offloading: packets of connections that the kernel (or the switch) has
//! taken off the usual path pass no rule any more, neither the gate's nor its
//! counters'. A customer's open connections would then go on for ever, unpaid.

use std::path::Path;

use super::kernel;
use crate::files;
use crate::uci;

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
    let loaded = kernel::flowtables().unwrap_or_default();
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
}
