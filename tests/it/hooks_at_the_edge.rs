//! Hooks at the edges: at the start and end of connections, mocks and hooks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mock_ivs_chat::{
    ErrorCode, Exception, Frame, MockIvsChat, Operation, ReviewResponse,
    hook::{ActionVerdict, Corruption, DeliveryVerdict},
    log::EntryKind,
};
use serde_json::json;

use crate::raw::{FINAL, HELLO, RawClient, TEXT, frame};
use crate::support::{assert_refused, connect, frozen, full_token, sdk, unlimited};

#[test]
fn closures_that_hold_on_to_the_mock_are_dropped_without_a_deadlock() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (bob, carol) = (room.participant("bob"), room.participant("carol"));
    let hook = ivs.on_action().decide(move |_| {
        assert!(bob.is_connected());
        ActionVerdict::Pass
    });
    room.review_with(move |_| {
        assert!(carol.is_connected());
        ReviewResponse::allow()
    });
    let guard = ivs.on_delivery().once().drop_frame().scoped();
    let nested = ivs.on_action().named("guarding").decide(move |_| {
        assert_eq!(guard.hits(), 0);
        ActionVerdict::Pass
    });
    hook.remove();
    room.review_with(|_| ReviewResponse::allow());
    nested.remove();
    let log = ivs.log().to_string();
    assert!(log.contains("bob closes 1000") && log.contains("carol closes 1000"), "{log}");
}

#[test]
fn a_mock_that_ends_drops_its_closures() {
    for is_finished in [false, true] {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let ivs = unlimited();
        let (handle, kept) = (ivs.handle(), sender.clone());
        ivs.on_action().named("holding on").decide(move |_| {
            drop((handle.log(), kept.clone()));
            ActionVerdict::Pass
        });
        ivs.create_room("lobby").review_with(move |_| {
            drop(sender.clone());
            ReviewResponse::allow()
        });
        if is_finished {
            drop(ivs.finish());
        } else {
            drop(ivs);
        }
        assert_eq!(receiver.iter().count(), 0, "all senders are gone");
    }
}

#[test]
fn a_hook_that_is_removed_by_its_own_closure_has_still_fired() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let (sender, receiver) = std::sync::mpsc::channel::<mock_ivs_chat::Hook>();
    let hook = ivs.on_action().expect(1..=1).decide(move |_| {
        receiver.recv().expect("the test sends it").remove();
        ActionVerdict::Ignore
    });
    sender.send(hook.clone()).unwrap();
    alice.send_message("hello");
    assert_eq!(hook.hits(), 1);
    ivs.verify();
}

#[test]
fn a_closure_can_wait_for_the_log() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let handle = ivs.handle();
    ivs.on_action().from("alice").decide(move |_| {
        handle.log().user("bob").wait_for(|entry| entry.message().is_some()).wait();
        ActionVerdict::Pass
    });
    std::thread::scope(|scope| {
        scope.spawn(|| alice.send_message("after you"));
        ivs.log().wait_for(|entry| entry.kind() == EntryKind::FrameReceived).wait();
        bob.send_message("hello");
    });
    let contents = |frame| match frame {
        Frame::Message(message) => message.content,
        other => panic!("{other:?} is not a message"),
    };
    let received: Vec<_> = bob.received().into_iter().map(contents).collect();
    assert_eq!(received, ["hello", "after you"]);
}

#[tokio::test]
async fn a_frame_after_a_close_is_not_logged_as_sent() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let mut bob = connect(&ivs, &full_token(&room, "bob")).await;
    let alice = room.participant("alice");
    let gate = ivs.on_delivery().to("bob").message().hold();
    ivs.on_delivery().to("bob").error().delay(Duration::from_secs(5));
    alice.send_message("too late");
    gate.reached().await;
    ivs.advance(Duration::from_secs(3600));
    gate.release();
    ivs.advance(Duration::from_secs(5));
    assert_eq!(bob.next_close().await.0, 1000);
    let sent = ivs.log().user("bob").kind(EntryKind::FrameSent).entries();
    assert!(sent.is_empty(), "{sent:?}");
}

#[tokio::test]
async fn a_frame_of_any_size_reaches_the_client() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, &full_token(&room, "alice")).await;
    let size = 20 << 20;
    ivs.on_delivery().once().corrupt(Corruption::Oversize(size));
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    assert_eq!(alice.next().await.1.len(), size);
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

#[tokio::test]
async fn a_response_without_a_body_is_closed_and_not_the_next_one() {
    use tokio::io::AsyncReadExt;

    let ivs = unlimited();
    let arn = ivs.create_room("lobby").arn().to_owned();
    ivs.on_operation(Operation::DeleteRoom).close_in_body();
    let body = json!({ "identifier": arn }).to_string();
    let head = format!("POST /DeleteRoom HTTP/1.1\r\nhost: x\r\ncontent-length: {}", body.len());
    let mut client = RawClient::open(&ivs).await;
    client.write(format!("{head}\r\n\r\n{body}")).await;
    let mut answer = String::new();
    client.stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

#[tokio::test]
async fn hooks_on_operations_match_by_room() {
    let ivs = unlimited();
    let (lobby, other) = (ivs.create_room("lobby"), ivs.create_room("other"));
    ivs.on_operation(Operation::SendEvent).room("lobby").fail(Exception::access_denied("no"));
    let sdk = sdk(&ivs);
    let send = |arn: &str| sdk.send_event().room_identifier(arn).event_name("app:x").send();
    assert!(send(lobby.arn()).await.is_err());
    assert!(send(other.arn()).await.is_ok());
}

#[test]
fn a_delivery_whose_hook_panics_becomes_a_general_error() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_delivery().once().decide(|_| -> DeliveryVerdict { panic!("clumsy") });
    alice.send_message("hello");
    let frames = alice.received();
    let [Frame::Error(error)] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(error.error_code, ErrorCode::InternalServerError);
    assert_eq!((error.request_id.as_str(), error.id.len()), ("alice-1", 12));
    assert_eq!(ivs.finish().wait().unwrap_err().panics().len(), 1);
}

#[test]
fn the_log_shows_an_ignored_response_as_failed() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    room.review_with(|_| ReviewResponse::allow().content("x".repeat(501)));
    let alice = room.participant("alice");
    alice.send_message("hello");
    alice.expect_message("hello").wait();
    let log = ivs.log().to_string();
    let reason = "failed: Content has 501 characters, and the maximum is 500; fallback ALLOW\n";
    assert!(log.contains(&format!("review of Message00001: {reason}")), "{log}");
}

#[test]
fn a_gate_of_another_mock_stops_nothing() {
    let (ivs, other) = (unlimited(), unlimited());
    let alice = ivs.create_room("lobby").participant("alice");
    let (own, foreign) = (ivs.gate(), other.gate());
    ivs.on_action().named("confused").decide(move |_| ActionVerdict::hold(&foreign));
    alice.send_message("hello");
    alice.expect_message("hello").wait();
    assert_eq!(own.waiting(), 0);
}

#[test]
fn invalid_arguments_panic_at_the_caller() {
    let ivs = unlimited();
    let refused = |act: &dyn Fn()| catch_unwind(AssertUnwindSafe(act)).is_err();
    assert!(refused(&|| drop(ivs.on_action().nth(0))));
    assert!(refused(&|| drop(ivs.on_action().every(0))));
    assert!(refused(&|| drop(ivs.on_action().with_probability(1.5, 1))));
    assert!(refused(&|| drop(ivs.on_handshake().refuse(42, "no"))));
    assert!(refused(&|| drop(ivs.on_any_operation().respond(1000, "no"))));
}

#[test]
fn overlapping_outages_must_all_end() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::MAX).start();
    let is_open = || std::net::TcpStream::connect(ivs.addr()).is_ok();
    let (first, second) = (ivs.outage(), ivs.outage());
    first.end();
    assert_refused(ivs.addr());
    ivs.restart();
    assert_refused(ivs.addr());
    second.end();
    assert!(is_open());
    ivs.log().wait_for(|entry| entry.to_string() == "outage: ends").wait();
}
