//! What happens later: at a moment of the clock, of real time, or when a gate is released.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::api::gate::Gate;
use crate::driver::calls::{PendingHandshake, PendingReply};
use crate::driver::step::Step;
use crate::driver::{Driver, Framed};
use crate::hook::ids::GateId;
use crate::proto::action::Publish;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::review::ReviewCall;

/// Something that is to happen later: what was stopped on its way goes on from where it was.
#[derive(Debug)]
pub(super) enum Later {
    Deliver { connection: ConnectionId, framed: Framed },
    EndIfIdle(ConnectionId),
    Handshake(Box<PendingHandshake>),
    Ping(ConnectionId),
    Publish { connection: ConnectionId, publish: Publish },
    Reply(Box<PendingReply>),
    Review(Box<ReviewCall>),
}

/// Until when something waits.
#[derive(Clone, Debug)]
pub(super) enum Until {
    Clock(Duration),
    RealTime(Duration),
    Released(Gate),
}

impl Until {
    /// In words, for the log.
    fn describe(&self) -> String {
        let length = |duration: Duration| humantime::format_duration(duration).to_string();
        match self {
            Self::Clock(duration) => format!("delayed {}", length(*duration)),
            Self::RealTime(duration) => format!("delayed {} of real time", length(*duration)),
            Self::Released(_) => "held".into(),
        }
    }
}

/// What is due at moments of the clock.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: BTreeMap<(Timestamp, u64), Later>,
    /// What waits for real time instead.
    real_time: BTreeMap<u64, Later>,
    made: u64,
}

impl Schedule {
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn at(&mut self, at: Timestamp, later: Later) {
        self.made += 1;
        self.due.insert((at, self.made), later);
    }

    fn in_real_time(&mut self, later: Later) -> u64 {
        self.made += 1;
        self.real_time.insert(self.made, later);
        self.made
    }

    /// Takes the first thing that is due by `now`.
    fn pop(&mut self, now: Timestamp) -> Option<Later> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}

/// What waits at a gate.
#[derive(Debug, Default)]
pub(super) struct GateState {
    is_open: bool,
    waiting: VecDeque<Later>,
}

impl GateState {
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl Driver {
    pub(crate) fn waiting_at(&self, gate: GateId) -> usize {
        self.state.lock().gates.get(&gate).map_or(0, GateState::waiting)
    }

    /// Lets the first that waits at a gate go on; says whether anything waited.
    pub(crate) fn release_one(self: &Arc<Self>, gate: GateId) -> bool {
        self.step(|step| {
            let waiting = step.state.gates.get_mut(&gate);
            let later = waiting.and_then(|gate| gate.waiting.pop_front());
            let waited = later.is_some();
            if let Some(later) = later {
                step.go_on(later);
            }
            waited
        })
    }

    /// Opens a gate, and lets all that waits at it go on.
    pub(crate) fn open_gate(self: &Arc<Self>, gate: GateId) {
        self.step(|step| {
            if let Some(gate) = step.state.gates.get_mut(&gate) {
                gate.is_open = true;
            }
            // One by one, for what goes on may run a closure that has a look at the gate.
            while let Some(later) =
                step.state.gates.get_mut(&gate).and_then(|gate| gate.waiting.pop_front())
            {
                step.go_on(later);
            }
        });
    }
}

impl Step<'_> {
    /// Stops something on its way, for a hook; at a gate that is open it goes on at once.
    pub(super) fn stop(
        &mut self,
        cause: u64,
        connection: Option<ConnectionId>,
        hook: &Arc<str>,
        until: &Until,
        later: Later,
    ) {
        let gate = match until {
            Until::Released(gate) => Some(gate.id),
            Until::Clock(_) | Until::RealTime(_) => None,
        };
        let payload = match &later {
            Later::Deliver { framed, .. } => Some(framed.payload.clone()),
            _ => None,
        };
        self.record_hook(cause, connection, hook, until.describe(), payload, gate);
        match until {
            Until::Clock(duration) => {
                let at = self.now + *duration;
                self.state.schedule.at(at, later);
            }
            Until::RealTime(duration) => {
                let number = self.state.schedule.in_real_time(later);
                let (driver, duration) = (Arc::clone(self.driver), *duration);
                self.driver.runtime.spawn(async move {
                    tokio::time::sleep(duration).await;
                    driver.step(|step| {
                        let later = step.state.schedule.real_time.remove(&number);
                        later.into_iter().for_each(|later| step.go_on(later));
                    });
                });
            }
            Until::Released(gate) => match self.state.gates.get_mut(&gate.id) {
                Some(state) if !state.is_open && gate.is_of(self.driver) => {
                    state.waiting.push_back(later);
                }
                // A gate of another mock, or one that was released, stops nothing.
                _ => self.go_on(later),
            },
        }
    }

    /// Lets what was stopped go on.
    pub(super) fn go_on(&mut self, later: Later) {
        let cause = self.state.log.len();
        match later {
            Later::Deliver { connection, framed } => self.send(cause, connection, framed),
            Later::EndIfIdle(connection) => self.end_if_idle(cause, connection),
            Later::Handshake(handshake) => self.admit(cause, *handshake),
            Later::Ping(connection) => self.ping(cause, connection),
            Later::Publish { connection, publish } => self.publish(cause, connection, publish),
            Later::Reply(reply) => self.reply(cause, *reply),
            Later::Review(call) => self.ask_reviewer(cause, *call),
        }
    }

    /// Lets the first thing happen that is due; says whether there was one.
    pub(super) fn next_due(&mut self) -> bool {
        let now = self.now;
        let scheduled = self.state.schedule.next_deadline();
        let is_services = match (self.state.service.next_deadline(), scheduled) {
            (Some(service), Some(scheduled)) => service < scheduled,
            (service, _) => service.is_some(),
        };
        if is_services {
            let mut outputs = Vec::new();
            let happened = self.state.service.time_reached(now, &mut outputs);
            let cause = self.state.log.len();
            self.release(cause, outputs);
            return happened;
        }
        let later = self.state.schedule.pop(now);
        let happened = later.is_some();
        later.into_iter().for_each(|later| self.go_on(later));
        happened
    }
}
