//! Summary: an entry in a few words, for timelines and pictures.

use crate::log::entry::Entry;
use crate::log::record::{Origin, What};
use crate::proto::action::Action;
use crate::proto::close::{Close, truncate};
use crate::proto::frame::Frame;
use crate::proto::payload::Payload;

/// An entry in a few words, without the name of its connection.
pub(crate) fn of(entry: &Entry) -> String {
    match &entry.record.what {
        What::Advanced(duration) => format!("clock + {}", humantime::format_duration(*duration)),
        What::Answered(answered) => match &answered.exception {
            Some(exception) => format!("{} {exception}", answered.status),
            None => answered.status.to_string(),
        },
        What::Called(called) => match (&called.origin, called.operation) {
            (_, Some(operation)) => operation.to_string(),
            (Origin::Http { method, path, .. }, None) => format!("{method} {path}"),
            (Origin::Test, None) => "call".into(),
        },
        What::ClosedByService(close) => format!("closed {}", of_close(close)),
        What::ClosedByClient(close) => format!("closes {}", of_close(close)),
        What::Connected(_) => format!("connects to {}", entry.room().unwrap_or_default()),
        What::Exceeded { quota, limit } => format!("quota exceeded: {quota}, {limit}"),
        What::GaveUp(gave_up) => gave_up.describe(),
        What::Gone => "is gone".into(),
        What::Hooked(hooked) => format!("~ {} by {:?}", hooked.effect, hooked.hook),
        What::Outage(outage) => format!("outage: {}", outage.name()),
        What::Received(payload) => of_action(payload),
        What::Refused(refused) => format!("refused {}: {}", refused.status, refused.message),
        What::Reviewed(reviewed) => {
            format!("review of {}: {}", reviewed.message_id, reviewed.result)
        }
        What::Sent(payload) => of_frame(payload),
    }
}

fn of_close(close: &Close) -> String {
    let code = close.code.map_or_else(|| "without a code".into(), |code| code.to_string());
    if close.reason.is_empty() { code } else { format!("{code} {:?}", close.reason) }
}

fn of_action(payload: &Payload) -> String {
    match payload.publish().and_then(|publish| publish.action.as_ref().ok()) {
        Some(Action::SendMessage(sent)) => format!("SEND_MESSAGE {:?}", sent.content),
        Some(Action::DeleteMessage(deletion)) => format!("DELETE_MESSAGE {}", deletion.id),
        Some(Action::DisconnectUser(kick)) => format!("DISCONNECT_USER {}", kick.user_id),
        None => of_payload(payload),
    }
}

fn of_frame(payload: &Payload) -> String {
    match payload.frame() {
        Some(Frame::Message(message)) => format!("MESSAGE {:?}", message.content),
        Some(Frame::Event(event)) => format!("EVENT {}", event.event_name),
        Some(Frame::Error(error)) => {
            format!("ERROR {} {:?}", error.error_code.code(), error.error_message)
        }
        None => of_payload(payload),
    }
}

fn of_payload(payload: &Payload) -> String {
    let (kind, bytes) = match payload {
        Payload::Text(data) => ("text", &data.bytes),
        Payload::Binary(data) => ("binary", &data.bytes),
        Payload::Ping(bytes) => return format!("ping, {} bytes", bytes.len()),
        Payload::Pong(bytes) => return format!("pong, {} bytes", bytes.len()),
    };
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]).into_owned();
    let ellipsis = if bytes.len() > LONGEST { "…" } else { "" };
    format!("{kind} {:?}{ellipsis}", truncate(&start, LONGEST))
}

/// How many bytes of a frame that cannot be read are shown.
const LONGEST: usize = 40;

/// Whether an entry tells of something that went wrong, so that pictures can show it in colour.
pub(crate) fn is_trouble(entry: &Entry) -> bool {
    match &entry.record.what {
        What::Answered(answered) => answered.status >= 400,
        What::Exceeded { .. }
        | What::GaveUp(_)
        | What::Gone
        | What::Hooked(_)
        | What::Refused(_) => true,
        What::Received(payload) => payload.publish().is_some_and(|publish| publish.action.is_err()),
        What::Sent(payload) => matches!(payload.frame(), Some(Frame::Error(_))),
        _ => false,
    }
}
