//! Matchers for entries of the less frequent kinds, and for members of calls.

use crate::log::fields::Name;
use crate::log::matcher::Matcher;
use crate::service::quota::Quota;

impl Matcher {
    /// Matches the end of a connection without a close frame.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// let _alice = ivs.create_room("lobby").participant("alice");
    /// ivs.disconnect_all();
    /// ivs.log().expect(Matcher::disconnected().from("alice")).wait();
    /// ```
    pub fn disconnected() -> Self {
        Self::of_type("end without a close")
    }

    /// Matches a firing of the hook with this name.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_action().named("silence").ignore();
    /// ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::hook("silence")).wait();
    /// ```
    pub fn hook(name: impl Into<String>) -> Self {
        Self::of_type("hook").is(Name::Named, name)
    }

    /// Matches a refusal by this quota, whether it limits a rate, a number or a size. The entry has
    /// no connection, so the matcher has no [`Matcher::from`].
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Quota, Quotas, log::Matcher};
    /// let quota = Quota::MessagingRequestsPerConnection;
    /// let ivs = MockIvsChat::builder().quotas(Quotas::aws().with(quota, 1)).start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// alice.send_message("one");
    /// alice.send_message("two");
    /// ivs.log().expect(Matcher::quota_exceeded(quota)).wait();
    /// ```
    pub fn quota_exceeded(quota: Quota) -> Self {
        Self::of_type("exceeded quota").is(Name::Named, quota.to_string())
    }

    /// Matches a ping: of the service with [`Matcher::to`], of a client with [`Matcher::from`].
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.log().assert_none(Matcher::ping());
    /// ```
    pub fn ping() -> Self {
        Self::of_type("ping")
    }

    /// Matches a pong: of the service with [`Matcher::to`], of a client with [`Matcher::from`].
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.log().assert_none(Matcher::pong().from("alice"));
    /// ```
    pub fn pong() -> Self {
        Self::of_type("pong")
    }

    /// Narrows a matcher of requests or responses to those whose JSON body has this member. A
    /// value that is not a string is compared as JSON, such as `100` or `["a","b"]`.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.new_room("lobby").maximum_message_length(100).create();
    /// let request = Matcher::request(Operation::CreateRoom);
    /// ivs.log().expect(request.member("name", "lobby").member("maximumMessageLength", "100")).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If a matcher of requests is for an operation that has no such member.
    #[track_caller]
    pub fn member(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.is(Name::Member(name.into()), value)
    }
}
