//! The command line: options, output, exit codes and signals.

use std::fs;
#[cfg(unix)]
use std::process::Command;

use serde_json::json;

use crate::support::{Server, command};

#[test]
fn urls_come_first_and_are_ready_to_use() {
    let server = Server::start(&["--room", "lobby", "--user-token", "alice"]);
    let names: Vec<_> = server.lines.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["http_url", "ws_url", "room_arn", "user_token"]);
    assert_eq!(server.line("room_arn"), "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001");
    assert_eq!(server.get("/status")["urls"]["ws"], server.line("ws_url"));
}

#[test]
fn help_names_each_option_and_succeeds() {
    let output = command(&["--help"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for option in [
        "port",
        "bind",
        "tls",
        "ca-file",
        "room",
        "user-token",
        "region",
        "account-id",
        "token-lifetime",
        "unlimited",
        "frozen-at",
        "log",
        "state",
        "config",
        "host-name",
    ] {
        assert!(text.contains(&format!("--{option}")), "{option}: {text}");
    }
}

fn mistake(arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_wrong_option_is_explained_with_exit_code_2() {
    for (arguments, expected) in [
        (&["--prot", "1"][..], "a similar argument exists: '--port'"),
        (&["--port", "many"], "invalid value 'many' for '--port <PORT>'"),
        (&["--host-name", "a b/c"], "invalid value 'a b/c' for '--host-name <NAME>'"),
        (&["--host-name", "localhost:80"], "a host name has no scheme, port or path"),
        (&["--frozen-at", "noon"], "invalid value 'noon' for '--frozen-at <TIME>'"),
        (&["--token-lifetime", "soon"], "invalid value 'soon' for '--token-lifetime <DURATION>'"),
        (&["--frozen-at", "3000-01-01T00:00:00Z"], "and 2554-07-21T23:34:33.709551615Z"),
        (&["--ca-file", "ca.pem"], "--ca-file needs --tls"),
        (&["--tls", "--ca-file", "ca.key"], "must not end in .key"),
        (&["--tls", "--ca-file", "ca.KEY"], "must not end in .key"),
        (&["--log", "xml"], "possible values: text, json"),
        (&["--config", "/nowhere/a.toml"], "/nowhere/a.toml: "),
    ] {
        let (code, text) = mistake(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn a_start_that_fails_is_explained_with_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, text) = mistake(&["--port", &port]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("cannot listen on 127.0.0.1:{port}: ")), "{text}");
    let (code, text) = mistake(&["--user-token", "alice"]);
    assert_eq!(
        (code, text.as_str()),
        (Some(1), "mock-ivs-chat: --user-token alice needs a room: add --room NAME\n")
    );
    let (code, text) = mistake(&["--room", "a room"]);
    assert!(code == Some(1) && text.contains("--room a room: ValidationException"), "{text}");
}

#[cfg(unix)]
#[test]
fn signals_end_the_program_successfully() {
    for signal in ["-TERM", "-INT"] {
        let server = Server::with_lobby();
        let killed = Command::new("kill").args([signal, &server.id().to_string()]).status();
        assert!(killed.unwrap().success());
        assert_eq!(server.wait().0, Some(0), "{signal}");
    }
}

#[test]
fn options_shape_the_mock() {
    let server = Server::start(&[
        "--room",
        "lobby",
        "--room",
        "stage",
        "--region",
        "eu-west-1",
        "--account-id",
        "210987654321",
        "--frozen-at",
        "2027-05-01T00:00:00Z",
        "--token-lifetime",
        "1m",
    ]);
    let rooms = server.get("/rooms");
    assert_eq!(
        rooms["rooms"][1]["arn"],
        "arn:aws:ivschat:eu-west-1:210987654321:room/Room00000002"
    );
    assert_eq!(server.get("/clock"), json!({ "now": "2027-05-01T00:00:00Z", "frozen": true }));
    let token = server.post("/rooms/stage/tokens", &json!({ "userId": "alice" }));
    assert_eq!(token["tokenExpirationTime"], "2027-05-01T00:01:00Z");
}

#[test]
fn unlimited_lifts_rates_and_not_sizes() {
    let server = Server::start(&["--room", "lobby", "--frozen-at", "2026-01-01T00:00:00Z"]);
    let unlimited =
        Server::start(&["--room", "lobby", "--frozen-at", "2026-01-01T00:00:00Z", "--unlimited"]);
    for (server, throttled) in [(&server, true), (&unlimited, false)] {
        for _ in 0..12 {
            server.say("alice", "hello");
        }
        assert_eq!(server.log().contains("\"ErrorCode\":429"), throttled);
        server.say("bob", &"x".repeat(501));
        assert!(server.log().contains("\"ErrorCode\":400"));
    }
}

#[test]
fn a_configuration_file_has_the_same_options() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mock.toml");
    let name = file.to_str().unwrap();
    fs::write(&file, "room = [\"lobby\", \"stage\"]\nregion = \"eu-west-1\"\nunlimited = true\n")
        .unwrap();
    let server = Server::start(&["--config", name]);
    assert_eq!(server.get("/rooms")["rooms"].as_array().unwrap().len(), 2);
    // The command line has precedence.
    let server = Server::start(&["--config", name, "--room", "attic", "--region", "us-east-1"]);
    let rooms = server.get("/rooms");
    assert_eq!(rooms["rooms"].as_array().unwrap().len(), 1);
    assert!(rooms["rooms"][0]["arn"].as_str().unwrap().contains(":us-east-1:"));
    for (text, expected) in [
        ("rooms = [\"lobby\"]", "unknown option `rooms`; options: "),
        ("port = \"many\"", "invalid value 'many' for '--port <PORT>'"),
        ("port = [1", "mock.toml: "),
        ("port = 1.5", "`port` cannot be a float"),
    ] {
        fs::write(&file, text).unwrap();
        let (code, message) = mistake(&["--config", name]);
        assert!(code == Some(2) && message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn an_option_of_the_command_line_may_need_one_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, ca_file) = (folder.path().join("mock.toml"), folder.path().join("ca.pem"));
    let arguments = ["--config", file.to_str().unwrap(), "--ca-file", ca_file.to_str().unwrap()];
    fs::write(&file, "tls = true\n").unwrap();
    let server = Server::start(&arguments);
    assert!(server.line("https_url").starts_with("https://"));
    assert!(ca_file.exists());
    assert_eq!(server.get("/status")["caFile"], ca_file.to_str().unwrap());
    fs::write(&file, "tls = false\n").unwrap();
    let (code, text) = mistake(&arguments);
    assert!(code == Some(2) && text.contains("--ca-file needs --tls"), "{text}");
}

#[test]
fn the_log_is_printed_as_it_grows() {
    use std::io::BufRead;
    for (format, expected) in
        [("text", "alice > {\"Action\""), ("json", "\"kind\":\"frame_received\"")]
    {
        let mut server = Server::start(&["--room", "lobby", "--log", format]);
        server.say("alice", "hello");
        let mut line = String::new();
        while !line.contains(expected) {
            line.clear();
            assert!(server.output.read_line(&mut line).unwrap() > 0, "{format}: the output ended");
        }
    }
}

#[test]
fn lint_findings_are_printed_as_they_occur() {
    use std::io::{BufRead, BufReader, Read, Write};
    let mut child = command(&["--room", "lobby", "--user-token", "alice"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let url = lines.next().unwrap();
    let token = lines.find_map(|line| line.strip_prefix("user_token=").map(str::to_owned)).unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {token}\r\n\r\n"
    );
    let addr = url.strip_prefix("http_url=http://").unwrap();
    let clients = [101, 401].map(|status| {
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        client.set_read_timeout(Some(crate::support::LIMIT)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 12];
        client.read_exact(&mut head).unwrap();
        assert_eq!(String::from_utf8_lossy(&head), format!("HTTP/1.1 {status}"));
        client
    });
    let (sender, printed) = std::sync::mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || sender.send(stderr.lines().next()));
    // Without a finding the program prints nothing, and the wait ends with an error.
    let line = printed.recv_timeout(crate::support::LIMIT);
    drop(clients);
    child.kill().unwrap();
    child.wait().unwrap();
    let line = line.expect("a finding is printed").unwrap().unwrap();
    assert!(line.starts_with("mock-ivs-chat: lint: token-reused at "), "{line}");
}
