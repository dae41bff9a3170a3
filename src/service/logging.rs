//! Chat logging: logging configurations, and the records that a room yields to them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::proto::exception::Exception;
use crate::proto::frame::Frame;
use crate::proto::timestamp::Timestamp;
use crate::service::chat_log::{ChatLogDestination, ChatLogRecord};
use crate::service::control::{Response, strings, text};
use crate::service::quota::Quota;
use crate::service::room::{RoomKey, Updated};
use crate::service::{Service, Settings};

/// A place to which rooms are logged.
#[derive(Debug)]
pub(crate) struct LoggingConfiguration {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Updated,
    pub(crate) destination: Value,
    pub(crate) tags: BTreeMap<String, String>,
}

impl LoggingConfiguration {
    fn describe(&self) -> Map<String, Value> {
        // Documented: what is created and updated is ACTIVE in the answer already. Assumed: that
        // it never takes time.
        let members = [
            ("arn", json!(self.arn)),
            ("createTime", json!(self.created)),
            ("destinationConfiguration", self.destination.clone()),
            ("id", json!(self.id)),
            ("name", json!(self.name)),
            ("state", json!("ACTIVE")),
            ("tags", json!(self.tags)),
            ("updateTime", json!(self.updated.at)),
        ];
        members.map(|(member, value)| (member.to_owned(), value)).into_iter().collect()
    }
}

impl Service {
    pub(super) fn create_logging_configuration(
        &mut self,
        now: Timestamp,
        request: &Map<String, Value>,
    ) -> Response {
        let limit = self.settings.quotas.limit(Quota::LoggingConfigurations);
        let count = self.logging_configurations.len();
        if let Some(limit) = limit.filter(|limit| count >= *limit as usize) {
            let message = "the account has as many logging configurations as it may have";
            return Err(Exception::service_quota_exceeded(message).limit(limit));
        }
        let id = self.mint.logging_configuration_id();
        let configuration = LoggingConfiguration {
            arn: self.arn("logging-configuration", &id),
            id,
            name: text(request, "name").unwrap_or_default().into(),
            created: now.whole_milliseconds(),
            updated: Updated::created(now, self.next_revision()),
            destination: request["destinationConfiguration"].clone(),
            tags: strings(request, "tags"),
        };
        let description = configuration.describe();
        self.logging_configurations.insert(configuration.arn.clone(), configuration);
        Ok(description)
    }

    pub(super) fn get_logging_configuration(&self, request: &Map<String, Value>) -> Response {
        self.find_logging_configuration(request).map(LoggingConfiguration::describe)
    }

    pub(super) fn update_logging_configuration(
        &mut self,
        now: Timestamp,
        request: &Map<String, Value>,
    ) -> Response {
        let arn = self.find_logging_configuration(request)?.arn.clone();
        let revision = self.next_revision();
        let configuration =
            self.logging_configurations.get_mut(&arn).expect("the configuration was just found");
        if let Some(name) = text(request, "name") {
            configuration.name = name.into();
        }
        if let Some(destination) = request.get("destinationConfiguration").filter(|d| !d.is_null())
        {
            configuration.destination = destination.clone();
        }
        configuration.updated.touch(now, revision);
        Ok(configuration.describe())
    }

    /// Documented: a configuration that a room uses cannot be deleted.
    pub(super) fn delete_logging_configuration(
        &mut self,
        request: &Map<String, Value>,
    ) -> Response {
        let arn = self.find_logging_configuration(request)?.arn.clone();
        let mut rooms = self.rooms.values();
        if let Some(room) =
            rooms.find(|room| room.logging_configurations.iter().flatten().any(|used| *used == arn))
        {
            let message = format!("the logging configuration is used by the room {}", room.arn);
            return Err(Exception::conflict(message).about(arn));
        }
        self.logging_configurations.remove(&arn);
        Ok(Map::new())
    }

    pub(super) fn list_logging_configurations(&self, request: &Map<String, Value>) -> Response {
        let all = self.logging_configurations.values();
        let items = all.map(|configuration| (&configuration.updated, configuration.describe()));
        self.page("loggingConfigurations", items.collect(), request)
    }

    fn find_logging_configuration(
        &self,
        request: &Map<String, Value>,
    ) -> Result<&LoggingConfiguration, Exception> {
        let arn = text(request, "identifier").unwrap_or_default();
        self.logging_configurations.get(arn).ok_or_else(|| not_found(arn))
    }

    /// Refuses logging configurations that do not exist.
    pub(super) fn check_logging_configurations(&self, arns: &[String]) -> Result<(), Exception> {
        let missing = arns.iter().find(|arn| !self.logging_configurations.contains_key(*arn));
        missing.map_or(Ok(()), |arn| Err(not_found(arn)))
    }

    /// Writes a frame to the logs of its room.
    ///
    /// Documented: the members of a record. Observed: their order, milliseconds, and that the
    /// payload is the frame as delivered. Assumed: that denied messages are not logged.
    pub(super) fn archive(&mut self, room: RoomKey, frame: &Frame) {
        let Some(room) = self.rooms.get(&room) else { return };
        let (kind, at) = match frame {
            Frame::Message(message) => ("MESSAGE", message.send_time),
            Frame::Event(event) => ("EVENT", event.send_time),
            Frame::Error(_) => return,
        };
        for arn in room.logging_configurations.iter().flatten() {
            let Some(configuration) = self.logging_configurations.get(arn) else { continue };
            let text = format!(
                r#"{{"event_timestamp":"{}","type":"{kind}","payload":{},"version":"1.0"}}"#,
                milliseconds(at),
                frame.encode(),
            );
            self.chat_logs.push(ChatLogRecord {
                destination: self.settings.destination(&configuration.destination, &room.id, at),
                logging_configuration_arn: arn.clone(),
                room_arn: room.arn.clone(),
                at,
                text,
                frame: frame.clone(),
            });
        }
    }

    pub(crate) fn chat_logs(&self) -> &[ChatLogRecord] {
        &self.chat_logs
    }
}

impl Settings {
    /// Where a record of a room goes.
    ///
    /// Documented: the form of the key and of the stream's name. Assumed: that an object has the
    /// records of one minute, and the hash in its key.
    fn destination(&self, destination: &Value, room_id: &str, at: Timestamp) -> ChatLogDestination {
        let text = |kind: &str, member: &str| destination[kind][member].as_str().map(str::to_owned);
        if let Some(log_group_name) = text("cloudWatchLogs", "logGroupName") {
            let log_stream_name = format!("aws/IVSChatLogs/1.0/room_{room_id}");
            return ChatLogDestination::CloudWatchLogs { log_group_name, log_stream_name };
        }
        if let Some(delivery_stream_name) = text("firehose", "deliveryStreamName") {
            return ChatLogDestination::Firehose { delivery_stream_name };
        }
        let Self { account_id, region, .. } = self;
        let time = at.whole_seconds().to_string();
        let (date, time) = time.split_once('T').expect("a time has a date before its T");
        let (hour, minute) = (&time[..2], &time[3..5]);
        let (folders, day) = (date.replace('-', "/"), date.replace('-', ""));
        let key = format!(
            "AWSLogs/{account_id}/IVSChatLogs/1.0/{region}/room_{room_id}/{folders}/{hour}/\
             {account_id}_IVSChatLogs_1.0_{region}_room_{room_id}_{day}T{hour}{minute}Z_00000000.log.gz"
        );
        let bucket_name = text("s3", "bucketName").unwrap_or_default();
        ChatLogDestination::S3 { bucket_name, key }
    }
}

fn not_found(arn: &str) -> Exception {
    Exception::resource_not_found(format!("logging configuration {arn} does not exist")).about(arn)
}

/// A time with exactly three decimals.
fn milliseconds(at: Timestamp) -> String {
    let seconds = at.whole_seconds();
    let millis = at.since(seconds).as_millis();
    format!("{}.{millis:03}Z", seconds.to_string().trim_end_matches('Z'))
}
