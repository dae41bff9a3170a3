//! Signature: verifies requests that are signed with Signature Version 4.

use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::proto::exception::Exception;
use crate::proto::percent;
use crate::proto::timestamp::Timestamp;

/// Credentials for signing requests; `Debug` does not show the secret.
///
/// ```
/// use std::time::Duration;
/// use mock_ivs_chat::{Clock, Credentials, MockIvsChat};
///
/// let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
/// let credentials = Credentials::new("AKIDEXAMPLE", "secret")
///     .session_token("session")
///     .expiration("2026-01-01T01:00:00Z".parse().unwrap());
/// let ivs = MockIvsChat::builder().clock(clock).require_signature(credentials).start();
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<Timestamp>,
}

impl Credentials {
    /// Creates credentials that never expire.
    ///
    /// ```
    /// # use mock_ivs_chat::Credentials;
    /// let credentials = Credentials::new("AKIDEXAMPLE", "secret");
    /// ```
    ///
    /// # Panics
    ///
    /// If the access key ID is empty or has a character that ends it in a signature, or if the
    /// secret access key is empty.
    #[must_use]
    #[track_caller]
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        let (access_key_id, secret_access_key) = (access_key_id.into(), secret_access_key.into());
        let ends = |c: char| c.is_whitespace() || c.is_control() || "/,".contains(c);
        assert!(
            !access_key_id.is_empty() && !access_key_id.contains(ends),
            "an access key ID has no white space, `/` or `,`, got {access_key_id:?}"
        );
        assert!(!secret_access_key.is_empty(), "the secret access key must not be empty");
        Self { access_key_id, secret_access_key, session_token: None, expiration: None }
    }

    /// Makes the credentials temporary: requests must also carry this session token.
    ///
    /// ```
    /// # use mock_ivs_chat::Credentials;
    /// let credentials = Credentials::new("ASIAEXAMPLE", "secret").session_token("session");
    /// ```
    #[must_use]
    pub fn session_token(mut self, session_token: impl Into<String>) -> Self {
        self.session_token = Some(session_token.into());
        self
    }

    /// Sets the expiration time on the mock clock.
    ///
    /// ```
    /// # use mock_ivs_chat::Credentials;
    /// let credentials = Credentials::new("ASIAEXAMPLE", "secret")
    ///     .session_token("session")
    ///     .expiration("2026-01-01T01:00:00Z".parse().unwrap());
    /// ```
    #[must_use]
    pub const fn expiration(mut self, expiration: Timestamp) -> Self {
        self.expiration = Some(expiration);
        self
    }

    /// Returns the values that a client signs with: the key ID, the secret and the session token.
    pub(crate) fn parts(&self) -> (String, String, Option<String>) {
        (self.access_key_id.clone(), self.secret_access_key.clone(), self.session_token.clone())
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// A request as it is signed.
#[derive(Debug)]
pub(crate) struct SignedRequest<'a> {
    pub(crate) method: &'a str,
    /// As it appears in the request, with its percent encoding.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// In order, with the names in lower case.
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: &'a [u8],
}

/// The content of an `Authorization` header of this scheme.
#[derive(Debug)]
struct Authorization<'a> {
    access_key_id: &'a str,
    /// Date, region, service and `aws4_request`.
    scope: [&'a str; 4],
    signed_headers: &'a str,
    signature: &'a str,
}

/// Verifies that a request was signed with one of these credentials within the allowed time.
///
/// Documented: the names and statuses of the common errors of the API reference, and "Signature
/// Version 4" of the IAM User Guide. Assumed: the texts, which are those of other AWS services; the
/// order of the checks; and that a signature in the query does not count.
pub(crate) fn verify(
    request: &SignedRequest<'_>,
    credentials: &[Credentials],
    region: &str,
    now: Timestamp,
) -> Result<(), Exception> {
    let Some(header) = request.header("authorization") else {
        let message = "Missing Authentication Token";
        return Err(Exception::new(403, "MissingAuthenticationTokenException", message));
    };
    let date = request.date();
    let (authorization, (date, at)) = match (Authorization::read(&header), date) {
        (Ok(authorization), Some(date)) => (authorization, date),
        (read, date) => {
            let mut missing = read.err().unwrap_or_default();
            if date.is_none() {
                missing.push(
                    "Authorization header requires existence of either a 'X-Amz-Date' or a \
                     'Date' header."
                        .into(),
                );
            }
            return Err(Exception::new(403, "IncompleteSignature", missing.join(" ")));
        }
    };
    let known = credentials.iter().find(|known| known.access_key_id == authorization.access_key_id);
    let credentials = known
        // Credentials without a token require a request without one.
        .filter(|known| known.session_token == request.header("x-amz-security-token"))
        .ok_or_else(|| {
            let message = "The security token included in the request is invalid.";
            Exception::new(403, "UnrecognizedClientException", message)
        })?;
    // Before the signature, so that a client with an old token learns that the token has expired,
    // even if its signature is wrong as well.
    if credentials.expiration.is_some_and(|expiration| expiration <= now) {
        let message = "The security token included in the request is expired";
        return Err(Exception::new(403, "ExpiredTokenException", message));
    }
    authorization.check_scope(region, &date)?;
    check_time(&date, at, now)?;
    let to_sign = request.string_to_sign(&authorization, &date);
    let is_right = HEXLOWER
        .decode(authorization.signature.as_bytes())
        .is_ok_and(|signature| credentials.has_signed(&to_sign, authorization.scope, &signature));
    if is_right {
        return Ok(());
    }
    // Some services append the expected canonical request. It contains the port, which would make
    // the log differ between runs.
    Err(invalid(
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details.",
    ))
}

impl<'a> Authorization<'a> {
    /// Parses the header; missing parts are returned as sentences.
    fn read(header: &'a str) -> Result<Self, Vec<String>> {
        // A header of another scheme has no parameters of this one, so each of them is reported as
        // missing.
        let parameters = header.strip_prefix(ALGORITHM).unwrap_or_default();
        let parameter = |name: &str| {
            let mut parts = parameters.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
        };
        let found = NAMES.map(parameter);
        let [Some(credential), Some(signature), Some(signed_headers)] = found else {
            let missing = NAMES.iter().zip(found).filter(|(_, value)| value.is_none());
            let sentence = |(name, _)| format!("Authorization header requires '{name}' parameter.");
            return Err(missing.map(sentence).collect());
        };
        // The scope has four parts, and an access key ID does not contain slashes.
        let parts: Vec<_> = credential.split('/').collect();
        let [access_key_id, date, region, service, end] = parts[..] else {
            return Err(vec![format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{credential}'"
            )]);
        };
        Ok(Self { access_key_id, scope: [date, region, service, end], signed_headers, signature })
    }

    fn check_scope(&self, region: &str, date: &str) -> Result<(), Exception> {
        // All faults are collected, because one response names them all.
        let [day, scope_region, service, end] = self.scope;
        let mut faults = Vec::new();
        if scope_region != region {
            let fault =
                format!("Credential should be scoped to a valid region, not '{scope_region}'.");
            faults.push(fault);
        }
        if service != SERVICE {
            faults.push(format!("Credential should be scoped to correct service: '{SERVICE}'."));
        }
        if end != TERMINATOR {
            faults.push(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{end}'."
            ));
        }
        if !date.starts_with(day) || day.len() != DAY_LENGTH {
            faults.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{day}' != '{}', from '{date}'.",
                // `date` has the basic form, which is ASCII and begins with the day.
                &date[..DAY_LENGTH]
            ));
        }
        if !self.signed_headers.split(';').any(|name| name == "host") {
            faults.push("'Host' must be a 'SignedHeader' in the AWS Authorization.".into());
        }
        if faults.is_empty() { Ok(()) } else { Err(invalid(faults.join(" "))) }
    }
}

impl SignedRequest<'_> {
    /// Returns the values of all headers with a name, as they are signed; `None` if there are none.
    fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(header, _)| *header == name);
        let values: Vec<_> = values
            .map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// Returns the time of the signature, as signed text and as a timestamp.
    fn date(&self) -> Option<(String, Timestamp)> {
        // Documented: `x-amz-date` takes precedence over `date`.
        let date = self.header("x-amz-date").or_else(|| self.header("date"))?;
        if let Some(at) = read_basic(&date) {
            return Some((date, at));
        }
        let at = Timestamp::from(httpdate::parse_http_date(&date).ok()?);
        Some((to_basic(at), at))
    }

    fn string_to_sign(&self, authorization: &Authorization<'_>, date: &str) -> String {
        let canonical = self.canonical(authorization.signed_headers);
        let (scope, hash) = (authorization.scope.join("/"), hash(canonical.as_bytes()));
        format!("{ALGORITHM}\n{date}\n{scope}\n{hash}")
    }

    /// Documented: the canonical request. Its path is encoded once more than in the request, as for
    /// all services except S3.
    fn canonical(&self, signed_headers: &str) -> String {
        let Self { method, path, query, body, .. } = self;
        let path = percent::encode(path, "-._~/");
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        // Decoded first, because clients differ in the characters that they encode in a URL.
        let encoded = |text: &str| percent::encode(&percent::decode(text), "-._~");
        let mut pairs: Vec<_> =
            pairs.map(|(name, value)| (encoded(name), encoded(value))).collect();
        // Sorted in their encoded form, as the client does.
        pairs.sort();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let names: BTreeSet<_> = signed_headers.split(';').collect();
        let headers = names.iter().map(|name| {
            let value = self.header(name).unwrap_or_default();
            format!("{name}:{value}\n")
        });
        let (query, headers, hash) = (pairs.join("&"), headers.collect::<String>(), hash(body));
        format!("{method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{hash}")
    }
}

impl Credentials {
    fn has_signed(&self, text: &str, scope: [&str; 4], signature: &[u8]) -> bool {
        let secret = format!("AWS4{}", self.secret_access_key).into_bytes();
        // Documented: each part of the scope is signed with the key that the part before it gave.
        let key = scope.iter().fold(secret, |key, part| {
            keyed(&key, part.as_bytes()).finalize().into_bytes().to_vec()
        });
        keyed(&key, text.as_bytes()).verify_slice(signature).is_ok()
    }
}

/// Documented: AWS accepts requests that were signed at most five minutes ago.
fn check_time(date: &str, at: Timestamp, now: Timestamp) -> Result<(), Exception> {
    let now_basic = to_basic(now);
    // A signature has whole seconds, so a fraction of one must not make it expire.
    if at + TOLERANCE < now.whole_seconds() {
        let limit = to_basic(now - TOLERANCE);
        return Err(invalid(format!(
            "Signature expired: {date} is now earlier than {limit} ({now_basic} - 5 min.)"
        )));
    }
    if at > now + TOLERANCE {
        let limit = to_basic(now + TOLERANCE);
        return Err(invalid(format!(
            "Signature not yet current: {date} is still later than {limit} ({now_basic} + 5 min.)"
        )));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Exception {
    Exception::new(403, "InvalidSignatureException", message)
}

/// Parses `20260101T000000Z`.
fn read_basic(text: &str) -> Option<Timestamp> {
    let is_digit = |index: &usize| !matches!(index, 8 | 15);
    let bytes = text.as_bytes();
    let is_basic = bytes.len() == 16
        && (bytes[8], bytes[15]) == (b'T', b'Z')
        && (0..16).filter(is_digit).all(|index| bytes[index].is_ascii_digit());
    if !is_basic {
        return None;
    }
    // These indexes are boundaries of characters, because the text is all ASCII by now.
    let (year, month, day) = (&text[..4], &text[4..6], &text[6..8]);
    let (hour, minute, second) = (&text[9..11], &text[11..13], &text[13..15]);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

fn to_basic(at: Timestamp) -> String {
    at.whole_seconds().to_string().replace(['-', ':'], "")
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn keyed(key: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key).expect("a key can have any length");
    mac.update(bytes);
    mac
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const NAMES: [&str; 3] = ["Credential", "Signature", "SignedHeaders"];
const SERVICE: &str = "ivschat";
const TERMINATOR: &str = "aws4_request";
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// The length of `YYYYMMDD`.
const DAY_LENGTH: usize = 8;
