//! Extract: JSON bodies and query strings, with errors that name the part at fault.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::problem::Problem;

/// The largest body that is read. The log of the mock cannot be sent to it, so this is plenty.
pub(crate) const MOST_BODY_BYTES: usize = 1024 * 1024;

/// The body of a request. An empty body is read as `{}`.
pub(crate) struct Body<T>(pub(crate) T);

/// The parts of a path that stand for names in its pattern.
pub(crate) struct Path<T>(pub(crate) T);

/// The query string of a request.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| {
                match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(format!(
                        "the body has more than {MOST_BODY_BYTES} bytes"
                    )),
                    _ => Problem::bad_request(format!("the body cannot be read: {rejection}")),
                }
            })?;
        // A page of another site may send any text without asking first, but not as JSON.
        let is_json = |value: &str| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        };
        let is_json =
            media_type.as_ref().and_then(|value| value.to_str().ok()).is_some_and(is_json);
        if !bytes.is_empty() && !is_json {
            let detail = "the content type of the body must be application/json";
            return Err(Problem::unsupported_media_type(detail));
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        from_json(text).map(Self)
    }
}

/// Reads a JSON object. The error has a pointer to the member at fault.
fn from_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    // A structure would be read from an array as well.
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::bad_request("the body is not valid: it must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let problem = Problem::bad_request(format!("the body is not valid: {}", error.inner()));
        if pointer.is_empty() { problem } else { problem.at(pointer) }
    })?;
    let rest = |error| Problem::bad_request(format!("the body is not valid: {error}"));
    reader.end().map_err(rest)?;
    Ok(value)
}

/// Returns a path as a JSON pointer of RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                key.replace('~', "~0").replace('/', "~1")
            }
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let problem = |rejection: axum::extract::rejection::PathRejection| {
            Problem::bad_request(format!("the path is not valid: {}", rejection.body_text()))
        };
        path.map(|axum::extract::Path(value)| Self(value)).map_err(problem)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let problem = |rejection: axum::extract::rejection::QueryRejection| {
            Problem::bad_request(format!("the query is not valid: {}", rejection.body_text()))
        };
        query.map(|axum::extract::Query(value)| Self(value)).map_err(problem)
    }
}
