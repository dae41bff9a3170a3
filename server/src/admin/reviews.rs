//! Reviews by a URL, which is called with the JSON of a Lambda function.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use mock_ivs_chat::{Operation, ReviewRequest, ReviewResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::admin::Shared;
use crate::extract::{Body, Path};
use crate::output;
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Review {
    url: String,
    /// The result of the review if the URL does not respond: `ALLOW` or `DENY`.
    fallback_result: Option<Fallback>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Fallback {
    Allow,
    Deny,
}

/// Sets the URL that reviews the messages to a room.
pub(super) async fn set(
    State(app): Shared,
    Path(room): Path<String>,
    Body(review): Body<Review>,
) -> Result<Json<Value>, Problem> {
    let room = app.room(&room)?;
    let uri = uri(&review.url).map_err(|detail| Problem::bad_request(detail).at("/url"))?;
    let url = review.url.clone();
    room.review_with_async(move |request| {
        let (uri, url) = (uri.clone(), url.clone());
        async move {
            match call(&uri, &request).await {
                Ok(response) => ReviewResponse::from_json(&response),
                Err(problem) => {
                    output::complain(&format!("review by {url}: {problem}"));
                    ReviewResponse::fail()
                }
            }
        }
    });
    if let Some(fallback) = review.fallback_result {
        let handler = json!({ "fallbackResult": fallback });
        let request = json!({ "identifier": room.arn(), "messageReviewHandler": handler });
        app.ivs.call(Operation::UpdateRoom, request)?;
    }
    Ok(Json(json!({ "url": review.url })))
}

/// Removes the review of a room.
pub(super) async fn remove(
    State(app): Shared,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let room = app.room(&room)?;
    let request = json!({ "identifier": room.arn(), "messageReviewHandler": { "uri": "" } });
    app.ivs.call(Operation::UpdateRoom, request)?;
    Ok(StatusCode::NO_CONTENT)
}

fn uri(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is not a URL: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) => Ok(uri),
        _ => Err(format!("{url:?} is not an http:// URL")),
    }
}

/// The longest response that is read. The service accepts much less.
const MOST_RESPONSE_BYTES: usize = 256 * 1024;

/// Sends a message to the URL, and returns the JSON of its response.
async fn call(uri: &Uri, request: &ReviewRequest) -> Result<Value, String> {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(80);
    let unreachable = |error| format!("cannot connect to {host}:{port}: {error}");
    let address = (host.trim_start_matches('[').trim_end_matches(']'), port);
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(shown)?;
    // It ends when the sender is dropped.
    let connection = tokio::spawn(connection);
    let body = Full::new(Bytes::from(request.to_json().to_string()));
    let request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, format!("{host}:{port}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(body)
        .map_err(shown)?;
    let response = sender.send_request(request).await.map_err(shown)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST_RESPONSE_BYTES).collect().await;
    let body = body.map_err(|error| format!("the response cannot be read: {error}"))?.to_bytes();
    drop(sender);
    connection.abort();
    if !status.is_success() {
        return Err(format!("the response has the status {status}"));
    }
    serde_json::from_slice(&body).map_err(|error| format!("the response is not JSON: {error}"))
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}
