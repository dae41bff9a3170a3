//! Sockets: deviations in handshakes, in how actions are read, and in who receives a frame.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_ivs_chat::hook::{ActionVerdict, DeliveryVerdict, HandshakeVerdict};
use mock_ivs_chat::{Action, ErrorCode, Frame, SendMessage};
use mock_ivs_chat_conformance::Deviation;
use serde_json::{Map, Value};

use super::support::{of_actions, of_handshakes};
use super::{Case, case};

const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = reading();
    cases.extend(moderation());
    cases.extend(recipients());
    cases.extend(handshakes());
    cases
}

fn bad_request(text: &str) -> ActionVerdict {
    ActionVerdict::reject(ErrorCode::BadRequest, text)
}

/// The members of a frame; an empty object if it is none.
fn members(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

fn reading() -> Vec<Case> {
    [members_of_actions(), unusual_json(), values_of_actions()].into_iter().flatten().collect()
}

fn members_of_actions() -> Vec<Case> {
    vec![
        case(
            "white space around a message is removed",
            r#""Action":"SEND_MESSAGE""#,
            &["messaging/content-is-not-trimmed"],
            Deviation::of_settings(|mock| mock.trim_content()),
        ),
        case(
            "member names are only read in their own case",
            " sends ",
            &["messaging/last-member-wins", "messaging/member-names-in-any-case"],
            of_actions(|_, frame| {
                let members = members(&frame.text);
                let is_other = |name: &String| {
                    name.starts_with(char::is_lowercase) || name.ends_with(char::is_uppercase)
                };
                if members.keys().any(is_other) {
                    bad_request("unknown member")
                } else {
                    ActionVerdict::Pass
                }
            }),
        ),
        case(
            "the first of several members of one name counts",
            r#""content""#,
            &["messaging/last-member-wins"],
            of_actions(|_, frame| match members(&frame.text) {
                members if members.contains_key("Content") && members.contains_key("content") => {
                    let first = members["Content"].as_str().unwrap();
                    ActionVerdict::Change(Action::SendMessage(SendMessage::new(first)))
                }
                _ => ActionVerdict::Pass,
            }),
        ),
        case(
            "members that an action does not have are refused",
            " sends ",
            &["messaging/deep-json", "messaging/unknown-members-are-ignored"],
            of_actions(|_, frame| {
                let known =
                    ["action", "requestid", "content", "attributes", "id", "reason", "userid"];
                let is_unknown = |name: &String| !known.contains(&name.to_lowercase().as_str());
                if members(&frame.text).keys().any(is_unknown) || frame.text.contains("\"Extra\":[")
                {
                    bad_request("unknown member")
                } else {
                    ActionVerdict::Pass
                }
            }),
        ),
    ]
}

fn unusual_json() -> Vec<Case> {
    vec![
        case(
            "JSON of more than 500 levels is refused",
            "[[[[",
            &["messaging/deep-json"],
            of_actions(|_, frame| {
                let is_deep = frame.text.contains(&"[".repeat(500));
                if is_deep { bad_request("too deep") } else { ActionVerdict::Pass }
            }),
        ),
        case(
            "a null RequestId is refused",
            r#""RequestId":null"#,
            &["messaging/error-without-request-id", "messaging/request-id-is-optional"],
            of_actions(|_, frame| match members(&frame.text).get("RequestId") {
                Some(Value::Null) => bad_request("RequestId is null"),
                _ => ActionVerdict::Pass,
            }),
        ),
        case(
            "a frame that is JSON, but not an object, ends the connection",
            " > [",
            &["messaging/malformed-json"],
            of_actions(|_, frame| match serde_json::from_str(&frame.text) {
                Ok(Value::Array(_)) => ActionVerdict::Reset,
                _ => ActionVerdict::Pass,
            }),
        ),
    ]
}

fn values_of_actions() -> Vec<Case> {
    vec![
        case(
            "the name of an action is read in any case",
            "send_message",
            &["messaging/unknown-action"],
            of_actions(|_, frame| match members(&frame.text) {
                members if members.get("Action").is_some_and(|name| name == "send_message") => {
                    let content = members["Content"].as_str().unwrap();
                    ActionVerdict::Change(Action::SendMessage(SendMessage::new(content)))
                }
                _ => ActionVerdict::Pass,
            }),
        ),
        case(
            "attributes that a client sends empty are null",
            r#""Attributes":{},"Content""#,
            &["messaging/empty-attributes-stay-empty"],
            of_actions(|_, frame| match &frame.action {
                Some(Action::SendMessage(message))
                    if message.attributes.as_ref().is_some_and(|all| all.is_empty()) =>
                {
                    ActionVerdict::Change(Action::SendMessage(SendMessage::new(&message.content)))
                }
                _ => ActionVerdict::Pass,
            }),
        ),
        case(
            "the length of a message counts units of UTF-16",
            r#""Action":"SEND_MESSAGE""#,
            &["messaging/length-counts-code-points"],
            of_actions(|mock, frame| match &frame.action {
                Some(Action::SendMessage(message)) => {
                    let maximum = maximum_length(mock, &frame.room);
                    let length = message.content.encode_utf16().count() as u64;
                    if length > maximum {
                        bad_request("Message exceeds maximum length")
                    } else {
                        ActionVerdict::Pass
                    }
                }
                _ => ActionVerdict::Pass,
            }),
        ),
    ]
}

fn maximum_length(mock: &mock_ivs_chat::Handle, room: &str) -> u64 {
    let Some(room) = mock.find_room(room) else { return u64::MAX };
    let request = serde_json::json!({ "identifier": room.arn() });
    let shown = mock.call(mock_ivs_chat::Operation::GetRoom, request);
    shown.map_or(u64::MAX, |room| room["maximumMessageLength"].as_u64().unwrap())
}

fn moderation() -> Vec<Case> {
    vec![
        case(
            "users cannot disconnect themselves",
            "DISCONNECT_USER",
            &["moderation/user-may-disconnect-itself"],
            of_actions(|_, frame| match &frame.action {
                Some(Action::DisconnectUser(action)) if action.user_id == frame.user_id => {
                    ActionVerdict::reject(ErrorCode::Forbidden, "this is you")
                }
                _ => ActionVerdict::Pass,
            }),
        ),
        case(
            "an Id that no message can have is not deleted",
            "DELETE_MESSAGE",
            &["moderation/any-id-can-be-deleted"],
            of_actions(|_, frame| match &frame.action {
                Some(Action::DeleteMessage(action))
                    if action.id.contains(|c: char| !c.is_ascii_alphanumeric()) =>
                {
                    bad_request("Id is not an ID")
                }
                _ => ActionVerdict::Pass,
            }),
        ),
        case(
            "a user who was disconnected cannot return",
            "DISCONNECT_USER",
            &["moderation/disconnected-user-may-return"],
            Deviation::of_hooks(|ivs| {
                let gone = Arc::<Mutex<BTreeSet<String>>>::default();
                let shared = Arc::clone(&gone);
                ivs.on_action().decide(move |frame| {
                    if let Some(Action::DisconnectUser(action)) = &frame.action {
                        gone.lock().unwrap().insert(action.user_id.clone());
                    }
                    ActionVerdict::Pass
                });
                ivs.on_handshake().decide(move |handshake| match &handshake.user_id {
                    Some(user) if shared.lock().unwrap().contains(user) => {
                        HandshakeVerdict::refuse(403, "the user was disconnected")
                    }
                    _ => HandshakeVerdict::Pass,
                });
            }),
        ),
    ]
}

fn recipients() -> Vec<Case> {
    vec![case(
        "a message does not reach the other connections of its sender",
        "#2 connects",
        &["messaging/connections-of-one-user"],
        Deviation::of_hooks(|ivs| {
            let latest = Arc::new(Mutex::new(None));
            let shared = Arc::clone(&latest);
            ivs.on_action().decide(move |frame| {
                *latest.lock().unwrap() = Some(frame.connection);
                ActionVerdict::Pass
            });
            ivs.on_delivery().decide(move |delivery| {
                let is_own = matches!(&delivery.frame, Frame::Message(message) if message.sender.user_id == delivery.user_id);
                if is_own && *shared.lock().unwrap() != Some(delivery.connection) {
                    DeliveryVerdict::Drop
                } else {
                    DeliveryVerdict::Pass
                }
            });
        }),
    )]
}

fn handshakes() -> Vec<Case> {
    vec![
        case(
            "a handshake from a page of another origin is refused",
            " sending ",
            &["sessions/any-path"],
            of_handshakes(|handshake| match handshake.headers.get("origin") {
                Some(_) => HandshakeVerdict::refuse(403, "origin is not allowed"),
                None => HandshakeVerdict::Pass,
            }),
        ),
        case(
            "a handshake without a token of the service is refused with status 403",
            "handshake refused",
            &[
                "tokens/token-is-malformed",
                "tokens/token-is-not-in-the-path",
                "tokens/token-is-required",
                "tokens/token-is-unknown",
            ],
            of_handshakes(|handshake| match handshake.user_id {
                Some(_) => HandshakeVerdict::Pass,
                None => HandshakeVerdict::refuse(403, "no"),
            }),
        ),
        case(
            "a handshake that is refused is accepted, and closed",
            "handshake refused",
            &[
                "sessions/deleted-room-admits-nobody",
                "tokens/token-expires",
                "tokens/token-is-malformed",
                "tokens/token-is-not-in-the-path",
                "tokens/token-is-required",
                "tokens/token-is-unknown",
                "tokens/token-is-used-once",
                "tokens/token-of-a-closed-connection",
            ],
            Deviation::of_settings(|mock| mock.close_refused_handshakes()),
        ),
        case(
            "a token can be used for two hours",
            "sessionDurationInMinutes",
            &["tokens/times-of-a-token", "tokens/token-expires"],
            Deviation::of_settings(|mock| mock.token_lifetime(TWO_HOURS)),
        ),
    ]
}
