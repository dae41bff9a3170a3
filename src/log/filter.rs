//! Filter: selects the entries that a log view shows.

use std::fmt;

use crate::log::entry::{Direction, Entry, EntryKind};
use crate::log::escape::named;
use crate::log::matcher::Matcher;
use crate::log::store::Selection;
use crate::service::ConnectionId;

/// A position in the log: the starting point of [`Log::since`](crate::Log::since).
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// ivs.create_room("lobby");
/// let mark = ivs.log().mark();
/// assert!(ivs.log().since(mark).entries().is_empty());
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mark(pub(crate) u64);

/// The conditions of a view. It shows entries after a mark that satisfy all other conditions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) since: u64,
    only: Vec<Only>,
}

#[derive(Clone, Debug)]
pub(crate) enum Only {
    User(String),
    Room(String),
    /// A connection, and its name in texts.
    Connection(ConnectionId, String),
    Direction(Direction),
    Kind(EntryKind),
    Matching(Matcher),
}

impl Only {
    fn admits(&self, entry: &Entry) -> bool {
        match self {
            Self::User(user_id) => entry.user_id() == Some(user_id),
            Self::Room(room) => entry.is_in_room(room),
            Self::Connection(connection, _) => entry.connection() == Some(*connection),
            Self::Direction(direction) => entry.direction() == Some(*direction),
            Self::Kind(kind) => entry.kind() == *kind,
            Self::Matching(matcher) => matcher.matches(entry),
        }
    }
}

impl Filter {
    pub(crate) fn of_connection(connection: ConnectionId, label: &str) -> Self {
        Self { since: 0, only: vec![Only::Connection(connection, label.into())] }
    }

    pub(crate) fn push(&mut self, only: Only) {
        self.only.push(only);
    }

    pub(crate) fn admits(&self, entry: &Entry) -> bool {
        // The comparison of numbers comes first, because it is the cheapest and `all` may run test
        // closures.
        entry.number >= self.since && self.only.iter().all(|only| only.admits(entry))
    }

    /// The connection that all entries of the view are about, and its name.
    pub(crate) fn connection(&self) -> Option<(ConnectionId, &str)> {
        self.only.iter().find_map(|only| match only {
            Only::Connection(connection, label) => Some((*connection, label.as_str())),
            _ => None,
        })
    }

    /// The conditions of the view, except for its start.
    pub(super) fn conditions(&self) -> &[Only] {
        &self.only
    }

    /// The rooms that all entries of the view must be in, apart from those in matchers.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &str> {
        self.only.iter().filter_map(|only| match only {
            Only::Room(room) => Some(room.as_str()),
            _ => None,
        })
    }

    /// The matchers that all entries of the view must match.
    pub(crate) fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.only.iter().filter_map(|only| match only {
            Only::Matching(matcher) => Some(matcher),
            _ => None,
        })
    }

    /// The user that all entries of the view are about, unless the view is about a connection.
    pub(crate) fn user(&self) -> Option<&str> {
        self.only.iter().find_map(|only| match only {
            Only::User(user_id) => Some(user_id.as_str()),
            _ => None,
        })
    }

    /// Returns a selection that contains all entries of the view which match a matcher.
    pub(crate) fn selection(&self, matcher: Option<&Matcher>) -> Selection {
        // One key is enough, because a selection may be larger than the view.
        let key = matcher.into_iter().chain(self.matchers()).find_map(Matcher::key);
        Selection { connection: self.connection().map(|(connection, _)| connection), key }
    }

    /// Returns `true` if the view names the connection, user or room of an entry.
    pub(crate) fn names(&self, entry: &Entry) -> bool {
        let mut by_name =
            self.only.iter().filter(|only| matches!(only, Only::User(_) | Only::Connection(..)));
        // Without such a condition, `all` would hold for every entry.
        by_name.clone().count() > 0 && by_name.all(|only| only.admits(entry))
    }

    /// Returns the reason why the view does not show an entry, as the second half of a sentence.
    pub(crate) fn why_not(&self, entry: &Entry) -> String {
        if entry.number < self.since {
            return format!("comes before the mark, which is at #{}", self.since);
        }
        let refusing = self.only.iter().find(|only| !only.admits(entry));
        refusing.map_or_else(|| "is not in this view".into(), |only| only.why_not(entry))
    }
}

impl Only {
    fn why_not(&self, entry: &Entry) -> String {
        let nobody = || "nobody".to_owned();
        match self {
            Self::User(user_id) => {
                let other = entry.user_id().map_or_else(nobody, |other| format!("{other:?}"));
                format!("{}, not {user_id:?}", towards(entry, &other))
            }
            Self::Connection(_, label) => {
                let other = entry.record.peer.as_ref();
                let other = other.map_or_else(nobody, |peer| named(&peer.label).into_owned());
                format!("{}, not {}", towards(entry, &other), named(label))
            }
            Self::Room(room) => match entry.room() {
                Some(other) => format!("is in room {other:?}, not in {room:?}"),
                None => format!("is in no room, not in {room:?}"),
            },
            Self::Direction(_) => format!("is not {self}"),
            Self::Kind(kind) => format!("is of kind {:?}, not {kind:?}", entry.kind()),
            Self::Matching(matcher) => format!("does not match `{matcher}`"),
        }
    }
}

/// Says whom an entry went to, came from, or is about.
fn towards(entry: &Entry, whom: &str) -> String {
    match entry.direction() {
        Some(Direction::Outbound) => format!("went to {whom}"),
        Some(Direction::Inbound) => format!("came from {whom}"),
        None => format!("is about {whom}"),
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user_id) => write!(f, "of user {user_id:?}"),
            Self::Room(room) => write!(f, "in room {room:?}"),
            Self::Connection(_, label) => write!(f, "on the connection of {label}"),
            Self::Direction(Direction::Inbound) => f.write_str("inbound"),
            Self::Direction(Direction::Outbound) => f.write_str("outbound"),
            Self::Kind(kind) => write!(f, "of kind {kind:?}"),
            Self::Matching(matcher) => write!(f, "({matcher})"),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.only.iter().try_for_each(|only| write!(f, ", {only}"))?;
        if self.since > 0 { write!(f, ", since #{}", self.since) } else { Ok(()) }
    }
}
