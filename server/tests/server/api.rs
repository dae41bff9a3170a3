//! The control API: each part, over HTTP.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::Server;

#[test]
fn rooms_are_created_listed_and_deleted() {
    let server = Server::with_lobby();
    let created =
        server.call("POST", "/rooms", Some(&json!({ "name": "stage", "tags": { "a": "b" } })));
    assert_eq!((created.status, &created.body["tags"]), (201, &json!({ "a": "b" })));
    server.say("alice", "hello");
    let lobby = server.get("/rooms/lobby");
    assert_eq!(lobby["users"], json!(["alice"]));
    server.delete("/rooms/stage");
    let missing = server.call("GET", "/rooms/stage", None);
    assert_eq!(missing.status, 404);
    assert_eq!(missing.body["detail"], "there is no room \"stage\"; rooms: lobby");
    let refused = server.call("POST", "/rooms", Some(&json!({ "name": "a room" })));
    assert_eq!(refused.status, 400);
    assert!(
        refused.body["detail"].as_str().unwrap().starts_with("ValidationException"),
        "{refused:?}"
    );
}

#[test]
fn a_room_has_tokens_events_deletions_and_disconnections() {
    let server = Server::with_lobby();
    let token = server.post(
        "/rooms/lobby/tokens",
        &json!({
            "userId": "alice", "capabilities": ["SEND_MESSAGE"], "attributes": { "a": "b" },
            "sessionDurationInMinutes": 30,
        }),
    );
    assert_eq!(token["sessionExpirationTime"], "2026-01-01T00:30:00Z");
    server.say("alice", "hello");
    server.say("bob", "hi");
    let event = server.post("/rooms/lobby/events", &json!({ "eventName": "app:poll" }));
    assert_eq!(event, json!({ "id": "Event0000001" }));
    server.post("/rooms/lobby/deletions", &json!({ "messageId": "Message00001", "reason": "r" }));
    server.post("/rooms/lobby/disconnections", &json!({ "userId": "alice" }));
    assert_eq!(server.get("/rooms/lobby")["users"], json!(["bob"]));
    let log = server.log();
    for text in ["app:poll", "aws:DELETE_MESSAGE", "aws:DISCONNECT_USER"] {
        assert!(log.contains(text), "{text}: {log}");
    }
}

#[test]
fn participants_send_and_wait_for_frames() {
    let server = Server::with_lobby();
    let alice = server.post("/participants", &json!({ "room": "lobby", "userId": "alice" }));
    let id = alice["id"].as_str().unwrap();
    let listener = json!({ "room": "lobby", "userId": "bob", "capabilities": [] });
    let bob = server.post("/participants", &listener);
    let bob = format!("/participants/{}", bob["id"].as_str().unwrap());
    assert_eq!(server.get("/participants")["participants"].as_array().unwrap().len(), 2);
    for content in ["one", "two", "three"] {
        server.post(&format!("/participants/{id}/messages"), &json!({ "content": content }));
    }
    let two = server.get(&format!("{bob}/frames?containing=two"));
    assert_eq!(two["frame"]["Content"], "two");
    let one = server.get(&format!("{bob}/frames?type=MESSAGE"));
    assert_eq!(one["frame"]["Content"], "one");
    server.post(&format!("/participants/{id}/deletions"), &json!({ "messageId": "Message00001" }));
    let event = server.get(&format!("{bob}/frames?type=EVENT&waitMs=10000"));
    assert_eq!(event["frame"]["EventName"], "aws:DELETE_MESSAGE");
    let nothing = server.call("GET", &format!("{bob}/frames?type=ERROR&waitMs=1"), None);
    assert_eq!(nothing.status, 408);
    server.post(&format!("/participants/{id}/disconnections"), &json!({ "userId": "bob" }));
    let gone = server.call("POST", &format!("{bob}/messages"), Some(&json!({ "content": "x" })));
    assert_eq!(gone.status, 409);
    server.delete(&format!("/participants/{id}"));
    assert_eq!(server.get("/connections")["connections"], json!([]));
}

#[test]
fn a_message_reaches_the_room_that_is_named_and_no_other_of_the_same_name() {
    let server = Server::start(&[]);
    let create = || {
        let room = server.post("/rooms", &json!({ "name": "twin" }));
        room["id"].as_str().unwrap().to_owned()
    };
    let users = |room: &str| server.get(&format!("/rooms/{room}"))["users"].clone();
    let say = |room: &str| {
        let body = json!({ "userId": "alice", "content": "hello" });
        server.post(&format!("/rooms/{room}/messages"), &body);
    };
    let (one, other) = (create(), create());
    for room in [&one, &other, &one] {
        say(room);
        assert_eq!(users(room), json!(["alice"]), "{room}");
    }
    assert_eq!(server.get("/connections")["connections"].as_array().unwrap().len(), 2);
    // The connections to a room outlive it.
    server.delete(&format!("/rooms/{one}"));
    server.delete(&format!("/rooms/{other}"));
    let again = create();
    say(&again);
    assert_eq!(users(&again), json!(["alice"]));
    let last = server.get("/participants")["participants"].as_array().unwrap().last().cloned();
    let last = last.unwrap();
    assert!(last["roomArn"].as_str().unwrap().ends_with(&again), "{last}");
    let path = format!("/connections/{}", last["connectionId"].as_str().unwrap());
    assert_eq!(server.get(&path)["roomArn"], last["roomArn"]);
}

#[test]
fn concurrent_messages_of_a_user_have_one_connection() {
    let server = Server::start(&["--room", "lobby", "--unlimited"]);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| server.say("alice", "hello"));
        }
    });
    assert_eq!(server.get("/connections")["connections"].as_array().unwrap().len(), 1);
}

#[test]
fn frames_of_a_participant_outlive_its_connection_and_later_ones() {
    let server = Server::with_lobby();
    let bob = server.post("/participants", &json!({ "room": "lobby", "userId": "bob" }));
    let frames = format!("/participants/{}/frames", bob["id"].as_str().unwrap());
    server.say("alice", "hello");
    server.post("/rooms/lobby/disconnections", &json!({ "userId": "bob" }));
    for user in ["bob", "carol"] {
        server.post("/participants", &json!({ "room": "lobby", "userId": user }));
    }
    assert_eq!(server.get(&frames)["frame"]["Content"], "hello");
    // They are listed in the order in which they have joined.
    for _ in 0..8 {
        server.post("/participants", &json!({ "room": "lobby", "userId": "dave" }));
    }
    let listed = server.get("/participants")["participants"].as_array().unwrap().clone();
    let ids: Vec<u32> =
        listed.iter().map(|one| one["id"].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.len() == 12 && ids.is_sorted(), "{ids:?}");
    assert_eq!(listed[0]["isConnected"], false);
    assert_eq!(server.get("/status")["counts"]["participants"], 12);
}

#[test]
fn participants_that_are_gone_do_not_add_up() {
    let server = Server::start(&["--room", "lobby", "--unlimited"]);
    let mut first = None;
    for _ in 0..1002 {
        let bob = server.post("/participants", &json!({ "room": "lobby", "userId": "bob" }));
        first.get_or_insert_with(|| bob["id"].as_str().unwrap().to_owned());
        server.post("/rooms/lobby/disconnections", &json!({ "userId": "bob" }));
    }
    assert_eq!(server.get("/status")["counts"]["participants"], 1001);
    let path = format!("/participants/{}", first.unwrap());
    assert_eq!(server.call("GET", &path, None).status, 404);
}

#[test]
fn a_long_poll_ends_when_the_frame_arrives() {
    let server = Server::with_lobby();
    let bob = server.post("/participants", &json!({ "room": "lobby", "userId": "bob" }));
    let path = format!("/participants/{}/frames?waitMs=60000", bob["id"].as_str().unwrap());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get(&path));
        server.say("alice", "hello");
        assert_eq!(waiting.join().unwrap()["frame"]["Content"], "hello");
    });
}

#[test]
fn a_long_poll_ends_when_the_participant_disconnects() {
    let server = Server::with_lobby();
    let bob = server.post("/participants", &json!({ "room": "lobby", "userId": "bob" }));
    let path =
        format!("/participants/{}/frames?type=MESSAGE&waitMs=60000", bob["id"].as_str().unwrap());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.call("GET", &path, None));
        server.post("/rooms/lobby/disconnections", &json!({ "userId": "bob" }));
        let response = waiting.join().unwrap();
        assert_eq!(response.status, 409, "{response:?}");
        let expected = "no frame that matches arrived before participant 1 disconnected";
        assert_eq!(response.body["detail"], expected);
    });
    assert_eq!(server.get("/verify")["isFailure"], false);
}

#[test]
fn the_clock_is_read_advanced_and_stopped() {
    let server = Server::start(&["--room", "lobby"]);
    assert_eq!(server.get("/clock")["frozen"], false);
    let frozen = server.post("/clock/freeze", &json!({ "at": "2099-01-01T00:00:00Z" }));
    assert_eq!(frozen["frozen"], true);
    // The clock may have run for some nanoseconds while it was stopped.
    assert!(frozen["now"].as_str().unwrap().starts_with("2099-01-01T00:00:00"), "{frozen}");
    let advanced = server.post("/clock/advance", &json!({ "byMs": 1500 }));
    assert!(advanced["now"].as_str().unwrap().starts_with("2099-01-01T00:00:01.5"), "{advanced}");
    let back = server.call("POST", "/clock/freeze", Some(&json!({ "at": "2098-01-01T00:00:00Z" })));
    assert_eq!((back.status, &back.body["pointer"]), (409, &json!("/at")));
    let far = server.call("POST", "/clock/advance", Some(&json!({ "byMs": u64::MAX })));
    assert_eq!((far.status, &far.body["pointer"]), (400, &json!("/byMs")));
}

#[test]
fn a_freeze_that_is_refused_leaves_the_clock_running() {
    let server = Server::start(&[]);
    for at in ["2001-01-01T00:00:00Z", "2900-01-01T00:00:00Z", "2554-07-21T23:34:33Z"] {
        let refused = server.call("POST", "/clock/freeze", Some(&json!({ "at": at })));
        assert!((400..500).contains(&refused.status), "{refused:?}");
        assert_eq!(server.get("/clock")["frozen"], false, "{at}");
    }
}

#[test]
fn the_clock_ends_where_the_clock_of_the_mock_ends() {
    let server = Server::start(&["--frozen-at", "2554-07-01T00:00:00Z"]);
    for (path, body, pointer) in [
        ("advance", json!({ "byMs": 86_400_000_u64 * 365 }), "/byMs"),
        ("freeze", json!({ "at": "2554-07-22T00:00:00Z" }), "/at"),
        ("freeze", json!({ "at": "9998-01-01T00:00:00Z" }), "/at"),
    ] {
        let far = server.call("POST", &format!("/clock/{path}"), Some(&body));
        assert_eq!((far.status, &far.body["pointer"]), (400, &json!(pointer)), "{far:?}");
        assert!(far.body["detail"].as_str().unwrap().contains("2554-07-21"), "{far:?}");
    }
    let frozen = server.post("/clock/freeze", &json!({ "at": "2554-07-21T23:34:33Z" }));
    assert_eq!(frozen["now"], "2554-07-21T23:34:33Z");
}

#[test]
fn sessions_expire_when_the_clock_is_advanced() {
    let server = Server::with_lobby();
    server.say("alice", "hello");
    server.post("/clock/advance", &json!({ "byMs": 3_600_000 }));
    assert_eq!(server.get("/connections")["connections"], json!([]));
}

#[test]
fn a_hook_is_installed_counted_verified_and_removed() {
    let server = Server::with_lobby();
    let spec = json!({
        "on": "action", "name": "spam", "from": "alice", "containing": "spam", "expect": 1,
        "then": { "reject": { "errorCode": 406, "errorMessage": "no spam" } },
    });
    let hook = server.call("POST", "/hooks", Some(&spec));
    assert_eq!((hook.status, &hook.body["spec"], &hook.body["hits"]), (201, &spec, &json!(0)));
    let unmet = server.call("GET", "/verify", None);
    assert_eq!(unmet.status, 409);
    assert!(unmet.body["unmet"][0].as_str().unwrap().contains("hook \"spam\""), "{unmet:?}");
    server.say("alice", "spam");
    assert_eq!(server.get("/verify")["isFailure"], false);
    assert!(server.log().contains("\"ErrorCode\":406,\"ErrorMessage\":\"no spam\""));
    let path = format!("/hooks/{}", hook.body["id"].as_str().unwrap());
    assert_eq!(server.get(&path)["hits"], 1);
    server.delete(&path);
    assert_eq!(server.get("/hooks"), json!({ "hooks": [] }));
    server.say("alice", "more spam");
    assert!(server.log().contains("\"Content\":\"more spam\""));
}

#[test]
fn events_at_a_gate_are_released() {
    let server = Server::with_lobby();
    let hook = server.post("/hooks", &json!({ "on": "delivery", "to": "bob", "then": "hold" }));
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    server.say("bob", "hello");
    assert_eq!(server.get(&path)["waitingAtGate"], 1);
    let released = server.call("POST", &format!("{path}/release"), Some(&json!({})));
    assert_eq!(released.status, 204);
    assert_eq!(server.get(&path)["waitingAtGate"], 0);
}

#[rstest]
#[case("POST", "/hooks", json!({ "on": "action", "then": "drop" }), "`drop` is not an effect of hooks on actions", None)]
#[case("POST", "/hooks", json!({ "on": "action", "then": { "reject": { "errorCode": 299 } } }), "299", Some("/then/reject/errorCode"))]
#[case("POST", "/rooms/lobby/messages", json!({ "userId": "a" }), "missing field `content`", None)]
#[case("POST", "/rooms/lobby/messages", json!({ "userId": 1, "content": "x" }), "expected a string", Some("/userId"))]
#[case("POST", "/rooms/lobby/messages", json!({ "user": "a" }), "unknown field `user`", Some("/user"))]
#[case("POST", "/rooms/lobby/tokens", json!({ "userId": "a", "capabilities": ["FLY"] }), "unknown variant `FLY`", Some("/capabilities/0"))]
#[case("POST", "/reset", json!({ "what": "everything" }), "expected one of `all`, `hooks`", Some("/what"))]
#[case("POST", "/reset", json!([]), "the body is not valid: it must be a JSON object", None)]
#[case("POST", "/participants", json!({ "room": "attic", "userId": "a" }), "there is no room \"attic\"", Some("/room"))]
#[case("GET", "/participants/1/frames?type=NOISE", json!(null), "there is no type \"NOISE\"", Some("type"))]
#[case("GET", "/rooms/%FF", json!(null), "the path is not valid: Invalid URL", None)]
#[case("GET", "/log?kind=noise", json!(null), "there is no kind \"noise\"", Some("kind"))]
#[case("GET", "/log?format=pdf", json!(null), "unknown variant `pdf`", None)]
#[case("GET", "/log?since=soon", json!(null), "invalid digit", None)]
#[case("GET", "/connections?user=a", json!(null), "unknown field `user`", None)]
fn a_mistake_is_explained(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Value,
    #[case] detail: &str,
    #[case] pointer: Option<&str>,
) {
    let server = Server::with_lobby();
    server.say("alice", "hello");
    let response = server.call(method, path, Some(&body).filter(|body| !body.is_null()));
    assert!((400..500).contains(&response.status), "{response:?}");
    assert_eq!(response.media_type, "application/problem+json");
    assert!(response.body["detail"].as_str().unwrap().contains(detail), "{response:?}");
    assert_eq!(response.body.get("pointer").and_then(Value::as_str), pointer, "{response:?}");
}

#[test]
fn connections_are_stalled_resumed_limited_and_fed() {
    let server = Server::with_lobby();
    server.say("alice", "hello");
    let connections = server.get("/connections?room=lobby&userId=alice");
    let id = connections["connections"][0]["id"].as_str().unwrap();
    let act = |command: &str, body: &Value| {
        server.post(&format!("/connections/{id}/{command}"), body);
        server.get(&format!("/connections/{id}"))
    };
    assert_eq!(act("stall", &json!({}))["isStalled"], true);
    server.say("bob", "are you there?");
    assert_eq!(server.get(&format!("/connections/{id}"))["queuedFrames"], 1);
    assert_eq!(act("resume", &json!({}))["isStalled"], false);
    let limit = json!({ "bytesPerSecond": 1000, "direction": "outbound" });
    let refused = server.call("POST", &format!("/connections/{id}/limit-bandwidth"), Some(&limit));
    let detail = "connection 1 is that of a participant, who has no bandwidth";
    assert_eq!((refused.status, &refused.body["detail"]), (409, &json!(detail)));
    act("frames", &json!({ "text": "anything" }));
    assert!(server.log().contains("anything"));
    server.post(&format!("/connections/{id}/reset"), &json!({}));
    let gone = server.call("POST", &format!("/connections/{id}/stall"), Some(&json!({})));
    assert_eq!(gone.status, 404);
}

#[test]
fn a_reset_removes_what_it_names() {
    let server = Server::with_lobby();
    server.say("alice", "hello");
    server.post("/hooks", &json!({ "on": "action", "then": "ignore" }));
    server.post("/reset", &json!({ "what": "hooks" }));
    assert_eq!(server.get("/hooks"), json!({ "hooks": [] }));
    server.post("/reset", &json!({ "what": "log" }));
    assert_eq!(server.log(), "");
    server.post("/outage", &json!({ "mode": "accept" }));
    server.post("/reset", &json!({}));
    let status = server.get("/status");
    assert_eq!((&status["counts"]["rooms"], &status["outage"]), (&json!(0), &Value::Null));
    assert_eq!(server.get("/participants"), json!({ "participants": [] }));
}

#[test]
fn a_restart_closes_all_connections() {
    let server = Server::with_lobby();
    server.say("alice", "hello");
    server.post("/restart", &json!({}));
    assert_eq!(server.get("/connections")["connections"], json!([]));
}

/// Serves reviews: each request gets the response for its content.
fn reviewer(respond: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/review", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            // The body is JSON whose last member is an object.
            while !text.ends_with(b"}}") {
                let count = stream.read(&mut buffer).unwrap();
                text.extend_from_slice(&buffer[..count]);
            }
            let text = String::from_utf8(text).unwrap();
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            let request: Value = serde_json::from_str(body).unwrap();
            let body = respond(request["Content"].as_str().unwrap());
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    url
}

#[test]
fn a_url_reviews_messages() {
    let server = Server::start(&["--room", "lobby"]);
    let url = reviewer(|content| match content {
        "spam" => {
            json!({ "ReviewResult": "DENY", "Attributes": { "Reason": "no spam" } }).to_string()
        }
        other => json!({ "ReviewResult": "ALLOW", "Content": other.to_uppercase() }).to_string(),
    });
    let set = server.call("PUT", "/rooms/lobby/review", Some(&json!({ "url": url })));
    assert_eq!(set.status, 200, "{set:?}");
    let bob = server.post("/participants", &json!({ "room": "lobby", "userId": "bob" }));
    let frames = format!("/participants/{}/frames?waitMs=30000", bob["id"].as_str().unwrap());
    server.say("alice", "hello");
    assert_eq!(server.get(&frames)["frame"]["Content"], "HELLO");
    server.say("alice", "spam");
    // The participant of Alice has joined after that of Bob.
    let alice = server.get("/participants")["participants"][1]["id"].as_str().unwrap().to_owned();
    server.get(&format!("/participants/{alice}/frames?type=ERROR&waitMs=30000"));
    server.delete("/rooms/lobby/review");
    server.say("alice", "unseen");
    assert_eq!(server.get(&frames)["frame"]["Content"], "unseen");
    assert!(server.log().contains("no spam"));
    let wrong = server.call("PUT", "/rooms/lobby/review", Some(&json!({ "url": "ftp://a" })));
    assert_eq!((wrong.status, &wrong.body["pointer"]), (400, &json!("/url")));
}

/// A lookup that fails must not stop the server, as a lock that is taken twice would.
#[test]
fn an_unknown_id_is_a_problem_and_the_server_goes_on() {
    let server = Server::with_lobby();
    let text = json!({ "content": "x" });
    let calls = [
        ("GET", "/participants/none", None),
        ("DELETE", "/participants/none", None),
        ("GET", "/participants/none/frames", None),
        ("POST", "/participants/none/messages", Some(&text)),
        ("GET", "/hooks/none", None),
        ("DELETE", "/hooks/none", None),
        ("POST", "/hooks/none/release", None),
        ("GET", "/connections/none", None),
        ("POST", "/connections/none/reset", None),
        ("GET", "/rooms/none", None),
        ("DELETE", "/rooms/none", None),
    ];
    for (method, path, body) in calls {
        let response = server.call(method, path, body);
        assert_eq!(response.status, 404, "{method} {path}: {response:?}");
        let detail = response.body["detail"].as_str().unwrap();
        assert!(detail.contains("\"none\""), "{method} {path}: {detail}");
    }
    assert_eq!(server.get("/status")["ready"], true);
}
