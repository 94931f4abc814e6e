//! The files that the daemon shares with its system.

use std::path::{Path, PathBuf};

/// Every path of the system that the daemon reads or writes, below one root.
///
/// The root is `/` on a router. `--root DIR` moves all of them together, so
/// that a second daemon, or a look at another system's files, needs no chroot.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Paths below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The owner's settings: JSON, schema v0.0.8, shared with the other TollGate daemons.
    pub fn config(&self) -> PathBuf {
        self.below("etc/tollgate/config.json")
    }

    /// The router's key and the names that profit is shared with.
    pub fn identities(&self) -> PathBuf {
        self.below("etc/tollgate/identities.json")
    }

    /// The settings in OpenWrt's own format, which override [`Paths::config`].
    pub fn uci(&self) -> PathBuf {
        self.below("etc/config/tollgate")
    }

    /// The system's networks, in OpenWrt's own format.
    pub fn network(&self) -> PathBuf {
        self.below("etc/config/network")
    }

    /// The settings of firewall4, in OpenWrt's own format.
    pub fn firewall(&self) -> PathBuf {
        self.below("etc/config/firewall")
    }

    /// The leases that dnsmasq has given out.
    pub fn dhcp_leases(&self) -> PathBuf {
        self.below("tmp/dhcp.leases")
    }

    /// The kernel's IPv4 neighbour table as text.
    pub fn arp(&self) -> PathBuf {
        self.below("proc/net/arp")
    }

    /// The directory with the journal of payments, ecash and sessions.
    pub fn money(&self) -> PathBuf {
        self.below("etc/tollgate/money")
    }

    /// The socket that commands come to a running daemon by, or a link to it.
    pub fn control(&self) -> PathBuf {
        self.below("var/run/tollgate.sock")
    }

    /// A directory for that socket, where the daemon may make it without being
    /// root. The init script makes both, the directory and the link.
    pub fn control_directory(&self) -> PathBuf {
        self.below("var/run/tollgate")
    }

    /// The name that the kernel gave to this start of the system.
    pub fn boot_id(&self) -> PathBuf {
        self.below("proc/sys/kernel/random/boot_id")
    }

    /// How long ago that was.
    pub fn uptime(&self) -> PathBuf {
        self.below("proc/uptime")
    }

    /// The kernel's release.
    pub fn kernel_release(&self) -> PathBuf {
        self.below("proc/sys/kernel/osrelease")
    }

    /// What the gate of NoDogSplash and openNDS has counted, for the next start
    /// of the daemon; where nothing survives a start of the router.
    pub fn ndsctl_counters(&self) -> PathBuf {
        self.below("var/run/tollgate.ndsctl")
    }

    /// The IPv6 addresses of the router.
    pub fn ipv6_addresses(&self) -> PathBuf {
        self.below("proc/net/if_inet6")
    }

    /// Whether the router forwards IPv6.
    pub fn ipv6_forwarding(&self) -> PathBuf {
        self.below("proc/sys/net/ipv6/conf/all/forwarding")
    }

    /// The certificates of the authorities that the system trusts; OpenWrt's
    /// package ca-bundle has it.
    pub fn certificates(&self) -> PathBuf {
        self.below("etc/ssl/certs/ca-certificates.crt")
    }

    /// The portal's translations that the package brings.
    pub fn portal(&self) -> PathBuf {
        self.below("usr/share/tollgate-wrt/portal")
    }

    /// Those of the owner.
    pub fn own_portal(&self) -> PathBuf {
        self.below("etc/tollgate/portal")
    }

    /// The router's name.
    pub fn host_name(&self) -> PathBuf {
        self.below("proc/sys/kernel/hostname")
    }

    /// The socket of the system's log daemon.
    pub fn syslog(&self) -> PathBuf {
        self.below("dev/log")
    }

    fn below(&self, relative: &str) -> PathBuf {
        self.root.join(Path::new(relative))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_root() {
        assert_eq!(
            Paths::new("/").config(),
            Path::new("/etc/tollgate/config.json")
        );
        assert_eq!(
            Paths::new("/srv/x").dhcp_leases(),
            Path::new("/srv/x/tmp/dhcp.leases")
        );
    }
}
