//! Connections in memory: the same bytes and the same log as over TCP, on any runtime.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::SinkExt;
use mock_ivs_chat::{Clock, Handle, MockIvsChat};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_tungstenite::WebSocketStream;

use crate::wire::{end, in_memory, over_tcp, receive, say, shake_hands, token};

fn frozen() -> Clock {
    Clock::frozen_at("2026-01-01T00:00:00Z")
}

/// Two clients chat and leave; returns what they received.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    ivs: &Handle,
    mut alice: WebSocketStream<S>,
    mut bob: WebSocketStream<S>,
) -> Vec<Value> {
    let mut received = Vec::new();
    for content in ["hello", "", "a much longer message, with ünïcode"] {
        say(&mut alice, content).await;
        received.push(receive(&mut alice).await);
        if !content.is_empty() {
            received.push(receive(&mut bob).await);
        }
    }
    alice.close(None).await.unwrap();
    assert!(end(&mut alice).await.is_none());
    let is_left = |entry: &mock_ivs_chat::log::Entry| entry.to_string().starts_with("alice closes");
    ivs.log().wait_for(is_left).await;
    received
}

#[tokio::test]
async fn a_connection_in_memory_sees_and_logs_the_same_as_one_over_tcp() {
    let tcp = MockIvsChat::builder().clock(frozen()).start();
    let room = tcp.create_room("lobby");
    let alice = over_tcp(&tcp, &token(&room, "alice")).await;
    let bob = over_tcp(&tcp, &token(&room, "bob")).await;
    let over_tcp = converse(&tcp, alice, bob).await;

    let memory = MockIvsChat::builder().clock(frozen()).in_memory().on_current_runtime().start();
    let room = memory.create_room("lobby");
    let alice = in_memory(&memory, &token(&room, "alice")).await;
    let bob = in_memory(&memory, &token(&room, "bob")).await;
    assert_eq!(converse(&memory, alice, bob).await, over_tcp);

    let ends_before_bob_does = |ivs: &Handle| {
        let log = ivs.log().to_string();
        log.split_inclusive('\n').filter(|line| !line.starts_with("bob is")).collect::<String>()
    };
    assert_eq!(ends_before_bob_does(&memory), ends_before_bob_does(&tcp));
}

#[tokio::test]
async fn a_stream_that_the_test_brings_can_be_upgraded() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (client, server) = tokio::io::duplex(256);
    ivs.serve_stream(server);
    let mut alice = shake_hands(client, &token(&room, "alice")).await.unwrap();
    say(&mut alice, "hello").await;
    assert_eq!(receive(&mut alice).await["Content"], "hello");
}

#[tokio::test]
async fn http_is_served_in_memory_and_kept_alive() {
    let ivs = MockIvsChat::start();
    let (mut client, server) = tokio::io::duplex(64);
    ivs.serve_stream(server);
    for _ in 0..3 {
        client.write_all(b"POST /ListRooms HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(br#"{"rooms":[]}"#) {
            answer.push(client.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn a_refused_handshake_is_a_value_with_status_and_message() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = token(&room, "alice");
    let _alice = ivs.connect(&token).await.unwrap();
    let error = ivs.connect(&token).await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert!(error.to_string().starts_with("the handshake was refused with 401: chat token"));
    ivs.stop();
    let error = ivs.connect(&token).await.unwrap_err();
    assert_eq!(error.to_string(), "the handshake failed: the mock has stopped");
}

#[test]
fn a_runtime_that_drives_no_io_is_enough() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let ivs = MockIvsChat::builder().in_memory().on_current_runtime().start();
        let room = ivs.create_room("lobby");
        let mut alice = in_memory(&ivs, &token(&room, "alice")).await;
        say(&mut alice, "hello").await;
        assert_eq!(receive(&mut alice).await["Content"], "hello");
        ivs.restart();
        assert!(end(&mut alice).await.is_none());
    });
}

#[test]
fn a_client_on_another_executor_is_served_by_the_mocks_own_thread() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    smol::block_on(async {
        let mut alice = in_memory(&ivs, &token(&room, "alice")).await;
        say(&mut alice, "hello").await;
        assert_eq!(receive(&mut alice).await["Content"], "hello");
        ivs.disconnect_all();
        assert!(end(&mut alice).await.is_none());
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_a_multi_threaded_runtime_connect_concurrently() {
    let ivs = MockIvsChat::builder().on_current_runtime().start();
    let room = ivs.create_room("lobby");
    let clients = (0..100).map(|number| {
        let (handle, token) = (ivs.handle(), token(&room, &format!("user-{number}")));
        tokio::spawn(async move {
            let mut client = in_memory(&handle, &token).await;
            client.send("no JSON".into()).await.unwrap();
            while receive(&mut client).await["Type"] != "ERROR" {}
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_frame_that_does_not_fit_into_the_pipe_gets_through_in_pieces() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (client, server) = tokio::io::duplex(16);
    ivs.serve_stream(server);
    let mut alice = shake_hands(client, &token(&room, "alice")).await.unwrap();
    let content = "x".repeat(500);
    say(&mut alice, &content).await;
    assert_eq!(receive(&mut alice).await["Content"], content);
}

/// A stream that does not keep what it promises.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        panic!("the stream broke")
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("the stream broke")
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[rstest::rstest]
#[case::that_blocks(|ivs: &Handle| drop(ivs.log().wait_for(|_| false).wait()))]
#[case::that_is_async(|ivs: &Handle| drop(smol::block_on(ivs.log().wait_for(|_| false))))]
fn a_test_stream_that_panics_fails_a_wait_immediately(#[case] wait: fn(&Handle)) {
    // Nobody waits for that long.
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_secs(3_600)).start();
    let handle = ivs.handle();
    let waiting = std::thread::spawn(move || wait(&handle));
    ivs.serve_stream(Broken);
    let panic = waiting.join().unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("a task that serves a client panicked: the stream broke"), "{text}");
    let panics = ivs.finish().wait().unwrap_err().panics().to_vec();
    assert_eq!(panics.len(), 1, "{panics:?}");
}
