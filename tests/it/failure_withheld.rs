//! Failures of waits for a message that is withheld: by a gate, a delay, a hook that reorders, or a
//! stalled connection, on its way to the client or before.

use std::time::Duration;

use mock_ivs_chat::hook::DeliveryVerdict;
use mock_ivs_chat::log::Matcher;
use mock_ivs_chat::{MockIvsChat, ReviewResponse};
use rstest::rstest;

use crate::failure_texts::{assert_is_short, impatient};
use crate::waits::failure;

/// Withholds a message of alice to bob, and returns the failure of a wait of bob, up to the
/// timeline, with the lines of this file as `N`.
fn nearest_beside(withhold: fn(&MockIvsChat)) -> String {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    room.review_with(|_| ReviewResponse::allow());
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    withhold(&ivs);
    alice.send_message("hi");
    let texts = [
        failure(|| bob.expect_message("hi").wait()),
        failure(|| ivs.log().user("bob").expect_message("hi").wait()),
        failure(|| ivs.log().expect(Matcher::message().to("bob").content("hi")).wait()),
    ];
    texts.iter().for_each(|text| assert_is_short(text));
    let nearest = texts.map(|text| {
        let nearest = text.split("\n\n").nth(1).unwrap_or_default();
        let mut parts = nearest.split("failure_withheld.rs:");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
            format!("{text}failure_withheld.rs:N{rest}")
        })
    });
    let [of_participant, of_view, of_matcher] = nearest;
    assert_eq!(of_participant, of_view);
    assert_eq!(of_participant, of_matcher);
    of_participant
}

#[rstest]
#[case::gate(|ivs: &MockIvsChat| std::mem::forget(ivs.on_delivery().to("bob").hold()), "held by hook 1\n  at tests/it/failure_withheld.rs:N, until `Gate::release`")]
#[case::gate_of_a_closure(|ivs: &MockIvsChat| {
    let gate = ivs.gate();
    ivs.on_delivery().to("bob").named("late").decide(move |_| DeliveryVerdict::hold(&gate));
}, "held by hook \"late\"\n  at tests/it/failure_withheld.rs:N, until `Gate::release`")]
#[case::delay(|ivs: &MockIvsChat| drop(ivs.on_delivery().to("bob").delay(Duration::from_secs(60))), "delayed 1m by hook 1\n  at tests/it/failure_withheld.rs:N, until +60.000")]
#[case::real_time(|ivs: &MockIvsChat| drop(ivs.on_delivery().to("bob").delay_real_time(Duration::from_secs(60))), "delayed 1m of real time by hook 1\n  at tests/it/failure_withheld.rs:N")]
#[case::reorder(|ivs: &MockIvsChat| drop(ivs.on_delivery().to("bob").reorder()), "reordered by hook 1\n  at tests/it/failure_withheld.rs:N, until another frame is sent to bob")]
#[case::dropped(|ivs: &MockIvsChat| drop(ivs.on_delivery().to("bob").drop_frame()), "dropped by hook 1\n  at tests/it/failure_withheld.rs:N")]
#[case::stalled_by_a_hook(|ivs: &MockIvsChat| drop(ivs.on_delivery().to("bob").stall()), "withheld from a stalled connection by hook 1\n  at tests/it/failure_withheld.rs:N, until `Connection::resume`")]
fn the_own_copy_of_a_frame_is_the_nearest_with_the_line_and_the_end_of_what_withholds_it(
    #[case] withhold: fn(&MockIvsChat),
    #[case] why: &str,
) {
    let nearest = nearest_beside(withhold);
    let (named, reason) = nearest.split_once(" matches, but was ").unwrap_or((&nearest, ""));
    assert!(
        named.starts_with("nearest: #") && named.ends_with(" (bob: MESSAGE \"hi\")"),
        "{nearest}"
    );
    assert_eq!(reason, why);
}

#[rstest]
#[case::gate(|ivs: &MockIvsChat| std::mem::forget(ivs.on_action().from("alice").hold()), "held by hook 1\n  at tests/it/failure_withheld.rs:N, until `Gate::release`")]
#[case::delay(|ivs: &MockIvsChat| drop(ivs.on_action().delay(Duration::from_secs(60))), "delayed 1m by hook 1\n  at tests/it/failure_withheld.rs:N, until +60.000")]
#[case::reorder(|ivs: &MockIvsChat| drop(ivs.on_action().reorder()), "reordered by hook 1\n  at tests/it/failure_withheld.rs:N, until alice sends another action")]
#[case::ignored(|ivs: &MockIvsChat| drop(ivs.on_action().ignore()), "ignored by hook 1\n  at tests/it/failure_withheld.rs:N")]
#[case::review(|ivs: &MockIvsChat| std::mem::forget(ivs.on_review().hold()), "held by hook 1\n  at tests/it/failure_withheld.rs:N, until `Gate::release`")]
fn a_message_that_is_withheld_before_the_service_sends_it_is_the_nearest(
    #[case] withhold: fn(&MockIvsChat),
    #[case] why: &str,
) {
    let nearest = nearest_beside(withhold);
    let parts = nearest.split_once(" would be sent to bob, but was ");
    let (named, reason) = parts.unwrap_or((&nearest, ""));
    assert!(
        named.starts_with("nearest: #") && named.ends_with(" (alice: SEND_MESSAGE \"hi\")"),
        "{nearest}"
    );
    assert_eq!(reason, why);
}

#[test]
fn an_action_that_is_withheld_in_another_room_or_has_other_content_is_not_the_nearest() {
    let ivs = impatient();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let (alice, bob) = (lobby.participant("alice"), stage.participant("bob"));
    ivs.on_action().from("alice").ignore();
    alice.send_message("hi");
    let elsewhere = failure(|| bob.expect_message("hi").wait());
    let other = failure(|| alice.expect_message("ho").wait());
    let carol = lobby.participant("carol");
    carol.disconnect();
    let gone = failure(|| ivs.log().user("carol").expect_message("hi").wait());
    assert!(!gone.contains("would be sent"), "{gone}");
    assert!(!elsewhere.contains("would be sent"), "{elsewhere}");
    assert!(!other.contains("would be sent"), "{other}");
}

#[test]
fn frames_to_and_from_a_stalled_participant_are_counted() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    bob.connection().stall();
    alice.send_message("hi");
    let nearest = "nearest: #11 (bob: MESSAGE \"hi\") matches, but was withheld from a stalled \
                   connection\n  until `Connection::resume`\n";
    let text = failure(|| bob.expect_message("hi").wait());
    assert!(text.contains(nearest), "{text}");
    bob.connection().resume();
    alice.connection().stall();
    alice.send_message("one");
    alice.send_message("two");
    let text = failure(|| bob.expect_message("one").wait());
    let stalled = "  alice is stalled until `Connection::resume`, with 2 frames from it withheld\n";
    assert!(text.contains(stalled), "{text}");
}

#[test]
fn a_gate_whose_hook_is_no_longer_in_the_log_still_says_how_to_release_it() {
    let ivs = impatient();
    let alice = ivs.create_room("lobby").participant("alice");
    let _gate = ivs.on_delivery().hold();
    alice.send_message("hi");
    ivs.clear_log();
    let text = failure(|| alice.expect_message("hi").wait());
    assert!(text.contains("gates:\n  1 event waits until `Gate::release`\n"), "{text}");
}
