//! Describe: a hook as the calls that installed it, so that a failure can show which one it is.

use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::hook::chain::{Behavior, Expectation, Rule};
use crate::hook::filter::{Filter, FrameKind};
use crate::hook::frequency::Frequency;
use crate::hook::point::PointName;
use crate::proto::close::CloseCode;
use crate::proto::headers::Headers;

/// A verdict that can be written as the call that sets it. Each hook point implements it beside its
/// verdict.
pub(crate) trait Describe {
    /// The hook point.
    const NAME: PointName;
    /// The method that starts a hook of the hook point.
    const POINT: &'static str;
    /// An event of the hook point, for reports.
    const EVENT: &'static str;
    /// The method that sets the user.
    const USER: &'static str = "from";

    /// Returns the call that sets the verdict.
    fn call(&self) -> String;
}

/// Returns a hook as the calls that installed it, such as `on_action().from("bob").ignore()`.
pub(crate) fn describe<V: Describe>(rule: &Rule<V>) -> String {
    let mut text = start(&rule.filter, V::POINT);
    text.push_str(&conditions(&rule.filter, &rule.frequency, rule.expected.as_ref(), V::USER));
    match &rule.behavior {
        Behavior::Verdict(verdict) => push(&mut text, &verdict.call()),
        Behavior::Closure { is_async: false } => push(&mut text, "decide(…)"),
        Behavior::Closure { is_async: true } => push(&mut text, "decide_async(…)"),
    }
    text
}

/// Returns the call that starts a hook.
pub(super) fn start(filter: &Filter, point: &str) -> String {
    // The operation is the argument of another method, not a condition after it.
    match filter.operation {
        Some(operation) => format!("on_operation({operation})"),
        None => format!("{point}()"),
    }
}

/// Returns conditions as the calls that set them, such as `.from("bob").once()`.
pub(super) fn conditions(
    filter: &Filter,
    frequency: &Frequency,
    expected: Option<&Expectation>,
    user_method: &str,
) -> String {
    let mut text = String::new();
    write_filter(&mut text, filter, user_method);
    write_frequency(&mut text, frequency);
    if let Some(Expectation { hits, .. }) = expected {
        push(&mut text, &format!("expect({})", shown_range(hits)));
    }
    text
}

/// Returns a single condition as the call that sets it.
pub(super) fn condition_call(condition: &Filter, user_method: &str) -> String {
    // The operation is the argument of the call that starts the hook.
    if condition.operation.is_some() {
        return start(condition, "");
    }
    let call = conditions(condition, &Frequency::default(), None, user_method);
    call.trim_start_matches('.').to_owned()
}

/// Returns a range as a test writes it.
fn shown_range(hits: &RangeInclusive<usize>) -> String {
    match (*hits.start(), *hits.end()) {
        (from, to) if from == to => from.to_string(),
        // A range without bounds has the largest number as its end, which no test has written.
        (0, usize::MAX) => "..".into(),
        (0, to) => format!("..={to}"),
        (from, usize::MAX) => format!("{from}.."),
        (from, to) => format!("{from}..={to}"),
    }
}

fn push(text: &mut String, call: &str) {
    text.push('.');
    text.push_str(call);
}

fn write_filter(text: &mut String, filter: &Filter, user_method: &str) {
    let mut push_texts = |method: &str, values: &[String]| {
        for value in values {
            push(text, &format!("{method}({})", Quoted(value)));
        }
    };
    push_texts(user_method, filter.user_id.as_slice());
    push_texts("from", filter.sender.as_slice());
    push_texts("room", &filter.rooms);
    push_texts("containing", &filter.containing);
    push_texts("request_id", filter.request_id.as_slice());
    if let Some(connection) = filter.connection {
        push(text, &format!("connection({})", connection.0));
    }
    if let Some(action) = filter.action {
        push(text, &format!("{}()", action.name().to_ascii_lowercase()));
    }
    // A name implies the type, so `event` sets both and a hook shows them as one call.
    match (filter.kind, &filter.event_name) {
        (Some(FrameKind::Message), _) => push(text, "message()"),
        (Some(FrameKind::Error), _) => push(text, "error()"),
        (_, Some(name)) => push(text, &format!("event({})", Quoted(name))),
        // Only a hook from JSON can be about all events.
        (Some(FrameKind::Event), None) => push(text, "event(…)"),
        _ => {}
    }
}

fn write_frequency(text: &mut String, frequency: &Frequency) {
    let Frequency { limit, nth, every, after, between, probability } = frequency;
    match limit {
        Some(1) => push(text, "once()"),
        Some(limit) => push(text, &format!("times({limit})")),
        None => {}
    }
    for (method, number) in [("nth", nth), ("every", every), ("after", after)] {
        if let Some(number) = number {
            push(text, &format!("{method}({number})"));
        }
    }
    if let Some((from, until)) = between {
        push(text, &format!("between({from}, {until})"));
    }
    if let Some(chance) = probability {
        push(text, &format!("with_probability({}, {})", chance.probability, chance.seed));
    }
}

pub(super) fn delay(duration: Duration) -> String {
    format!("delay({duration:?})")
}

pub(super) fn delay_real_time(duration: Duration) -> String {
    format!("delay_real_time({duration:?})")
}

pub(super) fn with_headers(method: &str, status: u16, text: &str, headers: &Headers) -> String {
    if headers.is_empty() {
        return format!("{method}({status}, {})", Quoted(text));
    }
    // Values are left out, because a line of a report has to stay short.
    let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    format!("{method}_with_headers({status}, {}, {names:?})", Quoted(text))
}

pub(super) fn disconnect(code: CloseCode, reason: &str) -> String {
    if reason.is_empty() {
        return format!("disconnect({code})");
    }
    format!("disconnect_with_reason({code}, {})", Quoted(reason))
}

/// A text in quotes, cut off where it is too long for a line.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counted and cut before the text is escaped, so an escape sequence is never cut in half.
        if self.0.chars().count() <= LONGEST_TEXT {
            return write!(f, "{:?}", self.0);
        }
        // One fewer, because the ellipsis counts as well.
        let mut shown: String = self.0.chars().take(LONGEST_TEXT - 1).collect();
        shown.write_char('…')?;
        write!(f, "{shown:?}")
    }
}

/// How many characters of a text are shown.
const LONGEST_TEXT: usize = 30;
