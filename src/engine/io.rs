//! Inputs and outputs: everything that reaches the engine, and everything that follows from it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::engine::control::Control;
use crate::engine::questions::{Ancestry, QuestionId};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::{GateId, HookId};
use crate::hook::registry::AnyRule;
use crate::log::record::{Caller, HandshakeRefused, OutageEvent, Peer};
use crate::log::unserved::Unserved;
use crate::proto::close::{Close, CloseCode};
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::proto::wire_frame::WireFrame;
use crate::service::ConnectionId;
use crate::service::control::ControlResult;

/// Identifies a WebSocket handshake until its response.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct HandshakeId(pub(crate) u64);

/// Identifies an HTTP call until its response.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct CallId(pub(crate) u64);

/// Identifies something that waits for real time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TimerId(pub(crate) u64);

/// Identifies a review handler of the test.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct HandlerId(pub(crate) u64);

/// Identifies a closure of the test, which the driver has.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum ClosureId {
    Hook(HookId),
    Handler(HandlerId),
}

/// Something that reaches the engine.
#[derive(Debug)]
pub(crate) enum Input {
    /// A client asks for a WebSocket.
    Handshake {
        id: HandshakeId,
        token: Option<String>,
        path: String,
        headers: Headers,
        peer_ip: Option<String>,
    },
    /// A client asks for a WebSocket in a way that breaks RFC 6455.
    InvalidHandshake { status: u16, message: String, headers: Headers },
    /// A client ended its stream before the response to its handshake. The token stays unused.
    HandshakeAbandoned(HandshakeId),
    /// A client did not wait for the response to a handshake, or to a call of an operation.
    GaveUp { operation: Option<Operation>, user_id: Option<String> },
    /// A participant connects. The engine returns [`Reply::Joined`].
    Join { token: String },
    /// A frame arrived from a client or a participant.
    Frame { connection: ConnectionId, payload: Payload },
    /// The client ends its connection.
    Ending { connection: ConnectionId, ending: Ending },
    /// The client reads too slowly: its send queue is full.
    Overflow { connection: ConnectionId },
    /// A client calls an operation over HTTP.
    Call {
        id: CallId,
        origin: Caller,
        operation: Operation,
        request: Map<String, Value>,
        body: String,
    },
    /// An HTTP request that is not a call of any operation, or that was refused before it was one.
    InvalidCall {
        origin: Caller,
        operation: Option<Operation>,
        body: String,
        exception: Box<Exception>,
    },
    /// The test calls an operation. The engine returns [`Reply::Called`].
    TestCall { operation: Operation, request: Map<String, Value>, body: String },
    /// A closure has answered.
    Answered { question: QuestionId, answer: Answer },
    /// The real time of a delay has passed.
    RealTimeElapsed(TimerId),
    /// The test sets something up.
    Arrange(Box<Arrangement>),
    /// The test advances the clock by this duration. Events that become due are handled by
    /// [`Engine::handle_timeout`](crate::engine::Engine::handle_timeout).
    Advance(Duration),
    /// The test acts on a connection. The engine returns [`Reply::Controlled`].
    Control { connection: ConnectionId, control: Control },
    /// The test deletes all rooms, with everything in them, and ends all connections.
    ResetRooms,
    /// The test drops all entries of the log.
    ClearLog,
    /// A stream ended before a request was served on it.
    Unserved(Unserved),
    /// All connections end, and the log says so.
    Outage(OutageEvent),
    /// Clients can connect again.
    OutageEnded,
    /// The mock ends: its streams do, too, but participants can still talk to each other.
    Shutdown,
    /// An input that closures have caused.
    FromClosures { ancestry: Ancestry, input: Box<Self> },
}

impl Input {
    pub(crate) fn arrange(arrangement: Arrangement) -> Self {
        Self::Arrange(Box::new(arrangement))
    }
}

/// A direction of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// From the client to the mock.
    Inbound,
    /// From the mock to the client.
    Outbound,
}

/// How a client ends its connection.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It sent a close frame.
    Close(Close),
    /// It broke the WebSocket protocol.
    ProtocolError { code: CloseCode, reason: String },
    /// Its stream is gone.
    Stream,
}

/// Something that the test sets up.
#[derive(Debug)]
pub(crate) enum Arrangement {
    /// The test installs a hook. The engine returns [`Reply::Installed`].
    InstallHook(Box<AnyRule>),
    RemoveHook(HookId),
    RemoveAllHooks,
    /// The test drops all hooks and review handlers, and everything that reports say about them.
    ResetHooks,
    /// The test cannot ask about a hook any more.
    ForgetHook(HookId),
    /// The test makes a gate. The engine returns [`Reply::Gate`].
    AddGate,
    OpenGate(GateId),
    /// The test releases one event at a gate. The engine returns [`Reply::Released`].
    ReleaseOne(GateId),
    /// A handler of the test stands in for a Lambda function.
    SetReviewHandler {
        uri: String,
        handler: HandlerId,
    },
}

/// The answer of a closure.
#[derive(Debug)]
pub(crate) enum Answer {
    Verdict(HookVerdict),
    /// The closure panicked.
    Panicked,
    /// The closure could not be asked, because the mock has stopped.
    Unavailable,
}

/// Something that follows from inputs, to be carried out in order.
#[derive(Debug)]
pub(crate) enum Output {
    /// A frame leaves for these connections.
    Send { to: Vec<ConnectionId>, frame: WireFrame },
    /// The stream of a connection ends after what is queued, with a close frame if there is one.
    Finish { connection: ConnectionId, close: Option<Close> },
    /// The stream of a connection is reset, and the connection is gone.
    Reset(ConnectionId),
    /// The stream of a connection is neither read nor written any more.
    Stall(ConnectionId),
    /// The stream of a stalled connection is read and written again.
    Resume(ConnectionId),
    /// The stream of a connection carries at most this many bytes a second in one direction, or
    /// any number of them.
    Throttle { connection: ConnectionId, way: Way, bytes_per_second: Option<u32> },
    /// A connection is gone.
    Remove(ConnectionId),
    /// The response to a handshake.
    Handshake { id: HandshakeId, reply: HandshakeReply },
    /// The stream of a handshake carries at most this many bytes a second.
    LimitBandwidth { handshake: HandshakeId, bytes_per_second: u32 },
    /// The response to an HTTP call.
    Respond { id: CallId, reply: HttpReply },
    /// A closure has to decide about an event.
    Ask {
        question: QuestionId,
        closure: ClosureId,
        name: Arc<str>,
        event: HookEvent,
        ancestry: Ancestry,
    },
    /// The answer to a question does not matter any more.
    Withdraw(QuestionId),
    /// [`Input::RealTimeElapsed`] is due after this much real time.
    StartTimer { id: TimerId, duration: Duration },
    /// The result of a call of the test.
    Return(Reply),
}

/// The response to a handshake.
#[derive(Debug)]
pub(crate) enum HandshakeReply {
    Accept(ConnectionId),
    /// The handshake succeeds, and a close frame is all that follows.
    AcceptAndClose(ConnectionId, Close),
    Refuse {
        status: u16,
        message: String,
        headers: Headers,
    },
    Reset,
    /// No response follows, and the stream stays as it is.
    Never,
}

/// The response to an HTTP call.
#[derive(Debug)]
pub(crate) enum HttpReply {
    Response(ControlResult),
    /// A status and a body that no operation responds with.
    Raw {
        status: u16,
        body: String,
        headers: Headers,
    },
    /// A response that is cut within its head.
    CutHead(ControlResult),
    /// A response that is cut within its body.
    CutBody(ControlResult),
    Reset,
    /// No response follows, and the stream stays as it is.
    Never,
}

/// The result of a call of the test.
#[derive(Debug)]
pub(crate) enum Reply {
    Joined(Result<Arc<Peer>, Box<HandshakeRefused>>),
    Called(ControlResult),
    Installed(HookId),
    Gate(GateId),
    Released(bool),
    /// Whether the connection was still there to act on.
    Controlled(bool),
}
