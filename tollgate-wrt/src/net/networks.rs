//! `/etc/config/network`: OpenWrt's networks (`lan`), which are not the network
//! devices (`br-lan`) that packets arrive on.

use crate::uci;

/// The device of the network `name` in `/etc/config/network`.
pub fn device(text: &str, name: &str) -> Option<String> {
    let sections = uci::parse(text).ok()?;
    let network = sections
        .iter()
        .find(|section| section.kind == "interface" && section.name.as_deref() == Some(name))?;
    // `ifname` before OpenWrt 21.02. A bridge of that time is named after the network.
    let is_bridge = network.value("type") == Some("bridge");
    match is_bridge {
        true => Some(format!("br-{name}")),
        // A network of Wi-Fi has none here.
        false => {
            let device = network.value("device").or_else(|| network.value("ifname"));
            device.map(str::to_owned)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_device_of_a_network() {
        let text = "
config interface 'lan'
    option device 'br-lan'
config interface 'guest'
    option type 'bridge'
    option ifname 'eth0.3'
config interface 'wan'
    option ifname 'eth1'
config interface 'wwan'
    option proto 'dhcp'
config device 'other'
    option name 'br-other'
";
        let device = |name| super::device(text, name).unwrap_or_default();
        assert_eq!(device("lan"), "br-lan");
        assert_eq!(device("guest"), "br-guest");
        assert_eq!(device("wan"), "eth1");
        assert_eq!(device("wwan"), "");
        assert_eq!(device("other"), "");
        assert_eq!(super::device("nonsense", "lan"), None);
    }
}
