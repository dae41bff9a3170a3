//! Support: clients, an SDK, and the snapshot settings that tests share.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_ivschat::config::{BehaviorVersion, Region};
use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{Capability, ChatToken, Clock, Handle, MockIvsChat, Quotas, Room, Timestamp};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How long a client waits in real time before its test fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A mock whose clock stands still, so that its transcripts show times as they are.
pub(crate) fn frozen() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start()
}

/// A mock that throttles nobody.
pub(crate) fn unlimited() -> MockIvsChat {
    MockIvsChat::builder().quotas(Quotas::unlimited()).start()
}

/// A token with all capabilities.
pub(crate) fn full_token(room: &Room, user_id: &str) -> ChatToken {
    room.chat_token(user_id).capabilities(Capability::ALL).create()
}

/// Asserts a snapshot in the top-level folder; its name is that of the test.
macro_rules! snapshot {
    (yaml $value:expr) => {
        $crate::support::snapshot_settings().bind(|| insta::assert_yaml_snapshot!($value))
    };
    ($value:expr) => {
        $crate::support::snapshot_settings().bind(|| insta::assert_snapshot!($value))
    };
}
pub(crate) use snapshot;

pub(crate) fn snapshot_settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots"));
    settings.set_omit_expression(true);
    settings
}

/// The AWS SDK, pointed at a mock.
pub(crate) fn sdk(ivs: &Handle) -> aws_sdk_ivschat::Client {
    aws_sdk_ivschat::Client::from_conf(
        aws_sdk_ivschat::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(ivs.endpoint_url())
            .region(Region::new("us-west-2"))
            .credentials_provider(Credentials::from_keys("AKIDEXAMPLE", "secret", None))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    )
}

/// A chat client over a real socket that holds each frame it gets against the protocol.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    conformance: Conformance,
}

pub(crate) async fn connect(ivs: &Handle, token: impl AsRef<str>) -> Client {
    try_connect(ivs, token).await.expect("the mock lets a client with a good token in")
}

pub(crate) async fn try_connect(ivs: &Handle, token: impl AsRef<str>) -> Result<Client, Error> {
    let stream = TcpStream::connect(ivs.addr()).await?;
    let mut request = ivs.ws_url().into_client_request()?;
    let token = HeaderValue::from_str(token.as_ref()).expect("a token is legal in a header");
    request.headers_mut().insert("Sec-WebSocket-Protocol", token);
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(Client { socket, conformance: Conformance::default() })
}

impl Client {
    /// Sends a frame of JSON.
    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.send_raw(Message::text(text.into())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("the connection is open");
    }

    /// Returns the next frame of any kind; `None` at the end of the connection.
    pub(crate) async fn next_raw(&mut self) -> Option<Result<Message, Error>> {
        let next = timeout(LIMIT, self.socket.next()).await;
        next.unwrap_or_else(|_| panic!("nothing came within {LIMIT:?}"))
    }

    /// The next frame, which must be one of the chat.
    pub(crate) async fn next_frame(&mut self) -> Value {
        match self.next_raw().await {
            Some(Ok(Message::Text(text))) => self.conformance.check(&text),
            other => panic!("a frame of the chat was due, not {other:?}"),
        }
    }

    /// The code and reason of the close frame that must come next, and then the end.
    pub(crate) async fn next_close(&mut self) -> (u16, String) {
        let close = match self.next_raw().await {
            Some(Ok(Message::Close(Some(close)))) => (close.code.into(), close.reason.to_string()),
            other => panic!("a close frame was due, not {other:?}"),
        };
        // The client has answered by now, and waits for the service to end the stream cleanly.
        match self.next_raw().await {
            None => close,
            Some(other) => panic!("the connection was due to end cleanly, not with {other:?}"),
        }
    }

    /// Closes the connection, and returns the code of the answer.
    pub(crate) async fn close(&mut self) {
        self.socket.close(None).await.expect("the connection is open");
        while let Some(Ok(_)) = self.next_raw().await {}
    }

    /// Whether a message makes the round trip: frames before it are skipped.
    pub(crate) async fn echoes(&mut self, content: &str) -> Value {
        self.send(serde_json::json!({ "Action": "SEND_MESSAGE", "Content": content })).await;
        loop {
            let frame = self.next_frame().await;
            if frame["Content"] == content {
                return frame;
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("conformance", &self.conformance).finish_non_exhaustive()
    }
}

/// Asserts the invariants of all frames of a connection.
#[derive(Debug, Default)]
pub(crate) struct Conformance {
    ids: BTreeSet<String>,
    latest: Timestamp,
}

impl Conformance {
    /// Holds a frame against the protocol, and returns it.
    pub(crate) fn check(&mut self, text: &str) -> Value {
        let members: Members = serde_json::from_str(text).expect("a frame is an object of JSON");
        let frame: Value = serde_json::from_str(text).expect("a frame is JSON");
        let order: &[&str] = match frame["Type"].as_str() {
            Some("MESSAGE") => {
                &["Type", "Id", "RequestId", "Attributes", "Content", "SendTime", "Sender"]
            }
            Some("EVENT") => &["Type", "Id", "RequestId", "EventName", "Attributes", "SendTime"],
            Some("ERROR") => &["Type", "Id", "RequestId", "ErrorCode", "ErrorMessage"],
            _ => panic!("unknown Type in {text}"),
        };
        assert_eq!(members.names(), order, "the order of members in {text}");
        let id = frame["Id"].as_str().unwrap_or_default();
        assert!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "Id in {text}");
        assert!(self.ids.insert(id.to_owned()), "Id came before: {text}");
        assert!(frame["RequestId"].is_string(), "RequestId in {text}");
        match frame["Type"].as_str() {
            Some("ERROR") => {
                assert!(frame["ErrorCode"].is_u64(), "ErrorCode in {text}");
                assert!(frame["ErrorMessage"].is_string(), "ErrorMessage in {text}");
            }
            Some("MESSAGE") => {
                self.check_time(&frame);
                check_attributes(&members, "Attributes", true);
                let sender = members.object("Sender");
                assert_eq!(sender.names(), ["UserId", "Attributes"], "Sender in {text}");
                check_attributes(&sender, "Attributes", false);
                assert!(frame["Content"].is_string(), "Content in {text}");
            }
            _ => {
                self.check_time(&frame);
                check_attributes(&members, "Attributes", true);
                let attributes = &frame["Attributes"];
                match frame["EventName"].as_str() {
                    Some("aws:DELETE_MESSAGE") => assert!(attributes["MessageID"].is_string()),
                    Some("aws:DISCONNECT_USER") => assert!(attributes["UserId"].is_string()),
                    Some(_) => {}
                    None => panic!("EventName in {text}"),
                }
            }
        }
        frame
    }

    fn check_time(&mut self, frame: &Value) {
        let text = frame["SendTime"].as_str().expect("SendTime is a string");
        let time: Timestamp = text.parse().expect("SendTime is a time in UTC");
        let decimals = text.trim_end_matches('Z').split_once('.').map(|(_, decimals)| decimals);
        let is_trimmed = decimals.is_none_or(|d| !d.is_empty() && !d.ends_with('0'));
        assert!(text.ends_with('Z') && is_trimmed, "SendTime {text}");
        assert!(time >= self.latest, "SendTime went back: {text} after {}", self.latest);
        self.latest = time;
    }
}

/// Attributes are `null` where that is allowed, or a map from strings to strings in the order of
/// its keys.
fn check_attributes(members: &Members, name: &str, may_be_null: bool) {
    let raw = members.raw(name);
    if raw == "null" {
        return assert!(may_be_null, "{name} is null");
    }
    let names: Vec<_> = members.object(name).names().into_iter().map(str::to_owned).collect();
    assert!(names.is_sorted(), "{name} are not sorted: {raw}");
    let values: Value = serde_json::from_str(raw).expect("a member is JSON");
    let values = values.as_object().expect("attributes are an object");
    assert!(values.values().all(Value::is_string), "{name} has values that are not strings: {raw}");
}

/// The members of an object in the order of the text.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.get()).expect("the member is there")
    }

    fn object(&self, name: &str) -> Self {
        serde_json::from_str(self.raw(name)).expect("the member is an object")
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// Fails unless a client is refused, or on systems that must keep the listener, is cut.
#[track_caller]
pub(crate) fn assert_refused(addr: SocketAddr) {
    let connected = std::net::TcpStream::connect(addr);
    if !cfg!(windows) {
        return assert_eq!(connected.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    let mut client = connected.unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    // Wine ends the stream before it resets the connection.
    match client.read(&mut [0]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}
