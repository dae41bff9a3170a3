//! Scripts: the claims of the repository, played on the engine alone.

mod rules;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::engine::io::{
    Answer, Arrangement, CallId, ClosureId, Ending, HandlerId, HandshakeId, HandshakeReply,
    HttpReply, Input, Output, Reply,
};
use crate::engine::script::hook::Hook;
use crate::engine::script::review::ReviewRule;
use crate::engine::script::settings::Setting;
use crate::engine::script::stage::{Handshake, HttpRequest, Payload as Sent, RawRequest, START};
use crate::engine::script::values::{operation, quota, review};
use crate::engine::script::{Stage, corpus};
use crate::engine::{Engine, EngineSettings, KeepAlive};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::{GateId, HookId};
use crate::log::entry::Entry;
use crate::log::labels::Labels;
use crate::log::record::{Caller, Event};
use crate::log::transcript;
use crate::proto::close::{Close, CloseCode};
use crate::proto::headers::Headers;
use crate::proto::json::to_text;
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::service::quota::Quotas;
use crate::service::{ConnectionId, Service, Settings};

/// A test for each folder of scripts; another test checks that no folder is missing.
macro_rules! areas {
    ($($area:ident),*) => {
        $(
            #[test]
            fn $area() {
                corpus::check(&corpus::folder_of(stringify!($area)), false, EngineStage::start);
            }
        )*
    };
}

areas!(control_plane, gates, hooks, messaging, moderation, quotas, reviews, sessions, time, tokens);

/// An engine whose time moves only when a script says so.
struct EngineStage {
    engine: Engine,
    now: Timestamp,
    /// The clients whose handshakes have no response yet.
    handshakes: BTreeMap<HandshakeId, String>,
    clients: BTreeMap<String, ConnectionId>,
    participants: BTreeMap<String, ConnectionId>,
    /// The texts of the frames that each client received.
    received: BTreeMap<ConnectionId, String>,
    /// The pings that clients answer once everything else has happened.
    pings: VecDeque<(ConnectionId, Payload)>,
    hooks: BTreeMap<String, HookId>,
    gates: BTreeMap<String, GateId>,
    review_rules: Vec<(String, Vec<ReviewRule>)>,
    /// The result of the latest call of the test.
    reply: Option<Reply>,
    /// The members of the latest HTTP response.
    response: Option<Value>,
    /// How many handshakes and HTTP calls there have been.
    requests: u64,
}

impl EngineStage {
    fn start(settings: &[Setting]) -> Self {
        let mut service = Settings::default();
        let mut keep_alive = KeepAlive::default();
        for setting in settings {
            let quotas = service.quotas.clone();
            match setting {
                Setting::QuotasOff => service.quotas = Quotas::unlimited(),
                Setting::Quota { name, limit: Some(limit) } => {
                    service.quotas = quotas.with(quota(name), *limit);
                }
                Setting::Quota { name, limit: None } => {
                    service.quotas = quotas.without(quota(name));
                }
                Setting::HttpThrottling => service.quotas = quotas.with_http_throttling(),
                Setting::TokenLifetime(lifetime) => service.token_lifetime = *lifetime,
                Setting::PingInterval(interval) => keep_alive.ping_interval = Some(*interval),
                Setting::IdleTimeout(timeout) => keep_alive.idle_timeout = Some(*timeout),
                Setting::OmitEmptyReason => service.omits_empty_reason = true,
                Setting::CloseRefusedHandshakes => service.closes_refused_handshakes = true,
                Setting::DemandSignatures => unreachable!("`HAS_SIGNATURES` is false"),
            }
        }
        let settings = EngineSettings { mock: 1, keep_alive, ..EngineSettings::default() };
        Self {
            engine: Engine::new(Service::new(service, 1), settings),
            now: START.parse().expect("the start is a time"),
            handshakes: BTreeMap::new(),
            clients: BTreeMap::new(),
            participants: BTreeMap::new(),
            received: BTreeMap::new(),
            pings: VecDeque::new(),
            hooks: BTreeMap::new(),
            gates: BTreeMap::new(),
            review_rules: Vec::new(),
            reply: None,
            response: None,
            requests: 0,
        }
    }

    /// Handles an input and everything that follows from it.
    fn feed(&mut self, input: Input) {
        self.handle(input);
        while let Some((connection, payload)) = self.pings.pop_front() {
            self.handle(Input::Frame { connection, payload });
        }
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        self.execute_outputs();
    }

    fn execute_outputs(&mut self) {
        while let Some(output) = self.engine.poll() {
            self.execute(output);
        }
    }

    fn execute(&mut self, output: Output) {
        match output {
            Output::Send { to, frame } => {
                for connection in to {
                    if let Payload::Ping(data) = &frame.payload {
                        self.pings.push_back((connection, Payload::Pong(data.clone())));
                    }
                    let text = frame.payload.text().unwrap_or_default();
                    self.received.entry(connection).or_default().push_str(text);
                }
            }
            Output::Handshake { id, reply } => {
                let client = self.handshakes.remove(&id).expect("the client has asked for it");
                if let HandshakeReply::Accept(connection) = reply {
                    self.clients.insert(client, connection);
                }
            }
            Output::Ask { question, closure, event, .. } => {
                let answer = Answer::Verdict(self.answer(closure, event));
                self.engine.handle(self.now, Input::Answered { question, answer });
            }
            Output::Return(reply) => self.reply = Some(reply),
            Output::Respond { reply: HttpReply::Response(Ok(members)), .. } => {
                self.response = Some(Value::Object(members));
            }
            // These concern streams and real time, which no script sees.
            Output::Finish { .. }
            | Output::Reset(_)
            | Output::Stall(_)
            | Output::Resume(_)
            | Output::Throttle { .. }
            | Output::Remove(_)
            | Output::LimitBandwidth { .. }
            | Output::Respond { .. }
            | Output::Withdraw(_)
            | Output::StartTimer { .. } => {}
        }
    }

    /// Answers for a review function: the hooks of scripts are data, so nothing else is asked.
    fn answer(&self, closure: ClosureId, event: HookEvent) -> HookVerdict {
        let (ClosureId::Handler(HandlerId(index)), HookEvent::ReviewHandler(request)) =
            (closure, event)
        else {
            panic!("a hook of a script is not a closure");
        };
        let (_, rules) = &self.review_rules[index as usize];
        HookVerdict::ReviewHandler(review(&ReviewRule::respond(rules, &request.content)))
    }

    fn connection(&self, client: &str) -> Result<ConnectionId, String> {
        let connection = self.clients.get(client).or_else(|| self.participants.get(client));
        let connection = connection.filter(|connection| self.engine.is_connected(**connection));
        connection.copied().ok_or_else(|| format!("`{client}` is not connected"))
    }

    fn entries(&self) -> Vec<Entry> {
        let records = self.engine.log().since(0);
        let entries = records.map(|(number, record)| Entry {
            number,
            record: record.clone(),
            hides_times: false,
            mock: self.engine.mock(),
        });
        entries.collect()
    }

    /// Checks that the outputs for each client are the frames that the log says it was sent.
    fn check_clients(&self, entries: &[Entry]) -> Result<(), String> {
        for (client, connection) in &self.clients {
            let sent = entries.iter().filter(|entry| {
                entry.connection() == Some(*connection)
                    && matches!(entry.record.event, Event::FrameSent(_))
            });
            let sent: String = sent.filter_map(Entry::text).collect();
            let received = self.received.get(connection).cloned().unwrap_or_default();
            if sent != received {
                return Err(format!("`{client}` received {received}, not {sent}"));
            }
        }
        Ok(())
    }
}

impl Stage for EngineStage {
    const HAS_WIRE: bool = false;
    const HAS_SIGNATURES: bool = false;

    fn prepare(&mut self, name: &str, request: Map<String, Value>) -> Result<Value, String> {
        let body = to_text(&request);
        self.feed(Input::TestCall { operation: operation(name), request, body });
        match self.reply.take() {
            Some(Reply::Called(Ok(members))) => Ok(Value::Object(members)),
            Some(Reply::Called(Err(exception))) => Err(exception.to_string()),
            _ => Err("the engine returned nothing".into()),
        }
    }

    fn join(&mut self, client: &str, request: Map<String, Value>) -> Result<(), String> {
        let token = self.prepare("CreateChatToken", request)?;
        let token = token["token"].as_str().unwrap_or_default().to_owned();
        self.feed(Input::Join { token });
        match self.reply.take() {
            Some(Reply::Joined(Ok(peer))) => {
                self.participants.insert(client.to_owned(), peer.connection);
                Ok(())
            }
            other => Err(format!("`{client}` cannot join: {other:?}")),
        }
    }

    fn request(&mut self, request: &RawRequest) -> Result<(), String> {
        Err(format!("the engine gets operations instead of requests: {request:?}"))
    }

    fn call(&mut self, request: &HttpRequest) -> Result<Option<Value>, String> {
        self.requests += 1;
        self.response = None;
        self.feed(Input::Call {
            id: CallId(self.requests),
            origin: Caller::Http {
                method: request.method.to_owned(),
                path: request.target.clone(),
                access_key_id: None,
                is_signed: false,
                headers: Headers::default(),
            },
            operation: operation(&request.operation),
            request: request.members.clone(),
            body: request.body.clone(),
        });
        Ok(self.response.take())
    }

    fn connect(&mut self, client: &str, handshake: &Handshake) -> Result<(), String> {
        self.requests += 1;
        let id = HandshakeId(self.requests);
        let before = self.connection(client);
        self.handshakes.insert(id, client.to_owned());
        let token = handshake.tokens.first().cloned();
        let peer_ip = Some("127.0.0.1".to_owned());
        self.feed(Input::Handshake {
            id,
            token,
            path: handshake.path.clone(),
            headers: Headers::default(),
            peer_ip,
        });
        match (before, self.clients.get(client)) {
            (Ok(before), Some(after)) if before != *after => {
                Err(format!("`{client}` is connected already; the next is `{client}#2`"))
            }
            _ => Ok(()),
        }
    }

    fn send(&mut self, client: &str, payload: &Sent) -> Result<(), String> {
        let connection = self.connection(client)?;
        let payload = match payload.clone() {
            Sent::Text(text) => Payload::from_client_text(text),
            Sent::Binary(bytes) => Payload::from_client_binary(bytes),
            Sent::Ping(bytes) => Payload::Ping(std::sync::Arc::new(bytes.into())),
        };
        self.feed(Input::Frame { connection, payload });
        Ok(())
    }

    fn close(&mut self, client: &str, code: Option<u16>, reason: &str) -> Result<(), String> {
        let connection = self.connection(client)?;
        let close = Close { code: code.map(CloseCode), reason: reason.to_owned() };
        self.feed(Input::Ending { connection, ending: Ending::Close(close) });
        Ok(())
    }

    fn vanish(&mut self, client: &str) -> Result<(), String> {
        let connection = self.connection(client)?;
        self.feed(Input::Ending { connection, ending: Ending::Stream });
        Ok(())
    }

    fn install(&mut self, hook: &Hook) -> Result<(), String> {
        let gate = match hook.gate() {
            Some(name) => {
                self.feed(Input::arrange(Arrangement::AddGate));
                let Some(Reply::Gate(gate)) = self.reply.take() else {
                    return Err("the engine returned no gate".into());
                };
                self.gates.insert(name.to_owned(), gate);
                Some(gate)
            }
            None => None,
        };
        self.feed(Input::arrange(Arrangement::InstallHook(Box::new(rules::rule(hook, gate)?))));
        if let (Some(name), Some(Reply::Installed(id))) = (&hook.name, self.reply.take()) {
            self.hooks.insert(name.clone(), id);
        }
        Ok(())
    }

    fn remove_hook(&mut self, name: &str) -> Result<(), String> {
        let hook = self.hooks.remove(name).ok_or_else(|| format!("there is no hook {name:?}"))?;
        self.feed(Input::arrange(Arrangement::RemoveHook(hook)));
        Ok(())
    }

    fn release(&mut self, gate: &str, releases_all: bool) -> Result<(), String> {
        let gate = self.gates.get(gate).ok_or_else(|| format!("there is no gate `{gate}`"))?;
        if releases_all {
            self.feed(Input::arrange(Arrangement::OpenGate(*gate)));
            return Ok(());
        }
        self.feed(Input::arrange(Arrangement::ReleaseOne(*gate)));
        match self.reply.take() {
            Some(Reply::Released(true)) => Ok(()),
            _ => Err("nothing waits at this gate".into()),
        }
    }

    fn add_review_rule(&mut self, function_arn: &str, rule: ReviewRule) {
        let known = self.review_rules.iter().position(|(arn, _)| arn == function_arn);
        if let Some(index) = known {
            return self.review_rules[index].1.push(rule);
        }
        let handler = HandlerId(self.review_rules.len() as u64);
        self.review_rules.push((function_arn.to_owned(), vec![rule]));
        let uri = function_arn.to_owned();
        self.feed(Input::arrange(Arrangement::SetReviewHandler { uri, handler }));
    }

    fn advance(&mut self, duration: Duration) {
        self.handle(Input::Advance(duration));
        let target = self.now + duration;
        while let Some(deadline) = self.engine.next_deadline().filter(|at| *at <= target) {
            self.now = self.now.max(deadline);
            self.engine.handle_timeout(self.now);
            self.execute_outputs();
        }
        self.now = target;
        self.engine.handle_timeout(target);
        while let Some((connection, payload)) = self.pings.pop_front() {
            self.handle(Input::Frame { connection, payload });
        }
    }

    fn transcript(&mut self) -> Result<String, String> {
        let entries = self.entries();
        self.check_clients(&entries)?;
        let mut text = String::new();
        transcript::write(&mut text, &entries, &mut Labels::new(false))
            .map_err(|error| error.to_string())?;
        Ok(text)
    }
}
