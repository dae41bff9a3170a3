//! Plan: what a run would do, how long it would take, and what it would cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use mock_ivs_chat::log::EntryKind;
use serde_json::{Map, Value};

use crate::pace;
use crate::run::Claim;
use crate::shared::claims::memory::MemoryStage;
use crate::script::hook::Hook;
use crate::script::review::ReviewRule;
use crate::script::settings::Setting;
use crate::script::stage::{Handshake, HttpRequest, Payload};
use crate::script::{Stage, play};

/// What one script or several do to a service.
#[derive(Clone, Debug, Default)]
struct Usage {
    calls: BTreeMap<String, u32>,
    connections: u32,
    frames_sent: u32,
    frames_received: u32,
    clock: Duration,
}

impl Usage {
    fn add(&mut self, other: &Self) {
        for (operation, calls) in &other.calls {
            *self.calls.entry(operation.clone()).or_default() += calls;
        }
        self.connections += other.connections;
        self.frames_sent += other.frames_sent;
        self.frames_received += other.frames_received;
        self.clock += other.clock;
    }

    /// The time of a run that keeps to the rates: each step waits for the service, too.
    fn duration(&self, quiet: Duration) -> Duration {
        let calls = self.calls.iter().map(|(operation, calls)| pace::duration(operation, *calls));
        let steps = self.frames_sent + self.connections + self.calls.values().sum::<u32>();
        calls.sum::<Duration>() + self.clock + (quiet + ROUND_TRIP) * steps
    }
}

/// How long the service takes to answer, roughly.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Returns the plan as text. Scripts that the target cannot show are listed with the reason.
///
/// # Errors
///
/// If a script cannot be played on the mock in memory.
pub fn plan(
    claims: &[Claim],
    is_mock: bool,
    limit: Duration,
    quiet: Duration,
) -> Result<String, String> {
    let mut text = String::new();
    let (mut total, mut played) = (Usage::default(), 0);
    for claim in claims {
        let obstacle = if is_mock { None } else { claim.obstacle(limit) };
        if let Some(why) = obstacle {
            let _ = writeln!(text, "not shown  {}: {why}", claim.name());
            continue;
        }
        let usage = measure(claim)?;
        let clock = if usage.clock.is_zero() || is_mock {
            String::new()
        } else {
            format!(", {} of waiting", humantime::format_duration(usage.clock))
        };
        let calls: u32 = usage.calls.values().sum();
        let _ = writeln!(
            text,
            "play       {}: {calls} calls, {} connections, {} frames sent, {} received{clock}",
            claim.name(),
            usage.connections,
            usage.frames_sent,
            usage.frames_received
        );
        total.add(&usage);
        played += 1;
    }
    let _ = writeln!(text, "\n{played} of {} scripts would be played.", claims.len());
    if is_mock {
        text.push_str("The mock in this process costs nothing; each script takes milliseconds.\n");
        return Ok(text);
    }
    let _ = writeln!(text, "Calls of operations:");
    for (operation, calls) in &total.calls {
        let _ = writeln!(text, "  {operation}: {calls}");
    }
    let seconds = Duration::from_secs(total.duration(quiet).as_secs() + 1);
    let _ = writeln!(
        text,
        "Connections: {}. Frames sent by clients: {}. Frames received: {}.\n\
         Time: about {}, at the documented rates.\n\
         Cost on AWS: calls of operations, rooms and connections are free; messages that are sent, \
         and those that are delivered, are billed by number: at most {} sent and {} delivered. The \
         price of each is at {PRICES}.\n\
         Each resource is deleted after its script.",
        total.connections,
        total.frames_sent,
        total.frames_received,
        humantime::format_duration(seconds),
        total.frames_sent + total.calls.get("SendEvent").copied().unwrap_or_default(),
        total.frames_received
    );
    Ok(text)
}

const PRICES: &str = "https://aws.amazon.com/ivs/pricing/";

fn measure(claim: &Claim) -> Result<Usage, String> {
    let usage = std::sync::Arc::new(parking_lot::Mutex::new(Usage::default()));
    let meter = std::sync::Arc::clone(&usage);
    let start = |settings: &[Setting]| Meter { mock: MemoryStage::start(settings), usage: meter };
    let played = play(&claim.script, start);
    played.map_err(|problem| format!("{}:{problem}", claim.path.display()))?;
    let mut usage = usage.lock().clone();
    // Each resource is deleted after its script.
    for (creation, deletion) in [
        ("CreateRoom", "DeleteRoom"),
        ("CreateLoggingConfiguration", "DeleteLoggingConfiguration"),
    ] {
        let created = usage.calls.get(creation).copied().unwrap_or_default();
        let deleted = usage.calls.get(deletion).copied().unwrap_or_default();
        if created > deleted {
            usage.calls.insert(deletion.into(), created);
        }
    }
    Ok(usage)
}

/// The mock in memory, with a count of what is done to it.
struct Meter {
    mock: MemoryStage,
    usage: std::sync::Arc<parking_lot::Mutex<Usage>>,
}

impl Meter {
    fn count(&self, operation: &str) {
        *self.usage.lock().calls.entry(operation.to_owned()).or_default() += 1;
    }
}

impl Stage for Meter {
    const HAS_WIRE: bool = true;

    fn prepare(&mut self, operation: &str, request: Map<String, Value>) -> Result<Value, String> {
        self.count(operation);
        self.mock.prepare(operation, request)
    }

    fn join(&mut self, client: &str, request: Map<String, Value>) -> Result<(), String> {
        self.count("CreateChatToken");
        self.usage.lock().connections += 1;
        self.mock.join(client, request)
    }

    fn call(&mut self, request: &HttpRequest) -> Result<Option<Value>, String> {
        self.count(&request.operation);
        self.mock.call(request)
    }

    fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &BTreeMap<String, String>,
        body: &str,
    ) -> Result<(), String> {
        self.count("other requests");
        self.mock.request(method, target, headers, body)
    }

    fn connect(&mut self, client: &str, handshake: &Handshake) -> Result<(), String> {
        self.usage.lock().connections += 1;
        self.mock.connect(client, handshake)
    }

    fn send(&mut self, client: &str, payload: &Payload) -> Result<(), String> {
        self.usage.lock().frames_sent += 1;
        self.mock.send(client, payload)
    }

    fn close(&mut self, client: &str, code: Option<u16>, reason: &str) -> Result<(), String> {
        self.mock.close(client, code, reason)
    }

    fn vanish(&mut self, client: &str) -> Result<(), String> {
        self.mock.vanish(client)
    }

    fn install(&mut self, hook: &Hook) -> Result<(), String> {
        self.mock.install(hook)
    }

    fn remove_hook(&mut self, name: &str) -> Result<(), String> {
        self.mock.remove_hook(name)
    }

    fn release(&mut self, gate: &str, releases_all: bool) -> Result<(), String> {
        self.mock.release(gate, releases_all)
    }

    fn add_review_rule(&mut self, function_arn: &str, rule: ReviewRule) {
        self.mock.add_review_rule(function_arn, rule);
    }

    fn advance(&mut self, duration: Duration) {
        self.usage.lock().clock += duration;
        self.mock.advance(duration);
    }

    fn transcript(&mut self) -> Result<String, String> {
        let received = self.mock.ivs.log().kind(EntryKind::FrameSent).count();
        self.usage.lock().frames_received = u32::try_from(received).unwrap_or(u32::MAX);
        self.mock.transcript()
    }
}
