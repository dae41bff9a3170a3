//! Pings that the mock sends, and clients that are silent for too long.

use std::time::Duration;

use mock_ivs_chat::{
    Clock, MockIvsChat, MockIvsChatBuilder, Timestamp,
    log::{EntryKind, Lint, Matcher},
};
use tokio::time::timeout;

use crate::raw::{CLOSE, FINAL, HELLO, PING, PONG, RawClient, TEXT, close_payload, frame};
use crate::support::{full_token, snapshot};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn frozen() -> MockIvsChatBuilder {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z"))
}

async fn answer(ivs: &MockIvsChat, client: &mut RawClient) {
    let mark = ivs.log().mark();
    client.write(frame(FINAL | PONG, b"")).await;
    ivs.log().since(mark).wait_for(|entry| entry.user_id().is_some()).await;
}

#[tokio::test]
async fn pings_come_at_their_times_and_to_clients_alone() {
    let ivs = frozen().ping_interval(HALF_A_MINUTE).start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    ivs.advance(Duration::from_secs(29));
    bob.send_message("not yet");
    alice.next_frame().await;
    ivs.advance(Duration::from_secs(1));
    assert_eq!(alice.next().await, (FINAL | PING, Vec::new()));
    answer(&ivs, &mut alice).await;
    ivs.advance(HALF_A_MINUTE);
    assert_eq!(alice.next().await.0, FINAL | PING);
    answer(&ivs, &mut alice).await;
    assert_eq!(ivs.lint(), []);
    snapshot!(ivs.log());
}

#[tokio::test]
async fn pings_end_with_the_clock() {
    let clock = Clock::frozen_at("2554-07-21T23:34:00Z");
    let ivs = MockIvsChat::builder().clock(clock).ping_interval(HALF_A_MINUTE).start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    let left = Timestamp::MAX.since(ivs.now());
    let advanced = ivs.clone();
    let advance = tokio::task::spawn_blocking(move || advanced.advance(left));
    timeout(HALF_A_MINUTE, advance).await.expect("the clock stands at its end").unwrap();
    assert_eq!((alice.next().await.0, ivs.now()), (FINAL | PING, Timestamp::MAX));
    assert_eq!(ivs.log().matching(Matcher::ping()).count(), 1);
}

#[tokio::test]
async fn a_ping_without_a_pong_is_found_once_the_next_ping_is_sent() {
    let ivs = frozen().ping_interval(HALF_A_MINUTE).start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    ivs.advance(HALF_A_MINUTE);
    assert_eq!(ivs.lint(), [], "the answer may be on its way");
    // Any other frame is not a pong.
    alice
        .write(frame(FINAL | TEXT, br#"{"Action":"SEND_MESSAGE","RequestId":"1","Content":"hi"}"#))
        .await;
    ivs.log().expect(Matcher::message().to("alice")).await;
    // While the clock is moved over several, nobody has time to answer but the first.
    ivs.advance(3 * HALF_A_MINUTE);
    let findings = ivs.lint();
    assert_eq!(
        findings.iter().map(|finding| finding.lint).collect::<Vec<_>>(),
        [Lint::PingUnanswered]
    );
    snapshot!(findings[0].to_string());
}

#[tokio::test]
async fn no_ping_follows_a_connection_that_has_ended() {
    let ivs = frozen().ping_interval(HALF_A_MINUTE).idle_timeout(2 * HALF_A_MINUTE).start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    alice.write(frame(FINAL | CLOSE, &close_payload(1000, b""))).await;
    alice.next_close().await;
    alice.end().await;
    ivs.log().kind(EntryKind::Closed).wait_for(|_| true).await;
    let mark = ivs.log().mark();
    ivs.advance(10 * HALF_A_MINUTE);
    assert_eq!(ivs.log().since(mark).entries().len(), 1, "{}", ivs.log());
}

#[tokio::test]
async fn a_silent_client_is_closed_and_one_that_sends_pongs_is_not() {
    let ivs = frozen().ping_interval(HALF_A_MINUTE).idle_timeout(HALF_A_MINUTE * 3 / 2).start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    let mut silent = RawClient::connect(&ivs, full_token(&room, "silent")).await;
    ivs.advance(HALF_A_MINUTE);
    assert_eq!(alice.next().await.0, FINAL | PING);
    answer(&ivs, &mut alice).await;
    ivs.advance(HALF_A_MINUTE / 2);
    assert_eq!(silent.next().await.0, FINAL | PING);
    assert_eq!(silent.next_close().await, (1001, "connection is idle".to_owned()));
    ivs.advance(HALF_A_MINUTE / 2);
    assert_eq!(alice.next().await.0, FINAL | PING);
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    alice.next_frame().await;
}

#[tokio::test]
async fn any_frame_of_the_client_counts_against_idleness() {
    let ivs = frozen().idle_timeout(HALF_A_MINUTE).start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    for payload in [FINAL | PING, FINAL | PONG, FINAL | TEXT] {
        ivs.advance(Duration::from_secs(29));
        let mark = ivs.log().mark();
        alice.write(frame(payload, HELLO.as_bytes())).await;
        ivs.log().since(mark).wait_for(|entry| entry.user_id() == Some("alice")).await;
    }
    // Frames from others do not count, because this client may be gone.
    ivs.advance(Duration::from_secs(29));
    bob.send_message("still there?");
    ivs.advance(Duration::from_secs(1));
    ivs.log().expect(Matcher::close().to("alice")).await;
    assert!(bob.is_connected(), "a participant is never idle");
}

#[test]
#[should_panic(expected = "`ping_interval` must not be zero")]
fn an_interval_of_nothing_is_refused() {
    let _ = MockIvsChat::builder().ping_interval(Duration::ZERO);
}
