//! Signature Version 4: signed by the real SDK, and what is refused.

use std::time::Duration;

use aws_sdk_ivschat::error::ProvideErrorMetadata;
use mock_ivs_chat::{Clock, Credentials, MockIvsChat, Operation};
use rstest::rstest;
use serde_json::json;

use crate::control_plane_support::{
    Resources, Wire, call_by_sdk, http, percent_encode, request, sdk, sdk_with,
};

type SdkCredentials = aws_credential_types::Credentials;

fn strict() -> MockIvsChat {
    MockIvsChat::builder().require_signature(Credentials::new("AKIDEXAMPLE", "secret")).start()
}

/// The response to a refused CreateRoom request.
async fn refusal(sdk: &aws_sdk_ivschat::Client) -> (u16, String, String) {
    let error = sdk.create_room().name("lobby").send().await.unwrap_err();
    let status = error.raw_response().unwrap().status().as_u16();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (status, text(error.code()), text(error.message()))
}

#[tokio::test]
async fn every_operation_that_the_sdk_signs_is_accepted() {
    let ivs = strict();
    let resources = Resources::create(&ivs);
    let sdk = sdk(&ivs);
    // Deletions last, for the others need what they delete.
    let mut operations = Operation::ALL;
    operations.sort_by_key(|operation| operation.success_status());
    for operation in operations {
        let mut request = resources.request(operation);
        if operation == Operation::UntagResource {
            request["tagKeys"] = json!(["b", "a b&c=d/é+%", "a", "a-", "A"]);
        }
        assert_eq!(call_by_sdk(&sdk, operation, &request).await, Ok(()), "{operation}");
    }
}

#[tokio::test]
async fn without_the_requirement_anything_is_accepted() {
    let ivs = MockIvsChat::start();
    assert_eq!(http(&ivs, "POST", "/CreateRoom", "{}").status, 200);
    let sdk = sdk_with(&ivs, SdkCredentials::from_keys("unknown", "wrong", None));
    sdk.create_room().send().await.unwrap();
}

#[test]
fn a_call_by_the_test_needs_no_signature() {
    assert_eq!(strict().create_room("lobby").name(), "lobby");
}

#[test]
fn an_unsigned_call_is_refused_whatever_it_is() {
    let ivs = strict();
    for (method, path, body) in
        [("POST", "/CreateRoom", "{}"), ("POST", "/CreateRoom", "not JSON"), ("GET", "/", "")]
    {
        let answer = http(&ivs, method, path, body);
        answer.assert_error(403, "MissingAuthenticationTokenException");
    }
    assert_eq!(http(&ivs, "OPTIONS", "/CreateRoom", "").status, 200, "a preflight is never signed");
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let ivs = strict();
    let sdk = sdk_with(&ivs, SdkCredentials::from_keys("AKIDOTHER", "secret", None));
    let (status, code, message) = refusal(&sdk).await;
    assert_eq!((status, code.as_str()), (403, "UnrecognizedClientException"));
    assert_eq!(message, "The security token included in the request is invalid.");
}

#[tokio::test]
async fn a_signature_with_another_secret_is_refused() {
    let ivs = strict();
    let sdk = sdk_with(&ivs, SdkCredentials::from_keys("AKIDEXAMPLE", "guessed", None));
    let (status, code, message) = refusal(&sdk).await;
    assert_eq!((status, code.as_str()), (403, "InvalidSignatureException"));
    assert!(message.starts_with("The request signature we calculated does not match"), "{message}");
}

#[tokio::test]
async fn a_request_that_was_signed_more_than_five_minutes_ago_is_refused() {
    let ivs = strict();
    ivs.advance(Duration::from_secs(290));
    sdk(&ivs).create_room().send().await.unwrap();
    ivs.advance(Duration::from_secs(15));
    let sdk = sdk(&ivs);
    let (status, code, message) = refusal(&sdk).await;
    assert_eq!((status, code.as_str()), (403, "InvalidSignatureException"));
    assert!(
        message.starts_with("Signature expired: ") && message.ends_with(" - 5 min.)"),
        "{message}"
    );
}

/// Observed: the SDK corrects the clock that it signs by after the date of an answer.
#[tokio::test]
async fn a_client_that_corrects_its_clock_by_the_response_date_is_accepted() {
    let ivs = strict();
    let sdk = sdk(&ivs);
    ivs.advance(Duration::from_secs(3_600));
    assert_eq!(refusal(&sdk).await.1, "InvalidSignatureException");
    sdk.create_room().send().await.unwrap();
}

#[tokio::test]
async fn a_request_from_a_clock_that_is_ahead_is_refused() {
    let ivs = MockIvsChat::builder()
        .clock(Clock::frozen_at("2020-01-01T00:00:00Z"))
        .require_signature(Credentials::new("AKIDEXAMPLE", "secret"))
        .start();
    let (status, code, message) = refusal(&sdk(&ivs)).await;
    assert_eq!((status, code.as_str()), (403, "InvalidSignatureException"));
    let end = "is still later than 20200101T000500Z (20200101T000000Z + 5 min.)";
    assert!(
        message.starts_with("Signature not yet current: ") && message.ends_with(end),
        "{message}"
    );
}

#[tokio::test]
async fn temporary_credentials_need_their_token_and_expire_by_the_mocks_clock() {
    let start = MockIvsChat::start().now();
    let credentials = Credentials::new("ASIAEXAMPLE", "secret")
        .session_token("session")
        .expiration(start + Duration::from_secs(120));
    let ivs = MockIvsChat::builder().require_signature(credentials).start();
    let with_token = |token: Option<&str>| {
        sdk_with(&ivs, SdkCredentials::from_keys("ASIAEXAMPLE", "secret", token.map(str::to_owned)))
    };
    with_token(Some("session")).create_room().send().await.unwrap();
    for token in [None, Some("other")] {
        let (status, code, _) = refusal(&with_token(token)).await;
        assert_eq!((status, code.as_str()), (403, "UnrecognizedClientException"));
    }
    ivs.advance(Duration::from_secs(121));
    let (status, code, message) = refusal(&with_token(Some("session"))).await;
    assert_eq!((status, code.as_str()), (403, "ExpiredTokenException"));
    assert_eq!(message, "The security token included in the request is expired");
}

#[tokio::test]
async fn any_of_several_credentials_will_do() {
    let ivs = MockIvsChat::builder()
        .require_signature(Credentials::new("AKIDONE", "one"))
        .require_signature(Credentials::new("AKIDTWO", "two"))
        .start();
    for (id, secret) in [("AKIDONE", "one"), ("AKIDTWO", "two")] {
        let sdk = sdk_with(&ivs, SdkCredentials::from_keys(id, secret, None));
        sdk.create_room().send().await.unwrap();
    }
    let sdk = sdk_with(&ivs, SdkCredentials::from_keys("AKIDONE", "two", None));
    assert_eq!(refusal(&sdk).await.1, "InvalidSignatureException");
}

#[test]
fn the_environment_has_credentials_that_are_accepted() {
    let credentials = Credentials::new("ASIAEXAMPLE", "my secret").session_token("session");
    let ivs = MockIvsChat::builder().require_signature(credentials).start();
    let variable =
        |name: &str| ivs.aws_env().into_iter().find(|(own, _)| *own == name).map(|(_, v)| v);
    assert_eq!(variable("AWS_ACCESS_KEY_ID").as_deref(), Some("ASIAEXAMPLE"));
    assert_eq!(variable("AWS_SECRET_ACCESS_KEY").as_deref(), Some("my secret"));
    assert_eq!(variable("AWS_SESSION_TOKEN").as_deref(), Some("session"));
}

#[test]
fn credentials_do_not_show_their_secret() {
    let text = format!("{:?}", Credentials::new("AKIDEXAMPLE", "secret").session_token("session"));
    assert!(text.contains("AKIDEXAMPLE") && !text.contains("secret") && !text.contains("session"));
}

const SCOPE: &str = "AKIDEXAMPLE/20260101/us-west-2/ivschat/aws4_request";

#[rstest]
#[case::no_parameters("AWS4-HMAC-SHA256", "requires 'Credential' parameter")]
#[case::another_scheme("Bearer token", "requires 'Signature' parameter")]
#[case::empty("", "requires 'SignedHeaders' parameter")]
#[case::no_signature(
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-west-2/ivschat/aws4_request, SignedHeaders=host",
    "requires 'Signature' parameter"
)]
#[case::short_scope(
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101, SignedHeaders=host, Signature=00",
    "exactly 5 slash-delimited elements"
)]
fn an_incomplete_header_is_refused(#[case] authorization: &str, #[case] why: &str) {
    let ivs = strict();
    let mut wire = Wire::open(&ivs);
    let headers = format!("Authorization: {authorization}\r\nX-Amz-Date: 20260101T000000Z\r\n");
    wire.write(request("POST", "/CreateRoom", &headers, "{}"));
    let answer = wire.read();
    answer.assert_error(403, "IncompleteSignature");
    assert!(answer.json()["message"].as_str().unwrap().contains(why), "{answer:?}");
}

#[rstest]
#[case::none("")]
#[case::no_time("X-Amz-Date: yesterday\r\n")]
#[case::half_a_time("X-Amz-Date: 20260101T0000é0Z\r\n")]
fn a_header_without_a_date_is_refused(#[case] date: &str) {
    let ivs = strict();
    let mut wire = Wire::open(&ivs);
    let headers = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=00\r\n{date}"
    );
    wire.write(request("POST", "/CreateRoom", &headers, "{}"));
    let answer = wire.read();
    answer.assert_error(403, "IncompleteSignature");
    assert!(answer.json()["message"].as_str().unwrap().contains("'X-Amz-Date' or a 'Date'"));
}

#[rstest]
#[case::region("AKIDEXAMPLE/20260101/eu-west-1/ivschat/aws4_request", "a valid region")]
#[case::service("AKIDEXAMPLE/20260101/us-west-2/ivs/aws4_request", "correct service: 'ivschat'")]
#[case::terminator("AKIDEXAMPLE/20260101/us-west-2/ivschat/aws3", "a valid terminator")]
#[case::day("AKIDEXAMPLE/20260102/us-west-2/ivschat/aws4_request", "'20260102' != '20260101'")]
#[case::no_day("AKIDEXAMPLE//us-west-2/ivschat/aws4_request", "Date in Credential scope")]
#[case::nothing(SCOPE, "does not match")]
fn a_scope_that_is_not_this_services_is_refused(#[case] scope: &str, #[case] why: &str) {
    let ivs = MockIvsChat::builder()
        .clock(Clock::frozen_at("2026-01-01T00:00:00Z"))
        .require_signature(Credentials::new("AKIDEXAMPLE", "secret"))
        .start();
    let mut wire = Wire::open(&ivs);
    for (names, signature, date, why) in [
        ("host", "00", "X-Amz-Date: 20260101T000000Z", why),
        ("host", "no hex", "Date: Thu, 01 Jan 2026 00:00:00 GMT", why),
        ("x-amz-date", "00", "X-Amz-Date: 20260101T000000Z", "'Host' must be"),
    ] {
        let headers = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, \
             Signature={signature}\r\n{date}\r\n"
        );
        wire.write(request("POST", "/CreateRoom", &headers, "{}"));
        let answer = wire.read();
        answer.assert_error(403, "InvalidSignatureException");
        assert!(answer.json()["message"].as_str().unwrap().contains(why), "{why}: {answer:?}");
    }
}

#[test]
fn a_signature_in_a_refused_request_is_still_seen_in_the_log() {
    let ivs = strict();
    let path = format!("/tags/{}", percent_encode(ivs.create_room("lobby").arn()));
    let mut wire = Wire::open(&ivs);
    let headers = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=00\r\n\
         X-Amz-Date: 20260101T000000Z\r\n"
    );
    wire.write(request("GET", &path, &headers, ""));
    assert_eq!(wire.read().status, 403);
    let called = ivs.log().into_iter().find(|entry| entry.is_signed()).unwrap();
    assert_eq!(called.access_key_id(), Some("AKIDEXAMPLE"));
    assert_eq!(called.operation(), Some(Operation::ListTagsForResource));
}
