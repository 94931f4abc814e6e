//! A machine of its own in the network: a namespace, made with iproute2.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::groups;

/// A namespace with a loopback; gone with the test.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    /// `None`, after having said so, where namespaces cannot be made. What runs
    /// in it finds these `hosts`, and no others.
    pub fn new(hosts: &str) -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tgpay{}-{count}", std::process::id());
        if let Err(why) = ip(&["netns", "add", &name]) {
            groups::group("namespaces", Some(why.trim()));
            return None;
        }
        groups::group("namespaces", None);
        let namespace = Self { name };
        // `ip netns exec` shows these files in place of those in /etc.
        let etc = namespace.etc();
        fs::create_dir_all(&etc).unwrap();
        fs::write(format!("{etc}/hosts"), hosts).unwrap();
        fs::write(format!("{etc}/resolv.conf"), "").unwrap();
        namespace.ip("link set lo up");
        Some(namespace)
    }

    fn etc(&self) -> String {
        format!("/etc/netns/{}", self.name)
    }

    pub fn ip(&self, command: &str) {
        let mut arguments = vec!["-netns", &self.name];
        arguments.extend(command.split(' '));
        ip(&arguments).unwrap();
    }

    /// A command that runs in it.
    pub fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name]);
        inside.arg(command.get_program()).args(command.get_args());
        inside
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.name]);
        let _ = fs::remove_dir_all(self.etc());
    }
}

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

/// Runs `ip`.
///
/// # Errors
/// What it complains of.
pub fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("ip cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "ip {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
