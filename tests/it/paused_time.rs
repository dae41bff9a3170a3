//! Paused time: no real time passes, and no timer fires early.

use std::time::Duration;

use futures_util::StreamExt;
use mock_ivs_chat::{Clock, MockIvsChat};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::wire::{end, in_memory, over_tcp, pass, receive, say, token};

const MINUTE: Duration = Duration::from_secs(60);
/// Tokio's timers count whole milliseconds.
const TICK: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn start_runs_on_the_tests_runtime_and_follows_its_clock() {
    let ivs = MockIvsChat::start();
    let start = ivs.now();
    tokio::time::advance(90 * MINUTE).await;
    assert_eq!(ivs.now(), start + 90 * MINUTE);
    assert_eq!(start.to_string(), "2026-01-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_in_memory_takes_no_time_at_all() {
    let ivs = MockIvsChat::start();
    let room = ivs.new_room("lobby").maximum_message_rate_per_second(100).create();
    let start = Instant::now();
    for round in 0..100 {
        let mut client = in_memory(&ivs, &token(&room, &format!("user-{round}"))).await;
        for content in ["a", "b"] {
            tokio::time::advance(Duration::from_millis(10)).await;
            say(&mut client, content).await;
            let echo = timeout(Duration::from_millis(1), receive(&mut client)).await;
            assert_eq!(echo.expect("a timer fired early")["Content"], content);
        }
    }
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn over_tcp_no_timer_fires_early_either() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    for round in 0..100 {
        let session = async {
            let mut client = over_tcp(&ivs, &token(&room, &format!("user-{round}"))).await;
            say(&mut client, "hello").await;
            receive(&mut client).await
        };
        let echo = timeout(30 * MINUTE, session).await;
        assert_eq!(echo.expect("a timer fired early")["Content"], "hello");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_it_is_over_and_not_before() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").session_duration_in_minutes(3).create();
    let mut alice = in_memory(&ivs, &token).await;
    let start = Instant::now();
    assert!(timeout(3 * MINUTE - TICK, alice.next()).await.is_err());
    assert_eq!(receive(&mut alice).await["ErrorCode"], 401);
    assert!((3 * MINUTE..=3 * MINUTE + TICK).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(end(&mut alice).await.unwrap().code, 1000.into());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_advanced_ends_a_session_by_so_much_earlier() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = in_memory(&ivs, &room.chat_token("alice").create()).await;
    let start = Instant::now();
    assert!(timeout(10 * MINUTE, alice.next()).await.is_err());
    ivs.advance(30 * MINUTE);
    assert_eq!(receive(&mut alice).await["ErrorCode"], 401);
    let elapsed = start.elapsed();
    assert!((30 * MINUTE..=30 * MINUTE + 2 * TICK).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn the_mock_has_no_timers_of_its_own_for_a_stream_in_memory() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (mut http, server) = tokio::io::duplex(1024);
    ivs.serve_stream(server);
    http.write_all(b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        .await
        .unwrap();
    // This one is closed by the service, and takes its time to notice.
    let mut slow = in_memory(&ivs, &token(&room, "slow")).await;
    room.disconnect_user("slow", "");
    pass(24 * 60 * MINUTE).await;
    assert_eq!(end(&mut slow).await.unwrap().code, 1000.into());
    http.write_all(b"}").await.unwrap();
    let mut status = [0; 12];
    http.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_clock_stands_still_while_tokios_moves() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).start();
    let room = ivs.create_room("lobby");
    let mut alice = in_memory(&ivs, &token(&room, "alice")).await;
    assert!(timeout(300 * MINUTE, alice.next()).await.is_err());
    ivs.advance(60 * MINUTE);
    assert_eq!(receive(&mut alice).await["ErrorCode"], 401);
}

#[test]
fn a_mock_that_started_elsewhere_is_exact_in_memory_too() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut alice = in_memory(&ivs, &token(&room, "alice")).await;
        for content in ["a", "b", "c"] {
            say(&mut alice, content).await;
            let echo = timeout(TICK, receive(&mut alice)).await;
            assert_eq!(echo.expect("a timer fired early")["Content"], content);
        }
    });
}
