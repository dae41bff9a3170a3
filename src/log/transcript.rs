//! Transcript: the log as text that is the same in every run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::log::entry::Entry;
use crate::log::escape::{OneLine, named};
use crate::log::labels::Labels;
use crate::log::record::{
    Caller, Event, HandshakeRefused, HookFired, OutageEvent, Peer, Request, Response,
};
use crate::log::secrets::{hide, marked, marked_body};
use crate::proto::close::Close;
use crate::proto::payload::Payload;

/// Writes one line for each entry. An entry is indented below the entry that caused it.
///
/// A frame that goes to several connections in a row is written once, after all their names.
/// Successful responses to the test's own requests are left out.
pub(crate) fn write(f: &mut dyn fmt::Write, entries: &[Entry], labels: &mut Labels) -> fmt::Result {
    let mut rest = entries;
    while let [entry, following @ ..] = rest {
        if is_as_expected(entry) {
            rest = following;
            continue;
        }
        // This is 0 for an entry that is not a delivery, which has a line of its own.
        let recipients = rest.iter().take_while(|other| is_same_delivery(entry, other)).count();
        let (line, following) = rest.split_at(recipients.max(1));
        if entry.is_effect() {
            f.write_str("  ")?;
        }
        write_line(f, line, labels)?;
        f.write_char('\n')?;
        rest = following;
    }
    Ok(())
}

/// Writes one entry as in the transcript, without indentation.
pub(crate) fn write_entry(
    f: &mut dyn fmt::Write,
    entry: &Entry,
    labels: &mut Labels,
) -> fmt::Result {
    write_line(f, std::slice::from_ref(entry), labels)
}

/// Returns `true` for a successful response to a request of the test. Such responses would only
/// repeat the requests.
pub(crate) fn is_as_expected(entry: &Entry) -> bool {
    match &entry.record.event {
        Event::Response(response) => {
            response.origin == Caller::Test && response.exception.is_none()
        }
        _ => false,
    }
}

/// Returns `true` if two entries are the same frame, sent for the same cause.
pub(crate) fn is_same_delivery(entry: &Entry, other: &Entry) -> bool {
    match (&entry.record.event, &other.record.event) {
        (Event::FrameSent(payload), Event::FrameSent(sent)) => {
            // The cause as well: two equal frames, such as two pings, need not belong together.
            entry.record.cause == other.record.cause && payload == sent
        }
        _ => false,
    }
}

fn write_line(f: &mut dyn fmt::Write, entries: &[Entry], labels: &mut Labels) -> fmt::Result {
    let mut line = String::new();
    // A user ID or a frame may have line breaks, which would look like further entries.
    write_words(&mut OneLine(&mut line), entries, labels)?;
    // The whole line, because a token may be anywhere in it, such as in the path of a call.
    f.write_str(&labels.label_tokens(&hide(entries[0].mock, &line)))
}

fn write_words(f: &mut dyn fmt::Write, entries: &[Entry], labels: &mut Labels) -> fmt::Result {
    let record = &entries[0].record;
    let who = Who(record.peer.as_ref());
    match &record.event {
        Event::ClockAdvanced(duration) => write!(f, "clock + {}", Length(*duration)),
        Event::Response(response) => write_response(f, response, labels),
        Event::Request(called) => write_call(f, called, labels),
        Event::ClosedByService(close) => write!(f, "{who} closed {}", Reason(close)),
        Event::ClosedByClient(close) => write!(f, "{who} closes {}", Reason(close)),
        Event::Connected(connected) => {
            let room = record.peer.as_ref().map_or("", |peer| &peer.room.label);
            write!(f, "{who} connects to {room}")?;
            for (index, capability) in connected.capabilities.iter().enumerate() {
                write!(f, "{}{capability}", if index == 0 { " with " } else { ", " })?;
            }
            Ok(())
        }
        Event::QuotaExceeded { quota, limit } => write!(f, "quota exceeded: {quota}, {limit}"),
        Event::GaveUp(gave_up) => f.write_str(&gave_up.describe()),
        Event::Disconnected => write!(f, "{who} is gone"),
        Event::HookFired(hooked) => write_hooked(f, record.peer.as_ref(), hooked, labels),
        Event::Outage(outage) => write_outage(f, outage),
        Event::FrameReceived(payload) => {
            write!(f, "{who} > ")?;
            write_payload(f, payload, labels)
        }
        Event::HandshakeRefused(refused) => write_refusal(f, refused),
        Event::Reviewed(reviewed) => {
            write!(f, "review of {}: {}", reviewed.message_id, reviewed.result)
        }
        Event::TestAction(action) => {
            if record.peer.is_some() {
                write!(f, "{who} ")?;
            }
            write!(f, "~ {} by the test", action.effect)?;
            write_frame(f, action.payload.as_ref(), labels)
        }
        Event::Undelivered(response) => {
            write!(f, "http ~ {} not delivered", response.status)?;
            if let Some(operation) = response.operation {
                write!(f, " to the client of {operation}")?;
            }
            f.write_str(": the connection has ended")
        }
        Event::Unserved(unserved) => f.write_str(&unserved.describe()),
        Event::FrameSent(payload) => {
            for (index, entry) in entries.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{}", Who(entry.record.peer.as_ref()))?;
            }
            f.write_str(" < ")?;
            write_payload(f, payload, labels)
        }
    }
}

fn write_call(f: &mut dyn fmt::Write, called: &Request, labels: &mut Labels) -> fmt::Result {
    match (&called.origin, called.operation) {
        (Caller::Http { method, path, .. }, _) => write!(f, "http > {method} {path}")?,
        (Caller::Test, Some(operation)) => write!(f, "test > {operation}")?,
        (Caller::Test, None) => f.write_str("test >")?,
    }
    write_body(f, &called.body, labels)
}

fn write_response(f: &mut dyn fmt::Write, response: &Response, labels: &mut Labels) -> fmt::Result {
    let who = if response.origin == Caller::Test { "test" } else { "http" };
    write!(f, "{who} < {}", response.status)?;
    if let Some(exception) = &response.exception {
        write!(f, " {exception}")?;
    }
    write_body(f, &marked_body(response), labels)
}

fn write_body(f: &mut dyn fmt::Write, body: &str, labels: &mut Labels) -> fmt::Result {
    if body.is_empty() {
        return Ok(());
    }
    f.write_char(' ')?;
    write_text(f, body, labels)
}

fn write_hooked(
    f: &mut dyn fmt::Write,
    peer: Option<&Arc<Peer>>,
    hooked: &HookFired,
    labels: &mut Labels,
) -> fmt::Result {
    if peer.is_some() {
        write!(f, "{} ", Who(peer))?;
    }
    write!(f, "~ {} by {:?}", hooked.effect, hooked.hook.name)?;
    write_frame(f, hooked.payload.as_ref(), labels)
}

/// Writes the frame that something was done to, if it was done to a frame.
fn write_frame(
    f: &mut dyn fmt::Write,
    payload: Option<&Payload>,
    labels: &mut Labels,
) -> fmt::Result {
    match payload {
        Some(payload) => {
            f.write_str(": ")?;
            write_payload(f, payload, labels)
        }
        None => Ok(()),
    }
}

fn write_outage(f: &mut dyn fmt::Write, outage: &OutageEvent) -> fmt::Result {
    match outage {
        OutageEvent::Close(close) => write!(f, "outage: all are closed {}", Reason(close)),
        OutageEvent::Disconnect => f.write_str("outage: all are disconnected"),
        OutageEvent::Begin => f.write_str("outage: begins"),
        OutageEvent::End => f.write_str("outage: ends"),
        OutageEvent::Restart => f.write_str("outage: restart"),
        OutageEvent::Stop => f.write_str("outage: stop"),
    }
}

fn write_refusal(f: &mut dyn fmt::Write, refused: &HandshakeRefused) -> fmt::Result {
    write!(f, "handshake refused {}: {}", refused.status, refused.message)?;
    match &refused.token {
        Some(token) => write!(f, " ({})", marked(token)),
        None => Ok(()),
    }
}

fn write_payload(f: &mut dyn fmt::Write, payload: &Payload, labels: &mut Labels) -> fmt::Result {
    if let Some(text) = payload.text() {
        return write_text(f, text, labels);
    }
    let bytes = payload.bytes();
    let kind = match payload {
        Payload::Text(_) => "text",
        Payload::Binary(_) => "binary",
        Payload::Ping(_) => "ping",
        Payload::Pong(_) => "pong",
    };
    // Bytes and not a text, so the cut may be anywhere.
    let shown = &bytes[..bytes.len().min(LONGEST_TEXT)];
    write!(f, "{kind} \"{}\"", shown.escape_ascii())?;
    write_omission(f, bytes.len())
}

/// Writes a text on one line. JSON without line breaks is written unchanged.
fn write_text(f: &mut dyn fmt::Write, text: &str, labels: &mut Labels) -> fmt::Result {
    // Before the text is cut off, because a value at the cut would have lost its closing quote.
    let text = labels.apply(text);
    let shown = crate::proto::close::truncate(&text, LONGEST_TEXT);
    f.write_str(shown)?;
    write_omission(f, text.len())
}

fn write_omission(f: &mut dyn fmt::Write, length: usize) -> fmt::Result {
    if length > LONGEST_TEXT { write!(f, "… ({length} bytes)") } else { Ok(()) }
}

/// The maximum length of a text in the transcript. Longer texts are truncated there; entries keep
/// all of it.
const LONGEST_TEXT: usize = 4096;

/// Writes the name of a connection, in quotes unless it is a plain word.
pub(crate) struct Who<'a>(pub(crate) Option<&'a Arc<Peer>>);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.0.map_or("", |peer| &peer.label);
        f.write_str(&named(label))
    }
}

struct Reason<'a>(&'a Close);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.code {
            Some(code) => write!(f, "{code}")?,
            None => f.write_str("without a code")?,
        }
        if self.0.reason.is_empty() { Ok(()) } else { write!(f, " {:?}", self.0.reason) }
    }
}

/// Writes a duration exactly, in the largest possible units up to days: the length of a month is
/// not exact.
pub(crate) struct Length(pub(crate) Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (days, seconds) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
        let rest = Duration::new(seconds, self.0.subsec_nanos());
        let unit = if days == 1 { "day" } else { "days" };
        match (days, rest.is_zero()) {
            (0, _) => humantime::format_duration(rest).fmt(f),
            (_, true) => write!(f, "{days}{unit}"),
            (_, false) => write!(f, "{days}{unit} {}", humantime::format_duration(rest)),
        }
    }
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;
