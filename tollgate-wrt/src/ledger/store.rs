//! The state and its journal, kept in step: the journal first.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use log::warn;
use tokio::sync::{Mutex as Turn, oneshot};

use super::State;
use super::record::Record;
use crate::journal::disk::Disk;
use crate::journal::{Contents, Journal, When};

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
    /// Locked for as long as it takes to look.
    state: Mutex<State>,
    /// Whoever has it may write.
    writer: Turn<Writer>,
}

/// The way to the thread that writes. A disk can take its time; the thread is
/// for the journal alone, so that nothing else makes a payment wait.
#[derive(Debug)]
struct Writer {
    jobs: Sender<Job>,
    is_due: bool,
    is_blocked: bool,
}

#[derive(Debug)]
struct Job {
    records: Vec<String>,
    kind: Kind,
    done: oneshot::Sender<Done>,
}

#[derive(Debug)]
enum Kind {
    Append(When),
    Replace,
}

#[derive(Debug)]
struct Done {
    result: io::Result<()>,
    is_due: bool,
    is_blocked: bool,
}

impl Store {
    /// Reads the journal, and starts the thread that writes it.
    ///
    /// # Errors
    /// What the system says, or that a record is none that this version knows:
    /// to leave it out could be to lose money.
    pub fn open<D: Disk + Send + 'static>(disk: D) -> io::Result<(Self, Damage)> {
        let (mut journal, contents) = Journal::open(disk)?;
        let Contents {
            records,
            torn,
            damaged,
        } = contents;
        let mut state = State::default();
        for (number, record) in records.iter().enumerate() {
            let record: Record = serde_json::from_str(record).map_err(|error| {
                let what = format!("record {number} is not known: {error}");
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?;
            state.apply(&record);
        }
        if damaged > 0 {
            // Else the next start would find the same places, and keep another copy.
            journal.replace(&lines(&state.records())?)?;
        }
        let (jobs, todo) = channel();
        thread::Builder::new()
            .name("journal".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || work(journal, &todo))?;
        let store = Self {
            state: Mutex::new(state),
            writer: Turn::new(Writer {
                jobs,
                is_due: false,
                is_blocked: false,
            }),
        };
        let places = damaged;
        Ok((store, Damage { torn, places }))
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what the journal need not know at once: counters.
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
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
        let mut writer = self.writer.lock().await;
        if writer.is_blocked {
            self.rewrite(&mut writer).await?;
        }
        let (records, value) = self.read(decide);
        if !records.is_empty() {
            writer.run(lines(&records)?, Kind::Append(when)).await?;
            self.update(|state| records.iter().for_each(|record| state.apply(record)));
        }
        Ok(value)
    }

    /// Rewrites the journal if that is worth it. Meant for quiet moments.
    pub async fn tidy(&self) {
        let mut writer = self.writer.lock().await;
        if !writer.is_due {
            return;
        }
        if let Err(error) = self.rewrite(&mut writer).await {
            warn!(error:%; "cannot rewrite the journal, it grows on");
        }
    }

    async fn rewrite(&self, writer: &mut Writer) -> io::Result<()> {
        let records = self.read(State::records);
        writer.run(lines(&records)?, Kind::Replace).await
    }
}

impl Writer {
    async fn run(&mut self, records: Vec<String>, kind: Kind) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let job = Job {
            records,
            kind,
            done,
        };
        let gone = || io::Error::other("the journal's thread has ended");
        self.jobs.send(job).map_err(|_| gone())?;
        let done = answer.await.map_err(|_| gone())?;
        self.is_due = done.is_due;
        self.is_blocked = done.is_blocked;
        done.result
    }
}

/// Writes until the store is dropped.
fn work<D: Disk>(mut journal: Journal<D>, todo: &Receiver<Job>) {
    while let Ok(job) = todo.recv() {
        let result = match job.kind {
            Kind::Append(when) => journal.append(&job.records, when),
            Kind::Replace => journal.replace(&job.records),
        };
        // Whoever asked may be gone; what was asked for is done all the same.
        let _ = job.done.send(Done {
            result,
            is_due: journal.is_due(),
            is_blocked: journal.is_blocked(),
        });
    }
}

fn lines(records: &[Record]) -> io::Result<Vec<String>> {
    let lines = records.iter().map(serde_json::to_string);
    Ok(lines.collect::<Result<_, _>>()?)
}
