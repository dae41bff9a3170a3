//! Failures of waits beside reviews that failed and closures that have not returned.

use std::panic::panic_any;
use std::sync::mpsc;
use std::time::Duration;

use mock_ivs_chat::hook::ActionVerdict;
use mock_ivs_chat::{ErrorCode, MockIvsChat, ReviewResponse, Room};
use rstest::rstest;
use serde_json::json;

use crate::failure_texts::{assert_is_short, impatient};
use crate::support::frozen;
use crate::waits::failure;

/// The position of a part of a text; all of a section that comes before it is above it.
fn place(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_else(|| panic!("{part:?} is missing in:\n{text}"))
}

/// Sends a message whose review ends with a fallback, and returns the failures of two waits: one
/// for the rejection, and one for the message.
fn failures_beside(set_handler: impl Fn(&MockIvsChat, &Room)) -> [String; 2] {
    [true, false].map(|is_for_error| {
        let ivs = impatient();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        set_handler(&ivs, &room);
        alice.send_message("hi");
        ivs.advance(Duration::from_millis(200));
        let text = match is_for_error {
            true => failure(|| alice.expect_error(ErrorCode::NotAcceptable).wait()),
            false => failure(|| bob.expect_message("ho").wait()),
        };
        let _ = ivs.finish().wait();
        assert_is_short(&text);
        // A section that is wrapped is compared as one line.
        text.replace("\n    ", " ")
    })
}

#[rstest]
#[case::timeout(|room: &Room| room.review_with_async(|_| std::future::pending()), "timed out after 200ms")]
#[case::response_that_never_comes(|room: &Room| room.review_with(|_| ReviewResponse::time_out()), "timed out after 200ms")]
#[case::invalid(|room: &Room| room.review_with_json(|_| json!({ "ReviewResult": "deny" })), "returned an invalid response: ReviewResult must be ALLOW or DENY")]
#[case::too_long(|room: &Room| room.review_with(|_| ReviewResponse::allow().content("x".repeat(501))), "returned an invalid response: Content has 501 characters, and the maximum is 500")]
#[case::panic(|room: &Room| room.review_with(|_| panic!("no idea")), "panicked")]
#[case::failure(|room: &Room| room.review_with(|_| ReviewResponse::fail()), "failed")]
fn a_failed_review_is_above_the_timeline_with_its_handler_and_the_fallback(
    #[case] set_handler: fn(&Room),
    #[case] outcome: &str,
) {
    for text in failures_beside(|_, room| set_handler(room)) {
        let section = place(&text, "\nreviews that failed:\n  the review handler at tests/it/");
        let end =
            place(&text, &format!(" {outcome}; fallback ALLOW was applied to Message00001, at #"));
        assert!(section < end && end < place(&text, "connects to lobby"), "{text}");
    }
}

#[test]
fn a_failed_review_by_a_lambda_function_has_the_line_that_sets_it() {
    let arn = "arn:aws:lambda:us-west-2:123456789012:function:review";
    for text in failures_beside(|ivs, room| {
        let handler = json!({ "uri": arn, "fallbackResult": "ALLOW" });
        room.update().with("messageReviewHandler", handler).apply();
        ivs.review_lambda(arn, |_| ReviewResponse::fail());
    }) {
        let whose = format!("the review handler {arn} at tests/it/failure_reviews.rs:");
        assert!(
            place(&text, &whose) < place(&text, " failed; fallback ALLOW was applied"),
            "{text}"
        );
    }
}

#[rstest]
#[case::delay(|ivs: &MockIvsChat| drop(ivs.on_review().delay(Duration::from_secs(1))), "kept the review until it timed out after 200ms")]
#[case::response(|ivs: &MockIvsChat| drop(ivs.on_review().respond(ReviewResponse::fail())), "failed")]
#[case::timeout(|ivs: &MockIvsChat| drop(ivs.on_review().respond(ReviewResponse::time_out())), "kept the review until it timed out after 200ms")]
fn a_review_that_a_hook_fails_names_the_hook_and_not_the_handler(
    #[case] install: fn(&MockIvsChat),
    #[case] outcome: &str,
) {
    for text in failures_beside(|ivs, room| {
        room.review_with(|_| ReviewResponse::allow());
        install(ivs);
    }) {
        let whose = "\nreviews that failed:\n  hook 1 at tests/it/failure_reviews.rs:";
        assert!(place(&text, whose) < place(&text, &format!(" {outcome}; fallback")), "{text}");
        assert!(!text.contains("the review handler"), "{text}");
    }
}

#[test]
fn a_report_lists_failed_reviews_first() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    room.review_with_json(|_| json!({ "ReviewResult": "deny" }));
    ivs.on_action().named("never").containing("ho").ignore();
    room.participant("alice").send_message("hi");
    ivs.log().expect_message("hi").wait();
    let report = ivs.report().to_string();
    assert!(report.starts_with("reviews that failed:\n  the review handler at "), "{report}");
}

#[test]
fn a_closure_that_has_not_returned_is_above_the_timeline_and_always_the_same() {
    let texts = [2, 60].map(|millis| {
        let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(millis)).start();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        let (release, released) = mpsc::channel::<()>();
        ivs.on_action().named("stuck").decide(move |_| {
            let _ = released.recv();
            ActionVerdict::Pass
        });
        alice.send_message("hi");
        let text = failure(|| bob.expect_message("hi").wait());
        drop(release);
        text.lines()
            .find(|line| line.contains("the closure of"))
            .map(str::to_owned)
            .filter(|line| place(&text, line) < place(&text, "connects to lobby"))
    });
    let line = "  the closure of \"stuck\" at tests/it/failure_reviews.rs:";
    assert!(texts[0].as_ref().is_some_and(|text| text.starts_with(line)), "{texts:?}");
    assert!(texts[0].as_ref().is_some_and(|text| text.ends_with("has not returned")), "{texts:?}");
    assert_eq!(texts[0], texts[1]);
}

/// The payload of a panic. The mock drops it after it has recorded the panic, and before it applies
/// the answer of the closure.
struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        let (_sender, never) = mpsc::channel::<()>();
        never.recv_timeout(Duration::from_millis(100)).unwrap_err();
    }
}

#[rstest]
#[case::on_a_thread(|room: &Room| room.review_with(|_| panic_any(Slow)))]
#[case::asynchronous(|room: &Room| room.review_with_async(|_| async { panic_any(Slow) }))]
fn a_handler_that_panics_is_never_shown_as_one_that_has_not_returned(
    #[case] set_handler: fn(&Room),
) {
    // On a clock that stands still, the review does not time out before the answer.
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    set_handler(&room);
    let alice = room.participant("alice");
    let sender = room.participant("sender");
    let sending = std::thread::spawn(move || drop(sender.send_message("hi")));
    let text = failure(|| alice.expect_error(ErrorCode::NotAcceptable).wait());
    assert!(text.contains(" panicked; fallback ALLOW was applied"), "{text}");
    assert!(!text.contains("closures that have not returned"), "{text}");
    sending.join().unwrap();
    ivs.finish().wait().unwrap_err();
}
