//! Tests of the service as a value: inputs and times go in, outputs are compared as lines of text.

mod control;
mod logging;
mod memory;
mod messaging;
mod paging;
mod review;
mod session;

use serde_json::{Map, Value, json};

use crate::proto::exception::Exception;
use crate::proto::frame::Frame;
use crate::proto::operation::Operation;
use crate::proto::publish::Publish;
use crate::proto::timestamp::Timestamp;
use crate::service::control::ControlResult;
use crate::service::output::{Output, ReviewEnd, ReviewId, ReviewOutcome};
use crate::service::quota::Quotas;
use crate::service::session::Refusal;
use crate::service::{ConnectionId, Service, Settings};

/// A service with a clock that stands still until a test moves it.
struct Scene {
    service: Service,
    now: Timestamp,
    connections: u32,
}

impl Scene {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with_quotas(quotas: Quotas) -> Self {
        Self::with(Settings { quotas, ..Settings::default() })
    }

    fn with(settings: Settings) -> Self {
        let now = "2026-01-01T00:00:00.25Z".parse().unwrap();
        Self { service: Service::new(settings, 7), now, connections: 0 }
    }

    /// Moves the clock and carries out the deadlines that it reaches.
    fn advance(&mut self, milliseconds: u64) -> Vec<String> {
        self.now = self.now + std::time::Duration::from_millis(milliseconds);
        let mut out = Vec::new();
        while self.service.time_reached(self.now, &mut out) {}
        lines(&out)
    }

    fn try_call(&mut self, operation: Operation, request: Value) -> ControlResult {
        self.try_call_with_outputs(operation, request).0
    }

    fn try_call_with_outputs(
        &mut self,
        operation: Operation,
        request: Value,
    ) -> (ControlResult, Vec<String>) {
        let Value::Object(request) = request else { panic!("a request is an object") };
        let mut out = Vec::new();
        let result = self.service.operate(self.now, operation, &request, &mut out);
        (result, lines(&out))
    }

    #[track_caller]
    fn call(&mut self, operation: Operation, request: Value) -> Map<String, Value> {
        self.try_call(operation, request).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, operation: Operation, request: Value) -> Exception {
        self.try_call(operation, request).unwrap_err()
    }

    /// Creates a room; returns its ARN.
    fn room(&mut self, request: Value) -> String {
        text(&self.call(Operation::CreateRoom, request), "arn")
    }

    /// Returns a token that allows everything.
    fn token(&mut self, room: &str, user: &str) -> String {
        let all = ["SEND_MESSAGE", "DISCONNECT_USER", "DELETE_MESSAGE"];
        self.token_with(json!({ "roomIdentifier": room, "userId": user, "capabilities": all }))
    }

    fn token_with(&mut self, request: Value) -> String {
        text(&self.call(Operation::CreateChatToken, request), "token")
    }

    fn try_connect(&mut self, token: &str) -> Result<ConnectionId, Refusal> {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.service.connect(self.now, connection, Some(token)).map(|_| connection)
    }

    #[track_caller]
    fn connect(&mut self, room: &str, user: &str) -> ConnectionId {
        let token = self.token(room, user);
        self.try_connect(&token).unwrap()
    }

    fn publish(&mut self, connection: ConnectionId, frame: &Value) -> Vec<String> {
        let mut out = Vec::new();
        let publish = Publish::decode(frame.to_string().as_bytes());
        self.service.publish(self.now, connection, publish, &mut out);
        lines(&out)
    }

    fn send_message(&mut self, connection: ConnectionId, content: &str) -> Vec<String> {
        self.publish(
            connection,
            &json!({ "Action": "SEND_MESSAGE", "RequestId": "r1", "Content": content }),
        )
    }

    fn review(&mut self, review: u64, outcome: ReviewOutcome) -> (Option<ReviewEnd>, Vec<String>) {
        let mut out = Vec::new();
        let end = self.service.reviewed(ReviewId(review), outcome, &mut out);
        (end, lines(&out))
    }
}

/// Returns a line for each output.
fn lines(outputs: &[Output]) -> Vec<String> {
    outputs.iter().map(line).collect()
}

fn line(output: &Output) -> String {
    match output {
        Output::Deliver { to, frame } => {
            let to: Vec<_> = to.iter().map(|connection| connection.0).collect();
            format!("{to:?} {}", short(frame))
        }
        Output::Close { connection, close } => {
            let code = close.code.map(|code| code.to_string()).unwrap_or_default();
            format!("close {} {code} {}", connection.0, close.reason)
        }
        Output::Exceeded { quota, limit } => format!("exceeded {quota}: {limit}"),
        Output::Review(call) => {
            format!("review {} {} {} {}", call.review.0, call.connection.0, call.uri, call.room_arn)
        }
        Output::ReviewTimedOut { message_id, .. } => format!("timed out {message_id}"),
    }
}

fn short(frame: &Frame) -> String {
    match frame {
        Frame::Message(message) => format!(
            "{} {} {:?} from {} {} attributes {}",
            message.id,
            message.request_id,
            message.content,
            message.sender.user_id,
            json!(message.sender.attributes),
            json!(message.attributes),
        ),
        Frame::Event(event) => format!(
            "{} {:?} {} {}",
            event.id,
            event.request_id,
            event.event_name,
            json!(event.attributes)
        ),
        Frame::Error(error) => {
            format!(
                "{} {:?} {} {}",
                error.id, error.request_id, error.error_code, error.error_message
            )
        }
    }
}

fn text(members: &Map<String, Value>, name: &str) -> String {
    members[name].as_str().unwrap_or_else(|| panic!("{name} is not a string")).to_owned()
}

const LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:review";
