//! Closures of the test: they may block, join threads and use the mock in any way, and everybody
//! else is served meanwhile.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use mock_ivs_chat::{
    Clock, ErrorCode, Frame, Handle, MockIvsChat, Operation, Participant, ReviewResponse,
    hook::{ActionVerdict, DeliveryVerdict, HandshakeVerdict, OperationVerdict, ReviewVerdict},
};
use rstest::rstest;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{connect, full_token, sdk, try_connect, unlimited};
use crate::waits::with_timeout;

/// Runs a test on a thread of its own, and fails if it does not end: what these tests are about
/// would make them hang.
#[track_caller]
fn within(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(limit) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => thread.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test is stuck after {limit:?}"),
    }
}

const SOON: Duration = Duration::from_secs(20);

/// Sends a request over HTTP and returns the first line of the response.
fn post(ivs: &Handle, path: &str, body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(ivs.addr()).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: ivschat\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.lines().next().unwrap_or_default().to_owned()
}

fn contents(participant: &Participant) -> Vec<String> {
    let frames = participant.received().into_iter();
    frames
        .map(|frame| match frame {
            Frame::Message(message) => message.content,
            Frame::Event(event) => event.event_name,
            Frame::Error(error) => error.error_code.code().to_string(),
            other => panic!("{other:?} has no content"),
        })
        .collect()
}

#[test]
fn a_closure_can_join_a_thread_that_uses_the_mock() {
    within(SOON, || {
        let ivs = unlimited();
        let alice = ivs.create_room("lobby").participant("alice");
        let handle = ivs.handle();
        ivs.on_action().decide(move |_| {
            let handle = handle.clone();
            thread::spawn(move || handle.create_room("backstage")).join().unwrap();
            ActionVerdict::Pass
        });
        alice.send_message("hello");
        assert_eq!(contents(&alice), ["hello"]);
        assert_eq!(ivs.room("backstage").name(), "backstage");
    });
}

#[test]
fn a_closure_can_join_a_thread_that_causes_the_same_event() {
    within(SOON, || {
        let ivs = unlimited();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), Arc::new(room.participant("bob")));
        let other = Arc::clone(&bob);
        ivs.on_action().decide(move |frame| {
            if frame.user_id == "alice" {
                let bob = Arc::clone(&other);
                thread::spawn(move || bob.send_message("from a thread")).join().unwrap();
            }
            ActionVerdict::Pass
        });
        alice.send_message("hello");
        alice.expect_message("hello").wait();
        alice.expect_message("from a thread").wait();
    });
}

#[test]
fn a_review_handler_can_call_the_mock_over_http() {
    within(SOON, || {
        let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
        let room = ivs.create_room("lobby");
        let handle = ivs.handle();
        room.review_with(move |request| {
            let status = post(&handle, "/CreateRoom", r#"{"name":"backstage"}"#);
            ReviewResponse::allow().content(format!("{} {status}", request.content))
        });
        let alice = room.participant("alice");
        alice.send_message("hello");
        assert_eq!(contents(&alice), ["hello HTTP/1.1 200 OK"]);
    });
}

#[tokio::test]
async fn a_closure_on_a_clients_frame_can_call_the_mock_over_http_and_tcp() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let handle = ivs.handle();
    ivs.on_action().from("alice").decide(move |_| {
        post(&handle, "/CreateRoom", r#"{"name":"backstage"}"#);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let token = full_token(&handle.room("lobby"), "bob");
            connect(&handle, token).await.echoes("I was here").await;
        });
        ActionVerdict::Pass
    });
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let echo = alice.echoes("hello").await;
    assert_eq!(echo["Sender"]["UserId"], "alice");
    assert!(ivs.log().to_string().contains("I was here"));
}

#[test]
fn two_mocks_whose_closures_use_each_other_do_not_deadlock() {
    within(SOON, || {
        let mocks = [unlimited(), unlimited()];
        let participants: Vec<_> = mocks
            .iter()
            .map(|ivs| Arc::new(ivs.create_room("lobby").participant("alice")))
            .collect();
        for (ivs, other) in mocks.iter().zip(participants.iter().rev()) {
            let other = Arc::clone(other);
            ivs.on_action().decide(move |_| {
                other.send_message("from the other mock");
                ActionVerdict::Pass
            });
        }
        thread::scope(|scope| {
            for participant in &participants {
                scope.spawn(|| (0..200).for_each(|_| drop(participant.send_message("hello"))));
            }
        });
        for participant in &participants {
            participant.expect_message("hello").wait();
            participant.expect_message("from the other mock").wait();
        }
    });
}

#[tokio::test]
async fn while_a_closure_decides_all_other_connections_are_served() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (decide, decision) = mpsc::channel::<()>();
    ivs.on_action().from("alice").containing("first").decide(move |_| {
        let _ = decision.recv();
        ActionVerdict::Pass
    });
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let mut bob = connect(&ivs, full_token(&room, "bob")).await;
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "first" })).await;
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "second" })).await;
    ivs.log().user("alice").wait_for_n(2, |entry| entry.action().is_some()).await;

    // Frames, calls and time go on; alice's own next frame waits.
    assert_eq!(bob.echoes("meanwhile").await["Content"], "meanwhile");
    sdk(&ivs).list_rooms().send().await.unwrap();
    ivs.advance(Duration::from_secs(60));
    assert_eq!(room.participant("carol").user_id(), "carol");
    assert!(!ivs.log().user("bob").to_string().contains("second"));

    decide.send(()).unwrap();
    assert_eq!(bob.next_frame().await["Content"], "first");
    assert_eq!(bob.next_frame().await["Content"], "second");
}

#[tokio::test]
async fn later_frames_to_a_client_wait_until_a_closure_has_decided_about_the_first() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (decide, decision) = mpsc::channel::<()>();
    ivs.on_delivery().to("bob").once().decide(move |_| {
        let _ = decision.recv();
        DeliveryVerdict::Replace(r#"{"Type":"NOTICE"}"#.into())
    });
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let mut bob = connect(&ivs, full_token(&room, "bob")).await;
    assert_eq!(alice.echoes("one").await["Content"], "one");
    assert_eq!(alice.echoes("two").await["Content"], "two");
    room.disconnect_user("bob", "bye");
    decide.send(()).unwrap();
    let text = |message| match message {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => panic!("{other:?} is not a text frame"),
    };
    assert_eq!(text(bob.next_raw().await), r#"{"Type":"NOTICE"}"#);
    assert_eq!(bob.next_frame().await["Content"], "two");
    assert_eq!(bob.next_frame().await["EventName"], "aws:DISCONNECT_USER");
    assert_eq!(bob.next_close().await, (1000, "bye".into()));
}

#[test]
fn a_stuck_closure_is_named_and_blocks_neither_waits_nor_the_end_of_the_mock() {
    within(SOON, || {
        let ivs = MockIvsChat::builder().wait_timeout(Duration::from_secs(1)).start();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        let (release, stuck) = mpsc::channel::<()>();
        let (enters, entered) = mpsc::channel();
        ivs.on_action().named("stuck").from("alice").decide(move |_| {
            enters.send(()).unwrap();
            let _ = stuck.recv();
            ActionVerdict::Pass
        });
        let saying = thread::spawn(move || drop(alice.send_message("hello")));
        entered.recv().unwrap();

        let sentence = "the closure of \"stuck\" at tests/it/closures.rs:";
        let panics_with_it = |what: &str, act: &dyn Fn()| {
            let panic = catch_unwind(AssertUnwindSafe(act)).expect_err(what);
            let text = panic.downcast::<String>().unwrap();
            assert!(text.contains(sentence), "{what}: {text}");
        };
        panics_with_it("verify", &|| ivs.verify());
        let outage = ivs.outage();
        drop(outage);
        drop(bob);
        let ended = Instant::now();
        let report = ivs.finish().wait().unwrap_err();
        assert!(ended.elapsed() < Duration::from_secs(10));
        assert!(report.unanswered()[0].starts_with(sentence), "{report}");
        drop(release);
        saying.join().unwrap();
    });
}

#[rstest]
#[case::action(|ivs: &MockIvsChat, stuck: Stuck| {
    ivs.on_action().named("stuck").decide(move |_| stuck.wait(ActionVerdict::Pass));
})]
#[case::delivery(|ivs: &MockIvsChat, stuck: Stuck| {
    ivs.on_delivery().named("stuck").to("bob").decide(move |_| stuck.wait(DeliveryVerdict::Pass));
})]
#[case::review(|ivs: &MockIvsChat, stuck: Stuck| {
    ivs.room("lobby").review_with(|_| ReviewResponse::allow());
    ivs.on_review().named("stuck").decide(move |_| stuck.wait(ReviewVerdict::Pass));
})]
fn a_method_of_the_test_returns_although_a_closure_does_not(
    #[case] install: fn(&MockIvsChat, Stuck),
) {
    within(SOON, move || {
        // A review must not time out before the closure returns.
        let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
        let ivs = MockIvsChat::builder().clock(clock).wait_timeout(Duration::from_secs(1)).start();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        let (release, released) = mpsc::channel();
        install(&ivs, Stuck(released));
        alice.send_message("hello");
        let report = ivs.report();
        let unanswered = report.unanswered().join("\n");
        assert!(
            unanswered.contains("the closure of \"stuck\" at tests/it/closures.rs:"),
            "{unanswered}"
        );
        let hooks = report.to_string();
        assert!(hooks.contains("conditions, but its closure has not returned"), "{hooks}");
        // The closure returns after all, and what waited for it goes on.
        release.send(()).unwrap();
        bob.expect_message("hello").wait();
        ivs.settled().wait();
        ivs.verify();
    });
}

/// A closure that returns once it is told to.
struct Stuck(mpsc::Receiver<()>);

impl Stuck {
    fn wait<V>(&self, verdict: V) -> V {
        self.0.recv().unwrap();
        verdict
    }
}

#[test]
fn a_closure_finds_the_runtime_of_the_test() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ivs = unlimited();
        let alice = ivs.create_room("lobby").participant("alice");
        let (sender, receiver) = mpsc::channel();
        ivs.on_action().named("spawns").decide(move |_| {
            let sender = sender.clone();
            drop(tokio::spawn(async move { sender.send(thread::current().id()) }));
            ActionVerdict::Pass
        });
        alice.send_message("hello");
        tokio::task::yield_now().await;
        assert_eq!(receiver.try_recv(), Ok(thread::current().id()));
    });
}

#[test]
fn a_failing_wait_names_the_closure_that_has_not_returned() {
    within(SOON, || {
        let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(50)).start();
        let room = ivs.create_room("lobby");
        let (release, stuck) = mpsc::channel::<()>();
        ivs.on_action().named("stuck").decide(move |_| {
            let _ = stuck.recv();
            ActionVerdict::Pass
        });
        let bob = room.participant("bob");
        let alice = room.participant("alice");
        let saying = thread::spawn(move || drop(alice.send_message("hello")));
        ivs.log().wait_for(|entry| entry.action().is_some()).wait();
        let wait = catch_unwind(AssertUnwindSafe(|| bob.expect_message("hello").wait()));
        let text = *wait.unwrap_err().downcast::<String>().unwrap();
        assert!(text.contains("closures that have not returned"), "{text}");
        assert!(text.contains("the closure of \"stuck\" at tests/it/closures.rs:"), "{text}");
        drop(release);
        saying.join().unwrap();
        bob.expect_message("hello").wait();
    });
}

#[test]
fn a_failing_test_ends_although_a_closure_is_stuck() {
    within(SOON, || {
        let (release, stuck) = mpsc::channel::<()>();
        let failed = thread::spawn(move || {
            let ivs = unlimited();
            let alice = Arc::new(ivs.create_room("lobby").participant("alice"));
            let (enters, entered) = mpsc::channel();
            ivs.on_action().decide(move |_| {
                enters.send(()).unwrap();
                let _ = stuck.recv();
                ActionVerdict::Pass
            });
            let saying = Arc::clone(&alice);
            thread::spawn(move || drop(saying.send_message("hello")));
            entered.recv().unwrap();
            let _outage = ivs.outage();
            panic!("the test's own failure");
        });
        let panic = failed.join().unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the test's own failure"));
        drop(release);
    });
}

#[test]
fn a_closure_can_drop_the_mock() {
    within(SOON, || {
        let ivs = unlimited();
        let alice = ivs.create_room("lobby").participant("alice");
        let handle = ivs.handle();
        let ivs = Arc::new(parking_lot::Mutex::new(Some(ivs)));
        let owner = Arc::clone(&ivs);
        handle.on_action().decide(move |_| {
            drop(owner.lock().take());
            ActionVerdict::Pass
        });
        alice.send_message("hello");
        assert!(ivs.lock().is_none());
        assert_eq!(contents(&alice), ["hello"]);
    });
}

/// Counts each call, but only after other tasks have had a turn.
fn count_later(count: &Arc<AtomicUsize>) -> impl Fn() -> BoxFuture<'static, ()> + use<> {
    let count = Arc::clone(count);
    move || {
        let count = Arc::clone(&count);
        Box::pin(async move {
            tokio::task::yield_now().await;
            count.fetch_add(1, Ordering::SeqCst);
        })
    }
}

#[tokio::test]
async fn an_async_closure_decides_at_every_hook_point() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    room.review_with(|_| ReviewResponse::allow());
    let asked = Arc::new(AtomicUsize::new(0));
    let ask = || count_later(&asked);
    let (handshake, action, review, delivery, operation) = (ask(), ask(), ask(), ask(), ask());
    ivs.on_handshake().decide_async(move |request| {
        let asked = handshake();
        async move {
            asked.await;
            match request.user_id.as_deref() {
                Some("mallory") => HandshakeVerdict::refuse(403, "no"),
                _ => HandshakeVerdict::Pass,
            }
        }
    });
    ivs.on_action().decide_async(move |_| {
        let asked = action();
        async move {
            asked.await;
            ActionVerdict::Pass
        }
    });
    ivs.on_review().decide_async(move |_| {
        let asked = review();
        async move {
            asked.await;
            ReviewVerdict::Respond(ReviewResponse::allow().content("reviewed"))
        }
    });
    ivs.on_delivery().decide_async(move |_| {
        let asked = delivery();
        async move {
            asked.await;
            DeliveryVerdict::Duplicate
        }
    });
    ivs.on_any_operation().decide_async(move |call| {
        let asked = operation();
        async move {
            asked.await;
            match call.operation {
                Operation::ListRooms => OperationVerdict::respond(299, "{}"),
                _ => OperationVerdict::Pass,
            }
        }
    });
    assert!(try_connect(&ivs, full_token(&room, "mallory")).await.is_err());
    let alice = room.participant("alice");
    alice.send_message("hello");
    alice.expect_message("reviewed").await;
    alice.expect_message("reviewed").await;
    let status = tokio::task::spawn_blocking({
        let handle = ivs.handle();
        move || post(&handle, "/ListRooms", "{}")
    });
    assert!(status.await.unwrap().starts_with("HTTP/1.1 299"));
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn an_async_closure_that_panics_is_a_general_error_and_is_reported() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().named("clumsy").decide_async(|_| async { panic!("oops") });
    alice.send_message("hello");
    // The first wait fails with the panic, because what it waits for may never come.
    let failed = catch_unwind(AssertUnwindSafe(|| alice.expect_error(ErrorCode::NotFound).wait()));
    let text = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("the closure of \"clumsy\" panicked: oops"), "{text}");
    alice.expect_error(ErrorCode::InternalServerError).await;
    let report = ivs.finish().wait().unwrap_err();
    assert_eq!(report.panics(), ["the closure of \"clumsy\" panicked: oops"]);
}

#[tokio::test]
async fn an_async_closure_that_never_completes_fails_the_test_and_is_named() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().named("asleep").decide_async(|_| std::future::pending());
    alice.send_message("hello");
    assert!(alice.received().is_empty());
    let report = ivs.finish().wait().unwrap_err();
    assert!(report.unanswered()[0].starts_with("the closure of \"asleep\""), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_advance_while_a_closure_decides() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let start = tokio::time::Instant::now();
    ivs.on_action().decide(move |_| {
        // Long enough for the runtime to become idle many times.
        let busy = Instant::now();
        while busy.elapsed() < Duration::from_millis(100) {
            thread::yield_now();
        }
        ActionVerdict::Pass
    });
    let mut alice = crate::wire::in_memory(&ivs, &full_token(&room, "alice")).await;
    crate::wire::say(&mut alice, "hello").await;
    let slept = tokio::time::timeout(
        Duration::from_secs(3600),
        ivs.log().wait_for(|entry| entry.message().is_some()),
    );
    slept.await.expect("no hour passes while the closure decides");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[test]
fn a_closure_sees_one_event_at_a_time_in_order() {
    within(SOON, || {
        let ivs = unlimited();
        let room = ivs.create_room("lobby");
        let users: Vec<_> = (0..8).map(|n| room.participant(format!("user-{n}"))).collect();
        let running = Arc::new(AtomicUsize::new(0));
        let mut count = 0;
        ivs.on_action().decide(move |_| {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
            thread::yield_now();
            count += 1;
            running.fetch_sub(1, Ordering::SeqCst);
            if count % 2 == 0 { ActionVerdict::Ignore } else { ActionVerdict::Pass }
        });
        thread::scope(|scope| {
            for user in &users {
                scope.spawn(|| (0..5).for_each(|_| drop(user.send_message("hello"))));
            }
        });
        ivs.settled().wait();
        assert_eq!(contents(&users[0]).len(), 20);
        ivs.verify();
    });
}

#[test]
fn a_hook_with_a_limit_fires_no_more_often_although_several_events_wait_for_its_closure() {
    within(SOON, || {
        let ivs = unlimited();
        let room = ivs.create_room("lobby");
        let users: Vec<_> = (0..8).map(|n| room.participant(format!("user-{n}"))).collect();
        let hook = ivs.on_action().once().decide(move |_| {
            thread::yield_now();
            ActionVerdict::Ignore
        });
        thread::scope(|scope| {
            for user in &users {
                scope.spawn(|| drop(user.send_message("hello")));
            }
        });
        ivs.settled().wait();
        assert_eq!((hook.hits(), contents(&users[0]).len()), (1, 7));
    });
}

#[test]
fn a_closure_can_wait_for_the_mock_to_settle() {
    within(SOON, || {
        let ivs = unlimited();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        let handle = ivs.handle();
        ivs.on_action().from("alice").decide(move |_| {
            bob.send_message("from the closure");
            handle.settled().wait();
            ActionVerdict::Pass
        });
        alice.send_message("hello");
        assert_eq!(contents(&alice), ["from the closure", "hello"]);
    });
}

#[test]
fn a_closure_that_does_not_return_holds_up_no_other_closure_of_the_same_message() {
    let ivs = with_timeout(Duration::from_millis(500));
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let (release, released) = mpsc::channel::<()>();
    ivs.on_delivery().to("alice").decide(move |_| {
        let _ = released.recv();
        DeliveryVerdict::Pass
    });
    ivs.on_delivery().to("bob").decide(|_| DeliveryVerdict::Pass);
    alice.send_message("hi");
    bob.expect_message("hi").wait();
    drop(release);
    alice.expect_message("hi").wait();
}

#[test]
fn events_that_wait_for_a_closure_are_counted_beside_the_call_that_runs() {
    let ivs = with_timeout(Duration::from_millis(500));
    let room = ivs.create_room("lobby");
    let people: Vec<_> = (0..5).map(|n| room.participant(format!("user-{n}"))).collect();
    let (release, released) = mpsc::channel::<()>();
    ivs.on_delivery().decide(move |_| {
        let _ = released.recv();
        DeliveryVerdict::Pass
    });
    people[0].send_message("hi");
    let unanswered = ivs.report().unanswered().to_vec();
    assert_eq!(unanswered.len(), 1, "{unanswered:?}");
    assert!(unanswered[0].ends_with(", and 4 events wait for it"), "{unanswered:?}");
    drop(release);
    people.iter().for_each(|someone| drop(someone.expect_message("hi").wait()));
}
