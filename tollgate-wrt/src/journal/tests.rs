use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::disk::Directory;
use super::*;

/// A disk in memory that can fail, and of which power cuts can be played.
#[derive(Debug, Default)]
struct Memory {
    file: Option<Vec<u8>>,
    staged: Vec<u8>,
    /// What is surely there after a power cut.
    synced: Option<Vec<u8>>,
    copies: usize,
    /// How many bytes can still be written.
    room: Option<usize>,
    sync_fails: bool,
    truncate_fails: bool,
    replace_fails: bool,
}

#[derive(Debug, Clone, Default)]
struct Shared(Rc<RefCell<Memory>>);

impl Disk for Shared {
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().file.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut memory = self.0.borrow_mut();
        let fits = memory.room.unwrap_or(usize::MAX).min(bytes.len());
        memory.room = memory.room.map(|room| room - fits);
        memory.file.as_mut().unwrap().extend(&bytes[..fits]);
        match fits == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut memory = self.0.borrow_mut();
        if memory.sync_fails {
            return Err(io::Error::other("I/O error"));
        }
        memory.synced = memory.file.clone();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut memory = self.0.borrow_mut();
        if memory.truncate_fails {
            return Err(io::Error::other("I/O error"));
        }
        memory.file.as_mut().unwrap().truncate(length as usize);
        memory.synced = memory.file.clone();
        Ok(())
    }

    fn stage(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut memory = self.0.borrow_mut();
        if memory.room.is_some_and(|room| room < bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        memory.staged = bytes.to_vec();
        Ok(())
    }

    fn replace(&mut self) -> io::Result<()> {
        let mut memory = self.0.borrow_mut();
        if memory.replace_fails {
            return Err(io::Error::other("I/O error"));
        }
        memory.file = Some(std::mem::take(&mut memory.staged));
        memory.synced = memory.file.clone();
        Ok(())
    }

    fn keep_copy(&mut self, _: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().copies += 1;
        Ok(())
    }
}

impl Shared {
    fn of(bytes: &[u8]) -> Self {
        let disk = Self::default();
        disk.0.borrow_mut().file = Some(bytes.to_vec());
        disk
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.borrow().file.clone().unwrap()
    }

    fn set(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.0.borrow_mut());
    }
}

fn open(disk: &Shared) -> (Journal<Shared>, Contents) {
    Journal::open(disk.clone()).unwrap()
}

fn records(disk: &Shared) -> Vec<String> {
    open(disk).1.records
}

#[test]
fn what_was_appended_is_read_again() {
    let disk = Shared::default();
    let (mut journal, contents) = open(&disk);
    assert_eq!(contents, Contents::default());
    journal.append(&["one", "zwei é"], When::Now).unwrap();
    journal.append(&[""], When::Now).unwrap();
    let (mut journal, contents) = open(&disk);
    assert_eq!(contents.records, ["one", "zwei é", ""]);
    assert_eq!((contents.torn, contents.damaged), (0, 0));
    journal.append(&["four"], When::Now).unwrap();
    assert_eq!(records(&disk).len(), 4);
    journal.replace(&["all"]).unwrap();
    journal.append(&["more"], When::Now).unwrap();
    assert_eq!(records(&disk), ["all", "more"]);
}

#[test]
fn of_every_cut_the_whole_records_are_left() {
    let disk = Shared::default();
    let (mut journal, _) = open(&disk);
    let mut ends = vec![disk.bytes().len()];
    for record in ["one", "two", "three"] {
        journal.append(&[record], When::Now).unwrap();
        ends.push(disk.bytes().len());
    }
    let whole = disk.bytes();
    for cut in ends[0]..=whole.len() {
        let torn = Shared::of(&whole[..cut]);
        let (mut journal, contents) = open(&torn);
        let expected = ends.iter().filter(|&&end| end <= cut).count() - 1;
        assert_eq!(contents.records.len(), expected, "cut at {cut}");
        assert_eq!(contents.damaged, 0);
        assert_eq!(contents.torn, cut - ends[expected]);
        // And it goes on from there.
        journal.append(&["next"], When::Now).unwrap();
        assert_eq!(records(&torn).last().unwrap(), "next");
        assert_eq!(torn.0.borrow().copies, 0);
    }
}

#[test]
fn a_full_disk_costs_only_the_record_at_hand() {
    for room in 0..40 {
        let disk = Shared::default();
        let (mut journal, _) = open(&disk);
        journal.append(&["one"], When::Now).unwrap();
        disk.set(|memory| memory.room = Some(room));
        let result = journal.append(&["two, which does not fit"], When::Now);
        assert!(result.is_err());
        disk.set(|memory| memory.room = None);
        journal.append(&["three"], When::Now).unwrap();
        assert_eq!(records(&disk), ["one", "three"]);
    }
}

#[test]
fn what_cannot_be_mended_is_not_built_upon() {
    let disk = Shared::default();
    let (mut journal, _) = open(&disk);
    journal.append(&["one"], When::Now).unwrap();
    disk.set(|memory| (memory.sync_fails, memory.truncate_fails) = (true, true));
    assert!(journal.append(&["two"], When::Now).is_err());
    disk.set(|memory| memory.sync_fails = false);
    assert!(journal.append(&["three"], When::Now).is_err());
    disk.set(|memory| memory.truncate_fails = false);
    journal.append(&["four"], When::Now).unwrap();
    assert_eq!(records(&disk), ["one", "four"]);

    disk.set(|memory| memory.replace_fails = true);
    assert!(journal.replace(&["all"]).is_err());
    assert!(journal.is_due());
    assert!(journal.append(&["five"], When::Now).is_err());
    disk.set(|memory| memory.replace_fails = false);
    journal.replace(&["all"]).unwrap();
    journal.append(&["six"], When::Now).unwrap();
    assert_eq!(records(&disk), ["all", "six"]);
}

#[test]
fn a_disk_too_full_to_rewrite_it_on_is_still_appended_to() {
    let disk = Shared::default();
    let (mut journal, _) = open(&disk);
    let record = "x".repeat(1_000);
    while !journal.is_due() {
        journal.append(&[&record], When::Now).unwrap();
    }
    let mut all = records(&disk);
    disk.set(|memory| memory.room = Some(2_000));
    assert!(journal.replace(&all).is_err());
    assert!(journal.is_due() && !journal.is_blocked());
    journal.append(&["one more"], When::Now).unwrap();
    all.push("one more".to_owned());
    assert_eq!(records(&disk), all);
    // Once there is room again.
    disk.set(|memory| memory.room = None);
    journal.replace(&["all"]).unwrap();
    assert_eq!(records(&disk), ["all"]);
}

#[test]
fn it_is_rewritten_only_once_it_has_grown() {
    let disk = Shared::default();
    let (mut journal, _) = open(&disk);
    let record = "x".repeat(1_000);
    while !journal.is_due() {
        journal.append(&[&record], When::Now).unwrap();
    }
    assert!(disk.bytes().len() as u64 > SMALL);
    // What has to stay is as much: the next time is three times as far.
    let all = records(&disk);
    let before = disk.bytes().len();
    journal.replace(&all).unwrap();
    while !journal.is_due() {
        journal.append(&[&record], When::Now).unwrap();
    }
    assert!(disk.bytes().len() > 3 * before);
    // After a start, once.
    let (mut journal, contents) = open(&disk);
    assert!(journal.is_due());
    journal.replace(&contents.records).unwrap();
    assert!(!journal.is_due());
}

#[test]
fn foreign_files_are_not_touched() {
    for text in ["tollgate-wrt journal 2\nx\n", "{}", "x\ny\n", ""] {
        let disk = Shared::of(text.as_bytes());
        assert!(Journal::open(disk.clone()).is_err(), "{text}");
        assert_eq!(disk.bytes(), text.as_bytes());
    }
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/money");
    let (mut journal, _) = Journal::open(Directory::open(&path).unwrap()).unwrap();
    journal.append(&["one"], When::Now).unwrap();
    let error = Directory::open(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    drop(journal);
    let (mut journal, contents) = Journal::open(Directory::open(&path).unwrap()).unwrap();
    assert_eq!(contents.records, ["one"]);
    journal.replace(&["all"]).unwrap();
    journal.append(&["more"], When::Now).unwrap();
    drop(journal);
    // A torn end and a damaged middle, in a real file.
    let file = path.join("journal");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[line::HEAD.len() + 3] ^= 1;
    bytes.extend(b"torn");
    std::fs::write(&file, &bytes).unwrap();
    let (_, contents) = Journal::open(Directory::open(&path).unwrap()).unwrap();
    assert_eq!(contents.records, ["more"]);
    assert_eq!((contents.torn, contents.damaged), (4, 1));
    assert_eq!(std::fs::read(path.join("journal.damaged")).unwrap(), bytes);
}

proptest! {
    /// A disk that changes bits, or loses or repeats a part, invents no record.
    #[test]
    fn damage_is_noticed(
        texts in prop::collection::vec("[a-z]{0,20}", 1..8),
        at: prop::sample::Index,
        length in 0usize..60,
        kind in 0..3,
    ) {
        let disk = Shared::default();
        let (mut journal, _) = open(&disk);
        journal.append(&texts, When::Now).unwrap();
        let whole = disk.bytes();
        let mut bytes = whole.clone();
        let start = at.index(bytes.len());
        let end = (start + length).min(bytes.len());
        match kind {
            0 => bytes[start] ^= 0x10,
            1 => drop(bytes.drain(start..end)),
            _ => {
                let part = bytes[start..end].to_vec();
                bytes.splice(end..end, part);
            }
        }
        let damaged = Shared::of(&bytes);
        if let Ok((_, contents)) = Journal::open(damaged.clone()) {
            for record in &contents.records {
                prop_assert!(texts.contains(record));
            }
            let is_same = contents.records == texts;
            prop_assert!(is_same || contents.damaged > 0 || contents.records.len() < texts.len());
            prop_assert_eq!(damaged.0.borrow().copies, usize::from(contents.damaged > 0));
        }
    }
}

/// Where the directory is the daemon's user's, who has taken that over could put
/// there what makes root wait for ever: at the router's start, before its network.
#[test]
fn nobody_waits_at_a_named_pipe() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let (done, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        let mut disk = Directory::open(dir.path()).unwrap();
        let kinds = [
            disk.read().unwrap_err(),
            disk.append(b"1").unwrap_err(),
            disk::beginning(dir.path(), 64).unwrap_err(),
        ];
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(disk::beginning(dir.path(), 64).is_err());
        done.send(kinds.map(|error| error.to_string())).unwrap();
    });
    let said = result.recv_timeout(std::time::Duration::from_secs(30));
    let [read, append, beginning] = said.expect("waits, or has failed");
    assert_eq!(read, "a named pipe, not a regular file");
    assert_eq!(beginning, read);
    assert!(append.contains("No such device"), "{append}");
}
