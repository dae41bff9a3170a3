//! What closures of hooks are shown: one type for each place.

use serde_json::{Map, Value};

use crate::proto::action::Action;
use crate::proto::frame::Frame;
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

/// A frame of a client, as a hook on actions is shown it.
///
/// ```
/// use mock_ivs_chat::{ActionVerdict, ErrorCode, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// ivs.on_action_with("no shouting", |inbound| {
///     if inbound.text.contains("!!!") {
///         ActionVerdict::reject(ErrorCode::NotAcceptable, "no shouting")
///     } else {
///         ActionVerdict::Pass
///     }
/// });
/// alice.say("hello!!!");
/// alice.expect_error_blocking(ErrorCode::NotAcceptable);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InboundFrame {
    /// Whose connection it came on.
    pub user_id: String,
    /// The room's name, or its id if it has no name.
    pub room: String,
    /// The connection that it came on.
    pub connection: ConnectionId,
    /// Its text; of a frame that is no text, what can be read of it.
    pub text: String,
    /// Its `RequestId`; empty if it has none.
    pub request_id: String,
    /// Its action; `None` if the service cannot read one.
    pub action: Option<Action>,
    /// When it arrived.
    pub at: Timestamp,
}

/// A frame on its way to one client, as a hook on deliveries is shown it.
///
/// ```
/// use mock_ivs_chat::{DeliveryVerdict, Frame, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// ivs.on_delivery_with("shuffle", |outbound| match &outbound.frame {
///     Frame::Message(message) if outbound.user_id != message.sender.user_id => DeliveryVerdict::Drop,
///     _ => DeliveryVerdict::Pass,
/// });
/// alice.say("to myself");
/// alice.expect_message_blocking("to myself");
/// assert!(bob.received().is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutboundFrame {
    /// To whose connection it goes.
    pub user_id: String,
    /// The room's name, or its id if it has no name.
    pub room: String,
    /// The connection that it goes to.
    pub connection: ConnectionId,
    /// The frame.
    pub frame: Frame,
}

/// A handshake, as a hook on handshakes is shown it.
///
/// ```
/// use mock_ivs_chat::{HandshakeVerdict, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_handshake_with("only alice", |handshake| match handshake.user_id.as_deref() {
///     Some("alice") => HandshakeVerdict::Pass,
///     _ => HandshakeVerdict::refuse(403, "only alice"),
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandshakeRequest {
    /// The user of the token that is offered; `None` if it is no token of this mock.
    pub user_id: Option<String>,
    /// The name of the token's room, or its id if it has no name.
    pub room: Option<String>,
    /// The path and query of the request.
    pub path: String,
}

/// A call of the control plane over HTTP, as a hook on operations is shown it.
///
/// ```
/// use mock_ivs_chat::{Exception, MockIvsChat, Operation, OperationVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_operation_with("no tokens for bob", |call| match call.request.get("userId") {
///     Some(user) if user == "bob" => OperationVerdict::Fail(Exception::access_denied("no")),
///     _ => OperationVerdict::Pass,
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OperationCall {
    /// The operation.
    pub operation: Operation,
    /// The members of the request, those of the path and the query among them.
    pub request: Map<String, Value>,
    /// The access key id that the call was signed with, if it was signed.
    pub access_key_id: Option<String>,
}
