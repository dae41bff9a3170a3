//! Lint: client behavior that the service rejects or accepts only incidentally.
//!
//! The lint is a pure function of the log's entries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::log::entry::Entry;
use crate::log::escape::{OneLine, named};
use crate::log::lint_rule::Lint;
use crate::log::record::{Event, Response};
use crate::log::secrets::marked;
use crate::proto::action::Action;
use crate::proto::capability::Capability;
use crate::proto::close::CloseCode;
use crate::proto::members::Members;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::proto::publish::Publish;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::session::Refusal;

/// A finding of the lint.
///
/// ```
/// # use mock_ivs_chat::MockIvsChat;
/// # let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// alice.send_raw(r#"{"Action":"SEND_MESSAGE","Content":"hello"}"#);
/// let finding = ivs.log().lint().remove(0);
/// assert_eq!(finding.lint.code(), "request-id-missing");
/// assert_eq!(ivs.log().entries()[finding.entry as usize].user_id(), Some("alice"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule that was broken.
    pub lint: Lint,
    /// The index of the entry that shows it.
    pub entry: u64,
    /// The name of the connection in the log; `None` for a refused handshake.
    pub connection: Option<String>,
    /// The description of the fault.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A user ID or a frame may have any characters, also those that control a terminal.
        let line = &mut OneLine(f);
        write!(line, "{} at #{}", self.lint, self.entry)?;
        if let Some(connection) = &self.connection {
            write!(line, ", {}", named(connection))?;
        }
        write!(line, ": {}", self.message)
    }
}

/// Checks the log of a mock from its beginning. Unless the clock `measures_clients`, rules about
/// pauses are skipped, because the recorded times do not show when clients acted.
pub(crate) fn check(entries: &[Entry], measures_clients: bool) -> Vec<Finding> {
    let mut checker = Checker { measures_clients, ..Checker::default() };
    for entry in entries {
        checker.check(entry);
    }
    checker.findings
}

#[derive(Default)]
struct Checker {
    measures_clients: bool,
    findings: Vec<Finding>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The users of requested tokens, by the number of the request.
    asked_for: BTreeMap<u64, String>,
    /// The user of each token, by its label.
    users: BTreeMap<String, String>,
    failures: BTreeMap<String, Failures>,
    /// The limit of each room, by its ARN.
    maximum_message_lengths: BTreeMap<String, usize>,
    /// The last advance of the clock: the entry, and the time that it reached.
    advanced: (u64, Timestamp),
}

#[derive(Default)]
struct Connection {
    /// `None` if the log no longer has the start of the connection.
    capabilities: Option<Vec<Capability>>,
    in_flight: BTreeSet<String>,
    /// The entry of the ping without a pong so far.
    pinged: Option<u64>,
    closed: Option<Timestamp>,
}

/// The number of consecutive failures of a user's connections, and the time of the last one.
#[derive(Default)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Checker {
    fn check(&mut self, entry: &Entry) {
        match &entry.record.event {
            Event::Request(called) if called.operation == Some(Operation::CreateChatToken) => {
                if let Some(user_id) = member(&object(&called.body), "userId") {
                    self.asked_for.insert(entry.number, user_id);
                }
            }
            Event::Response(response) => self.check_response(entry, response),
            Event::Connected(connected) => self.check_connection(entry, &connected.capabilities),
            Event::HandshakeRefused(refused) => {
                self.check_refusal(entry, refused.refusal, refused.token.as_deref());
            }
            Event::FrameReceived(payload) => self.check_received(entry, payload),
            Event::ClockAdvanced(duration) => {
                self.advanced = (entry.number, entry.at() + *duration);
            }
            Event::FrameSent(Payload::Ping(_)) => self.check_ping(entry),
            Event::FrameSent(_) => self.check_sent(entry),
            Event::ClosedByService(close) => self.check_closed(entry, close.code),
            Event::ClosedByClient(_) => {
                self.connection(entry).closed = Some(entry.at());
                self.recovered(entry);
            }
            Event::Disconnected => {
                self.connection(entry).closed = Some(entry.at());
                self.failed(entry.user_id().map(str::to_owned), entry.at());
            }
            Event::Unserved(unserved) => {
                if let Some(lint) = unserved.lint() {
                    self.find(lint, entry, unserved.describe());
                }
            }
            // Sizes have rules of their own, and numbers of resources are not the fault of one
            // client.
            Event::QuotaExceeded { quota, limit } if quota.is_rate() => {
                let message = format!("more than {limit} {quota} in a second");
                self.find(Lint::RateExceeded, entry, message);
            }
            _ => {}
        }
    }

    fn find(&mut self, lint: Lint, entry: &Entry, message: impl Into<String>) {
        let connection = entry.record.peer.as_ref().map(|peer| peer.label.clone());
        self.findings.push(Finding {
            lint,
            entry: entry.number,
            connection,
            message: message.into(),
        });
    }

    fn connection(&mut self, entry: &Entry) -> &mut Connection {
        // All entries that come here have a connection. IDs begin at 1, so 0 mixes nothing up.
        let connection = entry.connection().unwrap_or(ConnectionId(0));
        self.connections.entry(connection).or_default()
    }

    fn check_response(&mut self, entry: &Entry, response: &Response) {
        match response.operation {
            Some(Operation::CreateChatToken) => {
                // The response has no user, so the request that caused it is looked up. It may have
                // been before the start of a bounded log.
                let user_id = self.asked_for.remove(&entry.record.cause);
                if let (Some(user_id), Some(token)) =
                    (user_id, member(&object(&response.body), "token"))
                {
                    // This is a label: the log shows no tokens. Refusals have the same label.
                    self.users.insert(token, user_id);
                }
            }
            Some(Operation::CreateRoom | Operation::UpdateRoom) => {
                let room = object(&response.body);
                let length = room.get("maximumMessageLength").and_then(Value::as_u64);
                if let Some(arn) = member(&room, "arn") {
                    let length = length.map_or(LONGEST_CONTENT, |length| length as usize);
                    self.maximum_message_lengths.insert(arn, length);
                }
            }
            _ => {}
        }
    }

    fn check_connection(&mut self, entry: &Entry, capabilities: &[Capability]) {
        self.connection(entry).capabilities = Some(capabilities.to_vec());
        self.check_pause(entry, entry.user_id().map(str::to_owned));
    }

    fn check_refusal(&mut self, entry: &Entry, refusal: Option<Refusal>, token: Option<&str>) {
        let token_text = marked(token.unwrap_or("no token"));
        match refusal {
            Some(Refusal::UsedToken) => {
                self.find(Lint::TokenReused, entry, format!("{token_text} was used before"));
            }
            Some(Refusal::ExpiredToken) => {
                self.find(Lint::TokenExpired, entry, format!("{token_text} has expired"));
            }
            Some(Refusal::MissingToken | Refusal::MalformedToken | Refusal::UnknownToken) => {
                self.find(Lint::TokenInvalid, entry, format!("{token_text} was presented"));
            }
            Some(Refusal::RoomNotFound | Refusal::TooManyConnections) | None => {}
        }
        // A refused handshake has no connection. Its token tells whose attempt it was.
        let user_id = token.and_then(|token| self.users.get(token).cloned());
        // Before this failure counts, because the pause is the time since the one before it.
        self.check_pause(entry, user_id.clone());
        self.failed(user_id, entry.at());
    }

    /// Checks that a client pauses before it reconnects after several failures.
    fn check_pause(&mut self, entry: &Entry, user_id: Option<String>) {
        let failures = user_id.and_then(|user_id| self.failures.get(&user_id));
        let Some(Failures { count, last }) = failures else { return };
        let (count, pause) = (*count, entry.at().since(*last));
        if self.measures_clients && count >= 2 && pause < SHORTEST_PAUSE {
            let message = format!("tried again less than 100 ms after failure {count} in a row");
            self.find(Lint::ReconnectWithoutBackoff, entry, message);
        }
    }

    fn failed(&mut self, user_id: Option<String>, at: Timestamp) {
        if let Some(user_id) = user_id {
            let failures = self.failures.entry(user_id).or_default();
            *failures = Failures { count: failures.count + 1, last: at };
        }
    }

    fn recovered(&mut self, entry: &Entry) {
        if let Some(user_id) = entry.user_id() {
            self.failures.remove(user_id);
        }
    }

    fn check_closed(&mut self, entry: &Entry, code: Option<CloseCode>) {
        self.connection(entry).closed = Some(entry.at());
        match code {
            // The service ends sessions and disconnects users with 1000. A client need not wait
            // after that.
            Some(CloseCode::NORMAL) => self.recovered(entry),
            Some(
                code @ (CloseCode::PROTOCOL_ERROR
                | CloseCode::INVALID_PAYLOAD
                | CloseCode::MESSAGE_TOO_BIG),
            ) if !entry.is_effect() => {
                // A close that another entry caused, such as a hook's, is not the client's fault.
                let reason = entry.close().map_or("", |(_, reason)| reason);
                self.find(Lint::ProtocolBroken, entry, format!("closed with {code}: {reason}"));
            }
            _ => self.failed(entry.user_id().map(str::to_owned), entry.at()),
        }
    }

    fn check_ping(&mut self, entry: &Entry) {
        let (advance, until) = self.advanced;
        let Some(ping) = self.connection(entry).pinged.replace(entry.number) else { return };
        // One advance of the clock may pass two pings. Then the client had no time to respond
        // between them, and a finding would be wrong.
        if ping < advance || entry.at() > until {
            let message = format!("the ping at #{ping} has no pong");
            self.find(Lint::PingUnanswered, entry, message);
        }
    }

    fn check_sent(&mut self, entry: &Entry) {
        // Most deliveries go to clients that wait for no response, so decoding them would be waste.
        if self.connection(entry).in_flight.is_empty() {
            return;
        }
        if let Some(frame) = entry.sent_frame() {
            self.connection(entry).in_flight.remove(frame.request_id());
        }
    }

    fn check_received(&mut self, entry: &Entry, payload: &Payload) {
        if let Payload::Pong(_) = payload {
            self.connection(entry).pinged = None;
        }
        let Some(Publish { request_id, action }) = payload.publish() else { return };
        self.recovered(entry);
        // A frame after the close has no effect, so no other rule applies to it.
        if let Some(closed) = self.connection(entry).closed {
            if entry.at().since(closed) >= LONGEST_CROSSING {
                self.find(Lint::TrafficAfterClose, entry, "came after the connection was closed");
            }
            return;
        }
        let action = match action {
            Ok(action) => action,
            Err(why) => return self.find(Lint::FrameUnreadable, entry, why.as_str()),
        };
        let name = action.name();
        if request_id.is_empty() {
            let message = format!("the {name} has none, so its response cannot be identified");
            self.find(Lint::RequestIdMissing, entry, message);
        } else if !self.connection(entry).in_flight.insert(request_id.clone()) {
            let message = format!("`{request_id}` is in use by a request without a response");
            self.find(Lint::RequestIdInFlight, entry, message);
        }
        let granted = &self.connection(entry).capabilities;
        // Without the start of the connection, its capabilities are unknown, and nothing is
        // reported.
        let is_granted = |needed| granted.as_ref().is_none_or(|granted| granted.contains(&needed));
        if let Some(missing) = action.capability().filter(|needed| !is_granted(*needed)) {
            self.find(Lint::CapabilityMissing, entry, format!("the chat token has no {missing}"));
        }
        self.check_members(entry, action, payload.bytes());
        self.check_sizes(entry, action);
    }

    fn check_members(&mut self, entry: &Entry, action: &Action, frame: &[u8]) {
        let text = String::from_utf8_lossy(frame);
        let known = action.kind().members();
        for (name, _) in Members::read(&text).iter() {
            match known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                Some(known) if *known == name => {}
                Some(known) => {
                    let source = if MEMBERS_OF_SAMPLE.contains(&name) {
                        "as in an official AWS sample"
                    } else {
                        "which is not documented"
                    };
                    let message = format!("`{name}` is accepted as `{known}`, {source}");
                    self.find(Lint::MemberCase, entry, message);
                }
                None => {
                    let message = format!("{} has no `{name}`", action.name());
                    self.find(Lint::MemberUnknown, entry, message);
                }
            }
        }
    }

    fn check_sizes(&mut self, entry: &Entry, action: &Action) {
        let Action::SendMessage(sent) = action else { return };
        let limit = entry.room_arn().and_then(|arn| self.maximum_message_lengths.get(arn));
        let limit = limit.copied().unwrap_or(LONGEST_CONTENT);
        let length = sent.content.chars().count();
        let lints = (Lint::ContentNearLimit, Lint::ContentOverLimit);
        self.check_size(entry, lints, length, limit, "characters");
        let size = sent.attributes.as_ref().map_or(0, |attributes| attributes.size_bytes());
        let lints = (Lint::AttributesNearLimit, Lint::AttributesOverLimit);
        self.check_size(entry, lints, size, LARGEST_ATTRIBUTES, "bytes");
    }

    fn check_size(
        &mut self,
        entry: &Entry,
        (near, over): (Lint, Lint),
        size: usize,
        limit: usize,
        unit: &str,
    ) {
        let lint = if size > limit { over } else { near };
        if size > limit * 9 / 10 {
            self.find(lint, entry, format!("{size} {unit} of at most {limit}"));
        }
    }
}

fn object(body: &str) -> Map<String, Value> {
    serde_json::from_str(body).unwrap_or_default()
}

fn member(object: &Map<String, Value>, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Documented: the maximum, and the default, of a room's `maximumMessageLength`.
const LONGEST_CONTENT: usize = 500;

/// Assumed, as in `Quota::MessageAttributeBytes`.
const LARGEST_ATTRIBUTES: usize = 1_024;

/// Observed: the members that an official AWS sample (bullet chat) sends in lower case.
const MEMBERS_OF_SAMPLE: [&str; 3] = ["action", "attributes", "content"];

/// A client with backoff pauses for longer than this, and one without for much less.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// A frame that arrives sooner after a close may have been sent before the close arrived.
const LONGEST_CROSSING: Duration = Duration::from_secs(1);
