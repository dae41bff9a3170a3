//! Failures of waits: short, soon, and about what was waited for; conditions that never hold.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::waits::{failure, with_timeout, within_limit};
use mock_ivs_chat::{CloseCode, ErrorCode, MockIvsChat, Operation, log::Matcher};

#[test]
fn a_failure_after_a_long_log_is_short_and_comes_soon() {
    within_limit(|| {
        let ivs = with_timeout(Duration::from_millis(1));
        let room = ivs.create_room("lobby");
        let people: Vec<_> = (0..12).map(|n| room.participant(format!("user-{n}"))).collect();
        let speaker = &people[0];
        for number in 0..7_200 {
            speaker.send_message(format!("message {number}"));
        }
        assert!(ivs.log().entries().len() > 90_000);
        let start = Instant::now();
        let text = failure(|| people[3].expect_message("message 72OO").wait());
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(text.lines().count() <= 100, "{} lines", text.lines().count());
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{widest:?}\n{text}");
        assert!(text.contains("user-3 (lobby)"), "{text}");
        for number in text.split('#').skip(2) {
            let digits = number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            assert!(
                digits.is_empty() || text.contains(&format!("#{digits} ")),
                "#{digits}\n{text}"
            );
        }
    });
}

#[test]
fn the_lane_of_the_subject_is_shown_among_many() {
    let ivs = with_timeout(Duration::from_millis(1));
    let room = ivs.create_room("lobby");
    let people: Vec<_> = (0..12).map(|n| room.participant(format!("user-{n}"))).collect();
    (0..30).for_each(|_| drop(people[0].send_message("hello")));
    for text in [
        failure(|| people[3].expect_message("hi").wait()),
        failure(|| ivs.log().user("user-3").expect_message("hi").wait()),
        failure(|| ivs.log().expect(Matcher::message().to("user-3").content("hi")).wait()),
        failure(|| people[3].assert_no_message("hello")),
    ] {
        assert!(text.contains("user-3 (lobby)"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }
}

#[test]
fn an_entry_has_the_number_of_its_row_in_the_timeline() {
    let ivs = with_timeout(Duration::from_millis(1));
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("hi");
    // One row has both deliveries: it is #9.
    let text = failure(|| bob.assert_no_message("hi"));
    assert!(text.contains("on the connection of bob, found #9 (bob: MESSAGE"), "{text}");
    let text = failure(|| bob.expect_message("ho").wait());
    assert!(text.contains("nearest: #9 (bob: MESSAGE \"hi\")"), "{text}");
}

#[test]
fn a_matcher_for_a_request_compares_its_members() {
    let ivs = with_timeout(Duration::from_millis(1));
    let room = ivs.create_room("lobby");
    let _troll = room.chat_token("troll").join();
    let tokens = |user_id| Matcher::request(Operation::CreateChatToken).user(user_id);
    ivs.log().expect(tokens("troll")).wait();
    ivs.log().assert_none(tokens("alice"));
    let text = failure(|| ivs.log().assert_none(tokens("troll")));
    assert!(text.contains("expected no CreateChatToken request"), "{text}");
    room.disconnect_user("troll", "rude");
    let kicks = Matcher::request(Operation::DisconnectUser).user("troll").reason("rude");
    ivs.log().expect(kicks).wait();
}

#[test]
fn a_condition_that_never_holds_is_refused_at_the_line_that_adds_it() {
    let refused: [fn() -> Matcher; 6] = [
        || Matcher::request(Operation::CreateRoom).user("troll"),
        || Matcher::request(Operation::GetRoom).content("hi"),
        || Matcher::message().user("alice"),
        || Matcher::event("app:poll").from("alice"),
        || Matcher::error(ErrorCode::BadRequest).close_code(CloseCode::NORMAL),
        || Matcher::response(Operation::CreateRoom).to("alice"),
    ];
    for pattern in refused {
        let text = failure(pattern);
        assert!(text.contains("matches nothing"), "{text}");
    }
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "the test is about one")]
fn a_hook_that_expects_an_empty_range_is_refused() {
    let ivs = MockIvsChat::start();
    let empty: [fn(&MockIvsChat); 2] =
        [|ivs| drop(ivs.on_action().expect(5..3)), |ivs| drop(ivs.on_action().expect(..0))];
    for expects in empty {
        let panic = catch_unwind(AssertUnwindSafe(|| expects(&ivs))).expect_err("it is empty");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.contains("a range that is not empty"), "{text}");
    }
}
