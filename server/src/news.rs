//! News: the entries of the log, each once, as they are recorded.

use std::collections::VecDeque;

use mock_ivs_chat::log::{Entry, Mark};
use mock_ivs_chat::{Log, Wait};

/// Follows the log. Entries are taken in batches, so a busy log costs no more than its new entries.
pub(crate) struct News {
    log: Log,
    /// Everything before this has been taken.
    mark: Option<Mark>,
    /// The index of the next entry. Entries recorded while a batch was taken come twice.
    next: u64,
    batch: VecDeque<Entry>,
}

impl News {
    /// Starts with the entry of an index, or with the first one that the log still has.
    pub(crate) fn new(log: Log, next: u64) -> Self {
        Self { log, mark: None, next, batch: VecDeque::new() }
    }

    /// Returns the next entry.
    pub(crate) async fn next(&mut self) -> Entry {
        loop {
            match self.take() {
                Some(entry) => return entry,
                None => drop(self.more().await),
            }
        }
    }

    /// Returns the next entry, and blocks the thread until there is one.
    pub(crate) fn next_blocking(&mut self) -> Entry {
        loop {
            match self.take() {
                Some(entry) => return entry,
                None => drop(self.more().wait()),
            }
        }
    }

    /// Reads the entries so far, which may take its time if they are many.
    pub(crate) fn read(&mut self) {
        let mark = self.log.mark();
        let next = self.next;
        let news = self.rest().entries().into_iter().filter(|entry| entry.index() >= next);
        self.batch.extend(news);
        self.mark = Some(mark);
    }

    fn take(&mut self) -> Option<Entry> {
        if self.batch.is_empty() {
            self.read();
        }
        let entry = self.batch.pop_front()?;
        self.next = entry.index() + 1;
        Some(entry)
    }

    /// Completes when there is another entry.
    fn more(&self) -> Wait<Entry> {
        let next = self.next;
        self.rest().wait_for(move |entry| entry.index() >= next)
    }

    fn rest(&self) -> Log {
        match &self.mark {
            Some(mark) => self.log.clone().since(*mark),
            None => self.log.clone(),
        }
    }
}
