//! Tests that the service does not remember what has ended.

use serde_json::json;

use super::{LAMBDA, Scene};
use crate::proto::operation::Operation;
use crate::proto::request::FallbackResult;
use crate::service::output::{ReviewEnd, ReviewOutcome};
use crate::service::quota::Quotas;
use crate::service::session::Refusal;

const MANY: u64 = 5_000;

#[test]
fn used_tokens_and_ended_sessions_take_no_memory() {
    let mut scene = Scene::with_quotas(Quotas::unlimited());
    let room = scene.room(json!({}));
    let mut tokens = Vec::new();
    for number in 0..MANY {
        let token = scene.token(&room, "alice");
        let connection = scene.try_connect(&token).unwrap();
        assert!(scene.service.remove_session(connection));
        if number % 1_000 == 0 {
            tokens.push((number, token));
        }
    }
    assert_eq!(scene.service.used_tokens.interval_count(), 1);
    assert_eq!((scene.service.sessions.len(), scene.service.deadlines.len()), (0, 0));
    assert!(scene.service.rooms.values().all(|room| room.members.is_empty()));
    for (number, token) in tokens {
        assert_eq!(scene.try_connect(&token), Err(Refusal::UsedToken));
        let label = format!("[token-{}]", number + 1);
        assert_eq!(scene.service.token_label(&token), Some(label));
    }
}

#[test]
fn expired_tokens_take_no_memory() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let tokens: Vec<_> = (0..1_000).map(|_| scene.token(&room, "alice")).collect();
    assert_eq!(scene.service.used_tokens.interval_count(), 0);
    scene.advance(3_600_000);
    for token in tokens {
        assert_eq!(scene.try_connect(&token), Err(Refusal::ExpiredToken));
    }
    assert_eq!(scene.service.used_tokens.interval_count(), 0);
}

#[test]
fn old_revisions_are_forgotten_unless_a_page_needs_them() {
    let mut scene = Scene::new();
    let (room, other) = (scene.room(json!({})), scene.room(json!({})));
    let revisions = |scene: &Scene| {
        let histories = scene.service.rooms.values().map(|room| room.history.revision_count());
        histories.collect::<Vec<_>>()
    };
    for _ in 0..MANY {
        scene.call(Operation::UpdateRoom, json!({ "identifier": room }));
    }
    assert_eq!(revisions(&scene), [1, 1]);
    for _ in 0..1_100 {
        scene.call(Operation::ListRooms, json!({ "maxResults": 1 }));
        scene.call(Operation::UpdateRoom, json!({ "identifier": room }));
        scene.call(Operation::ListRooms, json!({ "maxResults": 2 }));
    }
    assert_eq!(revisions(&scene), [1_001, 1]);
    scene.call(Operation::UpdateRoom, json!({ "identifier": other }));
    assert_eq!(revisions(&scene), [1_001, 2]);
}

#[test]
fn finished_reviews_and_idle_rates_take_no_memory() {
    let mut scene = Scene::new();
    let handler = json!({ "uri": LAMBDA });
    let room = scene.room(json!({ "messageReviewHandler": handler }));
    let alice = scene.connect(&room, "alice");
    for review in 1..=1_000 {
        scene.advance(100);
        let sent = scene.send_message(alice, "hello");
        assert!(sent[0].starts_with("review "), "{sent:?}");
        assert_eq!(
            scene.review(review, ReviewOutcome::Failed).0,
            Some(ReviewEnd::Fallback(FallbackResult::Allow))
        );
    }
    assert_eq!((scene.service.reviews.len(), scene.service.deadlines.len()), (0, 1));
    assert_eq!(scene.service.rates.len(), 1);
}
