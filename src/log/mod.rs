//! The log: everything that crossed the wire, in the one order of the mock.

pub(crate) mod comparison;
mod conflict;
pub(crate) mod entry;
mod entry_headers;
mod entry_peer;
pub(crate) mod escape;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod failure;
pub(crate) mod fields;
pub(crate) mod filter;
mod headings;
mod kept;
pub(crate) mod labels;
pub(crate) mod lanes;
mod legend;
pub(crate) mod lint;
pub(crate) mod lint_rule;
pub(crate) mod matcher;
mod matcher_kinds;
mod matcher_text;
pub(crate) mod nearest_event;
pub(crate) mod page;
mod page_filter;
pub(crate) mod record;
pub(crate) mod retention;
pub(crate) mod secrets;
pub(crate) mod serialize;
pub(crate) mod store;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod timeline;
#[cfg(feature = "tracing")]
pub(crate) mod trace;
pub(crate) mod transcript;
pub(crate) mod unserved;
pub(crate) mod width;

pub use crate::log::entry::{Direction, Entry, EntryKind};
pub use crate::log::filter::Mark;
pub use crate::log::lanes::PerConnection;
pub use crate::log::lint::Finding;
pub use crate::log::lint_rule::Lint;
pub use crate::log::matcher::Matcher;
pub use crate::log::retention::LogRetention;
