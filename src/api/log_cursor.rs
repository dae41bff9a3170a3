//! Log cursor: waits for log entries that consume the entries they find.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::api::log::Log;
use crate::api::log_wait::LogWait;
use crate::api::taken::Taken;
use crate::api::wait::Wait;
use crate::log::entry::Entry;
use crate::log::matcher::Matcher;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{ChatError, ChatEvent, ChatMessage};
use crate::proto::payload::Key;

/// A view of the log whose waits consume the entries that they find, created by [`Log::cursor`].
///
/// A wait ignores entries that do not match and consumes the one that does, so you can wait in any
/// order. Repeating a wait finds a different entry. Other views and cursors, and the log itself,
/// are unaffected.
///
/// A cursor starts with the first entry of its view, so it also finds what is already recorded.
/// `ivs.log().since(ivs.log().mark()).cursor()` starts with the next entry.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// let cursor = ivs.log().cursor();
/// alice.send_message("one");
/// alice.send_message("two");
/// alice.send_message("one");
/// let first = cursor.expect_message("one").wait();
/// cursor.expect_message("two").wait();
/// assert_ne!(cursor.expect_message("one").wait().id, first.id);
/// ```
pub struct LogCursor {
    log: Log,
    taken: Arc<Taken>,
    /// For each key, the log position before which all entries with the key have been consumed.
    starts: Arc<Mutex<BTreeMap<Option<Key>, u64>>>,
}

impl LogCursor {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, taken: Arc::default(), starts: Arc::default() }
    }

    /// Waits for an entry for which a closure returns `true`, and consumes it.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::EntryKind};
    /// # let ivs = MockIvsChat::start();
    /// let cursor = ivs.log().cursor();
    /// ivs.create_room("lobby");
    /// cursor.wait_for(|entry| entry.kind() == EntryKind::Request).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout. This call itself panics if the conditions of the
    /// view exclude each other.
    #[track_caller]
    pub fn wait_for(
        &self,
        mut matches: impl FnMut(&Entry) -> bool + Send + 'static,
    ) -> Wait<Entry> {
        let what = format!("an entry that matches{}", self.log.filter);
        let search = self.taking(None, move |entry| matches(entry).then(|| entry.clone()));
        LogWait::new(&self.log, what, search).into()
    }

    /// Waits for an entry that matches a matcher, and consumes it.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// let cursor = ivs.log().cursor();
    /// ivs.create_room("lobby");
    /// cursor.expect(Matcher::request(Operation::CreateRoom)).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout. This call itself panics if the matcher and the
    /// view exclude each other.
    #[track_caller]
    pub fn expect(&self, matcher: Matcher) -> Wait<Entry> {
        self.expect_as(matcher, |entry| Some(entry.clone()))
    }

    /// Waits for a MESSAGE with this content, and consumes it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let cursor = ivs.log().cursor();
    /// ivs.create_room("lobby").participant("alice").send_message("hello");
    /// cursor.expect_message("hello").wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout.
    #[track_caller]
    pub fn expect_message(&self, content: impl Into<String>) -> Wait<ChatMessage> {
        self.expect_as(Matcher::message().content(content), Entry::message)
    }

    /// Waits for an EVENT with this name, and consumes it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let _alice = room.participant("alice");
    /// let cursor = ivs.log().cursor();
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// cursor.expect_event("app:poll").wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout.
    #[track_caller]
    pub fn expect_event(&self, event_name: impl Into<String>) -> Wait<ChatEvent> {
        self.expect_as(Matcher::event(event_name), Entry::event)
    }

    /// Waits for an ERROR with this code, and consumes it.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let cursor = ivs.log().cursor();
    /// ivs.create_room("lobby").participant("alice").send_message("");
    /// cursor.expect_error(ErrorCode::BadRequest).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout.
    #[track_caller]
    pub fn expect_error(&self, error_code: ErrorCode) -> Wait<ChatError> {
        self.expect_as(Matcher::error(error_code), Entry::error)
    }

    /// Waits for a close frame with this code, and consumes it.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let cursor = ivs.log().cursor();
    /// ivs.create_room("lobby").participant("alice").disconnect();
    /// cursor.expect_close(CloseCode::NORMAL).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout.
    #[track_caller]
    pub fn expect_close(&self, code: CloseCode) -> Wait<Entry> {
        self.expect(Matcher::close().close_code(code))
    }

    #[track_caller]
    fn expect_as<T: 'static>(
        &self,
        matcher: Matcher,
        make: impl Fn(&Entry) -> Option<T> + Send + 'static,
    ) -> Wait<T> {
        let (wanted, filter) = (matcher.clone(), &self.log.filter);
        let (what, key) = (format!("{matcher}{filter}"), filter.selection(Some(&matcher)).key);
        let search =
            self.taking(key, move |entry| wanted.matches(entry).then(|| make(entry)).flatten());
        // A start belongs to one key: the entries before it with this key are consumed, and others
        // may not be.
        let start = self.starts.lock().get(&key).copied().unwrap_or_default();
        LogWait::matching(&self.log, what, matcher, search).starting_at(start).into()
    }

    /// A search that skips consumed entries, and consumes the one that it finds.
    fn taking<T, F: FnMut(&Entry) -> Option<T> + Send + 'static>(
        &self,
        key: Option<Key>,
        mut search: F,
    ) -> impl FnMut(&Entry) -> Option<T> + Send + use<T, F> {
        let (taken, starts) = (Arc::clone(&self.taken), Arc::clone(&self.starts));
        // If all entries so far have been consumed, later waits with this key can skip them.
        let mut all_are_taken = true;
        move |entry| {
            if taken.contains(entry) {
                return None;
            }
            // No lock is held while test code runs, so another wait may have consumed the entry by
            // now.
            let found = search(entry).filter(|_| taken.take(entry));
            if found.is_some() && all_are_taken {
                let mut starts = starts.lock();
                let start = starts.entry(key).or_default();
                // Two waits may run at the same time, and the later one may be ahead.
                *start = entry.index().max(*start);
            } else {
                all_are_taken = false;
            }
            found
        }
    }
}

impl fmt::Debug for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogCursor").field("view", &self.log.filter).finish_non_exhaustive()
    }
}
