//! Session: the service that scripts are played against, and the resources that they leave there.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::retry::RetryConfig;
use aws_sdk_ivschat::config::timeout::TimeoutConfig;
use aws_sdk_ivschat::config::{
    BehaviorVersion, Config, Region, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_smithy_async::time::SharedTimeSource;
use serde_json::{Map, Value, json};

use crate::calls::{self, Request, Response, Silence};
use crate::connector::Connector;
use crate::labels::arn_prefix;
use crate::ledger::{Ledger, creation_of};
use crate::network::{Endpoint, HTTP_SCHEMES, Network};
use crate::pace::Pace;
use crate::shared::script::stage::HttpRequest;
use crate::stop::Stop;
use crate::twin::INTERRUPTED;

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
    pub(crate) ledger: Ledger,
    /// The credentials themselves, which no file may have.
    pub(crate) secrets: Vec<String>,
    /// The beginning of the ARNs of the service, with its region and account, once it is known.
    pub(crate) home: OnceLock<String>,
    /// Says when the run should end.
    pub(crate) stop: Stop,
}

/// The endpoints of a service, and the credentials for it.
pub(crate) struct Access {
    pub(crate) control: Endpoint,
    pub(crate) messaging: Endpoint,
    pub(crate) region: String,
    pub(crate) credentials: SharedCredentialsProvider,
    /// The parts of the credentials, if they are those of somebody.
    pub(crate) secrets: Vec<String>,
    pub(crate) network: Arc<Network>,
    /// The clock by which requests are signed, if it is not that of the system.
    pub(crate) clock: Option<SharedTimeSource>,
}

impl Session {
    pub(crate) fn new(access: Access, run: &str, stop: Stop) -> Self {
        let Access { control, messaging, region, credentials, secrets, network, clock } = access;
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
            ledger: Ledger::default(),
            secrets,
            home: OnceLock::new(),
            stop,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// The beginning of the names of this run's rooms.
    pub(crate) fn name_prefix(&self) -> String {
        format!("{TAG}-{}-", self.run)
    }

    /// Sends a request, and takes note of the resources that it creates and deletes. The end of the
    /// run stops it.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, String> {
        tokio::select! {
            biased;
            () = self.stop.stopped() => Err(INTERRUPTED.into()),
            response = self.transmit(request) => response,
        }
    }

    /// Calls an operation, again while it is throttled. The end of the run stops it.
    pub(crate) async fn call(
        &self,
        operation: &str,
        members: Map<String, Value>,
    ) -> Result<Response, String> {
        tokio::select! {
            biased;
            () = self.stop.stopped() => Err(INTERRUPTED.into()),
            response = self.persist(operation, members) => response,
        }
    }

    async fn transmit(&self, request: &Request) -> Result<Response, String> {
        let creation = creation_of(request);
        let creation = creation.map(|name| self.ledger.begin(name, self.is_marked(request)));
        let exchanged = self.exchange(request).await;
        if let Some(number) = creation {
            self.take_note(number, &exchanged).await;
        }
        let response = exchanged.map_err(|silence| silence.why)?;
        let is_deletion =
            ["DeleteRoom", "DeleteLoggingConfiguration"].contains(&request.operation.as_str());
        let identifier = request.members.get("identifier").and_then(Value::as_str);
        if let (true, true, Some(arn)) = (response.is_success(), is_deletion, identifier) {
            self.ledger.remove(arn);
        }
        Ok(response)
    }

    /// Takes note of what a creation has come to.
    async fn take_note(&self, number: u64, exchanged: &Result<Response, Silence>) {
        let response = match exchanged {
            Err(Silence { is_sent: false, .. }) => return self.ledger.settle(number),
            Err(Silence { why, .. }) => {
                return self.ledger.doubt(number, &format!("got no response ({why})"));
            }
            Ok(response) => response,
        };
        if (400..500).contains(&response.status) {
            return self.ledger.settle(number);
        }
        let created = response.json();
        let Some(arn) = created["arn"].as_str().filter(|_| response.is_success()) else {
            let status = response.status;
            return self.ledger.doubt(number, &format!("got a {status} without an ARN"));
        };
        self.ledger.add(arn);
        self.ledger.settle(number);
        if self.marks && created["tags"][TAG].is_null() {
            // The resource is deleted without its tag, too, unless this program is killed.
            let tags = json!({ TAG: self.run });
            let _ = self.exchange(&tagging(arn, &tags)).await;
        }
    }

    /// Returns `true` if what a request creates can be found by its tag or its name.
    fn is_marked(&self, request: &Request) -> bool {
        let name = request.members.get("name").and_then(Value::as_str).unwrap_or_default();
        let tags = request.members.get("tags");
        name.starts_with(&self.name_prefix())
            || tags.is_some_and(|tags| tags[TAG] == json!(self.run))
    }

    async fn exchange(&self, request: &Request) -> Result<Response, Silence> {
        if let Some(pace) = &self.pace {
            tokio::time::sleep(pace.reserve(request.name())).await;
        }
        calls::send(&self.client, request).await
    }

    /// Calls an operation, again while it is throttled, whether the run should end or not.
    pub(crate) async fn persist(
        &self,
        operation: &str,
        members: Map<String, Value>,
    ) -> Result<Response, String> {
        let request = request(operation, members);
        let mut delay = Duration::from_millis(200);
        loop {
            let response = self.transmit(&request).await?;
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
        let members = Map::from_iter([
            ("name".to_owned(), json!(format!("{}check", self.name_prefix()))),
            ("tags".to_owned(), tags),
        ]);
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
        let left = self.clean(true).await;
        let Some(left) = left.first() else { return Ok(()) };
        Err(format!("the target does not delete a room that was created: {left}"))
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
