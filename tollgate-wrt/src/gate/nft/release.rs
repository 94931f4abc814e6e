//! Whether this kernel has what the gate needs.

/// The first release with netlink's DESTROYSETELEM.
const NEEDED: (u32, u32) = (6, 3);

/// Why a kernel of this release (`6.6.73`) cannot have the gate, and the way
/// out. None for a release that cannot be read, too: the kernel says the rest.
pub fn unfit(release: &str) -> Option<String> {
    let release = release.trim();
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    let version = (number()?, number()?);
    (version < NEEDED).then(|| {
        format!(
            "the nftables gate needs Linux {}.{} or newer, and this is {release}: update to OpenWrt 24.10 or newer, or choose another gate (`option gate 'ndsctl'` or 'command') in /etc/config/tollgate",
            NEEDED.0, NEEDED.1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::unfit;

    #[test]
    fn old_kernels_are_told_from_new_ones() {
        for fit in [
            "6.3.0\n",
            "6.6.73",
            "6.12-rc1",
            "6.18.44-fc",
            "7.0",
            "",
            "x",
            "6",
        ] {
            assert_eq!(unfit(fit), None, "{fit}");
        }
        for old in ["5.15.150\n", "6.2.16", "4.14.0-x"] {
            let why = unfit(old).unwrap();
            assert!(why.contains(old.trim()) && why.contains("24.10"), "{why}");
        }
    }
}
