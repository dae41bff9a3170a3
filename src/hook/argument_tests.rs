//! Tests of the arguments of hook builders and verdicts.

use rstest::rstest;

use crate::hook::delivery::Corruption;
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::operation::OperationVerdict;
use crate::hook::registry::AnyRule;
use crate::hook::{self, HookSpec};
use crate::proto::exception::Exception;
use crate::proto::timestamp::Timestamp;

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
