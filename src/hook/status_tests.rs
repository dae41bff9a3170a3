//! Tests of the texts about hooks and their events: the calls that installed a hook, and why it has
//! not fired.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;

use crate::hook;
use crate::hook::action::InboundFrame;
use crate::hook::builder::{HookBuilder, HookSpec};
use crate::hook::chain::{Behavior, HookStatus};
use crate::hook::delivery::{Corruption, OutboundFrame};
use crate::hook::filter::{EventContext, FrameKind};
use crate::hook::frequency::Frequency;
use crate::hook::handshake::HandshakeRequest;
use crate::hook::ids::HookId;
use crate::hook::operation::OperationCall;
use crate::hook::point::{Actions, PointName};
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::proto::action::{Action, SendMessage};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::exception::Exception;
use crate::proto::frame::{ChatEvent, Frame};
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;
use crate::proto::sensitive::REDACTED;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::review_handler::ReviewResponse;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the status of a hook that is the only one.
fn status(hook: HookSpec) -> HookStatus {
    let mut hooks = HookRegistry::default();
    hooks.install(hook.rule);
    hooks.statuses().remove(0)
}

/// Hooks, and the texts of the calls that build them.
macro_rules! built {
    ($($point:ident ( $($argument:expr)? ) $(. $method:ident ( $($arguments:expr),* ))+ ;)+) => {
        [$((
            hook::$point($($argument)?) $(.$method($($arguments),*))+,
            concat!(
                stringify!($point), "(", $(stringify!($argument),)? ")",
                $(".", stringify!($method), "(", stringify!($($arguments),*), ")",)+
            ),
        )),+]
    };
}

#[test]
fn a_hook_is_described_by_the_calls_that_build_it() {
    let hooks = built! {
        on_handshake().refuse(400, "no");
        on_handshake().from("a").room("r").containing("t").reset();
        on_handshake().never_respond();
        on_handshake().limit_bandwidth(7);
        on_action().from("a").request_id("id").ignore();
        on_action().send_message().respond("x");
        on_action().delete_message().duplicate();
        on_action().disconnect_user().reorder();
        on_action().once().stall();
        on_action().times(2).reset();
        on_action().nth(4).every(2).after(1).reset();
        on_action().with_probability(0.5, 7).ignore();
        on_action().expect(2).reset();
        on_action().containing("one").containing("two").reset();
        on_delivery().to("a").from("b").message().drop_frame();
        on_delivery().error().replace("x");
        on_delivery().event("app:e").duplicate();
        on_delivery().reorder();
        on_delivery().stall();
        on_any_operation().respond(200, "x");
        on_any_operation().empty_body();
        on_any_operation().truncated_body();
        on_any_operation().close_in_head();
        on_any_operation().close_in_body();
        on_any_operation().reset();
        on_any_operation().never_respond();
    };
    for (hook, calls) in hooks {
        assert_eq!(status(hook).origin()[0], calls);
    }
}

#[test]
fn arguments_are_described_as_briefly_as_a_line_needs() {
    let (from, until) = (Timestamp::default(), Timestamp::default() + SECOND);
    let going_away = CloseCode::GOING_AWAY;
    let headers = [("Retry-After", "1"), ("X-A", "secret")];
    let message = || Action::SendMessage(SendMessage::new("x"));
    let event = || Frame::Event(ChatEvent::new("Event0000001", "app:e"));
    let cases = [
        (hook::on_handshake().disconnect(going_away), "on_handshake().disconnect(1001)"),
        (
            hook::on_handshake().disconnect_with_reason(going_away, "r"),
            "on_handshake().disconnect_with_reason(1001, \"r\")",
        ),
        (
            hook::on_handshake().refuse_with_headers(400, "no", headers),
            "on_handshake().refuse_with_headers(400, \"no\", [\"Retry-After\", \"X-A\"])",
        ),
        (hook::on_handshake().delay(SECOND), "on_handshake().delay(1s)"),
        (hook::on_action().delay_real_time(SECOND), "on_action().delay_real_time(1s)"),
        (
            hook::on_action().connection(ConnectionId(3)).reset(),
            "on_action().connection(3).reset()",
        ),
        (
            hook::on_action().reject(ErrorCode::Forbidden, "no"),
            "on_action().reject(Forbidden, \"no\")",
        ),
        (hook::on_action().change(message()), "on_action().change(SEND_MESSAGE)"),
        (
            hook::on_action().between(from, until).reset(),
            "on_action().between(1970-01-01T00:00:00Z, 1970-01-01T00:00:01Z).reset()",
        ),
        (
            hook::on_action().respond("0123456789012345678901234567890"),
            "on_action().respond(\"01234567890123456789012345678…\")",
        ),
        (
            hook::on_action().respond("012345678901234567890123456789"),
            "on_action().respond(\"012345678901234567890123456789\")",
        ),
        (hook::on_review().respond(ReviewResponse::fail()), "on_review().respond(…)"),
        (hook::on_delivery().change(event()), "on_delivery().change(…)"),
        (hook::on_delivery().corrupt(Corruption::Binary), "on_delivery().corrupt(Binary)"),
        (
            hook::on_operation(Operation::GetRoom).fail(Exception::throttling("slow")),
            "on_operation(GetRoom).fail(ThrottlingException)",
        ),
        (hook::on_action().with_closure(false, Arc::new(())), "on_action().decide(…)"),
        (hook::on_action().with_closure(true, Arc::new(())), "on_action().decide_async(…)"),
    ];
    for (hook, calls) in cases {
        assert_eq!(status(hook).origin()[0], calls);
    }
}

#[test]
fn a_status_names_the_hook_and_its_line() {
    let line = line!() + 1;
    let named = status(hook::on_action().named("deny").reset());
    assert_eq!((named.name(), named.title().as_str()), ("deny", "hook \"deny\""));
    let place = &named.origin()[1];
    assert!(place.starts_with("at src/hook/status_tests.rs:"), "{place}");
    assert!(place.contains(&format!(":{line}:")), "{place}");
    assert_eq!(status(hook::on_action().reset()).title(), "hook 1");
}

#[test]
fn a_status_names_the_user_and_the_room_of_its_conditions() {
    let of = |hook| {
        let status = status(hook);
        (status.user_id().map(str::to_owned), status.room().map(str::to_owned))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(of(hook::on_action().reset()), (None, None));
    assert_eq!(of(hook::on_action().from("a").room("r").reset()), (text("a"), text("r")));
    assert_eq!(of(hook::on_delivery().to("a").from("b").reset()), (text("a"), None));
    assert_eq!(of(hook::on_delivery().from("b").reset()), (text("b"), None));
}

#[test]
fn a_status_knows_its_hook_point() {
    let of = |hook| status(hook).point();
    assert_eq!(of(hook::on_handshake().reset()), PointName::Handshake);
    assert_eq!(of(hook::on_action().reset()), PointName::Action);
    assert_eq!(of(hook::on_review().hold()), PointName::Review);
    assert_eq!(of(hook::on_delivery().reset()), PointName::Delivery);
    assert_eq!(of(hook::on_any_operation().reset()), PointName::Operation);
    assert_eq!(of(hook::on_operation(Operation::GetRoom).reset()), PointName::Operation);
}

/// Returns the conditions that an event does not satisfy, as the calls that set them.
fn unmet(status: &HookStatus, context: &EventContext<'_>) -> Vec<String> {
    let conditions = status.conditions().into_iter();
    let unmet = conditions.filter(|condition| !condition.admits(context));
    unmet.map(|condition| status.shown(&condition)).collect()
}

#[test]
fn each_condition_that_an_event_does_not_satisfy_is_named() {
    let hook = hook::on_delivery()
        .to("a")
        .from("b")
        .room("r")
        .room("Room00000001")
        .containing("one")
        .containing("two")
        .request_id("id")
        .connection(ConnectionId(1))
        .message()
        .drop_frame();
    let status = status(hook);
    assert_eq!(status.conditions().len(), 9);
    let all = [
        "to(\"a\")",
        "from(\"b\")",
        "connection(1)",
        "message()",
        "request_id(\"id\")",
        "room(\"r\")",
        "room(\"Room00000001\")",
        "containing(\"one\")",
        "containing(\"two\")",
    ];
    assert_eq!(unmet(&status, &EventContext::default()), all);
    let context =
        EventContext { user_id: Some("a"), text: "one and three", ..EventContext::default() };
    let left: Vec<_> =
        all.into_iter().filter(|it| !["to(\"a\")", "containing(\"one\")"].contains(it)).collect();
    assert_eq!(unmet(&status, &context), left);
    let of = |hook| unmet(&self::status(hook), &EventContext::default());
    assert_eq!(of(hook::on_action().delete_message().reset()), ["delete_message()"]);
    assert_eq!(of(hook::on_delivery().event("app:e").reset()), ["event(\"app:e\")"]);
    assert_eq!(of(hook::on_operation(Operation::GetRoom).reset()), ["on_operation(GetRoom)"]);
}

/// Hooks on actions, and the texts of the events that they have been asked about.
struct Asked {
    hooks: HookRegistry,
    ids: Vec<HookId>,
}

impl Asked {
    fn of(hooks: impl IntoIterator<Item = HookSpec>, texts: &[&str]) -> Self {
        let mut registry = HookRegistry::default();
        let ids = hooks.into_iter().map(|hook| registry.install(hook.rule)).collect();
        for text in texts {
            let context = EventContext { text, ..EventContext::default() };
            let mut last = HookId::default();
            // A hook that decides ends the evaluation, unless it is a closure, which passes here.
            while let Some(hook) = registry.actions.candidate(last, &context, Timestamp::default())
            {
                last = hook.id;
                if matches!(hook.behavior, Behavior::Verdict(_)) {
                    registry.actions.count(hook.id);
                    break;
                }
            }
        }
        Self { hooks: registry, ids }
    }

    fn reasons(&self) -> Vec<String> {
        self.hooks.statuses().iter().map(HookStatus::why_not_fired).collect()
    }

    fn has_seen_nothing(&self) -> Vec<bool> {
        self.hooks.statuses().iter().map(HookStatus::has_seen_nothing).collect()
    }
}

fn on() -> HookBuilder<Actions, ()> {
    hook::on_action()
}

#[test]
fn a_hook_without_events_says_whether_it_has_conditions() {
    let asked = Asked::of([on().reset(), on().containing("x").reset()], &[]);
    let nothing = "there has been no frame from a client";
    assert_eq!(asked.reasons(), [nothing, "no event matched its conditions"]);
    assert_eq!(asked.has_seen_nothing(), [true, true]);
    let events = [
        (hook::on_handshake().reset(), "there has been no handshake"),
        (hook::on_review().hold(), "there has been no message to review"),
        (hook::on_delivery().reset(), "there has been no frame to a client"),
        (hook::on_any_operation().reset(), "there has been no call of an operation"),
    ];
    for (hook, reason) in events {
        assert_eq!(status(hook).why_not_fired(), reason);
    }
}

#[test]
fn a_hook_before_which_another_one_fires_names_it() {
    let first = || on().reset();
    let asked = Asked::of([first(), on().ignore()], &["x"]);
    assert_eq!(
        asked.reasons()[1],
        "hook 1 (on_action().reset()) fired first for the matching events"
    );
    assert_eq!(asked.has_seen_nothing(), [false, false]);
    let asked = Asked::of([on().named("all").reset(), on().ignore()], &["x"]);
    assert_eq!(asked.reasons()[1], "hook \"all\" fired first for the matching events");
    let mut asked = Asked::of([first(), on().ignore()], &["x"]);
    asked.hooks.remove(asked.ids[0]);
    let removed = asked.hooks.statuses().remove(1).why_not_fired();
    assert_eq!(removed, "a hook that is removed fired first for the matching events");
    // An event of its own explains more than one that another hook took.
    let asked = Asked::of([on().once().reset(), on().nth(2).ignore()], &["x", "x"]);
    let reason = "1 event matched its conditions, but it fires only at match 2";
    assert_eq!(asked.reasons()[1], reason);
}

#[test]
fn a_hook_that_events_matched_says_why_it_passed() {
    let of = |hook| Asked::of([hook], &["x", "x"]).reasons().remove(0);
    let matched = "2 events matched its conditions, but";
    assert_eq!(of(on().nth(3).reset()), format!("{matched} it fires only at match 3"));
    let closure = on().with_closure(false, Arc::new(()));
    assert_eq!(of(closure), format!("{matched} its closure returned `Pass`"));
    let passed = on().always(hook::action::ActionVerdict::Pass);
    assert_eq!(of(passed), format!("{matched} it had no effect"));
}

#[test]
fn a_hook_that_fired_too_rarely_says_how_often_it_passed() {
    // A hook that fires at the first event at most, as a closure may decide.
    let fired_once = |hook: HookSpec, events: usize| {
        let mut hooks = HookRegistry::default();
        let id = hooks.install(hook.rule);
        let mut has_fired = false;
        for _ in 0..events {
            let context = EventContext::default();
            let asked = hooks.actions.candidate(HookId::default(), &context, Timestamp::default());
            if asked.is_some() && !has_fired {
                hooks.actions.count(id);
                has_fired = true;
            }
        }
        hooks.statuses().remove(0)
    };
    let closure = |hook: HookBuilder<Actions, ()>| hook.with_closure(false, Arc::new(()));
    let status = fired_once(closure(on().expect(2)), 3);
    assert!(status.has_fired_too_rarely());
    let why = "3 events matched its conditions, but its closure returned `Pass` for 2 of them";
    assert_eq!(status.why_not_more(), why);
    let once = fired_once(closure(on().expect(2)), 1);
    assert_eq!(once.why_not_more(), "1 event matched its conditions");
    let why = "3 events matched its conditions, but it fires only at each multiple of 2";
    assert_eq!(fired_once(closure(on().every(2).expect(2)), 3).why_not_more(), why);
    assert!(!fired_once(closure(on().expect(1)), 0).has_fired_too_rarely());
    assert!(!fired_once(closure(on().expect(1)), 1).has_fired_too_rarely());
    assert!(!fired_once(closure(on()), 1).has_fired_too_rarely());
}

#[rstest]
#[case(Frequency { nth: Some(3), every: Some(3), ..Frequency::default() }, "it fires only at match 3")]
#[case(Frequency { every: Some(3), after: Some(1), ..Frequency::default() }, "it fires only at each multiple of 3")]
#[case(Frequency { after: Some(3), ..Frequency::default() }, "it fires only after match 3")]
#[case(Frequency::default(), "it did not fire")]
fn a_frequency_explains_itself(#[case] frequency: Frequency, #[case] reason: &str) {
    assert_eq!(frequency.why_not(), reason);
}

#[test]
fn a_frequency_explains_its_period_and_its_probability() {
    let (from, until) = (Timestamp::default(), Timestamp::default() + SECOND);
    let rule = |hook: HookSpec| match hook.rule {
        AnyRule::Action(rule) => rule.frequency.why_not(),
        other => panic!("{other:?} is not about actions"),
    };
    assert_eq!(
        rule(on().between(from, until).reset()),
        "not between 1970-01-01T00:00:00Z and 1970-01-01T00:00:01Z"
    );
    assert_eq!(rule(on().with_probability(0.1, 7).reset()), "its probability did not select them");
}

#[test]
fn a_reset_forgets_the_hooks_and_continues_their_numbers() {
    let mut hooks = HookRegistry::default();
    let first = hooks.install(on().named("deny").reset().rule);
    hooks.remove(first);
    hooks.install(on().reset().rule);
    hooks.reset();
    assert!(hooks.actions.is_empty() && hooks.statuses().is_empty());
    assert!(hooks.knows("deny") && hooks.knows("hook 2") && !hooks.knows("hook 3"));
    assert_eq!(hooks.install(on().reset().rule).number, 3);
}

#[test]
fn all_kinds_of_events_are_described() {
    let mut hook = hook::on_delivery().reset();
    if let AnyRule::Delivery(rule) = &mut hook.rule {
        rule.filter.kind = Some(FrameKind::Event);
    }
    assert_eq!(status(hook).origin()[0], "on_delivery().event(…).reset()");
}

#[test]
fn debug_of_an_event_hides_its_user() {
    let user_id = || "alice".to_owned();
    let room = || "lobby".to_owned();
    let handshake = HandshakeRequest {
        user_id: Some(user_id()),
        room: Some(room()),
        path: "/".into(),
        headers: Headers::default(),
    };
    let action = InboundFrame {
        user_id: user_id(),
        room: room(),
        connection: ConnectionId(1),
        text: "{}".into(),
        request_id: "r1".into(),
        action: Some(Action::SendMessage(SendMessage::new("x"))),
        at: Timestamp::default(),
    };
    let delivery = OutboundFrame {
        user_id: user_id(),
        room: room(),
        connection: ConnectionId(1),
        frame: Frame::Event(ChatEvent::new("Event0000001", "app:e")),
    };
    let request = serde_json::json!({ "roomIdentifier": "lobby", "userId": "alice" });
    let call = OperationCall {
        operation: Operation::DisconnectUser,
        request: request.as_object().unwrap().clone(),
        access_key_id: None,
        headers: Headers::default(),
    };
    let shown = [
        format!("{handshake:?}"),
        format!("{action:?}"),
        format!("{delivery:?}"),
        format!("{call:?}"),
    ];
    for text in shown {
        assert!(text.contains("lobby") && text.contains(REDACTED), "{text}");
        assert!(!text.contains("alice"), "{text}");
    }
}
