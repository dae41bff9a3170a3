//! Pitfalls of other mocks that this one must avoid: a test for each of their pitfalls that
//! is not the subject of another module.

use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use mock_ivs_chat::{Clock, CloseCode, MockIvsChat, log::EntryKind};

use crate::wire::{
    alone, end, in_memory, is_child, isolated, over_tcp, receive, refuses, run_child, say, token,
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The output of a test of this binary that fails in a child process.
fn failure(name: &str) -> String {
    let Output { status, stdout, stderr } = run_child(name);
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    // 101 is a failed test; an abort would be a signal.
    assert_eq!(status.code(), Some(101), "{text}");
    assert!(text.contains("1 failed"), "{text}");
    text
}

#[test]
fn a_drop_while_the_test_panics_does_not_abort_the_process() {
    const NAME: &str = "pitfalls::a_drop_while_the_test_panics_does_not_abort_the_process";
    if is_child(NAME) {
        let ivs = MockIvsChat::start();
        let alice = ivs.create_room("lobby").participant("alice");
        alice.send_message("hello");
        // The drop has a reason of its own to panic.
        ivs.on_action().from("nobody").expect(1..).ignore();
        panic!("the reason of the test");
    }
    assert!(failure(NAME).contains("the reason of the test"));
}

#[test]
fn a_drop_does_not_hide_the_error_that_a_test_returns() {
    const NAME: &str = "pitfalls::child_that_returns_an_error";
    assert!(failure(NAME).contains("Error: \"the reason of the test\""));
}

#[test]
fn child_that_returns_an_error() -> Result<(), String> {
    if !is_child("pitfalls::child_that_returns_an_error") {
        return Ok(());
    }
    let ivs = MockIvsChat::start();
    ivs.create_room("lobby").participant("alice").send_message("hello");
    Err("the reason of the test".into())
}

#[test]
fn sixty_four_drops_in_one_task_without_a_pause_do_not_hang() {
    let name = "pitfalls::sixty_four_drops_in_one_task_without_a_pause_do_not_hang";
    isolated(name, || {
        for workers in [1, 2] {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_all()
                .build()
                .unwrap();
            let task = runtime.spawn(async {
                for _ in 0..300 {
                    let ivs = MockIvsChat::start();
                    let _connected = in_memory(&ivs, &token(&ivs.create_room("a"), "b")).await;
                }
            });
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn a_drop_in_a_task_that_has_used_up_its_budget_does_not_hang() {
    let name = "pitfalls::a_drop_in_a_task_that_has_used_up_its_budget_does_not_hang";
    isolated(name, || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let task = runtime.spawn(async {
            for reads in 120..=130 {
                let ivs = MockIvsChat::start();
                let _connected = over_tcp(&ivs, &token(&ivs.create_room("a"), "b")).await;
                let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
                (0..reads).for_each(|_| sender.send(()).unwrap());
                for _ in 0..reads {
                    receiver.recv().await;
                }
                drop(ivs);
                tokio::task::yield_now().await;
            }
            (0..300).for_each(|_| drop(MockIvsChat::start()));
        });
        runtime.block_on(task).unwrap();
    });
}

#[test]
fn start_works_inside_and_outside_of_any_runtime() {
    drop(MockIvsChat::start());
    smol::block_on(async { drop(MockIvsChat::start()) });
    for runtime in [
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap(),
    ] {
        runtime.block_on(async { drop(MockIvsChat::start()) });
        let _entered = runtime.enter();
        drop(MockIvsChat::start());
    }
}

#[test]
fn starting_on_the_current_runtime_without_one_is_an_error() {
    let error = MockIvsChat::builder().on_current_runtime().try_start().unwrap_err();
    assert_eq!(error.to_string(), "there is no tokio runtime to run on");
}

#[tokio::test]
async fn the_port_is_open_when_start_returns_and_closed_when_drop_does() {
    for _ in 0..100 {
        let ivs = alone().start();
        let addr = ivs.addr();
        drop(std::net::TcpStream::connect(addr).unwrap());
        drop(ivs);
        assert!(refuses(addr));
        // The port is free, and a new listener can bind it immediately.
        drop(TcpListener::bind(addr).unwrap());
    }
}

#[test]
fn no_number_of_mocks_is_too_many() {
    let mocks: Vec<_> = (0..200).map(|_| MockIvsChat::start()).collect();
    let mut ports: Vec<_> = mocks.iter().map(|ivs| ivs.addr().port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), mocks.len());
}

#[tokio::test]
async fn a_token_of_one_mock_is_unknown_to_another() {
    let (one, other) = (MockIvsChat::start(), MockIvsChat::builder().in_memory().start());
    let foreign = token(&one.create_room("lobby"), "alice");
    other.create_room("lobby");
    assert_eq!(other.connect(&foreign).await.unwrap_err().status(), Some(401));
    let third = MockIvsChat::builder().in_memory().start();
    let foreign = token(&other.room("lobby"), "alice");
    token(&third.create_room("lobby"), "alice");
    assert_eq!(third.connect(&foreign).await.unwrap_err().status(), Some(401));
}

#[test]
fn a_taken_port_is_an_error_and_no_hang() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = MockIvsChat::builder().port(port).try_start().unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")));
}

#[test]
fn a_listener_is_served_as_it_was_bound() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let addr = listener.local_addr().unwrap();
    let ivs = MockIvsChat::builder().listener(listener).start();
    assert_eq!(ivs.ws_url(), format!("ws://{addr}"));
    drop(std::net::TcpStream::connect(addr).unwrap());
    ivs.restart();
    drop(std::net::TcpStream::connect(addr).unwrap());
}

#[tokio::test]
async fn second_and_third_connections_are_as_good_as_the_first() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    for _ in 0..3 {
        let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
        say(&mut alice, "hello").await;
        assert_eq!(receive(&mut alice).await["Content"], "hello");
    }
}

#[tokio::test]
async fn a_wait_ends_by_its_limit_and_names_the_line_of_the_test() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(20)).start();
    let handle = ivs.handle();
    let line = line!() + 1;
    let waiting = tokio::spawn(async move { handle.log().wait_for(|_| false).await });
    let panic = waiting.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains(&format!("pitfalls.rs:{line}")), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_limited_by_real_time_although_the_clock_is_paused() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(20)).start();
    let handle = ivs.handle();
    let waiting = tokio::spawn(async move { handle.log().wait_for(|_| false).await });
    assert!(waiting.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn every_way_of_closing_shows_its_own_code() {
    type Way = fn(&MockIvsChat);
    let ways: [(&str, Way, Option<u16>); 5] = [
        ("kicked", |ivs| ivs.room("lobby").disconnect_user("alice", "rude"), Some(1000)),
        ("expired", |ivs| ivs.advance(Duration::from_secs(3_600)), Some(1000)),
        ("closed", |ivs| ivs.close_all(CloseCode::TRY_AGAIN_LATER, ""), Some(1013)),
        ("disconnected", |ivs| ivs.disconnect_all(), None),
        ("stopped", MockIvsChat::stop, None),
    ];
    for (name, way, code) in ways {
        let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
        let ivs = MockIvsChat::builder().clock(clock).start();
        let mut alice = over_tcp(&ivs, &token(&ivs.create_room("lobby"), "alice")).await;
        way(&ivs);
        let seen = end(&mut alice).await.map(|CloseFrame { code, .. }| u16::from(code));
        assert_eq!(seen, code, "{name}");
    }
}

#[tokio::test]
async fn a_closed_user_has_left_the_room_before_the_client_receives_the_close() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    for _ in 0..20 {
        let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
        room.disconnect_user("alice", "");
        end(&mut alice).await;
        let mark = ivs.log().mark();
        room.send_event("app:roll-call", [("x", "y")]);
        assert!(ivs.log().since(mark).kind(EntryKind::FrameSent).entries().is_empty());
    }
}

#[tokio::test]
async fn a_close_frame_of_a_client_is_logged() {
    let ivs = MockIvsChat::start();
    let mut alice = over_tcp(&ivs, &token(&ivs.create_room("lobby"), "alice")).await;
    let frame = CloseFrame { code: 4001.into(), reason: "done".into() };
    alice.close(Some(frame)).await.unwrap();
    let entry = ivs.log().wait_for(|entry| entry.kind() == EntryKind::Closed).await;
    assert_eq!(entry.to_string(), "alice closes 4001 \"done\"");
}

#[tokio::test]
async fn a_connection_is_in_the_log_before_its_client_knows_it_is_open() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    for number in 1..=20 {
        let _client = over_tcp(&ivs, &token(&room, "alice")).await;
        assert_eq!(ivs.log().kind(EntryKind::Connected).entries().len(), number);
    }
}

#[rstest::rstest]
#[timeout(Duration::from_secs(60))]
fn a_timeout_of_rstest_around_a_synchronous_test() {
    let ivs = MockIvsChat::start();
    ivs.create_room("lobby").participant("alice").send_message("hello");
}

#[rstest::rstest]
#[timeout(Duration::from_secs(60))]
#[tokio::test]
async fn a_timeout_of_rstest_around_an_asynchronous_test() {
    let ivs = MockIvsChat::builder().on_current_runtime().start();
    let mut alice = over_tcp(&ivs, &token(&ivs.create_room("lobby"), "alice")).await;
    say(&mut alice, "hello").await;
    receive(&mut alice).await;
}

#[test]
fn the_log_is_the_same_in_two_runs() {
    let run = || {
        let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
        let ivs = MockIvsChat::builder().clock(clock).start();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        alice.send_message("hello");
        bob.disconnect_user("alice", "rude");
        ivs.restart();
        ivs.log().to_string()
    };
    assert_eq!(run(), run());
}
