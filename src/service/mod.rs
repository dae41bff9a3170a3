//! The service as a plain value: inputs and the current time go in, outputs come out.
//!
//! Nothing here reads a clock, waits, locks or touches a socket. Every method is total: a refusal
//! is a value.

pub(crate) mod chat_log;
pub(crate) mod connection_id;
pub(crate) mod control;
pub(crate) mod gzip;
pub(crate) mod ids;
pub(crate) mod logging;
pub(crate) mod messaging;
pub(crate) mod number_set;
pub(crate) mod output;
pub(crate) mod paging;
pub(crate) mod quota;
pub(crate) mod review;
pub(crate) mod review_handler;
pub(crate) mod room;
pub(crate) mod room_names;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod tags;
pub(crate) mod token;
pub(crate) mod token_text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::proto::timestamp::Timestamp;
use crate::service::chat_log::ChatLogRecord;
pub use crate::service::connection_id::ConnectionId;
use crate::service::ids::IdGenerator;
use crate::service::logging::LoggingConfigurationState;
use crate::service::number_set::NumberSet;
pub(crate) use crate::service::output::Output;
use crate::service::output::ReviewId;
use crate::service::paging::Listings;
use crate::service::quota::{Bucket, Quota};
use crate::service::review::PendingReview;
use crate::service::room::{RoomKey, RoomState};
use crate::service::session::Session;
pub(crate) use crate::service::settings::Settings;

/// The service: rooms, sessions, and the rules that apply to them.
///
/// Its memory does not grow with use: ended sessions and reviews are removed, and each chat token
/// carries its own claims.
#[derive(Debug)]
pub(crate) struct Service {
    settings: Settings,
    ids: IdGenerator,
    rooms: BTreeMap<RoomKey, RoomState>,
    rooms_by_arn: BTreeMap<String, RoomKey>,
    logging_configurations: BTreeMap<String, LoggingConfigurationState>,
    chat_logs: Vec<ChatLogRecord>,
    /// The numbers of redeemed tokens.
    used_tokens: NumberSet,
    sessions: BTreeMap<ConnectionId, Session>,
    reviews: BTreeMap<ReviewId, PendingReview>,
    deadlines: BTreeSet<(Timestamp, Deadline)>,
    /// Counts requests against the account's rates. There are at most as many as there are quotas.
    rates: BTreeMap<Quota, Bucket>,
    listings: Listings,
    room_count: u32,
    review_count: u64,
    /// Counts the changes of all resources.
    revision: u64,
}

/// An event that the passage of time causes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Deadline {
    // The order of the variants decides between deadlines of the same moment: a session that ends
    // then does not get the error about a review that times out then.
    Session(ConnectionId),
    Review(ReviewId),
}

impl Service {
    /// Creates a service without rooms. Only mocks with the same `mock_id` accept each other's
    /// tokens, so no two may have the same one.
    pub(crate) const fn new(settings: Settings, mock_id: u64) -> Self {
        Self {
            settings,
            ids: IdGenerator::new(mock_id),
            rooms: BTreeMap::new(),
            rooms_by_arn: BTreeMap::new(),
            logging_configurations: BTreeMap::new(),
            chat_logs: Vec::new(),
            used_tokens: NumberSet::new(),
            sessions: BTreeMap::new(),
            reviews: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            rates: BTreeMap::new(),
            listings: Listings::new(),
            room_count: 0,
            review_count: 0,
            revision: 0,
        }
    }

    /// Deletes all resources, sessions and reviews. Ids count on, and no token of a deleted room is
    /// valid.
    pub(crate) fn reset(&mut self) {
        // `used_tokens` is kept, like the counts of IDs: a used token stays used, and no new token
        // has its number.
        self.rooms.clear();
        self.rooms_by_arn.clear();
        self.logging_configurations.clear();
        self.chat_logs.clear();
        self.sessions.clear();
        self.reviews.clear();
        self.deadlines.clear();
        self.rates.clear();
        self.next_revision();
    }

    /// Returns `true` if a handshake with a bad token is accepted and then closed, instead of
    /// refused.
    pub(crate) const fn closes_refused_handshakes(&self) -> bool {
        self.settings.closes_refused_handshakes
    }

    /// Returns the time at which [`Self::time_reached`] must be called next.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Handles the first deadline if `now` has reached it; returns `true` if it did.
    pub(crate) fn time_reached(&mut self, now: Timestamp, out: &mut Vec<Output>) -> bool {
        let Some((at, deadline)) = self.deadlines.first().copied() else { return false };
        if at > now {
            return false;
        }
        // Removed first: `expire` removes the deadline of its session as well, so a `pop_first`
        // after it would take another one.
        self.deadlines.pop_first();
        match deadline {
            Deadline::Session(connection) => self.expire(connection, out),
            Deadline::Review(review) => self.review_timed_out(review, out),
        }
        true
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    const fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// Counts a request against all of these account-wide rates. If one is exhausted, counts
    /// nothing and returns that rate with its limit.
    fn count_request(&mut self, now: Timestamp, quotas: &[Quota]) -> Result<(), (Quota, u32)> {
        let limits = &self.settings.quotas;
        let limited = || quotas.iter().filter_map(|quota| Some((*quota, limits.limit(*quota)?)));
        // `has_room` refills a bucket and takes nothing, so an exhausted rate leaves the others
        // uncharged.
        for (quota, limit) in limited() {
            if !self.rates.entry(quota).or_default().has_room(now, limit) {
                return Err((quota, limit));
            }
        }
        for (quota, _) in limited() {
            self.rates.entry(quota).or_default().take();
        }
        Ok(())
    }
}
