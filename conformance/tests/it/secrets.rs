//! Secrets: whatever a service says about an account, a user or a key, it does not get into a file.

use std::fs;
use std::sync::{Arc, Mutex};

use mock_ivs_chat::hook::{HandshakeVerdict, OperationVerdict};
use mock_ivs_chat::{Exception, MockIvsChat, Operation};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{ACCESS_KEY, Ended, Program, SECRET_KEY};

/// Texts that no file may have. They are made up, in the form of those of AWS.
const SECRETS: [&str; 16] = [
    "210987654321",
    "345678901234",
    "5566-7788-9900",
    "jane",
    "Administrator",
    "payroll",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAY34FZKBOKMUTVV7A",
    "AROAJ2UCCR6DPCEXAMPLE",
    "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDgy8K8",
    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    "wJalrXUtnFEMI9K7MDENG5bPxRfiCYEXAMPLEKEZ",
    "AQICAHzdX0BlcnhQx2ZtZGVyR3VhcmRlZFRva2VuRXhhbXBsZQ",
    "opaque",
    ACCESS_KEY,
    SECRET_KEY,
];

/// The texts of a service that says too much.
fn indiscretions() -> Vec<String> {
    vec![
        "User: arn:aws:iam::210987654321:user/jane is not authorized to perform: ivschat:GetRoom \
         on resource: arn:aws:ivschat:us-west-2:210987654321:room/aB3dE6gH9jKl"
            .into(),
        "User: arn:aws:sts::345678901234:assumed-role/Administrator/jane@example.com is not \
         authorized with an explicit deny in arn:aws:iam::345678901234:policy/payroll"
            .into(),
        "account 345678901234, also known as 5566-7788-9900, of AROAJ2UCCR6DPCEXAMPLE:jane".into(),
        "the access key AKIAIOSFODNN7EXAMPLE or ASIAY34FZKBOKMUTVV7A is not active".into(),
        format!("the key {ACCESS_KEY} with {SECRET_KEY} is not active"),
        "The Canonical String for this request should have been\n'POST\n/GetRoom\n\nhost:ivschat\n\
         x-amz-security-token:IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDgy8K8\n\n\
         host;x-amz-date\n5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7'"
            .into(),
        "Authorization: AWS4-HMAC-SHA256 \
         Credential=AKIAIOSFODNN7EXAMPLE/20261126/us-west-2/ivschat/aws4_request, \
         SignedHeaders=host, Signature=opaque"
            .into(),
        "?X-Amz-Security-Token=opaque&X-Amz-Credential=opaque%2F20261126&X-Amz-Signature=opaque"
            .into(),
        "Authorization: Bearer opaque".into(),
        "secret wJalrXUtnFEMI9K7MDENG5bPxRfiCYEXAMPLEKEZ and token \
         AQICAHzdX0BlcnhQx2ZtZGVyR3VhcmRlZFRva2VuRXhhbXBsZQ"
            .into(),
    ]
}

/// Plays a claim against a service that says this. Only keys that the program really has need the
/// credential chain, which takes longer.
fn play(ivs: &MockIvsChat, folder: &TempDir, claim: &str, text: &str) -> Ended {
    let (control, messaging) = (ivs.endpoint_url(), ivs.ws_url());
    let out = folder.path().join("out").display().to_string();
    let mut arguments = vec!["url", "--control", &control, "--messaging", &messaging];
    if text.contains(SECRET_KEY) {
        arguments.push("--credentials");
    }
    // Nothing that comes later matters here.
    arguments.extend(["--patience", "100ms", "--out", &out, claim]);
    Program::start(arguments, &[]).end()
}

/// Checks that the files of a run have no secret; returns their texts together.
#[track_caller]
fn assert_discreet(folder: &TempDir) -> String {
    let mut all = String::new();
    for name in ["recording.json", "table.json", "table.md"] {
        let text = fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        for secret in SECRETS {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{name} has `{secret}`: {}", line.unwrap());
        }
        all += &text;
    }
    all
}

#[test]
fn texts_of_refusals_are_written_without_secrets() {
    for text in indiscretions() {
        let (ivs, folder) = (MockIvsChat::start(), tempfile::tempdir().unwrap());
        let refusal = Exception::access_denied(&text);
        ivs.on_operation(Operation::GetRoom).fail(refusal);
        let ended = play(&ivs, &folder, "control-plane/every-member-of-a-new-room", &text);
        assert_eq!(ended.status.code(), Some(1), "{text}: {ended:?}");
        let written = assert_discreet(&folder);
        assert!(written.contains("403 AccessDeniedException"), "{written}");
    }
}

#[test]
fn texts_that_end_a_story_are_written_without_secrets() {
    for text in indiscretions() {
        let (ivs, folder) = (MockIvsChat::start(), tempfile::tempdir().unwrap());
        // The first room is that of the check.
        let refusal = Exception::access_denied(&text);
        ivs.on_operation(Operation::CreateRoom).after(1).fail(refusal);
        let ended = play(&ivs, &folder, "messaging/members-of-a-message", &text);
        assert_eq!(ended.status.code(), Some(1), "{text}: {ended:?}");
        let written = assert_discreet(&folder);
        assert!(written.contains("the story cannot go on: "), "{written}");
    }
}

#[test]
fn bodies_and_handshakes_are_written_without_secrets() {
    for text in indiscretions() {
        let (ivs, folder) = (MockIvsChat::start(), tempfile::tempdir().unwrap());
        ivs.on_operation(Operation::GetRoom).respond(200, text.clone());
        let ended = play(&ivs, &folder, "control-plane/every-member-of-a-new-room", &text);
        assert_eq!(ended.status.code(), Some(1), "{text}: {ended:?}");
        assert_discreet(&folder);
        let (ivs, folder) = (MockIvsChat::start(), tempfile::tempdir().unwrap());
        ivs.on_handshake().refuse(403, text.clone());
        let ended = play(&ivs, &folder, "messaging/members-of-a-message", &text);
        assert_eq!(ended.status.code(), Some(1), "{text}: {ended:?}");
        assert_discreet(&folder);
    }
}

#[test]
fn a_chat_token_that_the_service_repeats_is_not_written() {
    let (ivs, folder) = (MockIvsChat::start(), tempfile::tempdir().unwrap());
    let mock = ivs.handle();
    let issued = Arc::<Mutex<String>>::default();
    let latest = Arc::clone(&issued);
    ivs.on_operation(Operation::CreateChatToken).decide(move |call| {
        let created = mock.call(Operation::CreateChatToken, Value::Object(call.request.clone()));
        let created = created.unwrap();
        *latest.lock().unwrap() = created["token"].as_str().unwrap().to_owned();
        OperationVerdict::respond(200, created.to_string())
    });
    let latest = Arc::clone(&issued);
    ivs.on_handshake().decide(move |_| {
        let token = latest.lock().unwrap().clone();
        HandshakeVerdict::refuse(403, format!("the token {token} is stale"))
    });
    let ended = play(&ivs, &folder, "messaging/members-of-a-message", "");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let written = assert_discreet(&folder);
    assert!(written.contains("is stale"), "{written}");
    let token = issued.lock().unwrap().clone();
    assert!(!token.is_empty());
    assert!(!written.contains(&token), "`{token}` is in {written}");
}
