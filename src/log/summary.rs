//! Summary: an entry in a few words, for timelines and pictures.

use crate::log::entry::Entry;
use crate::log::escape::{escaped, named};
use crate::log::record::{Caller, Event};
use crate::log::secrets::hide;
use crate::log::transcript::Length;
use crate::log::width::around;
use crate::proto::action::Action;
use crate::proto::close::Close;
use crate::proto::frame::Frame;
use crate::proto::payload::Payload;
use crate::proto::publish::Publish;

/// Writes an entry in a few words, without the name of its connection.
pub(crate) fn of(entry: &Entry) -> String {
    within(entry, usize::MAX)
}

/// Writes an entry as [`of`] does. A frame that cannot be read is reduced to `most` columns.
pub(crate) fn within(entry: &Entry, most: usize) -> String {
    escaped(&hide(entry.mock, &words(entry, most))).into_owned()
}

fn words(entry: &Entry, most: usize) -> String {
    match &entry.record.event {
        Event::ClockAdvanced(duration) => {
            format!("clock + {}", Length(*duration))
        }
        Event::Response(response) => match &response.exception {
            Some(exception) => format!("{} {exception}", response.status),
            None => response.status.to_string(),
        },
        Event::Request(called) => match (&called.origin, called.operation) {
            (_, Some(operation)) => operation.to_string(),
            (Caller::Http { method, path, .. }, None) => format!("{method} {path}"),
            (Caller::Test, None) => "call".into(),
        },
        Event::ClosedByService(close) => format!("closed {}", of_close(close)),
        Event::ClosedByClient(close) => format!("closes {}", of_close(close)),
        Event::Connected(_) => format!("connects to {}", entry.room().unwrap_or_default()),
        Event::QuotaExceeded { quota, limit } => format!("quota exceeded: {quota}, {limit}"),
        Event::GaveUp(gave_up) => gave_up.describe(),
        Event::Disconnected => "is gone".into(),
        Event::HookFired(hooked) => format!("~ {} by {:?}", hooked.effect, hooked.hook.name),
        Event::Outage(outage) => format!("outage: {}", outage.name()),
        Event::FrameReceived(payload) => of_action(payload, entry.mock, most),
        Event::HandshakeRefused(refused) => {
            format!("refused {}: {}", refused.status, refused.message)
        }
        Event::Reviewed(reviewed) => {
            format!("review of {}: {}", reviewed.message_id, reviewed.result)
        }
        Event::TestAction(action) => format!("~ {} by the test", action.effect),
        Event::Undelivered(response) => {
            format!("~ {} not delivered", response.status)
        }
        Event::Unserved(unserved) => unserved.describe().into_owned(),
        Event::FrameSent(payload) => of_frame(payload, entry.mock, most),
    }
}

fn of_close(close: &Close) -> String {
    let code = close.code.map_or_else(|| "without a code".into(), |code| code.to_string());
    match &*close.reason {
        "" => code,
        // JSON is not quoted, because its quotes would all be escaped.
        reason if reason.starts_with('{') => format!("{code} {reason}"),
        reason => format!("{code} {reason:?}"),
    }
}

fn of_action(payload: &Payload, mock: u64, most: usize) -> String {
    match payload.publish().and_then(|publish| publish.action.as_ref().ok()) {
        Some(Action::SendMessage(sent)) => format!("SEND_MESSAGE {:?}", sent.content),
        Some(Action::DeleteMessage(deletion)) => format!("DELETE_MESSAGE {}", deletion.id),
        Some(Action::DisconnectUser(kick)) => format!("DISCONNECT_USER {}", named(&kick.user_id)),
        None => of_payload(payload, mock, most),
    }
}

fn of_frame(payload: &Payload, mock: u64, most: usize) -> String {
    match payload.frame() {
        Some(Frame::Message(message)) => format!("MESSAGE {:?}", message.content),
        Some(Frame::Event(event)) => format!("EVENT {}", named(&event.event_name)),
        Some(Frame::Error(error)) => {
            format!("ERROR {} {:?}", error.error_code.code(), error.error_message)
        }
        None => of_payload(payload, mock, most),
    }
}

fn of_payload(payload: &Payload, mock: u64, most: usize) -> String {
    let (kind, bytes) = match payload {
        Payload::Text(data) => ("text", &data.bytes),
        Payload::Binary(data) => ("binary", &data.bytes),
        Payload::Ping(bytes) => return format!("ping, {} bytes", bytes.len()),
        Payload::Pong(bytes) => return format!("pong, {} bytes", bytes.len()),
    };
    let fault = payload.publish().and_then(|_| Publish::fault_at(bytes));
    // A huge frame is not escaped as a whole only to show a few columns of it.
    let end = fault.unwrap_or_default().saturating_add(LONGEST_FRAME).min(bytes.len());
    let is_json = bytes.starts_with(b"{") || bytes.starts_with(b"[");
    // A token is hidden before the text is cut off, because half a token has no number.
    let line = |part: &[u8]| {
        let part = String::from_utf8_lossy(part);
        let part = hide(mock, &part);
        let quoted = || part.replace('\\', "\\\\").replace('"', "\\\"");
        escaped(&if is_json { part.as_ref().into() } else { quoted() }).into_owned()
    };
    // The place moves, because escapes and marks before it have other lengths than the bytes.
    let at = fault.map_or(0, |at| line(&bytes[..at]).len());
    let quotes = if is_json { "" } else { "\"" };
    let most = LONGEST.min(most.saturating_sub(kind.len() + 1 + 2 * quotes.len()));
    format!("{kind} {quotes}{}{quotes}", around(&line(&bytes[..end]), at, most))
}

/// The number of columns shown of an unreadable frame.
const LONGEST: usize = 40;

/// How many bytes of a frame after its fault are searched for tokens.
const LONGEST_FRAME: usize = 4096;

/// Returns `true` if an entry reports an error, which pictures show in color.
pub(crate) fn is_trouble(entry: &Entry) -> bool {
    match &entry.record.event {
        Event::Response(response) => response.status >= 400,
        Event::QuotaExceeded { .. }
        | Event::GaveUp(_)
        | Event::Disconnected
        | Event::HookFired(_)
        | Event::Undelivered(_)
        | Event::Unserved(_)
        | Event::HandshakeRefused(_) => true,
        Event::FrameReceived(payload) => {
            payload.publish().is_some_and(|publish| publish.action.is_err())
        }
        Event::FrameSent(payload) => matches!(payload.frame(), Some(Frame::Error(_))),
        _ => false,
    }
}
