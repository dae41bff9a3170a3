//! Settling: when nothing that has reached the mock is under way any more.

use std::time::Duration;

use mock_ivs_chat::{
    ErrorCode, MockIvsChat, Quotas, ReviewResponse, hook::ActionVerdict, log::Matcher,
};
use serde_json::json;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::raw::{FINAL, HELLO, RawClient, TEXT, frame, handshake};
use crate::support::{connect, full_token, unlimited};

#[tokio::test]
async fn settling_waits_until_written_frames_are_processed() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, &full_token(&room, "alice")).await;
    let bob = room.participant("bob");
    for count in 1..=50 {
        alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
        ivs.settled().await;
        assert_eq!(bob.received().len(), count, "{}", ivs.log());
    }
}

#[tokio::test]
async fn settling_waits_for_a_handshake_and_the_frames_after_it() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    for count in 1..=20 {
        let mut bytes = handshake(full_token(&room, "alice")).into_bytes();
        bytes.extend(frame(FINAL | TEXT, HELLO.as_bytes()));
        let mut client = RawClient::open(&ivs).await;
        client.write(bytes).await;
        ivs.settled().await;
        assert_eq!(bob.received().len(), count, "{}", ivs.log());
    }
}

#[test]
fn it_settles_from_synchronous_code() {
    use std::io::Write;

    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    for count in 1..=20 {
        let mut bytes = handshake(full_token(&room, "alice")).into_bytes();
        bytes.extend(frame(FINAL | TEXT, HELLO.as_bytes()));
        let mut client = std::net::TcpStream::connect(ivs.addr()).unwrap();
        client.write_all(&bytes).unwrap();
        ivs.settled().wait();
        assert_eq!(bob.received().len(), count, "{}", ivs.log());
    }
}

#[tokio::test(start_paused = true)]
async fn connections_in_memory_settle_on_the_runtime_of_the_test() {
    use futures_util::SinkExt;

    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let stream = ivs.connect(full_token(&room, "alice")).await.unwrap();
    let mut alice = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    for count in 1..=20 {
        alice.send(Message::text(HELLO)).await.unwrap();
        ivs.settled().await;
        assert_eq!(bob.received().len(), count);
    }
}

#[tokio::test]
async fn that_nothing_more_happens_is_asserted_without_a_sleep() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let bob = room.participant("bob");
    ivs.on_delivery().to("bob").drop_frame();
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "lost" })).await;
    ivs.settled().await;
    bob.assert_no_message("lost");
    ivs.log().assert_none(Matcher::error(ErrorCode::BadRequest));
}

#[tokio::test]
async fn waiting_events_do_not_count_as_activity() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    ivs.on_delivery().delay(Duration::from_secs(60));
    let gate = ivs.on_action().containing("held").hold();
    alice.send_message("late");
    alice.send_message("held");
    room.review_with(|_| ReviewResponse::time_out());
    ivs.settled().await;
    assert_eq!((alice.received().len(), gate.waiting()), (0, 1));
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_delay_settling() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let _alice = RawClient::connect(&ivs, &full_token(&room, "alice")).await;
    let bob = room.participant("bob");
    for _ in 0..20_000 {
        bob.send_message("x".repeat(500));
    }
    ivs.settled().await;
    assert_eq!(bob.received().len(), 20_000);
}

#[test]
fn a_mock_that_has_ended_is_settled() {
    let ivs = unlimited();
    let handle = ivs.handle();
    drop(ivs);
    handle.settled().wait();
    smol::block_on(handle.settled());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_busy_mock_is_reported_with_its_last_entries() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(200)).start();
    let room = ivs.create_room("lobby");
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (enter, entered) = std::sync::mpsc::channel::<()>();
    ivs.on_action().named("at work").decide(move |_| {
        let _ = enter.send(());
        let _ = released.recv();
        ActionVerdict::Pass
    });
    let mut alice = RawClient::connect(&ivs, &full_token(&room, "alice")).await;
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    entered.recv().expect("the action arrives");
    let settling = std::panic::AssertUnwindSafe(|| ivs.settled().wait());
    let panic = std::panic::catch_unwind(settling).unwrap_err();
    drop(release);
    let text = panic.downcast_ref::<String>().expect("the panic has a text");
    let headline = "waited 200ms for the mock to settle, but it is still busy";
    assert!(text.contains(headline), "{text}");
    assert!(text.contains("tests/it/settling.rs:"), "{text}");
    assert!(text.contains("SEND_MESSAGE"), "{text}");
}
