//! `/proc/net/arp`: the kernel's IPv4 neighbours as text.
//!
//! ```text
//! IP address       HW type     Flags       HW address            Mask     Device
//! 192.168.1.117    0x1         0x2         02:00:5e:10:00:ff     *        br-lan
//! ```

use std::net::IpAddr;

use super::{Mac, unambiguous};

/// ATF_COM of the kernel: the hardware address is known.
const COMPLETE: u32 = 2;

/// The MAC address of `address`, on `device` if one is given.
pub fn lookup(text: &str, address: IpAddr, device: Option<&str>) -> Option<Mac> {
    let found = text.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let is_wanted = columns.next()?.parse() == Ok(address);
        let flags = columns.nth(1)?.strip_prefix("0x")?;
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let mac = columns.next()?.parse().ok()?;
        let on_device = device.is_none() || columns.nth(1) == device;
        (is_wanted && on_device && flags & COMPLETE != 0).then_some(mac)
    });
    unambiguous(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:00:00:00:01     *        br-lan
192.0.2.2        0x1         0x0         00:00:00:00:00:00     *        br-lan
192.0.2.3        0x1         0x0         02:00:00:00:00:03     *        br-lan
192.0.2.4        0x1         0x6         02:00:00:00:00:04     *        br-lan
192.0.2.5        0x1         0x2         02:00:00:00:00:05     *        br-lan
192.0.2.5        0x1         0x2         02:00:00:00:00:55     *        wan
192.0.2.6        0x1         0x2         02:00:00:00:00:06     *        br-lan
192.0.2.6        0x1         0x2         02:00:00:00:00:06     *        wan
nonsense
192.0.2.7        0x1
";

    fn find(last: u8, device: Option<&str>) -> Option<String> {
        let address = IpAddr::from([192, 0, 2, last]);
        lookup(TABLE, address, device).map(|mac| mac.to_string())
    }

    #[test]
    fn finds_complete_entries() {
        assert_eq!(find(1, None).as_deref(), Some("02:00:00:00:00:01"));
        assert_eq!(
            find(1, Some("br-lan")).as_deref(),
            Some("02:00:00:00:00:01")
        );
        assert_eq!(find(1, Some("wan")), None);
        assert_eq!(find(2, None), None);
        assert_eq!(find(3, None), None);
        assert_eq!(find(4, None).as_deref(), Some("02:00:00:00:00:04"));
        assert_eq!(find(7, None), None);
        assert_eq!(find(8, None), None);
    }

    #[test]
    fn two_devices_with_one_address_are_nobody() {
        assert_eq!(find(5, None), None);
        assert_eq!(find(5, Some("wan")).as_deref(), Some("02:00:00:00:00:55"));
        assert_eq!(find(6, None).as_deref(), Some("02:00:00:00:00:06"));
    }
}
