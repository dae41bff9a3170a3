//! Tests of hooks as values: each method of a builder, each verdict, and what chains count.

use std::time::Duration;

use crate::hook;
use crate::hook::action::ActionVerdict;
use crate::hook::builder::{HookBuilder, HookSpec};
use crate::hook::chain::{Behavior, Chain, Counted, Expectation, Rule};
use crate::hook::delivery::{Corruption, DeliveryVerdict};
use crate::hook::describe::describe;
use crate::hook::event::HookVerdict;
use crate::hook::filter::{EventContext, Filter, FrameKind};
use crate::hook::frequency::Frequency;
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::ids::{GateId, HookId};
use crate::hook::operation::OperationVerdict;
use crate::hook::point::Actions;
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::hook::review::ReviewVerdict;
use crate::hook::verdict::Verdict;
use crate::proto::action::{Action, ActionKind, SendMessage};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::exception::Exception;
use crate::proto::frame::{ChatError, Frame};
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::review_handler::ReviewResponse;
use crate::service::room_names::RoomNames;
use rstest::rstest;

const SECOND: Duration = Duration::from_secs(1);
const GATE: GateId = GateId { mock: 1, number: 2 };
const ONE: ConnectionId = ConnectionId(1);

/// Returns the filter of a hook, and its verdict as text.
fn parts(hook: HookSpec) -> (Filter, String) {
    fn of<V: std::fmt::Debug>(rule: Rule<V>) -> (Filter, String) {
        let behavior = match rule.behavior {
            Behavior::Verdict(verdict) => format!("{verdict:?}"),
            Behavior::Closure { .. } => "closure".into(),
        };
        (rule.filter, behavior)
    }
    match hook.rule {
        AnyRule::Handshake(rule) => of(rule),
        AnyRule::Action(rule) => of(rule),
        AnyRule::Review(rule) => of(rule),
        AnyRule::Delivery(rule) => of(rule),
        AnyRule::Operation(rule) => of(rule),
    }
}

fn frequency(hook: HookSpec) -> Frequency {
    match hook.rule {
        AnyRule::Action(rule) => rule.frequency,
        other => panic!("{other:?} is not about actions"),
    }
}

fn filtered(fill: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    fill(&mut filter);
    filter
}

#[rstest]
#[case(hook::on_handshake().from("a").reset(), filtered(|f| f.user_id = Some("a".into())))]
#[case(hook::on_handshake().room("r").reset(), filtered(|f| f.rooms = vec!["r".into()]))]
#[case(hook::on_handshake().containing("t").reset(), filtered(|f| f.containing = vec!["t".into()]))]
#[case(hook::on_action().from("a").reset(), filtered(|f| f.user_id = Some("a".into())))]
#[case(hook::on_action().connection(ONE).reset(), filtered(|f| f.connection = Some(ONE)))]
#[case(hook::on_action().request_id("r").reset(), filtered(|f| f.request_id = Some("r".into())))]
#[case(hook::on_action().send_message().reset(), filtered(|f| f.action = Some(ActionKind::SendMessage)))]
#[case(hook::on_action().delete_message().reset(), filtered(|f| f.action = Some(ActionKind::DeleteMessage)))]
#[case(hook::on_action().disconnect_user().reset(), filtered(|f| f.action = Some(ActionKind::DisconnectUser)))]
#[case(hook::on_review().from("a").respond(ReviewResponse::fail()), filtered(|f| f.user_id = Some("a".into())))]
#[case(hook::on_delivery().to("a").reset(), filtered(|f| f.user_id = Some("a".into())))]
#[case(hook::on_delivery().connection(ONE).reset(), filtered(|f| f.connection = Some(ONE)))]
#[case(hook::on_delivery().message().reset(), filtered(|f| f.kind = Some(FrameKind::Message)))]
#[case(hook::on_delivery().error().reset(), filtered(|f| f.kind = Some(FrameKind::Error)))]
#[case(hook::on_delivery().request_id("r").reset(), filtered(|f| f.request_id = Some("r".into())))]
#[case(hook::on_any_operation().reset(), Filter::default())]
#[case(hook::on_operation(Operation::SendEvent).reset(), filtered(|f| f.operation = Some(Operation::SendEvent)))]
fn a_builder_sets_its_condition(#[case] hook: HookSpec, #[case] filter: Filter) {
    assert_eq!(parts(hook).0, filter);
}

#[test]
fn a_delivery_from_a_user_is_a_message_and_an_event_has_a_name() {
    let (filter, _) = parts(hook::on_delivery().from("a").reset());
    assert_eq!(filter.sender.as_deref(), Some("a"));
    let (filter, _) = parts(hook::on_delivery().event("app:e").reset());
    assert_eq!(filter.event_name.as_deref(), Some("app:e"));
}

fn error() -> Frame {
    let (id, error_message) = ("Error0000001".into(), "no".into());
    let error_code = ErrorCode::Forbidden;
    Frame::Error(ChatError { id, request_id: String::new(), error_code, error_message })
}

fn change() -> Action {
    Action::SendMessage(SendMessage::new("x"))
}

fn handshakes() -> [(HookSpec, HandshakeVerdict); 8] {
    use HandshakeVerdict::{Delay, DelayRealTime, Disconnect, LimitBandwidth, NeverRespond, Reset};
    let close = |reason: &str| Disconnect { code: CloseCode::GOING_AWAY, reason: reason.into() };
    let on = hook::on_handshake;
    [
        (on().refuse(400, "no"), HandshakeVerdict::refuse(400, "no")),
        (on().disconnect(CloseCode::GOING_AWAY), close("")),
        (on().disconnect_with_reason(CloseCode::GOING_AWAY, "r"), close("r")),
        (on().reset(), Reset),
        (on().never_respond(), NeverRespond),
        (on().limit_bandwidth(7), LimitBandwidth(7)),
        (on().delay(SECOND), Delay(SECOND)),
        (on().delay_real_time(SECOND), DelayRealTime(SECOND)),
    ]
}

fn actions() -> [(HookSpec, ActionVerdict); 12] {
    use ActionVerdict as V;
    let close = |reason: &str| V::Disconnect { code: CloseCode::GOING_AWAY, reason: reason.into() };
    let on = hook::on_action;
    [
        (on().reject(ErrorCode::Forbidden, "no"), V::reject(ErrorCode::Forbidden, "no")),
        (on().ignore(), V::Ignore),
        (on().respond("x"), V::Respond("x".into())),
        (on().change(change()), V::Change(change())),
        (on().duplicate(), V::Duplicate),
        (on().reorder(), V::Reorder),
        (on().disconnect(CloseCode::GOING_AWAY), close("")),
        (on().disconnect_with_reason(CloseCode::GOING_AWAY, "r"), close("r")),
        (on().reset(), V::Reset),
        (on().stall(), V::Stall),
        (on().delay(SECOND), V::Delay(SECOND)),
        (on().delay_real_time(SECOND), V::DelayRealTime(SECOND)),
    ]
}

fn deliveries() -> [(HookSpec, DeliveryVerdict); 12] {
    use DeliveryVerdict as V;
    let close = |reason: &str| V::Disconnect { code: CloseCode::GOING_AWAY, reason: reason.into() };
    let on = hook::on_delivery;
    [
        (on().drop_frame(), V::Drop),
        (on().change(error()), V::Change(error())),
        (on().replace("x"), V::Replace("x".into())),
        (on().corrupt(Corruption::Binary), V::Corrupt(Corruption::Binary)),
        (on().duplicate(), V::Duplicate),
        (on().reorder(), V::Reorder),
        (on().disconnect(CloseCode::GOING_AWAY), close("")),
        (on().disconnect_with_reason(CloseCode::GOING_AWAY, "r"), close("r")),
        (on().reset(), V::Reset),
        (on().stall(), V::Stall),
        (on().delay(SECOND), V::Delay(SECOND)),
        (on().delay_real_time(SECOND), V::DelayRealTime(SECOND)),
    ]
}

fn operations() -> [(HookSpec, OperationVerdict); 10] {
    use OperationVerdict as V;
    let on = hook::on_any_operation;
    let fail = || Exception::throttling("slow");
    [
        (on().fail(fail()), V::Fail(fail())),
        (on().respond(200, "x"), V::respond(200, "x")),
        (on().empty_body(), V::EmptyBody),
        (on().truncated_body(), V::TruncatedBody),
        (on().close_in_head(), V::CloseInHead),
        (on().close_in_body(), V::CloseInBody),
        (on().reset(), V::Reset),
        (on().never_respond(), V::NeverRespond),
        (on().delay(SECOND), V::Delay(SECOND)),
        (on().delay_real_time(SECOND), V::DelayRealTime(SECOND)),
    ]
}

fn reviews() -> [(HookSpec, ReviewVerdict); 3] {
    let on = hook::on_review;
    [
        (on().respond(ReviewResponse::fail()), ReviewVerdict::Respond(ReviewResponse::fail())),
        (on().delay(SECOND), ReviewVerdict::Delay(SECOND)),
        (on().delay_real_time(SECOND), ReviewVerdict::DelayRealTime(SECOND)),
    ]
}

/// Checks that each builder ends in its verdict, which is never to pass.
fn check<V: Verdict + std::fmt::Debug>(cases: impl IntoIterator<Item = (HookSpec, V)>) {
    for (hook, verdict) in cases {
        assert!(!verdict.is_pass(), "{verdict:?}");
        assert_eq!(parts(hook), (Filter::default(), format!("{verdict:?}")));
    }
    assert!(V::pass().is_pass());
}

#[test]
fn a_builder_ends_in_its_verdict() {
    check(handshakes());
    check(actions());
    check(deliveries());
    check(operations());
    check(reviews());
}

#[test]
fn a_verdict_of_another_hook_point_is_not_one() {
    let all = || {
        [
            HookVerdict::Handshake(HandshakeVerdict::Reset),
            HookVerdict::Action(ActionVerdict::Reset),
            HookVerdict::Review(ReviewVerdict::Pass),
            HookVerdict::Delivery(DeliveryVerdict::Reset),
            HookVerdict::Operation(OperationVerdict::Reset),
            HookVerdict::ReviewHandler(ReviewResponse::fail()),
        ]
    };
    fn indexes<V: Verdict>(all: [HookVerdict; 6]) -> Vec<usize> {
        let own =
            all.into_iter().enumerate().filter(|(_, verdict)| V::of(verdict.clone()).is_some());
        own.map(|(index, _)| index).collect()
    }
    assert_eq!(indexes::<HandshakeVerdict>(all()), [0]);
    assert_eq!(indexes::<ActionVerdict>(all()), [1]);
    assert_eq!(indexes::<ReviewVerdict>(all()), [2]);
    assert_eq!(indexes::<DeliveryVerdict>(all()), [3]);
    assert_eq!(indexes::<OperationVerdict>(all()), [4]);
}

#[test]
fn a_verdict_that_holds_names_its_gate() {
    assert_eq!(format!("{:?}", ActionVerdict::hold(GATE)), format!("Hold({GATE:?})"));
    assert_eq!(format!("{:?}", DeliveryVerdict::hold(GATE)), format!("Hold({GATE:?})"));
    assert_eq!(format!("{:?}", HandshakeVerdict::hold(GATE)), format!("Hold({GATE:?})"));
    assert_eq!(format!("{:?}", OperationVerdict::hold(GATE)), format!("Hold({GATE:?})"));
    assert_eq!(format!("{:?}", ReviewVerdict::hold(GATE)), format!("Hold({GATE:?})"));
}

#[test]
fn a_builder_sets_its_frequency() {
    let on = hook::on_action;
    let usual = Frequency::default;
    assert_eq!(frequency(on().reset()), usual());
    assert_eq!(frequency(on().once().reset()), Frequency { limit: Some(1), ..usual() });
    assert_eq!(frequency(on().times(3).reset()), Frequency { limit: Some(3), ..usual() });
    assert_eq!(frequency(on().nth(2).reset()), Frequency { nth: Some(2), ..usual() });
    assert_eq!(frequency(on().every(2).reset()), Frequency { every: Some(2), ..usual() });
    assert_eq!(frequency(on().after(2).reset()), Frequency { after: Some(2), ..usual() });
    let (from, until) = (at(1), at(2));
    let between = Frequency { between: Some((from, until)), ..usual() };
    assert_eq!(frequency(on().between(from, until).reset()), between);
    let chance = frequency(on().with_probability(0.5, 7).reset()).probability.unwrap();
    assert_eq!((chance.probability, chance.seed), (0.5, 7));
}

fn at(second: u64) -> Timestamp {
    Timestamp::default() + Duration::from_secs(second)
}

#[test]
fn a_hook_between_two_moments_fires_from_the_first_until_before_the_second() {
    let frequency = Frequency { between: Some((at(1), at(3))), ..Frequency::default() };
    let allowed: Vec<_> = (0..5).filter(|second| frequency.allows(1, 0, at(*second))).collect();
    assert_eq!(allowed, [1, 2]);
}

#[test]
fn only_a_hook_of_the_builder_that_holds_waits_for_a_gate() {
    assert!(hook::on_action().hold().holds && hook::on_delivery().hold().holds);
    assert!(!hook::on_action().reset().holds);
}

#[test]
fn a_hook_is_known_by_its_name_or_its_number() {
    let mut hooks = HookRegistry::default();
    hooks.install(hook::on_action().named("first").reset().rule);
    hooks.install(hook::on_delivery().reset().rule);
    let names: Vec<_> = hooks.statuses().iter().map(|status| status.name().to_owned()).collect();
    assert_eq!(names, ["first", "hook 2"]);
}

#[rstest]
#[case(hook::on_action().expect(..), "expect(..)")]
#[case(hook::on_action().expect(0..), "expect(..)")]
#[case(hook::on_action().expect(2..), "expect(2..)")]
#[case(hook::on_action().expect(..=2), "expect(..=2)")]
#[case(hook::on_action().expect(0), "expect(0)")]
#[case(hook::on_action().expect(1..3), "expect(1..=2)")]
fn an_expectation_is_described_as_a_test_writes_it(
    #[case] hook: HookBuilder<Actions, ()>,
    #[case] expected: &str,
) {
    let AnyRule::Action(rule) = hook.reset().rule else { panic!("it is a hook on actions") };
    assert_eq!(describe(&rule), format!("on_action().{expected}.reset()"));
}

#[test]
fn a_closure_makes_a_hook_that_asks() {
    let hook = hook::on_action().with_closure(false, std::sync::Arc::new(()));
    assert!(hook.closure.is_some());
    assert_eq!(parts(hook).1, "closure");
    assert!(hook::on_action().reset().closure.is_none());
    assert_eq!(hook::on_action().destination(), &());
}

fn rules() -> [AnyRule; 5] {
    [
        hook::on_handshake().reset().rule,
        hook::on_action().reset().rule,
        hook::on_review().respond(ReviewResponse::fail()).rule,
        hook::on_delivery().reset().rule,
        hook::on_any_operation().reset().rule,
    ]
}

fn is_empty(hooks: &HookRegistry) -> [bool; 5] {
    [
        hooks.handshakes.is_empty(),
        hooks.actions.is_empty(),
        hooks.reviews.is_empty(),
        hooks.deliveries.is_empty(),
        hooks.operations.is_empty(),
    ]
}

#[test]
fn hooks_of_each_point_can_be_removed_one_by_one_and_all_together() {
    let mut hooks = HookRegistry::default();
    let ids = rules().map(|rule| hooks.install(rule));
    assert_eq!(ids, [1, 2, 3, 4, 5].map(|number| HookId::new(number, 0)));
    assert_eq!(is_empty(&hooks), [false; 5]);
    for (index, id) in ids.into_iter().enumerate() {
        hooks.remove(id);
        assert_eq!(is_empty(&hooks), std::array::from_fn(|other| other <= index));
    }
    for rule in rules() {
        hooks.install(rule);
    }
    assert_eq!(is_empty(&hooks), [false; 5]);
    hooks.remove_all();
    assert_eq!(is_empty(&hooks), [true; 5]);
    let ids: Vec<_> = hooks.statuses().iter().map(|status| status.id.number).collect();
    assert_eq!(ids, (1..=10).collect::<Vec<_>>());
}

#[test]
fn hits_are_counted_in_each_chain_and_after_the_removal() {
    let mut hooks = HookRegistry::default();
    let ids = rules().map(|rule| hooks.install(rule));
    assert_eq!(hooks.handshakes.count(ids[0]), Counted::Fired);
    assert_eq!(HandshakeVerdict::chain(&mut hooks).count(ids[0]), Counted::Fired);
    assert_eq!(ActionVerdict::chain(&mut hooks).count(ids[1]), Counted::Fired);
    assert_eq!(ReviewVerdict::chain(&mut hooks).count(ids[2]), Counted::Fired);
    assert_eq!(DeliveryVerdict::chain(&mut hooks).count(ids[3]), Counted::Fired);
    assert_eq!(OperationVerdict::chain(&mut hooks).count(ids[4]), Counted::Fired);
    assert_eq!(ids.map(|id| hooks.hits(id)), [2, 1, 1, 1, 1]);
    hooks.remove(ids[1]);
    assert_eq!(hooks.actions.count(ids[1]), Counted::Removed);
    hooks.count_removed(ids[1]);
    hooks.count_removed(ids[0]);
    assert_eq!(ids.map(|id| hooks.hits(id)), [2, 2, 1, 1, 1]);
    assert_eq!(hooks.hits(HookId::new(9, 0)), 0);
}

#[test]
fn a_chain_counts_the_events_that_each_hook_is_about() {
    let mut chain = Chain::default();
    let rule = |filter: Filter, frequency| Rule {
        name: None,
        filter,
        frequency,
        expected: None,
        priority: 0,
        behavior: Behavior::Verdict(ActionVerdict::Reset),
        written_at: std::panic::Location::caller(),
    };
    let second = Frequency { nth: Some(2), ..Frequency::default() };
    chain.install(
        HookId::new(1, 0),
        rule(filtered(|f| f.containing = vec!["x".into()]), second.clone()),
    );
    chain.install(HookId::new(2, 0), rule(Filter::default(), second));
    let mut fired = Vec::new();
    for text in ["x", "y", "x", "x"] {
        let context = EventContext { text, ..EventContext::default() };
        let candidate = chain.candidate(HookId::default(), &context, Timestamp::default());
        fired.push(candidate.map(|candidate| candidate.id.number));
    }
    // At the third text the first hook fires, so the second does not see the event.
    assert_eq!(fired, [None, Some(2), Some(1), None]);
}

#[test]
fn an_exhausted_hook_does_not_fire() {
    let mut chain = Chain::default();
    let HookSpec { rule: AnyRule::Action(rule), .. } = hook::on_action().times(2).reset() else {
        panic!("it is about actions");
    };
    chain.install(HookId::new(1, 0), rule);
    let counted = [1, 2, 3].map(|_| chain.count(HookId::new(1, 0)));
    assert_eq!(counted, [Counted::Fired, Counted::Fired, Counted::Exhausted]);
    assert_eq!(chain.statuses().next().unwrap().hits, 2);
    assert_eq!(chain.remove(HookId::new(1, 0)).unwrap().hits, 2);
    assert_eq!(chain.remove(HookId::new(1, 0)), None);
}

#[test]
fn a_status_is_as_expected_within_its_range() {
    let status = |hits, expected: Option<std::ops::RangeInclusive<usize>>| {
        let caller = std::panic::Location::caller();
        let HookSpec { rule: AnyRule::Action(mut rule), .. } = hook::on_action().reset() else {
            panic!("it is about actions");
        };
        rule.expected = expected.map(|hits| Expectation { hits, caller });
        let mut chain = Chain::default();
        chain.install(HookId::new(1, 0), rule);
        for _ in 0..hits {
            chain.count(HookId::new(1, 0));
        }
        chain.statuses().next().unwrap().is_as_expected()
    };
    let is_expected = [1, 2, 3, 4].map(|hits| status(hits, Some(2..=3)));
    assert_eq!(is_expected, [false, true, true, false]);
    assert!(status(7, None));
}

/// A context in which each condition has a value, and what fits and does not fit it.
#[test]
fn each_condition_of_a_filter_is_decisive() {
    let room = RoomNames { label: "r".into(), arn: "arn:room/Room00000001".into() };
    let context = EventContext {
        user_id: Some("a"),
        sender: Some("b"),
        room: Some(&room),
        connection: Some(ONE),
        action: Some(ActionKind::SendMessage),
        kind: Some(FrameKind::Message),
        event_name: Some("e"),
        operation: Some(Operation::SendEvent),
        text: "some text",
        request_id: "id",
    };
    let fitting = || Filter {
        user_id: Some("a".into()),
        sender: Some("b".into()),
        rooms: vec!["r".into()],
        connection: Some(ONE),
        action: Some(ActionKind::SendMessage),
        kind: Some(FrameKind::Message),
        event_name: Some("e".into()),
        operation: Some(Operation::SendEvent),
        containing: vec!["text".into()],
        request_id: Some("id".into()),
    };
    assert!(fitting().admits(&context) && Filter::default().admits(&context));
    assert!(!fitting().admits(&EventContext::default()));
    let changes: [fn(&mut Filter); 10] = [
        |f| f.user_id = Some("x".into()),
        |f| f.sender = Some("x".into()),
        |f| f.rooms = vec!["x".into()],
        |f| f.connection = Some(ConnectionId(2)),
        |f| f.action = Some(ActionKind::DeleteMessage),
        |f| f.kind = Some(FrameKind::Event),
        |f| f.event_name = Some("x".into()),
        |f| f.operation = Some(Operation::GetRoom),
        |f| f.containing = vec!["other".into()],
        |f| f.request_id = Some("i".into()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut filter = fitting();
        change(&mut filter);
        assert!(!filter.admits(&context), "condition {index}");
    }
}
