//! Memory stage: a whole mock in memory, with real WebSocket clients and HTTP requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{
    Attributes, Capability, MockIvsChat, Participant,
    log::{Entry, EntryKind},
};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::controls::{Controls, builder, release};
use super::signatures;
use crate::script::hook::Hook as HookData;
use crate::script::review::ReviewRule;
use crate::script::settings::Setting;
use crate::script::stage::{Handshake, HttpRequest, Payload, RawRequest, Stage};
use crate::script::values::operation;

type Socket = WebSocketStream<DuplexStream>;

/// A mock in memory on a paused runtime of one thread, so that each step ends when neither the
/// mock nor a client has anything left to do.
pub(crate) struct MemoryStage {
    // It is dropped before the runtime that its tasks are on.
    pub(crate) ivs: MockIvsChat,
    clients: BTreeMap<String, Client>,
    participants: BTreeMap<String, Participant>,
    controls: Controls,
    has_hooks: bool,
    runtime: Runtime,
}

/// A WebSocket client. Its handshake may still be unanswered.
struct Client {
    connection: Arc<Mutex<Connection>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Connection {
    sink: Option<SplitSink<Socket, Message>>,
    /// The text frames that came, in order.
    received: Vec<String>,
    has_ended: bool,
}

impl MemoryStage {
    pub(crate) fn start(settings: &[Setting]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing that could be missing");
        let ivs = runtime.block_on(async { builder(settings).in_memory().start() });
        Self {
            ivs,
            clients: BTreeMap::new(),
            participants: BTreeMap::new(),
            controls: Controls::default(),
            has_hooks: false,
            runtime,
        }
    }

    /// Does something with the mock, and lets all that follows from it happen.
    fn step<T>(&mut self, action: impl FnOnce(&mut Self) -> T) -> T {
        let context = self.runtime.handle().clone();
        let result = {
            let _guard = context.enter();
            action(self)
        };
        self.runtime.block_on(self.ivs.settled());
        result
    }

    /// Sends an HTTP request on a stream of its own; returns what has come back when the mock has
    /// nothing left to do. A response that is cut off, or never comes, is a part of the story.
    fn exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &BTreeMap<String, String>,
        body: &str,
    ) -> String {
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let (headers, length) = (headers.collect::<String>(), body.len());
        let text = format!(
            "{method} {target} HTTP/1.1\r\nHost: ivschat\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let response = Arc::<Mutex<Vec<u8>>>::default();
        let shared = Arc::clone(&response);
        self.step(|stage| {
            let (client, server) = tokio::io::duplex(BUFFER_BYTES);
            stage.ivs.serve_stream(server);
            let (mut reader, mut writer) = tokio::io::split(client);
            tokio::spawn(async move {
                // A mock that refuses a request early does not read all of it.
                let _ = writer.write_all(text.as_bytes()).await;
            });
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = reader.read(&mut bytes).await {
                    shared.lock().extend_from_slice(&bytes[..count]);
                }
            });
        });
        let bytes = response.lock();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes a WebSocket message to the connection of a client.
    fn write(&mut self, client: &str, message: Message) -> Result<(), String> {
        let not_connected = || format!("`{client}` is not connected");
        let connection =
            Arc::clone(&self.clients.get(client).ok_or_else(not_connected)?.connection);
        let sink = {
            let mut connection = connection.lock();
            if connection.has_ended { None } else { connection.sink.take() }
        };
        let mut sink = sink.ok_or_else(not_connected)?;
        let sent = self.runtime.block_on(async {
            // On paused time this ends only when nothing can make room for the message any more.
            let sent = tokio::time::timeout(Duration::from_secs(1), sink.send(message)).await;
            self.ivs.settled().await;
            sent
        });
        connection.lock().sink = Some(sink);
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("`{client}` cannot send: {error}")),
            Err(_) => Err(format!("`{client}` cannot send: the peer does not read")),
        }
    }

    /// Checks that each client received, in order, the text frames that the log says it was sent;
    /// where hooks may have broken a connection, it may have missed the last of them.
    fn check_clients(&self) -> Result<(), String> {
        for (label, client) in &self.clients {
            let (plain, quoted) = (format!("{label} connects"), format!("{label:?} connects"));
            let mut entries = self.ivs.log().kind(EntryKind::Connected).into_iter();
            let connects = |entry: &Entry| {
                let line = entry.to_string();
                line.starts_with(&plain) || line.starts_with(&quoted)
            };
            let connection = entries.find(connects).and_then(|entry| entry.connection());
            let sent: Vec<String> = match connection {
                Some(connection) => {
                    let sent = self.ivs.log().connection(connection).kind(EntryKind::FrameSent);
                    sent.into_iter().filter_map(|entry| Some(entry.text()?.to_owned())).collect()
                }
                None => Vec::new(),
            };
            // A frame may be sent in fragments, each of which has its entry.
            let (sent, received) = (sent.concat(), client.connection.lock().received.concat());
            let is_expected =
                if self.has_hooks { sent.starts_with(&received) } else { sent == received };
            if !is_expected {
                return Err(format!("`{label}` received {received}, not {sent}"));
            }
        }
        Ok(())
    }
}

impl Stage for MemoryStage {
    const HAS_WIRE: bool = true;
    const HAS_SIGNATURES: bool = signatures::ARE_AVAILABLE;

    fn prepare(&mut self, name: &str, request: Map<String, Value>) -> Result<Value, String> {
        let operation = operation(name);
        let response = self.step(|stage| stage.ivs.call(operation, Value::Object(request)));
        response.map_err(|exception| exception.to_string())
    }

    fn join(&mut self, client: &str, request: Map<String, Value>) -> Result<(), String> {
        let text = |member: &str| request[member].as_str().unwrap_or_default().to_owned();
        let participant = self.step(|stage| {
            let room = stage.ivs.room(text("roomIdentifier"));
            let mut new = room.chat_token(text("userId"));
            for capability in Capability::ALL {
                let asked = request.get("capabilities").and_then(Value::as_array);
                if asked.is_some_and(|asked| asked.iter().any(|name| name == capability.as_str())) {
                    new = new.capability(capability);
                }
            }
            if let Some(minutes) = request.get("sessionDurationInMinutes").and_then(Value::as_u64) {
                new = new.session_duration_in_minutes(minutes as u32);
            }
            if let Some(Value::Object(attributes)) = request.get("attributes") {
                let pairs = attributes.iter();
                let pairs = pairs.map(|(key, value)| (key.as_str(), value.as_str().unwrap_or("")));
                new = new.attributes(pairs.collect::<Attributes>());
            }
            new.join()
        });
        self.participants.insert(client.to_owned(), participant);
        Ok(())
    }

    fn call(&mut self, request: &HttpRequest) -> Result<Option<Value>, String> {
        let HttpRequest { method, target, body, .. } = request;
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let response = self.exchange(method, target, &headers.into(), body);
        let body = response.split_once("\r\n\r\n").map(|(_, body)| body);
        Ok(body.and_then(|body| serde_json::from_str(body).ok()))
    }

    fn request(&mut self, request: &RawRequest) -> Result<(), String> {
        let RawRequest { method, target, headers, body, .. } = request;
        self.exchange(method, target, headers, body);
        Ok(())
    }

    fn connect(&mut self, client: &str, handshake: &Handshake) -> Result<(), String> {
        let request = upgrade_request("ws://edge.ivschat", handshake)?;
        let connection = Arc::<Mutex<Connection>>::default();
        let shared = Arc::clone(&connection);
        let task = self.step(|stage| {
            let (stream, server) = tokio::io::duplex(BUFFER_BYTES);
            stage.ivs.serve_stream(server);
            tokio::spawn(async move {
                let Ok((socket, _)) = tokio_tungstenite::client_async(request, stream).await else {
                    return;
                };
                let (sink, stream) = socket.split();
                shared.lock().sink = Some(sink);
                read(stream, &shared).await;
            })
        });
        let is_open = |client: &Client| {
            let connection = client.connection.lock();
            connection.sink.is_some() && !connection.has_ended
        };
        // A client that is open stays the one of this name, although a second handshake fails.
        let new = Client { connection, task };
        match self.clients.get(client) {
            Some(old) if is_open(old) && is_open(&new) => {
                Err(format!("`{client}` is connected already; the next is `{client}#2`"))
            }
            Some(old) if is_open(old) => Ok(()),
            _ => {
                self.clients.insert(client.to_owned(), new);
                Ok(())
            }
        }
    }

    fn send(&mut self, client: &str, payload: &Payload) -> Result<(), String> {
        if self.participants.contains_key(client) {
            let Payload::Text(text) = payload else {
                return Err(format!("`{client}` is a participant, which sends text frames only"));
            };
            self.step(|stage| stage.participants[client].send_raw(text.clone()));
            return Ok(());
        }
        self.write(
            client,
            match payload.clone() {
                Payload::Text(text) => Message::text(text),
                Payload::Binary(bytes) => Message::binary(bytes),
                Payload::Ping(bytes) => Message::Ping(bytes.into()),
            },
        )
    }

    fn close(&mut self, client: &str, code: Option<u16>, reason: &str) -> Result<(), String> {
        let reason = reason.to_owned().into();
        self.write(
            client,
            Message::Close(code.map(|code| CloseFrame { code: code.into(), reason })),
        )
    }

    fn vanish(&mut self, client: &str) -> Result<(), String> {
        if let Some(participant) = self.participants.remove(client) {
            self.step(|_| drop(participant));
            return Ok(());
        }
        let not_connected = || format!("`{client}` is not connected");
        let client = self.clients.get(client).ok_or_else(not_connected)?;
        client.task.abort();
        let sink = client.connection.lock().sink.take();
        // The task has the other half of the stream, and lets go of it when it is aborted.
        self.step(|_| drop(sink));
        Ok(())
    }

    fn install(&mut self, hook: &HookData) -> Result<(), String> {
        self.has_hooks = true;
        self.controls.install(&self.ivs, hook)
    }

    fn remove_hook(&mut self, name: &str) -> Result<(), String> {
        let hook = self.controls.take_hook(name)?;
        self.step(|_| hook.remove());
        Ok(())
    }

    fn release(&mut self, gate: &str, releases_all: bool) -> Result<(), String> {
        let gate = self.controls.gate(gate)?;
        let released = self.step(|_| release(&gate, releases_all));
        if released { Ok(()) } else { Err("nothing waits at this gate".into()) }
    }

    fn add_review_rule(&mut self, function_arn: &str, rule: ReviewRule) {
        self.controls.add_review_rule(&self.ivs, function_arn, rule);
    }

    fn advance(&mut self, duration: Duration) {
        self.step(|stage| stage.ivs.advance(duration));
    }

    fn transcript(&mut self) -> Result<String, String> {
        self.check_clients()?;
        Ok(self.ivs.log().to_string())
    }
}

pub(crate) fn upgrade_request(origin: &str, handshake: &Handshake) -> Result<Request, String> {
    let Handshake { tokens, path, headers } = handshake;
    let request = format!("{origin}{path}").into_client_request();
    let mut request = request.map_err(|error| error.to_string())?;
    let tokens = tokens.join(", ");
    let token = Some(("sec-websocket-protocol", &tokens)).filter(|_| !tokens.is_empty());
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in headers.chain(token) {
        let illegal = || format!("`{name}: {value}` cannot be a header");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| illegal())?;
        request.headers_mut().insert(name, value.parse().map_err(|_| illegal())?);
    }
    Ok(request)
}

/// Reads a connection to its end, as a client must that answers pings and close frames.
async fn read(mut stream: SplitStream<Socket>, connection: &Mutex<Connection>) {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Text(text) = message {
            connection.lock().received.push(text.to_string());
        }
    }
    connection.lock().has_ended = true;
}

/// As much as the system gives a loopback socket to begin with.
const BUFFER_BYTES: usize = 64 * 1024;
