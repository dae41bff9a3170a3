//! Fault: one thing that goes wrong at a point, its name, and the column of the table it is in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::explore::point::Place;
use crate::hook::delivery::Corruption;
use crate::proto::exception::Exception;

/// A fault. Its name is part of the text of a case.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Fault {
    /// The handshake is refused with this status.
    Refused(u16),
    /// The connection is closed with this code, with or without a reason.
    Closed(u16, bool),
    Reset,
    /// There is never a response.
    Unanswered,
    /// The connection stays open, but nothing passes any more.
    Stalled,
    /// The event happens later on the clock.
    Delayed,
    Lost,
    Duplicated,
    /// The event happens after the next one of its connection.
    Reordered,
    /// All later events of this connection and direction happen a little later than others.
    Lagging,
    /// The response is not JSON.
    Nonsense,
    Corrupt(Damage),
    /// The action is rejected with this code.
    Rejected(u16),
    /// The call fails with this exception.
    Failed(Modeled),
    /// The response of a call is broken.
    Broken(Breakage),
    /// The review denies the message.
    Denied,
    /// The review handler fails.
    ReviewFailed,
    /// The review handler does not respond in time.
    ReviewTimedOut,
    /// The session of the user expires.
    Expired,
    /// The service restarts: all clients are disconnected.
    Restarted,
    /// The service is unreachable for a while.
    Outage,
}

/// How a frame is damaged.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Damage {
    Json,
    Type,
    Member,
    Binary,
    Utf8,
    Oversize,
    Fragmented,
    ReservedBit,
    Truncated,
}

/// A modeled exception of the control plane.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Modeled {
    AccessDenied,
    Conflict,
    InternalServer,
    PendingVerification,
    ResourceNotFound,
    ServiceQuotaExceeded,
    Throttling,
    Validation,
}

/// How the response to a call is broken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Breakage {
    Unavailable,
    Empty,
    HalfBody,
    CutInHead,
    CutInBody,
}

/// A column of the table: faults that are alike.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    Refused,
    Closed,
    Reset,
    Unanswered,
    Stalled,
    Delayed,
    Lost,
    Duplicated,
    Reordered,
    Corrupt,
    Rejected,
    Denied,
    Throttled,
    Failed,
    Expired,
    Restarted,
    Outage,
    Lagging,
}

impl Family {
    pub(crate) const ALL: [Self; 18] = [
        Self::Refused,
        Self::Closed,
        Self::Reset,
        Self::Unanswered,
        Self::Stalled,
        Self::Delayed,
        Self::Lost,
        Self::Duplicated,
        Self::Reordered,
        Self::Corrupt,
        Self::Rejected,
        Self::Denied,
        Self::Throttled,
        Self::Failed,
        Self::Expired,
        Self::Restarted,
        Self::Outage,
        Self::Lagging,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Unanswered => "unanswered",
            Self::Stalled => "stalled",
            Self::Delayed => "delayed",
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Corrupt => "corrupt",
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::Expired => "session expired",
            Self::Restarted => "service restarted",
            Self::Outage => "outage",
            Self::Lagging => "other order",
        }
    }
}

/// Closes with several codes, with and without a reason.
const CLOSES: [Fault; 6] = [
    Fault::Closed(1000, false),
    Fault::Closed(1000, true),
    Fault::Closed(1001, true),
    Fault::Closed(1008, true),
    Fault::Closed(1011, false),
    Fault::Closed(1012, false),
];

const HANDSHAKE: [Fault; 10] = [
    Fault::Refused(400),
    Fault::Refused(401),
    Fault::Refused(403),
    Fault::Refused(429),
    Fault::Refused(503),
    Fault::Reset,
    Fault::Unanswered,
    Fault::Delayed,
    Fault::Restarted,
    Fault::Outage,
];

const ACTION: [Fault; 19] = [
    Fault::Reset,
    Fault::Stalled,
    Fault::Delayed,
    Fault::Lost,
    Fault::Duplicated,
    Fault::Reordered,
    Fault::Nonsense,
    Fault::Rejected(400),
    Fault::Rejected(401),
    Fault::Rejected(403),
    Fault::Rejected(404),
    Fault::Rejected(406),
    Fault::Rejected(413),
    Fault::Rejected(429),
    Fault::Rejected(500),
    Fault::Expired,
    Fault::Restarted,
    Fault::Outage,
    Fault::Lagging,
];

const DELIVERY: [Fault; 20] = [
    Fault::Reset,
    Fault::Stalled,
    Fault::Delayed,
    Fault::Lost,
    Fault::Duplicated,
    Fault::Reordered,
    Fault::Nonsense,
    Fault::Corrupt(Damage::Json),
    Fault::Corrupt(Damage::Type),
    Fault::Corrupt(Damage::Member),
    Fault::Corrupt(Damage::Binary),
    Fault::Corrupt(Damage::Utf8),
    Fault::Corrupt(Damage::Oversize),
    Fault::Corrupt(Damage::Fragmented),
    Fault::Corrupt(Damage::ReservedBit),
    Fault::Corrupt(Damage::Truncated),
    Fault::Expired,
    Fault::Restarted,
    Fault::Outage,
    Fault::Lagging,
];

const CALL: [Fault; 18] = [
    Fault::Reset,
    Fault::Unanswered,
    Fault::Delayed,
    Fault::Failed(Modeled::AccessDenied),
    Fault::Failed(Modeled::Conflict),
    Fault::Failed(Modeled::InternalServer),
    Fault::Failed(Modeled::PendingVerification),
    Fault::Failed(Modeled::ResourceNotFound),
    Fault::Failed(Modeled::ServiceQuotaExceeded),
    Fault::Failed(Modeled::Throttling),
    Fault::Failed(Modeled::Validation),
    Fault::Broken(Breakage::Unavailable),
    Fault::Broken(Breakage::Empty),
    Fault::Broken(Breakage::HalfBody),
    Fault::Broken(Breakage::CutInHead),
    Fault::Broken(Breakage::CutInBody),
    Fault::Restarted,
    Fault::Outage,
];

const REVIEW: [Fault; 4] =
    [Fault::Denied, Fault::ReviewFailed, Fault::ReviewTimedOut, Fault::Delayed];

const MOMENT: [Fault; 5] =
    [Fault::Reset, Fault::Stalled, Fault::Expired, Fault::Restarted, Fault::Outage];

impl Fault {
    /// Returns the faults that can happen at a place, without those of schedules.
    pub(crate) fn at(place: Place) -> impl Iterator<Item = Self> {
        let (closes, others): (&[Self], &[Self]) = match place {
            Place::Connect => (&CLOSES, &HANDSHAKE),
            Place::Sends => (&CLOSES, &ACTION),
            Place::Gets => (&CLOSES, &DELIVERY),
            // Calls and reviews have no WebSocket that could be closed.
            Place::Call(_) => (&[], &CALL),
            Place::Review => (&[], &REVIEW),
            Place::Clock => (&CLOSES, &MOMENT),
        };
        closes.iter().chain(others).copied()
    }

    /// Returns `true` if the fault happens to the whole service or session, and the event is only
    /// the moment at which it does.
    pub(crate) const fn is_of_service(self) -> bool {
        matches!(self, Self::Expired | Self::Restarted | Self::Outage)
    }

    pub(crate) const fn family(self) -> Family {
        match self {
            // The particular codes come before the general arms, because a client reacts to them in
            // its own way.
            Self::Refused(429) | Self::Rejected(429) | Self::Failed(Modeled::Throttling) => {
                Family::Throttled
            }
            Self::Refused(403)
            | Self::Rejected(403 | 406)
            | Self::Failed(Modeled::AccessDenied)
            | Self::Denied => Family::Denied,
            Self::Refused(_) => Family::Refused,
            Self::Closed(..) => Family::Closed,
            Self::Reset => Family::Reset,
            Self::Unanswered => Family::Unanswered,
            Self::Stalled => Family::Stalled,
            Self::Delayed => Family::Delayed,
            Self::Lost => Family::Lost,
            Self::Duplicated => Family::Duplicated,
            Self::Reordered => Family::Reordered,
            Self::Lagging => Family::Lagging,
            // In all of them the bytes are wrong, whatever carries them.
            Self::Nonsense | Self::Corrupt(_) | Self::Broken(_) => Family::Corrupt,
            Self::Rejected(_) => Family::Rejected,
            Self::Failed(_) | Self::ReviewFailed | Self::ReviewTimedOut => Family::Failed,
            Self::Expired => Family::Expired,
            Self::Restarted => Family::Restarted,
            Self::Outage => Family::Outage,
        }
    }

    /// All faults, for reading names.
    fn all() -> impl Iterator<Item = Self> {
        let places = [Place::Connect, Place::Sends, Place::Gets, Place::Review, Place::Clock];
        // Some faults occur several times, which is fine, because a name stands for one fault. The
        // list of calls is used by itself, because their place needs an operation.
        places.into_iter().flat_map(Self::at).chain(CALL)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "refused-{status}"),
            Self::Closed(code, false) => write!(f, "closed-{code}"),
            Self::Closed(code, true) => write!(f, "closed-{code}-reason"),
            Self::Reset => f.write_str("reset"),
            Self::Unanswered => f.write_str("unanswered"),
            Self::Stalled => f.write_str("stalled"),
            Self::Delayed => f.write_str("delayed"),
            Self::Lost => f.write_str("lost"),
            Self::Duplicated => f.write_str("duplicated"),
            Self::Reordered => f.write_str("reordered"),
            Self::Lagging => f.write_str("lagging"),
            Self::Nonsense => f.write_str("nonsense"),
            Self::Corrupt(damage) => write!(f, "corrupt-{}", damage.name()),
            Self::Rejected(code) => write!(f, "rejected-{code}"),
            Self::Failed(modeled) => write!(f, "failed-{}", modeled.name()),
            Self::Broken(breakage) => f.write_str(breakage.name()),
            Self::Denied => f.write_str("denied"),
            Self::ReviewFailed => f.write_str("review-failed"),
            Self::ReviewTimedOut => f.write_str("review-timed-out"),
            Self::Expired => f.write_str("session-expired"),
            Self::Restarted => f.write_str("restarted"),
            Self::Outage => f.write_str("outage"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all().find(|fault| fault.to_string() == text).ok_or_else(|| {
            format!("{text:?} is not a fault such as `reset`, `closed-1001-reason` or `lost`")
        })
    }
}

impl Damage {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Type => "type",
            Self::Member => "member",
            Self::Binary => "binary",
            Self::Utf8 => "utf8",
            Self::Oversize => "oversize",
            Self::Fragmented => "fragmented",
            Self::ReservedBit => "reserved-bit",
            Self::Truncated => "truncated",
        }
    }

    pub(crate) fn corruption(self) -> Corruption {
        match self {
            Self::Json => Corruption::InvalidJson,
            Self::Type => Corruption::UnknownType,
            // Frames of all three types have this member.
            Self::Member => Corruption::MissingMember("Id".into()),
            Self::Binary => Corruption::Binary,
            Self::Utf8 => Corruption::InvalidUtf8,
            Self::Oversize => Corruption::Oversize(OVERSIZE_BYTES),
            Self::Fragmented => Corruption::Fragmented(FRAGMENT_BYTES),
            Self::ReservedBit => Corruption::ReservedBit,
            Self::Truncated => Corruption::Truncated,
        }
    }
}

impl Modeled {
    const fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "access-denied",
            Self::Conflict => "conflict",
            Self::InternalServer => "internal-server",
            Self::PendingVerification => "pending-verification",
            Self::ResourceNotFound => "resource-not-found",
            Self::ServiceQuotaExceeded => "service-quota-exceeded",
            Self::Throttling => "throttling",
            Self::Validation => "validation",
        }
    }

    pub(crate) fn exception(self) -> Exception {
        let message = "injected by the explorer";
        match self {
            Self::AccessDenied => Exception::access_denied(message),
            Self::Conflict => Exception::conflict(message),
            Self::InternalServer => Exception::internal_server(message),
            Self::PendingVerification => Exception::pending_verification(message),
            Self::ResourceNotFound => Exception::resource_not_found(message),
            Self::ServiceQuotaExceeded => Exception::service_quota_exceeded(message),
            Self::Throttling => Exception::throttling(message),
            Self::Validation => Exception::validation(message),
        }
    }
}

impl Breakage {
    const fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Empty => "empty-body",
            Self::HalfBody => "half-body",
            Self::CutInHead => "cut-in-head",
            Self::CutInBody => "cut-in-body",
        }
    }
}

/// How long a delayed event is delayed: longer than any reasonable timeout of a client.
pub(crate) const DELAY: Duration = Duration::from_secs(45);

/// How long an outage lasts.
pub(crate) const OUTAGE: Duration = Duration::from_secs(20);

/// How much later the events of a lagging connection happen. It is shorter than the pauses of any
/// client, so only the order changes.
pub(crate) const LAG: Duration = Duration::from_millis(1);

// More than the largest frame that the mock takes from a client, 128 KiB.
const OVERSIZE_BYTES: usize = 160 * 1024;
// Shorter than any frame of the service, so that each has several fragments.
const FRAGMENT_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_can_be_read_back_from_its_name() {
        for fault in Fault::all() {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }

    #[test]
    fn every_column_has_a_fault() {
        for family in Family::ALL {
            assert!(Fault::all().any(|fault| fault.family() == family), "{family:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let error = "exploded".parse::<Fault>().unwrap_err();
        assert!(error.starts_with("\"exploded\" is not a fault"), "{error}");
    }
}
