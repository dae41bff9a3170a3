//! Tests of the arguments of hook builders and verdicts.

use rstest::rstest;

use crate::hook::delivery::Corruption;
use crate::hook::describe::describe;
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::operation::OperationVerdict;
use crate::hook::registry::AnyRule;
use crate::hook::{self, HookSpec};
use crate::proto::exception::Exception;
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

fn expectation(hook: HookSpec) -> std::ops::RangeInclusive<usize> {
    match hook.rule {
        AnyRule::Action(rule) => rule.expected.unwrap().hits,
        other => panic!("{other:?} is not about actions"),
    }
}

#[test]
fn an_expectation_is_any_range() {
    let on = hook::on_action;
    assert_eq!(expectation(on().expect(2..=3).reset()), 2..=3);
    assert_eq!(expectation(on().expect(2..4).reset()), 2..=3);
    assert_eq!(expectation(on().expect(2..).reset()), 2..=usize::MAX);
    assert_eq!(expectation(on().expect(..4).reset()), 0..=3);
    assert_eq!(expectation(on().expect(..1).reset()), 0..=0);
    assert_eq!(expectation(on().expect(..=3).reset()), 0..=3);
    assert_eq!(expectation(on().expect(3).reset()), 3..=3);
}

#[rstest]
#[case::times(|| drop(hook::on_action().times(0)), "`times(n)` needs n >= 1")]
#[case::nth(|| drop(hook::on_action().nth(0)), "`nth(n)` needs n >= 1")]
#[case::every(|| drop(hook::on_action().every(0)), "`every(n)` needs n >= 1")]
#[case::between(
    || drop(hook::on_action().between(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)),
    "`between` needs two moments in order, got 1970-01-01T00:00:00Z and 1970-01-01T00:00:00Z"
)]
#[case::probability(
    || drop(hook::on_action().with_probability(1.5, 0)),
    "`with_probability` needs a probability between 0 and 1, got 1.5"
)]
#[case::no_probability(
    || drop(hook::on_action().with_probability(f64::NAN, 0)),
    "`with_probability` needs a probability between 0 and 1, got NaN"
)]
#[case::empty(|| drop(hook::on_action().expect(..0)), "`expect` needs a range that is not empty, got ..0")]
#[case::empty_from_three(
    || drop(hook::on_action().expect(3..3)),
    "`expect` needs a range that is not empty, got 3..3"
)]
#[case::low_status(
    || drop(hook::on_handshake().refuse(399, "")),
    "`refuse` needs a status between 400 and 599, got 399"
)]
#[case::high_status(
    || drop(HandshakeVerdict::refuse(600, "")),
    "`refuse` needs a status between 400 and 599, got 600"
)]
#[case::response(
    || drop(hook::on_any_operation().respond(99, "")),
    "`respond` needs a status between 200 and 599, got 99"
)]
#[case::response_verdict(
    || drop(OperationVerdict::respond(600, "")),
    "`respond` needs a status between 200 and 599, got 600"
)]
#[case::oversize(
    || drop(hook::on_delivery().corrupt(Corruption::Oversize(1 << 30))),
    "a frame can have at most 67108864 bytes, got 1073741824"
)]
#[case::exception(
    || drop(Exception::new(200, "Success", "")),
    "an exception needs a status between 400 and 599, got 200"
)]
fn invalid_arguments_are_refused(#[case] build: fn(), #[case] expected: &str) {
    let panic = std::panic::catch_unwind(build).unwrap_err();
    let text = panic.downcast_ref::<String>().map(String::as_str);
    assert_eq!(text.or_else(|| panic.downcast_ref::<&str>().copied()), Some(expected));
}

/// Returns the text of the panic at which a hook is refused.
fn refusal(build: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(build).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[rstest]
#[case::limit(
    || drop(hook::on_action().once().expect(2)),
    "`on_action().once()` cannot have `expect(2)` as well: the hook fires at most once"
)]
#[case::limit_after(
    || drop(hook::on_action().expect(5..).from("alice").times(2)),
    "`on_action().from(\"alice\").expect(5..)` cannot have `times(2)` as well: the hook fires at \
     most 2 times"
)]
#[case::nth(
    || drop(hook::on_action().nth(3).expect(2..)),
    "`on_action().nth(3)` cannot have `expect(2..)` as well: the hook fires at most once"
)]
#[case::probability(
    || drop(hook::on_action().expect(1..=2).with_probability(0.0, 1)),
    "`on_action().expect(1..=2)` cannot have `with_probability(0, 1)` as well: the hook never fires"
)]
#[case::seed(
    || drop(hook::on_action().nth(1).with_probability(0.001, 7).expect(1)),
    "`on_action().nth(1).with_probability(0.001, 7)` cannot have `expect(1)` as well: the hook \
     never fires"
)]
#[case::two_expectations(
    || drop(hook::on_action().expect(1).expect(2)),
    "`on_action().expect(1)` cannot have `expect(2)` as well: no number of hits is in both"
)]
#[case::every(
    || drop(hook::on_delivery().every(2).nth(3)),
    "`on_delivery().every(2)` cannot have `nth(3)` as well: `nth` must be a multiple of `every`"
)]
#[case::after(
    || drop(hook::on_delivery().nth(3).after(3)),
    "`on_delivery().nth(3)` cannot have `after(3)` as well: `nth` must be greater than `after`"
)]
#[case::two_numbers(
    || drop(hook::on_review().nth(3).nth(4)),
    "`on_review().nth(3)` cannot have `nth(4)` as well: the hook would never fire"
)]
#[case::two_times(
    || {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let hour = |h: u8| time(&format!("2026-01-01T{h:02}:00:00Z"));
        drop(hook::on_action().between(hour(1), hour(2)).between(hour(2), hour(3)));
    },
    "`on_action().between(2026-01-01T01:00:00Z, 2026-01-01T02:00:00Z)` cannot have \
     `between(2026-01-01T02:00:00Z, 2026-01-01T03:00:00Z)` as well: the hook would never fire"
)]
#[case::two_seeds(
    || drop(hook::on_action().with_probability(0.5, 1).with_probability(0.5, 2)),
    "`on_action().with_probability(0.5, 1)` cannot have `with_probability(0.5, 2)` as well: a hook \
     has one probability"
)]
#[case::sender_of_an_error(
    || drop(hook::on_delivery().to("bob").error().from("alice")),
    "`on_delivery().to(\"bob\").error()` cannot have `from(\"alice\")` as well: only a MESSAGE has a \
     sender"
)]
#[case::sender_of_an_event(
    || drop(hook::on_delivery().from("alice").event("x")),
    "`on_delivery().from(\"alice\")` cannot have `event(\"x\")` as well: only a MESSAGE has a sender"
)]
#[case::two_kinds(
    || drop(hook::on_delivery().message().event("x")),
    "`on_delivery().message()` cannot have `event(\"x\")` as well: the hook would never fire"
)]
#[case::two_events(
    || drop(hook::on_delivery().event("x").event("y")),
    "`on_delivery().event(\"x\")` cannot have `event(\"y\")` as well: the hook would never fire"
)]
#[case::two_actions(
    || drop(hook::on_action().send_message().delete_message()),
    "`on_action().send_message()` cannot have `delete_message()` as well: the hook would never fire"
)]
#[case::two_users(
    || drop(hook::on_handshake().from("alice").from("bob")),
    "`on_handshake().from(\"alice\")` cannot have `from(\"bob\")` as well: the hook would never fire"
)]
#[case::two_requests(
    || drop(hook::on_action().request_id("r1").request_id("r2")),
    "`on_action().request_id(\"r1\")` cannot have `request_id(\"r2\")` as well: the hook would never \
     fire"
)]
#[case::two_connections(
    || drop(hook::on_action().connection(ConnectionId(1)).connection(ConnectionId(2))),
    "`on_action().connection(1)` cannot have `connection(2)` as well: the hook would never fire"
)]
#[case::no_room(
    || drop(hook::on_operation(Operation::ListRooms).room("lobby")),
    "`on_operation(ListRooms)` cannot have `room(\"lobby\")` as well: a ListRooms request is not \
     about a room"
)]
fn conditions_that_exclude_each_other_are_refused(#[case] build: fn(), #[case] expected: &str) {
    assert_eq!(refusal(build), expected);
}

#[test]
fn conditions_that_can_hold_together_add_up() {
    let hook = hook::on_delivery()
        .from("alice")
        .from("alice")
        .message()
        .message()
        .room("lobby")
        .room("Room00000001")
        .containing("one")
        .containing("two")
        .every(4)
        .every(6)
        .after(3)
        .after(2)
        .times(3)
        .times(5)
        .expect(1..)
        .expect(..4);
    let AnyRule::Delivery(rule) = hook.drop_frame().rule else { panic!("it is about deliveries") };
    assert_eq!(
        describe(&rule),
        "on_delivery().from(\"alice\").room(\"lobby\").room(\"Room00000001\").containing(\"one\")\
         .containing(\"two\").message().times(3).every(12).after(3).expect(1..=3).drop_frame()"
    );
    // An expectation of nothing, or of less than the limit, can hold.
    drop(hook::on_action().once().expect(0));
    drop(hook::on_action().times(3).expect(..=9));
    drop(hook::on_action().nth(4).every(2).after(3).expect(1));
    drop(hook::on_action().with_probability(0.0, 1).expect(0));
    drop(hook::on_operation(Operation::GetRoom).room("lobby").containing("x"));
}

#[test]
fn a_hook_with_two_texts_is_not_json() {
    let hook = hook::on_action().containing("one").containing("two").ignore();
    let error = serde_json::to_string(&hook).unwrap_err().to_string();
    assert_eq!(error, "a hook with two rooms or two texts cannot be written as JSON");
}

#[rstest]
#[case(
    r#"{"on":"review","to":"bob","then":"hold"}"#,
    "`to` is not a condition of hooks on reviews; known: `from`"
)]
#[case(
    r#"{"on":"delivery","then":{"corrupt":{"oversize":1073741824}}}"#,
    "a frame can have at most 67108864 bytes, got 1073741824"
)]
#[case(r#"{"on":"action","times":0,"then":"reset"}"#, "`times` must be at least 1")]
#[case(
    r#"{"on":"action","between":{"from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"},"then":"reset"}"#,
    "`between` needs `until` to be later than `from`"
)]
#[case(
    r#"{"on":"action","times":2,"expect":5,"then":"reset"}"#,
    "`expect` asks for 5 or more, but the hook fires at most 2 times"
)]
#[case(
    r#"{"on":"action","nth":1,"expect":{"min":2},"then":"reset"}"#,
    "`expect` asks for 2 or more, but the hook fires at most once"
)]
#[case(
    r#"{"on":"action","probability":0,"expect":1,"then":"reset"}"#,
    "`expect` asks for 1 or more, but the hook never fires"
)]
#[case(
    r#"{"on":"action","nth":3,"every":2,"then":"reset"}"#,
    "`nth` must be a multiple of `every`"
)]
#[case(r#"{"on":"action","nth":3,"after":3,"then":"reset"}"#, "`nth` must be greater than `after`")]
#[case(
    r#"{"on":"delivery","from":"alice","frame":"ERROR","then":"drop"}"#,
    "`from` cannot hold: only a MESSAGE has a sender"
)]
#[case(
    r#"{"on":"delivery","from":"alice","eventName":"x","then":"drop"}"#,
    "`from` cannot hold: only a MESSAGE has a sender"
)]
#[case(
    r#"{"on":"operation","operation":"ListRooms","room":"lobby","then":"reset"}"#,
    "`room` cannot hold: a ListRooms request is not about a room"
)]
fn conditions_in_json_that_cannot_hold_are_refused(#[case] text: &str, #[case] expected: &str) {
    let error = serde_json::from_str::<HookSpec>(text).unwrap_err().to_string();
    assert_eq!(error, expected);
}

#[test]
fn the_largest_and_smallest_values_are_accepted() {
    for status in [400, 599] {
        drop(hook::on_handshake().refuse(status, ""));
    }
    for probability in [0.0, 1.0] {
        drop(hook::on_action().with_probability(probability, 0));
    }
    drop(hook::on_action().nth(1).every(1));
}
