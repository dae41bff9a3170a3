//! Twin: plays a script on the mock in memory and on a service side by side, step by step.
//!
//! The mock in memory is deterministic, and its transcript is the one in the script. It says what
//! should come of each step, so that the service's events can be waited for and compared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::calls::Request;
use crate::labels::{HOME, Labels, Now};
use crate::live::{Before, Cause, Live};
use crate::session;
use crate::shared::claims::memory::MemoryStage;
use crate::shared::script::Stage;
use crate::shared::script::hook::Hook;
use crate::shared::script::review::ReviewRule;
use crate::shared::script::stage::{Handshake, HttpRequest, Payload, RawRequest};
use crate::sockets::Seen;
use crate::text::{shown, sorted};
use crate::view::{
    self, ANYTHING, Event, HANDSHAKE_FAILED, HANDSHAKES, HTTP, NO_RESPONSE, Step, UNREADABLE,
};

/// The steps of a script, as the mock and as the service did them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    pub(crate) expected: Vec<Step>,
    pub(crate) actual: Vec<Step>,
    /// The longest time from the first to the last of the actions between which no time was to
    /// pass.
    pub(crate) longest_burst: Duration,
}

/// A mock and a service that do the same.
pub(crate) struct Twin {
    mock: MemoryStage,
    live: Live,
    labels: Labels,
    printed: usize,
    started: Instant,
    /// The first of the actions since the clock was advanced.
    burst: Option<Instant>,
    /// How many events of each lane should have come, and how many have.
    due: BTreeMap<String, usize>,
    taken: BTreeMap<String, usize>,
    /// The steps so far, for the caller: the twin itself is used up by the player.
    steps: Arc<Mutex<Steps>>,
}

/// The reason for which a story stops in the middle.
pub(crate) const INTERRUPTED: &str = "interrupted";

impl Twin {
    pub(crate) fn new(mock: MemoryStage, live: Live, steps: Arc<Mutex<Steps>>) -> Self {
        let printed = mock.ivs.log().to_string().len();
        let mut labels = Labels::new();
        labels.set_tolerance(live.tolerance());
        live.session.secrets.iter().for_each(|secret| labels.hide(secret));
        if let Some(home) = live.session.home.get() {
            labels.bind_home(HOME, home);
        }
        Self {
            mock,
            live,
            labels,
            printed,
            started: Instant::now(),
            burst: None,
            due: BTreeMap::new(),
            taken: BTreeMap::new(),
            steps,
        }
    }

    /// Notes that a client acts now.
    fn act(&mut self) {
        let now = Instant::now();
        let burst = now - *self.burst.get_or_insert(now);
        let mut steps = self.steps.lock();
        steps.longest_burst = steps.longest_burst.max(burst);
    }

    fn begin(&self, cause: Cause<'_>) -> Result<Before, String> {
        if self.live.session.is_stopped() {
            Err(INTERRUPTED.into())
        } else {
            Ok(self.live.before(cause))
        }
    }

    /// Waits for what follows from a step, and compares it.
    fn end(
        &mut self,
        cause: Cause<'_>,
        before: Before,
        client: Option<&str>,
    ) -> Result<(), String> {
        // Labels count over the whole transcript, so a part is not rendered by itself.
        let transcript = self.mock.ivs.log().to_string();
        let lines = transcript.get(self.printed..).unwrap_or_default().to_owned();
        self.printed = transcript.len();
        let expected = view::read(&lines, client);
        for event in &expected.events {
            *self.due.entry(event.lane.clone()).or_default() += 1;
        }
        let ends = if let Cause::Task(lanes) = cause {
            expected.events.iter().any(|event| lanes.contains(&event.lane.as_str()))
        } else {
            false
        };
        self.live.settle(cause, before, &self.due, ends);
        if self.live.session.is_stopped() {
            return Err(INTERRUPTED.into());
        }
        self.compare(expected);
        Ok(())
    }

    fn compare(&mut self, expected: Step) {
        if !self.live.is_mock() {
            let elapsed = self.started.elapsed();
            self.labels.set_tolerance(self.live.tolerance() + elapsed.min(Duration::from_secs(30)));
        }
        let now = Now { expected: self.mock.ivs.now(), actual: self.live.now() };
        let mut actual = Step { causes: expected.causes.clone(), events: Vec::new() };
        for (lane, news) in self.live.news(&self.taken) {
            *self.taken.entry(lane.clone()).or_default() += news.len();
            let mut open: Vec<&str> = Vec::new();
            open.extend(expected.events.iter().filter(|e| e.lane == lane).map(|e| e.text.as_str()));
            for seen in news {
                let text = text_of(&seen);
                let alike = open.iter().position(|template| view::is_alike(template, &text));
                let template = alike.or(if open.is_empty() { None } else { Some(0) });
                let template = template.map_or("", |at| open.remove(at));
                let text = adopt(&self.labels.label(&text, template, now), template);
                let is_same = text == template;
                let text = if is_same { text } else { shown_event(&self.labels.redact(&text)) };
                actual.events.push(Event::new(&lane, text));
                if let (Seen::Response(response), false) = (&seen, template.ends_with(ANYTHING))
                    && let Some(complaint) = &response.complaint
                {
                    let complaint = self.labels.label(complaint, "", now);
                    let complaint = shown(&self.labels.redact(&complaint));
                    let text = format!("! the SDK does not understand it: {complaint}");
                    actual.events.push(Event::new(&lane, text));
                }
            }
        }
        // Waits of later steps do not wait for what is missing now.
        self.due.clone_from(&self.taken);
        let mut steps = self.steps.lock();
        if !(expected.causes.is_empty() && expected.events.is_empty() && actual.events.is_empty()) {
            steps.expected.push(expected);
            steps.actual.push(actual);
        }
    }

    /// Records that a client could not do what the story says.
    fn check(&mut self, client: &str, done: Result<(), String>) {
        if let Err(why) = done {
            let why = self.as_shown(&why);
            let mut steps = self.steps.lock();
            let event = Event::new(client, format!("! {why}"));
            steps.expected.push(Step::default());
            steps.actual.push(Step { causes: Vec::new(), events: vec![event] });
        }
    }

    /// Returns a text of the service that nothing expects, as a transcript may have it.
    fn as_shown(&mut self, text: &str) -> String {
        let now = Now { expected: self.mock.ivs.now(), actual: self.live.now() };
        let labeled = self.labels.label(text, "", now);
        shown(&self.labels.redact(&labeled))
    }

    fn to_actual(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let text = self.labels.to_actual(&Value::Object(members.clone()).to_string());
        serde_json::from_str(&text).unwrap_or_else(|_| members.clone())
    }
}

/// The line of a transcript for something that came, with the service's own values.
fn text_of(seen: &Seen) -> String {
    match seen {
        Seen::Open => "connects".into(),
        Seen::HandshakeRefused { status, message } => {
            let json: Value = serde_json::from_str(message).unwrap_or_default();
            let message = json["message"].as_str().unwrap_or(message);
            format!("handshake refused {status}: {message}")
        }
        Seen::HandshakeFailed => HANDSHAKE_FAILED.into(),
        Seen::Text(text) => format!("< {text}"),
        Seen::Binary(bytes) => format!("< binary \"{}\"", bytes.escape_ascii()),
        Seen::Ping(bytes) => format!("< ping \"{}\"", bytes.escape_ascii()),
        Seen::Pong(bytes) => format!("< pong \"{}\"", bytes.escape_ascii()),
        Seen::Closed(code, reason) => {
            let code = code.map_or_else(|| "without a code".into(), |code| code.to_string());
            let reason = if reason.is_empty() { String::new() } else { format!(" {reason:?}") };
            format!("closed {code}{reason}")
        }
        Seen::Unreadable => UNREADABLE.into(),
        Seen::Gone => "is gone".into(),
        Seen::Response(response) => {
            let mut response = response.clone();
            response.body = sorted(&response.body);
            format!("< {}", response.text())
        }
        Seen::NoResponse => NO_RESPONSE.into(),
    }
}

/// Returns what the mock says where it says more than a client can see, or leaves something open.
fn adopt(text: &str, template: &str) -> String {
    // A transcript shows only the beginning of a long text.
    let cut = template.strip_suffix(" bytes)").and_then(|rest| rest.rsplit_once("… ("));
    if cut.is_some_and(|(start, _)| text.starts_with(start)) {
        return template.to_owned();
    }
    let is_open =
        template.strip_suffix(ANYTHING).is_some_and(|start| text.starts_with(start.trim_end()));
    let is_handshake = text == "connects" && template.starts_with("connects");
    if is_open || is_handshake { template.to_owned() } else { text.to_owned() }
}

/// Cuts the payload of an event as the transcript does.
fn shown_event(text: &str) -> String {
    match text.find('{') {
        Some(start) if text.starts_with("< ") => {
            format!("{}{}", &text[..start], shown(&text[start..]))
        }
        _ => shown(text),
    }
}

impl Stage for Twin {
    const HAS_WIRE: bool = true;
    const HAS_SIGNATURES: bool = true;

    fn prepare(&mut self, operation: &str, request: Map<String, Value>) -> Result<Value, String> {
        let before = self.begin(Cause::Other)?;
        let members = self.to_actual(&request);
        let expected = self.mock.prepare(operation, request)?;
        let actual = self.live.prepare(operation, members).map_err(|why| self.as_shown(&why))?;
        self.labels.bind_response(&expected, &actual);
        self.end(Cause::Other, before, None)?;
        Ok(expected)
    }

    fn join(&mut self, client: &str, request: Map<String, Value>) -> Result<(), String> {
        let lanes = [HANDSHAKES, client];
        let cause = Cause::Task(&lanes);
        let before = self.begin(cause)?;
        let members = self.to_actual(&request);
        self.mock.join(client, request)?;
        let response = self.live.prepare("CreateChatToken", members);
        let response = response.map_err(|why| self.as_shown(&why))?;
        let token = response["token"].as_str();
        token.iter().for_each(|token| self.labels.hide(token));
        let tokens = token.map(str::to_owned).into_iter().collect();
        let handshake = Handshake { tokens, path: "/".into(), headers: BTreeMap::new() };
        let connected = self.live.connect(client, &handshake);
        self.check(client, connected);
        self.end(cause, before, Some(client))
    }

    fn call(&mut self, request: &HttpRequest) -> Result<Option<Value>, String> {
        let lanes = [HTTP];
        let cause = Cause::Task(&lanes);
        let before = self.begin(cause)?;
        let members = self.to_actual(&request.members);
        let response = self.mock.call(request)?;
        self.act();
        self.live.call(session::request(&request.operation, members));
        self.end(cause, before, None)?;
        if let (Some(expected), Some(actual)) = (&response, self.live.last_response()) {
            self.labels.bind_response(expected, &actual.json());
        }
        Ok(response)
    }

    fn request(&mut self, request: &RawRequest) -> Result<(), String> {
        let lanes = [HTTP];
        let cause = Cause::Task(&lanes);
        let before = self.begin(cause)?;
        self.mock.request(request)?;
        self.live.call(Request {
            is_signed: request.is_signed,
            operation: String::new(),
            members: Map::new(),
            method: request.method.clone(),
            target: self.labels.to_actual(&request.target),
            headers: request.headers.clone(),
            body: self.labels.to_actual(&request.body),
        });
        self.end(cause, before, None)
    }

    fn connect(&mut self, client: &str, handshake: &Handshake) -> Result<(), String> {
        let lanes = [HANDSHAKES, client];
        let cause = Cause::Task(&lanes);
        let before = self.begin(cause)?;
        self.mock.connect(client, handshake)?;
        let mut handshake = handshake.clone();
        for token in &mut handshake.tokens {
            *token = self.labels.to_actual(token);
        }
        handshake.path = self.labels.to_actual(&handshake.path);
        let connected = self.live.connect(client, &handshake);
        self.check(client, connected);
        self.end(cause, before, Some(client))
    }

    fn send(&mut self, client: &str, payload: &Payload) -> Result<(), String> {
        let before = self.begin(Cause::Client(client))?;
        self.mock.send(client, payload)?;
        let payload = match payload {
            Payload::Text(text) => Payload::Text(self.labels.to_actual(text)),
            other => other.clone(),
        };
        self.act();
        let sent = self.live.send(client, &payload);
        self.check(client, sent);
        self.end(Cause::Client(client), before, Some(client))
    }

    fn close(&mut self, client: &str, code: Option<u16>, reason: &str) -> Result<(), String> {
        let before = self.begin(Cause::Client(client))?;
        self.mock.close(client, code, reason)?;
        let closed = self.live.close(client, code, reason);
        self.check(client, closed);
        self.end(Cause::Client(client), before, Some(client))
    }

    fn vanish(&mut self, client: &str) -> Result<(), String> {
        let before = self.begin(Cause::Other)?;
        self.mock.vanish(client)?;
        let vanished = self.live.vanish(client);
        self.check(client, vanished);
        self.end(Cause::Other, before, Some(client))
    }

    fn install(&mut self, hook: &Hook) -> Result<(), String> {
        self.mock.install(hook)?;
        self.live.install(hook)
    }

    fn remove_hook(&mut self, name: &str) -> Result<(), String> {
        let before = self.begin(Cause::Other)?;
        self.mock.remove_hook(name)?;
        self.live.remove_hook(name)?;
        self.end(Cause::Other, before, None)
    }

    fn release(&mut self, gate: &str, releases_all: bool) -> Result<(), String> {
        let before = self.begin(Cause::Other)?;
        self.mock.release(gate, releases_all)?;
        self.live.release(gate, releases_all)?;
        self.end(Cause::Other, before, None)
    }

    fn add_review_rule(&mut self, function_arn: &str, rule: ReviewRule) {
        self.mock.add_review_rule(function_arn, rule.clone());
        self.live.add_review_rule(&self.labels.to_actual(function_arn), rule);
    }

    fn advance(&mut self, duration: Duration) {
        let before = self.live.before(Cause::Other);
        self.mock.advance(duration);
        self.live.advance(duration);
        self.burst = None;
        // An interruption is noticed by the next command.
        let _ = self.end(Cause::Other, before, None);
    }

    /// Returns the transcript of the mock in memory. The service's is in the steps.
    fn transcript(&mut self) -> Result<String, String> {
        self.live.finish();
        self.compare(Step::default());
        self.mock.transcript()
    }
}
