//! Session: the service that scripts are played against, and the resources that they leave there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::retry::RetryConfig;
use aws_sdk_ivschat::config::timeout::TimeoutConfig;
use aws_sdk_ivschat::config::{
    BehaviorVersion, Config, Region, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_smithy_async::time::SharedTimeSource;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::calls::{self, Request, Response};
use crate::connector::Connector;
use crate::labels::arn_prefix;
use crate::network::{Endpoint, HTTP_SCHEMES, Network};
use crate::pace::Pace;
use crate::shared::script::stage::HttpRequest;

/// A service: its endpoints, and how to call it.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) network: Arc<Network>,
    pub(crate) messaging: Endpoint,
    /// `None` where calls need not keep to the rates of AWS.
    pub(crate) pace: Option<Pace>,
    pub(crate) run: String,
    /// Whether each resource must have the tag of this program.
    pub(crate) marks: bool,
    pub(crate) ledger: Mutex<Vec<String>>,
    /// The beginning of the ARNs of the service, with its region and account, once it is known.
    pub(crate) home: OnceLock<String>,
    /// Set when the run should end.
    pub(crate) stop: Arc<AtomicBool>,
}

/// The endpoints of a service, and the credentials for it.
pub(crate) struct Access {
    pub(crate) control: Endpoint,
    pub(crate) messaging: Endpoint,
    pub(crate) region: String,
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) network: Arc<Network>,
    /// The clock by which requests are signed, if it is not that of the system.
    pub(crate) clock: Option<SharedTimeSource>,
}

impl Session {
    pub(crate) fn new(access: Access, run: &str, stop: Arc<AtomicBool>) -> Self {
        let Access { control, messaging, region, credentials, network, clock } = access;
        let mut config = Config::builder();
        config.set_time_source(clock);
        let config = config
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(control.url(HTTP_SCHEMES))
            .region(Region::new(region))
            .credentials_provider(credentials)
            .http_client(Connector(Arc::clone(&network)))
            // A script says what comes next, even after a refusal.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Self {
            client: Client::from_conf(config),
            network,
            messaging,
            pace: None,
            run: run.into(),
            marks: false,
            ledger: Mutex::default(),
            home: OnceLock::new(),
            stop,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sends a request, and takes note of the resources that it creates and deletes.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, String> {
        let response = self.exchange(request).await?;
        if response.is_success() {
            let is_creation =
                request.operation.starts_with("Create") || request.operation.is_empty();
            let created = response.json();
            if let (true, Some(arn)) = (is_creation, created["arn"].as_str()) {
                self.ledger.lock().push(arn.to_owned());
                if self.marks && created["tags"][TAG].is_null() {
                    // The resource is deleted without its tag, too, unless this program is killed.
                    let tags = json!({ TAG: self.run });
                    let _ = self.exchange(&tagging(arn, &tags)).await;
                }
            }
            if ["DeleteRoom", "DeleteLoggingConfiguration"].contains(&request.operation.as_str()) {
                let identifier = request.members.get("identifier").and_then(Value::as_str);
                self.ledger.lock().retain(|arn| Some(arn.as_str()) != identifier);
            }
        }
        Ok(response)
    }

    async fn exchange(&self, request: &Request) -> Result<Response, String> {
        if let Some(pace) = &self.pace {
            tokio::time::sleep(pace.reserve(&request.operation)).await;
        }
        calls::send(&self.client, request).await
    }

    /// Calls an operation again while it is throttled.
    pub(crate) async fn call(
        &self,
        operation: &str,
        members: Map<String, Value>,
    ) -> Result<Response, String> {
        let request = request(operation, members);
        let mut delay = Duration::from_millis(200);
        loop {
            let response = self.send(&request).await?;
            if !response.is_throttled() || delay > Duration::from_secs(7) {
                return Ok(response);
            }
            tokio::time::sleep(delay).await;
            delay *= 2;
        }
    }

    /// Creates a room and deletes it, to learn whether the service can be used, and its account.
    pub(crate) async fn find_home(&self) -> Result<(), String> {
        let tags = json!({ TAG: self.run });
        let members = Map::from_iter([("tags".to_owned(), tags)]);
        let called = self.call("CreateRoom", members).await;
        let response = called.map_err(|why| format!("the target cannot be called: {why}"))?;
        if !response.is_success() {
            return Err(format!("the target refuses CreateRoom: {}", response.text()));
        }
        let room = response.json();
        let arn = room["arn"].as_str().and_then(arn_prefix);
        let arn = arn.ok_or_else(|| format!("the target creates a room without an ARN: {room}"))?;
        // It is the same one each time.
        let _ = self.home.set(arn.to_owned());
        let left = self.clean().await;
        let Some(left) = left.first() else { return Ok(()) };
        Err(format!("the target does not delete a room that was created: {left}"))
    }

    /// Deletes the resources that scripts have created; returns those that it could not delete.
    pub(crate) async fn clean(&self) -> Vec<String> {
        let mut arns = std::mem::take(&mut *self.ledger.lock());
        // A logging configuration can be deleted once no room has it.
        arns.sort_by_key(|arn| arn.contains(":logging-configuration/"));
        let mut left = Vec::new();
        for arn in arns {
            if let Err(why) = self.delete(&arn).await {
                left.push(format!("{arn}: {why}"));
            }
        }
        left
    }

    pub(crate) async fn delete(&self, arn: &str) -> Result<(), String> {
        let is_room = arn.contains(":room/");
        let operation = if is_room { "DeleteRoom" } else { "DeleteLoggingConfiguration" };
        let members = Map::from_iter([("identifier".to_owned(), json!(arn))]);
        let response = self.call(operation, members).await?;
        // A script may have deleted it in a way of its own.
        let is_gone = response.is_success() || response.status == 404;
        if is_gone { Ok(()) } else { Err(response.text()) }
    }

    /// Returns the ARNs of all resources with the tag of this program, whichever run made them.
    pub(crate) async fn tagged(&self) -> Result<Vec<String>, String> {
        let mut arns = Vec::new();
        for (operation, list) in
            [("ListRooms", "rooms"), ("ListLoggingConfigurations", "loggingConfigurations")]
        {
            let mut next_token = Value::Null;
            loop {
                let mut members = Map::new();
                if !next_token.is_null() {
                    members.insert("nextToken".into(), next_token);
                }
                let response = self.call(operation, members).await?;
                if !response.is_success() {
                    return Err(format!("{operation}: {}", response.text()));
                }
                let page = response.json();
                let items = page[list].as_array().into_iter().flatten();
                let ours = items.filter(|item| !item["tags"][TAG].is_null());
                arns.extend(ours.filter_map(|item| item["arn"].as_str().map(str::to_owned)));
                next_token = page["nextToken"].clone();
                if next_token.as_str().unwrap_or_default().is_empty() {
                    break;
                }
            }
        }
        Ok(arns)
    }
}

/// Returns the signed request of an operation.
pub(crate) fn request(operation: &str, members: Map<String, Value>) -> Request {
    let HttpRequest { method, target, body, .. } = HttpRequest::new(operation, members.clone());
    Request {
        is_signed: true,
        operation: operation.into(),
        members,
        method: method.into(),
        target,
        headers: BTreeMap::new(),
        body,
    }
}

fn tagging(arn: &str, tags: &Value) -> Request {
    let members = [("resourceArn".to_owned(), json!(arn)), ("tags".to_owned(), tags.clone())];
    request("TagResource", Map::from_iter(members))
}

/// The key of the tag that resources of this program have; its value is the run.
pub(crate) const TAG: &str = "mock-ivs-chat-conformance";

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
