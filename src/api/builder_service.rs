//! Settings of [`MockIvsChatBuilder`]: those of the service where its behavior is not known or has changed.

use std::time::Duration;

use crate::api::builder::MockIvsChatBuilder;

impl MockIvsChatBuilder {
    /// Sets how long a chat token can be redeemed, if its session does not end earlier: an hour
    /// unless set. It was a minute when the service was new.
    ///
    /// Observed: the official JavaScript SDK refreshes its token a minute before it expires, or half
    /// a minute if it is short. Below 31 s and above 24 days it does so without end.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().token_lifetime(Duration::from_secs(60)).start();
    /// ```
    pub const fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// Lets a chat token be redeemed for one minute: short for
    /// [`token_lifetime`](Self::token_lifetime) of 60 s. With the default of one hour, the code
    /// that renews a client's token hardly ever runs in a test.
    ///
    /// Documented: a token is valid for "a brief period". Observed: one minute, in 2022 and in an
    /// AWS sample of 2024.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::builder().short_lived_tokens().start();
    /// let room = ivs.create_room("lobby");
    /// let token = room.chat_token("alice").create();
    /// ivs.advance(Duration::from_secs(61));
    /// assert!(token.token_expiration_time < ivs.now());
    /// ```
    pub const fn short_lived_tokens(self) -> Self {
        self.token_lifetime(Duration::from_secs(60))
    }

    /// Removes white space around the `Content` of a message before the service counts its
    /// characters. Unless set, white space counts, and is delivered.
    ///
    /// Observed: an AWS demo relies on the service to do so. It is not known whether it does.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().trim_content().start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// alice.send_message(format!("hello{}", " ".repeat(500)));
    /// alice.expect_message("hello").wait();
    /// ```
    pub const fn trim_content(mut self) -> Self {
        self.settings.trims_content = true;
        self
    }

    /// Leaves the deprecated attribute `MessageID` out of the event `aws:DELETE_MESSAGE`, to find
    /// clients that read it instead of `MessageId`.
    ///
    /// Documented: the event has both, and `MessageID` is deprecated.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().omit_deprecated_message_id().start();
    /// let room = ivs.create_room("lobby");
    /// let alice = room.participant("alice");
    /// room.delete_message("Message00001", "");
    /// let attributes = alice.expect_event("aws:DELETE_MESSAGE").wait().attributes.unwrap();
    /// assert_eq!(attributes.get("MessageId").map(String::as_str), Some("Message00001"));
    /// assert!(!attributes.contains_key("MessageID"));
    /// ```
    pub const fn omit_deprecated_message_id(mut self) -> Self {
        self.settings.omits_deprecated_message_id = true;
        self
    }

    /// Leaves `Reason` out of the events of deletions and disconnections that have none, instead
    /// of writing it empty. It is not known which of the two the service does.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().omit_empty_reason().start();
    /// let room = ivs.create_room("lobby");
    /// let alice = room.participant("alice");
    /// room.delete_message("Message00001", "");
    /// let event = alice.expect_event("aws:DELETE_MESSAGE").wait();
    /// assert!(!event.attributes.unwrap().contains_key("Reason"));
    /// ```
    pub const fn omit_empty_reason(mut self) -> Self {
        self.settings.omits_empty_reason = true;
        self
    }

    /// Refuses calls of unknown paths with 404 `UnknownOperationException`, and throttles
    /// operations whose own page does not document 429 with 400.
    ///
    /// Documented: the list "Common Errors" of the API reference has these statuses. Unless this is
    /// set, the mock responds as Amazon API Gateway does, which seems to stand in front of the
    /// service: with 403 `MissingAuthenticationTokenException`, and with 429.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, Quota, Quotas};
    /// # use serde_json::json;
    /// let quotas = Quotas::aws().with(Quota::Operation(Operation::CreateRoom), 1);
    /// let ivs = MockIvsChat::builder().quotas(quotas).common_error_statuses().start();
    /// ivs.create_room("lobby");
    /// let refused = ivs.call(Operation::CreateRoom, json!({})).unwrap_err();
    /// assert_eq!((refused.status(), refused.name()), (400, "ThrottlingException"));
    /// ```
    pub const fn common_error_statuses(mut self) -> Self {
        self.settings.has_common_error_statuses = true;
        self
    }

    /// Lets a client whose token is invalid, or whose room was deleted, finish its handshake, and
    /// closes the connection immediately: with code 1000 and a reason in JSON that has `ErrorCode` and
    /// `ErrorMessage`. Otherwise the handshake is refused with the HTTP status 401 or 404.
    ///
    /// Observed: an early AWS client expects such a close frame when its token has expired. The
    /// JavaScript SDK distinguishes the two: it retries after a refusal, but not after a close
    /// frame.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().close_refused_handshakes().start();
    /// ```
    pub const fn close_refused_handshakes(mut self) -> Self {
        self.settings.closes_refused_handshakes = true;
        self
    }
}
