//! Expectations: waits for entries of a log view, and assertions that there are none.

use std::panic::Location;

use crate::api::explanations::with_sections;
use crate::api::log::Log;
use crate::api::log_wait::{LogWait, SearchMany};
use crate::api::wait::{Wait, fail_with};
use crate::log::entry::Entry;
use crate::log::failure::{self, EntryName, Failure};
use crate::log::matcher::Matcher;
use crate::log::retention::LogRetention;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{ChatError, ChatEvent, ChatMessage};

/// Waits and assertions.
impl Log {
    /// Waits for the first entry of this view that matches, including those already recorded. Use
    /// [`Log::since`] to skip earlier ones.
    ///
    /// Prefer [`Log::expect`], which takes a matcher instead of a closure and therefore explains
    /// its failure better.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{MockIvsChat, log::EntryKind};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let entry = ivs.log().wait_for(|entry| entry.kind() == EntryKind::Connected).await;
    /// assert_eq!(entry.user_id(), Some("alice"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout; see [`Wait`]. This call itself panics if the
    /// conditions of the view exclude each other.
    #[track_caller]
    pub fn wait_for(
        &self,
        mut matches: impl FnMut(&Entry) -> bool + Send + 'static,
    ) -> Wait<Entry> {
        let search = move |entry: &Entry| matches(entry).then(|| entry.clone());
        LogWait::new(self, format!("an entry that matches{}", self.filter), search).into()
    }

    /// Waits for the first `count` entries of this view that match, including those already
    /// recorded.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{MockIvsChat, log::EntryKind};
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
    /// If `count` is 0, or if fewer entries match within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn wait_for_n(
        &self,
        count: usize,
        matches: impl FnMut(&Entry) -> bool + Send + 'static,
    ) -> Wait<Vec<Entry>> {
        let what = format!("{count} entries that match{}", self.filter);
        let search = search_many(count, matches);
        LogWait::new(self, what, search).into()
    }

    /// Waits for the first entry of this view that matches a matcher, including those already
    /// recorded. A failure names the nearest entry and the fields that differ.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// let entry = ivs.log().expect(Matcher::message().from("alice").content("hello")).await;
    /// assert_eq!(entry.message().unwrap().request_id, "alice-1");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout; see [`Wait`]. This call itself panics if the
    /// matcher and the view exclude each other, such as [`Matcher::message`] and
    /// [`EntryKind::FrameReceived`](crate::log::EntryKind::FrameReceived).
    #[track_caller]
    pub fn expect(&self, matcher: Matcher) -> Wait<Entry> {
        self.expect_as(matcher, |entry| Some(entry.clone()))
    }

    /// Waits for the first `count` entries of this view that match a matcher.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// alice.send_message("hello");
    /// ivs.log().expect_n(2, Matcher::message().content("hello")).await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0, if the matcher and the view exclude each other, or if fewer entries match
    /// within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn expect_n(&self, count: usize, matcher: Matcher) -> Wait<Vec<Entry>> {
        let wanted = matcher.clone();
        let what = format!("{count} × {matcher}{}", self.filter);
        let matches = move |entry: &Entry| wanted.matches(entry);
        let search = search_many(count, matches);
        LogWait::matching(self, what, matcher, search).into()
    }

    /// Waits for a MESSAGE with this content to any client.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// assert_eq!(ivs.log().expect_message("hello").await.sender.user_id, "alice");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn expect_message(&self, content: impl Into<String>) -> Wait<ChatMessage> {
        self.expect_as(Matcher::message().content(content), Entry::message)
    }

    /// Waits for an EVENT with this name to any client.
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
    /// If nothing matches within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn expect_event(&self, event_name: impl Into<String>) -> Wait<ChatEvent> {
        self.expect_as(Matcher::event(event_name), Entry::event)
    }

    /// Waits for an ERROR with this code to any client.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("");
    /// ivs.log().expect_error(ErrorCode::BadRequest).await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn expect_error(&self, error_code: ErrorCode) -> Wait<ChatError> {
        self.expect_as(Matcher::error(error_code), Entry::error)
    }

    /// Waits for a close frame with this code, from a client or from the service.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").disconnect();
    /// let entry = ivs.log().expect_close(CloseCode::NORMAL).await;
    /// assert_eq!(entry.user_id(), Some("alice"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn expect_close(&self, code: CloseCode) -> Wait<Entry> {
        self.expect(Matcher::close().close_code(code))
    }

    /// Waits for the first entry that matches a matcher, and converts it.
    #[track_caller]
    pub(crate) fn expect_as<T: 'static>(
        &self,
        matcher: Matcher,
        make: impl Fn(&Entry) -> Option<T> + Send + 'static,
    ) -> Wait<T> {
        let wanted = matcher.clone();
        let search = move |entry: &Entry| wanted.matches(entry).then(|| make(entry)).flatten();
        let what = format!("{matcher}{}", self.filter);
        LogWait::matching(self, what, matcher, search).into()
    }

    /// Asserts that no entry of this view matches so far.
    ///
    /// A frame still on its way to the mock is not in the log yet. Therefore wait first: for
    /// [`Handle::settled`](crate::Handle::settled), or for an event that happens after the unwanted
    /// one would have happened.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// alice.send_message("hello");
    /// ivs.log().expect_message("hello").wait();
    /// ivs.log().assert_none(Matcher::message().from("bob"));
    /// ```
    ///
    /// # Panics
    ///
    /// If an entry matches; the message shows it and the last entries of the log. Also if nothing
    /// can match: the log is off or has dropped entries of this view, the matcher and the view
    /// exclude each other, or a room, a hook or an event of the service has a name that does not
    /// exist.
    #[doc(alias("refute", "expect_none"))]
    #[track_caller]
    pub fn assert_none(&self, matcher: Matcher) {
        let caller = Location::caller();
        let is_off = self.driver.log_settings().retention == LogRetention::Off;
        let what = matcher.to_string();
        let (lanes, found) = (matcher.clone(), self.clone().matching(matcher).first());
        // Entries that were dropped matter only if none is found, because one that is found fails
        // the assertion in any case.
        let headline = match &found {
            None if is_off => format!("cannot assert that there is no {what}: the log is off"),
            None if self.driver.log_dropped() > self.filter.since => {
                let dropped = self.driver.log_dropped();
                format!(
                    "cannot assert that there is no {what}: \
                     the log has dropped its first {dropped} entries"
                )
            }
            None => match self.impossibility(&lanes) {
                Some(why) => format!("cannot assert that there is no {what}: {why}"),
                None => return,
            },
            Some(_) => String::new(),
        };
        let (entries, _) = self.driver.entries_since(0);
        let index = found.as_ref().map(Entry::index);
        let index =
            index.and_then(|number| entries.binary_search_by_key(&number, Entry::index).ok());
        let headline = match index {
            Some(index) => {
                let name = EntryName::new(&entries, index);
                format!("expected no {what}{}, found {name}", self.filter)
            }
            None => headline,
        };
        let lanes = failure::lane_of(&self.filter, Some(&lanes), &entries);
        let failure = Failure::new(headline, caller).naming(index).timeline(&entries, &lanes);
        fail_with(&self.driver, &with_sections(failure, &self.driver, &entries));
    }
}

/// A search for several entries.
#[track_caller]
fn search_many<F: FnMut(&Entry) -> bool + Send>(count: usize, matches: F) -> SearchMany<F> {
    assert!(
        count > 0,
        "`count` must not be 0; to assert that nothing matches, use `Log::assert_none`"
    );
    SearchMany { count, found: Vec::new(), matches }
}
