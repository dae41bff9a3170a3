//! Record: what the log keeps of one thing that happened.

use std::sync::Arc;
use std::time::Duration;

use crate::hook::ids::GateId;
use crate::proto::capability::Capability;
use crate::proto::close::Close;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;
use crate::proto::payload::{Key, Payload};
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::quota::Quota;
use crate::service::session::Refusal;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    /// The number of the record that this one follows from; its own number if from none.
    pub(crate) cause: u64,
    pub(crate) peer: Option<Arc<Peer>>,
    pub(crate) event: Event,
}

impl Record {
    /// The key that a search finds the record by; see `Matcher::key`.
    pub(crate) fn key(&self) -> Option<Key> {
        match &self.event {
            Event::FrameReceived(payload) | Event::FrameSent(payload) => payload.key(),
            Event::Request(called) => Some(Key::new("call", called.operation?.name())),
            Event::Response(answered) => Some(Key::new("answer", answered.operation?.name())),
            Event::Connected(_) => Some(Key::new("connect", &self.peer.as_ref()?.user_id)),
            Event::HookFired(hooked) => Some(Key::new("hook", &hooked.hook)),
            Event::ClosedByService(close) | Event::ClosedByClient(close) => {
                Some(Key::new("close", &close.code?.to_string()))
            }
            _ => None,
        }
    }
}

/// Whose connection a record is about.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) connection: ConnectionId,
    /// The user id, with a number behind it from the user's second connection on.
    pub(crate) label: String,
    pub(crate) user_id: Arc<str>,
    pub(crate) room: Arc<str>,
}

/// What happened. The variants are small, for there is one for each frame and recipient.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The clock was advanced.
    ClockAdvanced(Duration),
    /// An operation of the control plane was answered.
    Response(Box<Response>),
    /// An operation of the control plane was called.
    Request(Box<Request>),
    /// The service closed a connection.
    ClosedByService(Box<Close>),
    /// The client closed a connection.
    ClosedByClient(Box<Close>),
    /// A handshake succeeded.
    Connected(Box<[Capability]>),
    /// A quota refused something.
    QuotaExceeded { quota: Quota, limit: u32 },
    /// A client ended its stream before its request was answered.
    GaveUp(Box<GaveUp>),
    /// A connection ended without a closing handshake.
    Disconnected,
    /// A hook fired.
    HookFired(Box<HookFired>),
    /// The mock was taken from its clients.
    Outage(Box<OutageEvent>),
    /// A client's frame arrived.
    FrameReceived(Payload),
    /// A handshake was refused.
    HandshakeRefused(Box<HandshakeRefused>),
    /// A message was reviewed.
    Reviewed(Box<Reviewed>),
    /// The test acted on a connection.
    TestAction(Box<TestAction>),
    /// A stream ended before the mock served a request on it.
    Unserved(Unserved),
    /// A frame left for a client.
    FrameSent(Payload),
}

/// How the mock was taken from its clients.
#[derive(Clone, Debug)]
pub(crate) enum OutageEvent {
    /// All connections were closed, with a close frame.
    Close(Box<Close>),
    /// All connections were ended, without a close frame.
    Disconnect,
    /// Everything was cut, and the port refuses from now on.
    Begin,
    /// The port does not refuse any more.
    End,
    /// Everything was cut, and began anew on the same port.
    Restart,
    /// The mock has ended.
    Stop,
}

impl OutageEvent {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Close(_) => "close",
            Self::Disconnect => "disconnect",
            Self::Begin => "begin",
            Self::End => "end",
            Self::Restart => "restart",
            Self::Stop => "stop",
        }
    }
}

/// A call of the control plane.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) origin: Caller,
    pub(crate) operation: Option<Operation>,
    /// The body, as text.
    pub(crate) body: String,
}

/// Where a call came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Caller {
    /// The test itself, by the fixture's own methods.
    Test,
    /// A client, over HTTP.
    Http {
        method: String,
        path: String,
        access_key_id: Option<String>,
        is_signed: bool,
        /// The headers, without secrets.
        headers: Headers,
    },
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) origin: Caller,
    pub(crate) operation: Option<Operation>,
    pub(crate) status: u16,
    /// The name of the exception, if it is one.
    pub(crate) exception: Option<String>,
    /// The body, as text, without any chat token.
    pub(crate) body: String,
}

/// A request whose client did not wait for the response.
#[derive(Clone, Debug)]
pub(crate) struct GaveUp {
    /// The operation; `None` for a handshake.
    pub(crate) operation: Option<Operation>,
    /// The user of the handshake's token, if the token is known.
    pub(crate) user_id: Option<String>,
}

impl GaveUp {
    /// Returns the entry as a line.
    pub(crate) fn describe(&self) -> String {
        match (self.operation, &self.user_id) {
            (Some(operation), _) => format!("a client gives up on {operation}"),
            (None, Some(user_id)) => format!("{user_id} gives up on the handshake"),
            (None, None) => "a client gives up on the handshake".into(),
        }
    }
}

/// A refused handshake.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeRefused {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The label of the token that was offered, or what can be shown of it.
    pub(crate) token: Option<String>,
    /// What the service has against it, if it is the service that refuses.
    pub(crate) refusal: Option<Refusal>,
}

/// What a hook did.
#[derive(Clone, Debug)]
pub(crate) struct HookFired {
    pub(crate) hook: Arc<str>,
    /// What it did, in words.
    pub(crate) effect: String,
    /// The frame that it kept from going out as it was.
    pub(crate) payload: Option<Payload>,
    /// The gate that it made something wait at.
    pub(crate) gate: Option<GateId>,
}

/// What the test did to a connection.
#[derive(Clone, Debug)]
pub(crate) struct TestAction {
    /// What it did, in words.
    pub(crate) effect: String,
    /// The frame that it kept from the client for now.
    pub(crate) payload: Option<Payload>,
}

/// The reason for which a stream is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unserved {
    /// A client connected during an outage that cuts connections off.
    Outage,
    /// The client speaks HTTP/2, and does not ask whether the mock does.
    Http2,
    /// The client begins a TLS handshake on a port without TLS.
    Tls,
}

impl Unserved {
    /// Returns the entry as a line.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Outage => "a client connects during the outage and is cut off",
            Self::Http2 => "a client speaks HTTP/2, but the mock serves HTTP/1.1 only",
            Self::Tls => "a client begins a TLS handshake on a port without TLS",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Http2 => "http2",
            Self::Tls => "tls",
        }
    }
}

/// What came of a message's review.
#[derive(Clone, Debug)]
pub(crate) struct Reviewed {
    pub(crate) message_id: String,
    /// The result, in words.
    pub(crate) result: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_for_each_delivery_stays_small() {
        assert!(size_of::<Record>() <= 48, "{}", size_of::<Record>());
    }
}
