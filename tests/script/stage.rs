//! Stage: what a way to run the mock must offer, so that a script can be played on it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::hook::Hook;
use super::review::ReviewRule;

/// A mock whose clock stands still at [`START`], with the clients of a story.
///
/// Each call returns when nothing that follows from it is under way any more; what waits for the
/// clock, for a gate or for nothing at all is not. An error means that the script asks for
/// something impossible; a refusal by the service is not an error, but a part of the transcript.
pub(crate) trait Stage {
    /// Whether requests and frames reach this stage as bytes. Scripts that require `wire` are
    /// played on such stages only.
    const HAS_WIRE: bool;
    /// Whether the mock can demand that requests are signed.
    const HAS_SIGNATURES: bool;

    /// Calls an operation on behalf of the test; returns the response.
    fn prepare(&mut self, operation: &str, request: Map<String, Value>) -> Result<Value, String>;

    /// Creates a token with this request, and lets a participant in without a handshake.
    fn join(&mut self, client: &str, request: Map<String, Value>) -> Result<(), String>;

    /// Calls an operation over HTTP; returns the members of the response, if there is one. The
    /// response may come later, or never.
    fn call(&mut self, request: &HttpRequest) -> Result<Option<Value>, String>;

    /// Sends an HTTP request as it stands. The response may come later, or never.
    fn request(&mut self, request: &RawRequest) -> Result<(), String>;

    /// Starts a WebSocket handshake. The response may come later, or never.
    fn connect(&mut self, client: &str, handshake: &Handshake) -> Result<(), String>;

    fn send(&mut self, client: &str, payload: &Payload) -> Result<(), String>;

    /// Closes a connection with a close frame.
    fn close(&mut self, client: &str, code: Option<u16>, reason: &str) -> Result<(), String>;

    /// Ends a connection without a close frame.
    fn vanish(&mut self, client: &str) -> Result<(), String>;

    fn install(&mut self, hook: &Hook) -> Result<(), String>;

    /// Removes the hook of this name.
    fn remove_hook(&mut self, name: &str) -> Result<(), String>;

    /// Releases a gate at which a hook makes events wait.
    fn release(&mut self, gate: &str, releases_all: bool) -> Result<(), String>;

    /// Adds a rule to the review function of this ARN.
    fn add_review_rule(&mut self, function_arn: &str, rule: ReviewRule);

    fn advance(&mut self, duration: Duration);

    /// Returns the transcript of the mock, after a check that the clients saw what it says.
    fn transcript(&mut self) -> Result<String, String>;
}

/// The moment at which each story begins.
pub(crate) const START: &str = "2026-01-01T00:00:00Z";

/// The data that a client writes to its WebSocket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Payload {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
}

/// The handshake of a WebSocket client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Handshake {
    /// The values of `Sec-WebSocket-Protocol`.
    pub(crate) tokens: Vec<String>,
    /// The path and the query.
    pub(crate) path: String,
    /// Further headers.
    pub(crate) headers: BTreeMap<String, String>,
}

/// An HTTP request as it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RawRequest {
    /// Whether a runner adds a signature if the target demands one.
    pub(crate) is_signed: bool,
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A call of the control plane as it goes over HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HttpRequest {
    pub(crate) operation: String,
    /// The members of the request, wherever they go.
    pub(crate) members: Map<String, Value>,
    pub(crate) method: &'static str,
    /// The path and the query.
    pub(crate) target: String,
    pub(crate) body: String,
}

impl HttpRequest {
    pub(crate) fn new(operation: &str, mut request: Map<String, Value>) -> Self {
        let members = request.clone();
        let (method, target) = match operation {
            "ListTagsForResource" | "TagResource" | "UntagResource" => {
                let arn = request.remove("resourceArn");
                let arn = arn.as_ref().and_then(Value::as_str).unwrap_or_default();
                let path = format!("/tags/{}", percent_encode(arn));
                match operation {
                    "ListTagsForResource" => ("GET", path),
                    "TagResource" => ("POST", path),
                    _ => {
                        let keys = request.remove("tagKeys");
                        let keys = keys.as_ref().and_then(Value::as_array).into_iter().flatten();
                        let query: Vec<String> = keys
                            .filter_map(Value::as_str)
                            .map(|key| format!("tagKeys={}", percent_encode(key)))
                            .collect();
                        ("DELETE", format!("{path}?{}", query.join("&")))
                    }
                }
            }
            _ => ("POST", format!("/{operation}")),
        };
        let has_body = method == "POST";
        let body = if has_body { Value::Object(request).to_string() } else { String::new() };
        Self { operation: operation.into(), members, method, target, body }
    }
}

/// Encodes a text for one segment of a path, as AWS's SDKs do.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
