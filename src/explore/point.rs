//! Point: a moment of a scenario at which a fault can be injected, and its name.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::explore::words;
use crate::log::entry::Entry;
use crate::log::record::{Caller, Event};
use crate::log::summary;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

/// The kind of a point.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Place {
    /// A user's handshake.
    Connect,
    /// A frame that a user's client sends.
    Sends,
    /// A frame that a user's client gets.
    Gets,
    /// The review of a user's message.
    Review,
    /// A control plane call over HTTP.
    Call(Operation),
    /// A moment of the clock, in milliseconds since the start.
    Clock,
}

/// A point: a place, whose it is, and which event of that kind.
///
/// The text is `alice.sends.2`, `call.CreateChatToken.1` or `clock.1500`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Point {
    pub(crate) place: Place,
    /// The user; empty for calls and moments.
    pub(crate) user: String,
    /// The number of the event, counted from 1, or the milliseconds of a moment.
    pub(crate) number: u64,
}

impl Point {
    pub(crate) fn moment(milliseconds: u64) -> Self {
        Self { place: Place::Clock, user: String::new(), number: milliseconds }
    }

    /// Returns the number as hooks count events.
    pub(crate) fn nth(&self) -> usize {
        usize::try_from(self.number.max(1)).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, user, number } = self;
        // Encoded, because a user ID may have dots, and dots separate the parts of a name.
        let user = words::encoded(user);
        match place {
            Place::Connect => write!(f, "{user}.connects.{number}"),
            Place::Sends => write!(f, "{user}.sends.{number}"),
            Place::Gets => write!(f, "{user}.gets.{number}"),
            Place::Review => write!(f, "{user}.review.{number}"),
            Place::Call(operation) => write!(f, "call.{operation}.{number}"),
            Place::Clock => write!(f, "clock.{number}"),
        }
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "{text:?} is not a point such as `alice.sends.2`, `call.CreateChatToken.1` or \
                 `clock.1500`"
            )
        };
        let parts: Vec<&str> = text.split('.').collect();
        let number = parts.last().and_then(|number| number.parse().ok()).ok_or_else(unknown)?;
        let of_user = |place, user: &str| {
            let user = words::decoded(user).ok_or_else(unknown)?;
            Ok(Self { place, user, number })
        };
        match parts[..] {
            ["clock", _] => Ok(Self::moment(number)),
            // Before the calls, because a user may be named `call`. No operation is named like one
            // of these words.
            [user, "connects", _] => of_user(Place::Connect, user),
            [user, "sends", _] => of_user(Place::Sends, user),
            [user, "gets", _] => of_user(Place::Gets, user),
            [user, "review", _] => of_user(Place::Review, user),
            ["call", name, _] => {
                let operation = Operation::ALL.into_iter().find(|known| known.name() == name);
                let place = Place::Call(operation.ok_or_else(unknown)?);
                Ok(Self { place, user: String::new(), number })
            }
            _ => Err(unknown()),
        }
    }
}

/// A point as a run has passed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) point: Point,
    /// The event in a few words, such as `SEND_MESSAGE "hello"`.
    pub(crate) what: String,
    /// The index of the log entry.
    pub(crate) entry: u64,
    /// The time since the start of the run.
    pub(crate) at: Duration,
    pub(crate) connection: Option<ConnectionId>,
}

/// Returns the points that a run has passed, in order. The moments of the clock are those before
/// the first event, and in the middle of each pause.
pub(crate) fn sightings(entries: &[Entry], start: Timestamp) -> Vec<Sighting> {
    let mut counter = Counter { start, ..Counter::default() };
    let mut found = Vec::new();
    for entry in entries {
        counter.moments(entry, &mut found);
        let Some((place, user)) = counter.place(entry) else { continue };
        let number = counter.counts.entry((place, user.clone())).or_default();
        *number += 1;
        let point = Point { place, user, number: *number };
        let (what, at) = (summary::of(entry), entry.at().since(start));
        found.push(Sighting {
            point,
            what,
            entry: entry.index(),
            at,
            connection: entry.connection(),
        });
    }
    // A run that does nothing has no points, not even a moment.
    if found.iter().all(|sighting| sighting.point.place == Place::Clock) {
        found.clear();
    }
    found
}

#[derive(Default)]
struct Counter {
    start: Timestamp,
    counts: BTreeMap<(Place, String), u64>,
    /// The users of requested tokens, by the number of the request.
    asked_for: BTreeMap<u64, String>,
    /// The user of each token, by its label.
    users: BTreeMap<String, String>,
    /// The connections that have ended, whose frames no hook sees.
    ended: Vec<ConnectionId>,
    /// The senders of actions, by the number of the entry.
    senders: BTreeMap<u64, String>,
    last: Option<Duration>,
    moments: usize,
}

impl Counter {
    /// Adds the moments of the clock before an entry.
    fn moments(&mut self, entry: &Entry, found: &mut Vec<Sighting>) {
        let at = entry.at().since(self.start);
        let moment = match self.last.replace(at) {
            None => Some(0),
            Some(last) if at.saturating_sub(last) >= SHORTEST_PAUSE => {
                // The middle of the pause, so that the moment does not coincide with the events at
                // its ends.
                Some((last + (at - last) / 2).as_millis() as u64)
            }
            Some(_) => None,
        };
        let Some(moment) = moment.filter(|_| self.moments < MOST_MOMENTS) else { return };
        self.moments += 1;
        found.push(Sighting {
            point: Point::moment(moment),
            what: if moment == 0 { "the start".into() } else { "a pause".into() },
            entry: entry.index(),
            at: Duration::from_millis(moment),
            connection: None,
        });
    }

    /// Returns the place of an entry, and its user, if a fault can be injected there.
    fn place(&mut self, entry: &Entry) -> Option<(Place, String)> {
        // The number of a point becomes the `nth` of a hook, so exactly the events that the hook
        // sees count.
        let user = || entry.user_id().unwrap_or_default().to_owned();
        let is_client = !entry.is_participant();
        match &entry.record.event {
            Event::Request(called) => {
                if called.operation == Some(Operation::CreateChatToken) {
                    let user = words::member(&called.body, "userId").unwrap_or_default();
                    self.asked_for.insert(entry.index(), user);
                }
                let is_http = called.origin != Caller::Test;
                is_http.then_some((Place::Call(called.operation?), String::new()))
            }
            Event::Response(response) => {
                if let Some(user) = self.asked_for.remove(&entry.record.cause) {
                    let token = words::member(&response.body, "token");
                    self.users.extend(token.map(|token| (token, user)));
                }
                None
            }
            Event::Connected(_) => is_client.then(|| (Place::Connect, user())),
            Event::HandshakeRefused(refused) => {
                let token = refused.token.as_ref()?;
                Some((Place::Connect, self.users.get(token)?.clone()))
            }
            Event::FrameReceived(payload @ (Payload::Text(_) | Payload::Binary(_))) => {
                // Participants, too, because their messages can be reviewed as well.
                self.senders.insert(entry.index(), user());
                let is_seen = is_client && payload.publish().is_some() && !self.has_ended(entry);
                is_seen.then(|| (Place::Sends, user()))
            }
            Event::FrameSent(payload) => {
                (is_client && payload.frame().is_some()).then(|| (Place::Gets, user()))
            }
            Event::Reviewed(_) => {
                let sender = self.senders.get(&entry.record.cause)?;
                Some((Place::Review, sender.clone()))
            }
            Event::ClosedByService(_) | Event::ClosedByClient(_) | Event::Disconnected => {
                self.ended.extend(entry.connection());
                None
            }
            _ => None,
        }
    }

    fn has_ended(&self, entry: &Entry) -> bool {
        entry.connection().is_some_and(|connection| self.ended.contains(&connection))
    }
}

/// A shorter time in which nothing happens is not a pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);

/// The number of moments of the clock that are points.
const MOST_MOMENTS: usize = 16;
