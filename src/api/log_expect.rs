//! Expectations: looking through a view of the log for what comes, and for what must not have come.

use std::panic::Location;

use crate::api::log::Log;
use crate::api::wait::{SearchMany, Wait, with_sections};
use crate::log::entry::Entry;
use crate::log::failure::{self, EntryName, Failure};
use crate::log::matcher::Pattern;
use crate::log::retention::Recording;
use crate::log::timeline;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{Error, Event, Message};

/// Looking through a view for what comes, and for what must not have come.
impl Log {
    /// Waits for the first entry of this view that matches, also among those that are there
    /// already; [`Log::since`] tells where to begin.
    ///
    /// [`Log::expect`] takes a pattern instead of a closure, and so can explain its failure
    /// better.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{EntryKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let entry = ivs.log().wait_for(|entry| entry.kind() == EntryKind::Connected).await;
    /// assert_eq!(entry.user_id(), Some("alice"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn wait_for(
        &self,
        mut matches: impl FnMut(&Entry) -> bool + Send + 'static,
    ) -> Wait<Entry> {
        let search = move |entry: &Entry| matches(entry).then(|| entry.clone());
        Wait::new(self, format!("an entry that matches{}", self.filter), search)
    }

    /// Waits as [`Log::wait_for`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{EntryKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.log().wait_for_blocking(|entry| entry.kind() == EntryKind::Connected);
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn wait_for_blocking(&self, matches: impl FnMut(&Entry) -> bool + Send + 'static) -> Entry {
        self.wait_for(matches).block()
    }

    /// Waits for the first `count` entries of this view that match.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{EntryKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// let connected = ivs.log().wait_for_n(2, |entry| entry.kind() == EntryKind::Connected).await;
    /// assert_eq!(connected[1].user_id(), Some("bob"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0, or when polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn wait_for_n(
        &self,
        count: usize,
        matches: impl FnMut(&Entry) -> bool + Send + 'static,
    ) -> Wait<Vec<Entry>> {
        assert!(count > 0, "there is nothing to wait for; `Log::refute` asserts that none came");
        let what = format!("{count} entries that match{}", self.filter);
        Wait::new(self, what, SearchMany { count, found: Vec::new(), matches })
    }

    /// Waits as [`Log::wait_for_n`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{EntryKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.log().wait_for_n_blocking(1, |entry| entry.kind() == EntryKind::Connected);
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0, or after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn wait_for_n_blocking(
        &self,
        count: usize,
        matches: impl FnMut(&Entry) -> bool + Send + 'static,
    ) -> Vec<Entry> {
        self.wait_for_n(count, matches).block()
    }

    /// Waits for the first entry of this view that matches a pattern, also among those that are
    /// there already. A failure names the entry that came nearest, and what differs.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// let entry = ivs.log().expect(Pattern::message().from("alice").content("hello")).await;
    /// assert_eq!(entry.message().unwrap().request_id, "alice-1");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect(&self, pattern: Pattern) -> Wait<Entry> {
        self.expect_as(pattern, |entry| Some(entry.clone()))
    }

    /// Waits as [`Log::expect`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().from("alice").content("hello"));
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[expect(clippy::must_use_candidate, reason = "to have waited may be all that is wanted")]
    #[track_caller]
    pub fn expect_blocking(&self, pattern: Pattern) -> Entry {
        self.expect(pattern).block()
    }

    /// Waits for the first `count` entries of this view that match a pattern.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// alice.say("hello");
    /// ivs.log().expect_n(2, Pattern::message().content("hello")).await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0, or when polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_n(&self, count: usize, pattern: Pattern) -> Wait<Vec<Entry>> {
        let wanted = pattern.clone();
        let mut wait = self.wait_for_n(count, move |entry| wanted.matches(entry));
        wait.what = format!("{count} × {pattern}{}", self.filter);
        wait.matching(pattern)
    }

    /// Waits as [`Log::expect_n`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_n_blocking(1, Pattern::message().content("hello"));
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0, or after the limit of the mock; see [`Wait`].
    #[expect(clippy::must_use_candidate, reason = "to have waited may be all that is wanted")]
    #[track_caller]
    pub fn expect_n_blocking(&self, count: usize, pattern: Pattern) -> Vec<Entry> {
        self.expect_n(count, pattern).block()
    }

    /// Waits for a MESSAGE of that content to any client.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// assert_eq!(ivs.log().expect_message("hello").await.sender.user_id, "alice");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_message(&self, content: impl Into<String>) -> Wait<Message> {
        self.expect_as(Pattern::message().content(content), Entry::message)
    }

    /// Waits as [`Log::expect_message`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// assert_eq!(ivs.log().expect_message_blocking("hello").sender.user_id, "alice");
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`]. In a closure that the mock calls, and on the
    /// test's thread if the mock runs there, at once.
    #[track_caller]
    pub fn expect_message_blocking(&self, content: impl Into<String>) -> Message {
        self.expect_message(content).block()
    }

    /// Waits for an EVENT of that name to any client.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// ivs.log().expect_event("app:poll").await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_event(&self, event_name: &str) -> Wait<Event> {
        self.expect_as(Pattern::event(event_name), Entry::event)
    }

    /// Waits as [`Log::expect_event`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// # room.send_event("app:poll", [("question", "tea?")]);
    /// ivs.log().expect_event_blocking("app:poll");
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`]. In a closure that the mock calls, and on the
    /// test's thread if the mock runs there, at once.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "to have waited may be all that is wanted")]
    pub fn expect_event_blocking(&self, event_name: &str) -> Event {
        self.expect_event(event_name).block()
    }

    /// Waits for an ERROR of that code to any client.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("");
    /// ivs.log().expect_error(ErrorCode::BadRequest).await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_error(&self, error_code: ErrorCode) -> Wait<Error> {
        self.expect_as(Pattern::error(error_code), Entry::error)
    }

    /// Waits as [`Log::expect_error`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("");
    /// ivs.log().expect_error_blocking(ErrorCode::BadRequest);
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`]. In a closure that the mock calls, and on the
    /// test's thread if the mock runs there, at once.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "to have waited may be all that is wanted")]
    pub fn expect_error_blocking(&self, error_code: ErrorCode) -> Error {
        self.expect_error(error_code).block()
    }

    /// Waits for a close frame of that code, of a client or of the service.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").leave();
    /// let entry = ivs.log().expect_close(CloseCode::NORMAL).await;
    /// assert_eq!(entry.user_id(), Some("alice"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_close(&self, code: CloseCode) -> Wait<Entry> {
        self.expect(Pattern::close().close_code(code))
    }

    /// Waits as [`Log::expect_close`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").leave();
    /// ivs.log().expect_close_blocking(CloseCode::NORMAL);
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`]. In a closure that the mock calls, and on the
    /// test's thread if the mock runs there, at once.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "to have waited may be all that is wanted")]
    pub fn expect_close_blocking(&self, code: CloseCode) -> Entry {
        self.expect_close(code).block()
    }

    /// Waits for the first entry that matches a pattern, and makes something of it.
    #[track_caller]
    pub(crate) fn expect_as<T: 'static>(
        &self,
        pattern: Pattern,
        make: impl Fn(&Entry) -> Option<T> + Send + 'static,
    ) -> Wait<T> {
        let wanted = pattern.clone();
        let search = move |entry: &Entry| wanted.matches(entry).then(|| make(entry)).flatten();
        Wait::new(self, format!("{pattern}{}", self.filter), search).matching(pattern)
    }

    /// Asserts that nothing of this view matches a pattern by now.
    ///
    /// What is still on its way to the mock is not in the log yet: wait first for something that
    /// comes after what must not have come.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// alice.say("hello");
    /// ivs.log().expect_message_blocking("hello");
    /// ivs.log().refute(Pattern::message().from("bob"));
    /// ```
    ///
    /// # Panics
    ///
    /// If something matches, with the entry and the last entries of the log; or if the log is
    /// off.
    #[track_caller]
    pub fn refute(&self, pattern: Pattern) {
        let caller = Location::caller();
        let is_off = self.driver.log_settings().recording == Recording::Off;
        let what = pattern.to_string();
        let (lanes, found) = (pattern.clone(), self.clone().matching(pattern).first());
        let headline = match &found {
            None if is_off => format!("cannot refute {what}: the log is off"),
            None if self.driver.log_dropped() > self.filter.since => {
                let dropped = self.driver.log_dropped();
                format!("cannot refute {what}: the log has dropped its first {dropped} entries")
            }
            None => return,
            Some(_) => String::new(),
        };
        let (entries, _) = self.driver.entries_since(0);
        let index = found.as_ref().map(Entry::number);
        let index =
            index.and_then(|number| entries.binary_search_by_key(&number, Entry::number).ok());
        let headline = match (&found, index) {
            (Some(entry), Some(index)) => {
                // An entry has the number of its row in the timeline.
                let number = entries[timeline::row_start(&entries, index)].number();
                let name = EntryName { row: number, entry };
                format!("there should be no {what}{}, but there is {name}", self.filter)
            }
            _ => headline,
        };
        let lanes = failure::lane_of(&self.filter, Some(&lanes), &entries);
        let failure = Failure::new(headline, caller).naming(index).timeline(&entries, &lanes);
        panic!("{}", with_sections(failure, &self.driver, &entries));
    }
}
