//! Record: the stored form of one log entry.

use std::sync::Arc;
use std::time::Duration;

use crate::hook::ids::GateId;
use crate::hook::origin::HookOrigin;
use crate::log::escape::named;
use crate::log::unserved::Unserved;
use crate::proto::capability::Capability;
use crate::proto::close::Close;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;
use crate::proto::payload::{Key, Payload};
use crate::proto::request::FallbackResult;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::quota::Quota;
use crate::service::room_names::RoomNames;
use crate::service::session::Refusal;

/// One recorded event.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    /// The number of the record that caused this one, or its own number if there is none.
    pub(crate) cause: u64,
    pub(crate) peer: Option<Arc<Peer>>,
    pub(crate) event: Event,
}

impl Record {
    /// Returns the key by which a search finds the record; see `Matcher::key`.
    pub(crate) fn key(&self) -> Option<Key> {
        match &self.event {
            // Each key has to be the one that `Matcher::key` makes of the same value. If only one
            // of them changes, waits skip the entries that they wait for.
            Event::FrameReceived(payload) | Event::FrameSent(payload) => payload.key(),
            Event::Request(called) => Some(Key::new("request", called.operation?.name())),
            Event::Response(response) => Some(Key::new("response", response.operation?.name())),
            Event::Connected(_) => Some(Key::new("connect", &self.peer.as_ref()?.user_id)),
            Event::HookFired(hooked) => Some(Key::new("hook", &hooked.hook.name)),
            Event::ClosedByService(close) | Event::ClosedByClient(close) => {
                Some(Key::new("close", &close.code?.to_string()))
            }
            _ => None,
        }
    }
}

/// The connection of a record.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) connection: ConnectionId,
    /// The user ID, followed by a number from the user's second connection on.
    pub(crate) label: String,
    pub(crate) user_id: Arc<str>,
    pub(crate) room: RoomNames,
    /// Whether the connection is that of a participant, who lives inside the mock.
    pub(crate) is_participant: bool,
}

/// The event. The variants are small, because there is one for each frame and recipient.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The clock was advanced.
    ClockAdvanced(Duration),
    /// A control plane response was sent.
    Response(Box<Response>),
    /// A control plane request arrived.
    Request(Box<Request>),
    /// The service closed a connection.
    ClosedByService(Box<Close>),
    /// The client closed a connection.
    ClosedByClient(Box<Close>),
    /// A handshake succeeded.
    Connected(Box<Connected>),
    /// A quota refused something.
    QuotaExceeded { quota: Quota, limit: u32 },
    /// A client ended its stream before its response.
    GaveUp(Box<GaveUp>),
    /// A connection ended without a closing handshake.
    Disconnected,
    /// A hook fired.
    HookFired(Box<HookFired>),
    /// The mock became unavailable to its clients, or available again.
    Outage(Box<OutageEvent>),
    /// A frame from a client arrived.
    FrameReceived(Payload),
    /// A handshake was refused.
    HandshakeRefused(Box<HandshakeRefused>),
    /// A message was reviewed.
    Reviewed(Box<Reviewed>),
    /// The test acted on a connection.
    TestAction(Box<TestAction>),
    /// The response to a call was ready after the connection of its client had ended.
    Undelivered(Box<Response>),
    /// A stream ended before the mock served a request on it.
    Unserved(Unserved),
    /// A frame was sent to a client.
    FrameSent(Payload),
}

impl Event {
    /// Returns `true` if a connection or an outage ends, as at the end of a test.
    pub(crate) fn is_end(&self) -> bool {
        match self {
            Self::ClosedByService(_) | Self::ClosedByClient(_) | Self::Disconnected => true,
            Self::Outage(outage) => matches!(**outage, OutageEvent::End | OutageEvent::Stop),
            _ => false,
        }
    }
}

/// The way in which the availability of the mock changed.
#[derive(Clone, Debug)]
pub(crate) enum OutageEvent {
    /// All connections were closed with a close frame.
    Close(Box<Close>),
    /// All connections were ended without a close frame.
    Disconnect,
    /// All connections were ended, and the port refuses new ones.
    Begin,
    /// The port accepts connections again.
    End,
    /// All connections were ended, and the same port accepts new ones.
    Restart,
    /// The mock was dropped.
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

/// A control plane request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) origin: Caller,
    pub(crate) operation: Option<Operation>,
    /// The body, as text.
    pub(crate) body: String,
}

/// The origin of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Caller {
    /// The test, by calling methods of the crate.
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

/// The response to a request.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) origin: Caller,
    pub(crate) operation: Option<Operation>,
    pub(crate) status: u16,
    /// The name of the exception, if there is one.
    pub(crate) exception: Option<String>,
    /// The body as text, without any chat token.
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
            (None, Some(user_id)) => format!("{} gives up on the handshake", named(user_id)),
            (None, None) => "a client gives up on the handshake".into(),
        }
    }
}

/// An accepted handshake, or a participant that connected.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(crate) capabilities: Box<[Capability]>,
    /// The headers of the handshake, without secrets; a participant has none.
    pub(crate) headers: Option<Headers>,
}

/// A refused handshake.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeRefused {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The label of the token, or the displayable part of an unknown token.
    pub(crate) token: Option<String>,
    /// The reason of the service, unless a hook refused the handshake.
    pub(crate) refusal: Option<Refusal>,
    /// The headers of the handshake, without secrets; a participant has none.
    pub(crate) headers: Option<Headers>,
}

/// The effect of a hook.
#[derive(Clone, Debug)]
pub(crate) struct HookFired {
    pub(crate) hook: Arc<HookOrigin>,
    /// The effect in words.
    pub(crate) effect: String,
    /// The frame that was dropped or replaced.
    pub(crate) payload: Option<Payload>,
    /// Until when the event waits, if that depends on the mock clock, the test or a client.
    pub(crate) until: Option<Until>,
    /// Whether the hook stopped the action of a client, for a while, for good, or in this form.
    pub(crate) stops_action: bool,
}

/// Until when a hook makes an event wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Until {
    /// The gate that holds the event is released.
    Gate(GateId),
    Time(Timestamp),
    /// Another frame is sent to the client.
    NextFrame,
    /// The client sends another action.
    NextAction,
    /// The test resumes the connection.
    Resume,
}

impl HookFired {
    pub(crate) fn new(hook: &Arc<HookOrigin>, effect: impl Into<String>) -> Self {
        let (hook, effect) = (Arc::clone(hook), effect.into());
        Self { hook, effect, payload: None, until: None, stops_action: false }
    }

    /// Returns the gate that holds the event.
    pub(crate) const fn gate(&self) -> Option<GateId> {
        match self.until {
            Some(Until::Gate(gate)) => Some(gate),
            _ => None,
        }
    }
}

/// An action of the test on a connection.
#[derive(Clone, Debug)]
pub(crate) struct TestAction {
    /// The action in words.
    pub(crate) effect: String,
    /// The frame that it kept from the client for now.
    pub(crate) payload: Option<Payload>,
}

/// The result of a message review.
#[derive(Clone, Debug)]
pub(crate) struct Reviewed {
    pub(crate) message_id: String,
    /// The result, in words.
    pub(crate) result: String,
    /// The failure, if the fallback result of the room decided.
    pub(crate) failure: Option<ReviewFailure>,
}

/// A review that failed.
#[derive(Clone, Debug)]
pub(crate) struct ReviewFailure {
    pub(crate) reviewer: Reviewer,
    /// The end of a sentence that begins with the reviewer.
    pub(crate) outcome: String,
    pub(crate) fallback: FallbackResult,
}

/// The latest hook or handler that has had a review.
#[derive(Clone, Debug)]
pub(crate) enum Reviewer {
    /// A handler, by its number; `None` if the test has set none.
    Handler(Option<u64>),
    Hook(Arc<HookOrigin>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_for_each_delivery_stays_small() {
        assert!(size_of::<Record>() <= 48, "{}", size_of::<Record>());
    }
}
