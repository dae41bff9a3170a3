//! The log: its forms, its filters, and its events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{LIMIT, Server};

fn chatty() -> Server {
    let server = Server::with_lobby();
    server.post("/rooms", &json!({ "name": "stage" }));
    server.say("alice", "hello");
    server.say("bob", "hi");
    server.post("/rooms/stage/messages", &json!({ "userId": "carol", "content": "on stage" }));
    server
}

#[test]
fn each_form_can_be_read() {
    let server = chatty();
    for (format, media_type, part) in [
        ("text", "text/plain", "alice > {\"Action\""),
        ("per-connection", "text/plain", "alice"),
        ("jsonl", "application/jsonl", "\"kind\":\"frame_sent\""),
        ("mermaid", "text/plain", "sequenceDiagram"),
        ("html", "text/html", "<!doctype html>"),
    ] {
        let response = server.call("GET", &format!("/log?format={format}"), None);
        assert_eq!(response.status, 200);
        assert!(response.media_type.starts_with(media_type), "{format}: {}", response.media_type);
        assert!(response.body.as_str().unwrap().contains(part), "{format}: {}", response.body);
    }
    assert!(server.get("/log?format=har")["log"]["entries"].is_array());
}

#[test]
fn entries_are_filtered_by_room_user_kind_and_index() {
    let server = chatty();
    let entries = |query: &str| -> Vec<Value> {
        let body = server.get(&format!("/log?format=json&{query}"));
        body["entries"].as_array().unwrap().clone()
    };
    assert!(entries("room=stage").iter().all(|entry| entry["room"] == "stage"));
    let arn = server.get("/rooms/stage")["arn"].clone();
    assert!(entries("room=stage").iter().all(|entry| entry["roomArn"] == arn));
    assert!(entries("userId=bob").iter().all(|entry| entry["userId"] == "bob"));
    let sent = entries("kind=frame_sent");
    assert!(sent.len() == 4 && sent.iter().all(|entry| entry["kind"] == "frame_sent"), "{sent:?}");
    let all = entries("limit=1000");
    let latest = entries("limit=2");
    assert_eq!(latest, all[all.len() - 2..]);
    assert_eq!(entries("limit=0"), [] as [Value; 0]);
    assert_eq!(entries("since=5")[0], all[5]);
    assert_eq!(entries("since=100000"), [] as [Value; 0]);
}

/// Reads the events of a stream until one has an index.
fn events(server: &Server, query: &str, headers: &str, last: u64) -> Vec<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request =
        format!("GET /__admin/log/events{query} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut ids = Vec::new();
    for line in BufReader::new(stream).lines() {
        if let Some(id) = line.unwrap().strip_prefix("id: ") {
            ids.push(id.parse().unwrap());
            if ids.last() == Some(&last) {
                break;
            }
        }
    }
    ids
}

#[test]
fn events_arrive_in_order_and_continue_after_the_last_one() {
    let server = chatty();
    let count = server.get("/status")["counts"]["entries"].as_u64().unwrap();
    assert_eq!(events(&server, "", "", count - 1), (0..count).collect::<Vec<_>>());
    assert_eq!(events(&server, "?since=3", "", 5), [3, 4, 5]);
    assert_eq!(events(&server, "?since=1", "last-event-id: 4\r\n", 6), [5, 6]);
    std::thread::scope(|scope| {
        let next = scope.spawn(|| events(&server, &format!("?since={count}"), "", count));
        server.say("alice", "news");
        assert_eq!(next.join().unwrap(), [count]);
    });
}
