//! Request: reads an HTTP request as a call of an operation.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::{Body, Incoming};
use hyper::header;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::driver::{Caller, TOKEN_PREFIX, replace_tokens};
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::members::is_deeper_than;
use crate::proto::operation::Operation;
use crate::proto::percent;
#[cfg(feature = "sigv4")]
use crate::proto::signature::SignedRequest;

/// Returns the operation of a request, and the ARN of the resource if the path has one.
pub(crate) fn route(method: &Method, path: &str) -> Option<(Operation, Option<String>)> {
    let candidates = Operation::ALL.into_iter().filter(|operation| operation.method() == *method);
    for operation in candidates {
        if operation.path() == path {
            return Some((operation, None));
        }
        if let (Some(arn), true) = (path.strip_prefix("/tags/"), operation.path().contains('{')) {
            return Some((operation, Some(percent::decode(arn))));
        }
    }
    None
}

/// Returns the members of a request: those of the body, or of the path and the query.
pub(crate) fn members(
    operation: Operation,
    in_path: Option<String>,
    query: Option<&str>,
    body: &[u8],
) -> Result<Map<String, Value>, Exception> {
    let mut members = match operation {
        // These two have no body; they ignore a body that a client sends anyway.
        Operation::ListTagsForResource => Map::new(),
        Operation::UntagResource => tag_keys(query).into_iter().collect(),
        _ => read_object(body)?,
    };
    members.extend(in_path.map(|arn| ("resourceArn".to_owned(), arn.into())));
    Ok(members)
}

/// Returns the tag keys in a query such as `tagKeys=a&tagKeys=b`.
fn tag_keys(query: Option<&str>) -> Option<(String, Value)> {
    let pairs = query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let keys = pairs.filter(|(name, _)| percent::decode(name) == "tagKeys");
    let keys: Vec<_> = keys.map(|(_, key)| percent::decode(key)).collect();
    (!keys.is_empty()).then(|| ("tagKeys".to_owned(), json!(keys)))
}

/// Reads a body to its end. Fails if the body has no end, or does not arrive within a time limit.
///
/// Assumed: the exceptions for bodies that are not requests at all.
pub(crate) async fn read_body(
    head: &Parts,
    body: Incoming,
    limit: Option<Duration>,
) -> Result<Bytes, Exception> {
    // A client that expects `100 Continue` gets the error before it sends the body.
    let asks_first = head.headers.contains_key(header::EXPECT);
    if asks_first && body.size_hint().lower() > MAXIMUM_BODY_BYTES as u64 {
        return Err(too_large());
    }
    let reading = read_to_end(body);
    let Some(limit) = limit else { return reading.await };
    timeout(limit, reading).await.unwrap_or_else(|_| {
        let message = format!("request body did not arrive within {limit:?}");
        Err(Exception::new(408, "RequestTimeoutException", message))
    })
}

/// Reads an oversized body to the end: a client that is still writing would not read the response.
async fn read_to_end(mut body: Incoming) -> Result<Bytes, Exception> {
    let (mut bytes, mut length) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let message = format!("request body cannot be read: {error}");
            Exception::new(400, "MalformedHttpRequestException", message)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MAXIMUM_BODY_BYTES {
            bytes.extend_from_slice(&data);
        } else if length > MAXIMUM_DISCARDED_BYTES {
            break;
        }
    }
    if length > MAXIMUM_BODY_BYTES { Err(too_large()) } else { Ok(bytes.freeze()) }
}

fn too_large() -> Exception {
    let message = format!("request body is larger than {MAXIMUM_BODY_BYTES} bytes");
    Exception::new(413, "RequestEntityTooLargeException", message)
}

fn read_object(body: &[u8]) -> Result<Map<String, Value>, Exception> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(Exception::validation("request body is not UTF-8"));
    };
    if is_deeper_than(text, MAXIMUM_BODY_DEPTH) {
        return Err(Exception::validation("request body is nested too deeply"));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Exception::validation("request body is not a JSON object")),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let message = format!("request body is not valid JSON (line {line}, column {column})");
            Err(Exception::validation(message))
        }
    }
}

/// Returns the parts of a request that its signature covers.
#[cfg(feature = "sigv4")]
pub(crate) fn as_signed<'a>(head: &'a Parts, body: &'a [u8]) -> SignedRequest<'a> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: head.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect(),
        body,
    }
}

/// Returns the caller as the head of a request describes it.
pub(crate) fn origin_of(head: &Parts) -> Caller {
    let authorization = head.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let part = |name: &str| {
        let (_, rest) = authorization?.split_once(name)?;
        Some(rest.split([',', ' ']).next().unwrap_or_default())
    };
    Caller::Http {
        method: head.method.to_string(),
        path: without_token(head.uri.path_and_query().map_or("/", |path| path.as_str())),
        access_key_id: part("Credential=").and_then(|c| c.split('/').next()).map(str::to_owned),
        is_signed: part("Signature=").is_some_and(|signature| !signature.is_empty()),
        headers: shown_headers(&head.headers),
    }
}

/// Returns the headers of a request, without secrets.
pub(crate) fn shown_headers(headers: &HeaderMap) -> Headers {
    let shown = |(name, value): (&HeaderName, &HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let text = match name.as_str() {
            "authorization" => without_signature(&text),
            "x-amz-security-token" => "[session-token]".into(),
            "cookie" | "proxy-authorization" => "[secret]".into(),
            "sec-websocket-protocol" => "[token]".into(),
            _ if text.contains(TOKEN_PREFIX) => "[token]".into(),
            _ => replace_tokens(&text, |_| "[token]".into()).into_owned(),
        };
        (name.as_str().to_owned(), text)
    };
    headers.iter().map(shown).collect()
}

/// Returns an `Authorization` without its secret: the signature, or everything that is not
/// Signature Version 4.
fn without_signature(authorization: &str) -> String {
    match authorization.split_once("Signature=") {
        Some((before, _)) if authorization.starts_with("AWS4-") => {
            format!("{before}Signature=[signature]")
        }
        _ => "[secret]".into(),
    }
}

/// Replaces chat tokens in a path: some clients put theirs there by mistake, and logs are printed.
fn without_token(path: &str) -> String {
    let path = &*replace_tokens(path, |_| "[token]".into());
    let Some(start) = path.find(TOKEN_PREFIX) else { return path.into() };
    let (before, token) = path.split_at(start);
    let rest = token.find(['&', '/', '?']).map_or("", |end| &token[end..]);
    format!("{before}[token]{}", without_token(rest))
}

/// Assumed: how long a body may be.
const MAXIMUM_BODY_BYTES: usize = 1024 * 1024;
/// The number of bytes of an oversized body that are read before the connection is closed.
const MAXIMUM_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// Requests have at most three levels, and the JSON reader fails at 128.
const MAXIMUM_BODY_DEPTH: usize = 100;
