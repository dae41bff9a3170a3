//! Conflict: conditions on entries that exclude each other, so that no entry satisfies them all.

use std::fmt;

use crate::log::entry::{Direction, EntryKind};
use crate::log::fields::{self, Name};
use crate::log::filter::{Filter, Only};
use crate::log::matcher::{Expected, Field, Matcher};
use crate::proto::action::ActionKind;
use crate::proto::model;
use crate::proto::operation::Operation;

impl Filter {
    /// Returns the reason why no entry of the view can match, if there is one. The user is that of
    /// the connection that the view is about, if it is known.
    ///
    /// The conditions of test closures count as satisfiable.
    pub(crate) fn conflict(&self, user: Option<&str>, matcher: Option<&Matcher>) -> Option<String> {
        // The fields of a matcher were compared with each other when it was made.
        if self.conditions().is_empty() {
            return None;
        }
        let of_view = self.conditions().iter().map(|only| Term::Only(only, user));
        let terms: Vec<_> = of_view.chain(matcher.map(Term::Matcher)).collect();
        if can_hold(&terms) {
            return None;
        }
        // The fewest terms say most. A single one cannot exclude itself.
        let pair = terms.iter().enumerate().find_map(|(index, later)| {
            let mut earlier = terms[..index].iter();
            earlier.find(|earlier| !can_hold(&[**earlier, *later])).map(|it| vec![*it, *later])
        });
        let terms: Vec<_> = pair.unwrap_or(terms).iter().map(|term| format!("`{term}`")).collect();
        let (last, others) = terms.split_last()?;
        Some(format!("{} and {last} exclude each other", others.join(", ")))
    }
}

impl Matcher {
    /// Returns `true` unless the fields of the matcher exclude each other.
    pub(super) fn can_match(&self) -> bool {
        can_hold(&[Term::Matcher(self)])
    }
}

/// A condition on entries.
#[derive(Clone, Copy)]
enum Term<'a> {
    /// A condition of a view, and the user of its connection.
    Only(&'a Only, Option<&'a str>),
    Matcher(&'a Matcher),
}

impl fmt::Display for Term<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Matcher(matcher) | Self::Only(Only::Matching(matcher), _) => matcher.fmt(f),
            Self::Only(only, _) => only.fmt(f),
        }
    }
}

impl<'a> Term<'a> {
    fn fields(self) -> &'a [Field] {
        match self {
            Self::Matcher(matcher) | Self::Only(Only::Matching(matcher), _) => &matcher.fields,
            Self::Only(..) => &[],
        }
    }

    /// Returns `true` if entries of a shape can satisfy the condition.
    fn admits(self, shape: Shape, operation: Option<&str>) -> bool {
        match self {
            Self::Only(Only::Kind(kind), _) => *kind == shape.kind,
            Self::Only(Only::Direction(direction), _) => Some(*direction) == shape.direction,
            Self::Only(Only::User(_) | Only::Connection(..) | Only::Room(_), _) => {
                shape.has_connection()
            }
            Self::Only(Only::Matching(_), _) | Self::Matcher(_) => {
                self.fields().iter().all(|field| match &field.expected {
                    Expected::Is(value) if field.name == Name::Type => value == shape.of_type,
                    _ => shape.can_have(operation, &field.name),
                })
            }
        }
    }

    /// Returns the users of the connection, as far as the condition names them.
    fn users(self, shape: Shape) -> impl Iterator<Item = &'a str> {
        let of_view = match self {
            Self::Only(Only::User(user), _) => Some(user.as_str()),
            Self::Only(Only::Connection(..), user) => user,
            _ => None,
        };
        // A MESSAGE comes from its sender, who is not the user of the connection.
        let own = match shape.direction {
            Some(Direction::Outbound) => Name::To,
            _ => Name::From,
        };
        let of_fields = self.fields().iter().filter_map(move |field| match &field.expected {
            Expected::Is(user) if field.name == own => Some(user.as_str()),
            _ => None,
        });
        of_view.into_iter().chain(of_fields)
    }
}

/// The properties that all entries of one type and direction share.
#[derive(Clone, Copy)]
struct Shape {
    of_type: &'static str,
    kind: EntryKind,
    direction: Option<Direction>,
}

impl Shape {
    const fn new(of_type: &'static str, kind: EntryKind, direction: Option<Direction>) -> Self {
        Self { of_type, kind, direction }
    }

    const fn received(of_type: &'static str) -> Self {
        Self::new(of_type, EntryKind::FrameReceived, INBOUND)
    }

    const fn sent(of_type: &'static str) -> Self {
        Self::new(of_type, EntryKind::FrameSent, OUTBOUND)
    }

    /// Returns `true` if entries of the shape can be about a connection.
    fn has_connection(self) -> bool {
        self.can_have(None, &Name::Room)
    }

    /// Returns `true` if entries of the shape can have a field.
    fn can_have(self, operation: Option<&str>, name: &Name) -> bool {
        let is_outbound = self.direction == OUTBOUND;
        match (self.of_type, name) {
            (_, Name::To) if !is_outbound => false,
            (of_type, Name::From) if is_outbound && of_type != "MESSAGE" => false,
            // Only a matcher without a type asks for these fields.
            ("request", Name::Operation) => true,
            ("request", name) if operation.is_none() => fields::member_of_request(name).is_some(),
            (fields::UNREADABLE, Name::To | Name::RequestId) | ("review", Name::Id) => true,
            (of_type, name) => can_have(of_type, operation, name),
        }
    }
}

const INBOUND: Option<Direction> = Some(Direction::Inbound);

const OUTBOUND: Option<Direction> = Some(Direction::Outbound);

/// The shapes of all entries but actions.
static SHAPES: [Shape; 25] = [
    Shape::new("advance", EntryKind::ClockAdvanced, None),
    Shape::new("response", EntryKind::Response, OUTBOUND),
    Shape::new("request", EntryKind::Request, INBOUND),
    Shape::new("close", EntryKind::Closed, INBOUND),
    Shape::new("close", EntryKind::Closed, OUTBOUND),
    Shape::new("connect", EntryKind::Connected, INBOUND),
    Shape::new("exceeded quota", EntryKind::QuotaExceeded, None),
    Shape::new("request given up", EntryKind::GaveUp, INBOUND),
    Shape::new("end without a close", EntryKind::Disconnected, INBOUND),
    Shape::new("hook", EntryKind::HookFired, None),
    Shape::new("outage", EntryKind::Outage, None),
    Shape::new("refused handshake", EntryKind::HandshakeRefused, OUTBOUND),
    Shape::new("review", EntryKind::Reviewed, None),
    Shape::new("action of the test", EntryKind::TestAction, None),
    Shape::new("undelivered response", EntryKind::Undelivered, None),
    Shape::new("unserved stream", EntryKind::Unserved, INBOUND),
    Shape::received("ping"),
    Shape::received("pong"),
    Shape::received(fields::UNREADABLE),
    Shape::sent("ping"),
    Shape::sent("pong"),
    Shape::sent(fields::UNREADABLE),
    Shape::sent("MESSAGE"),
    Shape::sent("EVENT"),
    Shape::sent("ERROR"),
];

/// Returns `true` unless no entry can satisfy all conditions.
///
/// Each wait asks this, and each method of a matcher. Therefore it allocates nothing, and most
/// shapes are ruled out by their types.
fn can_hold(terms: &[Term<'_>]) -> bool {
    let fields = || terms.iter().flat_map(|term| term.fields());
    let agree = |(index, field): (usize, &Field)| {
        fields().skip(index + 1).all(|other| field.agrees_with(other))
    };
    if !fields().enumerate().all(agree) || !is_one_connection(terms) {
        return false;
    }
    let value = |name: &Name| {
        fields().find_map(|field| match &field.expected {
            Expected::Is(value) if field.name == *name => Some(value.as_str()),
            _ => None,
        })
    };
    let (of_type, operation) = (value(&Name::Type), value(&Name::Operation));
    let admits = |shape: Shape| {
        if of_type.is_some_and(|of_type| of_type != shape.of_type) {
            return false;
        }
        let mut users = terms.iter().flat_map(|term| term.users(shape));
        let first = users.next();
        users.all(|user| Some(user) == first)
            && terms.iter().all(|term| term.admits(shape, operation))
    };
    let is_action = |action: ActionKind| admits(Shape::received(action.name()));
    SHAPES.iter().any(|shape| admits(*shape)) || ActionKind::ALL.into_iter().any(is_action)
}

fn is_one_connection(terms: &[Term<'_>]) -> bool {
    let mut connections = terms.iter().filter_map(|term| match term {
        Term::Only(Only::Connection(connection, _), _) => Some(connection),
        _ => None,
    });
    let first = connections.next();
    connections.all(|connection| Some(connection) == first)
}

impl Field {
    /// Returns `true` if one entry can have both values.
    fn agrees_with(&self, other: &Self) -> bool {
        // A room has several names, and all of them can hold.
        if self.name != other.name || self.name == Name::Room {
            return true;
        }
        match (&self.expected, &other.expected) {
            (Expected::Is(one), Expected::Is(other)) => one == other,
            (Expected::Is(value), Expected::Contains(part))
            | (Expected::Contains(part), Expected::Is(value)) => value.contains(part),
            (Expected::Contains(_), Expected::Contains(_)) => true,
        }
    }
}

/// Returns `true` if entries of a type can have a field.
pub(super) fn can_have(of_type: &str, operation: Option<&str>, name: &Name) -> bool {
    use Name::{
        Attribute, CloseCode, Code, Content, From, Id, Member, Named, Operation, Reason, RequestId,
        Room, Status, To, User,
    };
    match of_type {
        "" => true,
        "MESSAGE" => {
            matches!(name, From | To | Room | Content | Attribute(_) | RequestId | Id)
        }
        "EVENT" => matches!(name, To | Room | Attribute(_) | RequestId | Id | Named),
        "ERROR" => matches!(name, To | Room | RequestId | Id | Code | Reason),
        "SEND_MESSAGE" => matches!(name, From | Room | Content | Attribute(_) | RequestId),
        "DELETE_MESSAGE" => matches!(name, From | Room | Id | Reason | RequestId),
        "DISCONNECT_USER" => matches!(name, From | Room | User | Reason | RequestId),
        "close" => matches!(name, From | To | Room | CloseCode | Reason),
        "refused handshake" => matches!(name, Status | Reason),
        "response" => matches!(name, Operation | Status | Member(_)),
        "undelivered response" => matches!(name, Operation | Status),
        "exceeded quota" => *name == Named,
        "ping" | "pong" => matches!(name, From | To | Room),
        "hook" => matches!(name, Named | From | Room),
        // This comes first, because only the fields after the operation are members of the request.
        "request" if *name == Operation => true,
        "request" => has_member(operation, name),
        // These entries have no connection.
        "advance" | "outage" | "request given up" | "review" | "unserved stream" => false,
        _ => matches!(name, From | Room),
    }
}

/// Returns `true` if the request of an operation has a member that a field is about.
fn has_member(operation: Option<&str>, name: &Name) -> bool {
    let operation = Operation::ALL.into_iter().find(|known| Some(known.name()) == operation);
    let members = operation.map_or(&[][..], model::request);
    let member = fields::member_of_request(name);
    members.iter().any(|known| Some(known.name) == member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_entry_has_a_shape() {
        let mut kind = Some(EntryKind::ClockAdvanced);
        while let Some(known) = kind {
            assert!(can_hold(&[Term::Only(&Only::Kind(known), None)]), "{known:?}");
            kind = after(known);
        }
    }

    /// Returns the next kind. It names each one, so that the compiler asks for a new one.
    const fn after(kind: EntryKind) -> Option<EntryKind> {
        Some(match kind {
            EntryKind::ClockAdvanced => EntryKind::Response,
            EntryKind::Response => EntryKind::Request,
            EntryKind::Request => EntryKind::Closed,
            EntryKind::Closed => EntryKind::Connected,
            EntryKind::Connected => EntryKind::QuotaExceeded,
            EntryKind::QuotaExceeded => EntryKind::GaveUp,
            EntryKind::GaveUp => EntryKind::Disconnected,
            EntryKind::Disconnected => EntryKind::HookFired,
            EntryKind::HookFired => EntryKind::Outage,
            EntryKind::Outage => EntryKind::FrameReceived,
            EntryKind::FrameReceived => EntryKind::HandshakeRefused,
            EntryKind::HandshakeRefused => EntryKind::Reviewed,
            EntryKind::Reviewed => EntryKind::TestAction,
            EntryKind::TestAction => EntryKind::Unserved,
            EntryKind::Unserved => EntryKind::Undelivered,
            EntryKind::Undelivered => EntryKind::FrameSent,
            EntryKind::FrameSent => return None,
        })
    }
}
