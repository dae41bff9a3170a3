//! Participant: a user inside the mock, without a client or a socket.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::api::chat_token::ChatToken;
use crate::api::handle::Handle;
use crate::api::in_memory::ConnectError;
use crate::api::taken::Taken;
use crate::api::wait::fail;
use crate::log::record::{HandshakeRefused, Peer};
use crate::proto::attributes::Attributes;
use crate::proto::payload::Payload;
use crate::proto::sensitive::REDACTED;

/// A user who lives inside the mock.
///
/// A participant sends and receives the same frames as any client, but no bytes are moved. Received
/// frames are kept as in a mailbox: each `expect_…` removes the first frame that matches and leaves
/// the others for later. Its requests have the IDs `bob-1`, `bob-2` and so on.
///
/// Dropping it disconnects it.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.send_message("hello");
/// let message = bob.expect_message("hello").wait();
/// bob.delete_message(&message.id, "too loud");
/// let event = alice.expect_event("aws:DELETE_MESSAGE").wait();
/// assert_eq!(event.attributes.unwrap()["Reason"], "too loud");
/// ```
#[must_use = "a participant disconnects when it is dropped"]
pub struct Participant {
    pub(super) handle: Handle,
    pub(super) peer: Arc<Peer>,
    requests: AtomicU32,
    /// A log position before the first entry about its connection.
    pub(super) since: u64,
    pub(super) taken: Arc<Taken>,
}

/// Hides the user, as AWS's SDKs do.
impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant")
            .field("connection", &self.peer.connection.0)
            .field("user_id", &REDACTED)
            .field("room", &self.peer.room.label)
            .finish_non_exhaustive()
    }
}

impl Participant {
    #[track_caller]
    pub(crate) fn connect(handle: Handle, token: &ChatToken) -> Self {
        let driver = Arc::clone(handle.driver());
        match Self::try_connect(handle, token) {
            Ok(participant) => participant,
            Err(error) => fail(&driver, error),
        }
    }

    pub(crate) fn try_connect(handle: Handle, token: &ChatToken) -> Result<Self, ConnectError> {
        let participant = Self::join(handle, token);
        participant.map_err(|refused| {
            ConnectError::refused("participant", refused.status, refused.message)
        })
    }

    fn join(handle: Handle, token: &ChatToken) -> Result<Self, HandshakeRefused> {
        // Read before the connection exists, so that every entry about it is in the index.
        let since = handle.driver().log_length();
        let peer = handle.driver().join(&token.token)?;
        Ok(Self { handle, peer, requests: AtomicU32::new(0), since, taken: Arc::default() })
    }

    /// Returns the user ID.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.create_room("lobby").participant("bob").user_id(), "bob");
    /// ```
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.peer.user_id
    }

    /// Returns `true` if the connection is still open.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// assert!(bob.is_connected());
    /// ```
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.driver().is_connected(self.peer.connection)
    }

    /// Sends a message and returns its `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// assert_eq!(bob.send_message("hello"), "bob-1");
    /// ```
    #[doc(alias = "say")]
    #[track_caller]
    pub fn send_message(&self, content: impl Into<String>) -> String {
        let request_id = self.request_id();
        let (id, content) = (json!(request_id), json!(content.into()));
        self.send_raw(format!(
            r#"{{"Action":"SEND_MESSAGE","RequestId":{id},"Content":{content}}}"#
        ));
        request_id
    }

    /// Sends a message with attributes and returns its `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_message_with("hello", [("color", "red")]);
    /// assert_eq!(bob.expect_message("hello").wait().attributes.unwrap()["color"], "red");
    /// ```
    #[doc(alias = "say_with")]
    #[track_caller]
    pub fn send_message_with(
        &self,
        content: impl Into<String>,
        attributes: impl Into<Attributes>,
    ) -> String {
        let request_id = self.request_id();
        let (id, content, attributes) =
            (json!(request_id), json!(content.into()), json!(attributes.into()));
        self.send_raw(format!(
            r#"{{"Action":"SEND_MESSAGE","RequestId":{id},"Attributes":{attributes},"Content":{content}}}"#
        ));
        request_id
    }

    /// Requests the deletion of a message and returns the `RequestId`. The reason may be empty.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.delete_message("Message00001", "spam");
    /// bob.expect_event("aws:DELETE_MESSAGE").wait();
    /// ```
    #[track_caller]
    pub fn delete_message(&self, id: impl Into<String>, reason: impl Into<String>) -> String {
        self.moderate("DELETE_MESSAGE", "Id", &id.into(), &reason.into())
    }

    /// Requests that a user be disconnected and returns the `RequestId`. The reason may be empty.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// alice.disconnect_user("bob", "rude");
    /// assert!(!bob.is_connected());
    /// ```
    #[doc(alias = "kick")]
    #[track_caller]
    pub fn disconnect_user(&self, user_id: impl Into<String>, reason: impl Into<String>) -> String {
        self.moderate("DISCONNECT_USER", "UserId", &user_id.into(), &reason.into())
    }

    #[track_caller]
    fn moderate(&self, action: &str, member: &str, value: &str, reason: &str) -> String {
        let request_id = self.request_id();
        let (id, value) = (json!(request_id), json!(value));
        let reason = match reason {
            "" => String::new(),
            _ => format!(r#","Reason":{}"#, json!(reason)),
        };
        self.send_raw(format!(
            r#"{{"Action":"{action}","RequestId":{id},"{member}":{value}{reason}}}"#
        ));
        request_id
    }

    /// Sends any text as a frame.
    ///
    /// After the connection has ended, this has no effect, as for a client whose last frames never
    /// arrive. The failures of the test then say that the frame was not sent.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_raw("no JSON");
    /// bob.expect_error(ErrorCode::BadRequest).wait();
    /// ```
    #[track_caller]
    pub fn send_raw(&self, frame: impl Into<String>) {
        let driver = self.handle.driver();
        if !self.is_connected() {
            return driver.record_unsent(&self.peer.label, Location::caller());
        }
        // The connection may still end before `receive`. The engine then ignores the frame.
        let payload = Payload::from_client_text(frame.into());
        driver.receive(self.peer.connection, payload);
    }

    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{}-{number}", self.peer.label)
    }

    /// Disconnects with a close frame of code 1000.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("bob").disconnect();
    /// assert!(ivs.log().to_string().ends_with("bob closes 1000\n"));
    /// ```
    #[doc(alias = "leave")]
    pub fn disconnect(self) {
        drop(self);
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        let driver = self.handle.driver();
        driver.leave(self.peer.connection);
        driver.unfollow(self.peer.connection);
    }
}
