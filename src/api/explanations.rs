//! Explanations: what a failure says about the state of the mock.

use std::sync::Arc;

use crate::driver::Driver;
use crate::engine::control::ConnectionInfo;
use crate::hook::chain::HookStatus;
use crate::hook::point::PointName;
use crate::log::entry::Entry;
use crate::log::escape::named;
use crate::log::explain;
use crate::log::failure::{Failure, MOST_LINES, Section};
use crate::log::lint::{self, Finding};
use crate::log::nearest_event::nearest_event;
use crate::log::timeline::WIDEST;
use crate::log::width::width;

/// Adds what may explain any failure.
pub(crate) fn with_sections(failure: Failure, driver: &Arc<Driver>, entries: &[Entry]) -> Failure {
    let unfired = driver.hook_standings().into_iter().filter(|hook| hook.hits == 0);
    let unfired = unfired_lines(unfired, entries);
    let refused = explain::refusals(entries, failure.named());
    let panics = driver.panics().into_iter();
    let panics = panics.map(|panic| format!("{} panicked: {}", panic.whose, panic.message));
    // A headline that is not wrapped may say so already.
    let headline = failure.headline();
    let is_wrapped = width(headline) >= WIDEST;
    let panics = panics.filter(|panic| is_wrapped || !headline.contains(panic)).collect();
    let namesakes = explain::namesakes(entries, failure.lanes());
    failure
        .cause(Section { title: "reviews that failed", lines: failed_reviews(driver, entries) })
        .cause(Section { title: "closures that have not returned", lines: driver.unanswered() })
        .cause(Section { title: "panics", lines: panics })
        .section(Section { title: "rooms of the same name", lines: namesakes })
        .section(Section { title: "refused", lines: refused })
        .section(Section { title: "hooks that have not fired", lines: unfired })
        .section(Section { title: "gates", lines: held(driver, entries) })
        .section(Section { title: "delays", lines: delayed(driver, entries) })
        .section(Section { title: "stalled connections", lines: stalled(driver) })
        .section(Section { title: "outages", lines: driver.outages() })
        .section(Section { title: "frames that were not sent", lines: driver.unsent() })
        .section(Section {
            title: "lint",
            lines: explain::merged(&recent_findings(driver, entries)),
        })
        .without_tokens(|text| driver.without_tokens(text))
}

/// Lints the last entries: the cause of a failure is rarely older, and a long log would take long
/// to check.
pub(crate) fn recent_findings(driver: &Driver, entries: &[Entry]) -> Vec<Finding> {
    // Only the end of the log, so that a failure does not take longer the longer the log is.
    let recent = &entries[entries.len().saturating_sub(MOST_LINTED)..];
    lint::check(recent, driver.clock().measures_clients())
}

/// The reviews that failed, with the hooks and handlers that had them.
pub(crate) fn failed_reviews(driver: &Driver, entries: &[Entry]) -> Vec<String> {
    explain::failed_reviews(entries, |number| driver.review_handler(number))
}

/// The events that wait at gates, by the hooks that hold them.
pub(crate) fn held(driver: &Driver, entries: &[Entry]) -> Vec<String> {
    match driver.waiting_at_gates() {
        0 => Vec::new(),
        all => {
            // The log is searched only if something waits at all.
            let waiting = |gate| driver.waiting_at(gate);
            let lines = explain::held(entries, |fired| fired.gate().map_or(0, waiting));
            // The entries about the gates may no longer be in the log.
            if !lines.is_empty() {
                return lines;
            }
            let verb = if all == 1 { "waits" } else { "wait" };
            vec![format!("{} {verb} until `Gate::release`", explain::counted(all, "event"))]
        }
    }
}

/// The events that hooks delay until a later moment of the clock.
pub(crate) fn delayed(driver: &Driver, entries: &[Entry]) -> Vec<String> {
    let mut lines = reordered(driver);
    let (Some((count, due)), Some(first)) = (driver.delayed(), entries.first()) else {
        return lines;
    };
    let events = explain::counted(count, "event");
    let verb = if count == 1 { "is delayed until" } else { "are delayed, the first until" };
    let seconds = due.since(first.at()).as_secs_f64();
    let frozen = if driver.clock().is_frozen() {
        "; the clock is frozen, and `advance` moves it"
    } else {
        ""
    };
    lines.insert(0, format!("{events} {verb} +{seconds:.3}{frozen}"));
    lines
}

/// The frames and actions that hooks keep back until another one has gone before them.
fn reordered(driver: &Driver) -> Vec<String> {
    let mut lines = Vec::new();
    for info in driver.connection_infos() {
        let name = named(&info.peer.label);
        let verb = |count| if count == 1 { "waits" } else { "wait" };
        if info.reordered_frames > 0 {
            let frames = explain::counted(info.reordered_frames, "reordered frame");
            let verb = verb(info.reordered_frames);
            lines.push(format!(
                "{frames} to {name} {verb} until another MESSAGE, EVENT or ERROR is sent to {name}"
            ));
        }
        if info.reordered_actions > 0 {
            let actions = explain::counted(info.reordered_actions, "reordered action");
            let verb = verb(info.reordered_actions);
            lines.push(format!("{actions} of {name} {verb} until {name} sends another action"));
        }
    }
    lines
}

/// The connections that do not move frames until the test resumes them.
pub(crate) fn stalled(driver: &Driver) -> Vec<String> {
    let stalled = driver.connection_infos().into_iter().filter(|info| info.is_stalled);
    let line = |info: ConnectionInfo| {
        let label = named(&info.peer.label);
        let to = (info.withheld_frames, "to");
        let from = (info.withheld_actions, "from");
        let counts = [to, from].into_iter().filter(|(count, _)| *count > 0);
        let counts =
            counts.map(|(count, way)| format!("{} {way} it", explain::counted(count, "frame")));
        let withheld = match counts.collect::<Vec<_>>().join(" and ") {
            none if none.is_empty() => none,
            counts => format!(", with {counts} withheld"),
        };
        format!("{label} is stalled until `Connection::resume`{withheld}")
    };
    stalled.map(line).collect()
}

/// Hooks that have not fired, in a few lines each.
pub(crate) fn unfired_lines(
    hooks: impl Iterator<Item = HookStatus>,
    entries: &[Entry],
) -> Vec<String> {
    let lines = hooks.enumerate().flat_map(|(index, hook)| {
        // The log is searched only for hooks that are shown: a test may have thousands.
        let is_shown = index < MOST_LINES;
        let reasons =
            if is_shown { why_not_fired(&hook, entries) } else { vec![hook.why_not_fired()] };
        let mut reasons = reasons.into_iter();
        let reason = reasons.next().unwrap_or_default();
        let [description, place] = hook.origin();
        let mut lines =
            vec![format!("{}: {description}", hook.title()), format!("  {place}; {reason}")];
        lines.extend(reasons.map(|reason| format!("  {reason}")));
        lines
    });
    lines.collect()
}

/// Returns the reasons why a hook has not fired, one line each.
pub(crate) fn why_not_fired(hook: &HookStatus, entries: &[Entry]) -> Vec<String> {
    let mut reasons = vec![hook.why_not_fired()];
    if hook.has_seen_nothing() {
        let (user_id, room, point) = (hook.user_id(), hook.room(), hook.point());
        let is_on_handshakes = point == PointName::Handshake;
        let skips = is_on_handshakes.then(|| explain::skipped_handshake(user_id, entries));
        reasons.extend(match skips.flatten() {
            Some(skipped) => Some(skipped),
            None => user_id
                .and_then(|user_id| explain::absence(user_id, explain::before_last_ends(entries))),
        });
        let is_on_operations = point == PointName::Operation;
        let own_calls = is_on_operations.then(|| explain::own_call(entries));
        reasons.extend(own_calls.flatten());
        reasons.extend(room.and_then(|room| explain::empty_room(room, entries)));
        reasons.extend(nearest_event(hook, entries));
    }
    reasons
}

/// Returns the reasons why a hook that has fired has not fired more often, one line each.
pub(crate) fn why_not_more(hook: &HookStatus, entries: &[Entry]) -> Vec<String> {
    let reasons = [Some(hook.why_not_more()), nearest_event(hook, entries)];
    reasons.into_iter().flatten().collect()
}

/// How many of the last entries are linted for a failure.
const MOST_LINTED: usize = 2_048;
