//! Entries for fuzzing: bytes from a hostile client, and what must hold whatever they are.
//!
//! Each is a whole mock in memory, under a paused clock: it must not panic, must not hang, and must
//! go on serving others.

use std::time::Duration;

use mock_ivs_chat::{Capability, Clock, MockIvsChat, Quotas, Room};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Builder;

/// Bytes behind a handshake: WebSocket frames, whole or broken.
pub fn frame(bytes: &[u8]) {
    with_mock(async |ivs, room| {
        let token = room.chat_token("mallory").capabilities(Capability::ALL).create();
        let mut stream = ivs.connect(&token).await.expect("the token is good");
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    });
}

/// Bytes as the body of an operation.
pub fn http(bytes: &[u8]) {
    with_mock(async |ivs, _| {
        for operation in ["CreateRoom", "CreateChatToken", "SendEvent", "UpdateRoom"] {
            let length = bytes.len();
            let head = format!(
                "POST /{operation} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 Content-Length: {length}\r\n\r\n"
            );
            let answer = exchange(ivs, &[head.as_bytes(), bytes].concat()).await;
            assert!(answer.starts_with(b"HTTP/1.1 "), "a request got no answer");
        }
    });
}

/// Bytes as a chat token.
pub fn token(bytes: &[u8]) {
    with_mock(async |ivs, room| {
        let real = room.chat_token("alice").create();
        let head = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                    Sec-WebSocket-Protocol: ";
        let answer = exchange(ivs, &[head.as_bytes(), bytes, b"\r\n\r\n"].concat()).await;
        let is_let_in = answer.starts_with(b"HTTP/1.1 101");
        assert!(!is_let_in || bytes.starts_with(real.token.as_bytes()), "a forged token");
    });
}

/// Bytes of a connection from its first one on.
pub fn handshake(bytes: &[u8]) {
    with_mock(async |ivs, _| {
        exchange(ivs, bytes).await;
    });
}

fn with_mock(attack: impl AsyncFnOnce(&MockIvsChat, &Room)) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be had");
    runtime.block_on(async {
        let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
        let ivs =
            MockIvsChat::builder().clock(clock).quotas(Quotas::unlimited()).in_memory().start();
        let room = ivs.create_room("lobby");
        // The clock is paused: the limit is reached, and then at once, if everybody waits.
        let attacked = tokio::time::timeout(Duration::from_secs(3_600), attack(&ivs, &room)).await;
        assert!(attacked.is_ok(), "the mock hangs");
        let _ = (ivs.log().to_string(), format!("{:?}", ivs.log()));
        let bystander = ivs.create_room("attic").participant("bystander");
        bystander.send_message("still here");
        bystander.expect_message("still here").wait();
    });
}

async fn exchange(ivs: &MockIvsChat, bytes: &[u8]) -> Vec<u8> {
    let (mut client, server): (DuplexStream, DuplexStream) = tokio::io::duplex(1 << 20);
    ivs.serve_stream(server);
    let _ = client.write_all(bytes).await;
    let _ = client.shutdown().await;
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    answer
}
