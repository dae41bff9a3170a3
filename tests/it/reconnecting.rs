//! A client that reconnects, with all that it needs for that, against every fault there is.
//!
//! It runs in memory on a paused clock: its timeouts and pauses take no real time, and the same
//! seed gives the same bytes in the log.

use std::collections::BTreeSet;
use std::future::pending;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use mock_ivs_chat::{
    CloseCode, ErrorCode, Exception, Handle, MockIvsChat, Operation, Quotas, ReviewResponse,
    hook::{self, Corruption, HookSpec},
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// How long the client waits for an answer to anything.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it pauses before it tries again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How often it tries before it gives up.
const TRIES: u32 = 12;

/// A small but honest chat client: it gets a fresh token for each connection, pauses longer and
/// longer between its attempts, and sends again what was not confirmed.
pub(crate) struct Client {
    ivs: Handle,
    room: String,
    socket: Option<WebSocketStream<DuplexStream>>,
    failures: u32,
    pub(crate) denied: Vec<String>,
}

/// The result of a request.
enum Outcome {
    Sent,
    /// For good: the service will not have it.
    Denied,
    /// For now: the connection is still there.
    Refused,
    /// The connection is of no use any more, or the answer got lost.
    Lost,
}

impl Client {
    pub(crate) fn new(ivs: &Handle, room: &str) -> Self {
        let (ivs, room) = (ivs.clone(), room.to_owned());
        Self { ivs, room, socket: None, failures: 0, denied: Vec::new() }
    }

    /// Sends a message until it is confirmed or denied.
    pub(crate) async fn send_message(&mut self, request_id: &str, content: &str) {
        for _ in 0..TRIES {
            let outcome = match self.connected().await {
                Some(socket) => request(socket, request_id, content).await,
                None => Outcome::Lost,
            };
            match outcome {
                Outcome::Sent => return self.failures = 0,
                Outcome::Denied => return self.denied.push(content.to_owned()),
                Outcome::Refused => {}
                Outcome::Lost => self.socket = None,
            }
            self.pause().await;
        }
        panic!("the client gave up on {content:?}\n{}", self.ivs.log());
    }

    /// The connection, opened anew if there is none or if it has ended since it was used last.
    async fn connected(&mut self) -> Option<&mut WebSocketStream<DuplexStream>> {
        if !self.socket.as_mut().is_some_and(is_open) {
            self.socket = None;
        }
        if self.socket.is_none() {
            self.socket = timeout(PATIENCE, self.connect()).await.ok().flatten();
        }
        self.socket.as_mut()
    }

    async fn connect(&self) -> Option<WebSocketStream<DuplexStream>> {
        let token = self.token().await?;
        let mut request = "ws://edge.ivschat/".into_client_request().ok()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", token.parse().ok()?);
        let (near, far) = duplex(16 * 1024);
        self.ivs.serve_stream(far);
        let (socket, _) = tokio_tungstenite::client_async(request, near).await.ok()?;
        Some(socket)
    }

    /// A fresh token, as the application's backend gets it.
    async fn token(&self) -> Option<String> {
        let body = json!({
            "roomIdentifier": self.room,
            "userId": "alice",
            "capabilities": ["SEND_MESSAGE"],
        });
        let body = body.to_string();
        let head = format!("content-length: {}\r\nconnection: close", body.len());
        let request = format!("POST /CreateChatToken HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}");
        let (mut near, far) = duplex(16 * 1024);
        self.ivs.serve_stream(far);
        near.write_all(request.as_bytes()).await.ok()?;
        let mut response = String::new();
        near.read_to_string(&mut response).await.ok()?;
        let (_, body) = response.split_once("\r\n\r\n")?;
        let body: Value = serde_json::from_str(body).ok()?;
        body["token"].as_str().map(str::to_owned)
    }

    /// Waits by tokio's clock, which is paused: no real time passes.
    async fn pause(&mut self) {
        let pause = FIRST_PAUSE * 2_u32.pow(self.failures.min(6));
        self.failures += 1;
        let _ = timeout(pause, pending::<()>()).await;
    }
}

/// Reads everything that has arrived. Returns `false` if the end of the connection was there, too.
fn is_open(socket: &mut WebSocketStream<DuplexStream>) -> bool {
    while let Some(read) = socket.next().now_or_never() {
        if !matches!(read, Some(Ok(message)) if !message.is_close()) {
            return false;
        }
    }
    true
}

/// Sends a message, and waits for what becomes of it.
async fn request(
    socket: &mut WebSocketStream<DuplexStream>,
    request_id: &str,
    content: &str,
) -> Outcome {
    let frame = json!({ "Action": "SEND_MESSAGE", "RequestId": request_id, "Content": content });
    if socket.send(Message::text(frame.to_string())).await.is_err() {
        return Outcome::Lost;
    }
    let answer = async {
        while let Some(Ok(message)) = socket.next().await {
            let text = message.into_text().unwrap_or_default();
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            if frame["RequestId"] != request_id && frame["ErrorCode"] != 401 {
                continue;
            }
            match (frame["Type"].as_str(), frame["ErrorCode"].as_u64()) {
                (Some("MESSAGE"), _) => return Outcome::Sent,
                (Some("ERROR"), Some(400 | 406 | 413)) => return Outcome::Denied,
                (Some("ERROR"), Some(401)) => return Outcome::Lost,
                (Some("ERROR"), _) => return Outcome::Refused,
                _ => {}
            }
        }
        Outcome::Lost
    };
    timeout(PATIENCE, answer).await.unwrap_or(Outcome::Lost)
}

/// Has the client send a few messages under a fault; returns the log as text and as JSON.
async fn run(fault: HookSpec, seed: u64) -> (String, String) {
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    let room = ivs.create_room("lobby");
    room.review_with(|_| ReviewResponse::allow());
    let bob = room.participant("bob");
    let hook = ivs.install(fault);
    // A network that is bad besides, in a way that follows from the seed.
    ivs.on_delivery().to("alice").with_probability(0.4, seed).named("bad network").drop_frame();
    let mut client = Client::new(&ivs, room.arn());
    let contents: Vec<String> = (1..=6).map(|number| format!("message {number}")).collect();
    for (number, content) in contents.iter().enumerate() {
        client.send_message(&format!("r{number}"), content).await;
    }
    assert!(hook.hits() > 0, "the fault never struck\n{}", ivs.log());
    let heard: BTreeSet<String> = bob
        .received()
        .into_iter()
        .filter_map(|frame| match frame {
            mock_ivs_chat::Frame::Message(message) => Some(message.content),
            _ => None,
        })
        .chain(client.denied.iter().cloned())
        .collect();
    assert_eq!(heard, contents.into_iter().collect(), "{}", ivs.log());
    drop((client, bob));
    (ivs.log().to_string(), serde_json::to_string(&ivs.log()).expect("a log is JSON"))
}

#[rstest]
#[case::refused(hook::on_handshake().times(2).refuse(429, "slow down"))]
#[case::refused_by_an_outage(hook::on_handshake().times(3).refuse(503, "try later"))]
#[case::closed_immediately(hook::on_handshake().once().disconnect_with_reason(CloseCode::NORMAL, "{}"))]
#[case::handshake_reset(hook::on_handshake().once().reset())]
#[case::handshake_never_answered(hook::on_handshake().once().never_respond())]
#[case::handshake_late(hook::on_handshake().once().delay(Duration::from_secs(30)))]
#[case::handshake_a_little_late(hook::on_handshake().once().delay_real_time(Duration::from_secs(1)))]
#[case::limit_bandwidth(hook::on_handshake().limit_bandwidth(4 * 1024))]
#[case::bad_request(hook::on_action().nth(2).reject(ErrorCode::BadRequest, "bad"))]
#[case::unauthorized(hook::on_action().nth(2).reject(ErrorCode::Unauthorized, "expired"))]
#[case::forbidden(hook::on_action().nth(2).reject(ErrorCode::Forbidden, "pending verification"))]
#[case::not_found(hook::on_action().nth(2).reject(ErrorCode::NotFound, "no such room"))]
#[case::not_acceptable(hook::on_action().nth(2).reject(ErrorCode::NotAcceptable, "no"))]
#[case::too_large(hook::on_action().nth(2).reject(ErrorCode::PayloadTooLarge, "too large"))]
#[case::throttled(hook::on_action().times(3).reject(ErrorCode::TooManyRequests, "rate limit exceeded"))]
#[case::internal_error(hook::on_action().every(2).reject(ErrorCode::InternalServerError, "oops"))]
#[case::ignored(hook::on_action().every(3).ignore())]
#[case::answered_with_nonsense(hook::on_action().nth(2).respond("nonsense"))]
#[case::sent_twice(hook::on_action().every(2).duplicate())]
#[case::overtaken(hook::on_action().nth(2).reorder())]
#[case::late(hook::on_action().every(2).delay(Duration::from_secs(20)))]
#[case::a_little_late(hook::on_action().every(2).delay_real_time(Duration::from_millis(300)))]
#[case::going_away(hook::on_action().nth(3).disconnect_with_reason(CloseCode::GOING_AWAY, "deploy"))]
#[case::restart(hook::on_action().nth(3).disconnect(CloseCode::SERVICE_RESTART))]
#[case::reset(hook::on_action().nth(3).reset())]
#[case::stalled(hook::on_action().nth(3).stall())]
#[case::review_fails(hook::on_review().nth(2).respond(ReviewResponse::fail()))]
#[case::review_denies(hook::on_review().nth(2).respond(ReviewResponse::deny("no")))]
#[case::review_times_out(hook::on_review().nth(2).respond(ReviewResponse::time_out()))]
#[case::review_late(hook::on_review().nth(2).delay(Duration::from_millis(150)))]
#[case::lost(hook::on_delivery().to("alice").every(2).drop_frame())]
#[case::doubled(hook::on_delivery().to("alice").every(2).duplicate())]
#[case::delivery_overtaken(hook::on_delivery().to("alice").nth(2).reorder())]
#[case::delivery_late(hook::on_delivery().to("alice").nth(2).delay(Duration::from_secs(7)))]
#[case::delivery_replaced(hook::on_delivery().to("alice").nth(2).replace("nonsense"))]
#[case::delivery_reset(hook::on_delivery().to("alice").nth(2).reset())]
#[case::delivery_closed(hook::on_delivery().to("alice").nth(2).disconnect(CloseCode::INTERNAL_ERROR))]
#[case::delivery_stalled(hook::on_delivery().to("alice").nth(2).stall())]
#[case::invalid_json(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::InvalidJson))]
#[case::unknown_type(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::UnknownType))]
#[case::missing_member(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::MissingMember("Type".into())))]
#[case::binary(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::Binary))]
#[case::invalid_utf8(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::InvalidUtf8))]
#[case::oversize(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::Oversize(100_000)))]
#[case::fragmented(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::Fragmented(7)))]
#[case::reserved_bit(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::ReservedBit))]
#[case::truncated(hook::on_delivery().to("alice").nth(2).corrupt(Corruption::Truncated))]
#[case::token_throttled(hook::on_operation(Operation::CreateChatToken).times(2).fail(Exception::throttling("slow down")))]
#[case::token_denied(hook::on_operation(Operation::CreateChatToken).once().fail(Exception::access_denied("no")))]
#[case::token_unavailable(hook::on_any_operation().once().respond(503, "Service Unavailable"))]
#[case::token_empty(hook::on_any_operation().once().empty_body())]
#[case::token_broken(hook::on_any_operation().once().truncated_body())]
#[case::token_cut_in_the_head(hook::on_any_operation().once().close_in_head())]
#[case::token_cut_in_the_body(hook::on_any_operation().once().close_in_body())]
#[case::token_reset(hook::on_any_operation().once().reset())]
#[case::token_never_answered(hook::on_any_operation().once().never_respond())]
#[case::token_late(hook::on_any_operation().once().delay(Duration::from_secs(60)))]
#[tokio::test(start_paused = true)]
async fn a_client_survives_and_the_same_seed_gives_the_same_log(#[case] fault: HookSpec) {
    let first = run(fault.clone(), 7).await;
    let second = run(fault, 7).await;
    assert_eq!(first.0, second.0);
    assert!(first.1 == second.1, "the entries differ where the transcripts do not");
}

#[tokio::test(start_paused = true)]
async fn another_seed_is_another_story() {
    let fault = hook::on_action().every(2).duplicate();
    assert!(run(fault.clone(), 1).await != run(fault, 2).await);
}
