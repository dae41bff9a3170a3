//! Entry: one recorded event, as tests see it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::log::labels::Labels;
use crate::log::record::{Caller, Event, Record};
use crate::log::transcript;
use crate::proto::action::Action;
use crate::proto::close::{Close, CloseCode};
use crate::proto::frame::{ChatError, ChatEvent, ChatMessage, Frame};
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

/// One recorded event: a frame, a request, the start or end of a connection.
///
/// `Display` writes it as a line of the transcript. `Serialize` writes its members for snapshots in
/// YAML, JSON or RON; JSON payloads are written as data, with their members in alphabetical order.
/// [`Entry::bytes`] has the exact bytes.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, log::EntryKind};
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// alice.send_message("hello");
/// let sent = ivs.log().into_iter().find(|entry| entry.kind() == EntryKind::FrameSent).unwrap();
/// assert_eq!(sent.user_id(), Some("alice"));
/// assert_eq!(sent.message().unwrap().content, "hello");
/// ```
#[derive(Clone)]
pub struct Entry {
    pub(crate) number: u64,
    pub(crate) record: Record,
    pub(crate) hides_times: bool,
    /// The number of the mock, whose tokens renderings do not show.
    pub(crate) mock: u64,
}

/// The kind of an entry.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, log::EntryKind};
///
/// let ivs = MockIvsChat::start();
/// ivs.create_room("lobby");
/// let kinds: Vec<EntryKind> = ivs.log().into_iter().map(|entry| entry.kind()).collect();
/// assert_eq!(kinds, [EntryKind::Request, EntryKind::Response]);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The test advanced the clock.
    ClockAdvanced,
    /// A control plane response was sent.
    Response,
    /// A control plane request arrived, over HTTP or from the test.
    Request,
    /// A connection was closed by a close frame, from the service or the client.
    Closed,
    /// A handshake succeeded.
    Connected,
    /// A [`Quota`](crate::Quota) refused something: a rate, a number or a size is too large.
    QuotaExceeded,
    /// A client closed its stream before it received the response to its handshake or request.
    GaveUp,
    /// A connection ended without a closing handshake.
    Disconnected,
    /// A hook fired.
    HookFired,
    /// The test ended all connections or the mock, or made it reachable again.
    Outage,
    /// A frame from a client arrived.
    FrameReceived,
    /// A handshake was refused.
    HandshakeRefused,
    /// A message was reviewed.
    Reviewed,
    /// The test acted on a connection; see [`Connection`](crate::Connection).
    TestAction,
    /// The response to a request was ready when the connection of its client had ended already.
    Undelivered,
    /// A stream ended unserved: in an outage, within the head of a request or the TLS handshake, or
    /// because the client spoke another protocol.
    Unserved,
    /// A frame was sent to a client.
    FrameSent,
}

/// The direction of an entry, from the service's point of view.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, log::Direction};
///
/// let ivs = MockIvsChat::start();
/// ivs.create_room("lobby").participant("alice").send_message("hello");
/// let inbound = ivs.log().direction(Direction::Inbound);
/// assert_eq!(inbound.into_iter().filter_map(|entry| entry.action()).count(), 1);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// From a client or an application to the service.
    Inbound,
    /// From the service to a client or an application.
    Outbound,
}

impl Entry {
    /// Returns the position in the log, counted from 0.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[1].index(), 1);
    /// ```
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.number
    }

    /// Returns the time of the event on the mock clock.
    ///
    /// ```
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// # let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[0].at(), ivs.now());
    /// ```
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.record.at
    }

    /// Returns the index of the entry that caused this one, if there is one.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[1].cause(), Some(0));
    /// ```
    #[must_use]
    pub fn cause(&self) -> Option<u64> {
        self.is_effect().then_some(self.record.cause)
    }

    pub(crate) const fn is_effect(&self) -> bool {
        // An entry without a cause is recorded as its own cause.
        self.record.cause != self.number
    }

    /// Returns the kind of the entry.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::EntryKind};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[0].kind(), EntryKind::Request);
    /// ```
    #[must_use]
    pub const fn kind(&self) -> EntryKind {
        match &self.record.event {
            Event::ClockAdvanced(_) => EntryKind::ClockAdvanced,
            Event::Response(_) => EntryKind::Response,
            Event::Request(_) => EntryKind::Request,
            Event::ClosedByService(_) | Event::ClosedByClient(_) => EntryKind::Closed,
            Event::Connected(_) => EntryKind::Connected,
            Event::QuotaExceeded { .. } => EntryKind::QuotaExceeded,
            Event::GaveUp(_) => EntryKind::GaveUp,
            Event::Disconnected => EntryKind::Disconnected,
            Event::HookFired(_) => EntryKind::HookFired,
            Event::Outage(_) => EntryKind::Outage,
            Event::FrameReceived(_) => EntryKind::FrameReceived,
            Event::HandshakeRefused(_) => EntryKind::HandshakeRefused,
            Event::Reviewed(_) => EntryKind::Reviewed,
            Event::TestAction(_) => EntryKind::TestAction,
            Event::Undelivered(_) => EntryKind::Undelivered,
            Event::Unserved(_) => EntryKind::Unserved,
            Event::FrameSent(_) => EntryKind::FrameSent,
        }
    }

    /// Returns the direction; `None` if the entry has no direction.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Direction};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[1].direction(), Some(Direction::Outbound));
    /// ```
    #[must_use]
    pub const fn direction(&self) -> Option<Direction> {
        match &self.record.event {
            Event::Request(_)
            | Event::ClosedByClient(_)
            | Event::Connected(_)
            | Event::GaveUp(_)
            | Event::Disconnected
            | Event::Unserved(_)
            | Event::FrameReceived(_) => Some(Direction::Inbound),
            Event::Response(_)
            | Event::ClosedByService(_)
            | Event::HandshakeRefused(_)
            | Event::FrameSent(_) => Some(Direction::Outbound),
            // Entries of the test and of the mock itself, such as hooks, have no direction.
            _ => None,
        }
    }

    /// Returns the user of the entry's connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.log().into_iter().last().unwrap().user_id(), Some("alice"));
    /// ```
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.record.peer.as_ref().map(|peer| &*peer.user_id)
    }

    /// Returns the entry's connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.log().into_iter().last().unwrap().connection(), Some(alice.connection().id()));
    /// ```
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        self.record.peer.as_ref().map(|peer| peer.connection)
    }

    /// Returns the text of a text frame, or the body of a request or response, as it crossed the
    /// wire. Chat tokens are replaced, because they are never kept.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[0].text(), Some(r#"{"name":"lobby"}"#));
    /// ```
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.record.event {
            Event::FrameReceived(payload) | Event::FrameSent(payload) => payload.text(),
            Event::Request(called) => Some(&called.body),
            Event::Response(response) => Some(&response.body),
            _ => None,
        }
    }

    /// Returns the content of a frame of any kind, as it crossed the wire.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// let frame = ivs.log().into_iter().find_map(|entry| entry.bytes().map(<[u8]>::to_vec));
    /// assert!(frame.unwrap().starts_with(b"{"));
    /// ```
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.payload().map(|payload| &payload.bytes()[..])
    }

    fn payload(&self) -> Option<&Payload> {
        match &self.record.event {
            Event::FrameReceived(payload) | Event::FrameSent(payload) => Some(payload),
            _ => None,
        }
    }

    /// Returns the action of a client's frame, if the service could parse one.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// assert!(ivs.log().into_iter().any(|entry| entry.action().is_some()));
    /// ```
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        match &self.record.event {
            Event::FrameReceived(payload) => payload.publish()?.action.as_ref().ok().cloned(),
            _ => None,
        }
    }

    /// Returns the frame that was sent to a client, if it has one of the three types.
    ///
    /// ```
    /// # use mock_ivs_chat::{Frame, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// let frame = ivs.log().into_iter().find_map(|entry| entry.frame()).unwrap();
    /// assert!(matches!(frame, Frame::Message(_)));
    /// ```
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        self.sent_frame().cloned()
    }

    pub(crate) fn sent_frame(&self) -> Option<&Frame> {
        match &self.record.event {
            Event::FrameSent(payload) => payload.frame(),
            _ => None,
        }
    }

    /// Returns the MESSAGE that was sent to a client, if it is one.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// let message = ivs.log().into_iter().find_map(|entry| entry.message()).unwrap();
    /// assert_eq!(message.content, "hello");
    /// ```
    #[must_use]
    pub fn message(&self) -> Option<ChatMessage> {
        match self.sent_frame()? {
            Frame::Message(message) => Some(message.clone()),
            Frame::Event(_) | Frame::Error(_) => None,
        }
    }

    /// Returns the EVENT that was sent to a client, if it is one.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.send_event("app:hello", [("to", "all")]);
    /// let event = ivs.log().into_iter().find_map(|entry| entry.event()).unwrap();
    /// assert_eq!(event.event_name, "app:hello");
    /// ```
    #[must_use]
    pub fn event(&self) -> Option<ChatEvent> {
        match self.sent_frame()? {
            Frame::Event(event) => Some(event.clone()),
            Frame::Message(_) | Frame::Error(_) => None,
        }
    }

    /// Returns the ERROR that was sent to a client, if it is one.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("");
    /// let error = ivs.log().into_iter().find_map(|entry| entry.error()).unwrap();
    /// assert_eq!(error.error_code, ErrorCode::BadRequest);
    /// ```
    #[must_use]
    pub fn error(&self) -> Option<ChatError> {
        match self.sent_frame()? {
            Frame::Error(error) => Some(error.clone()),
            Frame::Message(_) | Frame::Event(_) => None,
        }
    }

    /// Returns the code and the reason of a close frame; the code is `None` for an empty frame.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.disconnect_user("alice", "rude");
    /// let close = ivs.log().into_iter().find_map(|entry| entry.close().map(|(c, r)| (c, r.to_owned())));
    /// assert_eq!(close, Some((Some(CloseCode::NORMAL), "rude".to_owned())));
    /// ```
    #[must_use]
    pub fn close(&self) -> Option<(Option<CloseCode>, &str)> {
        match &self.record.event {
            Event::ClosedByService(close) | Event::ClosedByClient(close) => {
                let Close { code, reason } = &**close;
                Some((*code, reason))
            }
            _ => None,
        }
    }

    /// Returns the operation of a request or response.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[0].operation(), Some(Operation::CreateRoom));
    /// ```
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match &self.record.event {
            Event::Request(called) => called.operation,
            Event::Response(response) | Event::Undelivered(response) => response.operation,
            _ => None,
        }
    }

    /// Returns the HTTP status of a response or of a refused handshake.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[1].status(), Some(200));
    /// ```
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match &self.record.event {
            Event::Response(response) | Event::Undelivered(response) => Some(response.status),
            Event::HandshakeRefused(refused) => Some(refused.status),
            _ => None,
        }
    }

    /// Returns the name of the hook that fired.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().named("silence").ignore();
    /// alice.send_message("hello");
    /// assert!(ivs.log().into_iter().any(|entry| entry.hook() == Some("silence")));
    /// ```
    #[must_use]
    pub fn hook(&self) -> Option<&str> {
        match &self.record.event {
            Event::HookFired(hooked) => Some(&hooked.hook.name),
            _ => None,
        }
    }

    /// Returns the access key ID of an HTTP request's signature, if it is signed.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[0].access_key_id(), None);
    /// ```
    #[must_use]
    pub fn access_key_id(&self) -> Option<&str> {
        match &self.record.event {
            Event::Request(called) => match &called.origin {
                Caller::Http { access_key_id, .. } => access_key_id.as_deref(),
                Caller::Test => None,
            },
            _ => None,
        }
    }

    /// Returns `true` if an HTTP request has a signature, valid or not.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert!(!ivs.log().entries()[0].is_signed());
    /// ```
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        match &self.record.event {
            Event::Request(called) => {
                matches!(&called.origin, Caller::Http { is_signed: true, .. })
            }
            _ => false,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Labels of one entry alone, so their numbers begin at 1 and may differ from those of a
        // whole log.
        transcript::write_entry(f, self, &mut Labels::new(self.hides_times))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}: {self})", self.number)
    }
}
