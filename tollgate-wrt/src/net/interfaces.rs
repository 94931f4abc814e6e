//! Network interfaces by name.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// An interface as it was found. An interface that is removed and made again
/// has the same name and another index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The name, such as `br-lan`.
    pub name: String,
    /// The kernel's number for it.
    pub index: u32,
}

/// Asks the kernel for interfaces.
#[derive(Debug)]
pub struct Interfaces {
    /// Any socket: the question is an ioctl.
    socket: OwnedFd,
}

impl Interfaces {
    /// Opens what the questions need.
    ///
    /// # Errors
    /// What the system says.
    pub fn open() -> io::Result<Self> {
        let datagram = |family| socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        // A kernel may have been built without one of the families.
        let socket = datagram(AddressFamily::INET).or_else(|_| datagram(AddressFamily::INET6))?;
        Ok(Self { socket })
    }

    /// The interface that has the name now.
    ///
    /// # Errors
    /// What the system says, but for "no such interface", which is `None`.
    pub fn find(&self, name: &str) -> io::Result<Option<Interface>> {
        match name_to_index(&self.socket, name) {
            Ok(index) => Ok(Some(Interface {
                name: name.to_owned(),
                index,
            })),
            Err(Errno::NODEV | Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_loopback_and_nothing_else() {
        let interfaces = Interfaces::open().unwrap();
        assert_eq!(interfaces.find("lo").unwrap().unwrap().index, 1);
        assert_eq!(interfaces.find("no-such-if").unwrap(), None);
    }
}
