//! Hosts: whatever names a host that does not belong to the target, nothing reaches it.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::path::Path;

use mock_ivs_chat::{MockIvsChat, Operation};
use tempfile::TempDir;

use crate::support::{Ended, Program};

/// A host that must not be reached.
struct Foreign(TcpListener);

impl Foreign {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn authority(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn url(&self) -> String {
        format!("http://{}/", self.authority())
    }

    /// Checks that no connection has been opened. The system accepts them without this program, so
    /// one that was opened is waiting here.
    #[track_caller]
    fn assert_untouched(&self) {
        let accepted = self.0.accept();
        let error = accepted.map(|(_, peer)| peer).expect_err("a connection was opened");
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    }
}

/// A run against the target `url`.
struct Run {
    control: String,
    messaging: String,
    folder: TempDir,
}

impl Run {
    fn on(ivs: &MockIvsChat) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { control: ivs.endpoint_url(), messaging: ivs.ws_url(), folder }
    }

    fn run(&self, more: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut arguments = vec!["url", "--control", &self.control, "--messaging", &self.messaging];
        let out = self.folder.path().join("out").display().to_string();
        arguments.extend(["--out", &out]);
        arguments.extend(more);
        Program::start(arguments, variables).end()
    }
}

#[test]
fn a_foreign_host_that_is_reached_is_noticed() {
    let foreign = Foreign::start();
    let _stream = std::net::TcpStream::connect(foreign.authority()).unwrap();
    let noticed = std::panic::catch_unwind(|| foreign.assert_untouched());
    assert!(noticed.is_err(), "the other tests of this file would prove nothing");
}

#[test]
fn a_redirect_of_a_call_is_not_followed() {
    let (foreign, ivs) = (Foreign::start(), MockIvsChat::start());
    for status in [301, 302, 303, 307, 308] {
        let location = [("location", foreign.url())];
        ivs.on_operation(Operation::GetRoom).once().respond_with_headers(status, "", location);
    }
    let claims = [
        "control-plane/rooms-are-created",
        "control-plane/members-of-a-plain-room",
        "control-plane/every-member-of-a-new-room",
        "control-plane/null-members",
        "control-plane/handler-without",
    ];
    let ended = Run::on(&ivs).run(&claims, &[]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stdout.contains("0 same, 5 different"), "{}", ended.stdout);
    assert!(ended.stdout.contains("+   http < 307"), "{}", ended.stdout);
    foreign.assert_untouched();
}

#[test]
fn a_redirect_of_a_handshake_is_not_followed() {
    let (foreign, ivs) = (Foreign::start(), MockIvsChat::start());
    let redirecting = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut run = Run::on(&ivs);
    run.messaging = format!("ws://{}", redirecting.local_addr().unwrap());
    let location = foreign.url();
    // It ends with the test program.
    std::thread::spawn(move || {
        for stream in redirecting.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let response = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    let ended = run.run(&["messaging/members-of-a-message", "--patience", "100ms"], &[]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stdout.contains("handshake refused 307"), "{}", ended.stdout);
    foreign.assert_untouched();
}

#[test]
fn a_path_of_a_script_cannot_name_another_host() {
    let (foreign, ivs) = (Foreign::start(), MockIvsChat::start());
    let run = Run::on(&ivs);
    let claims = run.folder.path().join("claims/control-plane");
    fs::create_dir_all(&claims).unwrap();
    let authority = foreign.authority();
    let story = format!(
        "request POST \"@{authority}/ListRooms\" body {{}}\n\
         request POST \"http://{authority}/ListRooms\" body {{}}\n\
         request POST \"//{authority}/ListRooms\" body {{}}\n\
         request POST \"/ListRooms\" with host=\"{authority}\" body {{}}\n\
         room lobby\n\
         user alice in lobby\n\
         alice connects at \"@{authority}/\"\n"
    );
    let header = "claim: control-plane/elsewhere\nkind: error response\ncovers: ListRooms\nrequires: wire\nfact: It is so.\nprovenance: documented\nsource: a page\n";
    fs::write(claims.join("elsewhere.claim"), format!("{header}---\n{story}---\n")).unwrap();
    let folder = claims.parent().unwrap().display().to_string();
    let ended = run.run(&["--claims", &folder, "--patience", "100ms"], &[]);
    assert!(
        ended.stderr.contains(&format!("refused: {authority} does not belong to the target")),
        "{ended:?}"
    );
    foreign.assert_untouched();
}

#[test]
fn variables_that_name_endpoints_and_proxies_are_not_used() {
    let (foreign, ivs) = (Foreign::start(), MockIvsChat::start());
    let url = foreign.url();
    let names = [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_IVSCHAT",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let variables = names.map(|name| (name, url.as_str()));
    let ended = Run::on(&ivs)
        .run(&["messaging/members-of-a-message", "control-plane/rooms-are-created"], &variables);
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stdout.contains("2 same, 0 different"), "{}", ended.stdout);
    foreign.assert_untouched();
}

#[test]
fn credentials_are_not_asked_for_at_other_hosts() {
    let (foreign, ivs) = (Foreign::start(), MockIvsChat::start());
    let (url, run) = (foreign.url(), Run::on(&ivs));
    let token = run.folder.path().join("token");
    fs::write(&token, "a token of an identity provider").unwrap();
    let token = token.display().to_string();
    let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())];
    let identity = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/tester"),
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
        ("AWS_ENDPOINT_URL", url.as_str()),
    ];
    for variables in [&container[..], &identity[..]] {
        let mut variables = variables.to_vec();
        // Without keys the chain goes on to the next provider.
        variables.extend([("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]);
        variables.push(("AWS_CONFIG_FILE", "/nonexistent"));
        variables.push(("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"));
        let ended = run.run(&["--credentials", "messaging/members-of-a-message"], &variables);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        let refusal = format!("{} does not belong to the target", foreign.authority());
        assert!(ended.stderr.contains(&refusal), "{}", ended.stderr);
        assert!(!Path::new(&run.folder.path().join("out")).exists(), "nothing was played");
    }
    foreign.assert_untouched();
}
