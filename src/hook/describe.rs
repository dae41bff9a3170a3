//! Describe: a hook as the calls that installed it, so that a failure can show which one it is.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::hook::action::ActionVerdict;
use crate::hook::chain::{Behavior, Rule};
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::filter::{Filter, FrameKind};
use crate::hook::frequency::Frequency;
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::operation::OperationVerdict;
use crate::hook::review::ReviewVerdict;
use crate::proto::close::CloseCode;
use crate::proto::headers::Headers;

/// A verdict that can be written as the call that sets it.
pub(crate) trait Describe {
    /// The method that starts a hook of the hook point.
    const POINT: &'static str;
    /// The method that sets the user.
    const USER: &'static str = "from";

    /// Returns the call that sets the verdict.
    fn call(&self) -> String;
}

/// Returns a hook as the calls that installed it, such as `on_action().from("bob").ignore()`.
pub(crate) fn describe<V: Describe>(rule: &Rule<V>) -> String {
    let Rule { filter, frequency, behavior, .. } = rule;
    let mut text = match filter.operation {
        Some(operation) => format!("on_operation({operation})"),
        None => format!("{}()", V::POINT),
    };
    write_filter(&mut text, filter, V::USER);
    write_frequency(&mut text, frequency);
    match behavior {
        Behavior::Verdict(verdict) => push(&mut text, &verdict.call()),
        Behavior::Closure => push(&mut text, "decide(…)"),
    }
    text
}

fn push(text: &mut String, call: &str) {
    text.push('.');
    text.push_str(call);
}

fn write_filter(text: &mut String, filter: &Filter, user_method: &str) {
    let mut push_text = |method: &str, value: &Option<String>| {
        if let Some(value) = value {
            push(text, &format!("{method}({})", Quoted(value)));
        }
    };
    push_text(user_method, &filter.user_id);
    push_text("from", &filter.sender);
    push_text("room", &filter.room);
    push_text("containing", &filter.containing);
    push_text("request_id", &filter.request_id);
    if let Some(connection) = filter.connection {
        push(text, &format!("connection({})", connection.0));
    }
    if let Some(action) = filter.action {
        push(text, &format!("{}()", action.name().to_ascii_lowercase()));
    }
    match (filter.kind, &filter.event_name) {
        (Some(FrameKind::Message), _) => push(text, "message()"),
        (Some(FrameKind::Error), _) => push(text, "error()"),
        (_, Some(name)) => push(text, &format!("event({})", Quoted(name))),
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

impl Describe for HandshakeVerdict {
    const POINT: &'static str = "on_handshake";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Refuse { status, message, headers } => {
                with_headers("refuse", *status, message, headers)
            }
            Self::Disconnect { code, reason } => disconnect(*code, reason),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
            Self::Reset => "reset()".into(),
            Self::NeverRespond => "never_respond()".into(),
            Self::LimitBandwidth(bytes) => format!("limit_bandwidth({bytes})"),
        }
    }
}

impl Describe for ActionVerdict {
    const POINT: &'static str = "on_action";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Reject { error_code, error_message } => {
                format!("reject({error_code:?}, {})", Quoted(error_message))
            }
            Self::Ignore => "ignore()".into(),
            Self::Respond(text) => format!("respond({})", Quoted(text)),
            Self::Change(action) => format!("change({})", action.name()),
            Self::Duplicate => "duplicate()".into(),
            Self::Reorder => "reorder()".into(),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
            Self::Disconnect { code, reason } => disconnect(*code, reason),
            Self::Reset => "reset()".into(),
            Self::Stall => "stall()".into(),
        }
    }
}

impl Describe for ReviewVerdict {
    const POINT: &'static str = "on_review";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Respond(_) => "respond(…)".into(),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
        }
    }
}

impl Describe for DeliveryVerdict {
    const POINT: &'static str = "on_delivery";
    const USER: &'static str = "to";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Drop => "drop_frame()".into(),
            Self::Change(_) => "change(…)".into(),
            Self::Replace(text) => format!("replace({})", Quoted(text)),
            Self::Corrupt(corruption) => format!("corrupt({corruption:?})"),
            Self::Duplicate => "duplicate()".into(),
            Self::Reorder => "reorder()".into(),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
            Self::Disconnect { code, reason } => disconnect(*code, reason),
            Self::Reset => "reset()".into(),
            Self::Stall => "stall()".into(),
        }
    }
}

impl Describe for OperationVerdict {
    const POINT: &'static str = "on_any_operation";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Fail(exception) => format!("fail({})", exception.name()),
            Self::Respond { status, body, headers } => {
                with_headers("respond", *status, body, headers)
            }
            Self::EmptyBody => "empty_body()".into(),
            Self::TruncatedBody => "truncated_body()".into(),
            Self::CloseInHead => "close_in_head()".into(),
            Self::CloseInBody => "close_in_body()".into(),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
            Self::Reset => "reset()".into(),
            Self::NeverRespond => "never_respond()".into(),
        }
    }
}

fn delay(duration: Duration) -> String {
    format!("delay({duration:?})")
}

fn delay_real_time(duration: Duration) -> String {
    format!("delay_real_time({duration:?})")
}

fn with_headers(method: &str, status: u16, text: &str, headers: &Headers) -> String {
    if headers.is_empty() {
        return format!("{method}({status}, {})", Quoted(text));
    }
    let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    format!("{method}_with_headers({status}, {}, {names:?})", Quoted(text))
}

fn disconnect(code: CloseCode, reason: &str) -> String {
    if reason.is_empty() {
        return format!("disconnect({code})");
    }
    format!("disconnect_with_reason({code}, {})", Quoted(reason))
}

/// A text in quotes, cut off where it is too long for a line.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.chars().count() <= LONGEST_TEXT {
            return write!(f, "{:?}", self.0);
        }
        let mut shown: String = self.0.chars().take(LONGEST_TEXT - 1).collect();
        shown.write_char('…')?;
        write!(f, "{shown:?}")
    }
}

/// How many characters of a text are shown.
const LONGEST_TEXT: usize = 30;
