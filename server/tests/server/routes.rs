//! Routes: the mock's own protocols and the control API share one port, and even one connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};

use crate::support::{LIMIT, Server};

pub(crate) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Reads the head of one response.
pub(crate) fn head(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// Reads one response. Without a content length it has no body.
pub(crate) fn response(stream: &mut TcpStream) -> String {
    let head = head(stream);
    let headers = head.to_ascii_lowercase();
    let length =
        headers.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[test]
fn one_connection_can_call_the_service_and_the_control_api_in_turn() {
    let server = Server::with_lobby();
    let mut stream = connect(&server);
    for _ in 0..3 {
        stream
            .write_all(
                b"POST /ListRooms HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}",
            )
            .unwrap();
        assert!(response(&mut stream).contains("x-amzn-requestid"));
        stream.write_all(b"GET /__admin/clock HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        assert!(
            response(&mut stream).ends_with("{\"now\":\"2026-01-01T00:00:00Z\",\"frozen\":true}")
        );
    }
}

#[tokio::test]
async fn a_websocket_client_chats_as_with_the_service() {
    let server = Server::with_lobby();
    let request = ClientRequestBuilder::new(server.line("ws_url").parse().unwrap())
        .with_sub_protocol(server.token("alice"));
    let (mut alice, _) = connect_async(request).await.unwrap();
    alice.send(Message::text(r#"{"Action":"SEND_MESSAGE","Content":"hello"}"#)).await.unwrap();
    let frame = alice.next().await.unwrap().unwrap();
    assert!(frame.to_text().unwrap().contains("\"Content\":\"hello\""));
    let id = server.get("/connections?userId=alice")["connections"][0]["id"].clone();
    for limit in [json!(5000), json!(null)] {
        let limit = json!({ "bytesPerSecond": limit, "direction": "outbound" });
        server.post(&format!("/connections/{}/limit-bandwidth", id.as_str().unwrap()), &limit);
    }
    let path = format!("/connections/{}/close", id.as_str().unwrap());
    server.post(&path, &json!({ "code": 1001, "reason": "moved" }));
    let Some(Ok(Message::Close(Some(close)))) = alice.next().await else {
        panic!("no close frame")
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1001, "moved"));
}

#[tokio::test]
async fn a_reset_is_a_reset_on_the_wire() {
    let server = Server::with_lobby();
    let request = ClientRequestBuilder::new(server.line("ws_url").parse().unwrap())
        .with_sub_protocol(server.token("alice"));
    let (mut alice, _) = connect_async(request).await.unwrap();
    let id = server.get("/connections")["connections"][0]["id"].as_str().unwrap().to_owned();
    server.post(&format!("/connections/{id}/reset"), &json!({}));
    match alice.next().await {
        Some(Err(Error::Io(error))) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        // Wine shuts a socket down before it closes it. The end of the stream is sent by that, and
        // is what the client sees, although the socket does not linger.
        Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) if is_wine() => {}
        other => panic!("expected a reset, got {other:?}"),
    }
}

/// Returns `true` if the tests were built for Windows, but do not run there.
fn is_wine() -> bool {
    cfg!(windows) && std::path::Path::new(r"C:\windows\system32\winecfg.exe").exists()
}

#[test]
fn an_outage_resets_clients_of_the_service_and_not_of_the_control_api() {
    let server = Server::with_lobby();
    server.post("/outage", &json!({}));
    let mut stream = connect(&server);
    stream.write_all(b"POST /ListRooms HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    assert!(!matches!(stream.read(&mut [0]), Ok(1)));
    assert_eq!(server.get("/status")["outage"], "refuse");
    let again = server.call("POST", "/outage", Some(&json!({})));
    assert_eq!(again.status, 409);
    server.delete("/outage");
    assert_eq!(server.call("DELETE", "/outage", None).status, 409);
    let mut stream = connect(&server);
    stream
        .write_all(b"POST /ListRooms HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
        .unwrap();
    assert!(response(&mut stream).contains("Room00000001"));
}

#[test]
fn bytes_that_are_not_http_get_the_response_of_the_service() {
    let server = Server::with_lobby();
    let mut stream = connect(&server);
    stream.write_all(b"hello\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
}
