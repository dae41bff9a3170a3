//! Support for control plane tests: the real SDK, and hand-written HTTP for what it cannot send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::http::HttpResponse;
use aws_sdk_ivschat::config::retry::RetryConfig;
use aws_sdk_ivschat::config::{BehaviorVersion, Region};
use aws_sdk_ivschat::error::SdkError;
use aws_sdk_ivschat::types::{
    ChatTokenCapability, CloudWatchLogsDestinationConfiguration, DestinationConfiguration,
    FallbackResult, FirehoseDestinationConfiguration, MessageReviewHandler,
    S3DestinationConfiguration,
};
use mock_ivs_chat::{MockIvsChat, Operation};
use serde_json::{Map, Value, json};

/// The real SDK, pointed at the mock. It does not retry, so that each refusal is seen.
pub(crate) fn sdk(ivs: &MockIvsChat) -> Client {
    sdk_with(ivs, Credentials::from_keys("AKIDEXAMPLE", "secret", None))
}

pub(crate) fn sdk_with(ivs: &MockIvsChat, credentials: Credentials) -> Client {
    Client::from_conf(
        aws_sdk_ivschat::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(ivs.endpoint_url())
            .region(Region::new("us-west-2"))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    )
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| &**value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn error_type(&self) -> &str {
        self.header("x-amzn-ErrorType").unwrap_or_default()
    }

    /// Checks what holds of every answer that is an error.
    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16, error_type: &str) {
        assert_eq!((self.status, self.error_type()), (status, error_type), "{self:?}");
        assert!(self.json()["message"].is_string(), "{self:?}");
        self.assert_aws_shaped();
    }

    /// Checks what holds of every answer.
    #[track_caller]
    pub(crate) fn assert_aws_shaped(&self) {
        let id = self.header("x-amzn-RequestId").unwrap_or_default();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{self:?}");
        assert_eq!(self.header("Access-Control-Allow-Origin"), Some("*"), "{self:?}");
        if !self.body.is_empty() {
            assert_eq!(self.header("Content-Type"), Some("application/json"), "{self:?}");
            assert!(self.json().is_object(), "{self:?}");
        }
        assert_eq!(self.status >= 400, self.header("x-amzn-ErrorType").is_some(), "{self:?}");
    }
}

/// A connection that is written to and read from by hand.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    buffered: Vec<u8>,
}

impl Wire {
    pub(crate) fn open(ivs: &MockIvsChat) -> Self {
        let stream = TcpStream::connect(ivs.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { stream, buffered: Vec::new() }
    }

    pub(crate) fn write(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).unwrap();
    }

    /// Says that nothing more will be written.
    pub(crate) fn finish(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Sends a request with a body, and reads the answer.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.write(request(method, path, "", body));
        self.read()
    }

    /// Reads an answer that has a body.
    pub(crate) fn read(&mut self) -> Answer {
        self.read_answer(true)
    }

    /// Reads an answer to HEAD, which has none whatever its length says.
    pub(crate) fn read_head(&mut self) -> Answer {
        self.read_answer(false)
    }

    /// Whether the service has closed the connection, with nothing left to read.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.buffered.is_empty() && matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }

    fn read_answer(&mut self, has_body: bool) -> Answer {
        let end = loop {
            match self.buffered.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.fill(),
            }
        };
        let head = String::from_utf8(self.buffered.drain(..end).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("Content-Length").map_or(0, |text| text.parse().unwrap());
        if has_body {
            while self.buffered.len() < length {
                self.fill();
            }
            answer.body = String::from_utf8(self.buffered.drain(..length).collect()).unwrap();
        }
        answer
    }

    fn fill(&mut self) {
        let mut chunk = [0; 4096];
        let count = self.stream.read(&mut chunk).unwrap();
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&self.buffered));
        self.buffered.extend_from_slice(&chunk[..count]);
    }
}

/// A request as text; `headers` are whole lines.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: mock\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends a request on a connection of its own.
pub(crate) fn http(ivs: &MockIvsChat, method: &str, path: &str, body: &str) -> Answer {
    Wire::open(ivs).send(method, path, body)
}

/// Calls an operation by hand: members that belong into the path or the query are put there.
pub(crate) fn call_by_hand(wire: &mut Wire, operation: Operation, request: &Value) -> Answer {
    let mut request = request.clone();
    let mut path = operation.path().to_owned();
    if path.contains('{') {
        let arn = request["resourceArn"].as_str().unwrap_or_default().to_owned();
        request.as_object_mut().unwrap().remove("resourceArn");
        path = format!("/tags/{}", percent_encode(&arn));
    }
    let mut body = request.to_string();
    if operation == Operation::UntagResource {
        let keys = request["tagKeys"].as_array().cloned().unwrap_or_default();
        let keys: Vec<_> = keys
            .iter()
            .map(|key| format!("tagKeys={}", percent_encode(key.as_str().unwrap())))
            .collect();
        path = format!("{path}?{}", keys.join("&"));
    }
    if operation.method() != "POST" {
        body.clear();
    }
    wire.send(operation.method(), &path, &body)
}

pub(crate) fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encode).collect()
}

/// A refusal as the SDK sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error_type: String,
    pub(crate) body: Value,
}

/// Why a call did not succeed.
#[derive(Debug, PartialEq)]
pub(crate) enum Failed {
    /// The SDK does not send such a request.
    Unsendable,
    Refused(Refusal),
}

impl<E> From<SdkError<E, HttpResponse>> for Failed {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let Some(response) = error.raw_response() else { return Self::Unsendable };
        let error_type = response.headers().get("x-amzn-errortype").unwrap_or_default();
        let body = response.body().bytes().unwrap_or_default();
        Self::Refused(Refusal {
            status: response.status().as_u16(),
            error_type: error_type.to_owned(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        })
    }
}

/// Calls an operation by the SDK with some members set.
macro_rules! send {
    ($sdk:ident.$call:ident $(, $set:ident($value:expr))*) => {{
        $sdk.$call()$(.$set($value))*.send().await?;
    }};
}

/// Calls an operation by the real SDK with the members of a JSON request.
pub(crate) async fn call_by_sdk(
    sdk: &Client,
    operation: Operation,
    request: &Value,
) -> Result<(), Failed> {
    let r = Request(request.as_object().unwrap());
    match operation {
        Operation::CreateChatToken => send!(
            sdk.create_chat_token,
            set_room_identifier(r.text("roomIdentifier")?),
            set_user_id(r.text("userId")?),
            set_capabilities(r.texts("capabilities")?.map(|words| {
                words.iter().map(|word| ChatTokenCapability::from(word.as_str())).collect()
            })),
            set_session_duration_in_minutes(r.integer("sessionDurationInMinutes")?),
            set_attributes(r.map("attributes")?)
        ),
        Operation::DeleteMessage => send!(
            sdk.delete_message,
            set_room_identifier(r.text("roomIdentifier")?),
            set_id(r.text("id")?),
            set_reason(r.text("reason")?)
        ),
        Operation::DisconnectUser => send!(
            sdk.disconnect_user,
            set_room_identifier(r.text("roomIdentifier")?),
            set_user_id(r.text("userId")?),
            set_reason(r.text("reason")?)
        ),
        Operation::SendEvent => send!(
            sdk.send_event,
            set_room_identifier(r.text("roomIdentifier")?),
            set_event_name(r.text("eventName")?),
            set_attributes(r.map("attributes")?)
        ),
        _ => call_about_resources(sdk, operation, r).await?,
    }
    Ok(())
}

async fn call_about_resources(
    sdk: &Client,
    operation: Operation,
    r: Request<'_>,
) -> Result<(), Failed> {
    match operation {
        Operation::CreateRoom => send!(
            sdk.create_room,
            set_name(r.text("name")?),
            set_maximum_message_rate_per_second(r.integer("maximumMessageRatePerSecond")?),
            set_maximum_message_length(r.integer("maximumMessageLength")?),
            set_message_review_handler(r.handler()?),
            set_tags(r.map("tags")?),
            set_logging_configuration_identifiers(r.texts("loggingConfigurationIdentifiers")?)
        ),
        Operation::DeleteRoom => send!(sdk.delete_room, set_identifier(r.text("identifier")?)),
        Operation::GetRoom => send!(sdk.get_room, set_identifier(r.text("identifier")?)),
        Operation::ListRooms => send!(
            sdk.list_rooms,
            set_name(r.text("name")?),
            set_next_token(r.text("nextToken")?),
            set_max_results(r.integer("maxResults")?),
            set_message_review_handler_uri(r.text("messageReviewHandlerUri")?),
            set_logging_configuration_identifier(r.text("loggingConfigurationIdentifier")?)
        ),
        Operation::ListTagsForResource => {
            send!(sdk.list_tags_for_resource, set_resource_arn(r.text("resourceArn")?));
        }
        Operation::TagResource => {
            send!(
                sdk.tag_resource,
                set_resource_arn(r.text("resourceArn")?),
                set_tags(r.map("tags")?)
            );
        }
        Operation::UntagResource => send!(
            sdk.untag_resource,
            set_resource_arn(r.text("resourceArn")?),
            set_tag_keys(r.texts("tagKeys")?)
        ),
        Operation::UpdateRoom => send!(
            sdk.update_room,
            set_identifier(r.text("identifier")?),
            set_name(r.text("name")?),
            set_maximum_message_rate_per_second(r.integer("maximumMessageRatePerSecond")?),
            set_maximum_message_length(r.integer("maximumMessageLength")?),
            set_message_review_handler(r.handler()?),
            set_logging_configuration_identifiers(r.texts("loggingConfigurationIdentifiers")?)
        ),
        _ => call_about_logging(sdk, operation, r).await?,
    }
    Ok(())
}

async fn call_about_logging(
    sdk: &Client,
    operation: Operation,
    r: Request<'_>,
) -> Result<(), Failed> {
    match operation {
        Operation::CreateLoggingConfiguration => send!(
            sdk.create_logging_configuration,
            set_name(r.text("name")?),
            set_destination_configuration(r.destination()?),
            set_tags(r.map("tags")?)
        ),
        Operation::DeleteLoggingConfiguration => {
            send!(sdk.delete_logging_configuration, set_identifier(r.text("identifier")?));
        }
        Operation::GetLoggingConfiguration => {
            send!(sdk.get_logging_configuration, set_identifier(r.text("identifier")?));
        }
        Operation::ListLoggingConfigurations => send!(
            sdk.list_logging_configurations,
            set_next_token(r.text("nextToken")?),
            set_max_results(r.integer("maxResults")?)
        ),
        Operation::UpdateLoggingConfiguration => send!(
            sdk.update_logging_configuration,
            set_identifier(r.text("identifier")?),
            set_name(r.text("name")?),
            set_destination_configuration(r.destination()?)
        ),
        other => panic!("{other} is new to this test"),
    }
    Ok(())
}

/// The members of a JSON request as the SDK's types have them; what they have no place for is
/// unsendable.
#[derive(Clone, Copy)]
struct Request<'a>(&'a Map<String, Value>);

impl<'a> Request<'a> {
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, Failed> {
        self.member(name).map(as_text).transpose()
    }

    fn integer(&self, name: &str) -> Result<Option<i32>, Failed> {
        let read = |value: &Value| value.as_i64().and_then(|number| number.try_into().ok());
        self.member(name).map(|value| read(value).ok_or(Failed::Unsendable)).transpose()
    }

    fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Failed> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let items = value.as_array().ok_or(Failed::Unsendable)?;
        items.iter().map(as_text).collect::<Result<_, _>>().map(Some)
    }

    fn map<M: FromIterator<(String, String)>>(&self, name: &str) -> Result<Option<M>, Failed> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let members = value.as_object().ok_or(Failed::Unsendable)?;
        let pairs = members.iter().map(|(key, value)| Ok((key.clone(), as_text(value)?)));
        pairs.collect::<Result<_, _>>().map(Some)
    }

    fn handler(&self) -> Result<Option<MessageReviewHandler>, Failed> {
        let Some(value) = self.member("messageReviewHandler") else { return Ok(None) };
        let members = Request(value.as_object().ok_or(Failed::Unsendable)?);
        let fallback = members.text("fallbackResult")?;
        let handler = MessageReviewHandler::builder()
            .set_uri(members.text("uri")?)
            .set_fallback_result(fallback.map(|word| FallbackResult::from(word.as_str())));
        Ok(Some(handler.build()))
    }

    fn destination(&self) -> Result<Option<DestinationConfiguration>, Failed> {
        let Some(value) = self.member("destinationConfiguration") else { return Ok(None) };
        let members = value.as_object().ok_or(Failed::Unsendable)?;
        let (Some((kind, inner)), 1) = (members.iter().next(), members.len()) else {
            return Err(Failed::Unsendable);
        };
        let inner = Request(inner.as_object().ok_or(Failed::Unsendable)?);
        let unsendable = |_| Failed::Unsendable;
        Ok(Some(match kind.as_str() {
            "s3" => DestinationConfiguration::S3(
                S3DestinationConfiguration::builder()
                    .set_bucket_name(inner.text("bucketName")?)
                    .build()
                    .map_err(unsendable)?,
            ),
            "cloudWatchLogs" => DestinationConfiguration::CloudWatchLogs(
                CloudWatchLogsDestinationConfiguration::builder()
                    .set_log_group_name(inner.text("logGroupName")?)
                    .build()
                    .map_err(unsendable)?,
            ),
            "firehose" => DestinationConfiguration::Firehose(
                FirehoseDestinationConfiguration::builder()
                    .set_delivery_stream_name(inner.text("deliveryStreamName")?)
                    .build()
                    .map_err(unsendable)?,
            ),
            _ => return Err(Failed::Unsendable),
        }))
    }
}

fn as_text(value: &Value) -> Result<String, Failed> {
    value.as_str().map(str::to_owned).ok_or(Failed::Unsendable)
}

/// A room and a logging configuration that requests can be about.
#[derive(Debug)]
pub(crate) struct Resources {
    pub(crate) room: String,
    pub(crate) logging_configuration: String,
}

impl Resources {
    pub(crate) fn create(ivs: &MockIvsChat) -> Self {
        let destination =
            json!({ "destinationConfiguration": { "s3": { "bucketName": "bucket" } } });
        let created = ivs.call(Operation::CreateLoggingConfiguration, destination).unwrap();
        Self {
            room: ivs.create_room("lobby").arn().to_owned(),
            logging_configuration: created["arn"].as_str().unwrap().to_owned(),
        }
    }

    /// A request for an operation that has only what it must have.
    pub(crate) fn request(&self, operation: Operation) -> Value {
        let Self { room, logging_configuration } = self;
        match operation {
            Operation::CreateChatToken => json!({ "roomIdentifier": room, "userId": "alice" }),
            Operation::CreateLoggingConfiguration => {
                json!({ "destinationConfiguration": { "s3": { "bucketName": "bucket" } } })
            }
            Operation::DeleteLoggingConfiguration
            | Operation::GetLoggingConfiguration
            | Operation::UpdateLoggingConfiguration => {
                json!({ "identifier": logging_configuration })
            }
            Operation::DeleteMessage => json!({ "roomIdentifier": room, "id": "Message00001" }),
            Operation::DeleteRoom | Operation::GetRoom | Operation::UpdateRoom => {
                json!({ "identifier": room })
            }
            Operation::DisconnectUser => json!({ "roomIdentifier": room, "userId": "alice" }),
            Operation::ListTagsForResource => json!({ "resourceArn": room }),
            Operation::SendEvent => json!({ "roomIdentifier": room, "eventName": "app:poll" }),
            Operation::TagResource => json!({ "resourceArn": room, "tags": { "stage": "test" } }),
            Operation::UntagResource => json!({ "resourceArn": room, "tagKeys": ["stage"] }),
            _ => json!({}),
        }
    }
}
