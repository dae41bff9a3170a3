//! Deliveries: each verdict of a hook on them, and each form of a corrupted frame.

use std::time::Duration;

use rstest::rstest;

use super::scene::{Scene, always, asks, containing, user};
use crate::engine::io::Input;
use crate::hook::delivery::{Corruption, DeliveryVerdict};
use crate::hook::event::HookVerdict;
use crate::hook::filter::{Filter, FrameKind};
use crate::hook::registry::AnyRule;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{ChatError, Frame};
use crate::proto::payload::Payload;
use crate::service::ConnectionId;

/// A verdict about "hi" of bob on its way to alice, the outputs, and the text for the log.
type Case = (DeliveryVerdict, &'static [&'static str], &'static str);

fn cases() -> Vec<Case> {
    let change = Frame::Error(ChatError {
        id: "Error0000001".into(),
        request_id: String::new(),
        error_code: ErrorCode::TooManyRequests,
        error_message: "slow".into(),
    });
    let disconnect =
        DeliveryVerdict::Disconnect { code: CloseCode::INTERNAL_ERROR, reason: "oops".into() };
    vec![
        (DeliveryVerdict::Drop, &[], "dropped"),
        (DeliveryVerdict::Change(change), &["send [1] ERROR 429 slow"], "changed"),
        (DeliveryVerdict::Replace("text".into()), &["send [1] text"], "replaced"),
        (
            DeliveryVerdict::Corrupt(Corruption::Binary),
            &[r#"send [1] binary {"Type":"MESSAGE""#],
            "corrupted: Binary",
        ),
        (
            DeliveryVerdict::Duplicate,
            &[r#"send [1] MESSAGE "hi""#, r#"send [1] MESSAGE "hi""#],
            "duplicated",
        ),
        (DeliveryVerdict::Reorder, &[], "reordered"),
        (disconnect, &["finish 1 1011 oops"], "disconnected"),
        (DeliveryVerdict::Reset, &["reset 1", "remove 1"], "reset"),
        (DeliveryVerdict::Stall, &["stall 1"], "stalled"),
        (DeliveryVerdict::Delay(Duration::from_millis(1)), &[], "delayed 1ms"),
        (
            DeliveryVerdict::DelayRealTime(Duration::from_millis(1)),
            &["timer 1 1ms"],
            "delayed 1ms of real time",
        ),
    ]
}

#[track_caller]
fn assert_begins(lines: &[String], expected: &[&str], verdict: &DeliveryVerdict) {
    let begins = |(line, expected): (&String, &&str)| line.starts_with(expected);
    let is_expected = lines.len() == expected.len() && lines.iter().zip(expected).all(begins);
    assert!(is_expected, "{verdict:?}: {lines:?}");
}

#[test]
fn each_verdict_has_its_effect_from_a_value_and_from_a_closure() {
    for (verdict, outputs, effect) in cases() {
        let mut scene = Scene::new();
        let (_, bob) = scene.alice_and_bob();
        let hook = scene.install(AnyRule::Delivery(always(user("alice"), verdict.clone())));
        let mut lines = scene.send(bob, "hi");
        assert_eq!(lines.pop().unwrap(), r#"send [2] MESSAGE "hi""#, "{verdict:?}");
        assert_begins(&lines, outputs, &verdict);
        let line = format!("alice ~ {effect} by \"h\"");
        assert!(scene.log().iter().any(|logged| logged.contains(&line)), "{verdict:?}");
        assert_eq!(scene.engine.hook_hits(hook), 1);

        let mut scene = Scene::new();
        let (_, bob) = scene.alice_and_bob();
        scene.install(AnyRule::Delivery(asks(user("alice"))));
        assert_eq!(scene.send(bob, "hi").len(), 2);
        let lines = scene.verdict(1, HookVerdict::Delivery(verdict.clone()));
        assert_begins(&lines, outputs, &verdict);
        assert!(scene.log().iter().any(|logged| logged.contains(&line)), "{verdict:?}");
    }
}

#[test]
fn a_delivery_that_passes_a_value_leaves() {
    let mut scene = Scene::new();
    let (_, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Delivery(always(user("alice"), DeliveryVerdict::Pass)));
    let sent = [r#"send [1] MESSAGE "hi""#, r#"send [2] MESSAGE "hi""#];
    assert_eq!(scene.send(bob, "hi"), sent);
}

#[test]
fn a_delivery_is_held_until_its_gate_opens() {
    let mut scene = Scene::new();
    let (_, bob) = scene.alice_and_bob();
    let gate = scene.gate();
    scene.install(AnyRule::Delivery(always(user("alice"), DeliveryVerdict::Hold(gate))));
    scene.send(bob, "a");
    scene.send(bob, "b");
    assert_eq!(scene.engine.waiting_at(gate), 2);
    let lines = scene.release_one(gate);
    assert_eq!(lines, [r#"send [1] MESSAGE "a""#, "released true"]);
    assert_eq!(scene.open(gate), [r#"send [1] MESSAGE "b""#]);
    assert_eq!(scene.release_one(gate), ["released false"]);
}

#[test]
fn reordered_frames_follow_the_next_one_in_their_order() {
    let mut scene = Scene::new();
    let (_, bob) = scene.alice_and_bob();
    let late = Filter { user_id: Some("alice".into()), ..containing("late") };
    let hook = scene.install(AnyRule::Delivery(always(late, DeliveryVerdict::Reorder)));
    scene.send(bob, "late 1");
    scene.send(bob, "late 2");
    scene.remove(hook);
    assert_eq!(
        scene.send(bob, "next"),
        [
            r#"send [1] MESSAGE "next""#,
            r#"send [1] MESSAGE "late 1""#,
            r#"send [1] MESSAGE "late 2""#,
            r#"send [2] MESSAGE "next""#
        ]
    );
    assert_eq!(scene.send(bob, "last"), [r#"send [1, 2] MESSAGE "last""#]);
}

#[test]
fn connections_that_end_by_a_verdict_leave_their_room() {
    let reason = String::new();
    let verdicts = [
        DeliveryVerdict::Disconnect { code: CloseCode::GOING_AWAY, reason },
        DeliveryVerdict::Reset,
        DeliveryVerdict::Corrupt(Corruption::Truncated),
    ];
    for verdict in verdicts {
        let mut scene = Scene::new();
        let (alice, bob) = scene.alice_and_bob();
        scene.install(AnyRule::Delivery(always(user("alice"), verdict)));
        scene.send(bob, "hi");
        assert!(!scene.engine.is_connected(alice) && scene.engine.is_connected(bob));
        assert_eq!(scene.send(bob, "b"), [r#"send [2] MESSAGE "b""#]);
    }
}

#[test]
fn a_stalled_connection_stays_in_its_room() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    let hook = scene.install(AnyRule::Delivery(always(user("alice"), DeliveryVerdict::Stall)));
    scene.send(bob, "hi");
    scene.remove(hook);
    scene.log();
    assert_eq!(scene.send(bob, "b"), [r#"send [2] MESSAGE "b""#]);
    assert!(scene.engine.is_connected(alice));
    assert!(scene.log().iter().any(|line| line.contains("alice ~ withheld from a stalled")));
}

#[test]
fn a_closed_connection_is_closed_once() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Delivery(asks(user("alice"))));
    scene.send(bob, "hi");
    scene.close(alice);
    scene.log();
    let reason = String::new();
    let verdict = DeliveryVerdict::Disconnect { code: CloseCode::GOING_AWAY, reason };
    assert!(scene.verdict(1, HookVerdict::Delivery(verdict)).is_empty());
    assert_eq!(scene.log().len(), 1);
}

/// Each corruption of "hi" of bob on its way to alice.
#[rstest]
#[case(Corruption::UnknownType, &[r#"{"Type":"NOTICE","Id":"Message00001""#])]
#[case(Corruption::MissingMember("Id".into()), &[r#"{"Type":"MESSAGE","RequestId":"r1""#])]
#[case(Corruption::InvalidUtf8, &[r#"{"Type":"MESSAGE""#])]
#[case(Corruption::ReservedBit, &[r#"MESSAGE "hi" (false false true 0)"#])]
fn a_corrupted_frame_has_its_form(#[case] form: Corruption, #[case] expected: &[&str]) {
    let verdict = DeliveryVerdict::Corrupt(form);
    let lines = corrupted(verdict.clone());
    let expected: Vec<_> = expected.iter().map(|text| format!("send [1] {text}")).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    assert_begins(&lines, &expected, &verdict);
}

/// Returns the outputs for alice.
fn corrupted(verdict: DeliveryVerdict) -> Vec<String> {
    let mut scene = Scene::new();
    let (_, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Delivery(always(user("alice"), verdict)));
    let mut lines = scene.send(bob, "hi");
    lines.pop();
    lines
}

/// The length of the text of "hi" of bob.
fn length() -> usize {
    text(DeliveryVerdict::Corrupt(Corruption::Binary)).len() - "binary ".len()
}

fn text(verdict: DeliveryVerdict) -> String {
    corrupted(verdict).remove(0).trim_start_matches("send [1] ").to_owned()
}

#[test]
fn corrupted_frames_have_their_lengths() {
    let of = |corruption| text(DeliveryVerdict::Corrupt(corruption));
    assert_eq!(of(Corruption::InvalidJson).len(), length() / 2);
    assert!(of(Corruption::InvalidUtf8).ends_with("}\u{fffd}"));
    let oversize = of(Corruption::Oversize(length() + 5));
    // The text with spaces after it is still a message.
    assert_eq!(oversize, r#"MESSAGE "hi""#);
    assert!(!of(Corruption::MissingMember("Content".into())).contains("Content"));
}

#[test]
fn an_oversize_frame_has_exactly_as_many_bytes() {
    use crate::engine::corrupt::corrupted;
    let bytes = |wanted| {
        let frames = corrupted(&Corruption::Oversize(wanted), "{}");
        assert_eq!(frames.len(), 1);
        frames[0].payload.bytes().clone()
    };
    assert_eq!(
        (&bytes(5)[..], &bytes(2)[..], &bytes(0)[..]),
        (&b"{}   "[..], &b"{}"[..], &b"{}"[..])
    );
}

#[test]
fn fragments_continue_each_other_until_the_last() {
    use crate::engine::corrupt::corrupted;
    let pieces = |longest| {
        let frames = corrupted(&Corruption::Fragmented(longest), "abcde");
        let piece = |frame: &crate::proto::wire_frame::WireFrame| {
            let text = String::from_utf8_lossy(frame.payload.bytes()).into_owned();
            (text, frame.form.is_continuation, frame.form.is_unfinished)
        };
        frames.iter().map(piece).collect::<Vec<_>>()
    };
    let piece = |text: &str, continues, is_unfinished| (text.to_owned(), continues, is_unfinished);
    assert_eq!(
        pieces(2),
        [piece("ab", false, true), piece("cd", true, true), piece("e", true, false)]
    );
    assert_eq!(pieces(5), [piece("abcde", false, false)]);
    assert_eq!(pieces(0).len(), 5);
}

#[test]
fn a_truncated_frame_ends_its_connection() {
    let lines = corrupted(DeliveryVerdict::Corrupt(Corruption::Truncated));
    let missing = length() / 2;
    let frame = format!(r#"send [1] MESSAGE "hi" (false false false {missing})"#);
    assert_eq!(lines, [frame, "finish 1".to_owned()]);
    let lines = corrupted(DeliveryVerdict::Corrupt(Corruption::ReservedBit));
    assert_eq!(lines.len(), 1);
}

/// Each condition of a hook on deliveries, for a message, an event and an error of alice.
#[rstest]
#[case(Filter::default(), "MEX")]
#[case(user("alice"), "MEX")]
#[case(user("bob"), "")]
#[case(Filter { sender: Some("alice".into()), ..Filter::default() }, "M")]
#[case(Filter { sender: Some("bob".into()), ..Filter::default() }, "")]
#[case(Filter { rooms: vec!["lobby".into()], ..Filter::default() }, "MEX")]
#[case(Filter { rooms: vec!["attic".into()], ..Filter::default() }, "")]
#[case(Filter { connection: Some(ConnectionId(1)), ..Filter::default() }, "MEX")]
#[case(Filter { connection: Some(ConnectionId(2)), ..Filter::default() }, "")]
#[case(Filter { kind: Some(FrameKind::Message), ..Filter::default() }, "M")]
#[case(Filter { kind: Some(FrameKind::Event), ..Filter::default() }, "E")]
#[case(Filter { kind: Some(FrameKind::Error), ..Filter::default() }, "X")]
#[case(Filter { event_name: Some("app:e".into()), ..Filter::default() }, "E")]
#[case(Filter { event_name: Some("app:f".into()), ..Filter::default() }, "")]
#[case(Filter { request_id: Some("r1".into()), ..Filter::default() }, "M")]
#[case(Filter { request_id: Some("x1".into()), ..Filter::default() }, "X")]
#[case(containing("hi"), "M")]
#[case(containing("\"EventName\":\"app:e\""), "E")]
#[case(containing("Type"), "E")]
fn a_hook_is_about_the_frames_that_all_of_its_conditions_fit(
    #[case] filter: Filter,
    #[case] dropped: &str,
) {
    let mut scene = Scene::new();
    let alice = scene.connect("alice");
    scene.install(AnyRule::Delivery(always(filter, DeliveryVerdict::Drop)));
    let is_dropped = |lines: &[String]| !lines.iter().any(|line| line.starts_with("send"));
    let mut seen = String::new();
    if is_dropped(&scene.send(alice, "hi")) {
        seen.push('M');
    }
    if is_dropped(&scene.event("app:e")) {
        seen.push('E');
    }
    let payload = Payload::from_client_text(r#"{"Action":"SEND_MESSAGE","RequestId":"x1"}"#);
    if is_dropped(&scene.feed(Input::Frame { connection: alice, payload })) {
        seen.push('X');
    }
    assert_eq!(seen, dropped);
}
