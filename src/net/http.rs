//! HTTP: requests to operations and back, and the upgrade of a request to a WebSocket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::driver::{Driver, HandshakeReply, HttpReply, Wire, to_text};
use crate::log::record::Origin;
use crate::net::link::{Link, LinkStream, Part};
use crate::net::outbox::Outbox;
use crate::net::socket;
use crate::proto::exception::Exception;
use crate::proto::members::{MAXIMUM_DEPTH, is_deeper_than};
use crate::proto::operation::Operation;

/// Serves HTTP/1.1 on a stream, and a WebSocket once a request asks for it.
pub(crate) async fn serve(link: Arc<Link>, driver: Arc<Driver>) {
    let io = TokioIo::new(LinkStream(Arc::clone(&link)));
    let head_limit = link.has_time_limits().then_some(READ_TIMEOUT);
    let service = service_fn(|request| {
        let (driver, link) = (Arc::clone(&driver), Arc::clone(&link));
        async move { Ok::<_, Infallible>(respond(request, driver, link).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_limit)
        .max_buf_size(MAXIMUM_HEAD_BYTES)
        // A client may close its side as soon as it has asked.
        .half_close(true)
        .serve_connection(io, service)
        .with_upgrades();
    // What goes wrong here is the peer's doing, and has been answered as far as it could be.
    let _ = connection.await;
}

type Body = Full<Bytes>;

async fn respond(
    request: Request<Incoming>,
    driver: Arc<Driver>,
    link: Arc<Link>,
) -> Response<Body> {
    if asks_for_upgrade(request.headers()) {
        return upgrade(request, driver, link).await;
    }
    let origin = origin_of(&request);
    let is_preflight = request.method() == Method::OPTIONS;
    let asks_for_head = request.method() == Method::HEAD;
    let mut response = if is_preflight {
        Response::new(Body::default())
    } else {
        operate(request, origin, &driver, &link).await
    };
    if asks_for_head {
        *response.body_mut() = Body::default();
    }
    add_headers(response.headers_mut(), &driver.request_id());
    response
}

/// Answers a call of the control plane.
async fn operate(
    request: Request<Incoming>,
    origin: Origin,
    driver: &Arc<Driver>,
    link: &Link,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = read_body(body, link.has_time_limits().then_some(READ_TIMEOUT)).await;
    let text =
        body.as_deref().map_or("", |bytes| std::str::from_utf8(bytes).unwrap_or("")).to_owned();
    let Some((operation, in_path)) = route(&head.method, head.uri.path()) else {
        let message =
            format!("{} {} is no operation of this service", head.method, head.uri.path());
        let exception = Exception::new(404, "UnknownOperationException", message);
        return refusal(&driver.refuse_call(origin, None, text, exception));
    };
    let request = body.and_then(|bytes| read_members(&bytes));
    let reply = match request {
        Ok(mut request) => {
            if let Some(arn) = in_path {
                request.insert("resourceArn".into(), arn.into());
            }
            if operation == Operation::UntagResource {
                request.extend(tag_keys(head.uri.query()));
            }
            driver
                .call_by_http(origin, operation, &request, &text)
                .await
                .unwrap_or(HttpReply::Silence)
        }
        Err(exception) => {
            HttpReply::Answer(Err(driver.refuse_call(origin, Some(operation), text, exception)))
        }
    };
    reply_with(reply, operation, link).await
}

/// Does with the stream what the driver says.
async fn reply_with(reply: HttpReply, operation: Operation, link: &Link) -> Response<Body> {
    match reply {
        HttpReply::Answer(response) => answer(operation, response),
        HttpReply::Raw { status, body } => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            response
        }
        HttpReply::CutHead(response) => {
            link.cut_within(Part::Head);
            answer(operation, response)
        }
        HttpReply::CutBody(response) => {
            link.cut_within(Part::Body);
            answer(operation, response)
        }
        HttpReply::Reset => {
            link.reset();
            std::future::pending().await
        }
        HttpReply::Silence => std::future::pending().await,
    }
}

fn answer(operation: Operation, response: crate::service::control::Response) -> Response<Body> {
    match response {
        Ok(_) if operation.success_status() == 204 => {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Ok(members) => json_response(StatusCode::OK, &members),
        Err(exception) => refusal(&exception),
    }
}

/// Which operation a request is for, and the resource's ARN if it stands in the path.
fn route(method: &Method, path: &str) -> Option<(Operation, Option<String>)> {
    let candidates = Operation::ALL.into_iter().filter(|operation| operation.method() == *method);
    for operation in candidates {
        if operation.path() == path {
            return Some((operation, None));
        }
        if let (Some(arn), true) = (path.strip_prefix("/tags/"), operation.path().contains('{')) {
            return Some((operation, Some(percent_decode(arn))));
        }
    }
    None
}

/// The keys of the query that name tags: `tagKeys=a&tagKeys=b`.
fn tag_keys(query: Option<&str>) -> Option<(String, Value)> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let keys = pairs.filter(|(name, _)| *name == "tagKeys").map(|(_, key)| percent_decode(key));
    let keys: Vec<_> = keys.collect();
    (!keys.is_empty()).then(|| ("tagKeys".to_owned(), json!(keys)))
}

/// Text without its percent encoding; what is not one of UTF-8 is left as it is.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) if *byte == b'%' => {
                bytes.push(decoded);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Assumed: the exceptions for bodies that are no requests at all.
async fn read_body(body: Incoming, limit: Option<Duration>) -> Result<Bytes, Exception> {
    let reading = Limited::new(body, MAXIMUM_BODY_BYTES).collect();
    let read = match limit {
        Some(limit) => timeout(limit, reading).await,
        None => Ok(reading.await),
    };
    match read {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("request body is larger than {MAXIMUM_BODY_BYTES} bytes");
            Err(Exception::new(413, "RequestEntityTooLargeException", message))
        }
        Ok(Err(error)) => {
            let message = format!("request body cannot be read: {error}");
            Err(Exception::new(400, "MalformedHttpRequestException", message))
        }
        Err(_) => {
            let message = format!("request body did not arrive within {READ_TIMEOUT:?}");
            Err(Exception::new(408, "RequestTimeoutException", message))
        }
    }
}

fn read_members(body: &[u8]) -> Result<Map<String, Value>, Exception> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(Exception::validation("request body is not UTF-8"));
    };
    if is_deeper_than(text, MAXIMUM_DEPTH.min(100)) {
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

/// Opens a WebSocket, or refuses to.
async fn upgrade(
    request: Request<Incoming>,
    driver: Arc<Driver>,
    link: Arc<Link>,
) -> Response<Body> {
    let accept = match accept_key(&request) {
        Ok(accept) => accept,
        Err((status, message)) => {
            driver.refuse_handshake(status.as_u16(), message);
            return handshake_refusal(status, message, &driver);
        }
    };
    let token = offered_token(request.headers());
    let wire = Wire { outbox: Arc::new(Outbox::default()), link };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let reply = driver.shake_hands(token.clone(), path, wire.clone()).await;
    let connection = match reply.unwrap_or(HandshakeReply::Silence) {
        HandshakeReply::Accept(connection) => connection,
        HandshakeReply::Refuse { status, message } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
            return handshake_refusal(status, &message, &driver);
        }
        HandshakeReply::Silence => return std::future::pending().await,
    };
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await;
        // A stream that is gone before the upgrade was through has no more to say.
        let parts =
            upgraded.ok().and_then(|upgraded| upgraded.downcast::<TokioIo<LinkStream>>().ok());
        let Some(parts) = parts else { return driver.ended(connection) };
        socket::serve(driver, connection, wire, &parts.read_buf).await;
    });
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    // Browsers fail a connection whose offered protocol is not selected.
    let protocol = token.and_then(|token| HeaderValue::from_str(&token).ok());
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    values(headers, &header::UPGRADE).any(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Checks a handshake as RFC 6455, section 4.2.1 has it.
fn accept_key(request: &Request<Incoming>) -> Result<HeaderValue, (StatusCode, &'static str)> {
    let headers = request.headers();
    let bad = |message| Err((StatusCode::BAD_REQUEST, message));
    if request.method() != Method::GET {
        return bad("a WebSocket handshake is a GET");
    }
    if request.version() < Version::HTTP_11 {
        return bad("a WebSocket handshake needs HTTP/1.1");
    }
    if !values(headers, &header::CONNECTION).any(|v| v.eq_ignore_ascii_case("upgrade")) {
        return bad("a WebSocket handshake has Connection: Upgrade");
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let message = "only version 13 of the WebSocket protocol is supported";
        return Err((StatusCode::UPGRADE_REQUIRED, message));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if data_encoding::BASE64.decode(key).map(|key| key.len()) != Ok(16) {
        return bad("Sec-WebSocket-Key must be 16 bytes in base64");
    }
    let accept = tungstenite::handshake::derive_accept_key(key);
    HeaderValue::from_str(&accept).or_else(|_| bad("Sec-WebSocket-Key cannot be answered"))
}

/// Documented: the token is the value of `Sec-WebSocket-Protocol`. Assumed: of several the first.
fn offered_token(headers: &HeaderMap) -> Option<String> {
    values(headers, &header::SEC_WEBSOCKET_PROTOCOL).find(|v| !v.is_empty()).map(str::to_owned)
}

/// The comma-separated values of all headers of a name.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let all = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).map(str::trim)
}

fn handshake_refusal(status: StatusCode, message: &str, driver: &Arc<Driver>) -> Response<Body> {
    let members = Map::from_iter([("message".to_owned(), json!(message))]);
    let mut response = json_response(status, &members);
    let headers = response.headers_mut();
    add_headers(headers, &driver.request_id());
    if status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

fn refusal(exception: &Exception) -> Response<Body> {
    let status = StatusCode::from_u16(exception.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json_response(status, exception.body());
    if let Ok(name) = HeaderValue::from_str(exception.name()) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), name);
    }
    response
}

fn json_response(status: StatusCode, members: &Map<String, Value>) -> Response<Body> {
    let mut response = Response::new(Body::from(to_text(members)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Assumed: that browsers may call the control plane from any origin.
fn add_headers(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), request_id);
    }
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, any.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, any);
    let methods = HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, POST");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
}

fn origin_of(request: &Request<Incoming>) -> Origin {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let part = |name: &str| {
        let (_, rest) = authorization?.split_once(name)?;
        Some(rest.split([',', ' ']).next().unwrap_or_default())
    };
    Origin::Http {
        method: request.method().to_string(),
        path: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        access_key_id: part("Credential=").and_then(|c| c.split('/').next()).map(str::to_owned),
        is_signed: part("Signature=").is_some_and(|signature| !signature.is_empty()),
    }
}

/// How long a head, and how long a body, may take to arrive; also how long a client may keep a
/// connection that it makes no use of.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Assumed: how long a head may be.
const MAXIMUM_HEAD_BYTES: usize = 64 * 1024;
/// Assumed: how long a body may be.
const MAXIMUM_BODY_BYTES: usize = 1024 * 1024;
