//! Requests: what clients and tests ask of the driver.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::driver::Driver;
use crate::driver::closures::Closure;
use crate::driver::state::{OpenCall, OpenHandshake};
use crate::engine::control::Control;
use crate::engine::io::{
    Arrangement, CallId, ClosureId, Ending, HandlerId, HandshakeId, HttpReply, Input, Reply,
};
use crate::hook::ids::{GateId, HookId};
use crate::hook::registry::AnyRule;
use crate::log::record::{Caller, HandshakeRefused, OutageEvent, Peer};
use crate::log::unserved::Unserved;
use crate::proto::close::{Close, CloseCode};
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::service::ConnectionId;
use crate::service::control::ControlResult;
use crate::transport::client_sink::ClientSink;

/// The response to a handshake.
#[derive(Debug)]
pub(crate) enum HandshakeResponse {
    Accept(ConnectionId),
    Refuse {
        status: u16,
        message: String,
        headers: Headers,
    },
    /// Nothing more is sent: the stream is gone, or stays as it is.
    Never,
}

/// Requests of clients.
impl Driver {
    /// Receives a handshake. The response may come later.
    pub(crate) fn shake_hands(
        self: &Arc<Self>,
        token: Option<String>,
        path: &str,
        headers: Headers,
        sink: Arc<ClientSink>,
    ) -> oneshot::Receiver<HandshakeResponse> {
        let (sender, receiver) = oneshot::channel();
        // Asked before the state is locked: it takes the lock of the stream.
        let peer_ip = sink.stream.peer_ip();
        let id = {
            let mut state = self.state.lock();
            let id = HandshakeId(state.next_id());
            state.handshakes.insert(id, OpenHandshake { sink, sender });
            id
        };
        self.feed(Input::Handshake { id, token, path: path.into(), headers, peer_ip });
        receiver
    }

    /// Returns the user of a token that can still be redeemed.
    pub(crate) fn user_of(&self, token: &str) -> Option<String> {
        let state = self.state.lock();
        state.engine.service().token_info(token).map(|(user_id, _)| user_id.as_ref().to_owned())
    }

    /// Records that a client has ended its stream while its request had no response.
    pub(crate) fn client_gave_up(
        self: &Arc<Self>,
        operation: Option<Operation>,
        user_id: Option<&str>,
    ) {
        self.feed(Input::GaveUp { operation, user_id: user_id.map(str::to_owned) });
    }

    /// Records a stream that ended before a request was served on it.
    pub(crate) fn record_unserved(self: &Arc<Self>, unserved: Unserved) {
        self.feed(Input::Unserved(unserved));
    }

    /// Records a handshake that breaks RFC 6455.
    pub(crate) fn refuse_handshake(self: &Arc<Self>, status: u16, message: &str, headers: Headers) {
        self.feed(Input::InvalidHandshake { status, message: message.into(), headers });
    }

    /// Executes an operation for a client. The response may come later. `closed` is set when the
    /// mock closes the stream of the client.
    pub(crate) fn call_by_http(
        self: &Arc<Self>,
        origin: Caller,
        operation: Operation,
        request: Map<String, Value>,
        body: String,
        closed: Arc<AtomicBool>,
    ) -> oneshot::Receiver<HttpReply> {
        let (sender, receiver) = oneshot::channel();
        let id = {
            let mut state = self.state.lock();
            let id = CallId(state.next_id());
            state.calls.insert(id, OpenCall { sender, closed });
            id
        };
        self.feed(Input::Call { id, origin, operation, request, body });
        receiver
    }

    /// Records a request that is refused before it reaches an operation.
    pub(crate) fn refuse_call(
        self: &Arc<Self>,
        origin: Caller,
        operation: Option<Operation>,
        body: String,
        exception: Exception,
    ) -> Exception {
        let refused = Box::new(exception.clone());
        self.feed(Input::InvalidCall { origin, operation, body, exception: refused });
        exception
    }

    /// Receives one of several frames of a client. The caller flushes after the last of them.
    pub(crate) fn receive_some(self: &Arc<Self>, connection: ConnectionId, payload: Payload) {
        self.feed_without_flush(Input::Frame { connection, payload });
    }

    /// Receives a close frame of a client.
    pub(crate) fn client_closed(self: &Arc<Self>, connection: ConnectionId, close: Close) {
        self.feed(Input::Ending { connection, ending: Ending::Close(close) });
    }

    /// Closes a connection whose client broke the WebSocket protocol.
    pub(crate) fn fail(self: &Arc<Self>, connection: ConnectionId, code: CloseCode, reason: &str) {
        let ending = Ending::ProtocolError { code, reason: reason.into() };
        self.feed(Input::Ending { connection, ending });
    }

    /// Receives the end of the stream of a connection.
    pub(crate) fn stream_ended(self: &Arc<Self>, connection: ConnectionId) {
        // Nothing can be written any more, even if a closure still decides about earlier frames.
        let sink = self.state.lock().sinks.remove(connection);
        drop(sink);
        self.feed(Input::Ending { connection, ending: Ending::Stream });
    }
}

/// Requests of the test.
impl Driver {
    /// Connects a participant.
    pub(crate) fn join(self: &Arc<Self>, token: &str) -> Result<Arc<Peer>, HandshakeRefused> {
        match self.call(Input::Join { token: token.into() }) {
            Some(Reply::Joined(joined)) => joined.map_err(|refused| *refused),
            other => unexpected(&other),
        }
    }

    /// Receives a frame of a participant.
    pub(crate) fn receive(self: &Arc<Self>, connection: ConnectionId, payload: Payload) {
        self.call(Input::Frame { connection, payload });
    }

    /// Ends the connection of a participant.
    pub(crate) fn leave(self: &Arc<Self>, connection: ConnectionId) {
        let close = Close::new(CloseCode::NORMAL, "");
        self.call(Input::Ending { connection, ending: Ending::Close(close) });
    }

    /// Executes an operation for the test itself.
    pub(crate) fn call_operation(
        self: &Arc<Self>,
        operation: Operation,
        request: Map<String, Value>,
        body: String,
    ) -> ControlResult {
        match self.call(Input::TestCall { operation, request, body }) {
            Some(Reply::Called(response)) => response,
            other => unexpected(&other),
        }
    }

    /// Records a call of the test that is not a call of any operation.
    pub(crate) fn refuse_test_call(
        self: &Arc<Self>,
        operation: Operation,
        body: String,
        exception: Exception,
    ) -> Exception {
        self.refuse_call(Caller::Test, Some(operation), body, exception)
    }

    pub(crate) fn install_hook(
        self: &Arc<Self>,
        rule: AnyRule,
        closure: Option<Closure>,
    ) -> HookId {
        let closure = closure.map(|closure| closure.written_at(rule.place()));
        let mut transaction = self.begin();
        let now = transaction.now;
        let engine = &mut transaction.state.engine;
        engine.handle(now, Input::arrange(Arrangement::InstallHook(Box::new(rule))));
        transaction.execute_all();
        let id = match transaction.reply() {
            Some(Reply::Installed(id)) => id,
            other => unexpected(&other),
        };
        let closure = closure.map(|closure| (ClosureId::Hook(id), closure));
        // Within the transaction that installs the hook: another thread must not find the hook
        // without its closure.
        transaction.state.closures.extend(closure);
        self.finish_call(transaction);
        id
    }

    pub(crate) fn remove_hook(self: &Arc<Self>, id: HookId) {
        let mut transaction = self.begin();
        let now = transaction.now;
        let engine = &mut transaction.state.engine;
        engine.handle(now, Input::arrange(Arrangement::RemoveHook(id)));
        let closure = transaction.state.closures.remove(&ClosureId::Hook(id));
        transaction.drop_later(closure.into_iter().collect());
        self.finish_call(transaction);
    }

    /// Forgets a hook that the test cannot ask about any more.
    pub(crate) fn forget_hook(self: &Arc<Self>, id: HookId) {
        self.call(Input::arrange(Arrangement::ForgetHook(id)));
    }

    /// Drops all hooks and review handlers, with their closures and everything that reports say
    /// about them.
    pub(crate) fn reset_hooks(self: &Arc<Self>) {
        let mut transaction = self.begin();
        let now = transaction.now;
        let engine = &mut transaction.state.engine;
        engine.handle(now, Input::arrange(Arrangement::ResetHooks));
        let closures = std::mem::take(&mut transaction.state.closures);
        transaction.drop_later(closures.into_values().collect());
        self.finish_call(transaction);
    }

    /// Deletes all rooms, with everything in them, and ends all connections.
    pub(crate) fn reset_rooms(self: &Arc<Self>) {
        self.call(Input::ResetRooms);
    }

    /// Drops all entries of the log.
    pub(crate) fn clear_log(self: &Arc<Self>) {
        self.call(Input::ClearLog);
    }

    /// Drops all closures of the test: they may hold on to this very mock.
    pub(crate) fn release_closures(self: &Arc<Self>) {
        let mut transaction = self.begin();
        let now = transaction.now;
        let engine = &mut transaction.state.engine;
        engine.handle(now, Input::arrange(Arrangement::RemoveAllHooks));
        let closures = std::mem::take(&mut transaction.state.closures);
        transaction.drop_later(closures.into_values().collect());
        self.finish_call(transaction);
    }

    /// Makes a handler of the test respond for a Lambda function. Failures call it by its name.
    pub(crate) fn set_review_handler(self: &Arc<Self>, uri: String, closure: Closure, name: &str) {
        let mut transaction = self.begin();
        let handler = HandlerId(transaction.state.next_id());
        let now = transaction.now;
        let engine = &mut transaction.state.engine;
        let replaced = engine.handler(&uri);
        engine.handle(now, Input::arrange(Arrangement::SetReviewHandler { uri, handler }));
        transaction.state.handler_names.insert(handler.0, name.into());
        let closures = &mut transaction.state.closures;
        closures.insert(ClosureId::Handler(handler), closure.named(name));
        let replaced = replaced.and_then(|replaced| closures.remove(&ClosureId::Handler(replaced)));
        transaction.drop_later(replaced.into_iter().collect());
        self.finish_call(transaction);
    }

    /// Returns a review handler as failures name it.
    pub(crate) fn review_handler(&self, number: u64) -> Option<Arc<str>> {
        self.state.lock().handler_names.get(&number).cloned()
    }

    /// Adds a gate, which is closed.
    pub(crate) fn add_gate(self: &Arc<Self>) -> GateId {
        match self.call(Input::arrange(Arrangement::AddGate)) {
            Some(Reply::Gate(gate)) => gate,
            other => unexpected(&other),
        }
    }

    pub(crate) fn open_gate(self: &Arc<Self>, gate: GateId) {
        self.call(Input::arrange(Arrangement::OpenGate(gate)));
    }

    /// Releases the first event that waits at a gate. Returns `false` if there is none.
    pub(crate) fn release_one(self: &Arc<Self>, gate: GateId) -> bool {
        match self.call(Input::arrange(Arrangement::ReleaseOne(gate))) {
            Some(Reply::Released(has_released)) => has_released,
            other => unexpected(&other),
        }
    }

    /// Acts on a connection. Returns `false` if there is nothing to act on.
    pub(crate) fn control(self: &Arc<Self>, connection: ConnectionId, control: Control) -> bool {
        match self.call(Input::Control { connection, control }) {
            Some(Reply::Controlled(has_acted)) => has_acted,
            other => unexpected(&other),
        }
    }

    /// Ends all connections, and records it.
    pub(crate) fn end_all(self: &Arc<Self>, outage: OutageEvent) {
        self.call(Input::Outage(outage));
    }

    /// Records that clients can connect again.
    pub(crate) fn outage_ended(self: &Arc<Self>) {
        self.call(Input::OutageEnded);
    }

    /// Ends the connections of a mock that ends itself. An outage is recorded in the log. Otherwise
    /// participants stay connected, and can still send messages to each other.
    pub(crate) fn shut_down(self: &Arc<Self>, outage: Option<OutageEvent>) {
        self.call(outage.map_or(Input::Shutdown, Input::Outage));
    }

    pub(super) fn finish_call(self: &Arc<Self>, transaction: super::transaction::Transaction<'_>) {
        let questions = transaction.commit().questions;
        self.flush();
        self.ask_for_test(questions);
    }
}

/// Panics because the engine has returned something else than the call asks for. It never does.
fn unexpected(reply: &Option<Reply>) -> ! {
    unreachable!("the engine returned {reply:?}")
}
