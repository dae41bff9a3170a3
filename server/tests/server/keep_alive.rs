//! Keep-alive: several requests on one connection, each to its part of the server.

use std::io::Write;
use std::net::TcpStream;

use rstest::rstest;

use crate::routes::{connect, response};
use crate::support::Server;

fn request(stream: &mut TcpStream, method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    response(stream)
}

fn list_rooms(stream: &mut TcpStream, headers: &str) {
    let response = request(stream, "POST", "/ListRooms", headers, "{}");
    assert!(
        response.starts_with("HTTP/1.1 200 ") && response.contains("Room00000001"),
        "{response}"
    );
}

fn read_clock(stream: &mut TcpStream, headers: &str) {
    let response = request(stream, "GET", "/__admin/clock", headers, "");
    assert!(response.ends_with("\"frozen\":true}"), "{response}");
}

/// curl --http2 offers HTTP/2 with each request.
#[test]
fn an_offer_of_another_protocol_does_not_fix_the_route_of_a_connection() {
    let server = Server::with_lobby();
    let offer =
        "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n";
    let mut stream = connect(&server);
    for _ in 0..2 {
        list_rooms(&mut stream, offer);
        read_clock(&mut stream, offer);
    }
}

#[test]
fn a_websocket_handshake_with_the_control_api_does_not_fix_the_route_of_a_connection() {
    let server = Server::with_lobby();
    let mut stream = connect(&server);
    read_clock(&mut stream, "connection: upgrade\r\nupgrade: websocket\r\n");
    list_rooms(&mut stream, "");
}

#[rstest]
#[case("/CreateRoom", "200", "/__admin/rooms", "201")]
#[case("/__admin/rooms", "201", "/CreateRoom", "200")]
fn a_client_that_waits_for_100_continue_gets_it(
    #[case] path: &str,
    #[case] status: &str,
    #[case] next_path: &str,
    #[case] next_status: &str,
) {
    let server = Server::with_lobby();
    let mut stream = connect(&server);
    for (path, status) in [(path, status), (next_path, next_status), (path, status)] {
        let body = format!("{{\"name\":\"stage\"{}}}", " ".repeat(100_000));
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(crate::routes::head(&mut stream), "HTTP/1.1 100 Continue\r\n\r\n", "{path}");
        stream.write_all(body.as_bytes()).unwrap();
        let response = response(&mut stream);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {response}");
    }
}

#[rstest]
#[case("/outage", "201")]
#[case("/restart", "204")]
#[case("/reset", "204")]
fn a_fault_spares_the_connection_that_asks_for_it(#[case] path: &str, #[case] status: &str) {
    for _ in 0..20 {
        let server = Server::with_lobby();
        let mut stream = connect(&server);
        list_rooms(&mut stream, "");
        let path = format!("/__admin{path}");
        let response = request(&mut stream, "POST", &path, "", "{}");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        // The connection goes on, with the control API and, except in an outage, with the service.
        read_clock(&mut stream, "");
        if path.ends_with("outage") {
            let response = request(&mut stream, "DELETE", "/__admin/outage", "", "");
            assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
        }
        let response = request(&mut stream, "POST", "/ListRooms", "", "{}");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
}

/// A restart closes the connections that clients of the service keep open.
#[test]
fn a_restart_ends_idle_connections_with_the_service() {
    use std::io::Read;
    let server = Server::with_lobby();
    let mut stream = connect(&server);
    list_rooms(&mut stream, "");
    server.post("/restart", &serde_json::json!({}));
    let ended = stream.read(&mut [0]);
    assert!(!matches!(ended, Ok(1)), "{ended:?}");
}
