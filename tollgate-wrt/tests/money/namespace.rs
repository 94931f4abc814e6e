//! A machine of its own in the network: a namespace, made with iproute2.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Does something in a namespace.
pub fn within<T: Send>(namespace: &str, action: impl FnOnce() -> T + Send) -> T {
    let file = File::open(format!("/var/run/netns/{namespace}")).unwrap();
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            action()
        });
        inside.join().unwrap()
    })
}
