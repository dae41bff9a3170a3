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
