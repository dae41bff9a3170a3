//! Pictures and exports: pages, Mermaid, JSON Lines and HAR.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirEntry;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use mock_ivs_chat::{Clock, MockIvsChat};
use serde_json::Value;

fn mock() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start()
}

#[test]
fn a_page_needs_nothing_but_itself_and_takes_no_text_for_html() {
    let ivs = mock();
    let alice = ivs.create_room("lobby").participant("<b>alice</b>");
    alice.send_message("<script>alert('hi')</script> & \"more\"");
    alice.send_raw("no JSON");
    let page = ivs.log().to_html("a <test>");
    for foreign in ["<script", "http:", "https:", "src=", "@import", "url(", "<b>alice"] {
        assert!(!page.contains(foreign), "{foreign} in {page}");
    }
    assert!(page.contains("<h1>a &lt;test&gt;</h1>"));
    assert!(page.contains("frame-unreadable"));
    assert_eq!(page.matches("<details").count(), page.matches("</details>").count());
}

#[test]
fn no_view_and_no_export_shows_a_token() {
    let ivs = mock();
    let token = ivs.create_room("lobby").chat_token("alice").create().token;
    let response = connect_with(&ivs, &token);
    assert!(response.starts_with("HTTP/1.1 101"), "{response}");
    let again = connect_with(&ivs, &token);
    assert!(again.starts_with("HTTP/1.1 401"), "{again}");
    let log = ivs.log();
    let texts = [
        log.to_string(),
        log.per_connection().to_string(),
        log.timeline(),
        log.to_html("tokens"),
        log.to_mermaid(),
        log.to_json_lines(),
        log.to_har(),
        serde_json::to_string(&log).expect("a log is JSON"),
        format!("{log:?}"),
    ];
    let part = &token[..20];
    for text in texts {
        assert!(!text.contains(part), "{text}");
    }
    assert!(log.to_string().contains("chat token was already used ([token-1])"), "{log}");
}

/// Offers a token in a handshake; returns the head of the answer.
fn connect_with(ivs: &MockIvsChat, token: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(ivs.addr()).expect("it listens");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("it answers") > 0 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn json_lines_have_the_exact_text_of_each_frame() {
    let ivs = mock();
    let alice = ivs.create_room("lobby").participant("alice");
    let frame = r#"{ "Action":"SEND_MESSAGE", "RequestId":"11111111-2222-4333-8444-555555555555", "Content":"hi" }"#;
    alice.send_raw(frame);
    let lines: Vec<Value> = ivs
        .log()
        .to_json_lines()
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    assert_eq!(lines.len(), ivs.log().entries().len());
    assert_eq!(lines[5]["text"], frame);
    assert_eq!(lines[6]["cause"], 5);
    assert_eq!(lines[6]["at"], "2026-01-01T00:00:00Z");
}

#[test]
fn a_har_file_has_calls_and_frames_in_the_form_of_browsers() {
    let ivs = mock();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    alice.send_message("hi");
    room.send_event("app:poll", [("question", "tea?")]);
    let har: Value = serde_json::from_str(&ivs.log().to_har()).expect("a HAR file is JSON");
    assert_eq!(har["log"]["version"], "1.2");
    assert_eq!(har["log"]["entries"][0]["_resourceType"], "fetch");
    let entries = har["log"]["entries"].as_array().expect("a list");
    let urls: Vec<_> = entries.iter().map(|entry| &entry["request"]["url"]).collect();
    assert_eq!(
        urls,
        [
            "http://localhost/CreateRoom",
            "http://localhost/CreateChatToken",
            "ws://localhost/",
            "http://localhost/SendEvent"
        ]
    );
    for entry in entries {
        for member in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(entry.get(member).is_some(), "{member} is missing in {entry:#}");
        }
    }
    assert_eq!(entries[0]["response"]["status"], 200);
    let messages = entries[2]["_webSocketMessages"].as_array().expect("a list");
    let kinds: Vec<_> = messages.iter().map(|m| (&m["type"], &m["opcode"])).collect();
    let (send, receive, text) = ("send".into(), "receive".into(), 1.into());
    assert_eq!(kinds, [(&send, &text), (&receive, &text), (&receive, &text)]);
}

/// Runs a test of this binary by itself, with a folder for pages; returns their names and texts.
fn pages_of(test: &str, variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let case = variables.iter().map(|(_, value)| *value).collect::<String>();
    // The suite may run several times concurrently.
    let folder = format!("{test}-{case}-pages-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let status = Command::new(env::current_exe().expect("a test runs from a file"))
        .args(["--exact", &format!("log_pictures::{test}")])
        .env_remove("MOCK_IVS_CHAT_LOG")
        .env("MOCK_IVS_CHAT_LOG_DIR", &folder)
        .envs(variables.iter().copied())
        .output()
        .expect("the test can be run");
    assert!(status.status.success(), "{status:?}");
    let Ok(files) = fs::read_dir(&folder) else { return BTreeMap::new() };
    let page = |file: io::Result<DirEntry>| {
        let file = file.expect("a file");
        let text = fs::read_to_string(file.path()).expect("a page");
        (file.file_name().into_string().expect("a plain name"), text)
    };
    let pages = files.map(page).collect();
    fs::remove_dir_all(&folder).expect("the folder is the test's own");
    pages
}

/// Panics with a mock, as a failing test does, and with a second one.
fn fail() {
    let failure = std::panic::catch_unwind(|| {
        let _first = mock();
        let second = mock();
        second.create_room("lobby");
        panic!("a failure");
    });
    assert!(failure.is_err());
}

#[test]
fn mocks_that_fail() {
    fail();
}

#[test]
fn a_mock_that_succeeds() {
    mock().create_room("lobby");
}

#[test]
fn a_test_that_fails_leaves_a_page_of_each_mock() {
    let pages = pages_of("mocks_that_fail", &[]);
    let ends = [".log_pictures..mocks_that_fail-2.html", ".log_pictures..mocks_that_fail.html"];
    let programs: BTreeSet<_> =
        pages.keys().zip(ends).map(|(name, end)| name.strip_suffix(end)).collect();
    assert_eq!((pages.len(), programs.len()), (2, 1), "{:?}", pages.keys());
    assert!(programs.iter().all(|program| program.is_some_and(|p| !p.is_empty())));
    let texts: String = pages.into_values().collect();
    assert!(texts.contains("CreateRoom"), "{texts}");
}

#[test]
fn a_test_that_succeeds_leaves_a_page_only_where_it_is_asked_for() {
    assert_eq!(pages_of("a_mock_that_succeeds", &[]).len(), 0);
    assert_eq!(pages_of("a_mock_that_succeeds", &[("MOCK_IVS_CHAT_LOG", "always")]).len(), 1);
}
