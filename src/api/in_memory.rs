//! In-memory connections: the same bytes as over TCP, without a socket or a file descriptor.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use crate::api::handle::Handle;
use crate::transport::stream::SharedStream;

/// The client end of an in-memory connection after its WebSocket handshake.
///
/// It carries WebSocket frames, as a socket does. Pass it to
/// `tokio_tungstenite::WebSocketStream::from_raw_socket` or any other client that takes a stream.
/// See [`Handle::connect`].
pub struct ClientStream {
    stream: DuplexStream,
    /// Bytes that the mock has sent after its handshake response.
    read_ahead: Vec<u8>,
}

/// The reason why an in-memory connection was not opened.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # use mock_ivs_chat::MockIvsChat;
/// let ivs = MockIvsChat::builder().in_memory().on_current_runtime().start();
/// let token = ivs.create_room("lobby").chat_token("alice").create();
/// let _alice = ivs.connect(&token).await.unwrap();
/// let error = ivs.connect(&token).await.unwrap_err();
/// assert_eq!(error.status(), Some(401));
/// # });
/// ```
pub struct ConnectError {
    status: Option<u16>,
    /// The thing that failed or was refused, such as the handshake.
    subject: &'static str,
    message: String,
}

impl ConnectError {
    /// Returns the HTTP status of a refused handshake; `None` if there was no response, as in an
    /// outage.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::builder().in_memory().on_current_runtime().start();
    /// # let token = ivs.create_room("lobby").chat_token("alice").create();
    /// let _outage = ivs.outage();
    /// assert_eq!(ivs.connect(&token).await.unwrap_err().status(), None);
    /// # });
    /// ```
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => {
                write!(f, "the {} was refused with {status}: {}", self.subject, self.message)
            }
            None => write!(f, "the {} failed: {}", self.subject, self.message),
        }
    }
}

/// The same text as that of `Display`, because a test that returns this error prints it so.
impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConnectError {}

impl ConnectError {
    pub(crate) const fn refused(subject: &'static str, status: u16, message: String) -> Self {
        Self { status: Some(status), subject, message }
    }

    pub(crate) fn failed(subject: &'static str, message: impl Into<String>) -> Self {
        Self { status: None, subject, message: message.into() }
    }

    fn no_response() -> Self {
        Self::failed("handshake", "the mock sent no response")
    }
}

impl Handle {
    /// Connects in memory, with the same handshake, frames and log as over TCP.
    ///
    /// The mock's end is served on the tokio runtime in which this is awaited, or on the mock's own
    /// runtime if there is none. Under a paused clock this makes timing exact: no real time passes,
    /// and tokio advances the clock only when neither the client nor the mock has work to do. Such
    /// a stream has only the timers of the service, such as the end of a session. A test that
    /// blocks the only thread of its runtime also blocks the mock's end.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use futures_util::{SinkExt, StreamExt};
    /// use mock_ivs_chat::{Capability, MockIvsChat};
    /// use tokio_tungstenite::tungstenite::{Message, protocol::Role};
    ///
    /// let ivs = MockIvsChat::builder().in_memory().on_current_runtime().start();
    /// let room = ivs.create_room("lobby");
    /// let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    /// let stream = ivs.connect(&token).await?;
    /// let mut alice =
    ///     tokio_tungstenite::WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    /// alice.send(Message::text(r#"{"Action":"SEND_MESSAGE","Content":"hello"}"#)).await?;
    /// let echo = alice.next().await.unwrap()?;
    /// assert!(echo.to_text()?.contains(r#""Content":"hello""#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the mock refuses the handshake, has stopped, or is in an outage.
    pub fn connect(
        &self,
        token: impl Into<String>,
    ) -> Pin<Box<dyn Future<Output = Result<ClientStream, ConnectError>> + Send>> {
        let (handle, token) = (self.clone(), token.into());
        Box::pin(async move {
            if let Some(reason) = handle.server().stop_reason() {
                return Err(ConnectError::failed("handshake", reason.message()));
            }
            let (client, server) = tokio::io::duplex(BUFFER_BYTES);
            // Asked first, because the outage may end while the client is being refused.
            let outage = handle.driver().outage_begun_at();
            handle.server().serve(SharedStream::memory(server), handle.driver());
            handshake(client, &token).await.map_err(|error| match (error.status, outage) {
                (None, Some(begun_at)) => {
                    let message = format!("an outage is in effect, begun at {begun_at}");
                    ConnectError::failed("handshake", message)
                }
                _ => error,
            })
        })
    }

    /// Serves a stream provided by the test like an accepted TCP connection: HTTP/1.1, and a
    /// WebSocket after an upgrade.
    ///
    /// The stream is served on the tokio runtime in which this is called, or on the mock's own
    /// runtime if there is none. It has no timeouts. Its methods may call the mock, and may block
    /// without blocking other clients if the runtime has another thread. After the end of the mock,
    /// and during an outage, the stream is dropped immediately.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use mock_ivs_chat::MockIvsChat;
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let ivs = MockIvsChat::builder().in_memory().on_current_runtime().start();
    /// let (mut client, server) = tokio::io::duplex(4096);
    /// ivs.serve_stream(server);
    /// client.write_all(b"POST /ListRooms HTTP/1.1\r\nHost: ivschat\r\nConnection: close\r\n\r\n").await?;
    /// let mut response = String::new();
    /// client.read_to_string(&mut response).await?;
    /// assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with(r#"{"rooms":[]}"#));
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "accept")]
    pub fn serve_stream(&self, stream: impl AsyncRead + AsyncWrite + Send + 'static) {
        self.server().serve(SharedStream::other(stream), self.driver());
    }
}

/// Performs the client side of the handshake.
async fn handshake(mut stream: DuplexStream, token: &str) -> Result<ClientStream, ConnectError> {
    // The key is the sample of RFC 6455; its only purpose is to keep caches from responding.
    let request = format!(
        "GET / HTTP/1.1\r\n\
         Host: edge.ivschat\r\n\
         Connection: Upgrade\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(|_| ConnectError::no_response())?;
    let mut read = Vec::new();
    let end = loop {
        // The search starts anew after each read, which is fine for the short head of a response.
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(&mut stream, &mut read).await?;
    };
    let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    // Frames may have arrived together with the head.
    if status == Some(101) {
        return Ok(ClientStream { stream, read_ahead: read.split_off(end) });
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    while read.len() < end + length {
        read_more(&mut stream, &mut read).await?;
    }
    let body: Value = serde_json::from_slice(&read[end..]).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or("without a message").into();
    Err(ConnectError { status, subject: "handshake", message })
}

async fn read_more(stream: &mut DuplexStream, read: &mut Vec<u8>) -> Result<(), ConnectError> {
    let mut buffer = [0; 1024];
    match stream.read(&mut buffer).await {
        Ok(0) | Err(_) => Err(ConnectError::no_response()),
        Ok(count) => {
            read.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}

impl fmt::Debug for ClientStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStream").finish_non_exhaustive()
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.read_ahead.len().min(buf.remaining());
        buf.put_slice(&self.read_ahead[..count]);
        self.read_ahead.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The number of bytes in either direction before the writer must wait, which is the initial size
/// of a loopback socket's buffer. Memory is allocated as bytes arrive.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;
