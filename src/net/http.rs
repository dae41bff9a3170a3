//! HTTP: requests to operations and back, and the upgrade of a request to a WebSocket.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::driver::{ControlResponse, Driver, HandshakeResponse, HttpReply, Unserved};
use crate::net::hyper_errors::HttpStream;
use crate::net::progress::Progress;
use crate::net::{cors, request, websocket};
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::json::to_text;
use crate::proto::operation::Operation;
use crate::transport::client_sink::ClientSink;
use crate::transport::faults::CutAt;
use crate::transport::stream::SharedStream;

/// Serves HTTP/1.1 on a stream, and a WebSocket once a request asks for it.
pub(crate) async fn serve(stream: Arc<SharedStream>, driver: Arc<Driver>) {
    let progress = Arc::<Progress>::default();
    let io = HttpStream::new(Arc::clone(&stream), Arc::clone(&driver), Arc::clone(&progress));
    let head_timeout = stream.has_time_limits().then_some(HEAD_TIMEOUT);
    let service = service_fn(|request| {
        progress.serve();
        let (driver, stream) = (Arc::clone(&driver), Arc::clone(&stream));
        async move { Ok::<_, Infallible>(respond(request, driver, stream).await) }
    });
    let connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_buf_size(MAXIMUM_HEAD_BYTES)
            // A client may close its side as soon as it has sent its request.
            .half_close(true)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades()
    );
    let Err(error) = driver.supervised(SERVING, connection).await else { return };
    // The error is that of the peer. It has got a response if one was possible.
    let is_in_head = progress.is_in_head() || error.is_incomplete_message();
    if is_in_head && !stream.was_closed_by_mock() {
        let timed_out = error.is_timeout();
        let unserved = if timed_out { Unserved::HeadTimedOut } else { Unserved::HeadEnded };
        driver.record_unserved(unserved);
    }
}

type Body = Full<Bytes>;

async fn respond(
    request: Request<Incoming>,
    driver: Arc<Driver>,
    stream: Arc<SharedStream>,
) -> Response<Body> {
    if asks_for_upgrade(request.headers()) {
        return upgrade(request, driver, stream).await;
    }
    let methods = cors::methods_at(request.uri().path());
    let is_preflight = request.method() == Method::OPTIONS && !methods.is_empty();
    let mut response = if is_preflight {
        let mut response = Response::new(Body::default());
        cors::add_to_preflight(response.headers_mut(), &methods);
        response
    } else {
        operate(request, &driver, &stream).await
    };
    add_headers(response.headers_mut(), &driver);
    if driver.closes_http() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Responds to a call of the control plane.
async fn operate(
    request: Request<Incoming>,
    driver: &Arc<Driver>,
    stream: &SharedStream,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let origin = request::origin_of(&head);
    let limit = stream.has_time_limits().then_some(BODY_TIMEOUT);
    let body = request::read_body(&head, body, limit).await;
    let text = body.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let text = text.unwrap_or_default();
    match body.and_then(|body| read_call(&head, &body, driver)) {
        Ok((operation, members)) => {
            let closed = stream.closed_flag();
            let reply = driver.call_by_http(origin, operation, members, text, closed);
            let waiting =
                PendingResponse { driver, stream, operation: Some(operation), token: None };
            match waiting.reply(reply).await {
                Some(reply) => reply_with(reply, operation, &waiting).await,
                None => waiting.silence().await,
            }
        }
        Err(exception) => {
            let operation = request::route(&head.method, head.uri.path());
            let operation = operation.map(|(operation, _)| operation);
            refusal(&driver.refuse_call(origin, operation, text, exception))
        }
    }
}

/// Turns the reply of the driver into a response, or into a fault of the stream.
async fn reply_with(
    reply: HttpReply,
    operation: Operation,
    waiting: &PendingResponse<'_>,
) -> Response<Body> {
    let stream = waiting.stream;
    match reply {
        HttpReply::Response(response) => operation_response(operation, response),
        HttpReply::Raw { status, body, headers } => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            set_headers(response.headers_mut(), &headers);
            response
        }
        HttpReply::CutHead(response) => {
            stream.close_within(CutAt::Head);
            operation_response(operation, response)
        }
        HttpReply::CutBody(response) => {
            stream.close_within(CutAt::Body);
            operation_response(operation, response)
        }
        HttpReply::Reset => {
            stream.reset();
            waiting.silence().await
        }
        HttpReply::Never => waiting.silence().await,
    }
}

fn operation_response(operation: Operation, response: ControlResponse) -> Response<Body> {
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

/// Reads a request as a call: authentication first, then the operation, then its members.
fn read_call(
    head: &Parts,
    body: &[u8],
    driver: &Driver,
) -> Result<(Operation, Map<String, Value>), Exception> {
    #[cfg(feature = "sigv4")]
    driver.authenticate(&request::as_signed(head, body))?;
    let (method, path) = (&head.method, head.uri.path());
    let Some((operation, in_path)) = request::route(method, path) else {
        return Err(unknown_operation(method, path, driver.settings().has_common_error_statuses));
    };
    let members = request::members(operation, in_path, head.uri.query(), body)?;
    Ok((operation, members))
}

/// Documented: an unknown operation is a 404 in the list of common errors. Assumed: a call of an
/// unknown path is a 403, because Amazon API Gateway seems to stand in front of the service.
fn unknown_operation(method: &Method, path: &str, is_common_error: bool) -> Exception {
    let message = format!("{method} {path} is not an operation of this service");
    if is_common_error {
        return Exception::new(404, "UnknownOperationException", message);
    }
    let message = format!("Missing Authentication Token: {message}");
    Exception::new(403, "MissingAuthenticationTokenException", message)
}

/// Opens a WebSocket, or refuses the handshake.
///
/// Assumed: the path, the host and the origin of a handshake do not matter.
async fn upgrade(
    request: Request<Incoming>,
    driver: Arc<Driver>,
    stream: Arc<SharedStream>,
) -> Response<Body> {
    let accept = match accept_key(&request) {
        Ok(accept) => accept,
        Err((status, message)) => {
            let headers = request::shown_headers(request.headers());
            driver.refuse_handshake(status.as_u16(), message, headers);
            return handshake_refusal(status, message, &driver);
        }
    };
    let token = offered_token(request.headers());
    let headers = request::shown_headers(request.headers());
    let sink = ClientSink::new(stream);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let reply = driver.shake_hands(token.clone(), path, headers, Arc::clone(&sink));
    let (stream, offered) = (&*sink.stream, token.as_deref());
    let waiting = PendingResponse { driver: &driver, stream, operation: None, token: offered };
    let connection = match waiting.reply(reply).await {
        Some(HandshakeResponse::Accept(connection)) => connection,
        Some(HandshakeResponse::Refuse { status, message, headers }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
            let mut response = handshake_refusal(status, &message, &driver);
            set_headers(response.headers_mut(), &headers);
            return response;
        }
        Some(HandshakeResponse::Never) | None => return waiting.silence().await,
    };
    // A task of its own, because hyper completes the upgrade only after it has written the response
    // that is returned below.
    // The task has no use for the request, which would take memory as long as the connection lasts.
    let upgrading = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let upgraded = upgrading.await;
        // The stream may end before the upgrade is complete.
        let parts =
            upgraded.ok().and_then(|upgraded| upgraded.downcast::<TokioIo<HttpStream>>().ok());
        let Some(parts) = parts else { return driver.stream_ended(connection) };
        // Drop hyper's state, including its buffers, for the lifetime of the WebSocket.
        let read_ahead = Vec::from(parts.read_buf);
        drop(parts.io);
        let serving = websocket::serve(Arc::clone(&driver), connection, &sink, read_ahead);
        driver.supervised(SERVING, pin!(serving)).await;
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

/// A request without a response so far.
struct PendingResponse<'a> {
    driver: &'a Arc<Driver>,
    stream: &'a SharedStream,
    /// The operation; `None` for a handshake.
    operation: Option<Operation>,
    /// The token of a handshake.
    token: Option<&'a str>,
}

impl PendingResponse<'_> {
    /// Waits for the driver to reply; `None` if it never will or if the client gives up before.
    /// The receiver is dropped then, so that the driver knows.
    async fn reply<T>(&self, receiver: oneshot::Receiver<T>) -> Option<T> {
        let mut receiver = pin!(receiver);
        // The reply goes first: a client that closes its side right after its request still gets a
        // reply that is ready.
        std::future::poll_fn(|cx| match receiver.as_mut().poll(cx) {
            Poll::Ready(reply) => Poll::Ready(reply.ok()),
            Poll::Pending => self.stream.poll_peer_end(cx).map(|()| None),
        })
        .await
    }

    /// Sends no response until the client gives up or the stream is closed, and then closes it.
    ///
    /// A client that ends its side while it waits has given up. HTTP would let it read a response
    /// nevertheless, but no client that the mock is made for does that.
    async fn silence(&self) -> Response<Body> {
        std::future::poll_fn(|cx| self.stream.poll_peer_end(cx)).await;
        if !self.stream.was_closed_by_mock() {
            let user_id = self.token.and_then(|token| self.driver.user_of(token));
            self.driver.client_gave_up(self.operation, user_id.as_deref());
            self.stream.close();
        }
        Response::new(Body::default())
    }
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    values(headers, &header::UPGRADE).any(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Checks a handshake by RFC 6455, section 4.2.1.
fn accept_key(request: &Request<Incoming>) -> Result<HeaderValue, (StatusCode, &'static str)> {
    let headers = request.headers();
    let bad = |message| Err((StatusCode::BAD_REQUEST, message));
    if request.method() != Method::GET {
        return bad("a WebSocket handshake must be a GET request");
    }
    if request.version() < Version::HTTP_11 {
        return bad("a WebSocket handshake must use HTTP/1.1");
    }
    if !values(headers, &header::CONNECTION).any(|v| v.eq_ignore_ascii_case("upgrade")) {
        return bad("a WebSocket handshake must have the header Connection: Upgrade");
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let message = "only version 13 of the WebSocket protocol is supported";
        return Err((StatusCode::UPGRADE_REQUIRED, message));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if data_encoding::BASE64.decode(key).map(|key| key.len()) != Ok(16) {
        return bad("Sec-WebSocket-Key must be 16 bytes in base64");
    }
    let mut digest = sha1_smol::Sha1::from(key);
    digest.update(ACCEPT_GUID);
    let accept = data_encoding::BASE64.encode(&digest.digest().bytes());
    HeaderValue::from_str(&accept).or_else(|_| bad("Sec-WebSocket-Key is not valid"))
}

/// The suffix of the client's key by RFC 6455, section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Documented: the token is the value of `Sec-WebSocket-Protocol`. Assumed: of several the first.
fn offered_token(headers: &HeaderMap) -> Option<String> {
    values(headers, &header::SEC_WEBSOCKET_PROTOCOL).find(|v| !v.is_empty()).map(str::to_owned)
}

/// Returns the comma-separated values of all headers with a name.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let all = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).map(str::trim)
}

fn handshake_refusal(status: StatusCode, message: &str, driver: &Arc<Driver>) -> Response<Body> {
    let members = Map::from_iter([("message".to_owned(), json!(message))]);
    let mut response = json_response(status, &members);
    let headers = response.headers_mut();
    add_headers(headers, driver);
    if status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

fn refusal(exception: &Exception) -> Response<Body> {
    let status = StatusCode::from_u16(exception.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json_response(status, exception.body());
    set_headers(response.headers_mut(), exception.headers());
    if let Ok(name) = HeaderValue::from_str(exception.name()) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), name);
    }
    response
}

/// Adds the headers of a test to a response. They replace those of the same name.
fn set_headers(response: &mut HeaderMap, headers: &Headers) {
    // A closure can return any headers, and those that frame the body are not its to decide.
    let allowed = headers.iter().filter(|(name, _)| !Headers::frames_the_body(name));
    let parsed = allowed.map(|(name, value)| {
        HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok())
    });
    let parsed: Vec<_> = parsed.flatten().collect();
    for (name, _) in &parsed {
        response.remove(name);
    }
    for (name, value) in parsed {
        response.append(name, value);
    }
}

fn json_response(status: StatusCode, members: &Map<String, Value>) -> Response<Body> {
    let mut response = Response::new(Body::from(to_text(members)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn add_headers(headers: &mut HeaderMap, driver: &Driver) {
    if let Ok(request_id) = HeaderValue::from_str(&driver.request_id()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), request_id);
    }
    // AWS SDKs correct the clock that they sign with by this header.
    let now = httpdate::fmt_http_date(UNIX_EPOCH + driver.now().to_unix());
    if let Ok(now) = HeaderValue::from_str(&now) {
        headers.insert(header::DATE, now);
    }
    cors::add_to_response(headers);
}

/// How long a head may take to arrive, and how long a client may keep an idle connection.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Assumed: how long a head may be.
const MAXIMUM_HEAD_BYTES: usize = 64 * 1024;
/// The name of the tasks that serve clients, for the report of a panic.
const SERVING: &str = "a task that serves a client";
