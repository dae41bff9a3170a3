//! Pace: the documented rates of calls, which the runner stays below.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Spaces the calls of each operation.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    next: Mutex<BTreeMap<&'static str, Instant>>,
}

impl Pace {
    /// Reserves the next moment at which the operation may be called; returns how far away it is.
    pub(crate) fn reserve(&self, operation: &str) -> Duration {
        let Some((name, rate)) = RATES.iter().find(|(name, _)| *name == operation) else {
            return Duration::ZERO;
        };
        let now = Instant::now();
        let mut next = self.next.lock();
        let moment = next.get(name).copied().unwrap_or(now).max(now);
        next.insert(name, moment + interval(*rate));
        moment - now
    }
}

/// The least time between two calls: a tenth more than the rate allows.
fn interval(rate: u32) -> Duration {
    Duration::from_secs(1) * 11 / 10 / rate
}

/// Returns how long this many calls take at the documented rate.
pub(crate) fn duration(operation: &str, calls: u32) -> Duration {
    let rate = RATES.iter().find(|(name, _)| *name == operation);
    rate.map_or(Duration::ZERO, |(_, rate)| interval(*rate) * calls)
}

/// Calls per second and account, from "IVS Chat Service Quotas" of the user guide,
/// <https://docs.aws.amazon.com/ivs/latest/ChatUserGuide/service-quotas.html>.
const RATES: [(&str, u32); 17] = [
    ("CreateChatToken", 200),
    ("CreateLoggingConfiguration", 3),
    ("CreateRoom", 5),
    ("DeleteLoggingConfiguration", 3),
    ("DeleteMessage", 100),
    ("DeleteRoom", 5),
    ("DisconnectUser", 100),
    ("GetLoggingConfiguration", 3),
    ("GetRoom", 5),
    ("ListLoggingConfigurations", 3),
    ("ListRooms", 5),
    ("ListTagsForResource", 10),
    ("SendEvent", 100),
    ("TagResource", 10),
    ("UntagResource", 10),
    ("UpdateLoggingConfiguration", 3),
    ("UpdateRoom", 5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_an_operation_are_spaced_and_others_are_not() {
        let pace = Pace::default();
        assert_eq!(pace.reserve("CreateRoom"), Duration::ZERO);
        let second = pace.reserve("CreateRoom");
        assert!(second > Duration::from_millis(150) && second <= Duration::from_millis(220));
        assert_eq!(pace.reserve("ListRooms"), Duration::ZERO);
        assert_eq!(duration("CreateRoom", 10), Duration::from_millis(2200));
    }
}
