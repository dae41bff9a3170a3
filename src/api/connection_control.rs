//! Actions of a test on a connection: close, reset, stall, limit, and frames to the client.

use std::sync::Arc;

use crate::api::connection::Connection;
use crate::engine::control::Control;
use crate::engine::io::Way;
use crate::hook::delivery::Corruption;
use crate::log::entry::Direction;
use crate::proto::close::{Close, CloseCode};
use crate::proto::frame::Frame;
use crate::proto::payload::Payload;

/// Actions, which take effect immediately.
impl Connection {
    /// Closes the connection with a close frame, whose reason is truncated to 123 bytes. Frames
    /// that are queued leave before it; frames that hooks delay or hold are dropped. The close
    /// frame of a stalled client waits until [`Connection::resume`].
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.connection("alice").close(CloseCode::SERVICE_RESTART, "maintenance");
    /// assert!(!alice.is_connected());
    /// ```
    pub fn close(&self, code: CloseCode, reason: impl Into<String>) -> bool {
        self.control(Control::Close(Close::new(code, &reason.into())))
    }

    /// Resets the connection: the client gets no close frame, but a reset if it is connected over
    /// TCP. Queued frames are lost.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert!(room.connection("alice").reset());
    /// assert!(!alice.is_connected());
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most tests know that the connection is open")]
    pub fn reset(&self) -> bool {
        self.control(Control::Reset)
    }

    /// Ends the session as if its time were up: the client gets ERROR 401 and a close frame.
    /// [`Handle::advance`](crate::Handle::advance) expires all sessions that are due, this only
    /// one.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert!(room.connection("alice").expire_session());
    /// alice.expect_error(ErrorCode::Unauthorized).wait();
    /// assert!(!alice.is_connected());
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most tests know that the connection is open")]
    pub fn expire_session(&self) -> bool {
        self.control(Control::Expire)
    }

    /// Stalls the connection: it stays open and in its room, but is neither read nor written until
    /// [`Connection::resume`]. A network that loses all packets for a while behaves like this.
    ///
    /// Frames for it are withheld, and the log says so. Like a client that does not read, a
    /// connection for which more than 16 MiB wait is dropped.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// room.connection("alice").stall();
    /// bob.send_message("hello");
    /// bob.expect_message("hello").wait();
    /// assert!(alice.received().is_empty());
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most tests know that the connection is open")]
    pub fn stall(&self) -> bool {
        self.control(Control::Stall)
    }

    /// Ends a stall that [`Connection::stall`] or a hook has begun. Nothing is lost: the client
    /// gets all withheld frames in order, and then the close frame if the connection was closed
    /// meanwhile; the frames that it has sent meanwhile are read now.
    ///
    /// Returns `true` and changes nothing if the connection is not stalled. A connection that the
    /// service or the test has closed during its stall is resumed, too.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// let connection = room.connection("alice");
    /// connection.stall();
    /// bob.send_message("hello");
    /// connection.resume();
    /// alice.expect_message("hello").wait();
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most tests know that the connection is open")]
    pub fn resume(&self) -> bool {
        self.control(Control::Resume)
    }

    /// Limits the bytes per second of real time in one direction: [`Direction::Inbound`] is from
    /// the client to the mock. A later limit replaces an earlier one.
    ///
    /// Returns `false` for a participant, too, because its frames are not moved as bytes.
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, log::Direction};
    ///
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// for connection in room.connections() {
    ///     connection.limit_bandwidth(Direction::Outbound, 10_000);
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If the limit is 0: [`Connection::stall`] does that.
    #[expect(clippy::must_use_candidate, reason = "most tests know that the connection is open")]
    #[track_caller]
    pub fn limit_bandwidth(&self, direction: Direction, bytes_per_second: u32) -> bool {
        assert!(bytes_per_second > 0, "`limit_bandwidth` needs at least 1 byte per second");
        self.throttle(direction, Some(bytes_per_second))
    }

    /// Lifts the limit in one direction that [`Connection::limit_bandwidth`] or a hook has set.
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, log::Direction};
    ///
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.connection("alice").unlimit_bandwidth(Direction::Outbound);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most tests know that the connection is open")]
    pub fn unlimit_bandwidth(&self, direction: Direction) -> bool {
        self.throttle(direction, None)
    }

    fn throttle(&self, direction: Direction, bytes_per_second: Option<u32>) -> bool {
        let way = match direction {
            Direction::Inbound => Way::Inbound,
            Direction::Outbound => Way::Outbound,
        };
        self.control(Control::Throttle { way, bytes_per_second })
    }

    /// Sends a chat frame to this connection only, as if the service had sent it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// use mock_ivs_chat::ChatEvent;
    ///
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.connection("alice").push_frame(ChatEvent::new("Event0000009", "app:poll"));
    /// alice.expect_event("app:poll").wait();
    /// ```
    pub fn push_frame(&self, frame: impl Into<Frame>) -> bool {
        self.control(Control::Push(Payload::from_frame(frame.into())))
    }

    /// Sends any text as a text frame to this connection only.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.connection("alice").push_text("no JSON");
    /// assert!(ivs.log().to_string().ends_with("  alice < no JSON\n"));
    /// ```
    pub fn push_text(&self, text: impl Into<String>) -> bool {
        self.control(Control::Push(Payload::from_text(text.into())))
    }

    /// Sends a chat frame in a form in which it should not arrive.
    /// [`Corruption::Truncated`] ends the connection as well.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// use mock_ivs_chat::{ChatError, ErrorCode, hook::Corruption};
    ///
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// let error = ChatError::new("Error0000009", ErrorCode::TooManyRequests, "slow down");
    /// room.connection("alice").push_corrupted(error, Corruption::MissingMember("Id".into()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the frame would be larger than [`Corruption::Oversize`] allows.
    #[track_caller]
    pub fn push_corrupted(&self, frame: impl Into<Frame>, corruption: Corruption) -> bool {
        if let Some(fault) = corruption.fault() {
            panic!("{fault}");
        }
        let text = frame.into().encode();
        self.control(Control::PushCorrupted { text, corruption })
    }

    /// Sends a ping with this content, of which at most 125 bytes are sent. A client responds with
    /// a pong; a participant does not.
    ///
    /// Documented: RFC 6455, section 5.5: the content of a control frame has at most 125 bytes.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.connection("alice").ping("are you there?");
    /// ```
    pub fn ping(&self, content: impl Into<Vec<u8>>) -> bool {
        let mut content = content.into();
        content.truncate(LONGEST_PING);
        self.control(Control::Push(Payload::Ping(Arc::new(content.into()))))
    }

    fn control(&self, control: Control) -> bool {
        self.handle.driver().control(self.id(), control)
    }
}

/// How many bytes a control frame carries.
const LONGEST_PING: usize = 125;
