//! Live: carries out the steps of a story against a service, and collects what comes of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mock_ivs_chat::{MockIvsChat, Timestamp};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::calls::{Request, Response};
use crate::ledger::creation_of;
use crate::session::{Session, TAG};
use crate::shared::claims::controls::{Controls, release};
use crate::shared::script::hook::Hook;
use crate::shared::script::review::ReviewRule;
use crate::shared::script::stage::{Handshake, Payload};
use crate::sockets::{Client, Lanes, Seen};
use crate::view::HTTP;

/// The service of one script, and the clients of its story.
pub(crate) struct Live {
    pub(crate) session: Arc<Session>,
    site: Site,
    pub(crate) lanes: Arc<Lanes>,
    clients: BTreeMap<String, Client>,
    calls: Vec<JoinHandle<()>>,
    runtime: Handle,
    timing: Timing,
}

/// The part of a service that only a mock has.
pub(crate) enum Site {
    Mock { ivs: Box<MockIvsChat>, controls: Controls },
    Remote,
}

/// How long to wait for a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// For an event that should come.
    pub(crate) patience: Duration,
    /// For events that should not come.
    pub(crate) quiet: Duration,
    /// How far the times of the service may be from those of this machine.
    pub(crate) tolerance: Duration,
}

/// The cause of a step, as far as waiting depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause<'a> {
    /// A client sends something.
    Client(&'a str),
    /// A task opens a connection, or sends a request; its end is an event of one of these lanes.
    Task(&'a [&'a str]),
    Other,
}

/// The state of a service before a step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    log_length: usize,
    ends: usize,
}

impl Live {
    pub(crate) fn new(session: Arc<Session>, site: Site, runtime: Handle, timing: Timing) -> Self {
        Self {
            session,
            site,
            lanes: Arc::default(),
            clients: BTreeMap::new(),
            calls: Vec::new(),
            runtime,
            timing,
        }
    }

    pub(crate) const fn is_mock(&self) -> bool {
        matches!(self.site, Site::Mock { .. })
    }

    pub(crate) const fn tolerance(&self) -> Duration {
        self.timing.tolerance
    }

    pub(crate) fn now(&self) -> Timestamp {
        match &self.site {
            Site::Mock { ivs, .. } => ivs.now(),
            Site::Remote => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                Timestamp::from_unix(now.unwrap_or_default())
            }
        }
    }

    /// Calls an operation on behalf of the story; an error is a refusal.
    pub(crate) fn prepare(
        &mut self,
        operation: &str,
        members: Map<String, Value>,
    ) -> Result<Value, String> {
        let members = if operation == "CreateRoom" { self.marked(members) } else { members };
        let response = self.runtime.block_on(self.session.call(operation, members))?;
        if response.is_success() { Ok(response.json()) } else { Err(response.text()) }
    }

    /// Gives a new room a name and a tag that tell where it comes from.
    fn marked(&self, mut members: Map<String, Value>) -> Map<String, Value> {
        if self.is_mock() {
            return members;
        }
        let name = members.get("name").and_then(Value::as_str).unwrap_or_default();
        let marked = format!("{}{name}", self.session.name_prefix());
        if marked.len() <= LONGEST_NAME {
            members.insert("name".into(), json!(marked));
        }
        self.tagged(members)
    }

    fn tagged(&self, mut members: Map<String, Value>) -> Map<String, Value> {
        let tags = members.entry("tags").or_insert_with(|| json!({}));
        if let Some(tags) = tags.as_object_mut().filter(|tags| tags.len() < MAXIMUM_TAGS) {
            tags.insert(TAG.into(), json!(self.session.run));
        }
        members
    }

    /// Starts a call; its response is an event.
    pub(crate) fn call(&mut self, mut request: Request) {
        let is_creation = !request.operation.is_empty() && creation_of(&request).is_some();
        if !self.is_mock() && is_creation {
            request.members = self.tagged(request.members);
            request.body = Value::Object(request.members.clone()).to_string();
        }
        let (session, lanes) = (Arc::clone(&self.session), Arc::clone(&self.lanes));
        let hides_others = !self.is_mock();
        let call = self.runtime.spawn(async move {
            let mut response = session.send(&request).await;
            if let (true, Ok(response)) = (hides_others, response.as_mut()) {
                hide_others(&session, response);
            }
            lanes.push_response(response);
        });
        self.calls.push(call);
    }

    pub(crate) fn connect(&mut self, name: &str, handshake: &Handshake) -> Result<(), String> {
        let client = Client::connect(
            name,
            Arc::clone(&self.session.network),
            self.session.messaging.clone(),
            handshake,
            Arc::clone(&self.lanes),
            &self.runtime,
            self.session.stop.clone(),
        )?;
        // A client that is open stays the one of this name, although a second handshake fails.
        let key = if self.clients.get(name).is_some_and(Client::is_open) {
            format!("{name} again {}", self.clients.len())
        } else {
            name.to_owned()
        };
        self.clients.insert(key, client);
        Ok(())
    }

    pub(crate) fn send(&self, name: &str, payload: &Payload) -> Result<(), String> {
        self.write(
            name,
            match payload.clone() {
                Payload::Text(text) => Message::text(text),
                Payload::Binary(bytes) => Message::binary(bytes),
                Payload::Ping(bytes) => Message::Ping(bytes.into()),
            },
        )
    }

    pub(crate) fn close(&self, name: &str, code: Option<u16>, reason: &str) -> Result<(), String> {
        let reason = reason.to_owned().into();
        self.write(name, Message::Close(code.map(|code| CloseFrame { code: code.into(), reason })))
    }

    fn write(&self, name: &str, message: Message) -> Result<(), String> {
        let client = self.clients.get(name).ok_or("is not connected")?;
        client.send(message, self.timing.patience, &self.runtime)
    }

    pub(crate) fn vanish(&mut self, name: &str) -> Result<(), String> {
        let client = self.clients.remove(name).ok_or("is not connected")?;
        client.vanish(&self.runtime);
        Ok(())
    }

    pub(crate) fn install(&mut self, hook: &Hook) -> Result<(), String> {
        match &mut self.site {
            Site::Mock { ivs, controls } => controls.install(ivs, hook),
            Site::Remote => Err(ONLY_A_MOCK.into()),
        }
    }

    pub(crate) fn remove_hook(&mut self, name: &str) -> Result<(), String> {
        match &mut self.site {
            Site::Mock { controls, .. } => controls.take_hook(name).map(|hook| hook.remove()),
            Site::Remote => Err(ONLY_A_MOCK.into()),
        }
    }

    pub(crate) fn release(&mut self, gate: &str, releases_all: bool) -> Result<(), String> {
        match &self.site {
            Site::Mock { controls, .. } => {
                release(&controls.gate(gate)?, releases_all);
                Ok(())
            }
            Site::Remote => Err(ONLY_A_MOCK.into()),
        }
    }

    pub(crate) fn add_review_rule(&mut self, function_arn: &str, rule: ReviewRule) {
        if let Site::Mock { ivs, controls } = &mut self.site {
            controls.add_review_rule(ivs, function_arn, rule);
        }
    }

    /// Moves the clock of a mock; lets real time pass elsewhere, until the run should end.
    pub(crate) fn advance(&self, duration: Duration) {
        match &self.site {
            Site::Mock { ivs, .. } => ivs.advance(duration),
            Site::Remote => self.pause(duration),
        }
    }

    fn pause(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        while !self.session.is_stopped() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(200)));
        }
    }

    /// Looks at what there is before a step.
    pub(crate) fn before(&self, cause: Cause<'_>) -> Before {
        let ends = if let Cause::Task(lanes) = cause { self.lanes.total(lanes) } else { 0 };
        let log_length = match &self.site {
            Site::Mock { ivs, .. } => ivs.log().count(),
            Site::Remote => 0,
        };
        Before { log_length, ends }
    }

    /// Waits until everything that follows from a step has come. The lanes should have this many
    /// events by then, and a task should have ended, or not.
    pub(crate) fn settle(
        &self,
        cause: Cause<'_>,
        before: Before,
        counts: &BTreeMap<String, usize>,
        ends: bool,
    ) {
        let is_over = || self.session.is_stopped();
        let patience = self.timing.patience;
        match (&self.site, cause) {
            (Site::Mock { ivs, .. }, Cause::Task(_)) if !ends => {
                // Nothing comes back, so only the log of the mock tells that the task got there.
                let deadline = Instant::now() + patience;
                while ivs.log().count() == before.log_length && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
            (_, Cause::Task(lanes)) => {
                self.lanes.wait_for_any(lanes, before.ends, TASK_TIMEOUT, is_over);
            }
            (_, Cause::Client(_) | Cause::Other) => {}
        }
        match &self.site {
            Site::Mock { ivs, .. } => {
                ivs.settled().wait();
                if !self.lanes.wait(counts, Duration::from_millis(50), is_over) {
                    self.fence(cause);
                    self.lanes.wait(counts, Duration::from_millis(250), is_over);
                }
            }
            Site::Remote if is_over() => {}
            Site::Remote => {
                self.fence(cause);
                self.lanes.wait(counts, patience, is_over);
                self.pause(self.timing.quiet);
            }
        }
    }

    /// Sends a ping through each connection and waits for its pong, first through that of the
    /// client that acts: what its frame causes is under way to the others then.
    fn fence(&self, cause: Cause<'_>) {
        let actor = if let Cause::Client(name) = cause { Some(name) } else { None };
        let open = self.clients.iter().filter(|(_, client)| client.is_open());
        let (first, others): (Vec<_>, Vec<_>) =
            open.partition(|(name, _)| Some(name.as_str()) == actor);
        for (_, client) in first.into_iter().chain(others) {
            client.fence(self.timing.patience, &self.runtime);
        }
    }

    /// Returns the events of each lane from the given indices on.
    pub(crate) fn news(&self, taken: &BTreeMap<String, usize>) -> Vec<(String, Vec<Seen>)> {
        let counts = self.lanes.counts();
        let news = counts.into_keys().map(|lane| {
            let news = self.lanes.since(&lane, taken.get(&lane).copied().unwrap_or_default());
            (lane, news)
        });
        news.filter(|(_, news)| !news.is_empty()).collect()
    }

    /// Returns the latest HTTP response.
    pub(crate) fn last_response(&self) -> Option<Response> {
        let seen = self.lanes.since(HTTP, 0);
        seen.into_iter().rev().find_map(|seen| match seen {
            Seen::Response(response) => Some(response),
            _ => None,
        })
    }

    /// Closes all connections, after reading what the service has sent on them.
    pub(crate) fn finish(&self) {
        for client in self.clients.values() {
            client.close(self.timing.patience.min(Duration::from_secs(1)), &self.runtime);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clients.clear();
        let calls = std::mem::take(&mut self.calls);
        if self.is_mock() {
            calls.iter().for_each(JoinHandle::abort);
            return;
        }
        // A call that is under way may create something, which must be deleted as well. One that
        // goes on after that is looked for at the end of the run.
        let under_way = async {
            let deadline = tokio::time::Instant::now() + LAST_CALLS;
            for mut call in calls {
                if tokio::time::timeout_at(deadline, &mut call).await.is_err() {
                    call.abort();
                }
            }
        };
        self.runtime.block_on(under_way);
        // They stay in the ledger, and are tried again at the end of the run.
        let _ = self.runtime.block_on(self.session.clean(false));
    }
}

/// Removes from a response what only this run has: its tag, and the resources of others.
fn hide_others(session: &Session, response: &mut Response) {
    let Ok(mut body) = serde_json::from_str::<Value>(&response.body) else { return };
    for list in ["rooms", "loggingConfigurations"] {
        if let Some(items) = body.get_mut(list).and_then(Value::as_array_mut) {
            items.retain(|item| item["arn"].as_str().is_some_and(|arn| session.ledger.has(arn)));
        }
    }
    remove_tag(&mut body);
    response.body = body.to_string();
}

fn remove_tag(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove(TAG);
            members.values_mut().for_each(remove_tag);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_tag),
        _ => {}
    }
}

const ONLY_A_MOCK: &str = "only a mock in this process has hooks and gates";

/// How long the calls of a story may go on after its end.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// How long a handshake or a call may take.
const TASK_TIMEOUT: Duration = Duration::from_secs(30);

/// Documented: the limits of a room's name and of the number of tags.
const LONGEST_NAME: usize = 128;
const MAXIMUM_TAGS: usize = 50;
