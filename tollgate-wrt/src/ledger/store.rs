//! The state and its journal, kept in step: the journal first.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use log::warn;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard, oneshot};

use super::State;
use super::record::Record;
use crate::journal::disk::Disk;
use crate::journal::{self, Contents, Journal, When};

/// Above so many bytes the journal does not wait for a quiet moment to be
/// rewritten: what comes to nothing is written, too, and some routers have flash for
/// a few megabytes only.
const LARGE: u64 = 512 * 1024;

/// So much is to be written before it is tried again where that has failed.
const STEP: usize = 64 * 1024;

/// What was wrong with the journal when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Bytes at the end that were no whole record: a write that a crash cut off.
    pub torn: usize,
    /// Places where records are damaged or missing. A copy of the file is kept.
    pub places: usize,
}

/// The state, on the disk and in memory.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    /// Whoever has it may decide what is written next.
    turn: Arc<Turn<()>>,
    /// The way to the thread that writes. A disk can take its time; the thread
    /// is for the journal alone, so that nothing else makes a payment wait.
    jobs: Sender<Job>,
    /// How large the journal has to be before a rewriting that has failed is tried
    /// again, but for the quiet moments.
    given_up: AtomicUsize,
}

#[derive(Debug)]
struct Shared {
    /// Locked for as long as it takes to look.
    state: Mutex<State>,
    /// Whether the journal should be, and has to be, replaced.
    is_due: AtomicBool,
    is_blocked: AtomicBool,
    /// Bytes of the journal; 32-bit mips has no 64-bit atomics, and journals
    /// are not that large.
    size: AtomicUsize,
}

#[derive(Debug)]
struct Job {
    lines: Vec<String>,
    kind: Kind,
    done: oneshot::Sender<io::Result<()>>,
    /// Held until the work is done, even if nobody waits for it any more: what
    /// is decided next has to see it.
    _turn: OwnedMutexGuard<()>,
}

#[derive(Debug)]
enum Kind {
    Append(Vec<Record>, When),
    Replace,
}

impl Store {
    /// Reads the journal, and starts the thread that writes it.
    ///
    /// # Errors
    /// What the system says, or that a record is none that this version knows:
    /// to leave it out could be to lose money.
    pub fn open<D: Disk + Send + 'static>(disk: D) -> io::Result<(Self, Damage)> {
        let (mut journal, contents) = Journal::open(disk)?;
        let Contents { torn, damaged, .. } = contents;
        let state = add_up(&contents.records)?;
        if damaged > 0 {
            // Else the next start would find the same places, and keep another copy.
            journal.replace(&lines(&state.records())?)?;
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            is_due: AtomicBool::new(journal.is_due()),
            is_blocked: AtomicBool::new(false),
            size: AtomicUsize::new(size(&journal)),
        });
        let (jobs, todo) = channel();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("journal".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || work(journal, &theirs, &todo))?;
        let store = Self {
            shared,
            turn: Arc::default(),
            jobs,
            given_up: AtomicUsize::new(0),
        };
        let places = damaged;
        Ok((store, Damage { torn, places }))
    }

    /// The state as records, of one moment: everything that is written, with
    /// what was counted since.
    pub async fn snapshot(&self) -> Vec<Record> {
        let _turn = self.turn.lock().await;
        self.read(State::records)
    }

    /// Bytes of the journal on the disk.
    pub fn size(&self) -> u64 {
        self.shared.size.load(Ordering::Relaxed) as u64
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.state())
    }

    /// Changes what the journal need not know at once: counters.
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.shared.state())
    }

    /// Decides on records by the state as it is, writes them, and then changes
    /// the state. Nobody else changes what is decided by in between.
    ///
    /// # Errors
    /// What the system says; nothing has happened then.
    pub async fn commit<T>(
        &self,
        when: When,
        decide: impl FnOnce(&State) -> (Vec<Record>, T),
    ) -> io::Result<T> {
        if self.shared.is_blocked.load(Ordering::Relaxed) {
            self.rewrite().await?;
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let (records, value) = self.read(decide);
        if !records.is_empty() {
            let lines = lines(&records)?;
            self.run(turn, lines, Kind::Append(records, when)).await?;
            if self.size() > LARGE.max(self.given_up.load(Ordering::Relaxed) as u64) {
                self.tidy().await;
            }
        }
        Ok(value)
    }

    /// Rewrites the journal if that is worth it. Meant for quiet moments, while there
    /// is room.
    pub async fn tidy(&self) {
        if !self.shared.is_due.load(Ordering::Relaxed) {
            return;
        }
        let until = match self.rewrite().await {
            Ok(()) => 0,
            Err(error) => {
                warn!(error:%; "cannot rewrite the journal, it grows on");
                self.size() as usize + STEP
            }
        };
        self.given_up.store(until, Ordering::Relaxed);
    }

    async fn rewrite(&self) -> io::Result<()> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Somebody else may have done it meanwhile.
        if !self.shared.is_due.load(Ordering::Relaxed) {
            return Ok(());
        }
        let records = self.read(State::records);
        self.run(turn, lines(&records)?, Kind::Replace).await
    }

    async fn run(
        &self,
        turn: OwnedMutexGuard<()>,
        lines: Vec<String>,
        kind: Kind,
    ) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let job = Job {
            lines,
            kind,
            done,
            _turn: turn,
        };
        let gone = || io::Error::other("the journal's thread has ended");
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The state of a journal that nobody has open, which is left as it is. Without
/// a journal it is empty.
///
/// # Errors
/// As [`Store::open`].
pub fn read(disk: &mut impl Disk) -> io::Result<(State, Damage)> {
    let contents = match disk.read()? {
        Some(bytes) => journal::read(&bytes)?,
        None => Contents::default(),
    };
    let damage = Damage {
        torn: contents.torn,
        places: contents.damaged,
    };
    Ok((add_up(&contents.records)?, damage))
}

fn add_up(records: &[String]) -> io::Result<State> {
    let mut state = State::default();
    for (number, record) in records.iter().enumerate() {
        let record: Record = serde_json::from_str(record).map_err(|error| {
            let what = format!("record {number} is not known: {error}");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        state.apply(&record);
    }
    Ok(state)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size<D: Disk>(journal: &Journal<D>) -> usize {
    usize::try_from(journal.length()).unwrap_or(usize::MAX)
}

/// Writes until the store is dropped.
fn work<D: Disk>(mut journal: Journal<D>, shared: &Shared, todo: &Receiver<Job>) {
    while let Ok(job) = todo.recv() {
        let result = match &job.kind {
            Kind::Append(records, when) => journal.append(&job.lines, *when).map(|()| {
                let mut state = shared.state();
                records.iter().for_each(|record| state.apply(record));
            }),
            Kind::Replace => journal.replace(&job.lines),
        };
        shared.size.store(size(&journal), Ordering::Relaxed);
        shared.is_due.store(journal.is_due(), Ordering::Relaxed);
        shared
            .is_blocked
            .store(journal.is_blocked(), Ordering::Relaxed);
        // Whoever asked may be gone; what was asked for is done all the same.
        let _ = job.done.send(result);
    }
}

/// The records as they stand in a journal.
///
/// # Errors
/// None of them has anything that JSON cannot say.
pub fn lines(records: &[Record]) -> io::Result<Vec<String>> {
    let lines = records.iter().map(serde_json::to_string);
    Ok(lines.collect::<Result<_, _>>()?)
}
