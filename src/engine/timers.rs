//! Timers: what happens at a moment of the clock, after real time, or when a gate opens.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::connections::Connection;
use crate::engine::handshake::PendingHandshake;
use crate::engine::io::TimerId;
use crate::engine::operation::PendingReply;
use crate::engine::questions::Ancestry;
use crate::hook::ids::GateId;
use crate::proto::publish::Publish;
use crate::proto::timestamp::Timestamp;
use crate::proto::wire_frame::WireFrame;
use crate::service::ConnectionId;
use crate::service::output::ReviewCall;

/// Something that was stopped on its way and continues later from where it was.
#[derive(Debug)]
pub(super) enum Deferred {
    Deliver { connection: ConnectionId, frame: WireFrame },
    CloseIfIdle(ConnectionId),
    Handshake(Box<PendingHandshake>),
    Ping(ConnectionId),
    Publish { connection: ConnectionId, publish: Publish },
    Reply(Box<PendingReply>),
    Review(Box<ReviewCall>),
}

/// A deferred event, with the closures that it follows from: they are not asked about it later
/// either.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ancestry: Ancestry,
    pub(super) deferred: Deferred,
}

/// Until when something is deferred.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delay {
    Clock(Duration),
    RealTime(Duration),
    Gate(GateId),
}

impl Delay {
    /// Returns the text for the log.
    pub(super) fn describe(self) -> String {
        let length = |duration: Duration| humantime::format_duration(duration).to_string();
        match self {
            Self::Clock(duration) => format!("delayed {}", length(duration)),
            Self::RealTime(duration) => format!("delayed {} of real time", length(duration)),
            Self::Gate(_) => "held".into(),
        }
    }
}

/// Identifies an entry among the timers: when it is due, and its number among all entries.
pub(super) type TimerKey = (Timestamp, u64);

/// Timers of the mock clock, and delays in real time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<TimerKey, Waiting>,
    real_time: BTreeMap<TimerId, Waiting>,
    latest: u64,
}

impl Timers {
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn at(&mut self, at: Timestamp, waiting: Waiting) -> TimerKey {
        // The number keeps entries of the same moment in the order in which they were made.
        self.latest += 1;
        let key = (at, self.latest);
        self.due.insert(key, waiting);
        key
    }

    pub(super) fn in_real_time(&mut self, waiting: Waiting) -> TimerId {
        self.latest += 1;
        let id = TimerId(self.latest);
        self.real_time.insert(id, waiting);
        id
    }

    /// Removes and returns the first entry that is due by `now`.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Waiting> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    pub(super) fn pop_real_time(&mut self, id: TimerId) -> Option<Waiting> {
        self.real_time.remove(&id)
    }

    /// Returns how many events are delayed until a moment of the clock, and the first such moment.
    pub(super) fn delayed(&self) -> Option<(usize, Timestamp)> {
        let is_event = |waiting: &Waiting| {
            !matches!(waiting.deferred, Deferred::CloseIfIdle(_) | Deferred::Ping(_))
        };
        let mut events = self.due.iter().filter(|(_, waiting)| is_event(waiting));
        let ((first, _), _) = events.next()?;
        Some((1 + events.count(), *first))
    }

    /// Drops the entries that no longer matter.
    pub(super) fn discard(&mut self, is_moot: impl Fn(&Deferred) -> bool) {
        self.due.retain(|_, waiting| !is_moot(&waiting.deferred));
        // The driver still reports that the real time has passed. `pop_real_time` finds nothing
        // then.
        self.real_time.retain(|_, waiting| !is_moot(&waiting.deferred));
    }

    /// Drops the timers that watch a connection which has ended.
    pub(super) fn cancel(&mut self, connection: &Connection) {
        // A timer that has fired is no longer there, and its key is never used again.
        for key in &connection.timers {
            self.due.remove(key);
        }
    }
}
