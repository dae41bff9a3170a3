//! Slow and hostile peers: each has its limit, and nobody else notices.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::time::Duration;

use futures_util::SinkExt;
use mock_ivs_chat::{Handle, MockIvsChat, Quotas, Room, log::EntryKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::wire::{in_memory, message, over_tcp, pass, receive, say, token};

/// Everything that the mock answers to bytes, until it closes the connection.
async fn exchange(ivs: &Handle, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    // The mock may have had enough before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn expect_others_are_served(ivs: &Handle, room: &Room) {
    let mut other = over_tcp(ivs, &token(room, "other")).await;
    say(&mut other, "still here").await;
    while receive(&mut other).await["Content"] != "still here" {}
}

fn handshake(token: &str, more: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {token}\r\n{more}\r\n"
    )
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_with_1008_once_16_mib_wait_for_it() {
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    let room = ivs.create_room("lobby");
    let _deaf = over_tcp(&ivs, &token(&room, "deaf")).await;
    let dots = "x".repeat(4_000);
    let mark = ivs.log().mark();
    let is_closed = || !ivs.log().since(mark).kind(EntryKind::Closed).entries().is_empty();
    let mut events = 0;
    while !is_closed() {
        assert!(events < 10_000, "the queue has no limit");
        for _ in 0..250 {
            room.send_event("app:flood", [("x", dots.clone())]);
            events += 1;
        }
    }
    assert!(events > 4_000, "closed after only {events} events of 4 KB");
    let closed = ivs.log().kind(EntryKind::Closed).entries();
    assert_eq!(closed[0].to_string(), r#"deaf closed 1008 "the client does not read""#);
    expect_others_are_served(&ivs, &room).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_after_its_end_does_not_keep_its_stream_for_ever() {
    const EVENTS: usize = 3_000;
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    let room = ivs.create_room("lobby");
    let mut deaf = over_tcp(&ivs, &token(&room, "deaf")).await;
    let dots = "x".repeat(4_000);
    for _ in 0..EVENTS {
        room.send_event("app:flood", [("x", dots.clone())]);
    }
    // By now the mock has written what can be written.
    pass(Duration::from_secs(1)).await;
    room.disconnect_user("deaf", "bye");
    pass(Duration::from_secs(6)).await;
    let mut sent = Vec::new();
    let _ = deaf.get_mut().read_to_end(&mut sent).await;
    assert!(sent.len() < EVENTS * dots.len(), "all of it was sent after all");
    expect_others_are_served(&ivs, &room).await;
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_has_a_minute() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut slow = TcpStream::connect(ivs.addr()).await.unwrap();
    let start = Instant::now();
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: a-name-that-is-long-enough-for-more-than-a-minute\r\n\r\n";
    for byte in request {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        pass(Duration::from_secs(1)).await;
    }
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert!(start.elapsed() >= Duration::from_secs(60));
    let unserved = ivs.log().wait_for(|entry| entry.kind() == EntryKind::Unserved).await;
    let text = "a client does not finish the head of a request within 60 s";
    assert_eq!(unserved.to_string(), text);
    assert_eq!(ivs.log().kind(EntryKind::Request).entries().len(), 1);
    expect_others_are_served(&ivs, &room).await;
}

#[tokio::test]
async fn a_client_that_leaves_within_a_head_is_in_the_log_and_one_that_leaves_between_is_not() {
    let request = "POST /ListRooms HTTP/1.1\r\nHost: x\r\n\r\n";
    let unfinished_body = "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{";
    let second = format!("{request}POST");
    let cases = [("", 0), (request, 0), (unfinished_body, 0), (&request[..30], 1), (&second, 1)];
    for (bytes, expected) in cases {
        let ivs = MockIvsChat::start();
        let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        ivs.settled().await;
        let unserved = ivs.log().kind(EntryKind::Unserved).entries();
        assert_eq!(unserved.len(), expected, "{bytes:?}: {}", ivs.log());
        for entry in unserved {
            let text = "a client ends the connection within the head of a request";
            assert_eq!(entry.to_string(), text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_never_finished_costs_its_connection_only() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut stuck = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n").await.unwrap();
        stuck.push(stream);
    }
    expect_others_are_served(&ivs, &room).await;
    pass(Duration::from_secs(61)).await;
    for mut stream in stuck {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
}

#[tokio::test]
async fn a_client_that_ignores_a_close_frame_is_disconnected_after_five_seconds() {
    tokio::time::pause();
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = token(&room, "mute");
    let mut mute = TcpStream::connect(ivs.addr()).await.unwrap();
    mute.write_all(handshake(&token.token, "").as_bytes()).await.unwrap();
    read_head(&mut mute).await;
    room.disconnect_user("mute", "out");
    let mut rest = Vec::new();
    mute.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"out"));
    pass(Duration::from_secs(6)).await;
    while mute.write_all(b"x").await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_flood_of_frames_does_not_starve_other_clients() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let other_room = ivs.create_room("attic");
    let mut flood = over_tcp(&ivs, &token(&room, "flood")).await;
    for number in 0..20_000 {
        flood.feed(message("x", &number.to_string())).await.unwrap();
    }
    let flooding = tokio::spawn(async move { flood.flush().await });
    expect_others_are_served(&ivs, &other_room).await;
    flooding.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_flood_of_connections_is_served_one_after_another() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(ivs.addr()).await.unwrap());
    }
    expect_others_are_served(&ivs, &room).await;
}

#[tokio::test]
async fn compression_that_is_offered_is_declined() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = token(&room, "alice");
    let mut alice = TcpStream::connect(ivs.addr()).await.unwrap();
    let extension = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    alice.write_all(handshake(&token.token, extension).as_bytes()).await.unwrap();
    let head = read_head(&mut alice).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    // A frame that is compressed all the same has a bit set that nothing was agreed on for.
    alice.write_all(&[0xc1, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    let mut answer = Vec::new();
    alice.read_to_end(&mut answer).await.unwrap();
    assert_eq!(&answer[2..4], &1002_u16.to_be_bytes());
}

#[tokio::test]
async fn responses_to_pipelined_requests_are_in_order() {
    let ivs = MockIvsChat::start();
    ivs.create_room("lobby");
    let first = "POST /ListRooms HTTP/1.1\r\nHost: x\r\n\r\n";
    let second = "POST /Nothing HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "POST /ListRooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(&ivs, [first, second, last].concat().as_bytes()).await;
    let statuses: Vec<_> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "403", "200"]);
}

#[tokio::test]
async fn frames_in_the_same_write_as_the_handshake_are_read() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = token(&room, "alice");
    let mut bytes = handshake(&token.token, "").into_bytes();
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'{', b'}']);
    let mut alice = TcpStream::connect(ivs.addr()).await.unwrap();
    alice.write_all(&bytes).await.unwrap();
    ivs.log().user("alice").wait_for(|entry| entry.text() == Some("{}")).await;
}

#[tokio::test]
async fn requests_that_two_readers_could_split_differently_do_one_thing_at_most() {
    let ivs = MockIvsChat::start();
    let smuggled = "POST /CreateRoom HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let shapes = [
        // Two lengths that differ.
        "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n",
        // A length that is none.
        "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n",
        "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n\r\n",
        // A coding that is not known to end anywhere.
        "POST /ListRooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, x\r\n\r\n",
        // A chunk whose size is none.
        "POST /ListRooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        // A name that ends with a space, and a line that goes on.
        "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n",
        "POST /ListRooms HTTP/1.1\r\nHost: x\r\nA: b\r\n Content-Length: 0\r\n\r\n",
        // No HTTP at all.
        "\0\0\0\0",
        "POST  /ListRooms HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    for shape in shapes {
        let answer = exchange(&ivs, format!("{shape}{smuggled}").as_bytes()).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{shape:?}: {answer}");
    }
    // A length beside chunks does not count, and what follows the chunks is a request of its own.
    let both = "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\
                Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = exchange(&ivs, both.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
}

#[tokio::test]
async fn heads_and_bodies_have_a_largest_size() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let long = "x".repeat(512 * 1024);
    let answer =
        exchange(&ivs, format!("POST /ListRooms HTTP/1.1\r\nLong: {long}\r\n\r\n").as_bytes())
            .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many: String = (0..2_000).map(|number| format!("H{number}: x\r\n")).collect();
    let answer = exchange(&ivs, format!("POST /ListRooms HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let body = "x".repeat(2 * 1024 * 1024);
    let head = format!(
        "POST /CreateRoom HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(&ivs, format!("{head}{body}").as_bytes()).await;
    let log = ivs.log().to_string();
    assert!(log.contains("RequestEntityTooLargeException"), "{log}");
    expect_others_are_served(&ivs, &room).await;
}

#[tokio::test]
async fn a_client_that_closes_its_side_early_still_gets_its_response() {
    let ivs = MockIvsChat::start();
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    stream
        .write_all(b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_flood_in_memory_waits_for_its_turn_too() {
    let ivs = MockIvsChat::builder().in_memory().on_current_runtime().start();
    let room = ivs.create_room("lobby");
    let mut flood = in_memory(&ivs, &token(&room, "flood")).await;
    let flooding = tokio::spawn(async move {
        for number in 0..5_000 {
            flood.send(message("x", &number.to_string())).await.unwrap();
        }
    });
    let mut other = in_memory(&ivs, &token(&ivs.create_room("attic"), "other")).await;
    say(&mut other, "hello").await;
    assert_eq!(receive(&mut other).await["Content"], "hello");
    assert!(!flooding.is_finished());
    flooding.await.unwrap();
}

#[test]
fn the_mock_listens_on_loopback_alone() {
    assert!(MockIvsChat::start().addr().ip().is_loopback());
}
