//! Support: a running server, and clients of it.

use std::collections::BTreeMap;
#[cfg(unix)]
use std::io::Read;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Far above what a busy machine needs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A running server, which is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Keeps the pipe open: a server whose output nobody reads ends.
    pub(crate) output: BufReader<ChildStdout>,
    pub(crate) lines: Vec<(String, String)>,
}

/// The status and the JSON of a response; text that is not JSON is a string.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program can be started");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
            if line.starts_with("ready") {
                break;
            }
            let (name, value) = line.trim_end().split_once('=').expect("a line is name=value");
            lines.push((name.to_owned(), value.to_owned()));
        }
        Self { child, output, lines }
    }

    /// Starts a server with the room `lobby`.
    pub(crate) fn with_lobby() -> Self {
        Self::start(&["--room", "lobby", "--frozen-at", "2026-01-01T00:00:00Z"])
    }

    pub(crate) fn line(&self, name: &str) -> &str {
        let found = self.lines.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("there is no line {name}: {:?}", self.lines)).1
    }

    pub(crate) fn url(&self) -> &str {
        self.line("http_url")
    }

    pub(crate) fn port(&self) -> u16 {
        self.url().rsplit(':').next().unwrap().parse().unwrap()
    }

    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Calls the control API.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let url = format!("{}/__admin{path}", self.url());
        send(method, &url, &[], body.map(ToString::to_string))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let response = self.call("GET", path, None);
        assert_eq!(response.status, 200, "GET {path}: {response:?}");
        response.body
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.call("POST", path, Some(body));
        assert!(response.status < 300, "POST {path}: {response:?}");
        response.body
    }

    pub(crate) fn delete(&self, path: &str) {
        let response = self.call("DELETE", path, None);
        assert_eq!(response.status, 204, "DELETE {path}: {response:?}");
    }

    /// Sends a message as a user, and returns the connection of its participant.
    pub(crate) fn say(&self, user: &str, content: &str) {
        let body = json!({ "userId": user, "content": content });
        self.post("/rooms/lobby/messages", &body);
    }

    pub(crate) fn token(&self, user: &str) -> String {
        let token = self.post("/rooms/lobby/tokens", &json!({ "userId": user }));
        token["token"].as_str().unwrap().to_owned()
    }

    /// The log as text.
    pub(crate) fn log(&self) -> String {
        self.get("/log").as_str().unwrap().to_owned()
    }

    /// Waits for the end of the program, and returns its exit code and the rest of its output.
    #[cfg(unix)]
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-ivs-chat"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Sends a request without a proxy, and returns the response whatever its status is.
pub(crate) fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<String>,
) -> Response {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(LIMIT))
        .proxy(None)
        .max_redirects(0)
        .build();
    let agent = config.new_agent();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let mut response = agent.run(request.body(body.unwrap_or_default()).unwrap()).unwrap();
    let media_type = response.headers().get("content-type").map(|value| value.to_str().unwrap());
    let media_type = media_type.unwrap_or_default().to_owned();
    let text = response.body_mut().read_to_string().unwrap();
    let is_json = media_type.contains("json") && !media_type.contains("jsonl");
    let body = if is_json { serde_json::from_str(&text).unwrap() } else { json!(text) };
    Response { status: response.status().as_u16(), media_type, body }
}

/// The members of an object, by name.
pub(crate) fn members(value: &Value) -> BTreeMap<String, Value> {
    value.as_object().unwrap().clone().into_iter().collect()
}
