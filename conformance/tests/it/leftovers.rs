//! Leftovers: resources that a service keeps, or does not admit to have created.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mock_ivs_chat::hook::OperationVerdict;
use mock_ivs_chat::{Exception, Operation};
use mock_ivs_chat_conformance::{Endpoints, Progress, Running, Target, read_claims, run};
use serde_json::{Value, json};

use crate::cleanup::{CLAIM, count, start, start_mock};
use crate::support::claims_folder;

/// The first room and its deletion are those by which the program sees whether it can use the
/// target.
const CHECKED: usize = 1;

#[test]
fn a_deletion_that_fails_is_tried_again_at_the_end() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let failure = Exception::validation("not now");
    ivs.on_operation(Operation::DeleteRoom).after(CHECKED).once().fail(failure);
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(count(&ivs), [0, 0], "{ended:?}");
    assert!(ended.status.success(), "{ended:?}");
    assert!(!ended.stderr.contains("not deleted"), "{ended:?}");
}

#[test]
fn a_resource_that_cannot_be_deleted_is_named_with_the_reason() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let failure = Exception::validation("it is loved");
    ivs.on_operation(Operation::DeleteRoom).after(CHECKED).fail(failure);
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    let rooms = ivs.rooms();
    let line = format!("not deleted: {}: 400 ValidationException", rooms[0].arn());
    assert_eq!(ended.stderr.matches("not deleted: ").count(), 2, "{ended:?}");
    assert!(ended.stderr.contains(&line), "{ended:?}");
    assert!(ended.stderr.contains("it is loved"), "{ended:?}");
    assert!(ended.stderr.contains("not deleted: arn:aws:ivschat:us-west-2:123456789012:logging-"));
    assert!(ended.stderr.contains("--clean"), "{ended:?}");
}

#[test]
fn a_creation_without_a_response_leaves_nothing() {
    for operation in [Operation::CreateRoom, Operation::CreateLoggingConfiguration] {
        let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
        let skipped = if operation == Operation::CreateRoom { CHECKED } else { 0 };
        ivs.on_operation(operation).after(skipped).once().close_in_head();
        ivs.create_room("of-somebody-else");
        let ended = start(&ivs, &folder, &[CLAIM]).end();
        assert_eq!(ended.status.code(), Some(1), "the claim differs: {ended:?}");
        assert_eq!(count(&ivs), [1, 0], "only the room of somebody else stays: {ended:?}");
    }
}

#[test]
fn a_creation_with_an_unreadable_response_leaves_nothing() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    ivs.on_operation(Operation::CreateRoom).after(CHECKED).once().truncated_body();
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(1), "the claim differs: {ended:?}");
    assert_eq!(count(&ivs), [0, 0], "{ended:?}");
}

#[test]
fn a_room_that_cannot_be_looked_for_is_a_complaint() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    ivs.on_operation(Operation::CreateRoom).after(CHECKED).once().close_in_head();
    let refusal = Exception::new(403, "AccessDeniedException", "no listing");
    ivs.on_operation(Operation::ListRooms).fail(refusal);
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(ended.stderr.contains("CreateRoom"), "{ended:?}");
    assert!(ended.stderr.contains("ListRooms: 403 AccessDeniedException"), "{ended:?}");
}

#[test]
fn a_creation_that_never_happened_is_a_warning_and_no_complaint() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    ivs.on_operation(Operation::CreateRoom).after(CHECKED).once().reset();
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("warning: CreateRoom got no response"), "{ended:?}");
    assert_eq!(count(&ivs), [0, 0]);
}

#[test]
fn a_check_that_fails_leaves_nothing() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let mock = ivs.handle();
    // The room is there, and its response says nothing that the program could use.
    ivs.on_operation(Operation::CreateRoom).decide(move |call| {
        let room = mock.call(Operation::CreateRoom, Value::Object(call.request.clone())).unwrap();
        OperationVerdict::respond(200, json!({ "name": room["name"] }).to_string())
    });
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("a room without an ARN"), "{ended:?}");
    assert_eq!(count(&ivs), [0, 0], "{ended:?}");
}

#[test]
fn a_check_without_a_response_leaves_nothing() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    ivs.on_operation(Operation::CreateRoom).close_in_head();
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("the target cannot be called"), "{ended:?}");
    assert_eq!(count(&ivs), [0, 0], "{ended:?}");
}

#[test]
fn a_room_of_the_check_that_stays_is_a_complaint() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    ivs.on_operation(Operation::DeleteRoom).fail(Exception::validation("it is loved"));
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(ended.stderr.contains(&format!("not deleted: {}", ivs.rooms()[0].arn())), "{ended:?}");
}

#[test]
fn resources_that_are_left_are_named_although_the_results_cannot_be_written() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let out = folder.path().join("out");
    let blocked = out.join("recording.json");
    // The place is free at the beginning, and taken when the results are written.
    ivs.on_operation(Operation::DeleteRoom).after(CHECKED).decide(move |_| {
        fs::create_dir_all(&blocked).unwrap();
        OperationVerdict::Fail(Exception::validation("it is loved"))
    });
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(ended.stderr.contains("not deleted: "), "{ended:?}");
    assert!(ended.stderr.contains("recording.json"), "{ended:?}");
}

#[test]
fn results_that_could_not_be_written_stop_the_run_before_it_starts() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("out"), "this is not a folder").unwrap();
    let ended = start(&ivs, &folder, &[CLAIM]).end();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("cannot write results"), "{ended:?}");
    assert_eq!(ivs.log().to_string().matches("CreateRoom").count(), 0, "nothing was spent");
}

#[test]
fn the_rest_of_other_runs_is_deleted_although_a_part_cannot_be_listed() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let refusal = Exception::new(403, "AccessDeniedException", "no listing");
    ivs.on_operation(Operation::ListLoggingConfigurations).once().fail(refusal);
    let name = "mock-ivs-chat-conformance-1-lobby";
    ivs.call(Operation::CreateRoom, json!({ "name": name })).unwrap();
    ivs.create_room("of-somebody-else");
    let ended = start(&ivs, &folder, &["--clean"]).end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(ended.stdout.contains("1 resources deleted"), "{ended:?}");
    assert!(ended.stderr.contains("ListLoggingConfigurations: 403"), "{ended:?}");
    assert_eq!(count(&ivs), [1, 0], "the room is known by its name");
}

#[test]
fn a_panic_outside_of_the_scripts_leaves_nothing() {
    let ivs = start_mock();
    ivs.on_operation(Operation::DeleteRoom).once().fail(Exception::validation("not now"));
    let claims = read_claims(claims_folder(), &["control-plane/rooms-are-created".into()]);
    let claims = claims.unwrap();
    let endpoints = Endpoints {
        control: ivs.endpoint_url(),
        messaging: ivs.ws_url(),
        region: "us-west-2".into(),
        patience: Duration::from_secs(10),
        ..Endpoints::default()
    };
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let running = Running::start(Target::Url(endpoints), "panics").unwrap();
        run(&claims, &running, Duration::ZERO, |progress| {
            if let Progress::Ends(_) = progress {
                assert_eq!(count(&ivs), [1, 0], "the deletion has failed");
                panic!("the program has a mistake");
            }
        });
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"the program has a mistake"));
    assert_eq!(count(&ivs), [0, 0]);
}

/// Ends the program while a call gets no response, and never will.
fn interrupt_at(operation: Operation, skipped: usize) -> String {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let gate = ivs.on_operation(operation).after(skipped).once().hold();
    let program = start(&ivs, &folder, &[CLAIM]);
    gate.reached().wait();
    let started = Instant::now();
    program.signal("INT");
    let ended = program.end();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_eq!(count(&ivs), [0, 0], "{ended:?}");
    ended.stderr
}

#[test]
fn an_interrupt_does_not_wait_for_a_call_that_hangs() {
    let stderr = interrupt_at(Operation::GetRoom, 0);
    assert!(stderr.contains("ending: "), "{stderr}");
}

#[test]
fn an_interrupt_does_not_wait_for_a_creation_that_hangs() {
    interrupt_at(Operation::CreateRoom, CHECKED);
    interrupt_at(Operation::CreateLoggingConfiguration, 0);
}

#[test]
fn a_second_interrupt_stops_the_deletion_and_names_what_is_left() {
    let (ivs, folder) = (start_mock(), tempfile::tempdir().unwrap());
    let gate = ivs.on_operation(Operation::GetRoom).hold();
    let deletion = ivs.on_operation(Operation::DeleteRoom).after(CHECKED).hold();
    let program = start(&ivs, &folder, &[CLAIM]);
    gate.reached().wait();
    program.signal("INT");
    deletion.reached().wait();
    program.signal("INT");
    program.wait_for_error("stopping");
    let ended = program.end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(ended.stderr.contains("not deleted: arn:aws:ivschat:"), "{ended:?}");
}
