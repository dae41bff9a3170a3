//! Input that cannot be understood: it is answered with ERROR 400, and nothing ends.

use mock_ivs_chat::{ErrorCode, MockIvsChat};
use rstest::rstest;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{connect, frozen, full_token, unlimited};

const ACTIONS: &str = "it must be SEND_MESSAGE, DELETE_MESSAGE or DISCONNECT_USER";

#[rstest]
#[case::empty("", "", "invalid JSON at line 1, column 0")]
#[case::blank(" \n", "", "invalid JSON at line 2, column 0")]
#[case::words("hello", "", "invalid JSON at line 1, column 1")]
#[case::cut_off(r#"{"RequestId":"r1","Action":"SEND"#, "r1", "invalid JSON at line 1, column 32")]
#[case::two_objects(r#"{"RequestId":"r1"}{}"#, "r1", "invalid JSON at line 1, column 19")]
#[case::trailing_comma(r#"{"RequestId":"r1",}"#, "r1", "invalid JSON at line 1, column 19")]
#[case::single_quotes("{'Action':1}", "", "invalid JSON at line 1, column 2")]
#[case::control_character(
    "{\"RequestId\":\"r1\",\"X\":\"\n\"}",
    "r1",
    "invalid JSON at line 1, column 23"
)]
#[case::not_a_number(r#"{"RequestId":"r1","X":NaN}"#, "r1", "invalid JSON at line 1, column 23")]
#[case::array(r#"[{"RequestId":"r1"}]"#, "", "JSON is not an object")]
#[case::string(r#""SEND_MESSAGE""#, "", "JSON is not an object")]
#[case::number("1", "", "JSON is not an object")]
#[case::null("null", "", "JSON is not an object")]
#[case::empty_object("{}", "", "Action is missing; {actions}")]
#[case::no_action(r#"{"RequestId":"r1","Content":"hi"}"#, "r1", "Action is missing; {actions}")]
#[case::null_action(r#"{"RequestId":"r1","Action":null}"#, "r1", "Action is missing; {actions}")]
#[case::empty_action(r#"{"RequestId":"r1","Action":""}"#, "r1", "Action is missing; {actions}")]
#[case::unknown_action(
    r#"{"RequestId":"r1","Action":"BAN_USER"}"#,
    "r1",
    "unknown Action; {actions}"
)]
#[case::action_in_lower_case(
    r#"{"RequestId":"r1","Action":"send_message"}"#,
    "r1",
    "unknown Action; {actions}"
)]
#[case::action_is_a_number(
    r#"{"RequestId":"r1","Action":1}"#,
    "r1",
    "Action must be a string, not a number"
)]
#[case::request_id_is_a_number(
    r#"{"RequestId":7,"Action":"SEND_MESSAGE"}"#,
    "",
    "RequestId must be a string, not a number"
)]
#[case::content_is_an_object(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":{}}"#,
    "r1",
    "Content must be a string, not an object"
)]
#[case::content_is_a_boolean(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":true}"#,
    "r1",
    "Content must be a string, not a boolean"
)]
#[case::lone_surrogate(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"\udc00"}"#,
    "r1",
    "Content contains a lone surrogate, which is not a character"
)]
#[case::attributes_are_an_array(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"hi","Attributes":[]}"#,
    "r1",
    "Attributes must be an object, not an array"
)]
#[case::attributes_are_a_string(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"hi","Attributes":"{}"}"#,
    "r1",
    "Attributes must be an object, not a string"
)]
#[case::attribute_is_a_number(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"hi","Attributes":{"a":1}}"#,
    "r1",
    "Attributes.a must be a string, not a number"
)]
#[case::attribute_is_null(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"hi","Attributes":{"a":null}}"#,
    "r1",
    "Attributes.a must be a string, not null"
)]
#[case::attribute_is_a_surrogate(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"hi","Attributes":{"a":"\ud800"}}"#,
    "r1",
    "Attributes.a contains a lone surrogate, which is not a character"
)]
#[case::content_missing(
    r#"{"RequestId":"r1","Action":"SEND_MESSAGE"}"#,
    "r1",
    "Content is missing or empty"
)]
#[case::id_missing(
    r#"{"RequestId":"r1","Action":"DELETE_MESSAGE"}"#,
    "r1",
    "Id is missing or empty"
)]
#[case::id_is_a_number(
    r#"{"RequestId":"r1","Action":"DELETE_MESSAGE","Id":12}"#,
    "r1",
    "Id must be a string, not a number"
)]
#[case::user_id_missing(
    r#"{"RequestId":"r1","Action":"DISCONNECT_USER"}"#,
    "r1",
    "UserId is missing or empty"
)]
#[case::reason_is_an_array(
    r#"{"RequestId":"r1","Action":"DISCONNECT_USER","UserId":"bob","Reason":[]}"#,
    "r1",
    "Reason must be a string, not an array"
)]
#[tokio::test]
async fn an_invalid_frame_gets_an_error_that_names_the_defect(
    #[case] text: &str,
    #[case] request_id: &str,
    #[case] message: &str,
) {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    alice.send_text(text).await;
    let error = alice.next_frame().await;
    assert_eq!(error["ErrorMessage"], message.replace("{actions}", ACTIONS));
    assert_eq!((&error["Type"], &error["ErrorCode"]), (&json!("ERROR"), &json!(400)));
    assert_eq!(error["RequestId"], request_id);
    // The connection works as before.
    alice.echoes("still here").await;
}

#[rstest]
#[case::arrays("[", "]")]
#[case::objects(r#"{"a":"#, "}")]
#[tokio::test]
async fn nesting_thousands_deep_is_refused_and_the_connection_stays_open(
    #[case] open: &str,
    #[case] close: &str,
) {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    let nested = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    let within = format!(r#"{{"RequestId":"r1","Action":"SEND_MESSAGE","X":{nested}}}"#);
    for (text, request_id) in [(nested, ""), (open.repeat(20_000), ""), (within, "r1")] {
        alice.send_text(text).await;
        let error = alice.next_frame().await;
        assert_eq!(error["ErrorMessage"], "JSON is nested more than 1000 levels deep");
        assert_eq!((&error["ErrorCode"], &error["RequestId"]), (&json!(400), &json!(request_id)));
    }
    alice.echoes("still here").await;
}

#[rstest]
#[case::empty(b"", "invalid JSON at line 1, column 0")]
#[case::no_text(b"\xff\xfe\x00", "frame is neither text nor UTF-8")]
#[case::text_that_is_not_json(b"hello", "invalid JSON at line 1, column 1")]
#[tokio::test]
async fn a_binary_frame_that_is_not_json_is_refused(#[case] bytes: &[u8], #[case] message: &str) {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    alice.send_raw(Message::binary(bytes.to_vec())).await;
    let error = alice.next_frame().await;
    assert_eq!((&error["ErrorCode"], &error["ErrorMessage"]), (&json!(400), &json!(message)));
    alice.echoes("still here").await;
}

#[tokio::test]
async fn a_binary_frame_of_json_is_read_as_text() {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    let frame = br#"{"Action":"SEND_MESSAGE","Content":"bytes","RequestId":"r1"}"#;
    alice.send_raw(Message::binary(frame.to_vec())).await;
    let message = alice.next_frame().await;
    assert_eq!((&message["Content"], &message["RequestId"]), (&json!("bytes"), &json!("r1")));
}

#[tokio::test]
async fn errors_about_bad_input_go_to_its_sender_only() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let mut bob = connect(&ivs, full_token(&room, "bob")).await;
    for _ in 0..50 {
        alice.send_text("no JSON").await;
    }
    for _ in 0..50 {
        assert_eq!(alice.next_frame().await["ErrorCode"], 400);
    }
    alice.echoes("hello").await;
    assert_eq!(bob.next_frame().await["Content"], "hello");
}

#[test]
fn the_transcript_shows_what_was_wrong_with_each_frame() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_raw("{");
    alice.send_raw(r#"{"Action":"send_message","RequestId":"r1"}"#);
    alice.send_message("");
    assert_eq!(alice.received().len(), 3);
    alice.expect_error(ErrorCode::BadRequest).wait();
    insta::assert_snapshot!(ivs.log().user("alice"), @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    alice > {
      alice < {"Type":"ERROR","Id":"Error0000001","RequestId":"","ErrorCode":400,"ErrorMessage":"invalid JSON at line 1, column 1"}
    alice > {"Action":"send_message","RequestId":"r1"}
      alice < {"Type":"ERROR","Id":"Error0000002","RequestId":"r1","ErrorCode":400,"ErrorMessage":"unknown Action; it must be SEND_MESSAGE, DELETE_MESSAGE or DISCONNECT_USER"}
    alice > {"Action":"SEND_MESSAGE","RequestId":"alice-1","Content":""}
      alice < {"Type":"ERROR","Id":"Message00001","RequestId":"alice-1","ErrorCode":400,"ErrorMessage":"Content is missing or empty"}
    "#);
}
