//! The bytes of WebSockets as a client writes and reads them, with nothing in between.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection after its handshake. The token may be anything where nobody checks it.
pub fn connect(addr: SocketAddr, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("the server listens");
    stream.set_nodelay(true).expect("a fresh socket takes options");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the server answers");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// A text frame of a client, masked with zeros. At most 65,535 bytes.
pub fn masked(text: &str) -> Vec<u8> {
    let mut frame = head(text.len(), 0x80);
    frame.extend([0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// A text frame of a server. At most 65,535 bytes.
pub fn unmasked(text: &str) -> Vec<u8> {
    let mut frame = head(text.len(), 0);
    frame.extend_from_slice(text.as_bytes());
    frame
}

fn head(length: usize, mask: u8) -> Vec<u8> {
    match u16::try_from(length).expect("the texts here are short") {
        short @ 0..126 => vec![0x81, mask | short as u8],
        long => {
            let [high, low] = long.to_be_bytes();
            vec![0x81, mask | 126, high, low]
        }
    }
}

/// Reads one frame of a server and returns its text.
pub fn read_text(stream: &mut TcpStream) -> String {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("the server sends a frame");
    let length = match head[1] {
        126 => {
            let mut long = [0; 2];
            stream.read_exact(&mut long).expect("the server sends a frame");
            usize::from(u16::from_be_bytes(long))
        }
        short => usize::from(short),
    };
    let mut text = vec![0; length];
    stream.read_exact(&mut text).expect("the server sends a frame");
    String::from_utf8(text).expect("the server sends text")
}

/// The frame that a client publishes.
pub const PUBLISH: &str =
    r#"{"Action":"SEND_MESSAGE","RequestId":"r","Content":"a message as long as many are"}"#;
