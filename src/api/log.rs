//! Log: a view of what happened, whole or filtered, that can be printed, walked and waited on.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::api::log_cursor::LogCursor;
use crate::driver::Driver;
use crate::log::entry::{Direction, Entry, EntryKind};
use crate::log::filter::{Filter, Mark, Only};
use crate::log::labels::Labels;
use crate::log::lanes::PerConnection;
use crate::log::lint::{self, Finding};
use crate::log::matcher::Matcher;
use crate::log::{timeline, transcript};
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
/// alice.send_message("hello");
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
    pub fn user(self, user_id: impl Into<String>) -> Self {
        self.only(Only::User(user_id.into()))
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
    pub fn room(self, room: impl Into<String>) -> Self {
        self.only(Only::Room(room.into()))
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
    pub fn connection(self, connection: ConnectionId) -> Self {
        let label = self.driver.label(connection);
        let label = label.or_else(|| self.driver.label_in_log(connection));
        let label = label.unwrap_or_else(|| connection.0.to_string());
        self.only(Only::Connection(connection, label))
    }

    /// What of this view went one way.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Direction};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().direction(Direction::Inbound).entries().len(), 1);
    /// ```
    #[must_use]
    pub fn direction(self, direction: Direction) -> Self {
        self.only(Only::Direction(direction))
    }

    /// What of this view is of one kind.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::EntryKind};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().kind(EntryKind::Request).entries().len(), 1);
    /// ```
    #[must_use]
    pub fn kind(self, kind: EntryKind) -> Self {
        self.only(Only::Kind(kind))
    }

    /// What of this view matches a pattern.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// alice.send_message("hello");
    /// assert_eq!(ivs.log().matching(Matcher::message().content("hello")).entries().len(), 2);
    /// ```
    #[must_use]
    pub fn matching(self, pattern: Matcher) -> Self {
        self.only(Only::Matching(pattern))
    }

    pub(crate) fn first(&self) -> Option<Entry> {
        self.find(Some)
    }

    /// Gives the entries of the view to a function until it returns something.
    fn find<T>(&self, mut examine: impl FnMut(Entry) -> Option<T>) -> Option<T> {
        let (selection, mut next) = (self.filter.selection(None), self.filter.since);
        loop {
            let batch = self.driver.read_log(selection, next, ENTRIES_AT_A_TIME);
            // Closures of the view's patterns run here, where no lock is held.
            let mut shown = batch.entries.into_iter().filter(|entry| self.filter.admits(entry));
            let found = shown.find_map(&mut examine);
            if found.is_some() || batch.is_last {
                return found;
            }
            next = batch.next;
        }
    }

    /// Returns a cursor over this view, whose waits take out what they find.
    ///
    /// A wait of the view itself, such as [`Log::expect`], leaves the log as it is: the same wait
    /// finds the same entry again. A wait of a cursor finds another one each time.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// let cursor = ivs.log().cursor();
    /// let (_phone, _laptop) = (room.participant("alice"), room.participant("alice"));
    /// let first = cursor.expect(Matcher::connect().from("alice")).wait();
    /// let second = cursor.expect(Matcher::connect().from("alice")).wait();
    /// assert!(first.index() < second.index());
    /// ```
    #[must_use]
    pub fn cursor(&self) -> LogCursor {
        LogCursor::new(self.clone())
    }

    fn only(mut self, only: Only) -> Self {
        self.filter.push(only);
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
        let mut entries = Vec::new();
        self.find(|entry| {
            entries.push(entry);
            None::<()>
        });
        entries
    }

    /// How many entries the whole log has had that it no longer keeps: 0 unless the mock was built
    /// with another [`LogRetention`](crate::log::LogRetention) than all.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.log().dropped(), 0);
    /// ```
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.driver.log_dropped()
    }

    /// What the clients of this view did that the service forbids, or takes only by luck.
    ///
    /// Whether or not anybody asks, the log has all that is needed; the findings are made when
    /// this is called. [`MockIvsChatBuilder::deny`](crate::MockIvsChatBuilder::deny) makes findings fail the test. The
    /// table of all codes is in [`Lint`](crate::log::Lint).
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Lint};
    /// # let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// alice.send_raw(r#"{"action":"SEND_MESSAGE","RequestId":"r1","Content":"hello"}"#);
    /// let findings = ivs.log().lint();
    /// assert_eq!(findings[0].lint, Lint::MemberCase);
    /// assert_eq!(
    ///     findings[0].to_string(),
    ///     "member-case at #5, alice: `action` is taken for `Action` only by luck"
    /// );
    /// ```
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        let (entries, _) = self.driver.entries_since(0);
        let findings = lint::check(&entries, self.driver.clock().measures_clients());
        let is_shown = |finding: &Finding| {
            let place = entries.binary_search_by_key(&finding.entry, Entry::index);
            place.is_ok_and(|place| self.filter.admits(&entries[place]))
        };
        findings.into_iter().filter(is_shown).collect()
    }

    /// This view as one block for each connection, which is the same text although clients act at
    /// once.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let mark = ivs.log().mark();
    /// ivs.create_room("lobby").participant("alice").disconnect();
    /// let lanes = ivs.log().since(mark).user("alice").per_connection().to_string();
    /// assert_eq!(lanes, r#"
    /// alice (lobby)
    ///   connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    ///   closes 1000
    /// "#.trim_start());
    /// ```
    #[must_use]
    pub fn per_connection(&self) -> PerConnection {
        let (log, _) = self.driver.entries_since(0);
        let entries: Vec<Entry> =
            log.iter().filter(|entry| self.filter.admits(entry)).cloned().collect();
        PerConnection::new(&entries, &log, self.driver.clock().is_volatile())
    }

    /// This view as rows in the mock's one order, with a lane for each connection and the times
    /// since the first entry by the mock's clock.
    ///
    /// For people: it shortens what is long, leaves out all lanes but six, and is the same in
    /// each run only if the test's clock stands still and its clients act one at a time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mock_ivs_chat::{Clock, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    /// let room = ivs.create_room("lobby");
    /// let mark = ivs.log().mark();
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// ivs.advance(Duration::from_millis(1_500));
    /// alice.send_message("hello");
    /// assert_eq!(ivs.log().since(mark).kind(mock_ivs_chat::log::EntryKind::FrameSent).timeline(), "
    ///                  alice (lobby)      bob (lobby)
    ///   #10    +0.000  < MESSAGE \"hello\"  < MESSAGE \"hello\"
    /// ".trim_start_matches('\n'));
    /// ```
    #[must_use]
    pub fn timeline(&self) -> String {
        timeline::text(&self.entries())
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

/// How many entries are read while the lock of the mock is held.
const ENTRIES_AT_A_TIME: usize = 1024;
