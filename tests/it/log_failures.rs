//! Failed waits and assertions: what a person reads at two in the morning.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::support::snapshot;
use mock_ivs_chat::{
    Clock, CloseCode, ErrorCode, MockIvsChat, Operation, Room,
    log::{EntryKind, LogRetention, Matcher},
};

fn mock() -> MockIvsChat {
    with_recording(LogRetention::All)
}

fn with_recording(recording: LogRetention) -> MockIvsChat {
    MockIvsChat::builder()
        .clock(Clock::frozen_at("2026-01-01T00:00:00Z"))
        .wait_timeout(Duration::from_millis(1))
        .log_retention(recording)
        .start()
}

fn chat() -> (MockIvsChat, Room) {
    let ivs = mock();
    let room = ivs.create_room("lobby");
    (ivs, room)
}

/// The text of the panic, with the places in this file left out.
fn failure<T>(fails: impl FnOnce() -> T) -> String {
    let text = panic_text(fails);
    let mut parts = text.split("log_failures.rs:");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    assert_ne!(shown, text, "the failure names its place");
    for part in parts {
        shown.push_str("log_failures.rs");
        shown.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    shown
}

fn panic_text<T>(fails: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(fails)).err().expect("it should have failed");
    *panic.downcast::<String>().expect("a failure is a text")
}

macro_rules! assert_failure {
    ($fails:expr) => {{
        let text = failure(|| $fails);
        snapshot!(text);
    }};
}

#[test]
fn the_field_that_differs_is_named() {
    let (ivs, room) = chat();
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    ivs.advance(Duration::from_millis(1_500));
    alice.send_message("hi!");
    assert_failure!(bob.expect_message("hi").wait());
}

#[test]
fn several_fields_that_differ_are_named() {
    let (ivs, room) = chat();
    let (alice, _bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message_with("hello", [("color", "red")]);
    let wanted = Matcher::message()
        .from("carol")
        .to("bob")
        .containing("hallo")
        .attribute("color", "blue")
        .attribute("font", "large")
        .request_id("")
        .satisfying("is small", |_| unreachable!("the fields differ"));
    assert_failure!(ivs.log().expect(wanted).wait());
}

#[test]
fn a_condition_that_does_not_hold_is_named() {
    let (ivs, room) = chat();
    let alice = room.participant("alice");
    alice.send_message("hello");
    let wanted = Matcher::message().content("hello");
    let wanted = wanted.satisfying("is small", |entry| entry.bytes().is_some_and(|b| b.len() < 10));
    assert_failure!(ivs.log().expect(wanted).wait());
}

#[test]
fn an_empty_log_is_reported_as_empty() {
    let ivs = mock();
    assert_failure!(ivs.log().expect(Matcher::connect().from("alice")).wait());
}

#[test]
fn an_entry_before_the_mark_is_reported_as_such() {
    let (ivs, room) = chat();
    let alice = room.participant("alice");
    alice.send_message("hi");
    let mark = ivs.log().mark();
    assert_failure!(ivs.log().since(mark).expect(Matcher::message().content("hi")).wait());
}

#[test]
fn an_entry_outside_the_view_is_reported_as_such() {
    let (ivs, room) = chat();
    let _alice = room.participant("alice");
    room.send_event("app:poll", [("question", "tea?")]);
    let view = ivs.log().user("bob");
    assert_failure!(view.expect(Matcher::event("app:poll")).wait());
}

#[test]
fn an_entry_already_consumed_is_reported_as_such() {
    let (_ivs, room) = chat();
    let alice = room.participant("alice");
    alice.send_message("hi");
    alice.expect_message("hi").wait();
    assert_failure!(alice.expect_message("hi").wait());
}

#[test]
fn a_wait_for_several_says_how_many_came() {
    let (ivs, room) = chat();
    let (alice, _bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("hi");
    assert_failure!(ivs.log().expect_n(3, Matcher::message().content("hi")).wait());
}

#[test]
fn a_closure_has_a_timeline_too() {
    let (ivs, room) = chat();
    let alice = room.participant("alice");
    alice.disconnect();
    assert_failure!(ivs.log().wait_for(|entry| entry.kind() == EntryKind::Disconnected).wait());
}

#[test]
fn lint_findings_are_shown_as_possible_reasons() {
    let (_ivs, room) = chat();
    let alice = room.chat_token("alice").join();
    alice.send_raw(r#"{"action":"SEND_MESSAGE","content":"hi"}"#);
    assert_failure!(alice.expect_error(ErrorCode::TooManyRequests).wait());
}

#[test]
fn a_close_of_another_code_is_the_nearest() {
    let (_ivs, room) = chat();
    let alice = room.participant("alice");
    room.disconnect_user("alice", "rude");
    assert_failure!(alice.expect_close(CloseCode::GOING_AWAY).wait());
}

#[test]
fn a_different_response_is_the_nearest() {
    let ivs = mock();
    ivs.call(Operation::GetRoom, serde_json::json!({})).expect_err("there is no such room");
    let wanted = Matcher::response(Operation::GetRoom).status(200);
    assert_failure!(ivs.log().expect(wanted).wait());
}

#[test]
fn a_failed_assert_none_shows_the_unexpected_entry() {
    let (_ivs, room) = chat();
    let alice = room.participant("alice");
    alice.send_message("spam");
    assert_failure!(alice.assert_no_message("spam"));
}

#[test]
fn a_log_that_is_off_fails_waits_immediately() {
    let ivs = with_recording(LogRetention::Off);
    let bob = ivs.create_room("lobby").participant("bob");
    bob.send_message("hi");
    assert_failure!(bob.expect_message("hi").wait());
    assert_failure!(ivs.log().assert_none(Matcher::message()));
}

#[test]
fn a_bounded_log_says_what_it_dropped() {
    let ivs = with_recording(LogRetention::Last(2));
    let bob = ivs.create_room("lobby").participant("bob");
    bob.send_message("hi");
    assert_failure!(ivs.log().expect(Matcher::connect().from("bob")).wait());
}

#[test]
fn a_long_log_is_reduced_to_its_end_and_its_busiest_lanes() {
    let (ivs, room) = chat();
    let people: Vec<_> =
        ["a", "b", "c", "d", "e", "f", "g", "h"].map(|n| room.participant(n)).into();
    people[7].send_message(
        "a text that is much too long to be shown as a whole in the lane of a timeline",
    );
    people[6].send_message("with\na line break");
    assert_failure!(ivs.log().expect(Matcher::message().content("a text")).wait());
}

#[tokio::test]
async fn a_blocking_wait_on_the_mock_thread_fails_immediately() {
    let ivs = MockIvsChat::builder().on_current_runtime().start();
    let bob = ivs.create_room("lobby").participant("bob");
    bob.send_message("hi");
    bob.expect_message("hi").wait();
    // The limit is five seconds: what is said here is said before.
    let text = panic_text(|| bob.expect_message("hello").wait());
    assert!(text.contains("await the wait instead"), "{text}");
}

#[tokio::test]
async fn a_failure_names_the_line_that_waits() {
    let ivs = mock();
    let (wait, line) = (ivs.log().expect_message("hi"), line!());
    let text = tokio::spawn(wait).await.expect_err("nothing comes").into_panic();
    let text = text.downcast::<String>().expect("a failure is a text");
    assert!(text.contains(&format!("log_failures.rs:{line}:")), "{text}");
}

#[test]
fn hooks_that_have_not_fired_and_gates_that_are_closed_may_be_the_reason() {
    let (ivs, room) = chat();
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    ivs.on_delivery().to("carol").named("lose carol's frames").drop_frame();
    let _gate = ivs.on_action().from("alice").named("until bob is ready").hold();
    alice.send_message("hi");
    assert_failure!(bob.expect_message("hi").wait());
}

#[test]
fn a_panic_in_a_closure_fails_the_wait_immediately() {
    let failure_text = {
        let (ivs, room) = chat();
        let alice = room.participant("alice");
        ivs.on_action().named("picky").decide(|_| panic!("no such action"));
        alice.send_message("hi");
        let text = failure(|| alice.expect_message("hi").wait());
        // The mock fails its test for the panic once more, at its end.
        ivs.finish().wait().expect_err("a closure has panicked");
        text
    };
    snapshot!(failure_text);
}
