//! A client that writes and reads bytes, for what a WebSocket library refuses to send.

use std::io;

use mock_ivs_chat::Handle;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Conformance, LIMIT};

pub(crate) const FINAL: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// A message that any room delivers.
pub(crate) const HELLO: &str = r#"{"Action":"SEND_MESSAGE","Content":"hello"}"#;

/// A client frame: the first byte as given, the payload masked.
pub(crate) fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = head(first_byte, 0x80, payload.len());
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// A frame as only a server may send it.
pub(crate) fn unmasked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first_byte, 0, payload.len());
    bytes.extend(payload);
    bytes
}

fn head(first_byte: u8, mask: u8, length: usize) -> Vec<u8> {
    match length {
        0..126 => vec![first_byte, mask | length as u8],
        126..65_536 => {
            let mut bytes = vec![first_byte, mask | 126];
            bytes.extend((length as u16).to_be_bytes());
            bytes
        }
        _ => {
            let mut bytes = vec![first_byte, mask | 127];
            bytes.extend((length as u64).to_be_bytes());
            bytes
        }
    }
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// A handshake that offers a token, or another list of subprotocols.
pub(crate) fn handshake(token: impl AsRef<str>) -> String {
    format!(
        "GET / HTTP/1.1\r\n\
         Host: localhost\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: {}\r\n\r\n",
        token.as_ref()
    )
}

/// The head of an HTTP response, and its body if it has a length.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The member `message` of the body.
    pub(crate) fn message(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).expect("the body is JSON");
        body["message"].as_str().expect("the body has a message").to_owned()
    }
}

/// A client that writes and reads bytes.
#[derive(Debug)]
pub(crate) struct RawClient {
    pub(crate) stream: TcpStream,
    conformance: Conformance,
}

impl RawClient {
    /// Opens a TCP connection, and says nothing.
    pub(crate) async fn open(ivs: &Handle) -> Self {
        let stream = TcpStream::connect(ivs.addr()).await.expect("the mock listens");
        stream.set_nodelay(true).expect("the connection is open");
        Self { stream, conformance: Conformance::default() }
    }

    /// Opens a connection, and does the handshake.
    pub(crate) async fn connect(ivs: &Handle, token: impl AsRef<str>) -> Self {
        let mut client = Self::open(ivs).await;
        let response = client.request(&handshake(token)).await;
        assert_eq!(response.status, 101, "{response:?}");
        client
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the connection is open");
    }

    /// Sends a request, and reads the response.
    pub(crate) async fn request(&mut self, request: &str) -> Response {
        self.write(request).await;
        self.response().await
    }

    pub(crate) async fn response(&mut self) -> Response {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.bytes(1).await.expect("a response comes")[0]);
        }
        let head = String::from_utf8(head).expect("a head is text");
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let status = status.expect("a status line has a status");
        let mut response = Response { status, headers, body: String::new() };
        let length = response.header("Content-Length").unwrap_or("0");
        let length = length.parse().expect("a length is a number");
        let body = self.bytes(length).await.expect("the body comes");
        response.body = String::from_utf8(body).expect("the body is text");
        response
    }

    async fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let read = timeout(LIMIT, self.stream.read_exact(&mut bytes)).await;
        read.unwrap_or_else(|_| panic!("{count} bytes did not come within {LIMIT:?}"))?;
        Ok(bytes)
    }

    /// The first byte and the payload of the next frame; an error at the end of the stream.
    pub(crate) async fn try_next(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let head = self.bytes(2).await?;
        assert_eq!(head[1] & 0x80, 0, "a server masks no frames");
        let length = match head[1] {
            126 => {
                self.bytes(2).await?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            127 => {
                self.bytes(8).await?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            length => usize::from(length),
        };
        Ok((head[0], self.bytes(length).await?))
    }

    pub(crate) async fn next(&mut self) -> (u8, Vec<u8>) {
        self.try_next().await.expect("a frame comes")
    }

    /// The next frame, which must be one of the chat.
    pub(crate) async fn next_frame(&mut self) -> Value {
        let (first_byte, payload) = self.next().await;
        let text = String::from_utf8_lossy(&payload);
        assert_eq!(first_byte, FINAL | TEXT, "{text}");
        self.conformance.check(&text)
    }

    /// The code and reason of the close frame that must come next.
    pub(crate) async fn next_close(&mut self) -> (u16, String) {
        let (first_byte, payload) = self.next().await;
        let text = String::from_utf8_lossy(&payload);
        assert_eq!(first_byte, FINAL | CLOSE, "{text}");
        let (code, reason) = payload.split_at(2);
        let reason = String::from_utf8(reason.into()).expect("a reason is text");
        (u16::from_be_bytes([code[0], code[1]]), reason)
    }

    /// Waits until the service ends the stream, which it must do without a reset.
    pub(crate) async fn end(&mut self) {
        let error = self.bytes(1).await.expect_err("the stream is due to end");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    /// Waits until the service resets the connection.
    pub(crate) async fn reset(&mut self) {
        let error = self.bytes(1).await.expect_err("the connection is due to be reset");
        // Wine shuts a socket down before it closes it. The end of the stream is sent by that, and
        // is what the client sees, although the socket does not linger.
        let kind = match is_wine() {
            true => io::ErrorKind::UnexpectedEof,
            false => io::ErrorKind::ConnectionReset,
        };
        assert_eq!(error.kind(), kind);
    }
}

/// Returns `true` if the tests were built for Windows, but do not run there.
fn is_wine() -> bool {
    cfg!(windows) && std::path::Path::new(r"C:\windows\system32\winecfg.exe").exists()
}
