use proptest::prelude::*;

use super::*;
use crate::clock::Moment;
use crate::ledger::record::{Purpose, Receipt, Sent, TokenId};

const MINT: &str = "https://mint.example";
const MAC: &str = "02:00:00:00:00:01";

/// Ecash with secrets of its own.
fn proofs(name: &str, amounts: &[u64]) -> Vec<cashu::Proof> {
    let c = cashu::SecretKey::from_slice(&[1; 32]).unwrap().public_key();
    let id = "009a1f293253e41e".parse().unwrap();
    let proof = |(number, &amount): (usize, &u64)| {
        let secret = cashu::secret::Secret::new(format!("{name} {number}"));
        cashu::Proof::new(cashu::Amount::from(amount), id, secret, c)
    };
    amounts.iter().enumerate().map(proof).collect()
}

fn held(name: &str, amounts: &[u64]) -> Record {
    Record::Proofs {
        mint: MINT.parse().unwrap(),
        unit: cashu::CurrencyUnit::Sat,
        proofs: proofs(name, amounts),
    }
}

fn session(used: u64, running: bool) -> Record {
    let mut session = crate::ledger::session::Session::new(
        &crate::ledger::session::Purchase {
            metric: crate::config::schema::Metric::Milliseconds,
            step: 60_000,
            steps: 60,
        },
        7,
    );
    session.used = used;
    session.running = running.then_some(Moment {
        boot: 1,
        millis: 10,
    });
    Record::Session {
        mac: MAC.parse().unwrap(),
        session,
    }
}

fn backup_of(records: Vec<Record>) -> Backup {
    let mut state = State::default();
    records.iter().for_each(|record| state.apply(record));
    Backup {
        made: wall(),
        version: "0".to_owned(),
        files: Vec::new(),
        records: state.records(),
    }
}

fn wall() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

const EMPTY: How = How {
    onto: Onto::Empty,
    sessions: false,
    money_only: false,
    dry_run: false,
};

fn state(paths: &Paths) -> State {
    ledger::read(&mut Directory::open(&paths.money()).unwrap())
        .unwrap()
        .0
}

fn amounts(state: &State) -> (u64, u64) {
    let sum = |amounts: Vec<u64>| amounts.into_iter().sum();
    (
        sum(state.balances().map(|(_, amount)| amount).collect()),
        sum(state.unchecked().map(|(_, amount)| amount).collect()),
    )
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path());
    files::replace(&paths.config(), b"{\"a\": \"\\u00e9\"}\n", 0o600).unwrap();
    let backup = Backup::new(
        &paths,
        backup_of(vec![held("a", &[1, 2]), session(5, true)]).records,
    )
    .unwrap();
    let text = backup.to_text().unwrap();
    assert!(text.starts_with("tollgate-wrt backup 1\n{\"made\":"));
    assert_eq!(Backup::parse(&text), Ok(backup.clone()));
    assert_eq!(backup.files.len(), 1);
    assert_eq!(backup.files[0].mode, 0o600);

    let error = |text: &str| Backup::parse(text).unwrap_err().0;
    assert!(error("").contains("no backup"));
    assert!(error("tollgate-wrt backup 2\n").contains("another version"));
    let end = text.rfind("sha256").unwrap();
    assert!(error(&text[..end]).contains("cut off"));
    assert!(error(&text[..end - 10]).contains("cut off"));
    assert!(error(&text.replace("\"amount\":2", "\"amount\":4")).contains("checksum"));
}

proptest! {
    /// A backup that was changed or cut anywhere is no backup.
    #[test]
    fn no_damage_passes(at in 0usize..1_000, with in any::<char>(), cut in any::<bool>()) {
        let text = backup_of(vec![held("a", &[1, 2, 4])]).to_text().unwrap();
        let at = (0..=at % text.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let damaged = match cut {
            true => text[..at].to_owned(),
            false => {
                let rest: String = text[at..].chars().skip(1).collect();
                format!("{}{with}{rest}", &text[..at])
            }
        };
        prop_assume!(damaged != text);
        prop_assert!(Backup::parse(&damaged).is_err());
    }
}

#[test]
fn ecash_counts_only_when_the_mint_has_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path());
    let backup = backup_of(vec![held("a", &[1, 2, 4]), session(0, false)]);
    let done = restore(&paths, &backup, EMPTY).unwrap();
    assert_eq!(done.ecash, [(MINT.to_owned(), "sat".to_owned(), 7)]);
    assert_eq!(done.sessions, (0, 1));
    let mut after = state(&paths);
    assert_eq!(amounts(&after), (0, 7));
    assert_eq!(after.sessions().count(), 0);
    assert!(!after.is_empty());
    // It survives another backup.
    assert_eq!(backup_of(after.records()).state(), after);

    let secret = |number: usize| cashu::secret::Secret::new(format!("a {number}"));
    let checked = Record::Checked {
        mint: MINT.parse().unwrap(),
        unit: cashu::CurrencyUnit::Sat,
        unspent: vec![secret(0), secret(2)],
        spent: vec![secret(1)],
    };
    after.apply(&checked);
    assert_eq!(amounts(&after), (5, 0));
    // Told twice, counted once.
    after.apply(&checked);
    assert_eq!(amounts(&after), (5, 0));
}

#[test]
fn a_wallet_that_is_there_is_never_lost() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path());
    let old = backup_of(vec![held("old", &[8])]);
    restore(&paths, &old, EMPTY).unwrap();
    let new = backup_of(vec![held("old", &[8]), held("new", &[1])]);
    let error = restore(&paths, &new, EMPTY).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);

    let how = |onto| How { onto, ..EMPTY };
    // What both have counts once, however often it is merged.
    for expected in [1, 0] {
        let done = restore(&paths, &new, how(Onto::Merge)).unwrap();
        let ecash: u64 = done.ecash.iter().map(|(_, _, amount)| amount).sum();
        // The purse grew from 8 to 9.
        assert_eq!(ecash, expected);
        assert_eq!(amounts(&state(&paths)), (0, 9));
    }
    let done = restore(&paths, &old, how(Onto::Replace)).unwrap();
    assert_eq!(amounts(&state(&paths)), (0, 8));
    let kept = done.journal.unwrap();
    assert!(std::fs::read_to_string(kept).unwrap().contains("new 0"));

    // While the daemon has it, nobody restores.
    let _lock = Directory::open(&paths.money()).unwrap();
    let error = restore(&paths, &old, how(Onto::Merge)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn sessions_come_back_only_if_told_and_never_longer() {
    let mut backup = backup_of(vec![session(1_000, true)]);
    backup.made -= 600;
    let how = How {
        sessions: true,
        ..EMPTY
    };
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path());
    assert_eq!(restore(&paths, &backup, how).unwrap().sessions, (1, 0));
    let after = state(&paths);
    let session = after.session(MAC.parse().unwrap()).unwrap();
    assert!((601_000..700_000).contains(&session.used), "{session:?}");
    assert_eq!(session.running, None);
    // One that is here is not granted again, and one that is over never.
    let merge = How {
        onto: Onto::Merge,
        ..how
    };
    assert_eq!(restore(&paths, &backup, merge).unwrap().sessions, (0, 1));
    backup.made -= 86_400;
    let replace = How {
        onto: Onto::Replace,
        ..how
    };
    assert_eq!(restore(&paths, &backup, replace).unwrap().sessions, (0, 1));
}

#[test]
fn payments_at_work_end_as_ecash() {
    let inputs = proofs("paid", &[4]);
    let id = TokenId::of(inputs.iter().map(|proof| &proof.secret));
    let mac = MAC.parse().unwrap();
    let purchase = crate::ledger::session::Purchase {
        metric: crate::config::schema::Metric::Milliseconds,
        step: 60_000,
        steps: 4,
    };
    let intent = crate::ledger::record::Intent {
        id,
        purpose: Purpose::Payment { mac, purchase },
        mint: MINT.parse().unwrap(),
        unit: cashu::CurrencyUnit::Sat,
        inputs,
        invoice: None,
        outputs: Vec::new(),
        time: 0,
        restored: false,
    };
    let sent = Sent {
        id: TokenId::of([&cashu::secret::Secret::new("sent 0")]),
        mint: MINT.parse().unwrap(),
        unit: cashu::CurrencyUnit::Sat,
        proofs: proofs("sent", &[16]),
        time: 0,
    };
    let backup = backup_of(vec![
        Record::Intent(intent),
        held("sent", &[16]),
        Record::Sent(sent),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path());
    assert_eq!(restore(&paths, &backup, EMPTY).unwrap().pending, 1);
    let mut after = state(&paths);
    assert_eq!((amounts(&after), after.sent().count()), ((0, 0), 1));
    let found = after.pending(id).unwrap();
    assert_eq!((found.restored, &found.purpose), (true, &Purpose::Receive));
    after.apply(&Record::Settled {
        id,
        proofs: proofs("fresh", &[4]),
        time: 0,
        now: Moment { boot: 1, millis: 1 },
    });
    assert_eq!((amounts(&after), after.sessions().count()), ((0, 4), 0));

    // Here it was settled long ago: it is not done again.
    let receipt = Receipt {
        id,
        mac,
        allotment: 1,
        purchase,
        started: 0,
    };
    let other = tempfile::tempdir().unwrap();
    let paths = Paths::new(other.path());
    let how = |onto| How {
        onto,
        sessions: true,
        ..EMPTY
    };
    let known = backup_of(vec![Record::Receipt(receipt)]);
    restore(&paths, &known, how(Onto::Empty)).unwrap();
    let done = restore(&paths, &backup, how(Onto::Merge)).unwrap();
    assert_eq!((done.pending, state(&paths).all_pending().count()), (0, 0));
}

#[test]
fn a_payout_at_work_gives_its_change_or_all_back_to_be_checked() {
    let payout = crate::ledger::record::Payout {
        share: None,
        address: "somebody@example.org".to_owned(),
        request: "lnbc1".to_owned(),
        quote: "q".to_owned(),
        amount: 5,
        fee_reserve: 1,
        expiry: 0,
    };
    let inputs = proofs("own", &[8]);
    let id = TokenId::of(inputs.iter().map(|proof| &proof.secret));
    let intent = crate::ledger::record::Intent {
        id,
        purpose: Purpose::Payout(payout),
        mint: MINT.parse().unwrap(),
        unit: cashu::CurrencyUnit::Sat,
        inputs,
        invoice: None,
        outputs: Vec::new(),
        time: 0,
        restored: false,
    };
    let backup = backup_of(vec![held("own", &[8]), Record::Intent(intent)]);
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path());
    assert_eq!(restore(&paths, &backup, EMPTY).unwrap().pending, 1);
    let restored = state(&paths);
    assert_eq!(amounts(&restored), (0, 0));
    let after = |record: Record| {
        let mut state = restored.clone();
        state.apply(&record);
        (amounts(&state), state.paid().count())
    };
    assert_eq!(after(Record::Refused { id }), ((0, 8), 0));
    let settled = Record::Settled {
        id,
        proofs: proofs("change", &[2]),
        time: 0,
        now: Moment { boot: 1, millis: 1 },
    };
    assert_eq!(after(settled), ((0, 2), 1));
}

#[test]
fn key_and_settings_come_back_and_copies_are_kept() {
    let from = tempfile::tempdir().unwrap();
    let paths = Paths::new(from.path());
    files::replace(&paths.identities(), b"old key", 0o644).unwrap();
    files::replace(&paths.uci(), b"old settings", 0o644).unwrap();
    let backup = Backup::new(&paths, Vec::new()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path());
    files::replace(&paths.identities(), b"new key", 0o600).unwrap();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    for how in [
        How {
            money_only: true,
            ..EMPTY
        },
        How {
            dry_run: true,
            ..EMPTY
        },
        How {
            onto: Onto::Merge,
            ..EMPTY
        },
    ] {
        restore(&paths, &backup, how).unwrap();
        assert_eq!(read(&paths.identities()), "new key");
        std::fs::remove_file(paths.uci()).ok();
    }
    let done = restore(&paths, &backup, EMPTY).unwrap();
    assert_eq!(read(&paths.identities()), "old key");
    assert_eq!(read(&paths.uci()), "old settings");
    assert_eq!(done.files, [paths.identities(), paths.uci()]);
    assert_eq!(read(&done.kept[0]), "new key");
    for key in [&done.kept[0], &paths.identities()] {
        let mode = std::fs::metadata(key).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
}
