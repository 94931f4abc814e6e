//! A backup put onto a router whose daemon does not run.
//!
//! What a backup holds may be old. So nothing of it counts by itself: its ecash
//! is checked with the mints at the next start of the daemon ([`Record::Checked`]),
//! what was still at work ends as ecash that is checked, and sessions come back
//! only if the owner says so, for they may have been used up since.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Backup, Saved, place};
use crate::config::schema::Metric;
use crate::files;
use crate::journal::Journal;
use crate::journal::disk::Directory;
use crate::ledger::record::{Intent, Purpose, Record};
use crate::ledger::session::Session;
use crate::ledger::{self, State};
use crate::paths::Paths;

/// What is to become of a ledger that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onto {
    /// It has to be empty.
    Empty,
    /// The backup's ecash is added to it.
    Merge,
    /// It is set aside.
    Replace,
}

/// How to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// What is to become of a ledger that is there.
    pub onto: Onto,
    /// Whether sessions come back.
    pub sessions: bool,
    /// Whether the key and the settings stay as they are.
    pub money_only: bool,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The ecash that is to be checked: mint, unit and amount.
    pub ecash: Vec<(String, String, u64)>,
    /// Sessions that are back, and those that are not.
    pub sessions: (usize, usize),
    /// Payments that were at work when the backup was made.
    pub pending: usize,
    /// Files that were written.
    pub files: Vec<PathBuf>,
    /// Files that were there and differ; each has a copy beside it now.
    pub kept: Vec<PathBuf>,
    /// Files that were there, differ, and stay.
    pub stay: Vec<PathBuf>,
    /// Where the journal is that was there.
    pub journal: Option<PathBuf>,
}

/// Puts a backup onto a router.
///
/// # Errors
/// `WouldBlock` while the daemon runs, `AlreadyExists` if there is a ledger that
/// nobody said what to do with, else what the system says. The ledger is the old
/// one or the new one then; of the files some may be new.
pub fn restore(paths: &Paths, backup: &Backup, how: How) -> io::Result<Done> {
    let money = paths.money();
    if how.dry_run && !money.is_dir() {
        return Ok(plan(&State::default(), backup, how).1);
    }
    let mut directory = Directory::open(&money)?;
    let (present, _) = ledger::read(&mut directory)?;
    if how.onto == Onto::Empty && !present.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is money, or somebody's session, on this router",
        ));
    }
    let (state, mut done) = plan(&present, backup, how);
    let leave = how.money_only || how.onto == Onto::Merge;
    for saved in &backup.files {
        put_file(paths, saved, leave, how.dry_run, &mut done)?;
    }
    if how.dry_run {
        return Ok(done);
    }
    if !present.is_empty() {
        done.journal = directory.set_aside()?;
    }
    let (mut journal, _) = Journal::open(directory)?;
    journal.replace(&ledger::lines(&state.records())?)?;
    Ok(done)
}

/// What the ledger will be.
fn plan(present: &State, backup: &Backup, how: How) -> (State, Done) {
    let mut state = match how.onto {
        // Of an empty one the receipts stay.
        Onto::Merge | Onto::Empty => present.clone(),
        Onto::Replace => State::default(),
    };
    let mut done = Done::default();
    let age = age(backup.made);
    for record in &backup.records {
        match record {
            Record::Proofs { mint, unit, proofs } | Record::Restored { mint, unit, proofs } => {
                state.apply(&Record::Restored {
                    mint: mint.clone(),
                    unit: unit.clone(),
                    proofs: proofs.clone(),
                });
            }
            Record::Sent(sent) => {
                // Ecash that is the wallet's here came back into it.
                let held = state.proofs(&(sent.mint.clone(), sent.unit.clone()));
                if !sent.proofs.iter().any(|proof| held.contains(proof)) {
                    state.apply(record);
                }
            }
            Record::Receipt(_) if how.sessions => state.apply(record),
            Record::Intent(intent) => {
                let is_known = state.receipt(intent.id).is_some()
                    || state.pending(intent.id).is_some()
                    || state.paid().any(|paid| paid.id == intent.id);
                if !is_known {
                    done.pending += 1;
                    take_over(&mut state, intent, how.sessions);
                }
            }
            Record::Session { mac, session } => {
                let left = Some(aged(session, age)).filter(|left| left.used < left.allotment);
                match left.filter(|_| how.sessions && state.session(*mac).is_none()) {
                    Some(session) => {
                        done.sessions.0 += 1;
                        state.apply(&Record::Session { mac: *mac, session });
                    }
                    None => done.sessions.1 += 1,
                }
            }
            // Payouts that were made, for the owner to look at.
            Record::Paid(_) => state.apply(record),
            // Who is owed what is decided anew, by what is found to be there. A
            // state is made of no others.
            _ => {}
        }
    }
    let before = |purse| present.unchecked().find(|(known, _)| *known == purse);
    let saved_now = state.unchecked().filter_map(|(purse, amount)| {
        let known = match how.onto {
            Onto::Merge => before(purse).map_or(0, |(_, amount)| amount),
            Onto::Empty | Onto::Replace => 0,
        };
        let (mint, unit) = purse;
        (amount > known).then(|| (mint.to_string(), unit.to_string(), amount - known))
    });
    done.ecash = saved_now.collect();
    (state, done)
}

/// A payment that was at work: it ends as ecash, which is checked. Whom it let
/// through then, nobody can tell.
fn take_over(state: &mut State, intent: &Intent, sessions: bool) {
    let mut intent = intent.clone();
    intent.restored = true;
    match intent.purpose {
        Purpose::Payment { .. } if !sessions => intent.purpose = Purpose::Receive,
        // The wallet's own ecash: it is here once more, or it was spent.
        _ if intent.purpose.is_own() => {
            let purse = (intent.mint.clone(), intent.unit.clone());
            let held = state.proofs(&purse);
            if intent.inputs.iter().any(|input| held.contains(input)) {
                return;
            }
        }
        _ => {}
    }
    state.apply(&Record::Intent(intent));
}

/// How old a backup is, in milliseconds; 0 if the clock is not set.
fn age(made: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    now.saturating_sub(made).saturating_mul(1_000)
}

/// A session as it would be if it had gone on since the backup was made.
fn aged(session: &Session, age: u64) -> Session {
    let mut session = session.clone();
    if session.metric == Metric::Milliseconds && session.running.is_some() {
        session.used = session.used.saturating_add(age).min(session.allotment);
    }
    // The gate knows nobody.
    session.running = None;
    session.counter = 0;
    session
}

fn put_file(
    paths: &Paths,
    saved: &Saved,
    leave: bool,
    dry_run: bool,
    done: &mut Done,
) -> io::Result<()> {
    let Some(path) = place(paths, &saved.name) else {
        return Ok(());
    };
    let present = match fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match present {
        Some(bytes) if bytes == saved.text.as_bytes() => return Ok(()),
        Some(_) if leave => {
            done.stay.push(path);
            return Ok(());
        }
        Some(bytes) => {
            let aside = aside(&path);
            if !dry_run {
                files::replace(&aside, &bytes, super::MODE)?;
            }
            done.kept.push(aside);
        }
        None => {}
    }
    if !dry_run {
        // The key is nobody else's, whatever it was.
        let mode = match saved.name.as_str() {
            "identities" => super::MODE,
            _ => saved.mode,
        };
        files::replace_own(&path, saved.text.as_bytes(), mode)?;
    }
    done.files.push(path);
    Ok(())
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".before-restore");
    path.with_file_name(name)
}
