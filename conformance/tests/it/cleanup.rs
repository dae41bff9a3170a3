//! Cleanup: however a run ends, nothing is left at the service.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use mock_ivs_chat::{MockIvsChat, Operation};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ended, Program};

/// A claim whose story creates a logging configuration, a room, and then shows the room.
pub(crate) const CLAIM: &str = "control-plane/every-member-of-a-new-room";

pub(crate) fn start_mock() -> MockIvsChat {
    MockIvsChat::builder().wait_timeout(Duration::from_secs(60)).start()
}

pub(crate) fn start(ivs: &MockIvsChat, folder: &TempDir, more: &[&str]) -> Program {
    let (control, messaging) = (ivs.endpoint_url(), ivs.ws_url());
    let out = folder.path().join("out").display().to_string();
    let mut arguments =
        vec!["url", "--control", &control, "--messaging", &messaging, "--out", &out];
    arguments.extend(more);
    Program::start(arguments, &[])
}

/// Counts rooms and logging configurations, as any client of the service would.
pub(crate) fn count(ivs: &MockIvsChat) -> [usize; 2] {
    [("ListRooms", "rooms"), ("ListLoggingConfigurations", "loggingConfigurations")].map(
        |(operation, list)| {
            let mut stream = TcpStream::connect(ivs.addr()).unwrap();
            let head = format!("POST /{operation} HTTP/1.1\r\nHost: mock\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}");
            stream.write_all(head.as_bytes()).unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).unwrap();
            let (_, body) = response.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            body[list].as_array().unwrap().len()
        },
    )
}

fn assert_interrupted(ended: &Ended, folder: &TempDir) {
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert!(ended.stderr.contains("interrupted: nothing is written"), "{ended:?}");
    assert!(!folder.path().join("out").exists(), "an interrupted run writes nothing");
}

/// Ends the program by a signal in the middle of a story.
fn signal_within_a_story(name: &str) {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let gate = ivs.on_operation(Operation::GetRoom).hold();
    let program = start(&ivs, &folder, &[CLAIM]);
    gate.reached().wait();
    assert_eq!(count(&ivs), [1, 1], "the story has created something");
    program.signal(name);
    program.wait_for_error("ending: the resources of this run are being deleted");
    gate.release();
    assert_interrupted(&program.end(), &folder);
    assert_eq!(count(&ivs), [0, 0], "after SIG{name}");
}

#[test]
fn nothing_is_left_after_an_interrupt() {
    signal_within_a_story("INT");
}

#[test]
fn nothing_is_left_after_a_request_to_terminate() {
    signal_within_a_story("TERM");
}

#[test]
fn nothing_is_left_after_the_terminal_was_closed() {
    signal_within_a_story("HUP");
}

#[test]
fn a_room_that_is_being_created_at_an_interrupt_is_deleted() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    // The first room is the one by which the program sees whether it can use the target.
    let gate = ivs.on_operation(Operation::CreateRoom).after(1).hold();
    let program = start(&ivs, &folder, &[CLAIM]);
    gate.reached().wait();
    assert_eq!(count(&ivs), [1, 1], "the room is there, and its response is not");
    program.signal("INT");
    program.wait_for_error("ending: ");
    gate.release();
    assert_interrupted(&program.end(), &folder);
    assert_eq!(count(&ivs), [0, 0]);
}

#[test]
fn an_interrupt_ends_a_story_that_lets_an_hour_pass() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let gate = ivs.on_handshake().hold();
    let program = start(&ivs, &folder, &["sessions/session-ends", "--hour"]);
    gate.reached().wait();
    assert_eq!(count(&ivs), [1, 0]);
    gate.release();
    program.signal("INT");
    assert_interrupted(&program.end(), &folder);
    assert_eq!(count(&ivs), [0, 0]);
}

#[test]
fn nothing_is_left_after_a_panic_in_a_step() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let claims = folder.path().join("claims");
    fs::create_dir_all(claims.join("time")).unwrap();
    // No clock goes that far.
    let script = "claim: time/beyond\nkind: timing\ncovers: CreateRoom\nrequires: clock, hour\n\
                  fact: It is so.\nprovenance: documented\nsource: a page\n---\n\
                  call CreateLoggingConfiguration destinationConfiguration={\"s3\":{\"bucketName\":\"chat-logs\"}}\n\
                  room lobby\nclock 900000000000h\n---\n";
    fs::write(claims.join("time/beyond.claim"), script).unwrap();
    let claims = claims.display().to_string();
    let ended = start(&ivs, &folder, &["--claims", &claims, "--hour"]).end();
    assert!(ended.stdout.contains("the runner panicked: `advance` by"), "{ended:?}");
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ivs.log().to_string().contains("-lobby"), "the story has created its room");
    assert_eq!(count(&ivs), [0, 0]);
}

#[test]
fn the_rest_of_a_run_that_was_killed_can_be_deleted() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let gate = ivs.on_operation(Operation::GetRoom).hold();
    let program = start(&ivs, &folder, &[CLAIM]);
    gate.reached().wait();
    program.signal("KILL");
    drop(program);
    gate.release();
    ivs.create_room("of-somebody-else");
    assert_eq!(count(&ivs), [2, 1], "nobody was there to delete anything");
    let ended = start(&ivs, &folder, &["--clean"]).end();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stdout.contains("2 resources deleted"), "{ended:?}");
    assert_eq!(count(&ivs), [1, 0], "only the room of somebody else stays");
}
