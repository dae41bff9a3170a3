//! Explanations: what in the log may be the reason of a failure.
//!
//! All are pure functions of entries, and bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::log::entry::{Entry, EntryKind};
use crate::log::escape::{escaped, named};
use crate::log::lint::Finding;
use crate::log::record::{Caller, Event, HookFired, Reviewer};
use crate::log::secrets::{hide, marked};
use crate::log::timeline;
use crate::proto::frame::Frame;
use crate::service::ConnectionId;

/// Returns what the service refused, the latest last: errors, handshakes and calls with their whole
/// texts, which a timeline has no room for. Equal refusals in a row are one line.
pub(crate) fn refusals(entries: &[Entry], except: &[usize]) -> Vec<String> {
    let mut lines: Vec<(u64, String, usize)> = Vec::new();
    let first = entries.len().saturating_sub(MOST_EXAMINED);
    for (index, entry) in entries.iter().enumerate().skip(first) {
        let Some(refusal) = refusal(entry).filter(|_| !except.contains(&index)) else { continue };
        match lines.last_mut() {
            // Other entries in between do not matter: a client that retries also connects and sends
            // in between.
            Some((_, last, times)) if *last == refusal => *times += 1,
            _ => {
                let row = entries[timeline::row_start(entries, index)].index();
                lines.push((row, refusal, 1));
            }
        }
    }
    let shown = lines.len().saturating_sub(MOST_REFUSALS);
    let line = |(row, refusal, times): &(u64, String, usize)| match times {
        1 => format!("#{row}, {refusal}"),
        times => format!("#{row}, {refusal} ({times} times in a row)"),
    };
    lines[shown..].iter().map(line).collect()
}

fn refusal(entry: &Entry) -> Option<String> {
    let text = match &entry.record.event {
        Event::FrameSent(payload) => match payload.frame()? {
            Frame::Error(error) => {
                let label = entry.record.peer.as_ref().map_or("", |peer| &peer.label);
                let label = named(label);
                format!("{label}: ERROR {} {:?}", error.error_code.code(), error.error_message)
            }
            Frame::Message(_) | Frame::Event(_) => return None,
        },
        Event::HandshakeRefused(refused) => {
            let token = refused.token.as_ref().map(|token| format!(" ({})", marked(token)));
            let token = token.unwrap_or_default();
            format!("a handshake: {} {}{token}", refused.status, refused.message)
        }
        // A refusal of the test's own call is a value that the test has.
        Event::Response(response) if response.status >= 400 && response.origin != Caller::Test => {
            let exception = response.exception.as_deref().unwrap_or_default();
            let body = serde_json::from_str::<serde_json::Value>(&response.body);
            let message =
                body.ok().and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
            let message = message.unwrap_or_default();
            let operation = response.operation.map_or("a call", |operation| operation.name());
            format!("{operation}: {} {exception}: {message}", response.status)
        }
        _ => return None,
    };
    Some(escaped(&hide(entry.mock, &text)).into_owned())
}

/// Returns the reviews that failed, the latest last: the handler or hook that had each of them, its
/// outcome, and the fallback result. A message with a wrong fate is often the only other trace of a
/// handler that is too slow, or responds in another form.
pub(crate) fn failed_reviews(
    entries: &[Entry],
    handler: impl Fn(u64) -> Option<Arc<str>>,
) -> Vec<String> {
    let first = entries.len().saturating_sub(MOST_EXAMINED);
    let failed = entries[first..].iter().rev().filter_map(|entry| match &entry.record.event {
        Event::Reviewed(reviewed) => Some((entry, reviewed, reviewed.failure.as_ref()?)),
        _ => None,
    });
    let mut lines: Vec<_> = failed
        .take(MOST_REFUSALS)
        .map(|(entry, reviewed, failure)| {
            let reviewer = match &failure.reviewer {
                Reviewer::Hook(hook) => format!("{} at {}", hook.title(), hook.written_at),
                Reviewer::Handler(Some(number)) => handler(*number)
                    .map_or_else(|| "the review handler".into(), |name| name.to_string()),
                Reviewer::Handler(None) => "the review".into(),
            };
            let text = format!(
                "{reviewer} {}; fallback {} was applied to {}, at #{}",
                failure.outcome,
                failure.fallback.name(),
                reviewed.message_id,
                entry.index(),
            );
            escaped(&hide(entry.mock, &text)).into_owned()
        })
        .collect();
    lines.reverse();
    lines
}

/// Returns the findings of a lint, a line each. Findings that differ only in their entries are one
/// line.
pub(crate) fn merged(findings: &[Finding]) -> Vec<String> {
    let (mut lines, mut places) = (Vec::<(&Finding, usize)>::new(), BTreeMap::new());
    for finding in findings {
        let kind = (finding.lint, &finding.connection, &finding.message);
        // A kind that is new has the place after the last line, where `get_mut` finds nothing.
        let place = *places.entry(kind).or_insert(lines.len());
        match lines.get_mut(place) {
            Some((_, later)) => *later += 1,
            None => lines.push((finding, 0)),
        }
    }
    let line = |(finding, later): (&Finding, usize)| match later {
        0 => finding.to_string(),
        later => format!("{finding} (and {later} more like it)"),
    };
    lines.into_iter().map(line).collect()
}

/// Returns the hooks that hold events at gates, in two lines each. `waiting` is the number of events
/// that wait at a gate.
pub(crate) fn held(entries: &[Entry], waiting: impl Fn(&HookFired) -> usize) -> Vec<String> {
    let mut hooks = BTreeMap::<&str, (usize, &HookFired, u64)>::new();
    // From the end, so the first entry that counts for a hook is the latest whose gate still holds
    // events.
    for entry in entries.iter().rev().take(MOST_EXAMINED) {
        let Event::HookFired(fired) = &entry.record.event else { continue };
        if fired.gate().is_some() && !hooks.contains_key(&*fired.hook.name) {
            let waiting = waiting(fired);
            if waiting > 0 {
                hooks.insert(&fired.hook.name, (waiting, fired, entry.index()));
            }
        }
    }
    let line = |(hook, (waiting, fired, last)): (&str, (usize, &HookFired, u64))| {
        let events = counted(waiting, "event");
        let [description, place] = fired.hook.lines();
        [
            format!("{events} held by {hook:?} until `Gate::release`, the last at #{last}"),
            format!("  {description} {place}"),
        ]
    };
    hooks.into_iter().flat_map(line).collect()
}

/// Returns a number of things, such as `1 event` or `2,000 events`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{} {thing}s", grouped(count)) }
}

/// Returns a number with commas between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        // The groups are counted from the end, so the first one may have fewer digits.
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the reason why a user can have no further entries, if there is one: the user never
/// connected, or all connections of the user have ended.
pub(crate) fn absence(user_id: &str, entries: &[Entry]) -> Option<String> {
    let mut open = BTreeMap::<ConnectionId, bool>::new();
    let (mut last_end, mut users) = (None, Vec::new());
    for entry in entries {
        let (Some(connection), Some(user)) = (entry.connection(), entry.user_id()) else {
            continue;
        };
        // The list is short, so a scan of it is cheaper than a set.
        if !users.contains(&user) && users.len() < MOST_USERS {
            users.push(user);
        }
        if user == user_id {
            let is_end = matches!(entry.kind(), EntryKind::Closed | EntryKind::Disconnected);
            // An entry after the end of a connection, such as a frame that crossed the close, does
            // not open it again.
            let is_open = open.entry(connection).or_insert(true);
            if is_end && *is_open {
                (*is_open, last_end) = (false, Some(entry.index()));
            }
        }
    }
    if open.is_empty() {
        let listed: Vec<_> = users.iter().map(|user| format!("{user:?}")).collect();
        return Some(match users.len() {
            0 => "no user has connected".to_owned(),
            _ => format!("no user {user_id:?} has connected; users: {}", listed.join(", ")),
        });
    }
    // Another connection of the user may still be open.
    let end = last_end.filter(|_| !open.values().any(|is_open| *is_open))?;
    Some(format!("the connection of user {user_id:?} ended at #{end}"))
}

/// Returns the entries before the connections ended at the end of the test. An end after which
/// nothing happened in a chat explains nothing: calls that delete rooms, and moves of the clock, are
/// part of a teardown.
pub(crate) fn before_last_ends(entries: &[Entry]) -> &[Entry] {
    let is_end = |entry: &Entry| {
        matches!(
            entry.kind(),
            EntryKind::Closed
                | EntryKind::Disconnected
                | EntryKind::Outage
                | EntryKind::ClockAdvanced
                | EntryKind::Request
                | EntryKind::Response
                | EntryKind::Undelivered
        )
    };
    let last = entries.iter().rposition(|entry| !is_end(entry));
    &entries[..last.map_or(0, |last| last + 1)]
}

/// Returns a hint if nobody has connected to a room of this name, ID or ARN, but to others.
pub(crate) fn empty_room(room: &str, entries: &[Entry]) -> Option<String> {
    let mut rooms = Vec::new();
    for entry in entries {
        let Some(other) = entry.room() else { continue };
        if entry.is_in_room(room) {
            return None;
        }
        if !rooms.contains(&other) && rooms.len() < MOST_USERS {
            rooms.push(other);
        }
    }
    let listed: Vec<_> = rooms.iter().map(|room| format!("{room:?}")).collect();
    let listed = (!listed.is_empty()).then(|| listed.join(", "))?;
    Some(format!("no user has connected to a room {room:?}; rooms: {listed}"))
}

/// Returns the rooms that share their name with another room, if the lanes of a failure are in one
/// of them. A test that creates a room twice looks as if it had one: its users have the same room
/// in all titles, and do not receive each other's messages.
pub(crate) fn namesakes(entries: &[Entry], lanes: &[String]) -> Vec<String> {
    let mut names = BTreeMap::<&str, BTreeMap<&str, Vec<&str>>>::new();
    let mut concerned = BTreeSet::new();
    let first = entries.len().saturating_sub(MOST_EXAMINED);
    for entry in &entries[first..] {
        let Some(peer) = &entry.record.peer else { continue };
        let users = names.entry(&peer.room.label).or_default().entry(peer.room.id()).or_default();
        if !users.contains(&&*peer.label) && users.len() < MOST_USERS {
            users.push(&peer.label);
            if timeline::title(entry).is_some_and(|title| lanes.contains(&title)) {
                concerned.insert(&*peer.room.label);
            }
        }
    }
    names.retain(|name, rooms| rooms.len() > 1 && concerned.contains(name));
    let line = |(name, rooms): (&str, BTreeMap<&str, Vec<&str>>)| {
        let room = |(id, users): (&&str, &Vec<&str>)| {
            let users: Vec<_> = users.iter().map(|user| named(user)).collect();
            format!("{id} ({})", users.join(", "))
        };
        let listed: Vec<_> = rooms.iter().take(MOST_USERS).map(room).collect();
        format!("{name:?} is the name of {} rooms: {}", rooms.len(), listed.join(", "))
    };
    names.into_iter().map(line).collect()
}

/// Returns a hint if a user, or anybody, has connected without a handshake.
pub(crate) fn skipped_handshake(user_id: Option<&str>, entries: &[Entry]) -> Option<String> {
    let is_about = |entry: &&Entry| user_id.is_none_or(|user_id| entry.user_id() == Some(user_id));
    let participant = entries.iter().filter(is_about).find(|entry| entry.is_participant())?;
    let user_id = participant.user_id()?;
    Some(format!("{user_id:?} is a participant, and participants make no handshake"))
}

/// Returns a hint if the test has called the control plane by methods of the mock.
pub(crate) fn own_call(entries: &[Entry]) -> Option<String> {
    let is_own = |entry: &Entry| match &entry.record.event {
        Event::Request(called) => called.origin == Caller::Test,
        _ => false,
    };
    let hint = "calls by methods of the mock do not go through hooks, only those over HTTP";
    entries.iter().any(is_own).then(|| hint.into())
}

/// How many of the last entries are searched for reasons.
pub(crate) const MOST_EXAMINED: usize = 2_048;

const MOST_REFUSALS: usize = 5;

/// How many users are listed beside one that is not among them.
const MOST_USERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_readable() {
        assert_eq!(counted(1, "event"), "1 event");
        assert_eq!(counted(0, "event"), "0 events");
        assert_eq!(counted(999, "event"), "999 events");
        assert_eq!(counted(1_000, "event"), "1,000 events");
        assert_eq!(counted(1_234_567, "event"), "1,234,567 events");
    }
}
