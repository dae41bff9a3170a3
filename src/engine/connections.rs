//! Connections: what the engine keeps of each open connection.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::Included;
use std::sync::Arc;

use crate::engine::connection_map::ConnectionMap;
use crate::engine::control::Stall;
use crate::engine::io::Ending;
use crate::engine::questions::{Ancestry, QuestionId};
use crate::engine::timers::TimerKey;
use crate::log::record::Peer;
use crate::proto::close::Close;
use crate::proto::payload::Payload;
use crate::proto::publish::Publish;
use crate::proto::spelling;
use crate::proto::timestamp::Timestamp;
use crate::proto::wire_frame::WireFrame;
use crate::service::ConnectionId;

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    // Every session of the service has its connection here. The reverse does not hold: a connection
    // that is closing has no session any more, and stays until its stream ends.
    pub(super) open: ConnectionMap<Connection>,
    /// The number of the latest connection.
    latest: u32,
    users: Users,
}

/// How many connections each user has had, for the labels of the next ones.
///
/// All connections of a user share the text of its id. A user to whose id neither a connection nor
/// an entry of the log refers any more can be forgotten, so a long-lived mock with a bounded log
/// does not remember all users that it ever had.
#[derive(Debug)]
struct Users {
    counts: BTreeMap<Arc<str>, u32>,
    /// How many users there may be before the next search for forgettable ones.
    limit: usize,
}

impl Default for Users {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), limit: REMEMBERED_USERS }
    }
}

impl Users {
    /// Counts a new connection of a user; returns the shared text of the id and the count.
    fn count(&mut self, user_id: &str) -> (Arc<str>, u32) {
        if let Some((shared, count)) =
            // A range instead of a lookup by key, because only a range also returns the shared key.
            self.counts.range_mut::<str, _>((Included(user_id), Included(user_id))).next()
        {
            *count += 1;
            return (Arc::clone(shared), *count);
        }
        if self.counts.len() >= self.limit {
            // One reference is that of the map itself.
            self.counts.retain(|user_id, _| Arc::strong_count(user_id) > 1);
            // The search pays off: half of the users are new at the next one.
            self.limit = (2 * self.counts.len()).max(REMEMBERED_USERS);
        }
        let shared: Arc<str> = user_id.into();
        self.counts.insert(Arc::clone(&shared), 1);
        (shared, 1)
    }
}

/// The number of users that are remembered whether anything refers to them or not, so that labels
/// in all but the largest tests never start again.
const REMEMBERED_USERS: usize = 4_096;

/// An open connection: of a client with a stream, or of a participant.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) peer: Arc<Peer>,
    /// Whether frames leave over a stream. A participant reads its frames in the log.
    pub(super) has_stream: bool,
    /// The address of the client, if it has one.
    pub(super) peer_ip: Option<Arc<str>>,
    /// When the client last sent anything.
    pub(super) last_received: Timestamp,
    /// When the handshake succeeded.
    pub(super) connected_at: Timestamp,
    /// The frames and actions that wait for the connection to resume, if it is stalled.
    pub(super) stall: Option<Box<Stall>>,
    /// Whether the last frame was queued. Nothing follows a close frame.
    pub(super) is_finished: bool,
    pub(super) inbound: Lane<Inbound>,
    pub(super) outbound: Lane<Outbound>,
    /// The actions that the next action overtakes, with the closures that they follow from.
    pub(super) reordered_actions: Vec<(Ancestry, Publish)>,
    /// The frames that the next frame overtakes.
    pub(super) reordered_frames: Vec<WireFrame>,
    pub(super) timers: Vec<TimerKey>,
}

/// The events of one connection in one direction.
///
/// While a closure decides about one of them, the later ones wait behind it: a closure that takes
/// its time must not change the order of frames.
#[derive(Debug)]
pub(super) struct Lane<T> {
    asking: Option<QuestionId>,
    waiting: VecDeque<(Ancestry, T)>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { asking: None, waiting: VecDeque::new() }
    }
}

impl<T> Lane<T> {
    pub(super) fn is_blocked(&self) -> bool {
        self.asking.is_some()
    }

    pub(super) fn block(&mut self, question: QuestionId) {
        self.asking = Some(question);
    }

    /// Makes the lane pass events again, if it was this question that blocked it.
    pub(super) fn unblock(&mut self, question: QuestionId) {
        if self.asking == Some(question) {
            self.asking = None;
        }
    }

    pub(super) fn push(&mut self, ancestry: Ancestry, event: T) {
        self.waiting.push_back((ancestry, event));
    }

    /// Returns the next waiting event, unless a closure decides about the one before it.
    pub(super) fn next(&mut self) -> Option<(Ancestry, T)> {
        if self.is_blocked() { None } else { self.waiting.pop_front() }
    }
}

/// An event that a client causes.
#[derive(Debug)]
pub(super) enum Inbound {
    Frame { cause: u64, payload: Payload },
    Ending(Ending),
}

/// An event on the way to a client.
#[derive(Debug)]
pub(super) enum Outbound {
    /// A frame of the service, which hooks can see.
    Frame { cause: u64, payload: Payload },
    /// A frame that no hook sees.
    Raw { cause: u64, frames: Vec<WireFrame> },
    /// A close frame, which is the last of its connection.
    Close { cause: u64, close: Close },
}

impl Connections {
    /// Reserves the id of a new connection.
    pub(super) fn next_id(&mut self) -> ConnectionId {
        self.latest += 1;
        ConnectionId(self.latest)
    }

    /// Returns the shared text of a user id, and the label of a new connection of the user: the
    /// user id, with a number after it from the second connection on.
    pub(super) fn name(&mut self, user_id: &str) -> (Arc<str>, String) {
        match self.users.count(user_id) {
            (user_id, 1) => {
                let label = user_id.as_ref().to_owned();
                (user_id, label)
            }
            (user_id, count) => {
                let label = format!("{user_id}#{count}");
                (user_id, label)
            }
        }
    }

    /// Returns the user that is probably meant by the ID of a user who has never connected.
    pub(crate) fn meant_user(&self, user_id: &str) -> Option<Arc<str>> {
        let counts = &self.users.counts;
        if counts.contains_key(user_id) {
            return None;
        }
        counts.keys().find(|known| spelling::is_slip(user_id, known)).map(Arc::clone)
    }

    /// Makes the labels of later connections begin anew.
    pub(super) fn reset_labels(&mut self) {
        self.users.counts.clear();
    }

    pub(super) fn has_ended(&self, connection: ConnectionId) -> bool {
        // IDs count up from 1, so an ID up to the latest was in use even if nothing is left of it.
        (1..=self.latest).contains(&connection.0) && self.open.get(connection).is_none()
    }

    pub(crate) fn peer(&self, connection: ConnectionId) -> Option<Arc<Peer>> {
        self.open.get(connection).map(|connection| Arc::clone(&connection.peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_forgotten_once_nothing_refers_to_their_ids() {
        let mut connections = Connections::default();
        let (alice, label) = connections.name("alice");
        assert_eq!(label, "alice");
        for number in 0..100_000 {
            drop(connections.name(&format!("user-{number}")));
        }
        assert!(connections.users.counts.len() <= REMEMBERED_USERS);
        let (again, label) = connections.name("alice");
        assert_eq!(label, "alice#2");
        assert!(Arc::ptr_eq(&alice, &again));
    }

    #[test]
    fn users_are_remembered_while_something_refers_to_them() {
        let mut connections = Connections::default();
        let ids: Vec<_> = (0..20_000).map(|n| connections.name(&format!("user-{n}")).0).collect();
        let labels = ids.iter().map(|id| connections.name(id).1);
        assert!(labels.into_iter().all(|label| label.ends_with("#2")));
    }
}
