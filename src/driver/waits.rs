//! Waits: the wakers of pending waits, and reads of the log in bounded pieces.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use parking_lot::Mutex;

use crate::driver::Driver;
use crate::log::entry::Entry;
use crate::log::record::Peer;
use crate::log::store::{Selected, Selection};
use crate::service::ConnectionId;

/// The wakers of pending waits.
///
/// A waker is foreign code: an executor's, or a test's own. It is cloned, woken and dropped only
/// while no lock of the crate is held, so it may call the mock, or block.
///
/// A wait registers its waker before it looks at the log. An entry that the look misses is
/// committed after the look, and the notification that follows it finds the waker.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    inner: Mutex<Inner>,
    /// The number of wakers, so that a step takes no lock while no wait is pending.
    ///
    /// A registration stores the count before it reads the log under the log's lock. If it misses
    /// an entry, the entry's step takes that lock later, so the step sees the count.
    count: AtomicUsize,
    /// Why the mock has stopped, if it has.
    stop_reason: OnceLock<&'static str>,
}

#[derive(Debug, Default)]
struct Inner {
    wakers: BTreeMap<u64, Waker>,
    last: u64,
}

/// The place of a wait among the waiters, which it leaves when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    waiters: Arc<Waiters>,
    id: u64,
}

/// Some entries of the log, for a wait.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    /// Where the next batch starts.
    pub(crate) next: u64,
    /// How many entries were dropped from the log before they could be read.
    pub(crate) missed: u64,
    /// Nothing is left after this batch.
    pub(crate) is_last: bool,
}

impl Waiters {
    /// Wakes all waits. The caller holds no lock, and has committed the news.
    pub(crate) fn notify(&self) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let wakers = {
            let mut inner = self.inner.lock();
            self.count.store(0, Ordering::Release);
            std::mem::take(&mut inner.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    fn new_id(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.last += 1;
        inner.last
    }

    /// Sets, replaces or removes a waker; returns the one before, to be dropped without the lock.
    fn replace(&self, id: u64, waker: Option<Waker>) -> Option<Waker> {
        let mut inner = self.inner.lock();
        let before = match waker {
            Some(waker) => inner.wakers.insert(id, waker),
            None => inner.wakers.remove(&id),
        };
        self.count.store(inner.wakers.len(), Ordering::Release);
        before
    }

    /// Records that the mock has stopped, and wakes all waits.
    pub(crate) fn stop(&self, reason: &'static str) {
        // The first reason stands.
        let _ = self.stop_reason.set(reason);
        self.notify();
    }

    /// Returns the reason why the mock has stopped, if it has.
    pub(crate) fn stop_reason(&self) -> Option<&'static str> {
        self.stop_reason.get().copied()
    }
}

impl Registration {
    pub(crate) fn new(waiters: &Arc<Waiters>) -> Self {
        Self { waiters: Arc::clone(waiters), id: waiters.new_id() }
    }

    /// Registers the waker for the next notification.
    pub(crate) fn register(&self, waker: &Waker) {
        let waker = waker.clone();
        let before = self.waiters.replace(self.id, Some(waker));
        drop(before);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let before = self.waiters.replace(self.id, None);
        drop(before);
    }
}

impl Driver {
    pub(crate) const fn waiters(&self) -> &Arc<Waiters> {
        &self.waiters
    }

    /// Reads at most `most` of the selected entries from a number on.
    pub(crate) fn read_log(&self, wanted: Selection, first: u64, most: usize) -> Batch {
        let hides_times = self.clock.is_volatile();
        let state = self.state.lock();
        let Selected { records, next } = state.engine.log().select(wanted, first, most);
        let entry = |(number, record): (u64, &_)| Entry {
            number,
            record: Clone::clone(record),
            hides_times,
            mock: self.mock,
        };
        let entries = records.into_iter().map(entry).collect();
        let (dropped, length) = (state.engine.log().lost(), state.engine.log().len());
        Batch {
            entries,
            next,
            missed: dropped.min(length).saturating_sub(first),
            is_last: next >= length,
        }
    }

    /// Keeps an index of the entries of a participant that waits for its frames.
    pub(crate) fn follow(&self, connection: ConnectionId, since: u64) {
        self.state.lock().engine.follow(connection, since);
    }

    pub(crate) fn unfollow(&self, connection: ConnectionId) {
        self.state.lock().engine.unfollow(connection);
    }

    /// Returns `true` if there was such a connection and no entry about it can follow.
    pub(crate) fn has_ended(&self, connection: ConnectionId) -> bool {
        self.state.lock().engine.has_ended(connection)
    }

    /// Returns what is known about a connection, from the log if it has ended.
    pub(crate) fn peer(&self, connection: ConnectionId) -> Option<Arc<Peer>> {
        let open = self.state.lock().engine.peer(connection);
        open.or_else(|| self.peer_in_log(connection))
    }

    /// Returns the names of all named hooks, unless a hook has, or had, this name.
    pub(crate) fn names_unless_hook(&self, name: &str) -> Option<Vec<String>> {
        let state = self.state.lock();
        let hooks = state.engine.hooks();
        (!hooks.knows(name)).then(|| hooks.names().iter().cloned().collect())
    }

    fn peer_in_log(&self, connection: ConnectionId) -> Option<Arc<Peer>> {
        let wanted = Selection { connection: Some(connection), key: None };
        let mut next = 0;
        loop {
            let batch = self.read_log(wanted, next, 1);
            if let Some(entry) = batch.entries.first() {
                return entry.record.peer.clone();
            }
            if batch.is_last {
                return None;
            }
            next = batch.next;
        }
    }
}
