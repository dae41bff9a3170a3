//! Causes in failures: everything that keeps a frame back, and mistakes of the test itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mock_ivs_chat::hook::{ActionVerdict, DeliveryVerdict, HookSpec};
use mock_ivs_chat::log::{Lint, LogRetention, Matcher};
use mock_ivs_chat::{Clock, ErrorCode, MockIvsChat, Operation, ReviewResponse};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::failure_texts::{child_of, impatient};
use crate::support::frozen;
use crate::waits::failure;

#[test]
fn a_delayed_event_is_named_with_the_time_at_which_it_is_due() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let timeout = Duration::from_millis(1);
    let ivs = MockIvsChat::builder().clock(clock).wait_timeout(timeout).start();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_delivery().delay(Duration::from_secs(60));
    alice.send_message("hi");
    let text = failure(|| alice.expect_message("hi").wait());
    let delays = "delays:\n  1 event is delayed until +60.000; the clock is frozen, and `advance` \
                  moves it\n";
    assert!(text.contains(delays), "{text}");
    alice.send_message("hi");
    let report = ivs.report().to_string();
    assert!(report.contains("  2 events are delayed, the first until +60.000;"), "{report}");
}

#[test]
fn a_reordered_frame_or_action_that_waits_for_another_one_is_named() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    ivs.on_delivery().to("alice").once().reorder();
    bob.send_message("last");
    let text = failure(|| alice.expect_message("last").wait());
    let delays = "delays:\n  1 reordered frame to alice waits until another MESSAGE, EVENT or \
                  ERROR is sent to alice\n";
    assert!(text.contains(delays), "{text}");
    ivs.on_action().from("bob").times(2).reorder();
    bob.send_message("one");
    bob.send_message("two");
    let report = ivs.report().to_string();
    let actions = "  2 reordered actions of bob wait until bob sends another action\n";
    assert!(report.contains(actions), "{report}");
    bob.send_message("three");
    alice.expect_message("last").wait();
    alice.expect_message("two").wait();
    assert!(!ivs.report().to_string().contains("reordered action"));
}

#[test]
fn a_user_whose_name_is_blank_or_odd_is_in_quotes() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    for (user_id, shown) in [(" ", r#"" ""#), ("a: b (c)", r#""a: b (c)""#)] {
        let user = room.participant(user_id);
        user.send_raw(r#"{"Action":"JOIN"}"#);
        let connection = user.connection();
        connection.stall();
        let text = failure(|| user.expect_message("hi").wait());
        for part in [
            format!("{shown} is stalled"),
            format!("{shown} (lobby)"),
            format!(", {shown}: "),
            format!(" {shown}: ERROR"),
        ] {
            assert!(text.contains(&part), "{part}\n{text}");
        }
        connection.resume();
    }
}

#[test]
fn a_stalled_connection_is_named() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    bob.connection().stall();
    alice.send_message("hi");
    let text = failure(|| bob.expect_message("hi").wait());
    let stalled = "stalled connections:\n  bob is stalled until `Connection::resume`, with 1 \
                   frame to it withheld\n";
    assert!(text.contains(stalled), "{text}");
}

#[test]
fn a_gate_is_named_by_the_line_of_its_hook() {
    let ivs = impatient();
    let alice = ivs.create_room("lobby").participant("alice");
    let _gate = ivs.on_delivery().to("alice").hold();
    let line = line!() - 1;
    alice.send_message("hi");
    let text = failure(|| alice.expect_message("hi").wait());
    let origin = format!(
        "gates:\n  1 event held by \"hook 1\" until `Gate::release`, the last at #6\n    \
         on_delivery().to(\"alice\").hold() at tests/it/failure_causes.rs:{line}:"
    );
    assert!(text.contains(&origin), "{text}");
}

#[tokio::test]
async fn a_wait_that_blocks_the_only_thread_of_a_runtime_says_so() {
    let ivs = impatient();
    let alice = ivs.create_room("lobby").participant("alice");
    let text = failure(|| alice.expect_message("hi").wait());
    let hint = "runtime:\n  `wait` has blocked the only thread of this tokio runtime";
    assert!(text.contains(hint), "{text}");
    // A thread without a runtime blocks nothing.
    let elsewhere = std::thread::spawn(move || failure(|| alice.expect_message("hi").wait()));
    let text = elsewhere.join().unwrap();
    assert!(!text.contains("runtime:"), "{text}");
}

#[tokio::test]
async fn a_wait_that_was_dropped_is_in_the_report() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    for _ in 0..3 {
        let wait = alice.expect_message("hi");
        tokio::time::timeout(Duration::ZERO, wait).await.unwrap_err();
    }
    let line = line!() - 3;
    let report = ivs.report().to_string();
    let dropped = format!(
        "waits that were dropped:\n  MESSAGE to alice with content \"hi\", at \
         tests/it/failure_causes.rs:{line}:26\n\n"
    );
    assert!(report.contains(&dropped), "{report}");
    alice.send_message("hi");
    alice.expect_message("hi").await;
    assert_eq!(ivs.report().to_string().matches("MESSAGE to alice").count(), 1);
}

#[test]
fn a_wait_after_the_mock_was_dropped_says_that_a_handle_does_not_keep_it_alive() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    let log = ivs.log();
    drop(ivs);
    for text in
        [failure(|| alice.expect_message("hi").wait()), failure(|| log.expect_message("hi").wait())]
    {
        let why = "the `MockIvsChat` has been dropped, and a handle does not keep it alive";
        // The line is wrapped somewhere.
        let text = text.replace("\n  ", " ");
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_dropped_mock_that_fails_its_test_names_the_line_that_started_it() {
    let mut line = 0;
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        line = line!() + 1;
        let ivs = MockIvsChat::start();
        ivs.on_action().expect(1..).ignore();
    }));
    let text = *dropped.unwrap_err().downcast::<String>().unwrap();
    let start = format!(
        "the mock started at tests/it/failure_causes.rs:{line}:19 has failed its test:\n\n\
         hook 1: expected to fire at least once, but it never fired\n"
    );
    assert!(text.starts_with(&start), "{text}");
}

#[test]
fn a_hook_is_described_with_its_expectation_and_the_kind_of_its_closure() {
    let ivs = frozen();
    ivs.on_action().expect(..=2).times(2).expect(1..=2).decide_async(async |_| ActionVerdict::Pass);
    ivs.on_handshake().named("none").expect(0).reset();
    let report = ivs.finish().wait().unwrap_err().to_string();
    let shown = "hook 1: expected to fire 1 to 2 times, but it never fired\n  \
                 on_action().times(2).expect(1..=2).decide_async(…)\n";
    assert!(report.starts_with(shown), "{report}");
    assert!(report.contains("\n  there has been no frame from a client\n"), "{report}");
    assert!(!report.contains("none"), "{report}");
}

#[test]
fn a_panic_of_a_review_handler_is_named_by_the_line_that_sets_it() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    room.review_with(|_| panic!("no idea"));
    let line = line!() - 1;
    let alice = room.participant("alice");
    alice.send_message("hi");
    let text = failure(|| alice.expect_message("hi").wait());
    let whose =
        format!("the review handler at tests/it/failure_causes.rs:{line}:10 panicked: no idea");
    assert!(text.contains(&whose), "{text}");
    ivs.finish().wait().unwrap_err();
}

#[test]
fn a_wait_that_fails_inside_a_closure_is_quoted_without_its_timeline() {
    let ivs = impatient();
    let alice = ivs.create_room("lobby").participant("alice");
    let log = ivs.log();
    ivs.on_action().decide(move |_| {
        log.expect_message("never").wait();
        ActionVerdict::Pass
    });
    alice.send_message("hi");
    let text = failure(|| alice.expect_message("hi").wait());
    assert!(text.contains("panicked: waited 1ms for MESSAGE with content \"never\""), "{text}");
    assert_eq!(text.matches("CreateRoom").count(), 1, "{text}");
    assert!(!text.contains("\\n"), "{text}");
    ivs.finish().wait().unwrap_err();
}

#[test]
fn a_closure_that_panics_right_before_the_end_fails_the_test() {
    let dropped = catch_unwind(|| {
        let ivs = MockIvsChat::start();
        let room = ivs.create_room("lobby");
        // The handler runs on another thread, after the message has been sent.
        room.review_with(|_| panic!("too late?"));
        room.participant("alice").send_message("hi");
    });
    let text = *dropped.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("panicked: too late?"), "{text}");
}

#[test]
fn a_review_that_failed_is_named_with_the_line_of_its_handler() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let timeout = Duration::from_millis(1);
    let ivs = MockIvsChat::builder().clock(clock).wait_timeout(timeout).start();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    room.review_with_json(|_| json!({ "ReviewResult": "deny" }));
    let line = line!() - 1;
    alice.send_message("one");
    let invalid = failure(|| alice.expect_error(ErrorCode::NotAcceptable).wait());
    room.review_with_async(|_| std::future::pending());
    alice.send_message("two");
    ivs.advance(Duration::from_millis(200));
    let late = failure(|| alice.expect_error(ErrorCode::NotAcceptable).wait());
    ivs.reset_hooks();
    alice.send_message("three");
    let missing = failure(|| alice.expect_error(ErrorCode::NotAcceptable).wait());
    let handler = |line| format!("the review handler at tests/it/failure_causes.rs:{line}:10");
    let invalid_outcome = "returned an invalid response: ReviewResult must be ALLOW or DENY";
    let one = format!(
        "{} {invalid_outcome}; fallback ALLOW was applied to Message00001, at #10\n",
        handler(line)
    );
    let two = format!(
        "{} timed out after 200ms; fallback ALLOW was applied to Message00002, at #16\n",
        handler(line + 4)
    );
    let three = "the review failed: the test has set no handler for its function; fallback ALLOW was \
                 applied to Message00003, at #19\n";
    // Handlers that have been replaced are still named, because the log has their reviews.
    let cases = [(invalid, one.clone()), (late, format!("{one}  {two}"))];
    let cases = cases.into_iter().chain([(missing, format!("{one}  {two}  {three}"))]);
    for (text, lines) in cases {
        let text = text.replace("\n    ", " ");
        assert!(text.contains(&format!("\n\nreviews that failed:\n  {lines}")), "{text}");
    }
}

#[test]
fn a_response_of_a_review_handler_in_another_spelling_says_so() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    room.review_with_json(|_| json!({ "ReviewResult": "ALLOW", "content": "hi" }));
    room.participant("alice").send_message("hello");
    let reason = "failed: Content is missing (found \"content\"); fallback ALLOW";
    assert!(ivs.log().to_string().contains(reason), "{}", ivs.log());
    room.review_with(|_| ReviewResponse::allow());
}

#[test]
fn an_assertion_that_nothing_matches_refuses_names_that_do_not_exist() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    alice.send_message("hi");
    for (text, why) in [
        (
            failure(|| ivs.log().room("loby").assert_none(Matcher::message())),
            "cannot assert that there is no MESSAGE: no room \"loby\"; rooms: \"lobby\"",
        ),
        (
            failure(|| ivs.log().assert_none(Matcher::message().room("loby"))),
            "no room \"loby\"; rooms: \"lobby\"",
        ),
        (
            failure(|| alice.assert_no_event("aws:DELETE_MSG")),
            "the service sends no such event; events: \"aws:DELETE_MESSAGE\", \
             \"aws:DISCONNECT_USER\"",
        ),
    ] {
        let text = text.replace("\n  ", " ");
        assert!(text.contains(why), "{why}\n{text}");
    }
    // These names exist, or have existed, or are the test's own.
    let empty = ivs.create_room("empty");
    ivs.log().room(empty.id()).assert_none(Matcher::message());
    ivs.log().room("lobby").assert_none(Matcher::event("aws:DELETE_MESSAGE"));
    ivs.log().assert_none(Matcher::event("app:poll"));
    room.delete();
    ivs.log().room(room.arn()).assert_none(Matcher::event("app:poll"));
}

#[test]
fn a_denied_lint_needs_a_log() {
    let builder = MockIvsChat::builder().deny(Lint::ALL).log_retention(LogRetention::Off);
    let error = builder.try_start().unwrap_err().to_string();
    assert_eq!(error, "`deny` contradicts `LogRetention::Off`: the lint reads the log");
}

#[test]
fn the_nearest_entry_may_be_in_a_room_that_the_matcher_names_by_its_id() {
    let ivs = impatient();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let (alice, bob) = (lobby.participant("alice"), stage.participant("bob"));
    alice.send_message("hello");
    bob.send_message("hullo");
    let wanted = Matcher::message().room(lobby.id()).content("hallo");
    let text = failure(|| ivs.log().expect(wanted).wait());
    assert!(text.contains("(alice: MESSAGE \"hello\"), 1 field differs\n"), "{text}");
}

#[test]
fn a_hook_on_any_event_is_described_with_its_condition() {
    let ivs = frozen();
    let spec: HookSpec =
        serde_json::from_value(json!({ "on": "delivery", "frame": "EVENT", "then": "drop" }))
            .unwrap();
    ivs.install(spec);
    let report = ivs.report().to_string();
    assert!(report.contains("on_delivery().event(…).drop_frame()\n"), "{report}");
}

#[test]
#[ignore = "a child of the test below"]
fn a_verification_that_fails() {
    let ivs = frozen();
    ivs.on_action().named("never").expect(1).ignore();
    ivs.verify();
}

#[test]
fn a_report_is_not_repeated_beside_the_panic_of_a_verification() {
    let text = child_of("failure_causes::a_verification_that_fails", &[]);
    assert_eq!(text.matches("hook \"never\": expected to fire once").count(), 1, "{text}");
}

#[test]
fn no_text_or_export_shows_a_token_or_a_part_of_one() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create().token;
    let part = &token[..16];
    let body = json!({ "token": token }).to_string();
    ivs.on_operation(Operation::GetRoom).named(&*token).respond(200, &*body);
    ivs.on_action().reject(ErrorCode::BadRequest, &*token);
    room.review_with({
        let reason = token.clone();
        move |_| ReviewResponse::deny(reason.clone())
    });
    let alice = room.participant("bob");
    alice.send_message("hi");
    alice.disconnect();
    let log = ivs.log();
    let texts = [
        failure(|| drop(ivs.room(&*token))),
        failure(|| log.expect_message(&*token).wait()),
        ivs.report().to_string(),
        log.to_string(),
        log.timeline(),
        log.to_html(""),
        log.to_har(),
        log.to_json_lines(),
        log.to_mermaid(),
        serde_json::to_string(&log).unwrap(),
    ];
    for text in texts {
        assert!(!text.contains(part), "{part}\n{text}");
    }
}

#[tokio::test]
async fn a_token_with_escapes_or_in_a_path_is_hidden_everywhere() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create().token;
    let part = &token[20..60];
    let all_escaped = |escape: &dyn Fn(u8) -> String| token.bytes().map(escape).collect::<String>();
    let in_json = all_escaped(&|byte| format!("\\u{byte:04x}"));
    let first_in_json = token.replacen('A', "\\u0041", 1);
    let middle_in_json = format!("{}\\u{:04x}{}", &token[..10], token.as_bytes()[10], &token[11..]);
    let in_path = token.replace('#', "%23");
    let all_in_path = all_escaped(&|byte| format!("%{byte:02x}"));
    let first_in_path = in_path.replacen('A', "%41", 1);
    let alice = room.participant("bob");
    let mut paths = Vec::new();
    for path in [&in_path, &all_in_path, &first_in_path] {
        paths.push(format!("/{path}"));
        paths.push(format!("/tags/{path}?tagKeys={path}"));
    }
    let bodies = [&token, &in_json, &first_in_json, &middle_in_json];
    let requests = paths.iter().map(|path| (&**path, String::new()));
    let posts = bodies.iter().map(|body| ("/ListRooms", format!(r#"{{"name":"{body}"}}"#)));
    for (path, body) in requests.chain(posts) {
        for method in ["POST", "DELETE"] {
            let length = body.len();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nReferer: http://x{path}\r\n\
                 Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let mut stream = tokio::net::TcpStream::connect(ivs.addr()).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
    for body in bodies {
        alice.send_raw(format!(r#"{{"Action":"SEND_MESSAGE","Content":"{body}"}}"#));
        alice.send_raw(format!(r#"{{"Action":"JOIN","Token":"{body}"}}"#));
        alice.send_raw(format!("not JSON: {body}"));
    }
    let log = ivs.log();
    let texts = [
        ivs.report().to_string(),
        log.to_string(),
        format!("{log:?}"),
        format!("{:?}", log.entries()),
        log.timeline(),
        log.to_html(""),
        log.to_har(),
        log.to_json_lines(),
        log.to_mermaid(),
        serde_json::to_string(&log).unwrap(),
    ];
    let long_escapes =
        [&in_json[240..360], &all_in_path[60..120], &in_json[240..360].to_uppercase()];
    for text in texts {
        assert!(!text.contains(part), "{part}\n{text}");
        for escapes in long_escapes {
            assert!(!text.contains(escapes), "{escapes}\n{text}");
            assert!(!text.contains(&escapes.replace('\\', "\\\\")), "{escapes}\n{text}");
        }
    }
}

#[test]
fn an_invisible_character_in_a_user_id_is_escaped() {
    let ivs = impatient();
    let evil = ivs.create_room("lobby").participant("\u{202e}evil");
    let text = failure(|| evil.expect_message("hi").wait());
    assert!(!text.contains('\u{202e}') && text.contains("\\u{202e}evil"), "{text}");
    assert!(!ivs.log().to_string().contains('\u{202e}'));
}

#[test]
fn a_hook_on_calls_of_the_test_itself_says_why_it_has_not_fired() {
    let ivs = frozen();
    ivs.on_operation(Operation::CreateRoom).expect(1).empty_body();
    ivs.create_room("lobby");
    let report = ivs.finish().wait().unwrap_err().to_string();
    let hint = "\n  calls by methods of the mock do not go through hooks, only those over HTTP\n";
    assert!(report.contains(hint), "{report}");
}

#[tokio::test]
async fn a_whole_test_names_the_line_that_runs_it_and_its_errors_are_readable() {
    let text = child_of("failure_causes::a_whole_test_that_panics", &[]);
    assert!(text.contains("the mock started at tests/it/failure_causes.rs:"), "{text}");
    let ivs = impatient();
    let error = ivs.log().expect_message("hi").into_result().await.unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[tokio::test]
#[ignore = "a child of the test above"]
async fn a_whole_test_that_panics() {
    let _ = MockIvsChat::run(async |ivs| -> Result<(), _> {
        ivs.create_room("lobby");
        panic!("the test's own reason");
    })
    .await;
}

#[rstest]
#[case(|| Matcher::message().from("alice").from("bob"), "cannot be \"bob\" as well as \"alice\"")]
#[case(|| Matcher::message().content("a").content("b"), "the content of `MESSAGE with content \"a\"` cannot be \"b\"")]
#[case(|| Matcher::message().attribute("a", "1").attribute("a", "2"), "the attribute \"a\" of `")]
fn conditions_that_exclude_each_other_are_refused(
    #[case] matcher: fn() -> Matcher,
    #[case] text: &str,
) {
    let refused = failure(matcher);
    assert!(refused.contains(text), "{refused}");
}

#[test]
fn conditions_that_agree_are_accepted() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    room.participant("alice").send_message("hi");
    let same = Matcher::message().from("alice").from("alice").room("lobby").room(room.id());
    ivs.log().expect(same.containing("h").containing("i")).wait();
}

#[test]
fn a_long_advance_is_shown_in_days() {
    let ivs = frozen();
    ivs.advance(Duration::from_secs(60 * 24 * 60 * 60 + 5));
    assert!(ivs.log().to_string().contains("60days 5s"), "{}", ivs.log());
    assert!(ivs.log().timeline().contains("clock + 60days 5s"), "{}", ivs.log().timeline());
}

#[rstest]
#[case::delayed("delayed 1m by hook 1")]
#[case::held("held by hook \"gate\"")]
#[case::reordered("reordered by hook 1")]
#[case::dropped("dropped by hook 1")]
#[case::replaced("replaced by hook 1")]
#[case::stalled("withheld from a stalled connection")]
fn the_nearest_frame_is_the_one_that_is_kept_from_the_user(#[case] why: &str) {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let to_bob = || ivs.on_delivery().to("bob");
    let gate = ivs.gate();
    match why.split(' ').next() {
        Some("delayed") => drop(to_bob().delay(Duration::from_secs(60))),
        Some("held") => drop(to_bob().named("gate").decide({
            let gate = gate.clone();
            move |_| DeliveryVerdict::hold(&gate)
        })),
        Some("reordered") => drop(to_bob().reorder()),
        Some("dropped") => drop(to_bob().drop_frame()),
        Some("replaced") => drop(to_bob().replace("{}")),
        _ => assert!(bob.connection().stall()),
    }
    alice.send_message("hi");
    alice.expect_message("hi").wait();
    let nearest = format!("(bob: MESSAGE \"hi\") matches, but was {why}\n");
    let text = failure(|| bob.expect_message("hi").wait());
    assert!(text.contains(&nearest), "{text}");
    let by_user = ivs.log().user("bob");
    let text = failure(|| by_user.expect(Matcher::message().content("hi")).wait());
    assert!(text.contains(&nearest), "{text}");
    // A frame that is similar and has arrived is not as near.
    let text = failure(|| bob.expect_message("ho").wait());
    assert!(!text.contains("matches, but was"), "{text}");
}

/// Hooks of which no event satisfies all conditions, and the event that comes nearest.
#[rstest]
#[case(
    json!({ "on": "action", "from": "alice", "containing": "ho", "then": "ignore" }),
    "#5 (alice: SEND_MESSAGE \"hi\") does not satisfy `containing(\"ho\")`"
)]
#[case(
    json!({ "on": "action", "from": "bob", "action": "SEND_MESSAGE", "then": "ignore" }),
    "#5 (alice: SEND_MESSAGE \"hi\") does not satisfy `from(\"bob\")`"
)]
#[case(
    json!({ "on": "action", "from": "alice", "action": "DELETE_MESSAGE", "containing": "hi", "then": "ignore" }),
    "#5 (alice: SEND_MESSAGE \"hi\") does not satisfy `delete_message()`"
)]
#[case(
    json!({ "on": "delivery", "to": "alice", "from": "bob", "requestId": "r2", "frame": "MESSAGE", "then": "drop" }),
    "#6 (alice: MESSAGE \"hi\") does not satisfy `from(\"bob\")` and `request_id(\"r2\")`"
)]
#[case(
    json!({ "on": "delivery", "to": "alice", "eventName": "app:poll", "then": "drop" }),
    "#6 (alice: MESSAGE \"hi\") does not satisfy `event(\"app:poll\")`"
)]
fn a_hook_that_matched_nothing_names_the_nearest_event(#[case] hook: Value, #[case] near: &str) {
    let ivs = frozen();
    let hook: HookSpec = serde_json::from_value(hook).unwrap();
    ivs.install(hook);
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_raw(r#"{"Action":"SEND_MESSAGE","RequestId":"r1","Content":"hi"}"#);
    alice.disconnect();
    let report = ivs.report().to_string();
    assert!(report.contains(&format!("\n    nearest: {near}\n")), "{report}");
    assert!(!report.contains("ended at"), "{report}");
}

#[tokio::test]
async fn a_hook_that_was_not_asked_about_a_matching_event_says_why() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create();
    let _client = ivs.connect(&token).await.unwrap();
    let alice = room.participant("alice");
    alice.send_message("hi");
    let later = "matches, but the hook was not asked: it may have been installed later\n";
    ivs.on_action().from("alice").containing("hi").ignore();
    ivs.on_delivery().to("alice").containing("hi").drop_frame();
    ivs.on_handshake().from("alice").room("lobby").reset();
    let report = ivs.report().to_string();
    assert_eq!(report.matches(later).count(), 3, "{report}");
    ivs.reset_hooks();
    ivs.on_review().from("alice").containing("hi").respond(ReviewResponse::fail());
    alice.send_message("hi");
    let report = ivs.report().to_string();
    let why = "matches, but the hook was not asked: its room may have no review handler\n";
    assert!(report.contains(why), "{report}");
    ivs.on_operation(Operation::SendEvent).containing("poll").reset();
    let text = r#"{"roomIdentifier":"x","eventName":"other"}"#;
    crate::control_plane_support::http(&ivs, "POST", "/SendEvent", text);
    let report = ivs.report().to_string();
    assert!(report.contains("SendEvent) does not satisfy `containing(\"poll\")`\n"), "{report}");
}

#[rstest]
#[case::content(
    "ho",
    "nearest: #13 (alice: SEND_MESSAGE \"hi\") does not satisfy `containing(\"ho\")`"
)]
#[case::none("h", "2 events matched its conditions")]
fn a_hook_that_fired_too_rarely_names_the_events_that_it_has_missed(
    #[case] part: &str,
    #[case] reason: &str,
) {
    let ivs = frozen();
    ivs.on_action().from("alice").containing(part).expect(3).ignore();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("ho");
    bob.send_message("hello");
    alice.send_message("hi");
    let report = ivs.finish().wait().unwrap_err().to_string();
    assert!(report.contains(&format!("\n  {reason}\n")), "{report}");
    assert!(!report.contains("not asked"), "{report}");
}

#[rstest]
#[case::every(|ivs: &MockIvsChat| drop(ivs.on_action().every(2).expect(2).ignore()), "3 events matched its conditions, but it fires only at each multiple of 2")]
#[case::closure(|ivs: &MockIvsChat| {
    let mut count = 0;
    ivs.on_action().expect(2).decide(move |_| {
        count += 1;
        if count == 1 { ActionVerdict::Ignore } else { ActionVerdict::Pass }
    });
}, "3 events matched its conditions, but its closure returned `Pass` for 2 of them")]
fn a_hook_that_fired_too_rarely_says_why_it_passed(
    #[case] install: fn(&MockIvsChat),
    #[case] reason: &str,
) {
    let ivs = frozen();
    install(&ivs);
    let alice = ivs.create_room("lobby").participant("alice");
    (0..3).for_each(|_| drop(alice.send_message("hi")));
    ivs.settled().wait();
    let text = failure(|| drop(ivs));
    assert!(text.contains(&format!("\n  {reason}\n")), "{text}");
}

#[test]
fn the_teardown_of_a_test_is_not_a_reason_why_a_hook_has_not_fired() {
    let ivs = frozen();
    ivs.on_action().from("alice").containing("ho").expect(1).ignore();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("hi");
    bob.expect_message("hi").wait();
    alice.disconnect();
    // Calls and moves of the clock at the end of a test are not events of a chat.
    ivs.advance(Duration::from_secs(1));
    room.delete();
    let report = ivs.finish().wait().unwrap_err().to_string();
    assert!(!report.contains("ended at"), "{report}");
    assert!(report.contains("\n  nearest: #"), "{report}");
}
