//! Tests of message review.

use serde_json::json;

use super::{LAMBDA, Scene};
use crate::proto::attributes::Attributes;
use crate::proto::operation::Operation;
use crate::proto::request::FallbackResult;
use crate::service::Settings;
use crate::service::output::{ReviewEnd, ReviewOutcome};

/// Returns a scene in which alice has sent "hello", which waits for its review.
fn pending(fallback_result: &str) -> Scene {
    let mut scene = Scene::new();
    let handler = json!({ "uri": LAMBDA, "fallbackResult": fallback_result });
    let room = scene.room(json!({ "messageReviewHandler": handler, "maximumMessageLength": 5 }));
    let alice = scene.connect(&room, "alice");
    scene.connect(&room, "bob");
    assert_eq!(scene.send_message(alice, "hello"), [format!("review 1 1 {LAMBDA} {room}")]);
    scene
}

fn allow(content: Option<&str>, attributes: Option<Attributes>) -> ReviewOutcome {
    ReviewOutcome::Allow { content: content.map(Into::into), attributes }
}

fn deny(attributes: Option<Attributes>) -> ReviewOutcome {
    ReviewOutcome::Deny { attributes }
}

fn of_bytes(count: usize) -> Attributes {
    Attributes::from([("a", "b".repeat(count - 1))])
}

const UNCHANGED: &str = r#"[1, 2] Message00001 r1 "hello" from alice {} attributes null"#;
const DENIED: &str =
    r#"[1] Message00001 "r1" 406 Not Acceptable message was rejected during review"#;

#[test]
fn an_allowed_message_is_sent_as_it_is_or_changed() {
    assert_eq!(
        pending("DENY").review(1, allow(None, None)),
        (Some(ReviewEnd::Decided), vec![UNCHANGED.into()])
    );
    let changed = pending("DENY").review(1, allow(Some("HELLO"), Some([("a", "b")].into())));
    let frame = r#"[1, 2] Message00001 r1 "HELLO" from alice {} attributes {"a":"b"}"#;
    assert_eq!(changed, (Some(ReviewEnd::Decided), vec![frame.into()]));
}

#[test]
fn a_denied_message_is_an_error_for_its_sender() {
    assert_eq!(
        pending("ALLOW").review(1, deny(None)),
        (Some(ReviewEnd::Decided), vec![DENIED.into()])
    );
    let with_reason = pending("ALLOW").review(1, deny(Some([("Reason", "spam")].into())));
    let error = r#"[1] Message00001 "r1" 406 Not Acceptable spam"#;
    assert_eq!(with_reason, (Some(ReviewEnd::Decided), vec![error.into()]));
}

#[test]
fn an_invalid_outcome_is_replaced_by_the_fallback_result() {
    let invalid = [
        ReviewOutcome::Failed,
        allow(Some(""), None),
        allow(Some("hello!"), None),
        allow(Some("hi"), Some(of_bytes(1_025))),
        deny(Some(of_bytes(1_025))),
    ];
    for outcome in invalid {
        let allowed = pending("ALLOW").review(1, outcome.clone());
        assert_eq!(
            allowed,
            (Some(ReviewEnd::Fallback(FallbackResult::Allow)), vec![UNCHANGED.into()]),
            "{outcome:?}"
        );
        let denied = pending("DENY").review(1, outcome.clone());
        assert_eq!(
            denied,
            (Some(ReviewEnd::Fallback(FallbackResult::Deny)), vec![DENIED.into()]),
            "{outcome:?}"
        );
    }
}

#[test]
fn the_largest_outcomes_are_valid() {
    let outcomes = [
        allow(Some("ä"), None),
        allow(Some("äöüäö"), Some(of_bytes(1_024))),
        deny(Some(of_bytes(1_024))),
    ];
    for outcome in outcomes {
        assert_eq!(pending("ALLOW").review(1, outcome).0, Some(ReviewEnd::Decided));
    }
}

#[test]
fn a_review_has_200_ms() {
    let mut scene = pending("DENY");
    assert_eq!(scene.advance(199), [""; 0]);
    assert_eq!(scene.advance(1), ["timed out Message00001".to_owned(), DENIED.to_owned()]);
    assert_eq!(scene.review(1, allow(None, None)), (None, vec![]));
    let mut scene = pending("ALLOW");
    assert_eq!(scene.advance(200), ["timed out Message00001".to_owned(), UNCHANGED.to_owned()]);
}

#[test]
fn a_finished_review_has_no_deadline_and_no_second_outcome() {
    let mut scene = pending("DENY");
    assert_eq!(scene.review(2, deny(None)), (None, vec![]));
    assert_eq!(scene.review(1, allow(None, None)).0, Some(ReviewEnd::Decided));
    assert_eq!(scene.review(1, allow(None, None)), (None, vec![]));
    assert_eq!(scene.advance(1_000), [""; 0]);
}

#[test]
fn a_denial_for_a_sender_that_has_left_has_no_effect() {
    let mut scene = pending("DENY");
    scene.service.remove_session(crate::service::ConnectionId(1));
    assert_eq!(scene.review(1, deny(None)), (Some(ReviewEnd::Decided), vec![]));
}

#[test]
fn a_removed_handler_is_not_asked() {
    let mut scene = Scene::with(Settings::default());
    let room = scene.room(json!({ "messageReviewHandler": { "uri": LAMBDA } }));
    let alice = scene.connect(&room, "alice");
    let request = json!({ "identifier": room, "messageReviewHandler": { "uri": "" } });
    let updated = scene.call(Operation::UpdateRoom, request);
    assert_eq!(updated["messageReviewHandler"], json!({ "uri": "", "fallbackResult": "ALLOW" }));
    assert!(scene.send_message(alice, "hello")[0].contains("Message00001"));
}
