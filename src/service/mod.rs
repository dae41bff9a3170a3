//! The service, without I/O: it is told what happened and when, and says what follows.
//!
//! Nothing here reads a clock, waits, locks or touches a socket, and every method is total: what
//! the real service would refuse is a value, not an error.

pub(crate) mod chat_log;
pub(crate) mod control;
pub(crate) mod ids;
pub(crate) mod logging;
pub(crate) mod messaging;
pub(crate) mod quota;
pub(crate) mod review;
pub(crate) mod review_handler;
pub(crate) mod room;
pub(crate) mod session;
pub(crate) mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::proto::close::Close;
use crate::proto::frame::Frame;
use crate::proto::timestamp::Timestamp;
use crate::service::chat_log::ChatLogRecord;
use crate::service::ids::Mint;
use crate::service::logging::LoggingConfiguration;
use crate::service::quota::{Bucket, Quota, Quotas};
use crate::service::review::{PendingReview, ReviewCall, ReviewId};
use crate::service::room::{Room, RoomKey};
use crate::service::session::{IssuedToken, Session};

/// A connection's number within the fixture: the how manieth it is. Never used again.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// assert_eq!(alice.connection().to_string(), "connection 1");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(pub(crate) u32);

impl std::fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// What can be set about the service before it starts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) account_id: String,
    pub(crate) region: String,
    pub(crate) quotas: Quotas,
    /// How long a token can be redeemed, if its session does not end earlier.
    pub(crate) token_lifetime: Duration,
    /// How long a message review may take.
    pub(crate) review_timeout: Duration,
    /// Whether events without a reason leave `Reason` out, instead of writing it empty.
    pub(crate) omits_empty_reason: bool,
    /// Whether a client with a bad token is let in and closed at once, instead of refused.
    pub(crate) closes_refused_handshakes: bool,
    /// What calls over HTTP must be signed with, if there are any.
    #[cfg(feature = "sigv4")]
    pub(crate) credentials: Vec<crate::proto::signature::Credentials>,
}

impl Settings {
    /// What a client can sign with: an access key id, a secret and perhaps a session token.
    pub(crate) fn credentials_for_clients(&self) -> (String, String, Option<String>) {
        #[cfg(feature = "sigv4")]
        if let Some(credentials) = self.credentials.first() {
            return credentials.parts();
        }
        ("AKIDEXAMPLE".into(), "secret".into(), None)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_id: "123456789012".into(),
            region: "us-west-2".into(),
            quotas: Quotas::aws(),
            // Observed: tokens of sessions of three hours can be redeemed for one hour.
            token_lifetime: Duration::from_secs(3_600),
            // Documented: 200 ms, not adjustable.
            review_timeout: Duration::from_millis(200),
            omits_empty_reason: false,
            closes_refused_handshakes: false,
            #[cfg(feature = "sigv4")]
            credentials: Vec::new(),
        }
    }
}

/// The service: rooms, tokens and sessions, and what may be done with them.
#[derive(Debug)]
pub(crate) struct Service {
    settings: Settings,
    mint: Mint,
    rooms: BTreeMap<RoomKey, Room>,
    rooms_by_arn: BTreeMap<String, RoomKey>,
    logging_configurations: BTreeMap<String, LoggingConfiguration>,
    chat_logs: Vec<ChatLogRecord>,
    tokens: BTreeMap<String, IssuedToken>,
    sessions: BTreeMap<ConnectionId, Session>,
    reviews: BTreeMap<ReviewId, PendingReview>,
    deadlines: BTreeSet<(Timestamp, Deadline)>,
    rates: BTreeMap<Quota, Bucket>,
    rooms_made: u32,
    reviews_made: u64,
    revisions: u64,
}

/// What follows from an input, in this order.
#[derive(Debug)]
pub(crate) enum Output {
    /// A frame goes to these connections.
    Deliver { to: Vec<ConnectionId>, frame: Frame },
    /// The service closes a connection.
    Close { connection: ConnectionId, close: Close },
    /// A quota refused the input; the refusal itself is another output.
    Exceeded { quota: Quota, limit: u32 },
    /// A message waits for its review.
    Review(ReviewCall),
    /// A message's review took too long.
    ReviewTimedOut { message_id: String },
}

/// What happens at a moment of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Deadline {
    Session(ConnectionId),
    Review(ReviewId),
}

impl Service {
    /// A service without rooms. `fixture` tells its tokens from those of another one.
    pub(crate) const fn new(settings: Settings, fixture: u64) -> Self {
        Self {
            settings,
            mint: Mint::new(fixture),
            rooms: BTreeMap::new(),
            rooms_by_arn: BTreeMap::new(),
            logging_configurations: BTreeMap::new(),
            chat_logs: Vec::new(),
            tokens: BTreeMap::new(),
            sessions: BTreeMap::new(),
            reviews: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            rates: BTreeMap::new(),
            rooms_made: 0,
            reviews_made: 0,
            revisions: 0,
        }
    }

    /// Whether a client with a bad token is let in and closed at once, instead of refused.
    pub(crate) const fn closes_refused_handshakes(&self) -> bool {
        self.settings.closes_refused_handshakes
    }

    /// When the service next has to be told the time.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Lets the first deadline that `now` has reached come true; says whether there was one.
    pub(crate) fn time_reached(&mut self, now: Timestamp, out: &mut Vec<Output>) -> bool {
        match self.deadlines.first() {
            Some((at, _)) if *at <= now => {}
            _ => return false,
        }
        let (_, deadline) = self.deadlines.pop_first().expect("a first deadline was just seen");
        match deadline {
            Deadline::Session(connection) => self.expire(connection, out),
            Deadline::Review(review) => self.fall_back(review, out),
        }
        true
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Counts a request against all of these account-wide rates, or against none of them if one
    /// refuses it; says which limit that was.
    fn admit(&mut self, now: Timestamp, quotas: &[Quota]) -> Result<(), (Quota, u32)> {
        for quota in quotas {
            let Some(limit) = self.settings.quotas.limit(*quota) else { continue };
            if !self.rates.entry(*quota).or_default().has_room(now, limit) {
                return Err((*quota, limit));
            }
        }
        for quota in quotas {
            if self.settings.quotas.limit(*quota).is_some() {
                self.rates.entry(*quota).or_default().take();
            }
        }
        Ok(())
    }
}
