//! Log: how many entries a view has, its last one, and the view without pings.

use crate::api::log::{ENTRIES_AT_A_TIME, Log};
use crate::log::entry::Entry;
use crate::log::matcher::Matcher;
use crate::log::record::Event;
use crate::proto::payload::Payload;

impl Log {
    /// Returns the number of entries that the view has now.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().matching(Matcher::request(Operation::CreateRoom)).count(), 1);
    /// ```
    #[must_use]
    pub fn count(&self) -> usize {
        let mut count = 0;
        self.find(|_| {
            count += 1;
            None::<()>
        });
        count
    }

    /// Returns `true` if the view has no entry now.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert!(ivs.log().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// Returns the latest entry of the view.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().last().unwrap().status(), Some(200));
    /// ```
    #[must_use]
    pub fn last(&self) -> Option<Entry> {
        let (selection, since) = (self.filter.selection(None), self.filter.since);
        // From the end, because the log may be long, and the last entries are the likeliest to be
        // in the view.
        let mut end = self.driver.log_length();
        while end > since {
            let start = end.saturating_sub(ENTRIES_AT_A_TIME as u64).max(since);
            let batch = self.driver.read_log(selection, start, ENTRIES_AT_A_TIME);
            let before_end = batch.entries.into_iter().rev().filter(|entry| entry.number < end);
            // Test closures in matchers run here, where no lock is held.
            if let Some(last) = before_end.into_iter().find(|entry| self.filter.admits(entry)) {
                return Some(last);
            }
            end = start;
        }
        None
    }

    /// Leaves out pings and pongs, whose number depends on real time. Use it for snapshots of
    /// clients with a heartbeat.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// println!("{}", ivs.log().without_pings());
    /// ```
    #[must_use]
    pub fn without_pings(self) -> Self {
        self.matching(Matcher::any().satisfying("is not a ping or pong", |entry| {
            !matches!(
                entry.record.event,
                Event::FrameReceived(Payload::Ping(_) | Payload::Pong(_))
                    | Event::FrameSent(Payload::Ping(_) | Payload::Pong(_))
            )
        }))
    }
}
