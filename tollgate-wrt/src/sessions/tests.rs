use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::gate::{Limit, Work};
use crate::journal::disk::Directory;
use crate::ledger::session::Purchase;
use crate::paths::Paths;

/// A double of a gate that does not answer at first, as one that is started
/// after the daemon.
#[derive(Debug, Default)]
struct Late {
    is_there: AtomicBool,
    is_open: AtomicBool,
}

impl Late {
    fn answer<T: Send + 'static>(&self, answer: T) -> Work<'_, T> {
        Box::pin(std::future::ready(
            match self.is_there.load(Ordering::Relaxed) {
                true => Ok(answer),
                false => Err(gate::Error("not there".to_owned())),
            },
        ))
    }
}

impl Gate for Late {
    fn ready(&self, _: Mac) -> Work<'_, ()> {
        self.answer(())
    }

    fn open(&self, _: Mac, _: Limit) -> Work<'_, ()> {
        let is_there = self.is_there.load(Ordering::Relaxed);
        self.is_open.store(is_there, Ordering::Relaxed);
        self.answer(())
    }

    fn close(&self, _: Mac) -> Work<'_, ()> {
        self.answer(())
    }

    fn usage(&self, _: Mac) -> Work<'_, Option<u64>> {
        self.answer(None)
    }

    fn list(&self) -> Work<'_, Vec<Open>> {
        self.answer(Vec::new())
    }
}

/// A ledger with one customer, who has bought an hour.
fn ledger(paths: &Paths, session: Session) -> (Arc<Store>, Mac) {
    let (store, _) = Store::open(Directory::open(&paths.money()).unwrap()).unwrap();
    let mac = Mac::new([2, 0, 0, 0, 0, 1]).unwrap();
    store.update(|state| state.apply(&Record::Session { mac, session }));
    (Arc::new(store), mac)
}

const HOUR: Purchase = Purchase {
    metric: Metric::Milliseconds,
    step: 3_600_000,
    steps: 1,
};

#[tokio::test]
async fn a_gate_that_is_there_late_is_right_at_the_next_look() {
    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::new(directory.path());
    let uptime = Uptime::new(&paths).unwrap();
    let mut session = Session::new(&HOUR, 0);
    session.open(0, uptime.now());
    let (store, _) = ledger(&paths, session);
    let gate = Arc::new(Late::default());
    let keeper = Keeper::new(store, Arc::clone(&gate) as Arc<dyn Gate>, uptime);
    keeper.tick().await;
    gate.is_there.store(true, Ordering::Relaxed);
    keeper.tick().await;
    assert!(gate.is_open.load(Ordering::Relaxed));
}

/// Nothing of what was bought is lost, whatever happens while the gate waits.
#[tokio::test]
async fn what_is_bought_while_the_gate_waits_is_there_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::new(directory.path());
    let uptime = Uptime::new(&paths).unwrap();
    let (store, mac) = ledger(&paths, Session::new(&HOUR, 0));
    let gate = Arc::new(Late::default());
    gate.is_there.store(true, Ordering::Relaxed);
    let keeper = || {
        let gate = Arc::clone(&gate) as Arc<dyn Gate>;
        let keeper = Keeper::new(Arc::clone(&store), gate, uptime);
        keeper.with_delay(Duration::from_secs(60))
    };
    let first = keeper();
    for bought in [1, 2] {
        first.open(mac).await.unwrap();
        first.tick().await;
        assert!(!gate.is_open.load(Ordering::Relaxed));
        let (session, used) = first.session(mac).unwrap();
        assert_eq!((session.allotment, used), (bought * HOUR.step, 0));
        assert_eq!(session.running, None);
        let mut session = session;
        session.add(&HOUR, uptime.now());
        store.update(|state| state.apply(&Record::Session { mac, session }));
    }
    drop(first);
    let second = keeper();
    second.tick().await;
    assert!(gate.is_open.load(Ordering::Relaxed));
    let (session, used) = second.session(mac).unwrap();
    assert!(session.running.is_some() && used < 60_000);
    assert_eq!(session.allotment, 3 * HOUR.step);
}
