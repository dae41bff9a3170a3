//! Scene: an engine whose time moves only when a test says so, and its outputs as lines.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::io::{
    Answer, Arrangement, CallId, ClosureId, Ending, HandshakeId, HandshakeReply, HttpReply, Input,
    Output, Reply,
};
use crate::engine::{Engine, EngineSettings, KeepAlive, QuestionId};
use crate::hook::chain::{Behavior, Rule};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::filter::Filter;
use crate::hook::frequency::Frequency;
use crate::hook::ids::{GateId, HookId};
use crate::hook::registry::AnyRule;
use crate::log::entry::Entry;
use crate::log::labels::Labels;
use crate::log::record::Caller;
use crate::log::transcript;
use crate::proto::action::Action;
use crate::proto::close::{Close, CloseCode};
use crate::proto::frame::Frame;
use crate::proto::json::to_text;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::proto::wire_frame::{FrameForm, WireFrame};
use crate::service::quota::Quotas;
use crate::service::{ConnectionId, Service, Settings};

pub(super) const LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:review";

/// An engine with a clock that stands still until a test moves it.
pub(super) struct Scene {
    pub(super) engine: Engine,
    pub(super) now: Timestamp,
    /// The ARN of the room of all clients.
    pub(super) room: String,
    requests: u64,
    /// How many entries of the log a test has seen.
    seen: usize,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(Settings::default(), KeepAlive::default(), json!({ "name": "lobby" }))
    }

    /// Returns a scene whose room has a review handler.
    pub(super) fn reviewed() -> Self {
        let handler = json!({ "uri": LAMBDA, "fallbackResult": "DENY" });
        let room = json!({ "name": "lobby", "messageReviewHandler": handler });
        Self::with(Settings::default(), KeepAlive::default(), room)
    }

    pub(super) fn watched(keep_alive: KeepAlive) -> Self {
        Self::with(Settings::default(), keep_alive, json!({ "name": "lobby" }))
    }

    pub(super) fn with(settings: Settings, keep_alive: KeepAlive, room: Value) -> Self {
        let settings = Settings { quotas: Quotas::unlimited(), ..settings };
        let service = Service::new(settings, 1);
        let settings = EngineSettings { mock: 1, keep_alive, ..EngineSettings::default() };
        let mut scene = Self {
            engine: Engine::new(service, settings),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            room: String::new(),
            requests: 0,
            seen: 0,
        };
        scene.room = text_of(&scene.call(Operation::CreateRoom, room)["arn"]);
        scene.log();
        scene
    }

    /// Handles an input; returns a line for each output.
    pub(super) fn feed(&mut self, input: Input) -> Vec<String> {
        self.handle(input).iter().map(line).collect()
    }

    pub(super) fn handle(&mut self, input: Input) -> Vec<Output> {
        self.engine.handle(self.now, input);
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.engine.poll()).collect()
    }

    /// Moves the clock and visits each deadline that it reaches.
    pub(super) fn advance(&mut self, duration: Duration) -> Vec<String> {
        self.advance_outputs(duration).iter().map(line).collect()
    }

    pub(super) fn advance_outputs(&mut self, duration: Duration) -> Vec<Output> {
        let target = self.now + duration;
        while let Some(deadline) = self.engine.next_deadline().filter(|at| *at <= target) {
            self.now = self.now.max(deadline);
            self.engine.handle_timeout(self.now);
        }
        self.now = target;
        self.engine.handle_timeout(target);
        self.outputs()
    }

    /// Returns the lines of the transcript since the last call.
    pub(super) fn log(&mut self) -> Vec<String> {
        let text = transcript_of(&self.engine);
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let new = lines[self.seen.min(lines.len())..].to_vec();
        self.seen = lines.len();
        new
    }

    /// Makes the test call an operation.
    pub(super) fn call(&mut self, operation: Operation, request: Value) -> Value {
        let Value::Object(request) = request else { panic!("a request is an object") };
        let body = to_text(&request);
        for output in self.handle(Input::TestCall { operation, request, body }) {
            if let Output::Return(Reply::Called(result)) = output {
                return Value::Object(result.unwrap());
            }
        }
        panic!("the engine returned nothing");
    }

    /// Calls an operation over HTTP.
    pub(super) fn http(&mut self, operation: Operation, request: Value) -> Vec<String> {
        let Value::Object(request) = request else { panic!("a request is an object") };
        let body = to_text(&request);
        self.requests += 1;
        let id = CallId(self.requests);
        self.feed(Input::Call { id, origin: http_origin(), operation, request, body })
    }

    pub(super) fn event(&mut self, name: &str) -> Vec<String> {
        let request = json!({ "roomIdentifier": self.room, "eventName": name });
        self.http(Operation::SendEvent, request)
    }

    pub(super) fn token(&mut self, user: &str) -> String {
        let all = ["SEND_MESSAGE", "DISCONNECT_USER", "DELETE_MESSAGE"];
        let request = json!({ "roomIdentifier": self.room, "userId": user, "capabilities": all });
        text_of(&self.call(Operation::CreateChatToken, request)["token"])
    }

    /// Asks for a WebSocket.
    pub(super) fn handshake(&mut self, token: Option<String>) -> Vec<String> {
        self.requests += 1;
        let id = HandshakeId(self.requests);
        let (path, peer_ip) = ("/".into(), Some("192.0.2.1".into()));
        self.feed(Input::Handshake { id, token, path, headers: Default::default(), peer_ip })
    }

    /// Connects a client with a stream.
    #[track_caller]
    pub(super) fn connect(&mut self, user: &str) -> ConnectionId {
        let token = self.token(user);
        let lines = self.handshake(Some(token));
        let accepted = lines.last().and_then(|line| line.split("accept ").nth(1));
        ConnectionId(accepted.expect("the handshake is accepted").parse().unwrap())
    }

    /// Connects a participant, which has no stream.
    #[track_caller]
    pub(super) fn join(&mut self, user: &str) -> ConnectionId {
        let token = self.token(user);
        match self.handle(Input::Join { token }).pop() {
            Some(Output::Return(Reply::Joined(Ok(peer)))) => peer.connection,
            other => panic!("{user} cannot join: {other:?}"),
        }
    }

    /// Connects alice and bob, who have a stream each, and forgets what the log says about it.
    pub(super) fn alice_and_bob(&mut self) -> (ConnectionId, ConnectionId) {
        let both = (self.connect("alice"), self.connect("bob"));
        self.log();
        both
    }

    pub(super) fn send(&mut self, connection: ConnectionId, content: &str) -> Vec<String> {
        self.feed(message(connection, content))
    }

    pub(super) fn end(&mut self, connection: ConnectionId, ending: Ending) -> Vec<String> {
        self.feed(Input::Ending { connection, ending })
    }

    pub(super) fn close(&mut self, connection: ConnectionId) -> Vec<String> {
        self.end(connection, Ending::Close(Close::new(CloseCode::NORMAL, "bye")))
    }

    pub(super) fn install(&mut self, rule: AnyRule) -> HookId {
        match self.handle(Input::arrange(Arrangement::InstallHook(Box::new(rule)))).pop() {
            Some(Output::Return(Reply::Installed(id))) => id,
            other => panic!("the engine returned {other:?}"),
        }
    }

    pub(super) fn remove(&mut self, hook: HookId) {
        assert!(self.handle(Input::arrange(Arrangement::RemoveHook(hook))).is_empty());
    }

    pub(super) fn gate(&mut self) -> GateId {
        match self.handle(Input::arrange(Arrangement::AddGate)).pop() {
            Some(Output::Return(Reply::Gate(gate))) => gate,
            other => panic!("the engine returned {other:?}"),
        }
    }

    pub(super) fn open(&mut self, gate: GateId) -> Vec<String> {
        self.feed(Input::arrange(Arrangement::OpenGate(gate)))
    }

    pub(super) fn release_one(&mut self, gate: GateId) -> Vec<String> {
        self.feed(Input::arrange(Arrangement::ReleaseOne(gate)))
    }

    /// Answers a question.
    pub(super) fn answer(&mut self, question: u64, answer: Answer) -> Vec<String> {
        self.feed(Input::Answered { question: QuestionId(question), answer })
    }

    pub(super) fn verdict(&mut self, question: u64, verdict: HookVerdict) -> Vec<String> {
        self.answer(question, Answer::Verdict(verdict))
    }
}

pub(super) fn transcript_of(engine: &Engine) -> String {
    let entries: Vec<_> = engine
        .log()
        .since(0)
        .map(|(number, record)| Entry {
            number,
            record: record.clone(),
            mock: 0,
            hides_times: false,
        })
        .collect();
    let mut text = String::new();
    transcript::write(&mut text, &entries, &mut Labels::new(false)).unwrap();
    text
}

pub(super) fn message(connection: ConnectionId, content: &str) -> Input {
    let frame = json!({ "Action": "SEND_MESSAGE", "RequestId": "r1", "Content": content });
    Input::Frame { connection, payload: Payload::from_client_text(frame.to_string()) }
}

pub(super) fn http_origin() -> Caller {
    let (method, path) = ("POST".to_owned(), "/".to_owned());
    let access_key_id = Some("AKID".into());
    Caller::Http { method, path, access_key_id, is_signed: false, headers: Default::default() }
}

/// Returns a rule that always has the same verdict.
pub(super) fn always<V>(filter: Filter, verdict: V) -> Rule<V> {
    rule(filter, Behavior::Verdict(verdict))
}

/// Returns a rule whose closure decides.
pub(super) fn asks<V>(filter: Filter) -> Rule<V> {
    rule(filter, Behavior::Closure { is_async: false })
}

fn rule<V>(filter: Filter, behavior: Behavior<V>) -> Rule<V> {
    let frequency = Frequency::default();
    let written_at = std::panic::Location::caller();
    Rule {
        name: Some("h".into()),
        filter,
        frequency,
        expected: None,
        priority: 0,
        behavior,
        written_at,
    }
}

/// Returns a filter for events of a user, or on their way to one.
pub(super) fn user(user_id: &str) -> Filter {
    Filter { user_id: Some(user_id.into()), ..Filter::default() }
}

pub(super) fn containing(text: &str) -> Filter {
    Filter { containing: vec![text.into()], ..Filter::default() }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns a line for an output.
pub(super) fn line(output: &Output) -> String {
    match output {
        Output::Send { to, frame } => {
            let to: Vec<_> = to.iter().map(|connection| connection.0).collect();
            format!("send {to:?} {}", short(frame))
        }
        Output::Finish { connection, close } => match close {
            Some(close) => format!("finish {} {}", connection.0, close_of(close)),
            None => format!("finish {}", connection.0),
        },
        Output::Reset(connection) => format!("reset {}", connection.0),
        Output::Stall(connection) => format!("stall {}", connection.0),
        Output::Resume(connection) => format!("resume {}", connection.0),
        Output::Throttle { connection, way, bytes_per_second } => {
            format!("throttle {} {way:?} {bytes_per_second:?}", connection.0)
        }
        Output::Remove(connection) => format!("remove {}", connection.0),
        Output::Handshake { reply, .. } => match reply {
            HandshakeReply::Accept(connection) => format!("accept {}", connection.0),
            HandshakeReply::AcceptAndClose(connection, close) => {
                format!("accept and close {} {}", connection.0, close_of(close))
            }
            HandshakeReply::Refuse { status, message, .. } => format!("refuse {status} {message}"),
            HandshakeReply::Reset => "reset the handshake".into(),
            HandshakeReply::Never => "never answer the handshake".into(),
        },
        Output::LimitBandwidth { bytes_per_second, .. } => format!("limit {bytes_per_second}"),
        Output::Respond { id, reply } => format!("respond {} {}", id.0, response(reply)),
        Output::Ask { question, closure, event, .. } => {
            let closure = match closure {
                ClosureId::Hook(hook) => format!("hook {}", hook.number),
                ClosureId::Handler(handler) => format!("handler {}", handler.0),
            };
            format!("ask {} {closure} about {}", question.0, about(event))
        }
        Output::Withdraw(question) => format!("withdraw {}", question.0),
        Output::StartTimer { id, duration } => format!("timer {} {duration:?}", id.0),
        Output::Return(Reply::Released(has_released)) => format!("released {has_released}"),
        Output::Return(reply) => format!("return {reply:?}"),
    }
}

fn close_of(close: &Close) -> String {
    let code = close.code.map(|code| code.0).unwrap_or_default();
    format!("{code} {}", close.reason).trim_end().to_owned()
}

fn response(reply: &HttpReply) -> String {
    let text = |result: &Result<_, _>| result.as_ref().map_or_else(|_| "error".into(), to_text);
    match reply {
        HttpReply::Response(Err(exception)) => format!("{} {}", exception.status(), exception),
        HttpReply::Response(result) => text(result),
        HttpReply::Raw { status, body, .. } => format!("raw {status} {body}"),
        HttpReply::CutHead(result) => format!("cut in the head {}", text(result)),
        HttpReply::CutBody(result) => format!("cut in the body {}", text(result)),
        HttpReply::Reset => "reset".into(),
        HttpReply::Never => "never".into(),
    }
}

fn about(event: &HookEvent) -> String {
    match event {
        HookEvent::Handshake(request) => {
            let user = request.user_id.as_deref().unwrap_or("nobody");
            format!(
                "{user} in {} at {}",
                request.room.as_deref().unwrap_or("no room"),
                request.path
            )
        }
        HookEvent::Action(frame) => {
            let kind = frame.action.as_ref().map_or("nothing", |action| action.kind().name());
            let (user, number) = (&frame.user_id, frame.connection.0);
            let text = match &frame.action {
                Some(Action::SendMessage(sent)) => &sent.content,
                _ => &frame.text,
            };
            format!("{kind} {text:?} of {user} {number} in {}", frame.room)
        }
        HookEvent::Review(request) | HookEvent::ReviewHandler(request) => {
            format!("{:?} of {} at {}", request.content, request.sender.user_id, request.ip)
        }
        HookEvent::Delivery(frame) => {
            let (user, number) = (&frame.user_id, frame.connection.0);
            format!("{} to {user} {number} in {}", short_frame(&frame.frame), frame.room)
        }
        HookEvent::Operation(call) => {
            let key = call.access_key_id.as_deref().unwrap_or("nobody");
            format!("{} {} by {key}", call.operation, to_text(&call.request))
        }
    }
}

fn short(frame: &WireFrame) -> String {
    let text = match &frame.payload {
        Payload::Text(data) => match data.frame() {
            Some(frame) => short_frame(frame),
            None => String::from_utf8_lossy(&data.bytes).into_owned(),
        },
        Payload::Binary(data) => format!("binary {}", String::from_utf8_lossy(&data.bytes)),
        Payload::Ping(data) => format!("ping {:?}", String::from_utf8_lossy(data)),
        Payload::Pong(data) => format!("pong {:?}", String::from_utf8_lossy(data)),
    };
    if frame.form == FrameForm::default() { text } else { format!("{text} {}", form(frame.form)) }
}

fn form(form: FrameForm) -> String {
    let FrameForm { is_continuation, is_unfinished, has_reserved_bit, missing_bytes } = form;
    format!("({is_continuation} {is_unfinished} {has_reserved_bit} {missing_bytes})")
}

fn short_frame(frame: &Frame) -> String {
    match frame {
        Frame::Message(message) => format!("MESSAGE {:?}", message.content),
        Frame::Event(event) => format!("EVENT {}", event.event_name),
        Frame::Error(error) => format!("ERROR {} {}", error.error_code.code(), error.error_message),
    }
}
