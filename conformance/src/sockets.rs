//! Sockets: WebSocket clients, and everything that they and HTTP calls observe, in lanes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::calls::Response;
use crate::network::{Endpoint, Network, Stream, WS_SCHEMES};
use crate::shared::claims::memory::upgrade_request;
use crate::shared::script::stage::Handshake;
use crate::stop::Stop;
use crate::view::{HANDSHAKES, HTTP};

type Socket = WebSocketStream<Box<dyn Stream>>;

/// Something that came from the service.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Open,
    HandshakeRefused {
        status: u16,
        message: String,
    },
    HandshakeFailed,
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closed(Option<u16>, String),
    /// The client cannot read a frame.
    Unreadable,
    /// The connection ended without a close frame.
    Gone,
    Response(Response),
    NoResponse,
}

impl Seen {
    /// Returns `true` if no event of the connection can follow.
    const fn is_end(&self) -> bool {
        matches!(self, Self::Closed(..) | Self::Unreadable | Self::Gone)
    }
}

/// The events of each lane, in the order in which they came.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: Mutex<BTreeMap<String, Vec<Seen>>>,
    changed: Condvar,
}

impl Lanes {
    pub(crate) fn push(&self, lane: &str, seen: Seen) {
        self.lanes.lock().entry(lane.to_owned()).or_default().push(seen);
        self.changed.notify_all();
    }

    /// Wakes the waits, so that they look whether they have become pointless.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    /// Waits until each lane has this many events in all; returns `false` after the limit.
    pub(crate) fn wait(
        &self,
        counts: &BTreeMap<String, usize>,
        limit: Duration,
        is_over: impl Fn() -> bool,
    ) -> bool {
        let deadline = Instant::now() + limit;
        let mut lanes = self.lanes.lock();
        loop {
            let has = |lane: &str| lanes.get(lane).map_or(0, Vec::len);
            if counts.iter().all(|(lane, count)| has(lane) >= *count) {
                return true;
            }
            if is_over() || !wait_a_little(&self.changed, &mut lanes, deadline) {
                return false;
            }
        }
    }

    /// Waits until one of these lanes has more events than before; returns `false` after the limit.
    pub(crate) fn wait_for_any(
        &self,
        watched: &[&str],
        before: usize,
        limit: Duration,
        is_over: impl Fn() -> bool,
    ) -> bool {
        let deadline = Instant::now() + limit;
        let mut lanes = self.lanes.lock();
        while Self::sum(&lanes, watched) <= before {
            if is_over() || !wait_a_little(&self.changed, &mut lanes, deadline) {
                return false;
            }
        }
        true
    }

    /// Returns how many events these lanes have together.
    pub(crate) fn total(&self, watched: &[&str]) -> usize {
        Self::sum(&self.lanes.lock(), watched)
    }

    fn sum(lanes: &BTreeMap<String, Vec<Seen>>, watched: &[&str]) -> usize {
        watched.iter().map(|lane| lanes.get(*lane).map_or(0, Vec::len)).sum()
    }

    /// Returns the events of a lane from an index on.
    pub(crate) fn since(&self, lane: &str, index: usize) -> Vec<Seen> {
        let lanes = self.lanes.lock();
        lanes.get(lane).map_or_else(Vec::new, |seen| seen[index.min(seen.len())..].to_vec())
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        self.lanes.lock().iter().map(|(lane, seen)| (lane.clone(), seen.len())).collect()
    }

    pub(crate) fn push_response(&self, response: Result<Response, String>) {
        match response {
            Ok(response) => self.push(HTTP, Seen::Response(response)),
            Err(_) => self.push(HTTP, Seen::NoResponse),
        }
    }
}

/// Waits for a change, and no longer than the end of a run may take to be noticed. Returns `false`
/// after the deadline.
fn wait_a_little<T>(changed: &Condvar, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> bool {
    let now = Instant::now();
    if now >= deadline {
        return false;
    }
    changed.wait_until(guard, deadline.min(now + NOTICE));
    true
}

/// How long the end of a run may take to be noticed.
const NOTICE: Duration = Duration::from_millis(50);

/// A WebSocket client. Its handshake may still be unanswered.
pub(crate) struct Client {
    stop: Stop,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Connection>,
    changed: Condvar,
}

impl State {
    fn opened(&self, sink: SplitSink<Socket, Message>) {
        let mut connection = self.inner.lock();
        (connection.sink, connection.has_opened) = (Some(sink), true);
    }
}

#[derive(Default)]
struct Connection {
    sink: Option<SplitSink<Socket, Message>>,
    has_opened: bool,
    has_ended: bool,
    /// The client has sent a close frame, so what follows from it is of no interest.
    is_closing: bool,
    /// The number of the last fence that came back.
    fence: u64,
    fences_sent: u64,
}

impl Client {
    /// Starts a handshake.
    pub(crate) fn connect(
        lane: &str,
        network: Arc<Network>,
        endpoint: Endpoint,
        handshake: &Handshake,
        lanes: Arc<Lanes>,
        runtime: &tokio::runtime::Handle,
        stop: Stop,
    ) -> Result<Self, String> {
        let request = upgrade_request(&endpoint.url(WS_SCHEMES), handshake)?;
        let state = Arc::<State>::default();
        let (shared, lane) = (Arc::clone(&state), lane.to_owned());
        let task = runtime.spawn(async move {
            let opened = async {
                let stream = network.open(&endpoint).await.map_err(Error::Io)?;
                tokio_tungstenite::client_async(request, stream).await
            };
            match opened.await {
                Ok((socket, _)) => {
                    let (sink, stream) = socket.split();
                    shared.opened(sink);
                    lanes.push(&lane, Seen::Open);
                    read(stream, &shared, &lane, &lanes).await;
                }
                Err(error) => lanes.push(HANDSHAKES, failed(error)),
            }
        });
        Ok(Self { stop, state, task })
    }

    pub(crate) fn is_open(&self) -> bool {
        let connection = self.state.inner.lock();
        connection.has_opened && !connection.has_ended && !connection.is_closing
    }

    /// Sends a message, and waits until the system has taken it.
    pub(crate) fn send(
        &self,
        message: Message,
        limit: Duration,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), String> {
        let mut sink = {
            let mut connection = self.state.inner.lock();
            connection.is_closing |= matches!(message, Message::Close(_));
            let sink = if connection.has_ended { None } else { connection.sink.take() };
            sink.ok_or("is not connected")?
        };
        let sending = async {
            tokio::select! {
                biased;
                () = self.stop.stopped() => Ok(Ok(())),
                sent = tokio::time::timeout(limit, sink.send(message)) => sent,
            }
        };
        let sent = runtime.block_on(sending);
        self.state.inner.lock().sink = Some(sink);
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("cannot send: {error}")),
            Err(_) => Err("cannot send: the peer does not read".into()),
        }
    }

    /// Sends a ping and waits for its pong: all frames before it have arrived then.
    pub(crate) fn fence(&self, limit: Duration, runtime: &tokio::runtime::Handle) {
        let number = {
            let mut connection = self.state.inner.lock();
            connection.fences_sent += 1;
            connection.fences_sent
        };
        let payload = format!("{FENCE}{number}").into_bytes();
        if self.send(Message::Ping(payload.into()), limit, runtime).is_err() {
            return;
        }
        let deadline = Instant::now() + limit;
        let mut connection = self.state.inner.lock();
        while connection.fence < number && !connection.has_ended && !self.stop.is_stopped() {
            if !wait_a_little(&self.state.changed, &mut connection, deadline) {
                return;
            }
        }
    }

    /// Closes the connection and reads what the service had sent before.
    pub(crate) fn close(&self, limit: Duration, runtime: &tokio::runtime::Handle) {
        if !self.is_open() || self.send(Message::Close(None), limit, runtime).is_err() {
            return;
        }
        let deadline = Instant::now() + limit;
        let mut connection = self.state.inner.lock();
        while !connection.has_ended && !self.stop.is_stopped() {
            if !wait_a_little(&self.state.changed, &mut connection, deadline) {
                return;
            }
        }
    }

    /// Ends the connection without a close frame.
    pub(crate) fn vanish(&self, runtime: &tokio::runtime::Handle) {
        self.state.inner.lock().is_closing = true;
        self.task.abort();
        let sink = self.state.inner.lock().sink.take();
        let _guard = runtime.enter();
        // The task has the other half of the stream, and lets go of it when it is aborted.
        drop(sink);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a connection to its end, as a client must that answers pings and close frames.
async fn read(mut stream: SplitStream<Socket>, state: &State, lane: &str, lanes: &Lanes) {
    loop {
        let seen = match stream.next().await {
            Some(Ok(Message::Text(text))) => Seen::Text(text.to_string()),
            Some(Ok(Message::Binary(bytes))) => Seen::Binary(bytes.to_vec()),
            Some(Ok(Message::Ping(bytes))) => Seen::Ping(bytes.to_vec()),
            Some(Ok(Message::Pong(bytes))) => {
                let text = std::str::from_utf8(&bytes).unwrap_or_default();
                if let Some(number) = text.strip_prefix(FENCE).and_then(|text| text.parse().ok()) {
                    state.inner.lock().fence = number;
                    state.changed.notify_all();
                    continue;
                }
                Seen::Pong(bytes.to_vec())
            }
            Some(Ok(Message::Close(close))) => {
                let code = close.as_ref().map(|close| close.code.into());
                let reason = close.map(|close| close.reason.to_string());
                Seen::Closed(code, reason.unwrap_or_default())
            }
            Some(Ok(Message::Frame(_))) => continue,
            Some(Err(Error::Protocol(problem))) => match problem.to_string() {
                text if text.contains("without closing handshake") => Seen::Gone,
                _ => Seen::Unreadable,
            },
            Some(Err(Error::Utf8(_) | Error::Capacity(_))) => Seen::Unreadable,
            Some(Err(_)) | None => Seen::Gone,
        };
        let is_end = seen.is_end();
        let is_closing = state.inner.lock().is_closing;
        if !(is_end && is_closing) {
            lanes.push(lane, seen.clone());
        }
        if is_end {
            // The close frame is answered by reading on.
            if matches!(seen, Seen::Closed(..)) {
                while let Some(Ok(_)) = stream.next().await {}
            }
            state.inner.lock().has_ended = true;
            state.changed.notify_all();
            lanes.wake();
            return;
        }
    }
}

fn failed(error: Error) -> Seen {
    match error {
        Error::Http(response) => {
            let body = response.body().clone().unwrap_or_default();
            let message = String::from_utf8_lossy(&body).into_owned();
            Seen::HandshakeRefused { status: response.status().as_u16(), message }
        }
        _ => Seen::HandshakeFailed,
    }
}

/// The beginning of the payload of pings whose pongs are not a part of the story.
const FENCE: &str = "conformance-fence-";
