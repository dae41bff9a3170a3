//! Kept: the frames that hooks and stalled connections keep from a client, as if they had arrived.

use std::collections::BTreeSet;

use crate::log::entry::{Entry, EntryKind};
use crate::log::escape::named;
use crate::log::record::{Event, Record, Until};
use crate::log::timeline::WIDEST;
use crate::log::width::width;
use crate::proto::action::Action;
use crate::proto::frame::{ChatMessage, Frame, Sender};
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;

/// A frame that a client did not receive, by the indexes of entries.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The frame, as an entry of its own.
    pub(crate) frame: Entry,
    /// The action that the frame would have followed from, if it was kept before it was a frame.
    pub(crate) action: Option<usize>,
    /// The entry of what keeps it.
    by: usize,
}

impl Kept {
    /// Returns the frame that an entry keeps from its client, for a while, for good, or in this
    /// form, if it is one that is `wanted`.
    pub(crate) fn find(
        entries: &[Entry],
        by: usize,
        members: &[&Entry],
        wanted: impl Fn(&Entry) -> bool,
    ) -> Option<Self> {
        if let Some(frame) = entries[by].kept_frame() {
            return wanted(&frame).then_some(Self { frame, action: None, by });
        }
        let (action, message) = kept_message(entries, by)?;
        let room = &entries[action].record.peer.as_ref()?.room;
        let event = Event::FrameSent(Payload::from_frame(Frame::Message(message)));
        let to = |member: &&Entry| {
            let peer = member.record.peer.clone().filter(|peer| peer.room.id() == room.id())?;
            let record =
                Record { peer: Some(peer), event: event.clone(), ..entries[by].record.clone() };
            Some(Entry { record, ..entries[by].clone() })
        };
        let frame = members.iter().filter_map(to).find(|frame| wanted(frame))?;
        Some(Self { frame, action: Some(action), by })
    }

    /// Describes what keeps the frame: the end of a sentence, and lines with the place in the test
    /// and until when it lasts, as far as these are known.
    pub(crate) fn why(&self, entries: &[Entry]) -> (String, Vec<String>) {
        let by = &entries[self.by];
        let label = by.record.peer.as_ref().map_or("", |peer| &peer.label);
        let first = entries.first().map_or_else(|| by.at(), Entry::at);
        let until = |until| shown(until, first, &named(label));
        match &by.record.event {
            Event::HookFired(fired) => {
                let why = format!("{} by {}", fired.effect, fired.hook.title());
                let place = format!("  at {}", fired.hook.written_at);
                (why, joined(place, fired.until.map(until)))
            }
            Event::TestAction(action) => {
                (action.effect.clone(), vec![format!("  {}", until(Until::Resume))])
            }
            _ => (String::new(), Vec::new()),
        }
    }
}

/// Joins two parts of a description, or returns two lines if one would be too long.
fn joined(place: String, until: Option<String>) -> Vec<String> {
    match until {
        Some(until) if width(&place) + width(&until) + 2 > WIDEST => {
            vec![place, format!("  {until}")]
        }
        Some(until) => vec![format!("{place}, {until}")],
        None => vec![place],
    }
}

fn shown(until: Until, first: Timestamp, label: &str) -> String {
    match until {
        Until::Gate(_) => "until `Gate::release`".into(),
        Until::Time(due) => format!("until +{:.3}", due.since(first).as_secs_f64()),
        Until::NextFrame => format!("until another frame is sent to {label}"),
        Until::NextAction => format!("until {label} sends another action"),
        Until::Resume => "until `Connection::resume`".into(),
    }
}

/// Returns the entries about the begin of the connections that have not ended, the latest first.
pub(crate) fn members(entries: &[Entry]) -> Vec<&Entry> {
    let mut ended = BTreeSet::new();
    let mut members = Vec::new();
    for entry in entries.iter().rev() {
        match entry.kind() {
            EntryKind::Closed | EntryKind::Disconnected => {
                ended.insert(entry.connection());
            }
            EntryKind::Connected if !ended.contains(&entry.connection()) => members.push(entry),
            _ => {}
        }
    }
    members
}

/// Returns the message of the action that a hook has stopped, and the index of the action.
fn kept_message(entries: &[Entry], by: usize) -> Option<(usize, ChatMessage)> {
    let Event::HookFired(fired) = &entries[by].record.event else { return None };
    let cause = entries[by].cause().filter(|_| fired.stops_action)?;
    let index = entries.binary_search_by_key(&cause, Entry::index).ok()?;
    let action = &entries[index];
    let Some(Action::SendMessage(sent)) = action.action() else { return None };
    let Event::FrameReceived(payload) = &action.record.event else { return None };
    let message = ChatMessage {
        // The service has not given it an ID, or has not told anybody.
        id: String::new(),
        request_id: payload.publish()?.request_id.clone(),
        attributes: sent.attributes,
        content: sent.content,
        send_time: action.at(),
        sender: Sender::new(action.user_id()?),
    };
    Some((index, message))
}

impl Entry {
    fn kept_frame(&self) -> Option<Self> {
        let payload = match &self.record.event {
            Event::HookFired(fired) => fired.payload.as_ref(),
            Event::TestAction(action) => action.payload.as_ref(),
            _ => None,
        };
        let event = Event::FrameSent(payload?.clone());
        Some(Self { record: Record { event, ..self.record.clone() }, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_does_not_hide_until_when_a_frame_is_kept() {
        let until = || Some("until `Gate::release`".to_owned());
        let short = joined("  at tests/chat.rs:1:2".into(), until());
        assert_eq!(short, ["  at tests/chat.rs:1:2, until `Gate::release`"]);
        let path = format!("  at {}.rs:1:2", "x".repeat(WIDEST - 20));
        assert_eq!(joined(path.clone(), until()), [path.clone(), "  until `Gate::release`".into()]);
        assert_eq!(joined(path.clone(), None), [path]);
    }
}
