//! Expectations, the report, and what the end of a mock does with them.

use mock_ivs_chat::{ErrorCode, MockIvsChat};
use rstest::rstest;
use serde_json::json;

use crate::support::{connect, full_token, unlimited};

fn panic_text(act: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

fn fired(times: usize, expect: fn(&MockIvsChat)) -> MockIvsChat {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    expect(&ivs);
    (0..times).for_each(|_| drop(alice.send_message("hello")));
    ivs
}

#[rstest]
#[case::exactly(|ivs: &MockIvsChat| drop(ivs.on_action().named("h").expect(2..=2).ignore()), 1, "hook \"h\": expected to fire 2 times, but it fired once")]
#[case::at_least(|ivs: &MockIvsChat| drop(ivs.on_action().named("h").expect(2..).ignore()), 0, "hook \"h\": expected to fire at least 2 times, but it never fired")]
#[case::at_most(|ivs: &MockIvsChat| drop(ivs.on_action().named("h").expect(..2).ignore()), 3, "hook \"h\": expected to fire at most once, but it fired 3 times")]
#[case::between(|ivs: &MockIvsChat| drop(ivs.on_action().named("h").expect(1..=3).ignore()), 4, "hook \"h\": expected to fire 1 to 3 times, but it fired 4 times")]
fn an_unmet_expectation_is_reported_in_a_sentence(
    #[case] expect: fn(&MockIvsChat),
    #[case] times: usize,
    #[case] sentence: &str,
) {
    let ivs = fired(times, expect);
    let text = panic_text(|| ivs.verify());
    assert!(text.starts_with(sentence) && text.contains("> CreateRoom"), "{text}");
    assert_eq!(ivs.finish().wait().unwrap_err().unmet(), [sentence]);

    let ivs = fired(times, expect);
    let text = panic_text(|| drop(ivs));
    assert!(text.starts_with("the mock started at tests/it/"), "{text}");
    let place = format!(" has failed its test:\n\n{sentence}\n  on_action()");
    assert!(text.contains(&place), "{text}");
    assert!(text.contains("\n  at tests/it/verification.rs:"), "{text}");
}

#[test]
fn a_met_expectation_is_not_reported() {
    let ivs = fired(2, |ivs| drop(ivs.on_action().expect(1..=3).ignore()));
    ivs.verify();
    let report = ivs.finish().wait().unwrap();
    assert!(report.unmet().is_empty() && report.never_fired().is_empty());
}

#[tokio::test]
async fn open_connections_do_not_prevent_verification() {
    let ivs = unlimited();
    let mut alice = connect(&ivs, &full_token(&ivs.create_room("lobby"), "alice")).await;
    ivs.on_action().expect(1..=1).reject(ErrorCode::NotAcceptable, "no");
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "hello" })).await;
    ivs.settled().await;
    ivs.verify();
    ivs.finish().wait().expect("the expectation is met");
    assert_eq!(alice.next_frame().await["ErrorCode"], 406);
}

#[test]
fn a_hook_that_was_removed_is_held_to_its_expectation() {
    let ivs = fired(0, |ivs| ivs.on_action().named("h").expect(1..).ignore().remove());
    assert_eq!(ivs.finish().wait().unwrap_err().unmet().len(), 1);
}

#[test]
fn a_test_that_panics_keeps_its_own_panic() {
    let text = panic_text(|| {
        let ivs = unlimited();
        ivs.on_action().expect(1..).ignore();
        panic!("{}", "the test's own");
    });
    assert_eq!(text, "the test's own");
}

#[test]
fn a_report_has_additional_hints() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_handshake().named("never").refuse(503, "no");
    ivs.on_action().named("often").reject(ErrorCode::Forbidden, "no");
    alice.send_message("hello");
    drop(alice);
    let report = ivs.finish().wait().unwrap();
    assert_eq!(report.never_fired(), ["never"]);
    assert!(report.transcript().contains("rejected with 403 by \"often\""));
    assert!(
        report.to_string().starts_with("hooks that have not fired:\n  hook \"never\": "),
        "{report}"
    );
}

#[tokio::test]
async fn frames_of_a_client_count_although_the_mock_is_dropped_right_after() {
    for run in 0..40 {
        let ivs = unlimited();
        let room = ivs.create_room("lobby");
        let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
        if run % 2 == 0 {
            ivs.on_action().named("never").expect(0).ignore();
            alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "hello" })).await;
            let text = panic_text(|| drop(ivs));
            assert!(
                text.contains("\n\nhook \"never\": expected not to fire, but it fired once"),
                "{run}: {text}"
            );
        } else {
            ivs.on_action().named("once").expect(1).ignore();
            alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "hello" })).await;
            drop(ivs);
        }
    }
}
