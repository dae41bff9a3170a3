//! [`LogRetention`]: the amount of history that the log keeps.

use std::collections::BTreeSet;

use crate::log::lint_rule::Lint;

/// The amount of history that the log keeps.
///
/// Entries share their frames with each other and with the connections, so keeping a delivery costs
/// 64 bytes. Only load tests with millions of deliveries need a setting other than
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
#[doc(alias = "Recording")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogRetention {
    /// Keeps all entries.
    #[default]
    All,
    /// Keeps this many of the latest entries. Their indexes are still those in the whole log.
    Last(usize),
    /// Keeps nothing. Entries are only counted; waits, and the `expect_…` of participants, fail
    /// immediately.
    Off,
}

/// The log settings of a test.
#[derive(Debug, Default)]
pub(crate) struct LogSettings {
    pub(crate) retention: LogRetention,
    /// The lint rules whose findings fail the test.
    pub(crate) denied: BTreeSet<Lint>,
    /// Prints nothing when the test panics.
    pub(crate) is_quiet: bool,
}
