//! Quotas: the limits of the service, each of which can be set or switched off, and their counters.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::proto::action::ActionKind;
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;

/// A limit of the service that a test can set or switch off.
///
/// Documented: "Service Quotas" of the Amazon IVS Chat User Guide, except
/// [`Quota::MessageAttributeBytes`].
///
/// ```
/// use mock_ivs_chat::{Quota, Quotas};
///
/// assert_eq!(Quotas::aws().limit(Quota::MessagingRequestsPerConnection), Some(10));
/// assert_eq!(Quotas::unlimited().limit(Quota::Rooms), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Quota {
    /// Actions of any kind by one connection: 10 a second.
    MessagingRequestsPerConnection,
    /// Messages to one room: the room's `maximumMessageRatePerSecond` a second, 10 by default. A
    /// limit set here replaces that of every room.
    SendMessagePerRoom,
    /// Messages to all rooms together: 1,000 a second.
    SendMessage,
    /// Deletions of messages in all rooms together, over HTTP and over WebSockets: 100 a second.
    DeleteMessage,
    /// Disconnections of users from all rooms together, over HTTP and over WebSockets: 100 a
    /// second.
    DisconnectUser,
    /// Connections that are open concurrently: 50,000.
    ConcurrentConnections,
    /// Rooms that exist at the same time: 50,000.
    Rooms,
    /// Logging configurations that exist at the same time: 10.
    LoggingConfigurations,
    /// Bytes of the keys and values of a message's attributes: 1,024.
    ///
    /// Documented: there is a limit. Assumed: the number, which the user guide gives for the
    /// attributes that a message review handler returns.
    MessageAttributeBytes,
    /// Requests of this HTTP operation a second. The documented rates are off in
    /// [`Quotas::aws`]; see [`Quotas::with_http_throttling`].
    Operation(Operation),
}

impl Quota {
    /// Returns `true` if this limits how often something happens, and `false` if it limits a number
    /// or a size.
    pub(crate) const fn is_rate(self) -> bool {
        match self {
            Self::MessagingRequestsPerConnection
            | Self::SendMessagePerRoom
            | Self::SendMessage
            | Self::DeleteMessage
            | Self::DisconnectUser
            | Self::Operation(_) => true,
            Self::ConcurrentConnections
            | Self::Rooms
            | Self::LoggingConfigurations
            | Self::MessageAttributeBytes => false,
        }
    }

    /// Returns the account's quota of an action.
    pub(crate) const fn of_action(action: ActionKind) -> Self {
        match action {
            ActionKind::SendMessage => Self::SendMessage,
            ActionKind::DeleteMessage => Self::DeleteMessage,
            ActionKind::DisconnectUser => Self::DisconnectUser,
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::MessagingRequestsPerConnection => "messaging requests per connection",
            Self::SendMessagePerRoom => "messages per room",
            Self::SendMessage => "messages in all rooms",
            Self::DeleteMessage => "deletions of messages in all rooms",
            Self::DisconnectUser => "disconnections of users in all rooms",
            Self::ConcurrentConnections => "concurrent connections",
            Self::Rooms => "rooms",
            Self::LoggingConfigurations => "logging configurations",
            Self::MessageAttributeBytes => "bytes of message attributes",
            Self::Operation(operation) => return write!(f, "calls of {operation}"),
        };
        f.write_str(text)
    }
}

/// The limits in force. [`Quotas::aws`] is the default.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, Quota, Quotas};
///
/// let quotas = Quotas::aws()
///     .with(Quota::MessagingRequestsPerConnection, 2)
///     .without(Quota::SendMessagePerRoom);
/// let ivs = MockIvsChat::builder().quotas(quotas).start();
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quotas {
    limits: BTreeMap<Quota, u32>,
    rooms_limit_themselves: bool,
}

impl Quotas {
    /// Returns the limits of an AWS account without increases, except the rates of HTTP requests.
    ///
    /// ```
    /// # use mock_ivs_chat::{Quota, Quotas};
    /// assert_eq!(Quotas::aws().limit(Quota::ConcurrentConnections), Some(50_000));
    /// ```
    #[must_use]
    pub fn aws() -> Self {
        let limits = [
            (Quota::MessagingRequestsPerConnection, 10),
            (Quota::SendMessage, 1_000),
            (Quota::DeleteMessage, 100),
            (Quota::DisconnectUser, 100),
            (Quota::ConcurrentConnections, 50_000),
            (Quota::Rooms, 50_000),
            (Quota::LoggingConfigurations, 10),
            (Quota::MessageAttributeBytes, 1_024),
        ];
        Self { limits: limits.into(), rooms_limit_themselves: true }
    }

    /// Returns the limits on sizes only: neither rates nor counts are limited.
    ///
    /// ```
    /// # use mock_ivs_chat::{Quota, Quotas};
    /// assert_eq!(Quotas::unlimited().limit(Quota::SendMessage), None);
    /// assert_eq!(Quotas::unlimited().limit(Quota::MessageAttributeBytes), Some(1_024));
    /// ```
    #[doc(alias = "off")]
    #[must_use]
    pub fn unlimited() -> Self {
        let mut quotas = Self::aws();
        quotas.limits.retain(|quota, _| *quota == Quota::MessageAttributeBytes);
        quotas.rooms_limit_themselves = false;
        quotas
    }

    /// Switches off the limit on the size of a message's attributes, which [`Quotas::unlimited`]
    /// keeps. The length of a message is limited by its room, not by a quota.
    ///
    /// ```
    /// # use mock_ivs_chat::{Quota, Quotas};
    /// let quotas = Quotas::unlimited().without_size_limits();
    /// assert_eq!(quotas.limit(Quota::MessageAttributeBytes), None);
    /// ```
    #[must_use]
    pub fn without_size_limits(self) -> Self {
        self.without(Quota::MessageAttributeBytes)
    }

    /// Sets one limit.
    ///
    /// ```
    /// # use mock_ivs_chat::{Quota, Quotas};
    /// let quotas = Quotas::unlimited().with(Quota::Rooms, 1);
    /// assert_eq!(quotas.limit(Quota::Rooms), Some(1));
    /// ```
    #[must_use]
    pub fn with(mut self, quota: Quota, limit: u32) -> Self {
        self.limits.insert(quota, limit);
        self
    }

    /// Switches one limit off.
    ///
    /// ```
    /// # use mock_ivs_chat::{Quota, Quotas};
    /// let quotas = Quotas::aws().without(Quota::Rooms);
    /// assert_eq!(quotas.limit(Quota::Rooms), None);
    /// ```
    #[must_use]
    pub fn without(mut self, quota: Quota) -> Self {
        self.limits.remove(&quota);
        if quota == Quota::SendMessagePerRoom {
            self.rooms_limit_themselves = false;
        }
        self
    }

    /// Throttles the HTTP operations at their documented rates, from 3 to 200 requests a second.
    ///
    /// ```
    /// # use mock_ivs_chat::{Operation, Quota, Quotas};
    /// let quotas = Quotas::aws().with_http_throttling();
    /// assert_eq!(quotas.limit(Quota::Operation(Operation::CreateRoom)), Some(5));
    /// ```
    #[must_use]
    pub fn with_http_throttling(mut self) -> Self {
        let rates = Operation::ALL.map(|operation| (Quota::Operation(operation), rate(operation)));
        self.limits.extend(rates);
        self
    }

    /// Returns the limit in force; `None` if it is off, or if each room has its own.
    ///
    /// ```
    /// # use mock_ivs_chat::{Quota, Quotas};
    /// assert_eq!(Quotas::aws().limit(Quota::SendMessagePerRoom), None);
    /// ```
    #[must_use]
    pub fn limit(&self, quota: Quota) -> Option<u32> {
        self.limits.get(&quota).copied()
    }

    /// Returns the limit on messages a second to a room whose own limit is `own`.
    pub(crate) fn room_rate(&self, own: u32) -> Option<u32> {
        self.limit(Quota::SendMessagePerRoom).or_else(|| self.rooms_limit_themselves.then_some(own))
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self::aws()
    }
}

/// Documented: requests a second of each operation, per account and region.
const fn rate(operation: Operation) -> u32 {
    match operation {
        Operation::CreateChatToken => 200,
        Operation::DeleteMessage | Operation::DisconnectUser | Operation::SendEvent => 100,
        Operation::CreateRoom
        | Operation::DeleteRoom
        | Operation::GetRoom
        | Operation::ListRooms
        | Operation::UpdateRoom => 5,
        Operation::CreateLoggingConfiguration
        | Operation::DeleteLoggingConfiguration
        | Operation::GetLoggingConfiguration
        | Operation::ListLoggingConfigurations
        | Operation::UpdateLoggingConfiguration => 3,
        Operation::ListTagsForResource | Operation::TagResource | Operation::UntagResource => 10,
    }
}

/// A token bucket that holds one second's worth of requests and is full at first.
///
/// Assumed: AWS does not say how it measures "a second".
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// The used part that has not been refilled yet, in billionths of a request.
    taken: u64,
    since: Timestamp,
}

impl Bucket {
    /// Refills for the time that has passed; returns `true` if the bucket has room for a request.
    pub(crate) fn has_room(&mut self, now: Timestamp, limit: u32) -> bool {
        // The cap of one second keeps the product below 2^62.
        // Each nanosecond returns `limit` billionths of a request, so integers lose nothing to
        // rounding.
        let passed = now.since(self.since).min(Duration::from_secs(1)).as_nanos() as u64;
        self.since = self.since.max(now);
        // The limit may have been lowered since, and a bucket is never more than empty.
        self.taken = self.taken.min(u64::from(limit) * REQUEST);
        self.taken = self.taken.saturating_sub(passed * u64::from(limit));
        self.taken + REQUEST <= u64::from(limit) * REQUEST
    }

    /// Counts a request.
    pub(crate) const fn take(&mut self) {
        self.taken += REQUEST;
    }
}

const REQUEST: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_those_of_aws_or_off_or_those_that_a_test_sets() {
        let limits = |quotas: Quotas| {
            let quotas_of_interest = [Quota::Rooms, Quota::MessageAttributeBytes];
            quotas_of_interest.map(|quota| quotas.limit(quota))
        };
        assert_eq!(limits(Quotas::aws()), [Some(50_000), Some(1_024)]);
        assert_eq!(limits(Quotas::unlimited()), [None, Some(1_024)]);
        assert_eq!(limits(Quotas::unlimited().without_size_limits()), [None, None]);
        assert_eq!(limits(Quotas::aws().without_size_limits()), [Some(50_000), None]);
        assert_eq!(limits(Quotas::unlimited().with(Quota::Rooms, 1)), [Some(1), Some(1_024)]);
        assert_eq!(limits(Quotas::aws().without(Quota::Rooms)), [None, Some(1_024)]);
    }

    #[test]
    fn a_quota_limits_a_rate_a_number_or_a_size() {
        assert!(Quota::Operation(Operation::ListRooms).is_rate() && Quota::SendMessage.is_rate());
        assert!(!Quota::Rooms.is_rate() && !Quota::MessageAttributeBytes.is_rate());
    }

    #[test]
    fn a_bucket_whose_limit_is_lowered_refills_within_a_second() {
        let now = Timestamp::from_unix(Duration::from_secs(1_000));
        let mut bucket = Bucket::default();
        while bucket.has_room(now, 100) {
            bucket.take();
        }
        assert!(!bucket.has_room(now, 1));
        assert!(bucket.has_room(now + Duration::from_secs(1), 1));
    }

    #[test]
    fn a_bucket_holds_a_seconds_worth_and_refills_evenly() {
        let mut now = Timestamp::from_unix(Duration::from_secs(1_000));
        let mut bucket = Bucket::default();
        let mut send = |now| {
            let has_room = bucket.has_room(now, 10);
            if has_room {
                bucket.take();
            }
            has_room
        };
        assert_eq!((0..12).filter(|_| send(now)).count(), 10);
        now = now + Duration::from_millis(99);
        assert!(!send(now));
        now = now + Duration::from_millis(1);
        assert!(send(now) && !send(now));
        now = now + Duration::from_secs(3_600);
        assert_eq!((0..12).filter(|_| send(now)).count(), 10);
    }
}
