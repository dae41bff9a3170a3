//! When hooks fire: whose, which and how often; and what becomes of them.

use std::time::Duration;

use mock_ivs_chat::{
    ErrorCode, Exception, Hook, MockIvsChat, Operation, Participant, Quotas,
    hook::{self, ActionVerdict, DeliveryVerdict, HookSpec},
    log::{EntryKind, Matcher},
};
use rstest::rstest;
use serde_json::json;

use crate::support::{frozen, unlimited};

/// Returns the messages of alice that bob receives.
fn received_by(bob: &Participant) -> Vec<String> {
    let frames = bob.received().into_iter();
    frames
        .map(|frame| match frame {
            mock_ivs_chat::Frame::Message(message) => message.content,
            mock_ivs_chat::Frame::Event(event) => event.event_name,
            frame => panic!("unexpected: {frame:?}"),
        })
        .collect()
}

#[rstest]
#[case::always(hook::on_delivery().to("bob").drop_frame(), &[])]
#[case::once(hook::on_delivery().to("bob").once().drop_frame(), &["2", "3", "4", "5", "6"])]
#[case::times(hook::on_delivery().to("bob").times(2).drop_frame(), &["3", "4", "5", "6"])]
#[case::nth(hook::on_delivery().to("bob").nth(3).drop_frame(), &["1", "2", "4", "5", "6"])]
#[case::every(hook::on_delivery().to("bob").every(2).drop_frame(), &["1", "3", "5"])]
#[case::after(hook::on_delivery().to("bob").after(4).drop_frame(), &["1", "2", "3", "4"])]
#[case::content(hook::on_delivery().to("bob").containing("5").drop_frame(), &["1", "2", "3", "4", "6"])]
#[case::sender(hook::on_delivery().from("bob").drop_frame(), &["1", "2", "3", "4", "5", "6"])]
#[case::message(hook::on_delivery().to("bob").message().once().drop_frame(), &["2", "3", "4", "5", "6"])]
#[case::event(hook::on_delivery().to("bob").event("x").drop_frame(), &["1", "2", "3", "4", "5", "6"])]
#[case::error(hook::on_delivery().to("bob").error().drop_frame(), &["1", "2", "3", "4", "5", "6"])]
#[case::request(hook::on_delivery().to("bob").request_id("alice-2").drop_frame(), &["1", "3", "4", "5", "6"])]
#[case::room(hook::on_delivery().to("bob").room("elsewhere").drop_frame(), &["1", "2", "3", "4", "5", "6"])]
#[case::action_user(hook::on_action().from("alice").nth(2).ignore(), &["1", "3", "4", "5", "6"])]
#[case::action_kind(hook::on_action().delete_message().ignore(), &["1", "2", "3", "4", "5", "6"])]
#[case::action_request(hook::on_action().request_id("alice-3").ignore(), &["1", "2", "4", "5", "6"])]
#[case::action_send(hook::on_action().send_message().after(1).ignore(), &["1"])]
fn a_hook_fires_under_its_conditions(#[case] value: HookSpec, #[case] expected: &[&str]) {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    ivs.install(value);
    for content in ["1", "2", "3", "4", "5", "6"] {
        alice.send_message(content);
    }
    assert_eq!(received_by(&bob), expected);
}

#[test]
fn a_room_is_selected_by_its_name_its_id_or_its_arn() {
    let ivs = unlimited();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    for wanted in [lobby.name(), lobby.id(), lobby.arn()] {
        let refusal = Exception::throttling("no events");
        let hooks = [
            ivs.on_action().room(wanted).ignore(),
            ivs.on_delivery().room(wanted).drop_frame(),
            ivs.on_operation(Operation::SendEvent).room(wanted).fail(refusal),
        ];
        let mark = ivs.log().mark();
        for room in [&lobby, &stage] {
            let alice = room.participant("alice");
            alice.send_message("hello");
            let request = json!({ "roomIdentifier": room.arn(), "eventName": "app:e" });
            ivs.call(Operation::SendEvent, request).unwrap();
        }
        let sent = ivs.log().since(mark).kind(EntryKind::FrameReceived);
        assert_eq!(sent.clone().room(wanted).count(), 1, "{wanted}");
        assert_eq!(sent.matching(Matcher::any().room(wanted)).count(), 1, "{wanted}");
        let hits: Vec<_> = hooks.iter().map(Hook::hits).collect();
        assert_eq!(hits, [1, 1, 0], "{wanted}");
        hooks.iter().for_each(Hook::remove);
    }
}

#[test]
fn a_hook_on_a_connection_leaves_the_users_other_connections_alone() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (phone, laptop) = (room.participant("alice"), room.participant("alice"));
    ivs.on_delivery().connection(phone.connection()).drop_frame();
    ivs.on_action().connection(laptop.connection()).containing("lost").ignore();
    phone.send_message("from the phone");
    laptop.send_message("lost");
    assert!(phone.received().is_empty());
    assert_eq!(received_by(&laptop), ["from the phone"]);
}

#[test]
fn a_hook_fires_between_two_moments() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let second = Duration::from_secs(1);
    ivs.on_delivery().to("bob").between(ivs.now() + second, ivs.now() + 2 * second).drop_frame();
    for content in ["before", "within", "behind"] {
        alice.send_message(content);
        ivs.advance(second);
    }
    assert_eq!(received_by(&bob), ["before", "behind"]);
}

#[test]
fn a_probability_hits_the_same_frames_in_each_run() {
    let run = |seed| {
        let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
        let room = ivs.create_room("lobby");
        let (alice, bob) = (room.participant("alice"), room.participant("bob"));
        ivs.on_delivery().to("bob").with_probability(0.5, seed).drop_frame();
        (0..100).for_each(|n| drop(alice.send_message(n.to_string())));
        received_by(&bob)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!((30..70).contains(&run(1).len()));
}

#[test]
fn the_first_hook_that_fires_wins_and_the_others_are_not_counted() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let passing = ivs.on_action().named("passing").decide(|_| ActionVerdict::Pass);
    let first = ivs.on_action().times(1).reject(ErrorCode::Forbidden, "first");
    let second = ivs.on_action().reject(ErrorCode::NotFound, "second");
    alice.send_message("one");
    alice.send_message("two");
    alice.expect_error(ErrorCode::Forbidden).wait();
    alice.expect_error(ErrorCode::NotFound).wait();
    assert_eq!((passing.hits(), first.hits(), second.hits()), (0, 1, 1));
}

#[test]
fn a_hook_is_removed_by_hand_or_by_its_guard() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let hook = ivs.on_delivery().to("bob").drop_frame();
    alice.send_message("1");
    hook.remove();
    alice.send_message("2");
    {
        let guard = ivs.on_delivery().to("bob").drop_frame().scoped();
        alice.send_message("3");
        assert_eq!(guard.hits(), 1);
    }
    alice.send_message("4");
    assert_eq!(received_by(&bob), ["2", "4"]);
    assert_eq!(hook.hits(), 1, "a hook that was removed is remembered");
}

#[test]
fn a_thousand_hooks_are_evaluated_in_order() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let hooks: Vec<_> =
        (0..1000).map(|n| ivs.on_action().containing(n.to_string()).once().ignore()).collect();
    alice.send_message("999");
    alice.send_message("999");
    // "9" and "99" are contained in it, too, and were installed before.
    assert_eq!([9, 99, 999].map(|n| hooks[n as usize].hits()), [1, 1, 0]);
    alice.send_message("999");
    alice.send_message("received_contents 1000 times over: 999");
    assert_eq!(hooks.iter().map(Hook::hits).sum::<usize>(), 4);
}

#[test]
fn a_hook_is_added_or_removed_while_it_fires() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let handle = ivs.handle();
    let mut installed: Option<Hook> = None;
    ivs.on_action().named("toggle").decide(move |_| {
        match installed.take() {
            Some(hook) => hook.remove(),
            None => installed = Some(handle.on_delivery().to("bob").drop_frame()),
        }
        ActionVerdict::Pass
    });
    for content in ["1", "2", "3", "4"] {
        alice.send_message(content);
    }
    assert_eq!(received_by(&bob), ["2", "4"]);
}

#[test]
fn the_verdict_of_a_hook_that_removes_itself_counts() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let handle = ivs.handle();
    let (sender, receiver) = std::sync::mpsc::channel::<Hook>();
    let hook = ivs.on_action().named("once").decide(move |_| {
        receiver.recv().expect("the test sends it").remove();
        assert!(handle.log().entries().len() > 2, "a closure sees the log");
        ActionVerdict::reject(ErrorCode::Forbidden, "once")
    });
    sender.send(hook).unwrap();
    alice.send_message("1");
    alice.expect_error(ErrorCode::Forbidden).wait();
    alice.send_message("2");
    alice.expect_message("2").wait();
}

#[test]
fn a_closure_calls_back_into_the_mock() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bot) = (room.participant("alice"), room.participant("bot"));
    let lobby = room.clone();
    ivs.on_action().named("answer polls").decide(move |inbound| {
        if inbound.text.contains("!poll") {
            lobby.send_event("app:poll", [("asked-by", inbound.user_id.as_str())]);
        }
        ActionVerdict::Pass
    });
    alice.send_message("!poll");
    assert_eq!(received_by(&bot), ["app:poll", "!poll"], "what the closure does comes first");
}

#[test]
fn a_closure_does_not_decide_about_its_own_effects() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    let lobby = room.clone();
    ivs.on_delivery().named("echo").decide(move |outbound| {
        if matches!(&outbound.frame, mock_ivs_chat::Frame::Message(_)) {
            lobby.send_event("app:echo", [("of", "a message")]);
        }
        DeliveryVerdict::Pass
    });
    alice.send_message("hello");
    // The event waits behind the message that the closure decides about.
    assert_eq!(received_by(&alice), ["hello", "app:echo"]);
}

#[test]
fn a_closure_advances_the_clock() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    let handle = ivs.handle();
    let start = ivs.now();
    ivs.on_action().named("time flies").decide(move |_| {
        handle.advance(Duration::from_secs(60));
        ActionVerdict::Pass
    });
    alice.send_message("hello");
    let message = alice.expect_message("hello").wait();
    assert_eq!(message.send_time.since(start), Duration::from_secs(60));
}

#[test]
fn a_closure_that_panics_is_a_general_error_and_is_reported() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    ivs.on_action().named("clumsy").decide(|inbound| {
        assert!(!inbound.text.contains("boom"), "I am clumsy");
        ActionVerdict::Pass
    });
    alice.send_message("boom");
    assert_eq!(ivs.log().to_string().matches("\"ErrorCode\":500").count(), 1);
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bob.expect_message("boom").wait();
    }));
    let text = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("the closure of \"clumsy\" panicked: I am clumsy"), "{text}");
    alice.send_message("all is well");
    bob.expect_message("all is well").wait();
    let report = ivs.finish().wait().unwrap_err();
    assert_eq!(report.panics(), ["the closure of \"clumsy\" panicked: I am clumsy"]);
}

#[test]
fn two_threads_advance_the_clock_concurrently() {
    let ivs = frozen();
    let start = ivs.now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let handle = ivs.handle();
            scope.spawn(move || (0..100).for_each(|_| handle.advance(Duration::from_secs(1))));
        }
    });
    assert_eq!(ivs.now().since(start), Duration::from_secs(400));
}

#[test]
fn advancing_visits_each_deadline_at_its_own_time() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    for (content, seconds) in [("third", 30), ("first", 10), ("second", 20)] {
        ivs.on_action().containing(content).delay(Duration::from_secs(seconds));
        alice.send_message(content);
    }
    let start = ivs.now();
    ivs.advance(Duration::from_secs(3600));
    let frames = alice.received().into_iter();
    let seen: Vec<_> = frames
        .map(|frame| match frame {
            mock_ivs_chat::Frame::Message(message) => {
                (message.content, message.send_time.since(start).as_secs())
            }
            mock_ivs_chat::Frame::Error(error) => (error.error_message, 3600),
            frame => panic!("unexpected: {frame:?}"),
        })
        .collect();
    let expected = [("first", 10), ("second", 20), ("third", 30), ("session has expired", 3600)];
    assert_eq!(seen, expected.map(|(content, at)| (content.to_owned(), at)));
}
