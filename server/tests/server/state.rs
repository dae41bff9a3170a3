//! The state file: rooms, logging configurations and tags survive a restart.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Server, command, send};

fn operate(server: &Server, operation: &str, body: &Value) -> Value {
    let url = format!("{}/{operation}", server.url());
    let response = send("POST", &url, &[], Some(body.to_string()));
    assert_eq!(response.status / 100, 2, "{operation}: {response:?}");
    response.body
}

/// Waits until the file has a text: it is written after the response.
fn wait_for(file: &std::path::Path, is_it: impl Fn(&str) -> bool) {
    let start = std::time::Instant::now();
    while !is_it(&fs::read_to_string(file).unwrap()) {
        assert!(start.elapsed() < crate::support::LIMIT, "{}", fs::read_to_string(file).unwrap());
        std::thread::yield_now();
    }
}

#[test]
fn resources_survive_a_restart_with_their_arns() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let arguments = ["--state", file.to_str().unwrap(), "--room", "lobby"];
    let server = Server::start(&arguments);
    let stage = operate(&server, "CreateRoom", &json!({ "name": "stage", "tags": { "a": "b" } }));
    let attic = operate(&server, "CreateRoom", &json!({ "name": "attic" }));
    let archive = operate(
        &server,
        "CreateLoggingConfiguration",
        &json!({
            "name": "archive", "destinationConfiguration": { "s3": { "bucketName": "bucket" } },
        }),
    );
    operate(&server, "DeleteRoom", &json!({ "identifier": stage["arn"] }));
    operate(
        &server,
        "UpdateRoom",
        &json!({
            "identifier": attic["arn"], "maximumMessageLength": 7,
            "loggingConfigurationIdentifiers": [archive["arn"]],
        }),
    );
    wait_for(&file, |text| text.contains("\"maximumMessageLength\": 7") && !text.contains("stage"));
    drop(server);

    let server = Server::start(&arguments);
    assert_eq!(server.log(), "");
    let names: Vec<_> = server.get("/rooms")["rooms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|room| room["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["lobby", "attic"]);
    let restored = operate(&server, "GetRoom", &json!({ "identifier": attic["arn"] }));
    assert_eq!(restored["maximumMessageLength"], 7);
    assert_eq!(restored["loggingConfigurationIdentifiers"], json!([archive["arn"]]));
    server.post("/reset", &json!({ "what": "rooms" }));
    drop(server);
    let server = Server::start(&["--state", file.to_str().unwrap()]);
    assert_eq!(server.get("/rooms"), json!({ "rooms": [] }));
}

#[test]
fn a_file_that_is_not_a_state_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    for (text, expected) in [
        ("{", "not a state of this program"),
        (
            "{\"version\":9,\"loggingConfigurations\":{},\"rooms\":{}}",
            "version 9 of the state is not supported",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let output = command(&["--state", file.to_str().unwrap()]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && message.contains(expected), "{message}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

/// The rooms of a state file, by their names.
#[cfg(unix)]
fn rooms(file: &std::path::Path) -> Vec<String> {
    let state: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let rooms = state["rooms"].as_object().unwrap().values();
    rooms.map(|room| room["name"].as_str().unwrap().to_owned()).collect()
}

#[cfg(unix)]
fn terminate(server: Server) {
    let id = server.id().to_string();
    let killed = std::process::Command::new("kill").args(["-TERM", &id]).status();
    assert!(killed.unwrap().success());
    assert_eq!(server.wait().0, Some(0));
}

/// Starts a server with a room and a long log.
#[cfg(unix)]
fn busy(file: &std::path::Path) -> Server {
    let arguments = ["--state", file.to_str().unwrap(), "--room", "lobby", "--unlimited"];
    let server = Server::start(&arguments);
    for number in 0..50 {
        let user = json!({ "room": "lobby", "userId": format!("user-{number}") });
        server.post("/participants", &user);
    }
    for _ in 0..100 {
        server.say("user-0", "hello");
    }
    server
}

#[cfg(unix)]
#[test]
fn a_change_right_before_a_signal_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..5 {
        let file = folder.path().join(format!("{run}.json"));
        let server = busy(&file);
        let names = ["one", "two", "three"];
        for name in names {
            operate(&server, "CreateRoom", &json!({ "name": name }));
        }
        terminate(server);
        assert_eq!(rooms(&file)[1..], names, "run {run}");
    }
}

#[cfg(unix)]
#[test]
fn a_change_right_before_the_log_is_cleared_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..5 {
        let file = folder.path().join(format!("{run}.json"));
        let server = busy(&file);
        let stage = operate(&server, "CreateRoom", &json!({ "name": "stage" }));
        server.post("/reset", &json!({ "what": "log" }));
        assert_eq!(server.log(), "");
        operate(&server, "DeleteRoom", &json!({ "identifier": stage["arn"] }));
        operate(&server, "CreateRoom", &json!({ "name": "attic" }));
        server.post("/reset", &json!({ "what": "log" }));
        terminate(server);
        assert_eq!(rooms(&file), ["lobby", "attic"], "run {run}");
    }
}

#[cfg(unix)]
#[test]
fn a_room_that_a_reset_has_deleted_does_not_return() {
    let folder = tempfile::tempdir().unwrap();
    for (run, what) in (0..20).flat_map(|run| [(run, "rooms"), (run, "all")]) {
        let file = folder.path().join(format!("{run}-{what}.json"));
        let server = Server::start(&["--state", file.to_str().unwrap(), "--room", "lobby"]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..5 {
                    operate(&server, "CreateRoom", &json!({ "name": "stage" }));
                }
            });
            server.post("/reset", &json!({ "what": what }));
        });
        let left = server.get("/rooms")["rooms"].as_array().unwrap().len();
        terminate(server);
        assert_eq!(rooms(&file).len(), left, "run {run}");
    }
}

/// A hook may lose the response to an operation, or respond in its place.
#[cfg(unix)]
#[test]
fn a_hook_does_not_come_between_a_change_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let server = Server::start(&["--state", file.to_str().unwrap(), "--room", "lobby"]);
    let hook = |then: Value| {
        let hook =
            json!({ "on": "operation", "operation": "CreateRoom", "times": 1, "then": then });
        server.post("/hooks", &hook);
    };
    let url = format!("{}/CreateRoom", server.url());
    let create = |name: &str| send("POST", &url, &[], Some(json!({ "name": name }).to_string()));
    hook(json!("emptyBody"));
    create("unread");
    hook(
        json!({ "respond": { "status": 200, "body": "{\"arn\":\"made-up\",\"name\":\"made-up\"}" } }),
    );
    create("never");
    hook(json!({ "delayRealTime": "1ms" }));
    create("late");
    operate(&server, "CreateRoom", &json!({ "name": "usual" }));
    let names: Vec<_> = server.get("/rooms")["rooms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|room| room["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["lobby", "unread", "late", "usual"]);
    terminate(server);
    assert_eq!(rooms(&file), names);
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_in_the_end_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = inner.join("state.json");
    let server = Server::start(&["--state", file.to_str().unwrap()]);
    fs::remove_dir_all(&inner).unwrap();
    operate(&server, "CreateRoom", &json!({ "name": "stage" }));
    let id = server.id().to_string();
    std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert_eq!(server.wait().0, Some(1));
}
