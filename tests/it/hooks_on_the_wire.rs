//! Each fault that a hook can cause, seen at the client's socket.

use std::time::Duration;

use mock_ivs_chat::{
    CloseCode, ErrorCode, Exception, MockIvsChat, Operation, SendMessage, hook::Corruption,
    log::EntryKind,
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::raw::{BINARY, FINAL, RawClient, TEXT, frame, handshake};
use crate::support::{Client, connect, frozen, full_token, sdk, try_connect, unlimited};

async fn chat() -> (MockIvsChat, Client) {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let alice = connect(&ivs, &full_token(&room, "alice")).await;
    (ivs, alice)
}

async fn raw_chat() -> (MockIvsChat, RawClient) {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let alice = RawClient::connect(&ivs, &full_token(&room, "alice")).await;
    (ivs, alice)
}

fn hello() -> Value {
    json!({ "Action": "SEND_MESSAGE", "RequestId": "r1", "Content": "hello" })
}

#[rstest]
#[tokio::test]
async fn an_action_is_rejected_with_any_code(
    #[values(400, 401, 403, 404, 406, 413, 429, 500)] code: u16,
) {
    let (ivs, mut alice) = chat().await;
    let code = ErrorCode::try_from(code).unwrap();
    ivs.on_action().once().reject(code, "because");
    alice.send(hello()).await;
    let error = alice.next_frame().await;
    assert_eq!(error["ErrorCode"], code.code());
    assert_eq!((&error["ErrorMessage"], &error["RequestId"]), (&json!("because"), &json!("r1")));
    alice.echoes("and now").await;
}

#[tokio::test]
async fn an_action_is_ignored() {
    let (ivs, mut alice) = chat().await;
    let hook = ivs.on_action().containing("hello").ignore();
    alice.send(hello()).await;
    let frame = alice.echoes("the next").await;
    assert_eq!(frame["Id"], "Message00001", "nothing came of the first");
    assert_eq!(hook.hits(), 1);
}

#[tokio::test]
async fn a_hook_can_respond_to_an_action_with_any_text() {
    let (ivs, mut alice) = chat().await;
    ivs.on_action().respond("no frame at all");
    alice.send(hello()).await;
    assert_eq!(alice.next_raw().await.unwrap().unwrap(), Message::text("no frame at all"));
}

#[tokio::test]
async fn an_action_is_changed() {
    let (ivs, mut alice) = chat().await;
    ivs.on_action().change(mock_ivs_chat::Action::SendMessage(SendMessage::new("goodbye")));
    alice.send(hello()).await;
    let message = alice.next_frame().await;
    assert_eq!((&message["Content"], &message["RequestId"]), (&json!("goodbye"), &json!("r1")));
}

#[tokio::test]
async fn an_action_is_duplicated() {
    let (ivs, mut alice) = chat().await;
    ivs.on_action().duplicate();
    alice.send(hello()).await;
    let (first, second) = (alice.next_frame().await, alice.next_frame().await);
    assert_eq!((&first["Content"], &second["Content"]), (&json!("hello"), &json!("hello")));
    assert_ne!(first["Id"], second["Id"], "the service takes them for two messages");
}

#[tokio::test]
async fn an_action_is_overtaken_by_the_next() {
    let (ivs, mut alice) = chat().await;
    ivs.on_action().once().reorder();
    for content in ["one", "two"] {
        alice.send(json!({ "Action": "SEND_MESSAGE", "Content": content })).await;
    }
    assert_eq!(alice.next_frame().await["Content"], "two");
    assert_eq!(alice.next_frame().await["Content"], "one");
}

#[tokio::test]
async fn an_action_is_delayed_by_the_clock_of_the_mock() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    ivs.on_action().once().delay(Duration::from_secs(5));
    alice.send(hello()).await;
    ivs.log().wait_for(|entry| entry.kind() == EntryKind::HookFired).await;
    alice.echoes("overtakes").await;
    ivs.advance(Duration::from_secs(5));
    let message = alice.next_frame().await;
    assert_eq!(message["Content"], "hello");
    assert_eq!(message["SendTime"], "2026-01-01T00:00:05Z", "it reaches the service late");
}

#[tokio::test]
async fn an_action_is_delayed_by_real_time() {
    let (ivs, mut alice) = chat().await;
    ivs.on_action().delay_real_time(Duration::from_millis(1));
    alice.send(hello()).await;
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

#[rstest]
#[tokio::test]
async fn a_connection_is_closed_with_any_code(
    #[values(1000, 1001, 1008, 1011, 1012, 1013, 3000, 4999)] code: u16,
) {
    let (ivs, mut alice) = chat().await;
    ivs.on_action().disconnect_with_reason(CloseCode(code), "bye");
    alice.send(hello()).await;
    assert_eq!(alice.next_close().await, (code, "bye".to_owned()));
}

#[tokio::test]
async fn a_reset_connection_receives_a_rst() {
    let (ivs, mut alice) = raw_chat().await;
    ivs.on_action().reset();
    alice.write(frame(FINAL | TEXT, hello().to_string().as_bytes())).await;
    alice.reset().await;
}

#[tokio::test]
async fn a_connection_that_stalls_is_open_and_silent() {
    let (ivs, mut alice) = raw_chat().await;
    let bob = ivs.room("lobby").participant("bob");
    ivs.on_action().from("alice").stall();
    alice.write(frame(FINAL | TEXT, hello().to_string().as_bytes())).await;
    ivs.log().wait_for(|entry| entry.hook().is_some()).await;
    bob.send_message("are you there?");
    bob.expect_message("are you there?").await;
    // The frame never left, although the connection is still in the room; nor is the end of the
    // stream in sight. A ping, too, is neither read nor answered.
    alice.write(frame(FINAL | crate::raw::PING, b"ping")).await;
    let mut byte = [0];
    let read = alice.stream.try_read(&mut byte).map_err(|error| error.kind());
    assert_eq!(read, Err(std::io::ErrorKind::WouldBlock));
    let log = ivs.log().to_string();
    assert!(log.contains(r#"alice ~ withheld from a stalled connection by "hook 1""#), "{log}");
}

#[tokio::test]
async fn a_delivery_is_dropped() {
    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().to("alice").once().drop_frame();
    alice.send(hello()).await;
    assert_eq!(alice.echoes("the next").await["Id"], "Message00002");
}

#[tokio::test]
async fn a_delivery_is_duplicated_byte_for_byte() {
    let (ivs, mut alice) = raw_chat().await;
    ivs.on_delivery().nth(1).duplicate();
    alice.write(frame(FINAL | TEXT, hello().to_string().as_bytes())).await;
    assert_eq!(alice.next().await, alice.next().await);
}

#[tokio::test]
async fn a_delivery_is_overtaken_by_the_next() {
    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().once().reorder();
    for content in ["one", "two"] {
        alice.send(json!({ "Action": "SEND_MESSAGE", "Content": content })).await;
    }
    assert_eq!(
        alice.next_raw().await.unwrap().unwrap().to_text().unwrap().matches("two").count(),
        1
    );
    assert_eq!(
        alice.next_raw().await.unwrap().unwrap().to_text().unwrap().matches("one").count(),
        1
    );
}

#[tokio::test]
async fn a_delivery_is_replaced_by_any_text() {
    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().replace("{}");
    alice.send(hello()).await;
    assert_eq!(alice.next_raw().await.unwrap().unwrap(), Message::text("{}"));
}

#[tokio::test]
async fn a_delivery_closes_resets_or_stalls_its_connection() {
    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().disconnect_with_reason(CloseCode::INTERNAL_ERROR, "oops");
    alice.send(hello()).await;
    assert_eq!(alice.next_close().await, (1011, "oops".to_owned()));

    let (ivs, mut alice) = raw_chat().await;
    ivs.on_delivery().reset();
    alice.write(frame(FINAL | TEXT, hello().to_string().as_bytes())).await;
    alice.reset().await;

    let (ivs, mut alice) = raw_chat().await;
    ivs.on_delivery().stall();
    alice.write(frame(FINAL | TEXT, hello().to_string().as_bytes())).await;
    ivs.log().wait_for_n(2, |entry| entry.hook().is_some()).await;
    let read = alice.stream.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(read, Err(std::io::ErrorKind::WouldBlock));
}

#[rstest]
#[case::invalid_json(Corruption::InvalidJson, |text: &str| serde_json::from_str::<Value>(text).is_err())]
#[case::unknown_type(Corruption::UnknownType, |text: &str| text.starts_with(r#"{"Type":"NOTICE","Id":"#))]
#[case::missing_member(Corruption::MissingMember("Id".into()), |text: &str| !text.contains("\"Id\"") && text.contains("\"Sender\""))]
#[case::oversize(Corruption::Oversize(1 << 20), |text: &str| text.len() == 1 << 20 && serde_json::from_str::<Value>(text).is_ok())]
#[case::fragmented(Corruption::Fragmented(10), |text: &str| serde_json::from_str::<Value>(text).unwrap()["Content"] == "hello")]
#[tokio::test]
async fn a_corrupted_text_arrives(
    #[case] corruption: Corruption,
    #[case] is_as_said: fn(&str) -> bool,
) {
    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().once().corrupt(corruption);
    alice.send(hello()).await;
    let frame = alice.next_raw().await.unwrap().unwrap();
    assert!(is_as_said(frame.to_text().unwrap()), "{frame}");
    alice.echoes("and the connection works").await;
}

#[tokio::test]
async fn a_frame_arrives_as_binary_or_in_fragments() {
    let (ivs, mut alice) = raw_chat().await;
    ivs.on_delivery().once().corrupt(Corruption::Binary);
    alice.write(frame(FINAL | TEXT, hello().to_string().as_bytes())).await;
    assert_eq!(alice.next().await.0, FINAL | BINARY);

    ivs.on_delivery().once().corrupt(Corruption::Fragmented(100));
    alice.write(frame(FINAL | TEXT, hello().to_string().as_bytes())).await;
    let (first, content) = alice.next().await;
    assert_eq!((first, content.len()), (TEXT, 100));
    let (mut opcode, _) = alice.next().await;
    while opcode != FINAL {
        assert_eq!(opcode, 0, "a continuation");
        opcode = alice.next().await.0;
    }
}

#[tokio::test]
async fn frames_that_break_the_protocol_really_do() {
    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().corrupt(Corruption::InvalidUtf8);
    alice.send(hello()).await;
    assert!(matches!(alice.next_raw().await, Some(Err(Error::Utf8(_)))));

    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().corrupt(Corruption::ReservedBit);
    alice.send(hello()).await;
    let broken = alice.next_raw().await;
    let expected = Error::Protocol(ProtocolError::NonZeroReservedBits).to_string();
    assert_eq!(broken.unwrap().unwrap_err().to_string(), expected);

    let (ivs, mut alice) = chat().await;
    ivs.on_delivery().corrupt(Corruption::Truncated);
    alice.send(hello()).await;
    let broken = alice.next_raw().await;
    let expected = Error::Protocol(ProtocolError::ResetWithoutClosingHandshake).to_string();
    assert_eq!(broken.unwrap().unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn a_handshake_is_refused_and_the_token_stays_good() {
    let ivs = unlimited();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    let hook = ivs.on_handshake().times(2).refuse(503, "try later");
    for _ in 0..2 {
        match try_connect(&ivs, &token).await {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 503);
                assert_eq!(response.body().as_deref(), Some(&br#"{"message":"try later"}"#[..]));
            }
            other => panic!("the handshake was to be refused, not {other:?}"),
        }
    }
    connect(&ivs, &token).await.echoes("at last").await;
    assert_eq!(hook.hits(), 2);
}

#[tokio::test]
async fn a_handshake_succeeds_and_the_connection_is_closed_immediately() {
    let ivs = unlimited();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    let reason = r#"{"ErrorCode":401,"ErrorMessage":"token has expired"}"#;
    ivs.on_handshake().once().disconnect_with_reason(CloseCode::NORMAL, reason);
    let mut alice = connect(&ivs, &token).await;
    assert_eq!(alice.next_close().await, (1000, reason.to_owned()));
    connect(&ivs, &token).await.echoes("the token is still good").await;
}

#[tokio::test]
async fn a_handshake_is_reset_or_gets_no_response() {
    let ivs = unlimited();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    ivs.on_handshake().once().reset();
    let mut client = RawClient::open(&ivs).await;
    client.write(handshake(&token)).await;
    client.reset().await;

    ivs.on_handshake().once().never_respond();
    let mut client = RawClient::open(&ivs).await;
    client.write(handshake(&token)).await;
    ivs.log().wait_for(|entry| entry.hook() == Some("hook 2")).await;
    let read = client.stream.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(read, Err(std::io::ErrorKind::WouldBlock));
}

#[tokio::test]
async fn a_handshake_is_delayed() {
    let ivs = frozen();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    ivs.on_handshake().from("alice").delay(Duration::from_secs(3));
    let mut client = RawClient::open(&ivs).await;
    client.write(handshake(&token)).await;
    ivs.log().wait_for(|entry| entry.hook().is_some()).await;
    ivs.advance(Duration::from_secs(3));
    assert_eq!(client.response().await.status, 101);
}

#[tokio::test]
async fn a_limited_bandwidth_slows_the_connection() {
    let ivs = unlimited();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    ivs.on_handshake().limit_bandwidth(8 * 1024);
    let started = std::time::Instant::now();
    let mut alice = connect(&ivs, &token).await;
    alice.echoes("hello").await;
    // The answer to the handshake alone is more than 800 bytes, a tenth of a second's worth.
    assert!(started.elapsed() > Duration::from_millis(50), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_operation_fails_with_a_modelled_exception() {
    let ivs = unlimited();
    let sdk = sdk(&ivs);
    ivs.on_operation(Operation::CreateRoom).once().fail(Exception::access_denied("no"));
    let error = sdk.create_room().send().await.unwrap_err().into_service_error();
    assert!(error.is_access_denied_exception(), "{error:?}");
    sdk.create_room().send().await.unwrap();
}

#[tokio::test]
async fn an_operation_gets_any_status_an_empty_body_or_half_a_body() {
    let ivs = unlimited();
    let arn = ivs.create_room("lobby").arn().to_owned();
    let body = json!({ "identifier": arn }).to_string();
    let length = body.len();
    let request =
        format!("POST /GetRoom HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    let mut client = RawClient::open(&ivs).await;

    ivs.on_operation(Operation::GetRoom).once().respond(418, "short and stout");
    let response = client.request(&request).await;
    assert_eq!((response.status, response.body.as_str()), (418, "short and stout"));

    ivs.on_operation(Operation::GetRoom).once().empty_body();
    let response = client.request(&request).await;
    assert_eq!((response.status, response.body.as_str()), (200, ""));

    ivs.on_operation(Operation::GetRoom).once().truncated_body();
    let response = client.request(&request).await;
    assert!(serde_json::from_str::<Value>(&response.body).is_err() && !response.body.is_empty());

    let response = client.request(&request).await;
    assert!(serde_json::from_str::<Value>(&response.body).is_ok(), "and then it is as it was");
}

#[rstest]
#[case::head(|ivs: &MockIvsChat| ivs.on_any_operation().close_in_head(), 10, 10)]
#[case::body(|ivs: &MockIvsChat| ivs.on_any_operation().close_in_body(), 200, 900)]
#[tokio::test]
async fn a_response_is_closed_midway(
    #[case] install: fn(&MockIvsChat) -> mock_ivs_chat::Hook,
    #[case] at_least: usize,
    #[case] at_most: usize,
) {
    use tokio::io::AsyncReadExt;

    let ivs = unlimited();
    install(&ivs);
    let mut client = RawClient::open(&ivs).await;
    client.write("POST /CreateRoom HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await;
    let mut answer = Vec::new();
    client.stream.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8(answer).unwrap();
    assert!((at_least..=at_most).contains(&text.len()), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    assert!("HTTP/1.1 200 OK".starts_with(&head[..head.len().min(10)]), "{head}");
    assert_eq!(body.is_empty(), at_most == 10, "{text}");
    assert!(!body.ends_with('}'), "{body}");
    assert!(ivs.log().to_string().contains("CreateRoom"), "the operation was carried out");
}

#[tokio::test]
async fn an_operation_is_reset_or_delayed_or_gets_no_response() {
    let ivs = frozen();
    let request = "POST /CreateRoom HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    ivs.on_any_operation().once().reset();
    let mut client = RawClient::open(&ivs).await;
    client.write(request).await;
    client.reset().await;
    assert!(ivs.log().to_string().ends_with("  ~ reset by \"hook 1\"\n"), "it was not carried out");

    ivs.on_any_operation().once().never_respond();
    let mut client = RawClient::open(&ivs).await;
    client.write(request).await;
    ivs.log().wait_for(|entry| entry.hook() == Some("hook 2")).await;
    let read = client.stream.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(read, Err(std::io::ErrorKind::WouldBlock));

    ivs.on_any_operation().once().delay(Duration::from_secs(2));
    let mut client = RawClient::open(&ivs).await;
    client.write(request).await;
    ivs.log().wait_for(|entry| entry.hook() == Some("hook 3")).await;
    ivs.advance(Duration::from_secs(2));
    assert_eq!(client.response().await.status, 200);
}
