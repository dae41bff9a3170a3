//! Publish: the decoding of a frame from a client.

use crate::proto::action::{Action, ActionKind, DeleteMessage, DisconnectUser, SendMessage};
use crate::proto::members::Members;

/// A frame from a client as the service decodes it: its `RequestId`, and the action or the fault of
/// the frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Publish {
    pub(crate) request_id: String,
    pub(crate) action: Result<Action, String>,
}

impl Publish {
    /// Decodes a frame. This never fails, because an unreadable frame is an input to the service as
    /// well.
    pub(crate) fn decode(payload: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(payload) else {
            let action = Err("frame is neither text nor UTF-8".into());
            return Self { request_id: String::new(), action };
        };
        let members = Members::read(text);
        // The error carries the `RequestId` if it is readable, whatever else is wrong.
        let request_id = members.string("RequestId").unwrap_or_default();
        Self { request_id, action: decode_action(&members) }
    }

    /// Returns the byte of a frame at which its fault is, if the frame has a fault with a place.
    pub(crate) fn fault_at(payload: &[u8]) -> Option<usize> {
        let text = match std::str::from_utf8(payload) {
            Ok(text) => text,
            Err(error) => return Some(error.valid_up_to()),
        };
        let members = Members::read(text);
        // The value is a part of the text, so the distance of their starts is its place.
        let place = |value: &str| value.as_ptr() as usize - text.as_ptr() as usize;
        members.broken_at().or_else(|| faulty_value(&members).map(place))
    }
}

/// Returns the first value of a member that has the wrong type or is unknown.
fn faulty_value<'a>(members: &Members<'a>) -> Option<&'a str> {
    let wrong = |name: &&str| match *name {
        "Attributes" => members.no_attributes(name),
        _ => members.no_string(name),
    };
    if let Some(value) = ["RequestId", "Action"].iter().find_map(wrong) {
        return Some(value);
    }
    match ActionKind::of_name(&members.string("Action").ok()?) {
        Some(kind) => kind.members().iter().find_map(wrong),
        None => members.raw("Action"),
    }
}

/// Assumed: a frame that cannot be read is answered with code 400, with its `RequestId` if that can
/// be read, and the connection stays open.
fn decode_action(members: &Members<'_>) -> Result<Action, String> {
    if let Some(broken) = members.broken() {
        return Err(broken.into());
    }
    // Read once more for its fault, which `decode` has ignored.
    members.string("RequestId")?;
    let name = members.string("Action")?;
    // An empty name and an absent one are the same here.
    let Some(kind) = ActionKind::of_name(&name) else {
        let fault = if name.is_empty() { "Action is missing" } else { "unknown Action" };
        return Err(format!("{fault}; it must be {}", names_of_actions()));
    };
    Ok(match kind {
        ActionKind::SendMessage => Action::SendMessage(SendMessage {
            content: members.string("Content")?,
            attributes: members.attributes("Attributes")?,
        }),
        ActionKind::DeleteMessage => Action::DeleteMessage(DeleteMessage {
            id: members.string("Id")?,
            reason: members.string("Reason")?,
        }),
        ActionKind::DisconnectUser => Action::DisconnectUser(DisconnectUser {
            user_id: members.string("UserId")?,
            reason: members.string("Reason")?,
        }),
    })
}

/// Returns the names of all actions: "A, B or C".
fn names_of_actions() -> String {
    let names = ActionKind::ALL.map(ActionKind::name);
    let (last, others) = names.split_last().expect("there are actions");
    format!("{} or {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::proto::attributes::Attributes;
    use crate::proto::capability::Capability;

    fn read(frame: &str) -> Publish {
        Publish::decode(frame.as_bytes())
    }

    #[test]
    fn members_are_found_in_any_case_and_the_last_one_wins() {
        let publish = read(
            r#"{"action":"SEND_MESSAGE","CONTENT":"a","content":"b","requestId":"r1","Extra":[]}"#,
        );
        assert_eq!(publish.request_id, "r1");
        let sent = SendMessage { content: "b".into(), attributes: None };
        assert_eq!(publish.action, Ok(Action::SendMessage(sent)));
    }

    #[test]
    fn null_counts_as_absent() {
        let publish =
            read(r#"{"Action":"SEND_MESSAGE","RequestId":null,"Content":null,"Attributes":null}"#);
        assert_eq!(publish.request_id, "");
        let sent = SendMessage { content: String::new(), attributes: None };
        assert_eq!(publish.action, Ok(Action::SendMessage(sent)));
    }

    #[rstest]
    #[case::empty("", "", "invalid JSON at line 1, column 0")]
    #[case::no_json("hello", "", "invalid JSON at line 1, column 1")]
    #[case::no_object(r#"["Action"]"#, "", "JSON is not an object")]
    #[case::cut_off(
        r#"{"RequestId":"r1","Action":"SEND"#,
        "r1",
        "invalid JSON at line 1, column 32"
    )]
    #[case::trailing(r#"{"RequestId":"r1"} x"#, "r1", "invalid JSON at line 1, column 20")]
    #[case::no_action(
        r#"{"RequestId":"r1"}"#,
        "r1",
        "Action is missing; it must be SEND_MESSAGE, DELETE_MESSAGE or DISCONNECT_USER"
    )]
    #[case::unknown(
        r#"{"RequestId":"r1","Action":"send_message"}"#,
        "r1",
        "unknown Action; it must be SEND_MESSAGE, DELETE_MESSAGE or DISCONNECT_USER"
    )]
    #[case::action_type(
        r#"{"RequestId":"r1","Action":1}"#,
        "r1",
        "Action must be a string, not a number"
    )]
    #[case::request_id_type(
        r#"{"RequestId":{},"Action":"SEND_MESSAGE"}"#,
        "",
        "RequestId must be a string, not an object"
    )]
    #[case::content_type(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":[1]}"#,
        "r1",
        "Content must be a string, not an array"
    )]
    #[case::surrogate(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"\ud800"}"#,
        "r1",
        "Content contains a lone surrogate, which is not a character"
    )]
    #[case::attributes_type(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Attributes":true}"#,
        "r1",
        "Attributes must be an object, not a boolean"
    )]
    #[case::attribute_type(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Attributes":{"a":null}}"#,
        "r1",
        "Attributes.a must be a string, not null"
    )]
    fn a_fault_is_reported_with_the_request_id(
        #[case] frame: &str,
        #[case] request_id: &str,
        #[case] error: &str,
    ) {
        let publish = read(frame);
        assert_eq!(publish.request_id, request_id);
        assert_eq!(publish.action, Err(error.into()));
    }

    #[rstest]
    #[case::json(r#"{"Action":"SEND_MESSAGE" "Content":"a"}"#, Some("\"Content"))]
    #[case::second_line("{\"Action\":\n nul}", Some("}"))]
    #[case::end(r#"{"Action":"SEND"#, Some("D"))]
    #[case::unknown(r#"{"RequestId":"r1","Action":"SEND"}"#, Some("\"SEND"))]
    #[case::missing(r#"{"RequestId":"r1"}"#, None)]
    #[case::request_id(r#"{"RequestId":1}"#, Some("1}"))]
    #[case::content(r#"{"Action":"SEND_MESSAGE","Content":[1]}"#, Some("[1]"))]
    #[case::attribute(r#"{"Action":"SEND_MESSAGE","Attributes":{"a":null}}"#, Some("null"))]
    #[case::attributes(r#"{"Action":"SEND_MESSAGE","Attributes":true}"#, Some("true"))]
    #[case::reason(r#"{"Action":"DELETE_MESSAGE","Id":"a","Reason":{}}"#, Some("{}"))]
    #[case::no_object("[1]", None)]
    #[case::valid(r#"{"Action":"SEND_MESSAGE","Content":"a"}"#, None)]
    fn a_fault_has_a_place(#[case] frame: &str, #[case] rest: Option<&str>) {
        let at = Publish::fault_at(frame.as_bytes());
        let expected = rest.map(|rest| frame.rfind(rest).unwrap());
        assert_eq!(at, expected, "{:?}", at.map(|at| &frame[at..]));
    }

    #[test]
    fn nesting_thousands_deep_is_refused_without_recursion() {
        let deep = format!(
            r#"{{"RequestId":"r1","Action":"SEND_MESSAGE","X":{}1{}}}"#,
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        assert_eq!(read(&deep).request_id, "r1");
        assert_eq!(read(&deep).action, Err("JSON is nested more than 1000 levels deep".into()));
        assert_eq!(
            read(&"[".repeat(100_000)).action,
            Err("JSON is nested more than 1000 levels deep".into())
        );
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        assert_eq!(Publish::decode(b"\xff").action, Err("frame is neither text nor UTF-8".into()));
    }

    #[test]
    fn the_table_of_actions_agrees_with_their_frames() {
        for kind in ActionKind::ALL {
            let frame = format!(r#"{{"Action":"{kind}"}}"#);
            let action = read(&frame).action.unwrap();
            assert_eq!((action.kind(), action.name()), (kind, kind.name()));
            assert_eq!(action.capability(), kind.capability());
            assert_eq!(kind.capability().map(Capability::as_str), Some(kind.name()));
            assert_eq!(kind.members()[..2], ["Action", "RequestId"]);
            for (member, _) in action.string_members() {
                assert!(kind.members()[2..].contains(&member), "{kind} has no {member}");
            }
        }
    }

    #[test]
    fn every_member_of_a_frame_is_read() {
        let action = |members: &str| read(&format!("{{{members}}}")).action.unwrap();
        let sent = action(r#""Action":"SEND_MESSAGE","Content":"a","Attributes":{"b":"c"}"#);
        assert_eq!(sent.string_members(), [("Content", "a")]);
        assert_eq!(sent.attributes(), Some(&Attributes::from([("b", "c")])));
        let deletion = action(r#""Action":"DELETE_MESSAGE","Id":"a","Reason":"b""#);
        assert_eq!(deletion.string_members(), [("Id", "a"), ("Reason", "b")]);
        let disconnection = action(r#""Action":"DISCONNECT_USER","UserId":"a","Reason":"b""#);
        assert_eq!(disconnection.string_members(), [("UserId", "a"), ("Reason", "b")]);
        assert_eq!((deletion.attributes(), disconnection.attributes()), (None, None));
        assert_eq!(SendMessage::new("a").content, "a");
    }
}
