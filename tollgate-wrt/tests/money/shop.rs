//! A router that sells for a mint's ecash, and its customers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;

use serde_json::Value;
use tollgate_wrt::journal::disk::Directory;
use tollgate_wrt::ledger;

use crate::common::{Daemon, PATIENCE, Response, Root, tags, verified_event};

/// One step, in milliseconds: an hour, so that nothing ends by itself.
pub const STEP: u64 = 3_600_000;

/// Keeps the gate's state in the files `open/MAC`, what is counted in `bytes`.
const GATE: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 1
echo "$*" >> log
[ -e broken ] && { echo "the gate is broken" >&2; exit 1; }
mkdir -p open
case $1 in
open) : > "open/$2" ;;
close) rm -f "open/$2" ;;
usage) cat bytes 2> /dev/null || : ;;
list) for mac in $(ls open); do echo "$mac $(cat bytes 2> /dev/null)"; done ;;
esac
"#;

/// The router's files.
pub struct Shop {
    pub root: Root,
}

/// What a customer was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub event: Value,
}

impl Answer {
    /// The session's total, in steps.
    pub fn steps(&self) -> u64 {
        assert_eq!(
            (self.status, &self.event["kind"]),
            (200, &1022.into()),
            "{self:?}"
        );
        let allotment: u64 = tags(&self.event, "allotment")[0][0].parse().unwrap();
        assert_eq!(allotment % STEP, 0);
        allotment / STEP
    }

    /// Status and code of a notice.
    pub fn code(&self) -> (u16, String) {
        assert_eq!(self.event["kind"], 21023, "{self:?}");
        (self.status, tags(&self.event, "code")[0][0].clone())
    }
}

impl Shop {
    /// A shop that takes a sat a step, of these mints.
    pub fn new(mints: &[&str]) -> Self {
        let mints: Vec<String> = mints
            .iter()
            .map(|url| format!(r#"{{"url":"{url}","price_per_step":1}}"#))
            .collect();
        Self::with(&format!(
            r#"{{"metric":"milliseconds","step_size":{STEP},"accepted_mints":[{}]}}"#,
            mints.join(",")
        ))
    }

    pub fn with(config: &str) -> Self {
        let root = Root::new();
        root.write("etc/tollgate/config.json", config);
        let gate = root.write_program("gate/gate", GATE);
        let gate = gate.display();
        root.write(
            "etc/config/tollgate",
            &format!(
                "config tollgate 'main'\n option gate 'command'\n option gate_command '{gate}'\n"
            ),
        );
        root.write("proc/sys/kernel/random/boot_id", "the first start");
        symlink("/proc/uptime", root.file("proc/uptime")).unwrap();
        let leases = (0..200).map(|n| format!("1 {} {} * *\n", mac(n).to_uppercase(), address(n)));
        root.write("tmp/dhcp.leases", &leases.collect::<String>());
        Self { root }
    }

    pub fn start(&self) -> Daemon {
        self.root.start()
    }

    /// Who is let through.
    pub fn open(&self) -> Vec<String> {
        let names = fs::read_dir(self.root.file("gate/open"))
            .into_iter()
            .flatten();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn break_gate(&self, is_broken: bool) {
        match is_broken {
            true => self.root.write("gate/broken", ""),
            false => fs::remove_file(self.root.file("gate/broken")).unwrap(),
        }
    }

    /// The journal of a daemon that has ended. It is read from a copy: who
    /// looks must not have the directory when the next daemon wants it, nor
    /// must programs that other tests start at that moment.
    pub fn books(&self) -> Books {
        let copy = tempfile::tempdir().unwrap();
        let journal = self.root.file("etc/tollgate/money/journal");
        match fs::copy(journal, copy.path().join("journal")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            copied => drop(copied.unwrap()),
        }
        let mut directory = Directory::open(copy.path()).unwrap();
        let (state, damage) = ledger::read(&mut directory).unwrap();
        assert_eq!(damage.places, 0, "the journal is damaged");
        Books {
            secrets: state
                .balances()
                .flat_map(|(purse, _)| state.proofs(purse))
                .map(|proof| (proof.secret.to_string(), u64::from(proof.amount)))
                .collect(),
            sessions: state
                .sessions()
                .map(|(mac, session)| (mac.to_string(), session.allotment / STEP))
                .collect(),
            keysets: state
                .balances()
                .flat_map(|(purse, _)| state.proofs(purse))
                .map(|proof| proof.keyset_id.to_string())
                .collect(),
            pending: state.all_pending().count(),
            paid: state
                .paid()
                .map(|paid| (paid.address.clone(), paid.amount, paid.fee))
                .collect(),
        }
    }
}

/// What the journal says.
#[derive(Debug)]
pub struct Books {
    /// The wallet's ecash: secrets and amounts.
    pub secrets: BTreeMap<String, u64>,
    /// Customers, and the steps that they bought.
    pub sessions: BTreeMap<String, u64>,
    /// The keysets of the wallet's ecash.
    pub keysets: BTreeSet<String>,
    /// Payments that are not done.
    pub pending: usize,
    /// Where payouts went, what arrived, and what they cost beside that.
    pub paid: Vec<(String, u64, u64)>,
}

impl Books {
    pub fn balance(&self) -> u64 {
        self.secrets.values().sum()
    }
}

pub fn mac(customer: usize) -> String {
    format!("02:00:00:00:{:02x}:{:02x}", customer / 256, customer % 256)
}

pub fn address(customer: usize) -> String {
    format!("198.51.100.{}", customer + 1)
}

/// Pays; an error is a connection that broke.
pub fn try_pay(daemon: &Daemon, customer: usize, body: &str) -> io::Result<Answer> {
    let response = post(daemon, customer, body.as_bytes(), "")?;
    Ok(Answer {
        status: response.status,
        event: verified_event(&response.body),
    })
}

pub fn pay(daemon: &Daemon, customer: usize, body: &str) -> Answer {
    try_pay(daemon, customer, body).unwrap()
}

/// `headers` are whole lines.
pub fn post(daemon: &Daemon, customer: usize, body: &[u8], headers: &str) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&daemon.address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Real-Ip: {}\r\n{headers}Content-Length: {length}\r\n\r\n",
        daemon.address,
        address(customer),
    )?;
    stream.write_all(body)?;
    Response::read(&mut stream, true)
}

pub fn usage(daemon: &Daemon, customer: usize) -> String {
    let header = format!("X-Real-Ip: {}\r\n", address(customer));
    daemon.get_with("/usage", &header).body
}

pub fn balance(daemon: &Daemon, customer: usize) -> Value {
    let header = format!("X-Real-Ip: {}\r\n", address(customer));
    serde_json::from_str(&daemon.get_with("/balance", &header).body).unwrap()
}
