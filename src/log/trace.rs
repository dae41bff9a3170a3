//! Trace: the log as `tracing` events, in a span for each connection.
//!
//! Subscribers are test code, so no lock may be held while these functions run.

use tracing::{Level, Span, event, span};

use crate::log::entry::Entry;
use crate::log::record::Peer;
use crate::log::summary;

/// The target of all events and spans, for filters.
const TARGET: &str = "mock_ivs_chat";

/// Opens the span of a connection.
pub(crate) fn open(peer: &Peer) -> Span {
    let (user_id, room) = (&*peer.user_id, &*peer.room);
    let label = peer.label.as_str();
    span!(target: TARGET, Level::DEBUG, "connection", user_id, room, label)
}

/// Emits an entry, in the span of its connection if that is open.
pub(crate) fn emit(entry: &Entry, span: Option<&Span>) {
    let (kind, parent) = (entry.kind(), span.and_then(Span::id));
    let (number, text) = (entry.index(), entry.text().unwrap_or_default());
    let summary = summary::of(entry);
    event!(target: TARGET, parent: parent, Level::DEBUG, number, ?kind, text, "{summary}");
}
