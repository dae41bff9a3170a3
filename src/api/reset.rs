//! Reset: a mock that is shared by several tests, as good as new.

use crate::api::handle::Handle;

impl Handle {
    /// Makes the mock as good as new: drops all hooks, deletes all rooms and clears the log, as
    /// [`Handle::reset_hooks`], [`Handle::reset_rooms`] and [`Handle::clear_log`] do, in this order.
    ///
    /// It is for a mock that several tests share. Ports, settings, the clock, gates and outages
    /// stay as they are.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().expect(1..).ignore();
    /// ivs.reset();
    /// assert!(!alice.is_connected());
    /// assert!(ivs.log().entries().is_empty());
    /// ivs.verify();
    /// ```
    pub fn reset(&self) {
        self.reset_hooks();
        self.reset_rooms();
        self.clear_log();
    }

    /// Drops all hooks and review handlers together with their expectations. If those matter, call
    /// [`Handle::verify`] first. Events that they delay or hold are unaffected.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().ignore();
    /// ivs.reset_hooks();
    /// alice.send_message("hello");
    /// alice.expect_message("hello").wait();
    /// ```
    pub fn reset_hooks(&self) {
        self.driver().reset_hooks();
    }

    /// Deletes all rooms, chat tokens, logging configurations and chat logs, and resets the counts
    /// of quotas. Connections are closed with code 1001, which DeleteRoom does not do. IDs continue
    /// to count up, so a client of an earlier test cannot take a new room for its own.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.reset_rooms();
    /// assert!(!alice.is_connected());
    /// assert_eq!(ivs.create_room("lobby").id(), "Room00000002");
    /// ```
    pub fn reset_rooms(&self) {
        self.driver().reset_rooms();
    }

    /// Drops all entries of the log. The indexes of later entries continue, so marks stay valid.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.clear_log();
    /// assert!(ivs.log().entries().is_empty());
    /// ```
    pub fn clear_log(&self) {
        self.driver().clear_log();
    }
}
