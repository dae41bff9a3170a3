//! Kept: the frames that hooks and stalled connections keep from a client, as if they had arrived.

use crate::log::entry::Entry;
use crate::log::record::{Event, Record};

impl Entry {
    /// Returns the frame that the entry is about, as an entry of its own, if a hook or the test kept
    /// it from the client: for a while, for good, or in this form.
    pub(crate) fn kept_frame(&self) -> Option<Self> {
        let payload = match &self.record.event {
            Event::HookFired(fired) => fired.payload.as_ref(),
            Event::TestAction(action) => action.payload.as_ref(),
            _ => None,
        };
        let event = Event::FrameSent(payload?.clone());
        let Record { at, cause, peer, .. } = self.record.clone();
        Some(Self { record: Record { at, cause, peer, event }, ..self.clone() })
    }

    /// Returns how the frame was kept from the client, and by which hook, as the end of a sentence.
    pub(crate) fn why_kept(&self) -> String {
        match &self.record.event {
            Event::HookFired(fired) => format!("{} by {}", fired.effect, fired.hook.title()),
            Event::TestAction(action) => action.effect.clone(),
            _ => String::new(),
        }
    }
}
