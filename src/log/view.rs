//! Log: a view of what happened, whole or filtered, that can be printed, walked and waited on.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::driver::Driver;
use crate::log::entry::{Direction, Entry, EntryKind};
use crate::log::labels::Labels;
use crate::log::transcript;
use crate::service::ConnectionId;

/// A view of everything that crossed the wire, in the mock's one order.
///
/// The view is live: each look at it shows what has happened by then. Filters narrow it, and
/// compose. `Display` writes the transcript, which is the same text in each run: what the client
/// or the clock makes volatile is replaced by labels such as `[request-1]`.
///
/// ```
/// use mock_ivs_chat::{Clock, MockIvsChat};
///
/// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
/// let room = ivs.create_room("lobby");
/// let mark = ivs.log().mark();
/// let alice = room.participant("alice");
/// alice.say("hello");
/// assert_eq!(ivs.log().since(mark).user("alice").to_string(), r#"
/// alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
/// alice > {"Action":"SEND_MESSAGE","RequestId":"alice-1","Content":"hello"}
///   alice < {"Type":"MESSAGE","Id":"Message00001","RequestId":"alice-1","Attributes":null,"Content":"hello","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"alice","Attributes":{}}}
/// "#.trim_start());
/// ```
#[derive(Clone)]
pub struct Log {
    pub(crate) driver: Arc<Driver>,
    pub(crate) filter: Filter,
}

/// Which entries a view shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) since: u64,
    user_id: Option<String>,
    room: Option<String>,
    connection: Option<ConnectionId>,
    direction: Option<Direction>,
    kind: Option<EntryKind>,
}

/// A place in the log: what [`Log::since`] counts from.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// ivs.create_room("lobby");
/// let mark = ivs.log().mark();
/// assert!(ivs.log().since(mark).entries().is_empty());
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mark(u64);

impl Filter {
    pub(crate) fn admits(&self, entry: &Entry) -> bool {
        entry.number >= self.since
            && self.user_id.as_deref().is_none_or(|user_id| entry.user_id() == Some(user_id))
            && self.room.as_deref().is_none_or(|room| entry.room() == Some(room))
            && self.connection.is_none_or(|connection| entry.connection() == Some(connection))
            && self.direction.is_none_or(|direction| entry.direction() == Some(direction))
            && self.kind.is_none_or(|kind| entry.kind() == kind)
    }
}

impl Log {
    /// What of this view happens from a mark on.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let mark = ivs.log().mark();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().since(mark).entries().len(), 2);
    /// ```
    #[must_use]
    pub fn since(mut self, mark: Mark) -> Self {
        self.filter.since = self.filter.since.max(mark.0);
        self
    }

    /// What of this view is about connections of a user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let (alice, bob) = { let room = ivs.create_room("lobby"); (room.participant("alice"), room.participant("bob")) };
    /// assert_eq!(ivs.log().user("bob").entries().len(), 1);
    /// ```
    #[must_use]
    pub fn user(mut self, user_id: impl Into<String>) -> Self {
        self.filter.user_id = Some(user_id.into());
        self
    }

    /// What of this view is about connections to a room: its name, or its id if it has no name.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.log().room("lobby").entries().len(), 1);
    /// ```
    #[must_use]
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.filter.room = Some(room.into());
        self
    }

    /// What of this view is about one connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.log().connection(alice.connection()).entries().len(), 1);
    /// ```
    #[must_use]
    pub fn connection(mut self, connection: ConnectionId) -> Self {
        self.filter.connection = Some(connection);
        self
    }

    /// What of this view went one way.
    ///
    /// ```
    /// # use mock_ivs_chat::{Direction, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().direction(Direction::Inbound).entries().len(), 1);
    /// ```
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.filter.direction = Some(direction);
        self
    }

    /// What of this view is of one kind.
    ///
    /// ```
    /// # use mock_ivs_chat::{EntryKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().kind(EntryKind::Called).entries().len(), 1);
    /// ```
    #[must_use]
    pub fn kind(mut self, kind: EntryKind) -> Self {
        self.filter.kind = Some(kind);
        self
    }

    /// The place behind all that has happened by now.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let mark = ivs.log().mark();
    /// assert!(ivs.log().since(mark).entries().is_empty());
    /// ```
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.driver.log_length())
    }

    /// The entries of this view, by now.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert!(ivs.log().entries().is_empty());
    /// ```
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = self.driver.entries_since(self.filter.since);
        entries.retain(|entry| self.filter.admits(entry));
        entries
    }

    fn labels(&self) -> Labels {
        Labels::new(self.driver.clock().is_volatile())
    }
}

impl IntoIterator for Log {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries().into_iter()
    }
}

impl IntoIterator for &Log {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries().into_iter()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        transcript::write(f, &self.entries(), &mut self.labels())
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Log:")?;
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Log {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Labelled<'a>(&'a Entry, std::cell::RefCell<&'a mut Labels>);

        impl Serialize for Labelled<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize_with(&mut self.1.borrow_mut(), serializer)
            }
        }

        let mut labels = self.labels();
        let entries = self.entries();
        let mut list = serializer.serialize_seq(Some(entries.len()))?;
        for entry in &entries {
            list.serialize_element(&Labelled(entry, (&mut labels).into()))?;
        }
        list.end()
    }
}
