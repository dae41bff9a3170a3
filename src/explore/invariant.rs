//! Invariants: conditions on the log that must hold after each run, the user's and ready-made ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::api::log::Log;
use crate::explore::panics;
use crate::log::entry::Entry;
use crate::log::lint_rule::Lint;
use crate::log::record::Event;
use crate::proto::action::Action;
use crate::proto::frame::{ChatEvent, ChatMessage, Frame};

/// A ready-made invariant; see [`Explorer::uphold`](crate::explore::Explorer::uphold).
///
/// ```
/// use mock_ivs_chat::explore::Invariant;
///
/// assert_eq!(Invariant::NoTokenReused.to_string(), "no token is used twice");
/// assert_eq!(Invariant::ALL.len(), 6);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Invariant {
    /// Each message that a client sends is confirmed to it, or rejected, by the end of the run. A
    /// client that sends the same content again makes up for a loss.
    NoMessageLost,
    /// No client sends a message again that was confirmed to it, and no message is published twice
    /// under one `RequestId`.
    NoMessageTwice,
    /// Each deletion that a client requests is applied, or rejected, by the end of the run.
    DeletionsApplied,
    /// No chat token is presented twice.
    NoTokenReused,
    /// A client pauses between attempts to connect that fail in a row.
    BacksOff,
    /// No client sends anything after its connection was closed.
    NoTrafficAfterClose,
}

impl Invariant {
    /// All ready-made invariants.
    pub const ALL: [Self; 6] = [
        Self::NoMessageLost,
        Self::NoMessageTwice,
        Self::DeletionsApplied,
        Self::NoTokenReused,
        Self::BacksOff,
        Self::NoTrafficAfterClose,
    ];

    pub(crate) fn check(self, log: &Log) -> Result<(), String> {
        match self {
            Self::NoMessageLost => Ledger::new(&log.entries()).lost_message(),
            Self::NoMessageTwice => Ledger::new(&log.entries()).repeated_message(),
            Self::DeletionsApplied => Ledger::new(&log.entries()).unapplied_deletion(),
            Self::NoTokenReused => no_finding(log, Lint::TokenReused),
            Self::BacksOff => no_finding(log, Lint::ReconnectWithoutBackoff),
            Self::NoTrafficAfterClose => no_finding(log, Lint::TrafficAfterClose),
        }
    }
}

impl Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMessageLost => "no message is lost",
            Self::NoMessageTwice => "no message is published twice",
            Self::DeletionsApplied => "deletions are applied",
            Self::NoTokenReused => "no token is used twice",
            Self::BacksOff => "reconnects back off",
            Self::NoTrafficAfterClose => "nothing is sent after a close",
        })
    }
}

fn no_finding(log: &Log, lint: Lint) -> Result<(), String> {
    let finding = log.lint().into_iter().find(|finding| finding.lint == lint);
    finding.map_or(Ok(()), |finding| Err(finding.to_string()))
}

/// The requests of clients, and the responses of the service.
#[derive(Default)]
struct Ledger {
    /// The messages that clients sent, in order: the user, the `RequestId` and the content.
    sent: Vec<(String, String, String)>,
    /// The messages that were confirmed to their senders, by user and content.
    confirmed: BTreeSet<(String, String)>,
    /// The requests that were rejected, or got a corrupted response, by user and `RequestId`.
    rejected: BTreeSet<(String, String)>,
    /// The first message that was sent although it had been confirmed.
    repeated: Option<(String, String)>,
    /// How often a message was published, by user and `RequestId`: the ids that were seen.
    published: BTreeMap<(String, String), BTreeSet<String>>,
    /// The actions that the explorer itself has duplicated.
    duplicated: BTreeSet<(String, String)>,
    /// The deletions that clients requested: the user, the `RequestId` and the message.
    deletions: Vec<(String, String, String)>,
    /// The messages that are deleted.
    deleted: BTreeSet<String>,
    entries: BTreeMap<u64, (String, String)>,
}

impl Ledger {
    fn new(entries: &[Entry]) -> Self {
        let mut ledger = Self::default();
        for entry in entries {
            ledger.add(entry);
        }
        ledger
    }

    fn add(&mut self, entry: &Entry) {
        let user = entry.user_id().unwrap_or_default().to_owned();
        match &entry.record.event {
            // Participants are driven by the test. The invariants are about the code under test.
            Event::FrameReceived(payload) if !entry.is_participant() => {
                let Some(publish) = payload.publish() else { return };
                let request_id = publish.request_id.clone();
                self.entries.insert(entry.index(), (user.clone(), request_id.clone()));
                match &publish.action {
                    Ok(Action::SendMessage(message)) => {
                        let content = (user.clone(), message.content.clone());
                        // By content and not by `RequestId`, because a client that repeats itself
                        // may use a new one.
                        if self.confirmed.contains(&content) && self.repeated.is_none() {
                            self.repeated = Some(content);
                        }
                        self.sent.push((user, request_id, message.content.clone()));
                    }
                    Ok(Action::DeleteMessage(deletion)) => {
                        self.deletions.push((user, request_id, deletion.id.clone()));
                    }
                    _ => {}
                }
            }
            Event::HookFired(hooked) => {
                self.add_fault(entry, &hooked.effect);
                // A message that was lost on its way was published all the same.
                let frame = hooked.payload.as_ref().and_then(|payload| payload.frame());
                if let Some(Frame::Message(message)) = frame {
                    self.add_published(message);
                }
            }
            Event::FrameSent(payload) => match payload.frame() {
                Some(Frame::Message(message)) => {
                    self.add_published(message);
                    // The copy that the sender receives is the response to the request.
                    if message.sender.user_id == user {
                        self.confirmed.insert((user, message.content.clone()));
                    }
                }
                Some(Frame::Event(event)) if event.event_name == ChatEvent::DELETE_MESSAGE => {
                    let id = event.attributes.as_ref().and_then(|all| all.get("MessageId"));
                    self.deleted.extend(id.cloned());
                }
                Some(Frame::Error(error)) => {
                    self.rejected.insert((user, error.request_id.clone()));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn add_published(&mut self, message: &ChatMessage) {
        let request = (message.sender.user_id.clone(), message.request_id.clone());
        self.published.entry(request).or_default().insert(message.id.clone());
    }

    fn add_fault(&mut self, entry: &Entry, effect: &str) {
        let user = entry.user_id().unwrap_or_default();
        if effect == "duplicated" {
            self.duplicated.extend(self.entries.get(&entry.record.cause).cloned());
        // This is how the engine records a corrupted frame.
        } else if effect.starts_with("corrupted") {
            // The client may take the corrupted frame for the response to any of its requests.
            let requests = self.entries.values().filter(|(sender, _)| sender == user);
            self.rejected.extend(requests.cloned());
        }
    }

    fn lost_message(self) -> Result<(), String> {
        let lost = self.sent.into_iter().find(|(user, request_id, content)| {
            // By content, because a client may have sent the message again under another
            // `RequestId`.
            !self.confirmed.contains(&(user.clone(), content.clone()))
                && !self.rejected.contains(&(user.clone(), request_id.clone()))
        });
        lost.map_or(Ok(()), |(user, _, content)| {
            Err(format!("{content:?} of {user} was neither confirmed nor rejected"))
        })
    }

    fn repeated_message(self) -> Result<(), String> {
        if let Some((user, content)) = self.repeated {
            return Err(format!("{user} sent {content:?} again after it was confirmed"));
        }
        let twice = self.published.into_iter().find(|(request, ids)| {
            // Requests without a `RequestId` cannot be told apart, and a duplicate that the
            // explorer made is not the fault of the client.
            ids.len() > 1 && !request.1.is_empty() && !self.duplicated.contains(request)
        });
        twice.map_or(Ok(()), |((user, request_id), ids)| {
            let ids: Vec<String> = ids.into_iter().collect();
            Err(format!("request {request_id:?} of {user} was published as {}", ids.join(" and ")))
        })
    }

    fn unapplied_deletion(self) -> Result<(), String> {
        let unapplied = self.deletions.into_iter().find(|(user, request_id, message)| {
            !self.deleted.contains(message)
                && !self.rejected.contains(&(user.clone(), request_id.clone()))
        });
        unapplied.map_or(Ok(()), |(user, _, message)| {
            Err(format!("{user} requested the deletion of {message}, which was never deleted"))
        })
    }
}

/// The result of an invariant's check: nothing, because it asserts; `true` if the invariant
/// holds; or a [`Result`] whose error says what is wrong.
///
/// ```
/// use mock_ivs_chat::explore::InvariantResult;
///
/// assert_eq!(true.into_reason(), None);
/// assert_eq!(false.into_reason(), Some("it returned `false`".to_owned()));
/// assert_eq!(Err::<(), _>("twice").into_reason(), Some("twice".to_owned()));
/// ```
pub trait InvariantResult {
    /// Returns the reason why the invariant does not hold; `None` if it does.
    fn into_reason(self) -> Option<String>;
}

impl InvariantResult for () {
    fn into_reason(self) -> Option<String> {
        None
    }
}

impl InvariantResult for bool {
    fn into_reason(self) -> Option<String> {
        (!self).then(|| "it returned `false`".to_owned())
    }
}

impl<E: Display> InvariantResult for Result<(), E> {
    fn into_reason(self) -> Option<String> {
        self.err().map(|error| format!("{error:#}"))
    }
}

type Examine = dyn Fn(&Log) -> Option<String> + Send + Sync;

/// A named invariant.
#[derive(Clone)]
pub(crate) struct Check {
    pub(crate) name: String,
    examine: Arc<Examine>,
}

impl Check {
    pub(crate) fn new<R: InvariantResult>(
        name: String,
        examine: impl Fn(&Log) -> R + Send + Sync + 'static,
    ) -> Self {
        Self { name, examine: Arc::new(move |log| examine(log).into_reason()) }
    }

    /// Returns the reason why the invariant does not hold, which may be the panic of an assertion.
    pub(crate) fn broken(&self, log: &Log) -> Option<String> {
        match catch_unwind(AssertUnwindSafe(|| (self.examine)(log))) {
            Ok(reason) => reason,
            // Taken out, so that the panic does not count as one of a task, too.
            Err(_) => Some(panics::take_last().unwrap_or_default()),
        }
    }
}
