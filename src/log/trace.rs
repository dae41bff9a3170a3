//! Trace: the log as events of the crate `tracing`, within a span for each connection.

use parking_lot::Mutex;
use tracing::{Level, Span, event, span};

use crate::log::entry::{Entry, EntryKind};
use crate::log::record::Party;
use crate::log::summary;

/// The target of all events and spans, to filter by.
const TARGET: &str = "mock_ivs_chat";

/// The span of a connection, while it is open.
#[derive(Debug, Default)]
pub(crate) struct ConnectionSpan(Mutex<Option<Span>>);

impl ConnectionSpan {
    fn open(&self, party: &Party) {
        let (user_id, room) = (&*party.user_id, &*party.room);
        let label = party.label.as_str();
        let span = span!(target: TARGET, Level::DEBUG, "connection", user_id, room, label);
        *self.0.lock() = Some(span);
    }

    fn close(&self) {
        let span = self.0.lock().take();
        // A subscriber hears of the end here, and no lock of the mock is held.
        drop(span);
    }
}

/// Emits entries. Subscribers are the test's own code, so no lock may be held meanwhile.
pub(crate) fn emit(entries: &[Entry]) {
    for entry in entries {
        let party = entry.record.party.as_ref();
        let kind = entry.kind();
        if let (Some(party), EntryKind::Connected) = (party, kind) {
            party.span.open(party);
        }
        let parent = party.and_then(|party| party.span.0.lock().as_ref().and_then(Span::id));
        let (number, text) = (entry.number(), entry.text().unwrap_or_default());
        let summary = summary::of(entry);
        event!(target: TARGET, parent: parent, Level::DEBUG, number, ?kind, text, "{summary}");
        if let (Some(party), EntryKind::Closed | EntryKind::Gone) = (party, kind) {
            party.span.close();
        }
    }
}
