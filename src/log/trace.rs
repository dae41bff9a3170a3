//! Trace: the log as `tracing` events, in a span for each connection.
//!
//! Subscribers are test code, so no lock may be held while these functions run.

use tracing::{Level, Span, event, span};

use crate::log::entry::Entry;
use crate::log::export::marked_text;
use crate::log::record::Peer;
use crate::log::secrets::TokenLabels;
use crate::log::summary;

/// The target of all events and spans, for filters.
const TARGET: &str = "mock_ivs_chat";

/// Opens the span of a connection.
pub(crate) fn open(peer: &Peer) -> Span {
    let (user_id, room) = (&*peer.user_id, &*peer.room.label);
    let label = peer.label.as_str();
    span!(target: TARGET, Level::DEBUG, "connection", user_id, room, label)
}

/// The texts of an event, without chat tokens.
#[derive(Debug)]
pub(crate) struct Texts {
    summary: String,
    text: String,
}

impl Texts {
    pub(crate) fn new(entry: &Entry, labels: &mut TokenLabels) -> Self {
        let summary = labels.label(&summary::of(entry)).into_owned();
        let text = marked_text(entry).unwrap_or_default();
        Self { summary, text: labels.label(&text).into_owned() }
    }
}

/// Emits an entry, in the span of its connection if that is open.
pub(crate) fn emit(entry: &Entry, span: Option<&Span>, texts: &Texts) {
    let (kind, parent) = (entry.kind(), span.and_then(Span::id));
    let index = entry.index();
    let Texts { summary, text } = texts;
    event!(target: TARGET, parent: parent, Level::DEBUG, index, ?kind, text, "{summary}");
}
