//! Handshakes and calls of the control plane: hooks, the service, and the reply.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::driver::later::{Later, Until};
use crate::driver::step::Step;
use crate::driver::{Connection, Driver, to_text};
use crate::hook::event::{HandshakeRequest, OperationCall};
use crate::hook::filter::Facts;
use crate::hook::verdict::{HandshakeVerdict, OperationVerdict};
use crate::log::record::{Answered, Called, Origin, Party, Refused, What};
use crate::proto::close::{Close, CloseCode, truncate};
use crate::proto::exception::Exception;
use crate::proto::operation::Operation;
use crate::service::ConnectionId;
use crate::service::control::Response;
use crate::service::session::Refusal;
use crate::transport::client_sink::Wire;

/// A handshake that was not answered yet.
#[derive(Debug)]
pub(crate) struct PendingHandshake {
    token: Option<String>,
    wire: Arc<Wire>,
    sender: oneshot::Sender<HandshakeReply>,
}

/// What becomes of a handshake.
#[derive(Debug)]
pub(crate) enum HandshakeReply {
    Accept(ConnectionId),
    Refuse {
        status: u16,
        message: String,
    },
    /// Nothing more is to be sent; the stream is gone, or is to stay as it is.
    Silence,
}

/// A call over HTTP.
#[derive(Debug)]
struct Call {
    origin: Origin,
    operation: Operation,
    sender: oneshot::Sender<HttpReply>,
}

/// A call that was carried out, but not answered yet.
#[derive(Debug)]
pub(crate) struct PendingReply {
    call: Call,
    response: Response,
}

/// What an HTTP call is answered with.
#[derive(Debug)]
pub(crate) enum HttpReply {
    Answer(Response),
    /// A status and a body that no operation would answer with.
    Raw {
        status: u16,
        body: String,
    },
    /// An answer that is cut within its head.
    CutHead(Response),
    /// An answer that is cut within its body.
    CutBody(Response),
    /// The stream is to be reset.
    Reset,
    /// The stream is to stay as it is.
    Silence,
}

impl Driver {
    /// Lets a participant in, or refuses it. No hook is asked: it makes no handshake.
    pub(crate) fn join(self: &Arc<Self>, token: &str) -> Result<Arc<Party>, Refused> {
        self.step(|step| {
            let cause = step.state.log.len();
            step.connect(cause, Some(token), None)
        })
    }

    /// Takes a handshake; the answer may come later.
    pub(crate) fn shake_hands(
        self: &Arc<Self>,
        token: Option<String>,
        path: &str,
        wire: Arc<Wire>,
    ) -> oneshot::Receiver<HandshakeReply> {
        let (sender, receiver) = oneshot::channel();
        let handshake = PendingHandshake { token, wire, sender };
        self.step(|step| step.handshake(path, handshake));
        receiver
    }

    /// Refuses a handshake that is no handshake.
    pub(crate) fn refuse_handshake(self: &Arc<Self>, status: u16, message: &str) {
        self.step(|step| {
            let cause = step.state.log.len();
            step.record_refusal(cause, status, message, None, None);
        });
    }

    /// Carries out an operation for the test itself. No hook is asked: it makes no call.
    pub(crate) fn call(
        self: &Arc<Self>,
        operation: Operation,
        request: &Map<String, Value>,
        body: String,
    ) -> Response {
        self.step(|step| {
            let cause = step.record_call(Origin::Test, Some(operation), body);
            let response = step.operate(cause, operation, request);
            step.record_answer(cause, Origin::Test, Some(operation), &response);
            response
        })
    }

    /// Carries out an operation for a client; the answer may come later.
    pub(crate) fn call_by_http(
        self: &Arc<Self>,
        origin: Origin,
        operation: Operation,
        request: &Map<String, Value>,
        body: &str,
    ) -> oneshot::Receiver<HttpReply> {
        let (sender, receiver) = oneshot::channel();
        self.step(|step| {
            let cause = step.record_call(origin.clone(), Some(operation), body.to_owned());
            step.call(cause, Call { origin, operation, sender }, request, body);
        });
        receiver
    }

    /// Refuses a call that is none of any operation.
    pub(crate) fn refuse_call(
        self: &Arc<Self>,
        origin: Origin,
        operation: Option<Operation>,
        body: String,
        exception: Exception,
    ) -> Exception {
        self.step(|step| {
            let cause = step.record_call(origin.clone(), operation, body);
            step.record_answer(cause, origin, operation, &Err(exception.clone()));
        });
        exception
    }
}

impl Step<'_> {
    /// Asks the hooks on handshakes what becomes of one.
    fn handshake(&mut self, path: &str, handshake: PendingHandshake) {
        let cause = self.state.log.len();
        let known = handshake.token.as_deref().and_then(|token| self.state.service.peek(token));
        let (user_id, room) = known.map_or((None, None), |(user_id, room)| (Some(user_id), room));
        let facts = Facts {
            user_id: user_id.as_deref(),
            room: room.as_deref(),
            text: path,
            ..Facts::default()
        };
        let verdict = self.ask(
            |hooks| &mut hooks.handshakes,
            &facts,
            || HandshakeRequest {
                user_id: user_id.as_deref().map(str::to_owned),
                room: room.clone(),
                path: path.into(),
            },
        );
        let Some((hook, verdict)) = verdict else { return self.admit(cause, handshake) };
        let until = match verdict {
            HandshakeVerdict::Delay(duration) => Until::Clock(duration),
            HandshakeVerdict::DelayRealTime(duration) => Until::RealTime(duration),
            HandshakeVerdict::Hold(gate) => Until::Released(gate),
            HandshakeVerdict::Pass => return self.admit(cause, handshake),
            HandshakeVerdict::Refuse { status, message } => {
                self.note(cause, None, &hook, format!("handshake refused with {status}"));
                self.record_refusal(cause, status, &message, handshake.token.as_deref(), None);
                return answer(handshake.sender, HandshakeReply::Refuse { status, message });
            }
            HandshakeVerdict::Disconnect { code, reason } => {
                let effect = format!("handshake accepted, then closed with {code}");
                self.note(cause, None, &hook, effect);
                let reply = self.accept_to_close(&handshake.wire, code, &reason);
                return answer(handshake.sender, reply);
            }
            HandshakeVerdict::Reset => {
                self.note(cause, None, &hook, "handshake reset");
                self.resets.push(Arc::clone(&handshake.wire.link));
                return answer(handshake.sender, HandshakeReply::Silence);
            }
            HandshakeVerdict::NeverAnswer => {
                self.note(cause, None, &hook, "handshake never answered");
                return answer(handshake.sender, HandshakeReply::Silence);
            }
            HandshakeVerdict::SlowLink(bytes_per_second) => {
                self.note(
                    cause,
                    None,
                    &hook,
                    format!("link slowed to {bytes_per_second} bytes a second"),
                );
                handshake.wire.link.slow(bytes_per_second);
                return self.admit(cause, handshake);
            }
        };
        self.stop(cause, None, &hook, &until, Later::Handshake(Box::new(handshake)));
    }

    /// Lets a handshake succeed of which nothing comes but a close frame.
    fn accept_to_close(&mut self, wire: &Wire, code: CloseCode, reason: &str) -> HandshakeReply {
        wire.outbox.finish(crate::transport::framing::close(&Close::new(code, reason)));
        let connection = self.next_connection();
        self.state.connections.push(None);
        HandshakeReply::Accept(connection)
    }

    /// Hands a handshake to the service.
    pub(super) fn admit(&mut self, cause: u64, handshake: PendingHandshake) {
        let PendingHandshake { token, wire, sender } = handshake;
        // Who is gone by now leaves its token unused.
        if sender.is_closed() || wire.link.has_ended() {
            return;
        }
        let reply = match self.connect(cause, token.as_deref(), Some(Arc::clone(&wire))) {
            Ok(party) => HandshakeReply::Accept(party.connection),
            Err(Refused { status, message, .. })
                if matches!(status, 401 | 404)
                    && self.state.service.closes_refused_handshakes() =>
            {
                let reason = format!(r#"{{"ErrorCode":{status},"ErrorMessage":"{message}"}}"#);
                self.accept_to_close(&wire, CloseCode::NORMAL, &reason)
            }
            Err(Refused { status, message, .. }) => HandshakeReply::Refuse { status, message },
        };
        answer(sender, reply);
    }

    fn connect(
        &mut self,
        cause: u64,
        token: Option<&str>,
        wire: Option<Arc<Wire>>,
    ) -> Result<Arc<Party>, Refused> {
        let connection = self.next_connection();
        let now = self.now;
        let is_client = wire.is_some();
        let admission = match self.state.service.connect(now, connection, token) {
            Ok(admission) => admission,
            Err(refusal) => return Err(self.refuse(cause, refusal, token)),
        };
        let state = &mut *self.state;
        let count = state.connections_of.entry(Arc::clone(&admission.user_id)).or_default();
        *count += 1;
        let label = match count {
            1 => admission.user_id.as_ref().into(),
            _ => format!("{}#{count}", admission.user_id),
        };
        let (user_id, room) = (admission.user_id, admission.room_label);
        let party = Arc::new(Party { connection, label, user_id, room });
        state.connections.push(Some(Connection {
            party: Arc::clone(&party),
            wire,
            last_heard: self.now,
            stalled_by: None,
            overtaken_actions: Vec::new(),
            overtaken_frames: Vec::new(),
        }));
        self.record(cause, connection, What::Connected(admission.capabilities.into()));
        if is_client {
            self.watch(connection);
        }
        Ok(party)
    }

    fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.state.connections.len() as u32 + 1)
    }

    fn refuse(&mut self, cause: u64, refusal: Refusal, token: Option<&str>) -> Refused {
        self.record_refusal(cause, refusal.status(), refusal.message(), token, Some(refusal))
    }

    fn record_refusal(
        &mut self,
        cause: u64,
        status: u16,
        message: &str,
        token: Option<&str>,
        refusal: Option<Refusal>,
    ) -> Refused {
        let label = |token| self.state.service.token_label(token).unwrap_or_else(|| redact(token));
        let (message, token) = (message.into(), token.map(label));
        let refused = Refused { status, message, token, refusal };
        let now = self.now;
        self.state.record(now, cause, What::Refused(Box::new(refused.clone())));
        refused
    }

    /// Asks the hooks on operations what becomes of a call.
    fn call(&mut self, cause: u64, call: Call, request: &Map<String, Value>, body: &str) {
        let operation = call.operation;
        let access_key_id = match &call.origin {
            Origin::Http { access_key_id, .. } => access_key_id.clone(),
            Origin::Test => None,
        };
        let user_id = request.get("userId").and_then(Value::as_str);
        let arn = ["roomIdentifier", "identifier"].iter().find_map(|name| request.get(*name));
        let room = arn.and_then(Value::as_str).and_then(|arn| self.state.service.room_label(arn));
        let facts = Facts {
            user_id,
            room: room.as_deref(),
            operation: Some(operation),
            text: body,
            ..Facts::default()
        };
        let verdict = self.ask(
            |hooks| &mut hooks.operations,
            &facts,
            || OperationCall {
                operation,
                request: request.clone(),
                access_key_id: access_key_id.clone(),
            },
        );
        let (hook, verdict) = match verdict {
            None => {
                let response = self.operate(cause, operation, request);
                return self.reply(cause, PendingReply { call, response });
            }
            Some((hook, OperationVerdict::Fail(exception))) => {
                self.note(cause, None, &hook, "failed");
                return self.reply(cause, PendingReply { call, response: Err(exception) });
            }
            Some((hook, OperationVerdict::Respond { status, body })) => {
                self.note(cause, None, &hook, "answered");
                self.record_raw_answer(cause, &call, status, &body);
                return answer(call.sender, HttpReply::Raw { status, body });
            }
            Some((hook, OperationVerdict::Reset)) => {
                self.note(cause, None, &hook, "reset");
                return answer(call.sender, HttpReply::Reset);
            }
            Some(other) => other,
        };
        let response = self.operate(cause, operation, request);
        self.spoil(cause, &hook, verdict, PendingReply { call, response });
    }

    /// Does to the answer of a call that was carried out what a hook says.
    fn spoil(
        &mut self,
        cause: u64,
        hook: &Arc<str>,
        verdict: OperationVerdict,
        reply: PendingReply,
    ) {
        let PendingReply { call, response } = reply;
        let success = call.operation.success_status();
        let status = response.as_ref().map_or_else(Exception::status, |_| success);
        let until = match verdict {
            OperationVerdict::Delay(duration) => Until::Clock(duration),
            OperationVerdict::DelayRealTime(duration) => Until::RealTime(duration),
            OperationVerdict::Hold(gate) => Until::Released(gate),
            OperationVerdict::EmptyBody => {
                self.note(cause, None, hook, "answered with an empty body");
                return answer(call.sender, HttpReply::Raw { status, body: String::new() });
            }
            OperationVerdict::BrokenBody => {
                self.note(cause, None, hook, "answered with half a body");
                let text = response.as_ref().map_or_else(|e| to_text(e.body()), to_text);
                let body = truncate(&text, text.len() / 2).to_owned();
                return answer(call.sender, HttpReply::Raw { status, body });
            }
            OperationVerdict::CutHead => {
                self.note(cause, None, hook, "cut within the head");
                return answer(call.sender, HttpReply::CutHead(response));
            }
            OperationVerdict::CutBody => {
                self.note(cause, None, hook, "cut within the body");
                return answer(call.sender, HttpReply::CutBody(response));
            }
            OperationVerdict::NeverAnswer => {
                self.note(cause, None, hook, "never answered");
                return answer(call.sender, HttpReply::Silence);
            }
            OperationVerdict::Pass
            | OperationVerdict::Fail(_)
            | OperationVerdict::Respond { .. }
            | OperationVerdict::Reset => {
                return self.reply(cause, PendingReply { call, response });
            }
        };
        let later = Later::Reply(Box::new(PendingReply { call, response }));
        self.stop(cause, None, hook, &until, later);
    }

    /// Answers a call that was carried out.
    pub(super) fn reply(&mut self, cause: u64, reply: PendingReply) {
        let PendingReply { call, response } = reply;
        self.record_answer(cause, call.origin, Some(call.operation), &response);
        answer(call.sender, HttpReply::Answer(response));
    }

    fn operate(
        &mut self,
        cause: u64,
        operation: Operation,
        request: &Map<String, Value>,
    ) -> Response {
        let mut outputs = Vec::new();
        let now = self.now;
        let response = self.state.service.operate(now, operation, request, &mut outputs);
        self.release(cause, outputs);
        response
    }

    /// Records a call; returns what its answer follows from.
    fn record_call(&mut self, origin: Origin, operation: Option<Operation>, body: String) -> u64 {
        let (now, cause) = (self.now, self.state.log.len());
        let called = Called { origin, operation, body };
        self.state.record(now, cause, What::Called(Box::new(called)));
        cause
    }

    fn record_answer(
        &mut self,
        cause: u64,
        origin: Origin,
        operation: Option<Operation>,
        response: &Response,
    ) {
        let success = operation.map_or(200, Operation::success_status);
        let (status, exception, body) = match response {
            Ok(body) => (success, None, body),
            Err(exception) => (exception.status(), Some(exception.name().into()), exception.body()),
        };
        let mut text = if status == 204 { String::new() } else { to_text(body) };
        // Tokens are secrets, also in a test: a log may be printed anywhere.
        if let Some(token) = body.get("token").and_then(Value::as_str) {
            if let Some(label) = self.state.service.token_label(token) {
                text = text.replace(token, &label);
            }
        }
        let answered = Answered { origin, operation, status, exception, body: text };
        let now = self.now;
        self.state.record(now, cause, What::Answered(Box::new(answered)));
    }

    fn record_raw_answer(&mut self, cause: u64, call: &Call, status: u16, body: &str) {
        let (origin, operation) = (call.origin.clone(), Some(call.operation));
        let body = body.to_owned();
        let answered = Answered { origin, operation, status, exception: None, body };
        let now = self.now;
        self.state.record(now, cause, What::Answered(Box::new(answered)));
    }
}

/// Answers a client that may have gone away meanwhile, which is its own affair.
fn answer<T: fmt::Debug>(sender: oneshot::Sender<T>, reply: T) {
    let _ = sender.send(reply);
}

/// What can be shown of a text that is no token of this fixture: enough to recognise it.
fn redact(token: &str) -> String {
    format!("\"{}…\", {} bytes", truncate(token, 8).escape_debug(), token.len())
}
