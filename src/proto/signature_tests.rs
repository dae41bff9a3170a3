//! Tests of the signature: what is accepted, and the reason for which everything else is refused.
//!
//! The signatures were computed by another implementation, from the documented steps.

use rstest::rstest;

use crate::proto::signature::{Credentials, SignedRequest, verify};
use crate::proto::timestamp::Timestamp;

const NOW: &str = "2026-01-01T00:00:00Z";
const DATE: &str = "20260101T000000Z";
const SCOPE: &str = "AKID/20260101/us-west-2/ivschat/aws4_request";

/// The signature of `POST /CreateRoom` with the body `{}`.
const SIGNATURE: &str = "41348b4ffd08a9edc95d34bd555bfe317bd8b5263c637fcc078aa7681b335429";

/// A request, and the circumstances in which it arrives.
struct Scene {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    body: &'static [u8],
    headers: Vec<(&'static str, String)>,
    credentials: Credentials,
    now: Timestamp,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            method: "POST",
            path: "/CreateRoom",
            query: "",
            body: b"{}",
            headers: vec![
                ("host", "localhost".into()),
                ("x-amz-date", DATE.into()),
                ("authorization", authorization(SCOPE, "host;x-amz-date", SIGNATURE)),
            ],
            credentials: Credentials::new("AKID", "secret"),
            now: time(NOW),
        }
    }
}

impl Scene {
    fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self.headers.push((name, value.into()));
        self
    }

    fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self
    }

    /// Returns `accepted`, or the name and the text of the refusal.
    fn verify(self) -> String {
        let Self { method, path, query, body, headers, credentials, now } = self;
        let request = SignedRequest { method, path, query, headers, body };
        let others = [Credentials::new("OTHER", "x"), credentials];
        match verify(&request, &others, "us-west-2", now) {
            Ok(()) => "accepted".into(),
            Err(exception) => {
                assert_eq!(exception.status(), 403);
                format!("{}: {}", exception.name(), exception.message())
            }
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("it is a time")
}

fn authorization(credential: &str, signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"
    )
}

#[test]
fn a_request_that_another_implementation_signed_is_accepted() {
    assert_eq!(Scene::default().verify(), "accepted");
}

#[test]
fn the_query_and_repeated_headers_are_signed_in_their_canonical_forms() {
    let signature = "c8219d566bc0640cd463604ac273049924169e42682d24fa9ba7cdc9e61f3e3f";
    let mut scene = Scene {
        method: "DELETE",
        path: "/tags/arn%3Aaws%3Aivschat+room",
        query: "x&tagKeys=c&&tagKeys=a b",
        body: b"",
        ..Scene::default()
    };
    scene.headers.extend([("x-two", "  a   b ".into()), ("x-two", "c".into())]);
    let header = authorization(SCOPE, "host;x-amz-date;x-two", signature);
    assert_eq!(scene.with_header("authorization", header).verify(), "accepted");
}

#[test]
fn each_part_of_a_request_is_signed() {
    let wrong = "InvalidSignatureException: The request signature we calculated does not match";
    let changed = [
        Scene { method: "PUT", ..Scene::default() },
        Scene { path: "/DeleteRoom", ..Scene::default() },
        Scene { query: "a=b", ..Scene::default() },
        Scene { body: b"{ }", ..Scene::default() },
        Scene { credentials: Credentials::new("AKID", "other"), ..Scene::default() },
        Scene::default().with_header("host", "other"),
        Scene::default().with_header("x-amz-date", "20260101T000001Z"),
        Scene::default().with_header("authorization", authorization(SCOPE, "host", SIGNATURE)),
        Scene::default()
            .with_header("authorization", authorization(SCOPE, "host;x-amz-date", "00")),
        Scene::default().with_header("authorization", authorization(SCOPE, "host;x-amz-date", "x")),
    ];
    for scene in changed {
        let text = scene.verify();
        assert!(text.starts_with(wrong), "{text}");
    }
}

#[rstest]
#[case::scheme(
    "Basic abc",
    "Authorization header requires 'Credential' parameter. Authorization \
    header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."
)]
#[case::empty(
    "AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=0",
    "Authorization \
    header requires 'Credential' parameter."
)]
#[case::scope(
    "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
    "Credential must \
    have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'"
)]
fn a_header_with_missing_parts_is_incomplete(#[case] header: &str, #[case] reason: &str) {
    let text = Scene::default().with_header("authorization", header).verify();
    assert_eq!(text, format!("IncompleteSignature: {reason}"));
}

#[rstest]
#[case::missing(None)]
#[case::short(Some("20260101T00000Z"))]
#[case::letter(Some("2026010aT000000Z"))]
#[case::separator(Some("20260101-000000Z"))]
#[case::zone(Some("20260101T000000z"))]
#[case::month(Some("20261301T000000Z"))]
fn a_request_without_a_date_is_incomplete(#[case] date: Option<&str>) {
    let scene = Scene::default().without_header("x-amz-date");
    let scene = match date {
        Some(date) => scene.with_header("x-amz-date", date),
        None => scene,
    };
    assert_eq!(
        scene.verify(),
        "IncompleteSignature: Authorization header requires existence of either a 'X-Amz-Date' or \
         a 'Date' header."
    );
}

#[test]
fn the_header_date_counts_where_the_other_is_missing() {
    // The text to sign has the date in its basic form, so only the headers differ.
    let signature = "ada236a19495cafde5b38ca981ae0840cfedf593049749b8717949f8ba5358e2";
    let scene = Scene::default()
        .without_header("x-amz-date")
        .with_header("date", "Thu, 01 Jan 2026 00:00:00 GMT")
        .with_header("authorization", authorization(SCOPE, "host", signature));
    assert_eq!(scene.verify(), "accepted");
}

#[rstest]
#[case::region(
    "AKID/20260101/eu-west-1/ivschat/aws4_request",
    "host",
    "Credential should be \
    scoped to a valid region, not 'eu-west-1'."
)]
#[case::service(
    "AKID/20260101/us-west-2/s3/aws4_request",
    "host",
    "Credential should be scoped to \
    correct service: 'ivschat'."
)]
#[case::terminator(
    "AKID/20260101/us-west-2/ivschat/aws4",
    "host",
    "Credential should be scoped \
    with a valid terminator: 'aws4_request', not 'aws4'."
)]
#[case::day(
    "AKID/20260102/us-west-2/ivschat/aws4_request",
    "host",
    "Date in Credential scope does \
    not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260102' != '20260101', from \
    '20260101T000000Z'."
)]
#[case::short_day(
    "AKID/2026010/us-west-2/ivschat/aws4_request",
    "host",
    "Date in Credential scope \
    does not match YYYYMMDD from ISO-8601 version of date from HTTP: '2026010' != '20260101', from \
    '20260101T000000Z'."
)]
#[case::host(SCOPE, "x-amz-date", "'Host' must be a 'SignedHeader' in the AWS Authorization.")]
#[case::several(
    "AKID/20260101/us-west-2/s3/aws4_request",
    "x",
    "Credential should be scoped to \
    correct service: 'ivschat'. 'Host' must be a 'SignedHeader' in the AWS Authorization."
)]
fn a_wrong_scope_is_refused(#[case] scope: &str, #[case] signed: &str, #[case] reason: &str) {
    let header = authorization(scope, signed, SIGNATURE);
    let text = Scene::default().with_header("authorization", header).verify();
    assert_eq!(text, format!("InvalidSignatureException: {reason}"));
}

#[test]
fn a_request_without_a_signature_is_not_authenticated() {
    let text = Scene::default().without_header("authorization").verify();
    assert_eq!(text, "MissingAuthenticationTokenException: Missing Authentication Token");
}

#[test]
fn credentials_are_found_by_their_key_and_their_token() {
    let unknown =
        "UnrecognizedClientException: The security token included in the request is invalid.";
    let temporary = || Credentials::new("AKID", "secret").session_token("session");
    let unknown_key = Credentials::new("AKI", "secret");
    let wrong = [
        Scene { credentials: unknown_key, ..Scene::default() },
        Scene { credentials: temporary(), ..Scene::default() },
        Scene::default().with_header("x-amz-security-token", "session"),
        Scene { credentials: temporary(), ..Scene::default() }
            .with_header("x-amz-security-token", "other"),
    ];
    for scene in wrong {
        assert_eq!(scene.verify(), unknown);
    }
    let right = Scene { credentials: temporary(), ..Scene::default() };
    assert_eq!(right.with_header("x-amz-security-token", "session").verify(), "accepted");
}

#[rstest]
#[case(NOW, false)]
#[case("2025-12-31T23:59:59Z", false)]
#[case("2026-01-01T00:00:00.001Z", true)]
fn credentials_count_until_they_expire(#[case] expiration: &str, #[case] is_accepted: bool) {
    let credentials = Credentials::new("AKID", "secret").expiration(time(expiration));
    let text = Scene { credentials, ..Scene::default() }.verify();
    let expired = "ExpiredTokenException: The security token included in the request is expired";
    assert_eq!(text, if is_accepted { "accepted" } else { expired });
}

#[rstest]
#[case("2026-01-01T00:05:00.999Z", "accepted")]
#[case(
    "2026-01-01T00:05:01Z",
    "InvalidSignatureException: Signature expired: 20260101T000000Z is \
    now earlier than 20260101T000001Z (20260101T000501Z - 5 min.)"
)]
#[case("2025-12-31T23:55:00Z", "accepted")]
#[case(
    "2025-12-31T23:54:59Z",
    "InvalidSignatureException: Signature not yet current: \
    20260101T000000Z is still later than 20251231T235959Z (20251231T235459Z + 5 min.)"
)]
fn a_signature_counts_for_five_minutes(#[case] now: &str, #[case] outcome: &str) {
    assert_eq!(Scene { now: time(now), ..Scene::default() }.verify(), outcome);
}

#[test]
fn credentials_have_their_parts_and_no_secret_in_their_debug_text() {
    let credentials = Credentials::new("AKID", "secret").session_token("session");
    let parts = ("AKID".to_owned(), "secret".to_owned(), Some("session".to_owned()));
    assert_eq!(credentials.parts(), parts);
    let text = format!("{credentials:?}");
    assert_eq!(text, "Credentials { access_key_id: \"AKID\", expiration: None, .. }");
}

#[rstest]
#[case::empty("", "s", "an access key ID has no")]
#[case::space("A B", "s", "an access key ID has no")]
#[case::slash("A/B", "s", "an access key ID has no")]
#[case::comma("A,B", "s", "an access key ID has no")]
#[case::secret("A", "", "the secret access key must not be empty")]
fn credentials_that_cannot_sign_are_refused(
    #[case] id: &str,
    #[case] secret: &str,
    #[case] reason: &str,
) {
    let panic = std::panic::catch_unwind(|| Credentials::new(id, secret)).unwrap_err();
    let text = panic.downcast_ref::<String>().map_or("", String::as_str);
    let text = panic.downcast_ref::<&str>().copied().unwrap_or(text);
    assert!(text.starts_with(reason), "{text}");
}
