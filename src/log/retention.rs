//! LogRetention: how much of what happens the log keeps.

use std::collections::BTreeSet;

use crate::log::lint::Lint;

/// How much of what happens the log keeps.
///
/// Entries share their frames with each other and with the connections, so that keeping a delivery
/// costs 64 bytes. Only tests under load, with millions of deliveries, need anything but
/// [`LogRetention::All`].
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, log::LogRetention};
///
/// let ivs = MockIvsChat::builder().log_retention(LogRetention::Last(2)).start();
/// ivs.create_room("lobby");
/// ivs.create_room("backstage");
/// let numbers: Vec<u64> = ivs.log().into_iter().map(|entry| entry.index()).collect();
/// assert_eq!(numbers, [2, 3]);
/// assert_eq!(ivs.log().dropped(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogRetention {
    /// All entries.
    #[default]
    All,
    /// This many of the latest entries. The numbers of entries stay those of the whole log.
    Last(usize),
    /// None. Entries are only counted; waits, and the `expect_…` of participants, fail at once.
    Off,
}

/// What a test sets about the log.
#[derive(Debug, Default)]
pub(crate) struct LogSettings {
    pub(crate) retention: LogRetention,
    /// The findings that fail the test.
    pub(crate) denied: BTreeSet<Lint>,
    /// Prints nothing when the test panics.
    pub(crate) is_quiet: bool,
}
