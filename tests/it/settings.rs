//! Settings that cannot be in force, the environment of child processes, and switches of the
//! service.

use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Duration;

use mock_ivs_chat::log::{Lint, LogRetention, Matcher};
use mock_ivs_chat::{
    ChatToken, Clock, Credentials, ErrorCode, Gate, Handle, Hook, MockIvsChat, MockIvsChatBuilder,
    Operation, Participant, ReviewResponse, Room,
};
use serde_json::json;

#[track_caller]
fn panic_message(act: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(act)).unwrap_err();
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| {
        payload.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned())
    })
}

/// The message of a panic without the breaks of its lines.
#[track_caller]
fn unwrapped_message(act: impl FnOnce()) -> String {
    panic_message(act).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn refusal(builder: MockIvsChatBuilder) -> String {
    builder.try_start().unwrap_err().to_string()
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    let builder = MockIvsChat::builder;
    let both = refusal(builder().listener(listener()).port(80));
    assert_eq!(both, "`port` contradicts `listener`, which has a port already");
    let no_port = refusal(builder().in_memory().port(80));
    assert_eq!(no_port, "`port` contradicts `in_memory`, which opens no port");
    let no_listener = refusal(builder().listener(listener()).in_memory());
    assert_eq!(no_listener, "`listener` contradicts `in_memory`, which opens no port");
    let account = refusal(builder().account_id("1234"));
    assert_eq!(account, "the account ID must have 12 digits, got \"1234\"");
    let region = refusal(builder().region("US West"));
    assert_eq!(
        region,
        "the region must consist of lower-case letters, digits and `-`, got \"US West\""
    );
    let unreachable = refusal(builder().in_memory().host_name("chat.test"));
    assert_eq!(unreachable, "`host_name` contradicts `in_memory`, which opens no port");
    let unread = builder().log_retention(LogRetention::Last(0)).deny([Lint::TokenReused]);
    assert_eq!(refusal(unread), "`deny` contradicts `LogRetention::Off`: the lint reads the log");
}

#[test]
fn a_host_name_is_a_name_or_an_address() {
    let long = "x".repeat(64);
    let invalid =
        ["", "a b/c", "http://localhost", "localhost:80", "-x", "x-", "a..b", "é", "[x]", &long];
    for name in invalid {
        let expected = format!(
            "`host_name` must be a name or an address, without scheme and port, got {name:?}"
        );
        assert_eq!(refusal(MockIvsChat::builder().host_name(name)), expected);
    }
    let valid = [
        ("host.docker.internal", "host.docker.internal"),
        ("mock_chat-1", "mock_chat-1"),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
    ];
    for (name, host) in valid {
        let ivs = MockIvsChat::builder().tls().host_name(name).start();
        assert_eq!(ivs.ws_url(), format!("ws://{host}:{}", ivs.addr().port()));
    }
}

#[test]
fn a_review_handler_needs_the_arn_of_a_function_of_the_account() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let lambda =
        |arn: &str| unwrapped_message(|| ivs.review_lambda(arn, |_| ReviewResponse::allow()));
    let message = lambda("not an arn");
    assert!(
        message.starts_with(
            "\"not an arn\" is not the ARN of a Lambda function, such as \
             `arn:aws:lambda:us-west-2:123456789012:function:review`"
        ),
        "{message}"
    );
    let message = lambda("arn:aws:lambda:eu-west-1:123456789012:function:review");
    assert!(
        message.starts_with(
            "a room cannot have the review handler \
             \"arn:aws:lambda:eu-west-1:123456789012:function:review\": \
             its function must be in region us-west-2 and account 123456789012"
        ),
        "{message}"
    );
    let message = unwrapped_message(|| {
        ivs.review_lambda_async("", |_| async { ReviewResponse::allow() });
    });
    assert!(message.starts_with("\"\" is not the ARN of a Lambda function"), "{message}");
}

#[test]
fn members_that_an_operation_does_not_have_are_refused_at_their_line() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let room = ivs.create_room("lobby");
    let length = |member: &str| drop(ivs.new_room("stage").with(member, json!(100)));
    let message = unwrapped_message(|| length("maximumMessageSize"));
    assert!(
        message.starts_with(
            "CreateRoom has no member `maximumMessageSize`; members: name, \
             maximumMessageRatePerSecond, maximumMessageLength, messageReviewHandler, tags, \
             loggingConfigurationIdentifiers"
        ),
        "{message}"
    );
    let handler = json!({ "url": "x" });
    let message = unwrapped_message(|| drop(room.update().with("messageReviewHandler", handler)));
    let expected =
        "UpdateRoom has no member `messageReviewHandler.url`; members: uri, fallbackResult";
    assert!(message.starts_with(expected), "{message}");
    let destination = json!({ "s3": { "name": "my-bucket" } });
    let archive = ivs.new_logging_configuration("archive");
    let message = unwrapped_message(|| drop(archive.with("destinationConfiguration", destination)));
    let expected = "CreateLoggingConfiguration has no member `destinationConfiguration.s3.name`; \
                    members: bucketName";
    assert!(message.starts_with(expected), "{message}");
    // A wrong type is the service's to refuse.
    let _ = ivs.new_room("stage").with("messageReviewHandler", json!(1));
}

#[test]
fn credentials_that_no_signature_can_have_are_refused() {
    for key in ["", "AK ID", "AKID/x", "AKID,"] {
        let message = panic_message(|| drop(Credentials::new(key, "secret")));
        let expected = format!("an access key ID has no white space, `/` or `,`, got {key:?}");
        assert_eq!(message, expected);
    }
    let message = panic_message(|| drop(Credentials::new("AKIDEXAMPLE", "")));
    assert_eq!(message, "the secret access key must not be empty");
}

#[test]
fn variables_without_a_meaning_are_refused() {
    let cases = [
        (
            ("MOCK_IVS_CHAT_WAIT_TIMEOUT_MS", "5s"),
            "MOCK_IVS_CHAT_WAIT_TIMEOUT_MS must be a number of milliseconds, at least 1, got \"5s\"",
        ),
        (
            ("MOCK_IVS_CHAT_WAIT_TIMEOUT_MS", "0"),
            "MOCK_IVS_CHAT_WAIT_TIMEOUT_MS must be a number of milliseconds, at least 1, got \"0\"",
        ),
        (("MOCK_IVS_CHAT_LOG", "all"), "MOCK_IVS_CHAT_LOG must be `always`, got \"all\""),
        (("MOCK_IVS_CHAT_QUIET", "no"), "MOCK_IVS_CHAT_QUIET must be 1 or 0, got \"no\""),
        (
            ("MOCK_IVS_CHAT_WAIT_TIMEOUT", "100"),
            "MOCK_IVS_CHAT_WAIT_TIMEOUT is not a variable of the mock: did you mean \
             MOCK_IVS_CHAT_WAIT_TIMEOUT_MS?",
        ),
    ];
    for ((name, value), expected) in cases {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "settings::child_with_a_bad_variable", "--ignored", "--nocapture"]);
        let output = child.env(name, value).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        assert!(text.contains(&format!("refused: {expected}\n")), "{text}");
    }
}

#[test]
#[ignore = "it is the child of another test"]
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn child_with_a_bad_variable() {
    println!("refused: {}", refusal(MockIvsChat::builder().in_memory()));
    if std::env::var_os("MOCK_IVS_CHAT_WAIT_TIMEOUT_MS").is_some() {
        // A setting of the test has precedence.
        let builder = MockIvsChat::builder().in_memory().wait_timeout(Duration::from_secs(1));
        assert!(builder.try_start().is_ok());
    }
}

#[test]
fn the_clock_does_not_leave_its_range() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).in_memory().start();
    let message = panic_message(|| ivs.advance(Duration::MAX));
    assert!(message.contains("leads beyond the clock's last year, 2554"), "{message}");
    assert_eq!(ivs.now().to_string(), "2026-01-01T00:00:00Z");
}

#[test]
fn the_environment_has_the_endpoint_with_or_without_keys() {
    let ivs = MockIvsChat::start();
    let names = |variables: &[(&'static str, String)]| -> Vec<_> {
        variables.iter().map(|(name, _)| *name).collect()
    };
    let endpoint = ivs.aws_endpoint_env();
    assert!(names(&endpoint).iter().all(|name| !name.contains("KEY") && !name.contains("REGION")));
    assert!(endpoint.contains(&("MOCK_IVS_CHAT_WS_URL", ivs.ws_url())));
    let no_proxy = endpoint.iter().filter(|(name, _)| name.eq_ignore_ascii_case("no_proxy"));
    assert!(no_proxy.clone().all(|(_, hosts)| hosts.ends_with("127.0.0.1")));
    assert_eq!(no_proxy.count(), 2);
    let all = ivs.aws_env();
    assert!(endpoint.iter().all(|variable| all.contains(variable)));
    assert!(names(&all).contains(&"AWS_SECRET_ACCESS_KEY"));
}

#[test]
fn a_listener_on_all_addresses_has_a_host_that_clients_can_connect_to() {
    let listener = || TcpListener::bind("0.0.0.0:0").unwrap();
    let ivs = MockIvsChat::builder().listener(listener()).start();
    assert_eq!(ivs.endpoint_url(), format!("http://127.0.0.1:{}", ivs.addr().port()));
    let named = MockIvsChat::builder().listener(listener()).host_name("chat.test").start();
    assert_eq!(named.ws_url(), format!("ws://chat.test:{}", named.addr().port()));
}

#[test]
fn reserved_tags_and_handlers_of_other_accounts_are_refused() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let refused = |request| ivs.call(Operation::CreateRoom, request).unwrap_err();
    for key in ["aws:x", "AWS:x"] {
        let exception = refused(json!({ "tags": { (key): "1" } }));
        assert_eq!((exception.status(), exception.name()), (400, "ValidationException"));
    }
    let room = ivs.create_room("lobby");
    let tag = json!({ "resourceArn": room.arn(), "tags": { "aws:x": "1" } });
    assert_eq!(ivs.call(Operation::TagResource, tag).unwrap_err().status(), 400);
    let others = [
        "arn:aws:lambda:eu-west-1:123456789012:function:review",
        "arn:aws:lambda:us-west-2:999988887777:function:review",
    ];
    for uri in others {
        let exception = refused(json!({ "messageReviewHandler": { "uri": uri } }));
        assert_eq!(
            exception.message(),
            "Request member: uri failed to satisfy the constraints: invalid lambda permission"
        );
    }
}

#[test]
fn views_of_the_log_can_be_counted() {
    let ivs = MockIvsChat::builder().in_memory().start();
    assert!(ivs.log().is_empty() && ivs.log().last().is_none());
    let room = ivs.new_room("lobby").maximum_message_length(100).create();
    let request = || Matcher::request(Operation::CreateRoom);
    assert_eq!(ivs.log().matching(request().member("maximumMessageLength", "100")).count(), 1);
    assert_eq!(ivs.log().matching(request().member("name", "other")).count(), 0);
    let response = Matcher::response(Operation::CreateRoom).member("arn", room.arn());
    assert_eq!(ivs.log().matching(response).count(), 1);
    let message = panic_message(|| drop(request().member("nme", "lobby")));
    assert!(message.contains("request has no member \"nme\""), "{message}");
    assert_eq!(ivs.log().without_pings().count(), ivs.log().count());
}

#[test]
fn a_number_of_hits_is_expected_as_a_number() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().expect(1).ignore();
    alice.send_message("hello");
    ivs.verify();
}

#[test]
fn values_of_a_mock_can_be_used_within_catch_unwind() {
    const fn assert_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    assert_unwind_safe::<MockIvsChat>();
    assert_unwind_safe::<Handle>();
    assert_unwind_safe::<Room>();
    assert_unwind_safe::<Participant>();
    assert_unwind_safe::<Hook>();
    assert_unwind_safe::<Gate>();
}

#[tokio::test]
async fn a_short_lived_token_is_refused_after_a_minute_and_others_after_an_hour() {
    for (builder, seconds) in
        [(MockIvsChat::builder().short_lived_tokens(), 60), (MockIvsChat::builder(), 3_600)]
    {
        let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
        let ivs = builder.clock(clock).in_memory().start();
        let room = ivs.create_room("lobby");
        let lifetime = |token: &ChatToken| token.token_expiration_time.since(ivs.now());
        let token = room.chat_token("alice").session_duration_in_minutes(180).create();
        assert_eq!(lifetime(&token), Duration::from_secs(seconds));
        ivs.advance(Duration::from_secs(seconds));
        assert!(ivs.connect(&token).await.is_err(), "{seconds}");
        // A session that ends earlier ends its token, too.
        let short = room.chat_token("alice").session_duration_in_minutes(1).create();
        assert_eq!(lifetime(&short), Duration::from_secs(60));
    }
}

#[test]
fn white_space_counts_unless_the_content_is_trimmed() {
    let padded = format!("{}{}", "x".repeat(495), " ".repeat(10));
    let plain = MockIvsChat::builder().in_memory().start();
    let trimming = MockIvsChat::builder().in_memory().trim_content().start();
    let alice = plain.create_room("lobby").participant("alice");
    alice.send_message(&padded);
    alice.expect_error(ErrorCode::BadRequest).wait();
    alice.send_message(" hello ");
    alice.expect_message(" hello ").wait();
    let alice = trimming.create_room("lobby").participant("alice");
    alice.send_message(&padded);
    alice.expect_message("x".repeat(495)).wait();
    alice.send_message("\t hello\n");
    alice.expect_message("hello").wait();
    alice.send_message("   ");
    alice.expect_error(ErrorCode::BadRequest).wait();
}

#[test]
fn a_deletion_has_both_members_unless_the_deprecated_one_is_omitted() {
    for (builder, members) in [
        (MockIvsChat::builder(), &["MessageID", "MessageId", "Reason"][..]),
        (MockIvsChat::builder().omit_deprecated_message_id(), &["MessageId", "Reason"][..]),
    ] {
        let ivs = builder.in_memory().start();
        let room = ivs.create_room("lobby");
        let alice = room.participant("alice");
        alice.delete_message("Message00001", "spam");
        room.delete_message("Message00002", "spam");
        for _ in 0..2 {
            let event = alice.expect_event("aws:DELETE_MESSAGE").wait();
            let attributes = event.attributes.unwrap();
            assert_eq!(attributes.keys().collect::<Vec<_>>(), members);
        }
    }
}
