//! The table's rules, and the program that loads them.
//!
//! Rules are loaded by `nft` at the start and when somebody has changed them;
//! what changes while customers come and go does not need it. All of its input
//! takes effect together or not at all.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use super::kernel::{FRESH, TABLE};
use super::keys::Map;
use crate::gate::Error;

/// How long `nft` may take: a router has little to compute with.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest complaint that is quoted.
const MAX_COMPLAINT: usize = 300;

/// What the rules depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The devices that customers are on.
    pub interfaces: Vec<String>,
    /// The daemon's own port.
    pub port: u16,
    /// Further TCP ports of the router for those who have not paid.
    pub open_ports: Vec<u16>,
}

/// Table and maps. That they are there already is no failure, and what stands
/// in them stays.
pub fn maps() -> String {
    let mut text = format!("add table inet {TABLE}\n");
    for map in Map::ALL {
        let (name, kind) = (map.name(), map.kind());
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "add map inet {TABLE} {name} {{ type {kind} : quota; flags timeout; }}"
        );
    }
    for (name, map) in FRESH {
        let kind = map.kind();
        let _ = writeln!(
            text,
            "add set inet {TABLE} {name} {{ type {kind}; size 256; flags dynamic,timeout; timeout 5s; }}"
        );
    }
    // Who has not asked for ten seconds is as good as new.
    let _ = writeln!(
        text,
        "add set inet {TABLE} dns {{ type ether_addr; size 4096; flags dynamic,timeout; timeout 15s; }}"
    );
    text
}

/// All chains with their rules, in place of those that are there.
///
/// Each base chain comes before those of firewall4, and only refuses: what it
/// lets pass is firewall4's to judge. `return` from a base chain is `accept`,
/// which ends this table's part alone.
///
/// Connections that are open when the allotment ends are not reset: they go on
/// after a top-up, if that comes before their own patience ends. New ones are
/// refused with an answer. Those of a customer from an address that is not known
/// yet are not: they are noted, for the daemon to look who has the address, and
/// get through when the device tries again.
///
/// Of DNS the number of packets is limited, which over TCP would say nothing of
/// their size. If there are more devices than the set holds, those that are not
/// in it share what some have.
pub fn chains(place: &Place) -> String {
    let quoted: Vec<String> = place
        .interfaces
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    // To compare costs each packet less than to look something up.
    let lan = match quoted.as_slice() {
        [name] => name.clone(),
        _ => format!("{{ {} }}", quoted.join(", ")),
    };
    let mut ports = vec![place.port];
    ports.extend(&place.open_ports);
    ports.sort_unstable();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let (ports, port) = (ports.join(", "), place.port);
    let text = format!(
        "\
add chain inet T forward {{ type filter hook forward priority filter - 5; policy accept; }}
add chain inet T input {{ type filter hook input priority filter - 5; policy accept; }}
add chain inet T prerouting {{ type nat hook prerouting priority dstnat - 5; policy accept; }}
add chain inet T up
add chain inet T down
add chain inet T router
add chain inet T portal
add chain inet T fresh
add chain inet T refuse
flush table inet T
add rule inet T forward iifname {lan} jump up
add rule inet T forward oifname {lan} jump down
add rule inet T up quota name ether saddr . ip saddr map @up4 return
add rule inet T up quota name ether saddr . ip6 saddr map @up6 return
add rule inet T up ct state != new drop
add rule inet T up ether saddr @macs goto fresh
add rule inet T up goto refuse
add rule inet T fresh ether saddr . ip saddr @up4 goto refuse
add rule inet T fresh ether saddr . ip6 saddr @up6 goto refuse
add rule inet T fresh add @fresh4 {{ ether saddr . ip saddr }} drop
add rule inet T fresh add @fresh6 {{ ether saddr . ip6 saddr }} drop
add rule inet T fresh drop
add rule inet T down quota name ip daddr map @down4 return
add rule inet T down quota name ip6 daddr map @down6 return
add rule inet T down drop
add rule inet T input iifname {lan} jump router
add rule inet T router ether saddr . ip saddr @up4 return
add rule inet T router ether saddr . ip6 saddr @up6 return
add rule inet T router ip6 saddr fe80::/10 ether saddr @macs return
add rule inet T router ct direction reply return
add rule inet T router meta l4proto {{ 1, 2, 58 }} return
add rule inet T router udp dport {{ 67, 547 }} return
add rule inet T router udp dport 53 update @dns {{ ether saddr limit rate over 20/second burst 200 packets }} drop
add rule inet T router udp dport 53 ether saddr != @dns limit rate over 100/second burst 500 packets drop
add rule inet T router udp dport 53 return
add rule inet T router tcp dport {{ {ports} }} return
add rule inet T router fib daddr type != local drop
add rule inet T router goto refuse
add rule inet T prerouting iifname {lan} fib daddr type != local jump portal
add rule inet T portal ether saddr . ip saddr @up4 return
add rule inet T portal ether saddr . ip6 saddr @up6 return
add rule inet T portal tcp dport 80 redirect to :{port}
add rule inet T refuse meta l4proto tcp reject with tcp reset
add rule inet T refuse reject with icmpx type admin-prohibited
"
    );
    text.replace(" T ", &format!(" {TABLE} "))
        .replace(" T\n", &format!(" {TABLE}\n"))
}

/// Has `nft` load rules.
///
/// # Errors
/// What it says.
pub async fn load(text: &str) -> Result<(), Error> {
    let failed = |why: String| Error(format!("nft: {why}"));
    // procd's jail sets no PATH.
    let program = match std::env::var_os("PATH") {
        Some(_) => "nft",
        None => "/usr/sbin/nft",
    };
    let mut child = Command::new(program)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("{error}; is the package nftables installed?")))?;
    let stdin = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            // One that ends early says why, below.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = match timeout(TIMEOUT, work).await {
        Ok(output) => output.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("not done in {} seconds", TIMEOUT.as_secs()))),
    };
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint: String = complaint.trim().chars().take(MAX_COMPLAINT).collect();
    Err(failed(complaint.replace('\n', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_interfaces_and_ports() {
        let place = Place {
            interfaces: vec!["br-lan".into(), "br-guest".into()],
            port: 2121,
            open_ports: vec![443, 22, 2121],
        };
        let text = chains(&place);
        assert!(text.contains(
            "add rule inet tollgate forward iifname { \"br-lan\", \"br-guest\" } jump up\n"
        ));
        assert!(text.contains("tcp dport { 22, 443, 2121 } return\n"));
        assert!(text.contains("tcp dport 80 redirect to :2121\n"));
        assert!(text.contains("add chain inet tollgate up\n"));
        assert!(!text.contains(" T "), "{text}");
    }
}
