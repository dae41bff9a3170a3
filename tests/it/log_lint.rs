//! The lint: each of its codes, and that well-behaved clients have no findings.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::SinkExt;
use mock_ivs_chat::{
    Capability, ChatToken, Clock, MockIvsChat, Participant, Quota, Quotas,
    log::{Finding, Lint, Matcher},
};
use rstest::rstest;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::{ClientRequestBuilder, IntoClientRequest};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::raw::{FINAL, HELLO, RawClient, TEXT, frame};
use crate::support::full_token;

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(ivs: &MockIvsChat, token: &str) -> Result<Client, Error> {
    let uri = ivs.ws_url().parse().expect("a URL");
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(token);
    Ok(connect_async(request.into_client_request()?).await?.0)
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.lint.code()).collect()
}

/// The findings about a frame from a user with one capability, in a room with short messages.
fn findings_about(frame: &str) -> Vec<Finding> {
    let ivs = MockIvsChat::start();
    let room = ivs.new_room("lobby").maximum_message_length(10).create();
    let alice = room.chat_token("alice").capability(Capability::SendMessage).join();
    alice.send_raw(frame);
    ivs.lint()
}

#[rstest]
#[case::blameless(r#"{"Action":"SEND_MESSAGE","RequestId":"r","Content":"123456789"}"#, &[])]
#[case::near(
    r#"{"Action":"SEND_MESSAGE","RequestId":"r","Content":"ééééééééé1"}"#,
    &["content-near-limit"]
)]
#[case::over(
    r#"{"Action":"SEND_MESSAGE","RequestId":"r","Content":"12345678901"}"#,
    &["content-over-limit"]
)]
#[case::no_request_id(r#"{"Action":"SEND_MESSAGE","Content":"hi"}"#, &["request-id-missing"])]
#[case::case(
    r#"{"Action":"SEND_MESSAGE","requestId":"r","CONTENT":"hi"}"#,
    &["member-case", "member-case"]
)]
#[case::unknown(
    r#"{"Action":"SEND_MESSAGE","RequestId":"r","Content":"hi","Reason":"x"}"#,
    &["member-unknown"]
)]
#[case::capability(
    r#"{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"Message00001"}"#,
    &["capability-missing"]
)]
#[case::no_json("hello", &["frame-unreadable"])]
#[case::unknown_action(r#"{"Action":"SHOUT","RequestId":"r"}"#, &["frame-unreadable"])]
fn a_frame_is_checked(#[case] frame: &str, #[case] expected: &[&str]) {
    assert_eq!(codes(&findings_about(frame)), expected);
}

#[rstest]
#[case(921, &[])]
#[case(922, &["attributes-near-limit"])]
#[case(1024, &["attributes-near-limit"])]
#[case(1025, &["attributes-over-limit"])]
fn attributes_are_measured(#[case] bytes: usize, #[case] expected: &[&str]) {
    let ivs = MockIvsChat::start();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_message_with("hi", [("key", "x".repeat(bytes - 3))]);
    assert_eq!(codes(&ivs.lint()), expected);
}

#[test]
fn requests_beyond_a_quota_are_found() {
    let quotas = Quotas::aws().with(Quota::MessagingRequestsPerConnection, 1);
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_message("one");
    alice.send_message("two");
    assert_eq!(codes(&ivs.lint()), ["rate-exceeded"]);
}

#[tokio::test]
async fn tokens_are_checked_and_the_same_finding_is_in_its_view_only() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let ChatToken { token, .. } = room.chat_token("alice").create();
    let late = room.chat_token("late").session_duration_in_minutes(1).create();
    let _alice = connect(&ivs, &token).await.expect("a fresh token");
    assert_eq!(ivs.lint(), []);
    connect(&ivs, &token).await.expect_err("a used token");
    connect(&ivs, "AQICAHjunk!#0").await.expect_err("an unknown token");
    connect(&ivs, "junk").await.expect_err("no token at all");
    ivs.advance(Duration::from_secs(61));
    let mark = ivs.log().mark();
    connect(&ivs, &late.token).await.expect_err("an expired token");
    let all = ["token-reused", "token-invalid", "token-invalid", "token-expired"];
    assert_eq!(codes(&ivs.lint()), all);
    assert_eq!(codes(&ivs.log().since(mark).lint()), ["token-expired"]);
    let text = ivs.lint().iter().map(ToString::to_string).collect::<String>();
    assert!(!text.contains(&token) && !text.contains(&late.token), "{text}");
}

#[tokio::test]
async fn a_clock_that_stands_still_measures_no_pauses() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).start();
    let ChatToken { token, .. } = ivs.create_room("lobby").chat_token("alice").create();
    let _client = connect(&ivs, &token).await.expect("a fresh token");
    for _ in 0..4 {
        connect(&ivs, &token).await.expect_err("a used token");
    }
    assert!(!codes(&ivs.lint()).contains(&"reconnect-without-backoff"));
}

#[tokio::test(start_paused = true)]
async fn pauses_are_measured_on_a_clock_that_clients_follow() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let ChatToken { token, .. } = room.chat_token("alice").create();
    let mut client = connect(&ivs, &token).await.expect("a fresh token");
    client.close(None).await.expect("it is open");
    for _ in 0..3 {
        connect(&ivs, &token).await.expect_err("a used token");
    }
    let hasty = Lint::ReconnectWithoutBackoff;
    assert_eq!(ivs.lint().iter().filter(|finding| finding.lint == hasty).count(), 1);
    let mark = ivs.log().mark();
    tokio::time::advance(Duration::from_millis(100)).await;
    connect(&ivs, &token).await.expect_err("a used token");
    assert_eq!(codes(&ivs.log().since(mark).lint()), ["token-reused"]);
}

#[test]
fn a_request_id_that_is_in_flight_must_not_be_used_again() {
    let ivs = MockIvsChat::start();
    let alice = ivs.create_room("lobby").participant("alice");
    let hello = r#"{"Action":"SEND_MESSAGE","RequestId":"r","Content":"hi"}"#;
    let gate = ivs.on_action().hold();
    alice.send_raw(hello);
    assert_eq!(ivs.lint(), []);
    alice.send_raw(hello);
    assert_eq!(codes(&ivs.lint()), ["request-id-in-flight"]);
    gate.release();
    let mark = ivs.log().mark();
    alice.send_raw(hello);
    assert_eq!(ivs.log().since(mark).lint(), [], "it was answered meanwhile");
}

#[tokio::test]
async fn a_broken_protocol_is_found() {
    let ivs = MockIvsChat::start();
    let ChatToken { token, .. } = ivs.create_room("lobby").chat_token("alice").create();
    let mut client = connect(&ivs, &token).await.expect("a fresh token");
    let junk = Frame::message(vec![0xff], OpCode::Data(Data::Text), true);
    client.send(Message::Frame(junk)).await.expect("it is open");
    ivs.log().expect(Matcher::close().to("alice")).await;
    assert_eq!(codes(&ivs.lint()), ["protocol-broken"]);
}

#[rstest]
#[case::that_may_have_crossed_the_close(Duration::from_millis(999), &[])]
#[case::that_cannot_have(Duration::from_secs(1), &["traffic-after-close"])]
#[tokio::test]
async fn a_frame_after_the_close(#[case] pause: Duration, #[case] expected: &[&str]) {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    room.disconnect_user("alice", "rude");
    ivs.advance(pause);
    let mark = ivs.log().mark();
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    ivs.log().since(mark).wait_for(|entry| entry.user_id() == Some("alice")).await;
    assert_eq!(codes(&ivs.lint()), expected);
}

#[test]
#[should_panic(expected = "request-id-missing at #5, alice")]
fn a_denied_finding_fails_the_test_at_its_end() {
    let ivs = MockIvsChat::builder().deny([Lint::RequestIdMissing]).start();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_raw(r#"{"Action":"SEND_MESSAGE","Content":"hi"}"#);
}

#[test]
#[should_panic(expected = "the test's own failure")]
fn a_denied_finding_does_not_hide_another_failure() {
    let ivs = MockIvsChat::builder().deny(Lint::ALL).start();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_raw("no JSON");
    panic!("the test's own failure");
}

#[rstest]
#[case::bullet_chat(r#"{"action":"SEND_MESSAGE","content":"hi","attributes":{"type":"bullet"}}"#)]
#[case::deletion(r#"{"action":"DELETE_MESSAGE","id":"Message00001","reason":"spam"}"#)]
#[case::disconnection(r#"{"ACTION":"DISCONNECT_USER","userID":"bob"}"#)]
fn a_client_that_writes_as_the_samples_of_aws_do_is_not_denied_by_default(#[case] frame: &str) {
    let ivs = MockIvsChat::builder().deny(Lint::ALL).start();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_raw(frame);
    let findings: BTreeSet<_> = ivs.lint().into_iter().map(|finding| finding.lint).collect();
    assert_eq!(findings, BTreeSet::from(Lint::PEDANTIC), "they are findings nevertheless");
    ivs.verify();
}

#[test]
fn every_rule_is_a_fault_or_pedantic() {
    let codes = |lints: &[Lint]| lints.iter().map(|lint| lint.code()).collect::<Vec<_>>();
    assert!(codes(&Lint::ALL).is_sorted() && codes(&Lint::PEDANTIC).is_sorted());
    assert!(Lint::PEDANTIC.iter().all(|lint| !Lint::ALL.contains(lint)));
}

#[test]
fn a_finding_that_is_not_denied_is_only_recorded() {
    let ivs = MockIvsChat::builder().deny([Lint::TokenReused]).start();
    let alice: Participant = ivs.create_room("lobby").participant("alice");
    alice.send_raw("no JSON");
    assert_eq!(codes(&ivs.lint()), ["frame-unreadable"]);
}
