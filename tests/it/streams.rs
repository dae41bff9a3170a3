//! Streams that call the mock, clients that give up, and acknowledgements that come in time.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures_util::SinkExt;
use mock_ivs_chat::{CloseCode, Gate, Handle, MockIvsChat, Operation, log::EntryKind};
use rstest::rstest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::frozen;
use crate::wire::{end, message, receive, say, shake_hands, token};

/// Fails a test that would otherwise hang.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs a test on two workers, and fails if it hangs.
fn on_two_workers(test: impl Future<Output = ()> + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let testing = thread::spawn(move || {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { tokio::spawn(test).await.unwrap() });
        done.send(()).unwrap();
        // A runtime with a deadlocked worker would never end.
        runtime.shutdown_background();
    });
    match is_done.recv_timeout(WATCHDOG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
        _ => testing.join().unwrap(),
    }
}

/// A stream that does something to the mock in each of its polls.
struct Calling<F> {
    stream: DuplexStream,
    call: F,
}

impl<F: FnMut() + Send + Unpin> AsyncRead for Calling<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        (self.call)();
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<F: FnMut() + Send + Unpin> AsyncWrite for Calling<F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        (self.call)();
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Serves a stream that calls the mock.
fn serve_calling(ivs: &Handle, call: impl FnMut() + Send + Unpin + 'static) -> DuplexStream {
    let (client, stream) = tokio::io::duplex(1024);
    ivs.serve_stream(Calling { stream, call });
    client
}

#[test]
fn a_stream_may_read_the_mock_in_its_polls_while_another_client_chats() {
    on_two_workers(async {
        let ivs = MockIvsChat::builder().quotas(mock_ivs_chat::Quotas::unlimited());
        let ivs = ivs.on_current_runtime().start();
        let room = ivs.create_room("lobby");
        let handle = ivs.handle();
        let client = serve_calling(&ivs, move || {
            let _ = (handle.now(), handle.log().entries());
        });
        let mut alice = shake_hands(client, &token(&room, "alice")).await.unwrap();
        let bob = room.participant("bob");
        let chatting = tokio::spawn(async move {
            for _ in 0..300 {
                bob.send_message("hello");
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..50 {
            say(&mut alice, "hello").await;
            let _ = receive(&mut alice).await;
        }
        ivs.settled().await;
        drop(alice);
        chatting.await.unwrap();
        ivs.settled().await;
    });
}

#[test]
fn a_stream_may_disconnect_itself_in_its_own_poll() {
    on_two_workers(async {
        let ivs = MockIvsChat::builder().on_current_runtime().start();
        let room = ivs.create_room("lobby");
        for round in 0..20 {
            let handle = ivs.handle();
            let client = serve_calling(&ivs, move || {
                let _ = handle.now();
                if handle.log().kind(EntryKind::FrameReceived).entries().len() > round {
                    handle.disconnect_all();
                }
            });
            let mut alice = shake_hands(client, &token(&room, "alice")).await.unwrap();
            alice.send(message("hello", "")).await.unwrap();
            assert!(end(&mut alice).await.is_none());
            ivs.settled().await;
        }
    });
}

#[test]
fn a_stream_may_restart_the_mock_in_its_own_poll() {
    on_two_workers(async {
        let ivs = MockIvsChat::builder().on_current_runtime().start();
        let room = ivs.create_room("lobby");
        let handle = ivs.handle();
        let mut polls = 0;
        let client = serve_calling(&ivs, move || {
            polls += 1;
            if polls == 6 {
                handle.restart();
            }
        });
        if let Ok(mut alice) = shake_hands(client, &token(&room, "alice")).await {
            while alice.send(message("hello", "")).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
        ivs.settled().await;
        assert!(ivs.log().to_string().contains("outage: restart"));
    });
}

#[test]
fn a_stream_that_blocks_in_its_poll_does_not_block_the_mock() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let ivs = MockIvsChat::start();
        let (enters, has_entered) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let mut has_blocked = false;
        let _client = serve_calling(&ivs, move || {
            if !std::mem::replace(&mut has_blocked, true) {
                enters.send(()).unwrap();
                let _ = is_released.recv();
            }
        });
        has_entered.recv().unwrap();
        let bob = ivs.create_room("lobby").participant("bob");
        bob.send_message("hello");
        ivs.disconnect_all();
        ivs.restart();
        drop(release);
        drop(ivs);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(WATCHDOG).expect("the mock is blocked");
}

async fn upgrade_request(ivs: &Handle, room: &mock_ivs_chat::Room) -> TcpStream {
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    let token = token(room, "alice");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {}\r\n\r\n",
        token.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_handshake_without_a_response_is_logged() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    ivs.on_handshake().never_respond();
    let stream = upgrade_request(&ivs, &room).await;
    ivs.log().kind(EntryKind::HookFired).wait_for(|_| true).await;
    drop(stream);
    let entry = ivs.log().kind(EntryKind::GaveUp).wait_for(|_| true).await;
    assert_eq!(entry.to_string(), "alice gives up on the handshake");
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_held_handshake_is_noticed_and_keeps_its_token() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let gate = ivs.on_handshake().once().hold();
    let stream = upgrade_request(&ivs, &room).await;
    gate.reached().await;
    drop(stream);
    ivs.log().kind(EntryKind::GaveUp).wait_for(|_| true).await;
    gate.release();
    ivs.settled().await;
    assert!(ivs.log().kind(EntryKind::Connected).entries().is_empty());
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_call_is_noticed() {
    let ivs = MockIvsChat::start();
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    ivs.on_operation(Operation::ListRooms).once().never_respond();
    let _gate = ivs.on_operation(Operation::ListRooms).hold();
    for count in 1..=2 {
        let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
        stream.write_all(request).await.unwrap();
        ivs.log().kind(EntryKind::HookFired).wait_for_n(count, |_| true).await;
        drop(stream);
        let seen = ivs.log().kind(EntryKind::GaveUp).wait_for_n(count, |_| true).await;
        assert_eq!(seen[count - 1].to_string(), "a client gives up on ListRooms");
    }
}

/// A call of `ListRooms` that a gate holds.
async fn held_call(ivs: &MockIvsChat) -> (TcpStream, Gate) {
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    let gate = ivs.on_operation(Operation::ListRooms).hold();
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    stream.write_all(request).await.unwrap();
    gate.reached().await;
    (stream, gate)
}

const UNDELIVERED: &str =
    "http ~ 200 not delivered to the client of ListRooms: the connection has ended";

#[tokio::test]
async fn a_response_that_is_released_after_the_client_has_left_is_not_logged_as_sent() {
    let ivs = MockIvsChat::start();
    let (stream, gate) = held_call(&ivs).await;
    drop(stream);
    ivs.log().kind(EntryKind::GaveUp).wait_for(|_| true).await;
    gate.release();
    let undelivered = ivs.log().kind(EntryKind::Undelivered).entries();
    assert_eq!(undelivered[0].to_string(), UNDELIVERED);
    assert_eq!(undelivered[0].operation(), Some(Operation::ListRooms));
    assert!(ivs.log().kind(EntryKind::Response).entries().is_empty());
    let timeline = ivs.log().timeline();
    assert!(timeline.contains("~ 200 not delivered\n"), "{timeline}");
}

#[tokio::test]
async fn a_response_that_is_released_after_the_end_of_the_mock_is_not_logged_as_sent() {
    let ends: [fn(&MockIvsChat); 3] = [
        |ivs| ivs.stop(),
        |ivs| ivs.restart(),
        |ivs| {
            drop(ivs.outage());
        },
    ];
    for end in ends {
        let ivs = MockIvsChat::start();
        let (_stream, gate) = held_call(&ivs).await;
        end(&ivs);
        gate.release();
        let texts: Vec<_> = ivs.log().into_iter().map(|entry| entry.to_string()).collect();
        assert!(texts.iter().any(|text| text.trim() == UNDELIVERED), "{texts:#?}");
        assert!(ivs.log().kind(EntryKind::Response).entries().is_empty());
    }
}

#[tokio::test]
async fn a_response_that_is_delayed_beyond_the_end_of_the_mock_is_not_logged_as_sent() {
    let ivs = frozen();
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    ivs.on_operation(Operation::ListRooms).delay(Duration::from_secs(1));
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    stream.write_all(request).await.unwrap();
    ivs.log().kind(EntryKind::HookFired).wait_for(|_| true).await;
    ivs.stop();
    ivs.advance(Duration::from_secs(2));
    assert_eq!(ivs.log().kind(EntryKind::Undelivered).entries()[0].to_string(), UNDELIVERED);
    assert!(ivs.log().kind(EntryKind::Response).entries().is_empty());
}

#[tokio::test]
async fn a_handshake_that_is_released_after_the_end_of_the_mock_connects_nobody() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let gate = ivs.on_handshake().once().hold();
    let _stream = upgrade_request(&ivs, &room).await;
    gate.reached().await;
    ivs.stop();
    gate.release();
    assert!(ivs.log().kind(EntryKind::Connected).entries().is_empty());
    let cut_off = ivs.log().kind(EntryKind::Unserved).entries();
    assert_eq!(cut_off.len(), 1, "{}", ivs.log());
    assert_eq!(cut_off[0].to_string(), "a client is cut off before the response to its handshake");
}

#[tokio::test]
async fn bytes_that_arrive_while_a_handshake_is_held_are_not_lost() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let gate = ivs.on_handshake().hold();
    let mut stream = upgrade_request(&ivs, &room).await;
    gate.reached().await;
    // A client that does not wait for the response: a masked text frame with an empty mask.
    let text = br#"{"Action":"SEND_MESSAGE","Content":"early"}"#;
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text);
    stream.write_all(&frame).await.unwrap();
    ivs.settled().await;
    gate.release();
    ivs.log()
        .kind(EntryKind::FrameSent)
        .wait_for(|entry| entry.to_string().contains("early"))
        .await;
}

#[tokio::test]
async fn a_client_that_closes_its_side_after_a_call_gets_the_response() {
    let ivs = MockIvsChat::start();
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
}

/// Clients leave `TCP_NODELAY` off, so each frame waits for the acknowledgement of the one before.
#[tokio::test]
async fn a_client_without_nodelay_gets_every_frame_to_the_mock_immediately() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    ivs.on_action().ignore();
    for round in 0..20 {
        let token = token(&room, &format!("user-{round}"));
        let mut request = ivs.ws_url().into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", token.token.parse().unwrap());
        let (mut client, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let before = ivs.log().kind(EntryKind::FrameReceived).entries().len();
        for count in 1..=4 {
            client.send(message("hello", "")).await.unwrap();
            ivs.settled().await;
            let received = ivs.log().kind(EntryKind::FrameReceived).entries().len() - before;
            assert_eq!(received, count, "in round {round}");
        }
    }
}

/// A stream that calls the mock when it is dropped.
struct CallsInDrop {
    stream: DuplexStream,
    ivs: Handle,
    dropped: mpsc::Sender<()>,
}

impl AsyncRead for CallsInDrop {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CallsInDrop {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        let _ = self.ivs.now();
        self.ivs.create_room("left");
        // The test may be over.
        let _ = self.dropped.send(());
    }
}

/// Serves a stream that calls the mock when it is dropped, and sends it a handshake.
async fn serve_calling_in_drop(ivs: &Handle, token: &str) -> (DuplexStream, mpsc::Receiver<()>) {
    let (mut client, stream) = tokio::io::duplex(4_096);
    let (dropped, is_dropped) = mpsc::channel();
    ivs.serve_stream(CallsInDrop { stream, ivs: ivs.clone(), dropped });
    let request = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: {token}\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    (client, is_dropped)
}

#[rstest]
#[case::abandoned(|ivs: &Handle| drop(ivs.on_handshake().hold()))]
#[case::refused(|ivs: &Handle| drop(ivs.on_handshake().refuse(503, "no")))]
#[case::reset(|ivs: &Handle| drop(ivs.on_handshake().reset()))]
#[case::without_response(|ivs: &Handle| drop(ivs.on_handshake().never_respond()))]
#[case::accepted_and_closed(|ivs: &Handle| drop(ivs.on_handshake().disconnect(CloseCode::GOING_AWAY)))]
#[case::accepted(|_: &Handle| ())]
fn a_stream_may_call_the_mock_when_it_is_dropped(#[case] arrange: fn(&Handle)) {
    on_two_workers(async move {
        let ivs = MockIvsChat::start();
        arrange(&ivs);
        let token = token(&ivs.create_room("lobby"), "alice").token;
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = ivs.handle();
        // The end of its runtime drops the task that serves the stream, in the midst of whatever.
        let is_dropped = thread::spawn(move || {
            let is_dropped = runtime.block_on(async {
                let mark = handle.log().mark();
                let (client, is_dropped) = serve_calling_in_drop(&handle, &token).await;
                let _ = handle.log().since(mark).wait_for(|_| true).await;
                drop(client);
                is_dropped
            });
            drop(runtime);
            is_dropped
        });
        let is_dropped = is_dropped.join().unwrap();
        ivs.create_room("other");
        is_dropped.recv_timeout(WATCHDOG).unwrap();
    });
}
