//! Traces in failures: what the log does not show, such as frames that were never sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mock_ivs_chat::MockIvsChat;

use crate::failure_texts::{child_of, impatient};
use crate::support::frozen;
use crate::waits::failure;

#[test]
fn a_message_on_a_connection_that_has_ended_is_named() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.connection().reset();
    for _ in 0..3 {
        alice.send_message("hi");
    }
    alice.delete_message("Message00001", "");
    let line = line!() - 3;
    let text = failure(|| bob.expect_message("hi").wait());
    let unsent = format!(
        "frames that were not sent:\n  \
         3 frames of alice, at tests/it/failure_traces.rs:{line}:15: the connection had ended\n  \
         1 frame of alice, at tests/it/failure_traces.rs:{}:11: the connection had ended\n",
        line + 2
    );
    assert!(text.contains(&unsent), "{text}");
    let report = ivs.report().to_string();
    assert!(report.contains(&unsent), "{report}");
}

#[test]
fn only_the_latest_frames_that_were_not_sent_are_named() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    for number in 0..20 {
        let user = room.participant(format!("user-{number}"));
        user.connection().reset();
        user.send_raw("too late");
    }
    let text = failure(|| bob.expect_message("hi").wait());
    assert_eq!(text.matches("the connection had ended").count(), 3, "{text}");
    assert!(text.contains("1 frame of user-19, at"), "{text}");
}

#[tokio::test]
async fn an_outage_in_effect_is_named_by_the_line_that_began_it() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create();
    let bob = room.participant("bob");
    let _outage = ivs.outage();
    let line = line!() - 1;
    let error = ivs.connect(&token).await.unwrap_err();
    let place = format!("tests/it/failure_traces.rs:{line}:23");
    let reason = format!("the handshake failed: an outage is in effect, begun at {place}");
    assert_eq!(error.to_string(), reason);
    let text = failure(|| bob.expect_message("hi").wait());
    let outage = format!("outages:\n  in effect since #7, begun at {place}\n");
    assert!(text.contains(&outage), "{text}");
}

#[test]
fn an_outage_that_has_ended_is_not_named() {
    let ivs = impatient();
    let bob = ivs.create_room("lobby").participant("bob");
    ivs.outage().end();
    let text = failure(|| bob.expect_message("hi").wait());
    assert!(!text.contains("outages:"), "{text}");
}

#[test]
fn an_outage_that_a_panic_ends_is_named() {
    let text = child_of("failure_traces::a_test_that_panics_in_an_outage", &[]);
    let outage = "outages:\n  in effect since #0 until a panic of the test, begun at \
                   tests/it/failure_traces.rs:";
    assert!(text.contains(outage), "{text}");
}

#[test]
#[ignore = "a child of the test above"]
fn a_test_that_panics_in_an_outage() {
    let ivs = frozen();
    let _outage = ivs.outage();
    panic!("the client did not reconnect");
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_the_paused_clock_during_a_wait_is_named() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(50)).start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let error = bob.expect_message("hi").into_result().await.unwrap_err();
    let jump = "clock:\n  the paused clock moved by 1h while the wait was pending, because tokio \
                moves it to the next timer when all tasks are\n    idle\n";
    assert!(error.to_string().contains(jump), "{error}");
}

#[tokio::test]
async fn the_failure_of_a_wait_that_the_test_returns_has_one_timeline() {
    let failure = MockIvsChat::builder()
        .wait_timeout(Duration::from_millis(1))
        .run(async |ivs| {
            ivs.on_action().named("deny").expect(1..).ignore();
            let bob = ivs.create_room("lobby").participant("bob");
            bob.expect_message("hi").into_result().await?;
            Ok(())
        })
        .await
        .unwrap_err();
    let text = failure.to_string();
    assert_eq!(text.matches(" connects to lobby").count(), 1, "{text}");
    assert!(
        text.contains("\n\nhook \"deny\": expected to fire at least once, but it never fired\n")
    );
}

#[tokio::test]
async fn an_earlier_failure_of_a_wait_has_the_timeline_of_the_end() {
    let failure = MockIvsChat::builder()
        .wait_timeout(Duration::from_millis(1))
        .run(async |ivs| {
            let bob = ivs.create_room("lobby").participant("bob");
            let result = bob.expect_message("hi").into_result().await;
            bob.send_message("later");
            result?;
            Ok(())
        })
        .await
        .unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("\"later\""), "{text}");
}

#[test]
fn a_caught_panic_does_not_end_the_mock() {
    let ivs = impatient();
    let bob = ivs.create_room("lobby").participant("bob");
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _outage = ivs.outage();
        panic!("caught");
    }));
    assert!(caught.is_err());
    // The outage has ended, although a panic ended it.
    let text = failure(|| bob.expect_message("hi").wait());
    assert!(text.contains("outages:\n  in effect since #5 until a panic of the test"), "{text}");
}

#[test]
fn two_rooms_of_one_name_are_told_apart() {
    let ivs = impatient();
    let alice = ivs.create_room("lobby").participant("alice");
    let bob = ivs.create_room("lobby").participant("bob");
    let other = ivs.create_room("other").participant("other");
    alice.send_message("hi");
    let text = failure(|| bob.expect_message("hi").wait());
    let section = "rooms of the same name:\n  \"lobby\" is the name of 2 rooms: \
                   Room00000001 (alice), Room00000002 (bob)\n";
    assert!(text.contains(section), "{text}");
    // A failure that is about another room says nothing of them.
    let text = failure(|| other.expect_message("never").wait());
    assert!(!text.contains("rooms of the same name"), "{text}");
}

#[test]
fn an_outage_in_effect_is_named_after_many_that_caught_panics_have_ended() {
    let ivs = impatient();
    let _outage = ivs.outage();
    let line = line!() - 1;
    for _ in 0..5 {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _outage = ivs.outage();
            std::panic::resume_unwind(Box::new("caught"));
        }));
        caught.unwrap_err();
    }
    let text = failure(|| ivs.log().expect_message("hi").wait());
    assert!(text.contains(&format!("begun at tests/it/failure_traces.rs:{line}:23\n")), "{text}");
    assert_eq!(text.matches("until a panic of the test").count(), 3, "{text}");
}
