//! HTTP itself: bodies that are none, methods, paths, connections, CORS and the log.

use std::process::Command;

use aws_sdk_ivschat::types::ValidationExceptionReason;
use mock_ivs_chat::{
    ChatToken, Clock, Exception, MockIvsChat, Operation, Quota, Quotas, log::EntryKind,
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::control_plane_support::{
    Failed, Refusal, Resources, Wire, call_by_sdk, http, request, sdk,
};
use crate::raw::RawClient;

#[rstest]
#[case::not_json("not JSON", "not valid JSON")]
#[case::cut_off(r#"{"name":"#, "not valid JSON")]
#[case::lone_surrogate(r#"{"name":"\ud800"}"#, "not valid JSON")]
#[case::huge_number(r#"{"maximumMessageLength":1e999}"#, "not valid JSON")]
#[case::trailing_text("{} {}", "not valid JSON")]
#[case::a_list("[]", "not a JSON object")]
#[case::null("null", "not a JSON object")]
#[case::a_string(r#""name""#, "not a JSON object")]
fn a_body_that_is_not_a_json_object_is_refused(#[case] body: &str, #[case] why: &str) {
    let ivs = MockIvsChat::start();
    let answer = http(&ivs, "POST", "/CreateRoom", body);
    answer.assert_error(400, "ValidationException");
    assert_eq!(answer.json()["reason"], "OTHER");
    assert!(answer.json()["message"].as_str().unwrap().contains(why), "{answer:?}");
}

#[test]
fn a_body_that_is_not_utf_8_is_refused() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write(b"POST /CreateRoom HTTP/1.1\r\nHost: mock\r\nContent-Length: 2\r\n\r\n\xff\xfe");
    wire.read().assert_error(400, "ValidationException");
}

#[test]
fn a_body_that_is_nested_too_deeply_is_refused() {
    let ivs = MockIvsChat::start();
    for depth in [101, 100_000] {
        let body = format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        http(&ivs, "POST", "/CreateRoom", &body).assert_error(400, "ValidationException");
    }
    let body = format!(r#"{{"x":{}{}}}"#, "[".repeat(99), "]".repeat(99));
    assert_eq!(http(&ivs, "POST", "/CreateRoom", &body).status, 200);
}

#[test]
fn a_body_that_is_too_large_is_refused_and_the_connection_stays() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    let body = format!(r#"{{"x":"{}"}}"#, "x".repeat(5 * 1024 * 1024));
    wire.send("POST", "/CreateRoom", &body).assert_error(413, "RequestEntityTooLargeException");
    assert_eq!(wire.send("POST", "/CreateRoom", "{}").status, 200);
}

#[test]
fn a_client_that_expects_100_continue_is_refused_before_it_sends_too_large_a_body() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write(
        "POST /CreateRoom HTTP/1.1\r\nHost: mock\r\nExpect: 100-continue\r\n\
         Content-Length: 99999999999\r\n\r\n",
    );
    wire.read().assert_error(413, "RequestEntityTooLargeException");
}

#[test]
fn a_body_that_ends_too_early_is_refused() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write("POST /CreateRoom HTTP/1.1\r\nHost: mock\r\nContent-Length: 10\r\n\r\n{}");
    wire.finish();
    wire.read().assert_error(400, "MalformedHttpRequestException");
    assert!(wire.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_refused_after_ten_seconds() {
    let ivs = MockIvsChat::start();
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    let start = Instant::now();
    let head = b"POST /CreateRoom HTTP/1.1\r\nHost: mock\r\nContent-Length: 10\r\n\r\n{}";
    stream.write_all(head).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    assert!(answer.contains("x-amzn-errortype: RequestTimeoutException"), "{answer}");
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_a_minute() {
    let ivs = MockIvsChat::start();
    let mut stream = TcpStream::connect(ivs.addr()).await.unwrap();
    let start = Instant::now();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[rstest]
#[case::length("Content-Length: two")]
#[case::lengths("Content-Length: 2\r\nContent-Length: 3")]
#[case::header("no colon")]
fn a_request_that_is_not_http_is_refused_and_closed(#[case] header: &str) {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write(format!("POST /CreateRoom HTTP/1.1\r\nHost: mock\r\n{header}\r\n\r\n{{}}"));
    wire.read().assert_error(400, "MalformedHttpRequestException");
    assert!(wire.is_closed());
    let log = ivs.log().to_string();
    assert!(log.starts_with("http > a request that is not HTTP\n  http < 400 "), "{log}");
}

#[test]
fn an_empty_body_is_an_empty_request() {
    let ivs = MockIvsChat::start();
    assert_eq!(http(&ivs, "POST", "/ListRooms", "").json(), json!({ "rooms": [] }));
    let answer = http(&ivs, "POST", "/GetRoom", "");
    assert_eq!(answer.json()["fieldList"][0]["name"], "identifier");
}

#[rstest]
#[case("GET", "/")]
#[case("GET", "/favicon.ico")]
#[case("POST", "/")]
#[case("POST", "/CreateChannel")]
#[case("POST", "/createroom")]
#[case("POST", "/CreateRoom/")]
#[case("GET", "/CreateRoom")]
#[case("PUT", "/CreateRoom")]
#[case("PATCH", "/tags/arn")]
#[case("BREW", "/CreateRoom")]
fn an_unknown_operation_is_refused(#[case] method: &str, #[case] path: &str) {
    let ivs = MockIvsChat::start();
    http(&ivs, method, path, "{}").assert_error(403, "MissingAuthenticationTokenException");
    let ivs = MockIvsChat::builder().common_error_statuses().start();
    http(&ivs, method, path, "{}").assert_error(404, "UnknownOperationException");
}

#[test]
fn a_throttled_call_is_a_429_unless_common_errors_are_asked_for() {
    let quotas = Quotas::aws().with(Quota::Operation(Operation::CreateRoom), 1);
    for (builder, status) in
        [(MockIvsChat::builder(), 429), (MockIvsChat::builder().common_error_statuses(), 400)]
    {
        let ivs =
            builder.clock(Clock::frozen_at("2026-01-01T00:00:00Z")).quotas(quotas.clone()).start();
        assert_eq!(http(&ivs, "POST", "/CreateRoom", "{}").status, 200);
        http(&ivs, "POST", "/CreateRoom", "{}").assert_error(status, "ThrottlingException");
    }
}

#[test]
fn the_response_to_a_head_request_has_no_body() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    for path in ["/", "/CreateRoom"] {
        wire.write(request("HEAD", path, "", ""));
        let answer = wire.read_head();
        assert_eq!(
            (answer.status, answer.error_type()),
            (403, "MissingAuthenticationTokenException")
        );
        answer.assert_aws_shaped();
    }
    assert_eq!(wire.send("POST", "/CreateRoom", "{}").status, 200);
}

#[test]
fn each_response_has_its_own_id_and_the_date_of_the_mock_clock() {
    let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00.5Z")).start();
    let mut wire = Wire::open(&ivs);
    let answers = [
        wire.send("POST", "/CreateRoom", "{}"),
        wire.send("POST", "/CreateRoom", "[]"),
        wire.send("GET", "/", ""),
        wire.send("OPTIONS", "/CreateRoom", ""),
    ];
    let mut ids: Vec<_> = answers.iter().map(|answer| answer.header("x-amzn-RequestId")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    for answer in answers {
        answer.assert_aws_shaped();
        assert_eq!(answer.header("Date"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
    }
}

#[test]
fn requests_can_be_pipelined() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    let rooms = ["a", "b", "c"];
    let body = |name: &str| json!({ "name": name }).to_string();
    let requests = rooms.map(|name| request("POST", "/CreateRoom", "", &body(name)));
    wire.write(requests.concat());
    assert_eq!(rooms.map(|_| wire.read().json()["name"].take()), rooms);
}

#[test]
fn a_client_can_end_its_connection_with_its_last_request() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write(request("POST", "/CreateRoom", "Connection: close\r\n", "{}"));
    assert_eq!(wire.read().status, 200);
    assert!(wire.is_closed());
    let mut wire = Wire::open(&ivs);
    wire.write(request("POST", "/CreateRoom", "", "{}"));
    wire.finish();
    assert_eq!(wire.read().status, 200);
    assert!(wire.is_closed());
}

#[test]
fn http_1_0_is_served() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write("POST /CreateRoom HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(wire.read().status, 200);
    assert!(wire.is_closed());
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write(
        "POST /CreateRoom HTTP/1.1\r\nHost: mock\r\nExpect: 100-continue\r\n\
         Content-Length: 16\r\n\r\n",
    );
    assert_eq!(wire.read_head().status, 100);
    wire.write(r#"{"name":"lobby"}"#);
    assert_eq!(wire.read().json()["name"], "lobby");
}

#[test]
fn a_chunked_body_is_read() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write("POST /CreateRoom HTTP/1.1\r\nHost: mock\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire.write("9\r\n{\"name\":\"\r\n");
    wire.write("7;ext=1\r\nlobby\"}\r\n0\r\nTrailer: x\r\n\r\n");
    assert_eq!(wire.read().json()["name"], "lobby");
    wire.write(
        "POST /CreateRoom HTTP/1.1\r\nHost: mock\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    );
    wire.read().assert_error(400, "MalformedHttpRequestException");
}

#[test]
fn a_browser_may_send_what_a_signed_call_needs() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    let asked = "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,\
                 x-amz-content-sha256,x-amz-date,x-amz-security-token,x-amz-user-agent";
    let headers = format!(
        "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: {asked}\r\n"
    );
    wire.write(request("OPTIONS", "/CreateRoom", &headers, ""));
    let preflight = wire.read();
    assert_eq!((preflight.status, preflight.body.as_str()), (200, ""));
    assert_eq!(preflight.header("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(preflight.header("Access-Control-Max-Age"), Some("600"));
    assert_eq!(preflight.header("Access-Control-Allow-Methods"), Some("OPTIONS, POST"));
    let allowed = preflight.header("Access-Control-Allow-Headers").unwrap().to_lowercase();
    let allowed: Vec<_> = allowed.split(", ").collect();
    assert!(asked.split(',').all(|name| allowed.contains(&name)), "{allowed:?}");
    assert!(allowed.contains(&"x-api-key") && !allowed.contains(&"*"), "{allowed:?}");
    wire.write(request("OPTIONS", "/tags/arn", &headers, ""));
    let methods = wire.read();
    let methods = methods.header("Access-Control-Allow-Methods");
    assert_eq!(methods, Some("DELETE, GET, OPTIONS, POST"));
    wire.write(request("OPTIONS", "/Nope", &headers, ""));
    wire.read().assert_error(403, "MissingAuthenticationTokenException");
    wire.write(request("POST", "/GetRoom", "Origin: http://localhost:3000\r\n", "{}"));
    let answer = wire.read();
    answer.assert_error(400, "ValidationException");
    let exposed = "x-amzn-errortype, x-amzn-requestid, x-amzn-errormessage, x-amzn-trace-id, \
                   x-amz-apigw-id, date";
    assert_eq!(answer.header("Access-Control-Expose-Headers"), Some(exposed));
    assert_eq!(answer.header("Access-Control-Max-Age"), None);
}

#[tokio::test]
async fn the_sdk_sees_the_reason_and_the_fields_of_a_refusal_as_its_own_types() {
    let ivs = MockIvsChat::start();
    let error = sdk(&ivs).create_room().name("a b").send().await.unwrap_err().into_service_error();
    let aws_sdk_ivschat::operation::create_room::CreateRoomError::ValidationException(exception) =
        error
    else {
        panic!("{error:?}")
    };
    assert_eq!(exception.reason(), &ValidationExceptionReason::FieldValidationFailed);
    assert_eq!(exception.field_list()[0].name(), "name");
    let message = "Request member: name failed to satisfy the constraints: must satisfy regular \
                   expression pattern: [a-zA-Z0-9-_]*";
    assert_eq!(exception.message(), message);
}

#[tokio::test]
async fn the_log_records_whether_a_request_was_signed_and_with_which_key() {
    let ivs = MockIvsChat::start();
    sdk(&ivs).create_room().send().await.unwrap();
    http(&ivs, "POST", "/CreateRoom", "{}");
    ivs.create_room("lobby");
    let called = ivs.log().into_iter().filter(|entry| entry.kind() == EntryKind::Request);
    let signers: Vec<_> =
        called.map(|entry| (entry.access_key_id().map(str::to_owned), entry.is_signed())).collect();
    assert_eq!(signers, [(Some("AKIDEXAMPLE".into()), true), (None, false), (None, false)]);
}

#[test]
fn the_log_records_a_refused_request_and_its_response() {
    let ivs = MockIvsChat::start();
    http(&ivs, "POST", "/CreateRoom", "not JSON");
    http(&ivs, "GET", "/nothing?at=all", "");
    insta::assert_snapshot!(ivs.log(), @r#"
    http > POST /CreateRoom not JSON
      http < 400 ValidationException {"message":"request body is not valid JSON (line 1, column 2)","reason":"OTHER"}
    http > GET /nothing?at=all
      http < 403 MissingAuthenticationTokenException {"message":"Missing Authentication Token: GET /nothing is not an operation of this service"}
    "#);
}

#[test]
fn the_environment_for_other_programs_leads_to_the_mock() {
    let ivs = MockIvsChat::builder().region("eu-west-1").start();
    let mut command = Command::new("my-backend");
    command.envs(ivs.aws_env());
    let variables: Vec<_> = command
        .get_envs()
        // These begin with the list of the test's own environment.
        .filter(|(name, _)| !name.eq_ignore_ascii_case("NO_PROXY"))
        .map(|(name, value)| format!("{}={}", name.display(), value.unwrap().display()))
        .collect();
    let endpoint = format!("AWS_ENDPOINT_URL_IVSCHAT=http://{}", ivs.addr());
    let messaging = format!("MOCK_IVS_CHAT_WS_URL=ws://{}", ivs.addr());
    assert_eq!(
        variables,
        [
            "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
            "AWS_DEFAULT_REGION=eu-west-1",
            &endpoint,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
            "AWS_REGION=eu-west-1",
            "AWS_SECRET_ACCESS_KEY=secret",
            &messaging,
        ]
    );
}

#[test]
fn every_exception_of_the_model_has_its_status_and_members() {
    let members = |exception: &Exception| exception.body().keys().cloned().collect::<Vec<_>>();
    let resource = ["message", "resourceId", "resourceType"];
    let limited = ["limit", "message", "resourceId", "resourceType"];
    for (exception, status, name, expected) in [
        (Exception::access_denied("no"), 403, "AccessDeniedException", &["message"][..]),
        (Exception::conflict("no"), 409, "ConflictException", &resource),
        (Exception::internal_server("no"), 500, "InternalServerException", &["message"]),
        (Exception::pending_verification("no"), 403, "PendingVerification", &["message"]),
        (Exception::resource_not_found("no"), 404, "ResourceNotFoundException", &resource),
        (Exception::service_quota_exceeded("no"), 402, "ServiceQuotaExceededException", &limited),
        (Exception::throttling("no"), 429, "ThrottlingException", &limited),
        (Exception::validation("no"), 400, "ValidationException", &["message", "reason"]),
    ] {
        assert_eq!((exception.status(), exception.name()), (status, name));
        assert_eq!(members(&exception), expected, "{name}");
    }
}

#[tokio::test]
async fn the_sdk_sees_every_exception_on_every_operation() {
    let ivs = MockIvsChat::start();
    let resources = Resources::create(&ivs);
    let sdk = sdk(&ivs);
    for exception in [
        Exception::access_denied("no"),
        Exception::conflict("no"),
        Exception::internal_server("no"),
        Exception::pending_verification("no"),
        Exception::resource_not_found("no"),
        Exception::service_quota_exceeded("no").limit(5),
        Exception::throttling("no").limit(5),
        Exception::validation("no"),
    ] {
        for operation in Operation::ALL {
            ivs.on_operation(operation).once().fail(exception.clone());
            let refused = call_by_sdk(&sdk, operation, &resources.request(operation)).await;
            let expected = Refusal {
                status: exception.status(),
                error_type: exception.name().into(),
                body: Value::Object(exception.body().clone()),
            };
            assert_eq!(refused, Err(Failed::Refused(expected)), "{operation}");
        }
    }
}

#[test]
fn a_call_by_the_test_is_the_same_call() {
    let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    let by_test = ivs.call(Operation::GetRoom, json!({ "identifier": "x" })).unwrap_err();
    let by_http = http(&ivs, "POST", "/GetRoom", r#"{"identifier":"x"}"#);
    assert_eq!(by_http.json().as_object(), Some(by_test.body()));
}

#[tokio::test]
async fn a_chat_token_where_it_does_not_belong_does_not_reach_the_log() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let ChatToken { token, .. } = room.chat_token("alice").create();
    let mut client = RawClient::open(&ivs).await;
    let path = format!("/?token={}&more=yes", token.replace('#', "%23"));
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.request(&head).await.status, 403);
    let log = ivs.log();
    for text in [log.to_string(), log.to_har(), log.to_json_lines(), log.to_html("t")] {
        assert!(!text.contains(token.trim_end_matches("!#0")), "{text}");
        assert!(text.contains("more=yes"), "{text}");
    }
}
