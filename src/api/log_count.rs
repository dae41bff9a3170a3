//! Log: how many entries a view has, its last one, and the view without pings.

use crate::api::log::Log;
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
        self.entries().len()
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
        self.count() == 0
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
        self.entries().pop()
    }

    /// Leaves pings and pongs out, whose number depends on real time: for snapshots of clients with
    /// a heartbeat.
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
