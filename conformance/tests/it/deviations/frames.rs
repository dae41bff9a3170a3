//! Frames: deviations in the content of what the service sends.

use mock_ivs_chat::Frame;
use serde_json::Value;

use super::support::of_frames;
use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    [json(), messages_and_events(), errors()].into_iter().flatten().collect()
}

fn json() -> Vec<Case> {
    vec![
        case(
            "`<`, `>` and `&` are escaped in frames, as in JSON of Go",
            r#""Type":""#,
            &["messaging/escapes-of-frames"],
            of_frames(|_, text| {
                let escapes = [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")];
                Some(
                    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)),
                )
            }),
        ),
        case(
            "the keys of attributes of a message are in reverse order",
            r#""Type":"MESSAGE""#,
            &["messaging/keys-are-sorted"],
            of_frames(|frame, text| {
                let Frame::Message(message) = frame else { return None };
                let attributes = message.attributes.as_ref()?;
                let sorted = serde_json::to_string(attributes).unwrap();
                let mut pairs: Vec<_> = attributes.iter().collect();
                pairs.reverse();
                let pairs = pairs.iter().map(|(key, value)| {
                    format!("{}:{}", Value::from(key.as_str()), Value::from(value.as_str()))
                });
                let reversed = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
                Some(text.replacen(&sorted, &reversed, 1))
            }),
        ),
        case(
            "attributes of an event that are empty are null",
            r#""Type":"EVENT""#,
            &["messaging/event-without-attributes"],
            of_frames(|frame, text| {
                let Frame::Event(_) = frame else { return None };
                Some(text.replace("\"Attributes\":{}", "\"Attributes\":null"))
            }),
        ),
    ]
}

fn messages_and_events() -> Vec<Case> {
    vec![
        case(
            "a sender has no attributes",
            r#""Type":"MESSAGE""#,
            &[
                "control-plane/every-member-of-a-token",
                "messaging/connections-of-one-user",
                "messaging/members-of-a-message",
                "messaging/sender-attributes-come-from-the-token",
            ],
            of_frames(|frame, _| {
                let Frame::Message(message) = frame else { return None };
                let mut message = message.clone();
                message.sender.attributes = mock_ivs_chat::Attributes::new();
                Some(serde_json::to_string(&Frame::Message(message)).unwrap())
            }),
        ),
        case(
            "the error for a frame that is not JSON has an empty RequestId",
            r#""Type":"ERROR""#,
            &["messaging/request-id-of-a-malformed-frame"],
            of_frames(|frame, _| {
                let Frame::Error(error) = frame else { return None };
                let mut error = error.clone();
                if error.error_message.starts_with("invalid JSON") {
                    error.request_id.clear();
                }
                Some(serde_json::to_string(&Frame::Error(error)).unwrap())
            }),
        ),
        case(
            "SendTime of an event has no decimals",
            r#""SendTime""#,
            &["time/send-time"],
            of_frames(|frame, text| {
                let Frame::Event(_) = frame else { return None };
                let (start, rest) = text.split_once("\"SendTime\":\"")?;
                let (time, rest) = rest.split_once("Z\"")?;
                let seconds = time.split('.').next()?;
                Some(format!("{start}\"SendTime\":\"{seconds}Z\"{rest}"))
            }),
        ),
        case(
            "the reason of a disconnection is cut in the event as in the close frame",
            "aws:DISCONNECT_USER",
            &["moderation/long-reason-is-cut-in-the-close-frame"],
            of_frames(|frame, _| {
                let Frame::Event(event) = frame else { return None };
                let mut event = event.clone();
                let reason = event.attributes.as_ref()?.get("Reason")?.clone();
                if event.event_name == mock_ivs_chat::ChatEvent::DISCONNECT_USER {
                    let end = (0..=reason.len().min(123)).rev();
                    let end = end.into_iter().find(|end| reason.is_char_boundary(*end))?;
                    event.attributes.as_mut()?.insert("Reason", &reason[..end]);
                }
                Some(serde_json::to_string(&Frame::Event(event)).unwrap())
            }),
        ),
    ]
}

fn errors() -> Vec<Case> {
    vec![
        case(
            "an error for a missing capability DISCONNECT_USER has the code 401",
            r#""ErrorCode":403"#,
            &["moderation/disconnection-needs-its-capability"],
            of_frames(|_, text| {
                let is_about = text.contains("lacks the capability DISCONNECT_USER");
                is_about.then(|| text.replace("\"ErrorCode\":403", "\"ErrorCode\":401"))
            }),
        ),
        case(
            "an error for attributes that are too large has the code 400",
            r#""ErrorCode":413"#,
            &["messaging/attributes-have-a-limit", "messaging/texts-of-errors"],
            of_frames(|_, text| Some(text.replace("\"ErrorCode\":413", "\"ErrorCode\":400"))),
        ),
        case(
            "a denied message has an error with the code 403",
            r#""ErrorCode":406"#,
            &[
                "reviews/denial-needs-no-content",
                "reviews/denied-message",
                "reviews/fallback-can-deny",
                "reviews/handler-can-be-removed",
                "reviews/malformed-responses",
                "reviews/returned-attributes-have-a-limit",
                "reviews/returned-content-has-the-rooms-limit",
                "reviews/time-out-can-deny",
            ],
            of_frames(|_, text| Some(text.replace("\"ErrorCode\":406", "\"ErrorCode\":403"))),
        ),
    ]
}
