//! Calls: deviations of tokens, events and moderation over HTTP.

use mock_ivs_chat::{Exception, Operation};
use serde_json::{Value, json};

use super::support::{of_refusals, of_requests, of_responses, text};
use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    [tokens(), limits_of_tokens(), events_and_deletions()].into_iter().flatten().collect()
}

fn tokens() -> Vec<Case> {
    vec![
        case(
            "an unknown capability is ignored",
            "/CreateChatToken",
            &["tokens/capabilities-are-a-closed-list"],
            of_requests(Operation::CreateChatToken, |_, request| {
                let known = ["SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"];
                if let Some(Value::Array(names)) = request.get_mut("capabilities") {
                    names.retain(|name| known.iter().any(|known| name == known));
                }
            }),
        ),
        case(
            "a token takes the ID of a room, too",
            r#""roomIdentifier":"Room"#,
            &["tokens/room-is-an-arn"],
            of_requests(Operation::CreateChatToken, |mock, request| {
                let room = mock.find_room(text(request, "roomIdentifier"));
                if let Some(room) = room {
                    request.insert("roomIdentifier".into(), room.arn().into());
                }
            }),
        ),
    ]
}

fn limits_of_tokens() -> Vec<Case> {
    vec![
        case(
            "a session that is too long is shortened to 180 minutes",
            r#""sessionDurationInMinutes":"#,
            &["tokens/session-duration-has-limits"],
            of_requests(Operation::CreateChatToken, |_, request| {
                if request.get("sessionDurationInMinutes").and_then(Value::as_u64) > Some(180) {
                    request.insert("sessionDurationInMinutes".into(), 180.into());
                }
            }),
        ),
        case(
            "a userId that is too long is shortened to 128 characters",
            "less than or equal to 128",
            &["tokens/user-id-has-a-limit"],
            of_requests(Operation::CreateChatToken, |_, request| {
                let user = text(request, "userId");
                if user.chars().count() > 128 {
                    let user: String = user.chars().take(128).collect();
                    request.insert("userId".into(), user.into());
                }
            }),
        ),
        case(
            "the attributes of a token have at most 1,000 bytes",
            r#"CreateChatToken {"attributes":"#,
            &["tokens/attributes-have-a-limit"],
            of_refusals(Operation::CreateChatToken, |_, request| {
                let attributes = request.get("attributes").and_then(Value::as_object)?;
                let pairs = attributes.iter();
                let size: usize =
                    pairs.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
                (size > 1000).then(|| Exception::validation("attributes are too large"))
            }),
        ),
        case(
            "the times of a token have milliseconds",
            "sessionExpirationTime",
            &["tokens/times-have-whole-seconds"],
            of_responses(Operation::CreateChatToken, |mock, _, response| {
                let now = mock.now().to_string();
                let decimals = now.split_once('.').map_or("Z", |(_, decimals)| decimals);
                for name in ["sessionExpirationTime", "tokenExpirationTime"] {
                    let time = response[name].as_str().unwrap().trim_end_matches('Z').to_owned();
                    let point = if decimals == "Z" { "" } else { "." };
                    response[name] = json!(format!("{time}{point}{decimals}"));
                }
            }),
        ),
    ]
}

fn events_and_deletions() -> Vec<Case> {
    vec![
        case(
            "an event cannot have a name of the service",
            "SendEvent",
            &["control-plane/event-name-of-the-service"],
            of_refusals(Operation::SendEvent, |_, request| {
                let is_reserved = text(request, "eventName").starts_with("aws:");
                is_reserved.then(|| Exception::validation("the name is reserved"))
            }),
        ),
        case(
            "an event with an empty attribute is refused",
            "SendEvent",
            &["control-plane/every-member-of-an-event"],
            of_refusals(Operation::SendEvent, |_, request| {
                let attributes = request.get("attributes").and_then(Value::as_object)?;
                let has_empty = attributes.values().any(|value| value == "");
                has_empty.then(|| Exception::validation("an attribute is empty"))
            }),
        ),
        case(
            "the name of an event has at most 99 characters",
            "SendEvent",
            &["control-plane/members-of-moderation-have-limits"],
            of_refusals(Operation::SendEvent, |_, request| {
                let is_long = text(request, "eventName").chars().count() > 99;
                is_long.then(|| Exception::validation("eventName is too long"))
            }),
        ),
        case(
            "the reason of DeleteMessage is not in the event",
            "DeleteMessage",
            &[
                "control-plane/every-member-of-a-deletion",
                "control-plane/messages-are-deleted",
                "moderation/deletion-over-http",
            ],
            of_requests(Operation::DeleteMessage, |_, request| {
                if !text(request, "reason").is_empty() && text(request, "reason").len() <= 256 {
                    request.remove("reason");
                }
            }),
        ),
    ]
}
