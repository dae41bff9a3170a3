//! Log: a live view of the recorded entries, whole or filtered, to print, walk or wait on.

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
use crate::log::{secrets, timeline, transcript};
use crate::service::ConnectionId;

/// A view of all recorded entries, in the order in which the mock processed them.
///
/// The view is live: each method sees all entries recorded so far. Filters narrow it and add up. A
/// view whose filters exclude each other is empty, and waits on it panic immediately. `Display` writes the transcript, which is the same text in every run: values that the
/// client or the clock makes volatile are replaced by labels such as `[request-1]`.
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
    /// Restricts the view to entries recorded after `mark`.
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

    /// Restricts the view to connections of this user.
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

    /// Restricts the view to connections to this room, given by its name, ID or ARN.
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

    /// Restricts the view to this connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.log().connection(alice.connection()).entries().len(), 1);
    /// ```
    #[must_use]
    pub fn connection(self, connection: impl Into<ConnectionId>) -> Self {
        let connection = connection.into();
        let peer = self.driver.peer(connection);
        let label = peer.map_or_else(|| connection.0.to_string(), |peer| peer.label.clone());
        self.only(Only::Connection(connection, label))
    }

    /// Restricts the view to entries in this direction.
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

    /// Restricts the view to entries of this kind.
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

    /// Restricts the view to entries that match a matcher.
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
    pub fn matching(self, matcher: Matcher) -> Self {
        self.only(Only::Matching(matcher))
    }

    pub(crate) fn first(&self) -> Option<Entry> {
        self.find(Some)
    }

    /// Passes the entries of the view to a function until it returns a value.
    pub(super) fn find<T>(&self, mut examine: impl FnMut(Entry) -> Option<T>) -> Option<T> {
        let (selection, mut next) = (self.filter.selection(None), self.filter.since);
        loop {
            let batch = self.driver.read_log(selection, next, ENTRIES_AT_A_TIME);
            // Test closures in matchers run here, where no lock is held.
            let mut shown = batch.entries.into_iter().filter(|entry| self.filter.admits(entry));
            let found = shown.find_map(&mut examine);
            if found.is_some() || batch.is_last {
                return found;
            }
            next = batch.next;
        }
    }

    /// Returns a cursor over this view, whose waits consume the entries that they find.
    ///
    /// A wait on the view itself, such as [`Log::expect`], does not consume entries: repeating it
    /// finds the same entry. A wait on a cursor finds a different entry each time.
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

    /// Returns the position after the entries recorded so far.
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

    /// Returns the entries of this view recorded so far.
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

    /// Returns the number of entries of the whole log that are no longer kept. It is 0 unless the
    /// mock was built with a [`LogRetention`](crate::log::LogRetention) other than `All`.
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

    /// Checks this view for client behavior that the service rejects or accepts only incidentally.
    ///
    /// The findings are computed by this call, from entries that the log always records.
    /// [`MockIvsChatBuilder::deny`](crate::MockIvsChatBuilder::deny) turns findings into test
    /// failures. [`Lint`](crate::log::Lint) has a table of all codes.
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
    ///     "member-case at #5, alice: `action` is accepted as `Action`, as in an official AWS sample"
    /// );
    /// ```
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        self.labeled(self.marked_findings())
    }

    /// Returns the findings of this view, with marks in the place of tokens.
    pub(crate) fn marked_findings(&self) -> Vec<Finding> {
        let (entries, _) = self.driver.entries_since(0);
        let findings = lint::check(&entries, self.driver.clock().measures_clients());
        // The rules need the whole history, so the view selects among the findings and not among
        // the entries.
        let is_shown = |finding: &Finding| {
            let place = entries.binary_search_by_key(&finding.entry, Entry::index);
            place.is_ok_and(|place| self.filter.admits(&entries[place]))
        };
        findings.into_iter().filter(is_shown).collect()
    }

    /// Labels the tokens in findings as the transcript of this view does.
    pub(crate) fn labeled(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        if findings.iter().any(|finding| secrets::has_mark(&finding.message)) {
            // The transcript is written only for its labels, so that a finding has the number that
            // a reader of the transcript sees.
            let (mut labels, mut transcript) = (Labels::new(false), String::new());
            transcript::write(&mut transcript, &self.entries(), &mut labels)
                .expect("a string takes any text");
            for finding in &mut findings {
                finding.message = labels.label_tokens(&finding.message).into_owned();
            }
        }
        findings
    }

    /// Returns this view as one block for each connection. The text is the same however concurrent
    /// clients interleave.
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
    #[doc(alias = "lanes")]
    #[must_use]
    pub fn per_connection(&self) -> PerConnection {
        let (log, _) = self.driver.entries_since(0);
        let entries: Vec<Entry> =
            log.iter().filter(|entry| self.filter.admits(entry)).cloned().collect();
        PerConnection::new(&entries, &log, self.driver.clock().is_volatile())
    }

    /// Returns this view as rows in the order of the log, with a lane for each connection and the
    /// time on the mock clock since the first entry.
    ///
    /// This text is for people: its lines have at most 120 columns, so it shortens long values and
    /// names. It has at most six lanes. An entry without a lane names its connection, and the column
    /// `more` counts the recipients of a frame that have no lane. The text is the same in every run
    /// only if the clock stands still and clients act one at a time.
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

/// The transcript, or the end of a long one. `Display` writes all of it.
impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        let hidden = entries.len().saturating_sub(LONGEST_DEBUG);
        match hidden {
            0 => writeln!(f, "Log:")?,
            _ => writeln!(f, "Log, the last {LONGEST_DEBUG} of {} entries:", entries.len())?,
        }
        transcript::write(f, &entries[hidden..], &mut self.labels())
    }
}

/// The most entries that `Debug` writes. It is often part of the message of a failed assertion.
const LONGEST_DEBUG: usize = 100;

impl Serialize for Log {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `serialize` takes `&self`, but each entry may add labels.
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

/// The number of entries that are read while the mock is locked.
pub(super) const ENTRIES_AT_A_TIME: usize = 1024;
