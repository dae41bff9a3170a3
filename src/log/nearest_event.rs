//! Nearest event: the event that satisfies most conditions of a hook, apart from those it has seen.

use serde_json::Value;

use crate::hook::chain::HookStatus;
use crate::hook::filter::EventContext;
use crate::hook::point::PointName;
use crate::log::entry::Entry;
use crate::log::explain::MOST_EXAMINED;
use crate::log::failure::EntryName;
use crate::log::fields::{self, Name};
use crate::log::record::{Caller, Event};
use crate::proto::action::Action;

/// Returns a line about the event that comes nearest to the conditions of a hook: the conditions
/// that it does not satisfy. An event that satisfies none is not near.
pub(crate) fn nearest_event(hook: &HookStatus, entries: &[Entry]) -> Option<String> {
    let conditions = hook.conditions();
    let first = entries.len().saturating_sub(MOST_EXAMINED);
    // From the end, so that the latest of several that are equally near is named.
    let near = entries[first..].iter().enumerate().rev().filter_map(|(index, entry)| {
        let unmet = with_context(hook.point(), entry, |context| {
            let unmet = conditions.iter().filter(|condition| !condition.admits(context));
            unmet.collect::<Vec<_>>()
        })?;
        // The events that a hook has seen satisfy all of its conditions, and explain nothing.
        let is_seen = unmet.is_empty() && !hook.has_seen_nothing();
        (!is_seen && unmet.len() < conditions.len()).then_some((first + index, unmet))
    });
    let (index, unmet) = near.min_by_key(|(_, unmet)| unmet.len())?;
    let named = EntryName::new(entries, index);
    if unmet.is_empty() {
        // The log does not have the moment at which the hook was installed.
        let why = match hook.point() {
            PointName::Review => "its room may have no review handler",
            _ => "it may have been installed later",
        };
        return Some(format!("nearest: {named} matches, but the hook was not asked: {why}"));
    }
    let unmet: Vec<_> =
        unmet.into_iter().map(|condition| format!("`{}`", hook.shown(condition))).collect();
    Some(format!("nearest: {named} does not satisfy {}", unmet.join(" and ")))
}

/// Describes an entry as an event of a hook point; `None` if it is not one.
fn with_context<T>(
    point: PointName,
    entry: &Entry,
    read: impl FnOnce(&EventContext<'_>) -> T,
) -> Option<T> {
    let peer = entry.record.peer.as_ref();
    let request_id = fields::get(entry, &Name::RequestId).unwrap_or_default();
    let context = EventContext {
        user_id: peer.map(|peer| &*peer.user_id),
        room: peer.map(|peer| &peer.room),
        connection: peer.map(|peer| peer.connection),
        request_id: &request_id,
        ..EventContext::default()
    };
    match (point, &entry.record.event) {
        (PointName::Action | PointName::Review, Event::FrameReceived(payload)) => {
            let action = entry.action();
            // Only messages are reviewed. A hook on reviews has no condition on the action.
            if point == PointName::Review && !matches!(action, Some(Action::SendMessage(_))) {
                return None;
            }
            let whole = payload.text().unwrap_or_default();
            Some(read(&context.of_action(action.as_ref(), whole)))
        }
        (PointName::Delivery, Event::FrameSent(payload)) => {
            let whole = payload.text().unwrap_or_default();
            Some(read(&context.of_frame(payload.frame()?, whole)))
        }
        (PointName::Handshake, Event::Connected(_)) if !entry.is_participant() => {
            Some(read(&context))
        }
        (PointName::Operation, Event::Request(request)) if request.origin != Caller::Test => {
            let body: Option<Value> = serde_json::from_str(&request.body).ok();
            let user_id = body.as_ref().and_then(|body| body.get("userId")?.as_str());
            let (operation, text) = (request.operation, &*request.body);
            Some(read(&EventContext { user_id, operation, text, ..context }))
        }
        _ => None,
    }
}
