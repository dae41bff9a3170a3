//! Calls: operations through the real AWS SDK, which also carries requests that it cannot express.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::Arc;

use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::Intercept;
use aws_sdk_ivschat::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_ivschat::types::{
    ChatTokenCapability, CloudWatchLogsDestinationConfiguration, DestinationConfiguration,
    FirehoseDestinationConfiguration, MessageReviewHandler, S3DestinationConfiguration,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest as SdkRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::connector::is_not_connected;

/// A request as it must go over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) is_signed: bool,
    /// Empty for a request that belongs to no operation.
    pub(crate) operation: String,
    pub(crate) members: Map<String, Value>,
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    /// Returns the operation; of a request that was written by hand, that of its path.
    pub(crate) fn name(&self) -> &str {
        if self.operation.is_empty() {
            let path = self.target.split('?').next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default()
        } else {
            &self.operation
        }
    }
}

/// The response to a request.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) exception: Option<String>,
    pub(crate) body: String,
    /// Why the SDK did not understand the response, if it should have.
    pub(crate) complaint: Option<String>,
}

impl Response {
    /// The line of a transcript, without its beginning.
    pub(crate) fn text(&self) -> String {
        let exception = self.exception.as_ref().map(|name| format!(" {name}"));
        let body = if self.body.is_empty() { String::new() } else { format!(" {}", self.body) };
        format!("{}{}{body}", self.status, exception.unwrap_or_default())
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    pub(crate) fn is_throttled(&self) -> bool {
        self.status == 429
            || self.exception.as_deref().is_some_and(|name| name.starts_with("Throttling"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// The reason why no response was received.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    pub(crate) why: String,
    /// The service may have received the request, and may have done what it says.
    pub(crate) is_sent: bool,
}

/// Sends a request and returns the response.
pub(crate) async fn send(client: &Client, request: &Request) -> Result<Response, Silence> {
    let wire = Wire { request: Arc::new(request.clone()), ..Wire::default() };
    let mut result = perform(client, request, &wire).await;
    if wire.seen.lock().is_none() && result.as_ref().is_err_and(|error| error.is_unbuilt) {
        // The SDK refuses to build the request, so another operation of it carries it.
        let carrier = Request { operation: String::new(), ..request.clone() };
        result = perform(client, &carrier, &wire).await;
    }
    let seen = wire.seen.lock().take();
    let Some(mut response) = seen else {
        let is_sent = *wire.is_sent.lock();
        return Err(result.err().map_or_else(
            || Silence { why: "the SDK reported success without a response".into(), is_sent },
            |error| Silence { is_sent: is_sent && !error.is_unconnected, why: error.message },
        ));
    };
    let is_understood = *wire.is_by_hand.lock() || response.is_success() == result.is_ok();
    if !is_understood {
        let why = result
            .err()
            .map_or_else(|| "it takes an error for a success".into(), |error| error.message);
        response.complaint = Some(why);
    }
    Ok(response)
}

/// A failure of the SDK.
struct Failure {
    message: String,
    /// Nothing was sent, because the SDK refuses to build such a request.
    is_unbuilt: bool,
    /// Nothing was sent, because there is no connection.
    is_unconnected: bool,
}

/// Makes the SDK send a request as it must go over the wire, and keeps the response.
#[derive(Clone, Debug, Default)]
struct Wire {
    request: Arc<Request>,
    /// The request has been handed to the connection.
    is_sent: Arc<Mutex<bool>>,
    seen: Arc<Mutex<Option<Response>>>,
    /// The SDK would have sent another request.
    is_by_hand: Arc<Mutex<bool>>,
}

#[dyn_dispatch_hint]
impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let sent = context.request_mut();
        if !is_same(sent, &self.request) {
            *self.is_by_hand.lock() = true;
            overwrite(sent, &self.request)?;
        }
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.is_sent.lock() = true;
        // The SDK signs every request, and a script may need another signature, or none.
        let headers = context.request_mut().headers_mut();
        let mut own = self.request.headers.iter();
        let own = own.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if own.is_some() || !self.request.is_signed {
            headers.remove("authorization");
            headers.remove("x-amz-date");
        }
        if own.is_some() {
            for (name, value) in &self.request.headers {
                headers.try_insert(name.to_ascii_lowercase(), value.clone())?;
            }
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let exception = response.headers().get("x-amzn-errortype");
        let exception = exception.map(|name| {
            let name = name.split(':').next().unwrap_or_default();
            name.rsplit('#').next().unwrap_or_default().to_owned()
        });
        let body = response.body().bytes().unwrap_or_default();
        *self.seen.lock() = Some(Response {
            status: response.status().as_u16(),
            exception,
            body: String::from_utf8_lossy(body).into_owned(),
            complaint: None,
        });
        Ok(())
    }
}

/// Returns `true` if the SDK sends what the script asks for.
fn is_same(sent: &SdkRequest, request: &Request) -> bool {
    let target = target_of(sent.uri());
    let body = sent.body().bytes().unwrap_or_default();
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let is_same_body = parse(body) == parse(request.body.as_bytes())
        && (parse(body).is_some() || body == request.body.as_bytes());
    sent.method() == request.method
        && target == request.target
        && is_same_body
        && request.headers.is_empty()
}

/// The path and the query of a URL.
fn target_of(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn overwrite(sent: &mut SdkRequest, request: &Request) -> Result<(), BoxError> {
    let uri = sent.uri();
    let base = &uri[..uri.len() - target_of(uri).len()];
    let base = if base.is_empty() { uri } else { base };
    let uri = format!("{base}{}", request.target);
    sent.set_uri(uri.as_str())?;
    sent.set_method(&request.method)?;
    *sent.body_mut() = SdkBody::from(request.body.as_str());
    let headers = sent.headers_mut();
    headers.remove("content-length");
    if request.method != "GET" {
        headers.try_insert("content-length", request.body.len().to_string())?;
    }
    if !request.body.is_empty() {
        headers.try_insert("content-type", "application/json")?;
    }
    for (name, value) in &request.headers {
        headers.try_insert(name.to_ascii_lowercase(), value.clone())?;
    }
    Ok(())
}

/// Reads the members of a request as the types of the SDK. A member of another type is left out:
/// the request then differs from the script's, and is overwritten.
struct Members<'a>(&'a Map<String, Value>);

impl Members<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_owned)
    }

    fn number(&self, name: &str) -> Option<i32> {
        i32::try_from(self.0.get(name)?.as_i64()?).ok()
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        let items = self.0.get(name)?.as_array()?.iter();
        items.map(|item| item.as_str().map(str::to_owned)).collect()
    }

    fn map(&self, name: &str) -> Option<HashMap<String, String>> {
        let pairs = self.0.get(name)?.as_object()?.iter();
        pairs.map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    fn handler(&self) -> Option<MessageReviewHandler> {
        let handler = Members(self.0.get("messageReviewHandler")?.as_object()?);
        let fallback = handler.text("fallbackResult");
        let builder = MessageReviewHandler::builder().set_uri(handler.text("uri"));
        Some(builder.set_fallback_result(fallback.map(|text| text.as_str().into())).build())
    }

    fn destination(&self) -> Option<DestinationConfiguration> {
        let (kind, members) = self.0.get("destinationConfiguration")?.as_object()?.iter().next()?;
        let members = Members(members.as_object()?);
        match kind.as_str() {
            "s3" => {
                let builder = S3DestinationConfiguration::builder();
                let s3 = builder.set_bucket_name(members.text("bucketName")).build().ok()?;
                Some(DestinationConfiguration::S3(s3))
            }
            "cloudWatchLogs" => {
                let builder = CloudWatchLogsDestinationConfiguration::builder();
                let logs = builder.set_log_group_name(members.text("logGroupName")).build().ok()?;
                Some(DestinationConfiguration::CloudWatchLogs(logs))
            }
            "firehose" => {
                let builder = FirehoseDestinationConfiguration::builder();
                let name = members.text("deliveryStreamName");
                let firehose = builder.set_delivery_stream_name(name).build().ok()?;
                Some(DestinationConfiguration::Firehose(firehose))
            }
            _ => None,
        }
    }
}

/// Sends a request that the builder of an operation has.
macro_rules! sent {
    ($request:expr, $wire:expr) => {
        $request.customize().interceptor($wire.clone()).send().await.map(drop).map_err(|error| {
            let is_unbuilt = matches!(
                error,
                aws_smithy_runtime_api::client::result::SdkError::ConstructionFailure(_)
            );
            let is_unconnected = is_not_connected(&error);
            Failure { message: explain(&error), is_unbuilt, is_unconnected }
        })
    };
}

async fn perform(client: &Client, request: &Request, wire: &Wire) -> Result<(), Failure> {
    let m = Members(&request.members);
    match request.operation.as_str() {
        "CreateChatToken" => {
            let names = m.texts("capabilities");
            let capabilities = names.map(|names| {
                names.iter().map(|name| ChatTokenCapability::from(name.as_str())).collect()
            });
            let builder = client.create_chat_token().set_room_identifier(m.text("roomIdentifier"));
            let builder = builder.set_user_id(m.text("userId")).set_capabilities(capabilities);
            let minutes = m.number("sessionDurationInMinutes");
            let builder = builder.set_session_duration_in_minutes(minutes);
            sent!(builder.set_attributes(m.map("attributes")), wire)
        }
        "CreateRoom" => {
            let builder = client.create_room().set_name(m.text("name")).set_tags(m.map("tags"));
            let rate = m.number("maximumMessageRatePerSecond");
            let builder = builder.set_maximum_message_rate_per_second(rate);
            let builder = builder.set_maximum_message_length(m.number("maximumMessageLength"));
            let builder = builder.set_message_review_handler(m.handler());
            let identifiers = m.texts("loggingConfigurationIdentifiers");
            sent!(builder.set_logging_configuration_identifiers(identifiers), wire)
        }
        "UpdateRoom" => {
            let builder = client.update_room().set_identifier(m.text("identifier"));
            let rate = m.number("maximumMessageRatePerSecond");
            let builder =
                builder.set_name(m.text("name")).set_maximum_message_rate_per_second(rate);
            let builder = builder.set_maximum_message_length(m.number("maximumMessageLength"));
            let builder = builder.set_message_review_handler(m.handler());
            let identifiers = m.texts("loggingConfigurationIdentifiers");
            sent!(builder.set_logging_configuration_identifiers(identifiers), wire)
        }
        "CreateLoggingConfiguration" => {
            let builder = client.create_logging_configuration().set_name(m.text("name"));
            let builder = builder.set_destination_configuration(m.destination());
            sent!(builder.set_tags(m.map("tags")), wire)
        }
        "UpdateLoggingConfiguration" => {
            let builder = client.update_logging_configuration().set_name(m.text("name"));
            let builder = builder.set_identifier(m.text("identifier"));
            sent!(builder.set_destination_configuration(m.destination()), wire)
        }
        "SendEvent" => {
            let builder = client.send_event().set_room_identifier(m.text("roomIdentifier"));
            let builder = builder.set_event_name(m.text("eventName"));
            sent!(builder.set_attributes(m.map("attributes")), wire)
        }
        "DeleteMessage" => {
            let builder = client.delete_message().set_room_identifier(m.text("roomIdentifier"));
            sent!(builder.set_id(m.text("id")).set_reason(m.text("reason")), wire)
        }
        "DisconnectUser" => {
            let builder = client.disconnect_user().set_room_identifier(m.text("roomIdentifier"));
            sent!(builder.set_user_id(m.text("userId")).set_reason(m.text("reason")), wire)
        }
        _ => perform_simple(client, request, wire).await,
    }
}

/// Performs the operations that read, list, tag and delete.
async fn perform_simple(client: &Client, request: &Request, wire: &Wire) -> Result<(), Failure> {
    let m = Members(&request.members);
    match request.operation.as_str() {
        "GetRoom" => sent!(client.get_room().set_identifier(m.text("identifier")), wire),
        "DeleteRoom" => sent!(client.delete_room().set_identifier(m.text("identifier")), wire),
        "GetLoggingConfiguration" => {
            let builder = client.get_logging_configuration();
            sent!(builder.set_identifier(m.text("identifier")), wire)
        }
        "DeleteLoggingConfiguration" => {
            let builder = client.delete_logging_configuration();
            sent!(builder.set_identifier(m.text("identifier")), wire)
        }
        "ListLoggingConfigurations" => {
            let builder = client.list_logging_configurations();
            let builder = builder.set_max_results(m.number("maxResults"));
            sent!(builder.set_next_token(m.text("nextToken")), wire)
        }
        "ListTagsForResource" => {
            sent!(client.list_tags_for_resource().set_resource_arn(m.text("resourceArn")), wire)
        }
        "TagResource" => {
            let builder = client.tag_resource().set_resource_arn(m.text("resourceArn"));
            sent!(builder.set_tags(m.map("tags")), wire)
        }
        "UntagResource" => {
            let builder = client.untag_resource().set_resource_arn(m.text("resourceArn"));
            sent!(builder.set_tag_keys(m.texts("tagKeys")), wire)
        }
        _ => {
            let builder = client.list_rooms().set_name(m.text("name"));
            let uri = m.text("messageReviewHandlerUri");
            let builder = builder.set_message_review_handler_uri(uri);
            let identifier = m.text("loggingConfigurationIdentifier");
            let builder = builder.set_logging_configuration_identifier(identifier);
            let builder = builder.set_max_results(m.number("maxResults"));
            sent!(builder.set_next_token(m.text("nextToken")), wire)
        }
    }
}

/// Returns an error and its causes.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.ends_with(&text) {
            message = format!("{message}: {text}");
        }
        source = cause.source();
    }
    message
}
