//! Rehearsal: plays a script on the mock in memory alone, to know what it does and what it shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mock_ivs_chat::log::EntryKind;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::run::Claim;
use crate::script::hook::Hook;
use crate::script::review::ReviewRule;
use crate::script::settings::Setting;
use crate::script::stage::{Handshake, HttpRequest, Payload, RawRequest};
use crate::script::{Stage, play};
use crate::shared::claims::memory::MemoryStage;
use crate::view::{self, Step};

/// The requests that scripts send to a service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) calls: BTreeMap<String, u32>,
    pub(crate) connections: u32,
    pub(crate) frames_sent: u32,
    pub(crate) frames_received: u32,
    pub(crate) clock: Duration,
}

impl Usage {
    pub(crate) fn add(&mut self, other: &Self) {
        for (operation, calls) in &other.calls {
            *self.calls.entry(operation.clone()).or_default() += calls;
        }
        self.connections += other.connections;
        self.frames_sent += other.frames_sent;
        self.frames_received += other.frames_received;
        self.clock += other.clock;
    }
}

/// The steps of a script, and the transcript that the mock produces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rehearsed {
    pub(crate) usage: Usage,
    pub(crate) steps: Vec<Step>,
}

/// Plays a script on the mock in memory.
pub(crate) fn rehearse(claim: &Claim) -> Result<Rehearsed, String> {
    let seen = Arc::<Mutex<Rehearsed>>::default();
    let shared = Arc::clone(&seen);
    let start = |settings: &[Setting]| {
        let mock = MemoryStage::start(settings);
        let printed = mock.ivs.log().to_string().len();
        Rehearsal { mock, printed, seen: shared }
    };
    let played = play(&claim.script, start);
    played.map_err(|problem| format!("{}:{problem}", claim.path.display()))?;
    let mut rehearsed = seen.lock().clone();
    let calls = &mut rehearsed.usage.calls;
    // Each resource is deleted after its script.
    for (creation, deletion) in
        [("CreateRoom", "DeleteRoom"), ("CreateLoggingConfiguration", "DeleteLoggingConfiguration")]
    {
        let created = calls.get(creation).copied().unwrap_or_default();
        let deleted = calls.get(deletion).copied().unwrap_or_default();
        if created > deleted {
            calls.insert(deletion.into(), created);
        }
    }
    Ok(rehearsed)
}

/// The mock in memory, with a record of what is done to it and of what clients see.
struct Rehearsal {
    mock: MemoryStage,
    printed: usize,
    seen: Arc<Mutex<Rehearsed>>,
}

impl Rehearsal {
    fn count(&self, operation: &str) {
        *self.seen.lock().usage.calls.entry(operation.to_owned()).or_default() += 1;
    }

    /// Records what clients see of a step.
    fn look(&mut self, client: Option<&str>) {
        // Labels count over the whole transcript, so a part is not rendered by itself.
        let transcript = self.mock.ivs.log().to_string();
        let lines = transcript.get(self.printed..).unwrap_or_default().to_owned();
        self.printed = transcript.len();
        let step = view::read(&lines, client);
        if step != Step::default() {
            self.seen.lock().steps.push(step);
        }
    }
}

impl Stage for Rehearsal {
    const HAS_WIRE: bool = true;
    const HAS_SIGNATURES: bool = true;

    fn prepare(&mut self, operation: &str, request: Map<String, Value>) -> Result<Value, String> {
        self.count(operation);
        let done = self.mock.prepare(operation, request);
        self.look(None);
        done
    }

    fn join(&mut self, client: &str, request: Map<String, Value>) -> Result<(), String> {
        self.count("CreateChatToken");
        self.seen.lock().usage.connections += 1;
        let done = self.mock.join(client, request);
        self.look(Some(client));
        done
    }

    fn call(&mut self, request: &HttpRequest) -> Result<Option<Value>, String> {
        self.count(&request.operation);
        let done = self.mock.call(request);
        self.look(None);
        done
    }

    fn request(&mut self, request: &RawRequest) -> Result<(), String> {
        self.count("other requests");
        let done = self.mock.request(request);
        self.look(None);
        done
    }

    fn connect(&mut self, client: &str, handshake: &Handshake) -> Result<(), String> {
        self.seen.lock().usage.connections += 1;
        let done = self.mock.connect(client, handshake);
        self.look(Some(client));
        done
    }

    fn send(&mut self, client: &str, payload: &Payload) -> Result<(), String> {
        self.seen.lock().usage.frames_sent += 1;
        let done = self.mock.send(client, payload);
        self.look(Some(client));
        done
    }

    fn close(&mut self, client: &str, code: Option<u16>, reason: &str) -> Result<(), String> {
        let done = self.mock.close(client, code, reason);
        self.look(Some(client));
        done
    }

    fn vanish(&mut self, client: &str) -> Result<(), String> {
        let done = self.mock.vanish(client);
        self.look(Some(client));
        done
    }

    fn install(&mut self, hook: &Hook) -> Result<(), String> {
        self.mock.install(hook)
    }

    fn remove_hook(&mut self, name: &str) -> Result<(), String> {
        let done = self.mock.remove_hook(name);
        self.look(None);
        done
    }

    fn release(&mut self, gate: &str, releases_all: bool) -> Result<(), String> {
        let done = self.mock.release(gate, releases_all);
        self.look(None);
        done
    }

    fn add_review_rule(&mut self, function_arn: &str, rule: ReviewRule) {
        self.mock.add_review_rule(function_arn, rule);
    }

    fn advance(&mut self, duration: Duration) {
        self.seen.lock().usage.clock += duration;
        self.mock.advance(duration);
        self.look(None);
    }

    fn transcript(&mut self) -> Result<String, String> {
        let received = self.mock.ivs.log().kind(EntryKind::FrameSent).count();
        self.seen.lock().usage.frames_received = u32::try_from(received).unwrap_or(u32::MAX);
        self.mock.transcript()
    }
}
