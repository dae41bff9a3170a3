//! Received frames of a participant: waits that remove them, and assertions.

use std::sync::Arc;

use crate::api::log::Log;
use crate::api::log_wait::LogWait;
use crate::api::participant::Participant;
use crate::api::wait::Wait;
use crate::log::entry::{Entry, EntryKind};
use crate::log::filter::Filter;
use crate::log::matcher::Matcher;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{ChatError, ChatEvent, ChatMessage, Frame};

impl Participant {
    /// Returns all frames that it has received, including those already removed.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_message("hello");
    /// assert_eq!(bob.received().len(), 1);
    /// ```
    #[must_use]
    pub fn received(&self) -> Vec<Frame> {
        self.log().into_iter().filter_map(|entry| entry.frame()).collect()
    }

    /// Removes and returns the next frame, waiting if there is none.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{Frame, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_message("hello");
    /// assert!(matches!(bob.receive().await, Frame::Message(_)));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If no frame arrives within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn receive(&self) -> Wait<Frame> {
        self.expect_as(
            Matcher::any().satisfying("is a frame", |entry| entry.frame().is_some()),
            Entry::frame,
        )
    }

    /// Removes and returns the next MESSAGE with this content, waiting if there is none.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_message("hello");
    /// bob.expect_message("hello").await;
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

    /// Removes and returns the next EVENT with this name, waiting if there is none.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let bob = room.participant("bob");
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// bob.expect_event("app:poll").await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn expect_event(&self, event_name: impl Into<String>) -> Wait<ChatEvent> {
        self.expect_as(Matcher::event(event_name.into()), Entry::event)
    }

    /// Removes and returns the next ERROR with this code, waiting if there is none.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_message("");
    /// bob.expect_error(ErrorCode::BadRequest).await;
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

    /// Waits for a close frame with this code and returns its reason.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let bob = room.participant("bob");
    /// room.disconnect_user("bob", "rude");
    /// assert_eq!(bob.expect_close(CloseCode::NORMAL).await, "rude");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn expect_close(&self, code: CloseCode) -> Wait<String> {
        self.expect_as(Matcher::close().close_code(code), |entry| {
            entry.close().map(|(_, reason)| reason.to_owned())
        })
    }

    /// Asserts that no MESSAGE with this content has arrived so far, removed or not. Wait for
    /// [`Handle::settled`](crate::Handle::settled) first if a client may still cause one.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.assert_no_message("hello");
    /// ```
    ///
    /// # Panics
    ///
    /// If one has arrived; see [`Log::assert_none`].
    #[doc(alias("refute_message", "expect_no_message"))]
    #[track_caller]
    pub fn assert_no_message(&self, content: impl Into<String>) {
        self.log().assert_none(Matcher::message().content(content));
    }

    /// Asserts that no EVENT with this name has arrived so far, removed or not. Wait for
    /// [`Handle::settled`](crate::Handle::settled) first if a client may still cause one.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.assert_no_event("app:poll");
    /// ```
    ///
    /// # Panics
    ///
    /// If one has arrived; see [`Log::assert_none`].
    #[track_caller]
    pub fn assert_no_event(&self, event_name: impl Into<String>) {
        self.log().assert_none(Matcher::event(event_name));
    }

    /// Asserts that no ERROR with this code has arrived so far, removed or not. Wait for
    /// [`Handle::settled`](crate::Handle::settled) first if a client may still cause one.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.assert_no_error(ErrorCode::BadRequest);
    /// ```
    ///
    /// # Panics
    ///
    /// If one has arrived; see [`Log::assert_none`].
    #[track_caller]
    pub fn assert_no_error(&self, error_code: ErrorCode) {
        self.log().assert_none(Matcher::error(error_code));
    }

    /// Asserts that no entry about this participant matches so far, consumed or not.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.assert_none(Matcher::message().containing("spam"));
    /// ```
    ///
    /// # Panics
    ///
    /// If an entry matches; see [`Log::assert_none`].
    #[track_caller]
    pub fn assert_none(&self, matcher: Matcher) {
        self.log().assert_none(matcher);
    }

    /// Waits for an entry about this participant that a matcher accepts, and consumes it.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_message("hello");
    /// let entry = bob.expect(Matcher::message().containing("ell")).wait();
    /// assert!(entry.text().unwrap().contains("hello"));
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout. This call itself panics if no entry about this
    /// participant can match, such as a MESSAGE to another user.
    #[track_caller]
    pub fn expect(&self, matcher: Matcher) -> Wait<Entry> {
        self.expect_as(matcher, |entry| Some(entry.clone()))
    }

    #[track_caller]
    fn expect_as<T: 'static>(
        &self,
        matcher: Matcher,
        make: impl Fn(&Entry) -> Option<T> + Send + 'static,
    ) -> Wait<T> {
        // From the first wait on, because a participant that never waits needs no index.
        self.handle.driver().follow(self.peer.connection, self.since);
        self.skip_taken();
        let (wanted, taken) = (matcher.clone(), Arc::clone(&self.taken));
        let search = move |entry: &Entry| {
            // `take` comes last, because an entry that does not match must stay available to other
            // waits.
            wanted.matches(entry).then(|| make(entry)).flatten().filter(|_| taken.take(entry))
        };
        let what = matcher.to_client(&self.peer.label);
        LogWait::matching(&self.log(), what, matcher, search).starting_at(self.taken.start()).into()
    }

    /// Moves the start of later waits past the entries that have been removed. Each entry is passed
    /// only once in the life of a participant, so the cost of a wait does not grow with the log.
    fn skip_taken(&self) {
        let wanted = self.filter().selection(None);
        loop {
            let batch = self.handle.driver().read_log(wanted, self.taken.start(), FEW);
            for entry in &batch.entries {
                let is_left = matches!(entry.kind(), EntryKind::FrameSent | EntryKind::Closed)
                    && !self.taken.contains(entry);
                // Only a prefix is skipped. An entry that no wait consumes makes each later wait
                // start there.
                if is_left {
                    return;
                }
                self.taken.set_start(entry.index() + 1);
            }
            if batch.is_last {
                return;
            }
            self.taken.set_start(batch.next);
        }
    }

    fn filter(&self) -> Filter {
        Filter::of_connection(self.peer.connection, &self.peer.label)
    }

    fn log(&self) -> Log {
        Log { driver: Arc::clone(self.handle.driver()), filter: self.filter() }
    }
}

/// The number of frames read at a time when looking for the first one not yet removed.
const FEW: usize = 4;
