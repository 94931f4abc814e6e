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

#[tokio::test]
async fn a_gate_that_is_there_late_is_right_at_the_next_look() {
    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::new(directory.path());
    let (store, _) = Store::open(Directory::open(&paths.money()).unwrap()).unwrap();
    let uptime = Uptime::new(&paths).unwrap();
    let purchase = Purchase {
        metric: Metric::Milliseconds,
        step: 3_600_000,
        steps: 1,
    };
    let mut session = Session::new(&purchase, 0);
    session.open(0, uptime.now());
    let mac = Mac::new([2, 0, 0, 0, 0, 1]).unwrap();
    store.update(|state| state.apply(&Record::Session { mac, session }));
    let gate = Arc::new(Late::default());
    let keeper = Keeper::new(Arc::new(store), Arc::clone(&gate) as Arc<dyn Gate>, uptime);
    keeper.tick().await;
    gate.is_there.store(true, Ordering::Relaxed);
    keeper.tick().await;
    assert!(gate.is_open.load(Ordering::Relaxed));
}
