//! Support for transport tests: clients on any stream, and tests in a child process.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{
    Capability, ChatToken, ClientStream, Handle, MockIvsChat, MockIvsChatBuilder, Room,
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) type InMemory = WebSocketStream<ClientStream>;
pub(crate) type OverTcp = WebSocketStream<TcpStream>;

/// A mock with a loopback address of its own, where the system has more than one: after its end
/// nobody else can answer there, as another test's mock could that gets the same port.
pub(crate) fn alone() -> MockIvsChatBuilder {
    static MOCKS: AtomicU16 = AtomicU16::new(0);
    if !cfg!(target_os = "linux") {
        return MockIvsChat::builder();
    }
    let [high, low] = MOCKS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    // The processes of the same test run have their own addresses, too.
    let process = (std::process::id() % 250) as u8 + 2;
    let listener = TcpListener::bind(SocketAddr::from(([127, process, high, low], 0)));
    MockIvsChat::builder().listener(listener.unwrap())
}

/// Returns `true` if a port refuses clients, as that of a mock from [`alone`] does after its end. A
/// process that another test is just starting has a copy of the socket until it runs its program, so
/// the port may listen for a moment longer.
pub(crate) fn refuses(addr: SocketAddr) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if std::net::TcpStream::connect(addr).is_err() {
            return true;
        }
        thread::yield_now();
    }
    false
}

/// A token that allows everything.
pub(crate) fn token(room: &Room, user_id: &str) -> ChatToken {
    room.chat_token(user_id).capabilities(Capability::ALL).create()
}

/// A client in memory.
pub(crate) async fn in_memory(ivs: &Handle, token: &ChatToken) -> InMemory {
    let stream = ivs.connect(token).await.unwrap();
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

/// A client over TCP.
pub(crate) async fn over_tcp(ivs: &Handle, token: &ChatToken) -> OverTcp {
    let stream = TcpStream::connect(ivs.addr()).await.unwrap();
    shake_hands(stream, token).await.unwrap()
}

/// A client on any stream.
pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    token: &ChatToken,
) -> Result<WebSocketStream<S>, Error> {
    let request = request(token);
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

fn request(token: &ChatToken) -> Request<()> {
    let mut request = "ws://localhost/".into_client_request().unwrap();
    let protocol = token.token.parse().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    request
}

pub(crate) fn message(content: &str, request_id: &str) -> Message {
    let frame = json!({ "Action": "SEND_MESSAGE", "RequestId": request_id, "Content": content });
    Message::text(frame.to_string())
}

pub(crate) async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
    content: &str,
) {
    client.send(message(content, content)).await.unwrap();
}

/// Lets this much of tokio's time pass. The clock must be paused.
pub(crate) async fn pass(duration: Duration) {
    let _ = tokio::time::timeout(duration, std::future::pending::<()>()).await;
}

/// The next frame, which must be a text frame.
pub(crate) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
) -> Value {
    let frame = client.next().await.expect("the connection ended").unwrap();
    serde_json::from_str(frame.to_text().unwrap()).unwrap()
}

/// How the connection ends: by a close frame, or without one.
pub(crate) async fn end<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
) -> Option<CloseFrame> {
    loop {
        match client.next().await {
            Some(Ok(Message::Close(close))) => return close,
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

/// Runs a test in a process of its own, which is ended after a limit: there a hang or an abort is
/// an outcome, and descriptors and threads can be counted.
///
/// `name` is that of the test that calls this, with its module.
pub(crate) fn isolated(name: &str, body: impl FnOnce()) {
    if is_child(name) {
        return body();
    }
    let output = run_child(name);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "there is no test {name}:\n{out}");
}

/// Whether this is the process of its own of a test.
pub(crate) fn is_child(name: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|child| child == name)
}

/// Runs a test of this binary in a process of its own.
pub(crate) fn run_child(name: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"])
        .env(CHILD, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (done, is_done) = mpsc::channel();
    let mut readers = Vec::new();
    let pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for mut pipe in pipes {
        let done = done.clone();
        readers.push(thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            let _ = done.send(());
            bytes
        }));
    }
    let is_hung = (0..2).any(|_| is_done.recv_timeout(WATCHDOG).is_err());
    if is_hung {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let mut outputs = readers.into_iter().map(|reader| reader.join().unwrap());
    let (stdout, stderr) = (outputs.next().unwrap(), outputs.next().unwrap());
    assert!(!is_hung, "{name} hangs:\n{}", String::from_utf8_lossy(&stderr));
    Output { status, stdout, stderr }
}

const CHILD: &str = "MOCK_IVS_CHAT_CHILD";
const WATCHDOG: Duration = Duration::from_secs(120);
