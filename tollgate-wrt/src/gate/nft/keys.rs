//! What packets are compared with: customers' addresses as keys of nftables' maps.

use std::net::IpAddr;

use crate::net::Mac;

/// A map from addresses to the quotas that count their packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Map {
    /// From customers: MAC and IPv4 address.
    Up4,
    /// From customers: MAC and IPv6 address.
    Up6,
    /// To customers: IPv4 address.
    Down4,
    /// To customers: IPv6 address.
    Down6,
    /// Who the customers are: MAC.
    Macs,
}

impl Map {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Up4, Self::Up6, Self::Down4, Self::Down6, Self::Macs];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up4 => "up4",
            Self::Up6 => "up6",
            Self::Down4 => "down4",
            Self::Down6 => "down6",
            Self::Macs => "macs",
        }
    }

    /// What its keys are, in nft's words.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Up4 => "ether_addr . ipv4_addr",
            Self::Up6 => "ether_addr . ipv6_addr",
            Self::Down4 => "ipv4_addr",
            Self::Down6 => "ipv6_addr",
            Self::Macs => "ether_addr",
        }
    }
}

/// A key of one of the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Packets from this address, if they come from this device.
    Up(Mac, IpAddr),
    /// Packets to this address.
    Down(IpAddr),
    /// This device.
    Device(Mac),
}

impl Key {
    /// The two keys of an address.
    pub fn both(mac: Mac, address: IpAddr) -> [Self; 2] {
        [Self::Up(mac, address), Self::Down(address)]
    }

    /// The map that it belongs to.
    pub fn map(self) -> Map {
        match self {
            Self::Up(_, IpAddr::V4(_)) => Map::Up4,
            Self::Up(_, IpAddr::V6(_)) => Map::Up6,
            Self::Down(IpAddr::V4(_)) => Map::Down4,
            Self::Down(IpAddr::V6(_)) => Map::Down6,
            Self::Device(_) => Map::Macs,
        }
    }

    /// As the kernel has it: each part of several padded to a multiple of four
    /// bytes.
    pub fn bytes(self) -> Vec<u8> {
        let (mac, address) = match self {
            Self::Device(mac) => return mac.bytes().to_vec(),
            Self::Up(mac, address) => (Some(mac), address),
            Self::Down(address) => (None, address),
        };
        let mut bytes = Vec::new();
        if let Some(mac) = mac {
            bytes.extend(mac.bytes());
            bytes.extend([0; 2]);
        }
        match address {
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
        bytes
    }

    /// Reads what [`Key::bytes`] gives.
    pub fn parse(map: Map, bytes: &[u8]) -> Option<Self> {
        let v4 = |bytes: &[u8]| Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?));
        let v6 = |bytes: &[u8]| Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?));
        let mac = || Mac::new(bytes.get(..6)?.try_into().ok()?);
        Some(match map {
            Map::Up4 => Self::Up(mac()?, v4(bytes.get(8..)?)?),
            Map::Up6 => Self::Up(mac()?, v6(bytes.get(8..)?)?),
            Map::Down4 => Self::Down(v4(bytes)?),
            Map::Down6 => Self::Down(v6(bytes)?),
            Map::Macs => Self::Device(Mac::new(bytes.try_into().ok()?)?),
        })
    }
}

/// The name of a customer's quota: nft takes no colons in names.
pub fn object_name(mac: Mac) -> String {
    let digits: String = mac
        .bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("c{digits}")
}

/// Whose quota has this name.
pub fn parse_object_name(name: &str) -> Option<Mac> {
    let digits = name.strip_prefix('c')?;
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u64::from_str_radix(digits, 16).ok()?;
    let bytes: [u8; 6] = number.to_be_bytes()[2..].try_into().ok()?;
    Mac::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_kernel() {
        let mac: Mac = "02:00:5e:10:00:ff".parse().unwrap();
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        // What `nft --debug=netlink` shows of such an element.
        let expected = [2, 0, 0x5e, 0x10, 0, 0xff, 0, 0, 192, 0, 2, 1];
        assert_eq!(Key::Up(mac, v4).bytes(), expected);
        let keys = [v4, v6]
            .into_iter()
            .flat_map(|address| Key::both(mac, address));
        for key in keys.chain([Key::Device(mac)]) {
            assert_eq!(Key::parse(key.map(), &key.bytes()), Some(key));
            assert_eq!(Key::parse(key.map(), &key.bytes()[1..]), None);
        }
    }

    #[test]
    fn names_of_quotas() {
        let mac: Mac = "0a:00:5e:10:00:ff".parse().unwrap();
        assert_eq!(object_name(mac), "c0a005e1000ff");
        assert_eq!(parse_object_name("c0a005e1000ff"), Some(mac));
        for other in [
            "",
            "c",
            "c0a005e1000f",
            "c0a005e1000fff",
            "c+a005e1000ff",
            "c000000000000",
        ] {
            assert_eq!(parse_object_name(other), None, "{other}");
        }
    }
}
