//! News: the entries of the log, each once, as they are recorded.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

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

/// The pause before the log is read again if no wait is possible.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits for an entry, and blocks the thread until there is one or for a pause if no wait is
/// possible.
pub(crate) fn wait(more: Wait<Entry>) {
    if more.into_result().wait().is_err() {
        // No other thread unparks this one, so this is a pause.
        thread::park_timeout(PAUSE);
    }
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
                // A panic inside the mock fails all waits, as those of a test should. The log goes
                // on, so it is still read.
                None => {
                    if self.more().into_result().await.is_err() {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// Returns the next entry, and blocks the thread until there is one.
    pub(crate) fn next_blocking(&mut self) -> Entry {
        loop {
            match self.take() {
                Some(entry) => return entry,
                None => wait(self.more()),
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

#[cfg(test)]
mod tests {
    use mock_ivs_chat::MockIvsChat;

    use super::*;

    /// A panic inside the mock fails all waits, as a timeout of zero does.
    #[tokio::test]
    async fn entries_arrive_although_waits_fail() {
        let ivs = MockIvsChat::builder().wait_timeout(Duration::ZERO).quiet().start();
        let (mut news, mut blocking) = (News::new(ivs.log(), 0), News::new(ivs.log(), 0));
        let (entry, room) = tokio::join!(news.next(), async { ivs.create_room("lobby") });
        assert_eq!((entry.index(), room.name()), (0, "lobby"));
        let last = tokio::task::spawn_blocking(move || {
            (0..3).map(|_| blocking.next_blocking().index()).last()
        });
        ivs.create_room("stage");
        assert_eq!(last.await.unwrap(), Some(2));
    }
}
