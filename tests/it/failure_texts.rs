//! Failures that explain themselves: short texts, without secrets, the same in each run.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use mock_ivs_chat::log::EntryKind;
use mock_ivs_chat::{Clock, MockIvsChat, Quota, Quotas, ReviewResponse, TestFailure};
use rstest::rstest;
use serde_json::{Value, json};

use crate::source::{code_of, functions_of};
use crate::support::{frozen, unlimited};
use crate::tidy::root;
use crate::waits::failure;

pub(crate) fn assert_is_short(text: &str) {
    assert!(text.lines().count() <= 100, "{} lines", text.lines().count());
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "{widest:?}\n{text}");
}

/// A mock whose waits fail soon.
pub(crate) fn impatient() -> MockIvsChat {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    MockIvsChat::builder().clock(clock).wait_timeout(Duration::from_millis(1)).start()
}

/// The functions that panic for a test, and show the test's line in the text instead.
const WITH_PLACE_IN_TEXT: [&str; 5] = ["drop", "fail_if_over", "look", "poll", "wait"];

#[test]
fn a_function_that_panics_for_a_mistake_of_the_test_points_at_the_test() {
    let root = root().join("src");
    let api = fs::read_dir(root.join("api")).unwrap().map(|file| file.unwrap().path());
    let others = ["clock.rs", "fixtures.rs", "hook/builder.rs", "log/matcher.rs"];
    for path in api.chain(others.map(|name| root.join(name))) {
        let code = code_of(&fs::read_to_string(&path).unwrap());
        let lines: Vec<_> = code.lines().collect();
        for function in functions_of(&code) {
            let start = function.line - 1;
            let body = lines[start..start + function.lines].join("\n");
            let above = lines[..start].iter().rev().take_while(|line| !line.trim().is_empty());
            let is_tracked = above.take(6).any(|line| line.contains("track_caller"));
            let is_allowed = WITH_PLACE_IN_TEXT.contains(&function.name.as_str());
            let (file, name) = (path.display(), &function.name);
            let message = format!("{file}: `{name}` panics, but is not `#[track_caller]`");
            assert!(is_tracked || is_allowed || !panics(&body), "{message}");
        }
        for (at, _) in code.match_indices("_else(|") {
            let argument = argument_of(&code[at + 5..]);
            let message = "a closure does not inherit `#[track_caller]`; use a `match`";
            assert!(!panics(argument), "{}: {message}:\n{argument}", path.display());
        }
    }
}

fn panics(code: &str) -> bool {
    let calls = ["panic!(", "assert!(", "fail(", "fail_with(", "fail_about(", ".expect(Operation"];
    let is_call = |at: usize, call: &str| {
        let before = code[..at].chars().next_back();
        call.starts_with('.') || before.is_none_or(|c| c.is_whitespace() || c == '{')
    };
    calls.iter().any(|call| code.match_indices(call).any(|(at, _)| is_call(at, call)))
}

/// The code in the parentheses that the code begins with.
fn argument_of(code: &str) -> &str {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return &code[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    code
}

#[test]
fn every_failure_after_a_long_log_is_short_and_comes_soon() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    (0..5_000).for_each(|n| drop(alice.send_message(format!("message {n}"))));
    ivs.on_handshake().named("nobody").expect(1..).refuse(503, "closed");
    let start = Instant::now();
    let texts = [failure(|| ivs.room("nope")), failure(|| ivs.verify()), failure(|| drop(ivs))];
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    texts.iter().for_each(|text| assert_is_short(text));
    assert!(texts[0].starts_with("no room \"nope\"; rooms: \"lobby\"\n"), "{}", texts[0]);
    assert!(texts[1].contains("message 4999"), "{}", texts[1]);
}

#[test]
fn a_hook_is_shown_as_the_calls_that_installed_it() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().from("Alice").containing("spam").nth(2).expect(1..).ignore();
    let line = line!() - 1;
    alice.send_message("spam");
    let text = failure(|| ivs.verify());
    let shown = format!(
        "hook 1: expected to fire at least once, but it never fired\n  \
         on_action().from(\"Alice\").containing(\"spam\").nth(2).expect(1..).ignore()\n  \
         at tests/it/failure_texts.rs:{line}:9\n  \
         no event matched its conditions\n"
    );
    assert!(text.starts_with(&shown), "{text}");
    ivs.finish().wait().unwrap_err();
}

#[test]
fn a_hook_in_the_shade_of_another_names_that_one() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().ignore();
    ivs.on_action().from("alice").named("late").expect(1..).ignore();
    alice.send_message("hello");
    let report = ivs.finish().wait().unwrap_err().to_string();
    let reason = "  hook 1 (on_action().ignore()) fired first for the matching events\n";
    assert!(report.contains(reason), "{report}");
}

#[test]
#[ignore = "a child of the tests below"]
fn a_test_that_fails_beside_a_mock() {
    let ivs = frozen();
    ivs.on_handshake().named("never").expect(1..).refuse(503, "closed");
    ivs.create_room("lobby").participant("alice").send_message("hello");
    assert_eq!(1, 2, "the test's own assertion");
}

#[tokio::test]
#[ignore = "a child of the test below"]
async fn an_awaited_wait_that_fails() {
    let ivs = impatient();
    let bob = ivs.create_room("lobby").participant("bob");
    bob.expect_message("hello").await;
}

#[test]
fn an_awaited_wait_panics_at_the_line_that_awaits_it() {
    let line = line!() - 5;
    let text = child_of("failure_texts::an_awaited_wait_that_fails", &[]);
    let place = format!(" panicked at tests/it/failure_texts.rs:{line}:33:\n");
    assert!(text.contains(&place), "{text}");
}

fn child(variables: &[(&str, &str)]) -> String {
    child_of("failure_texts::a_test_that_fails_beside_a_mock", variables)
}

pub(crate) fn child_of(test: &str, variables: &[(&str, &str)]) -> String {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test])
        .args(["--ignored", "--nocapture"])
        .env_remove("MOCK_IVS_CHAT_QUIET")
        .env_remove("MOCK_IVS_CHAT_LOG_DIR")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(!child.status.success());
    String::from_utf8(child.stderr).unwrap()
}

#[test]
fn a_test_that_panics_sees_the_log_and_unmet_expectations() {
    let text = child(&[]);
    assert!(
        text.contains("hook \"never\": expected to fire at least once, but it never fired"),
        "{text}"
    );
    assert!(text.contains("SEND_MESSAGE \"hello\""), "{text}");
}

#[test]
fn a_variable_keeps_the_mock_quiet_when_a_test_panics() {
    let text = child(&[("MOCK_IVS_CHAT_QUIET", "1")]);
    assert!(text.contains("the test's own assertion"), "{text}");
    assert!(!text.contains("hook \"never\""), "{text}");
}

#[tokio::test]
async fn the_error_of_a_test_is_reported_with_the_unmet_hook_beside_it() {
    let failure: TestFailure = MockIvsChat::run(async |ivs| {
        ivs.on_action().named("deny").expect(1..).ignore();
        let number: u32 = "many".parse()?;
        Ok(number)
    })
    .await
    .unwrap_err();
    let place = format!("tests/it/failure_texts.rs:{}:27", line!() - 5);
    let text = format!("{failure:?}");
    let first =
        format!("the test returned an error, at {place}: invalid digit found in string\n\n");
    assert!(text.starts_with(&first), "{text}");
    assert!(
        text.contains("hook \"deny\": expected to fire at least once, but it never fired"),
        "{text}"
    );
    assert_eq!(MockIvsChat::run(async |_| Ok(1)).await.unwrap(), 1);
}

#[test]
fn debug_of_a_mock_and_of_its_parts_is_one_line_without_secrets() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create();
    let alice = room.participant("bob");
    let shown = [
        format!("{ivs:?}"),
        format!("{:?}", ivs.handle()),
        format!("{room:?}"),
        format!("{alice:?}"),
    ];
    for text in &shown {
        assert!(text.lines().count() == 1 && text.len() < 400, "{text}");
        assert!(!text.contains(&token.token[..20]), "{text}");
    }
    ivs.on_action().expect(1..).ignore();
    let report = ivs.finish().wait().unwrap_err();
    assert_eq!(format!("{report:?}"), report.to_string());
}

#[test]
fn a_token_in_a_frame_has_its_label_in_every_rendering() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create().token;
    let bob = room.participant("bob");
    bob.send_raw(json!({ "action": "JOIN", "token": token }).to_string());
    bob.send_message(&token);
    bob.send_message(format!("{token}{token}"));
    let wait = failure(|| bob.expect_message(&token).wait());
    let log = ivs.log();
    let yaml = serde_json::to_string(&log).unwrap();
    let texts = [
        log.to_string(),
        log.timeline(),
        log.per_connection().to_string(),
        log.to_html("tokens"),
        log.to_json_lines(),
        log.to_har(),
        log.to_mermaid(),
        yaml,
        wait,
        ivs.report().to_string(),
        format!("{:?}", log.entries()),
    ];
    for text in texts {
        assert!(!text.contains(&token[..20]), "{text}");
        assert!(text.contains("[token-1]"), "{text}");
    }
}

#[tokio::test]
async fn a_text_does_not_depend_on_the_characters_of_an_unknown_token() {
    let mut transcripts = Vec::new();
    for start in ["AQICAHabcdefgh", "AQICAHijklmnop", "12345678"] {
        let ivs = frozen();
        let token = format!("{start}{}!#0", "x".repeat(60));
        crate::support::try_connect(&ivs, token).await.unwrap_err();
        let refusals = ivs.log().kind(EntryKind::HandshakeRefused).to_string();
        assert!(refusals.contains("([unknown-token])"), "{refusals}");
        transcripts.push(refusals);
    }
    assert_eq!(transcripts[0], transcripts[1]);
}

#[test]
fn a_user_id_with_line_breaks_stays_on_its_line() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let eve = room.chat_token("eve\r\n#1 forged \u{1b}[31m").capabilities([]).join();
    eve.send_message("hello");
    let findings = ivs.lint();
    assert!(!findings.is_empty());
    let wait = impatient();
    let mallory = wait.create_room("lobby").participant("mallory\nforged");
    let log = ivs.log();
    let texts = [
        log.to_string(),
        log.timeline(),
        log.per_connection().to_string(),
        log.to_mermaid(),
        findings.iter().map(|finding| format!("{finding}\n")).collect(),
        ivs.report().to_string(),
        failure(|| mallory.expect_message("hi").wait()),
    ];
    for text in texts {
        assert!(!text.contains(['\r', '\u{1b}']), "{text:?}");
        assert!(text.lines().all(|line| !line.trim_start().starts_with("#1 forged")), "{text}");
        assert!(text.lines().all(|line| !line.starts_with("forged")), "{text}");
    }
}

#[rstest]
#[case::result_missing(json!({ "reviewResult": "DENY" }), "ReviewResult is missing (found \"reviewResult\")")]
#[case::unknown_result(json!({ "ReviewResult": "NO" }), "ReviewResult must be ALLOW or DENY")]
#[case::no_content(json!({ "ReviewResult": "ALLOW" }), "Content is missing")]
#[case::long_content(
    json!({ "ReviewResult": "ALLOW", "Content": "x".repeat(509) }),
    "Content has 509 characters, and the maximum is 500"
)]
#[case::long_attributes(
    json!({ "ReviewResult": "DENY", "Attributes": { "Reason": "x".repeat(1_045) } }),
    "Attributes have 1051 bytes, and the maximum is 1024"
)]
#[case::not_an_object(json!("DENY"), "the response is not an object")]
fn a_review_that_fails_says_which_member_breaks_which_rule(
    #[case] response: Value,
    #[case] reason: &str,
) {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    room.review_with(move |_| ReviewResponse::from_json(&response));
    room.participant("alice").send_message("hello");
    let reviews = ivs.log().kind(EntryKind::Reviewed).to_string();
    assert!(
        reviews.contains(&format!("review of Message00001: failed: {reason}; fallback ALLOW\n")),
        "{reviews}"
    );
}

#[test]
#[ignore = "a child of the test below"]
fn a_test_that_fails_beside_a_quiet_mock() {
    let ivs = MockIvsChat::builder().quiet().start();
    ivs.on_handshake().named("never").expect(1..).refuse(503, "closed");
    ivs.create_room("lobby").participant("alice").send_message("hello");
    assert_eq!(1, 2, "the test's own assertion");
}

#[test]
fn a_quiet_mock_prints_nothing_when_a_test_panics() {
    let text = child_of("failure_texts::a_test_that_fails_beside_a_quiet_mock", &[]);
    assert!(text.contains("the test's own assertion"), "{text}");
    assert!(!text.contains("hook \"never\"") && !text.contains("SEND_MESSAGE"), "{text}");
}

#[test]
#[ignore = "a child of the test below"]
fn a_wait_that_fails_beside_participants_and_an_unmet_hook() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    ivs.on_handshake().named("never").expect(1..).refuse(503, "closed");
    alice.send_message("hello");
    bob.expect_message("hallo").wait();
}

#[test]
fn a_failed_wait_shows_the_timeline_once_and_unmet_hooks_beside_it() {
    let text =
        child_of("failure_texts::a_wait_that_fails_beside_participants_and_an_unmet_hook", &[]);
    assert_eq!(text.matches("SEND_MESSAGE \"hello\"").count(), 1, "{text}");
    assert!(
        text.contains("hook \"never\": expected to fire at least once, but it never fired"),
        "{text}"
    );
    // A blocking wait panics at the line of the test.
    assert!(text.contains(&format!("panicked at {}", file!())), "{text}");
}

#[test]
fn the_result_of_a_test_is_kept_and_its_error_comes_before_the_report() {
    assert_eq!(frozen().finish_with(Ok::<_, String>(7)).wait().unwrap(), 7);
    let ivs = frozen();
    ivs.on_action().named("deny").expect(1..).ignore();
    let unmet = ivs.finish_with(Ok::<_, String>(7)).wait().unwrap_err();
    assert!(unmet.error().is_none() && unmet.report().unwrap().unmet().len() == 1);
    let ivs = frozen();
    ivs.on_action().named("deny").expect(1..).ignore();
    let both = ivs.finish_with(Err::<(), _>("cannot reach the backend")).wait().unwrap_err();
    let text = both.to_string();
    assert!(text.starts_with("the test returned an error: cannot reach the backend\n"), "{text}");
    assert!(
        text.contains("hook \"deny\": expected to fire at least once, but it never fired"),
        "{text}"
    );
    assert_is_short(&text);
}

#[tokio::test]
async fn a_mock_that_does_not_start_is_not_called_an_error_of_the_test() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let failure = MockIvsChat::builder().port(port).run(async |_| Ok(())).await.unwrap_err();
    let text = failure.to_string();
    let start = format!("the mock did not start: cannot listen on 127.0.0.1:{port}: ");
    assert!(text.starts_with(&start) && text.lines().count() == 1, "{text}");
}

#[test]
fn a_participant_that_cannot_join_is_told_what_was_refused() {
    let quotas = Quotas::aws().with(Quota::ConcurrentConnections, 0);
    let ivs = MockIvsChat::builder().quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let refused = |user_id| room.chat_token(user_id).try_join().unwrap_err().to_string();
    let rule = refused("");
    let start = "the chat token was refused with 400: ValidationException: ";
    assert!(rule.starts_with(start), "{rule}");
    let full = "the participant was refused with 429: too many concurrent connections";
    assert_eq!(refused("alice"), full);
}

#[test]
fn a_token_in_the_error_of_a_test_has_its_label() {
    let ivs = frozen();
    let token = ivs.create_room("lobby").chat_token("alice").create().token;
    let error = format!("cannot connect with {token}");
    let failure = ivs.finish_with(Err::<(), _>(error)).wait().unwrap_err().to_string();
    let start = "the test returned an error: cannot connect with [token-1]\n\n";
    assert!(failure.starts_with(start), "{failure}");
}

#[tokio::test]
async fn a_mock_that_cannot_start_is_the_error_of_its_run() {
    let taken = MockIvsChat::start();
    let builder = MockIvsChat::builder().port(taken.addr().port());
    let failure = builder.run(async |_| Ok(())).await.unwrap_err();
    assert!(failure.report().is_none());
    assert!(failure.to_string().contains("cannot listen on"), "{failure}");
}

#[test]
fn the_debug_text_of_a_log_is_bounded() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    assert_eq!(format!("{:?}", ivs.log()), format!("Log:\n{}", ivs.log()));
    for number in 0..200 {
        alice.send_message(format!("message {number}"));
    }
    let (debug, all) = (format!("{:?}", ivs.log()), ivs.log().to_string());
    let count = ivs.log().count();
    assert!(debug.starts_with(&format!("Log, the last 100 of {count} entries:\n")), "{debug}");
    assert!(debug.lines().count() <= 101, "{debug}");
    assert!(debug.contains("message 199") && !debug.contains("message 0\""), "{debug}");
    assert!(all.contains("message 199") && all.contains("message 0\""), "{all}");
}
