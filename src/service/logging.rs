//! Chat logging: logging configurations, and the records that rooms write to them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::proto::exception::Exception;
use crate::proto::frame::Frame;
use crate::proto::request::{
    CreateLoggingConfiguration, DestinationConfiguration, Paging, Tags, UpdateLoggingConfiguration,
};
use crate::proto::timestamp::Timestamp;
use crate::service::chat_log::{ChatLogDestination, ChatLogRecord};
use crate::service::control::ControlResult;
use crate::service::output::Output;
use crate::service::paging::ChangeHistory;
use crate::service::quota::Quota;
use crate::service::room::RoomKey;
use crate::service::tags::check_tags;
use crate::service::{Service, Settings};

/// The state of a logging configuration: a place to which rooms are logged.
#[derive(Debug)]
pub(crate) struct LoggingConfigurationState {
    arn: String,
    id: String,
    name: String,
    created: Timestamp,
    history: ChangeHistory,
    destination: DestinationConfiguration,
    pub(super) tags: Tags,
}

impl LoggingConfigurationState {
    fn describe(&self) -> Map<String, Value> {
        // Documented: the response shows a created or updated configuration as ACTIVE. Assumed:
        // the change never takes time.
        let members = [
            ("arn", json!(self.arn)),
            ("createTime", json!(self.created)),
            ("destinationConfiguration", json!(self.destination)),
            ("id", json!(self.id)),
            ("name", json!(self.name)),
            ("state", json!("ACTIVE")),
            ("tags", json!(self.tags)),
            ("updateTime", json!(self.history.updated)),
        ];
        members.map(|(member, value)| (member.to_owned(), value)).into_iter().collect()
    }
}

impl Service {
    /// Assumed: the destination may be one that does not exist.
    pub(super) fn create_logging_configuration(
        &mut self,
        now: Timestamp,
        request: CreateLoggingConfiguration,
        out: &mut Vec<Output>,
    ) -> ControlResult {
        check_tags(request.tags.as_ref())?;
        let count = self.logging_configurations.len();
        self.check_count(Quota::LoggingConfigurations, count, out)?;
        let id = self.ids.logging_configuration_id();
        let mut history = ChangeHistory::created(now, self.next_revision());
        history.updated = history.updated + SETUP_TIME;
        let configuration = LoggingConfigurationState {
            arn: self.arn("logging-configuration", &id),
            id,
            // As with a room.
            name: request.name.unwrap_or_default(),
            created: now.whole_milliseconds(),
            history,
            destination: request.destination_configuration,
            tags: request.tags.unwrap_or_default(),
        };
        let description = configuration.describe();
        self.logging_configurations.insert(configuration.arn.clone(), configuration);
        Ok(description)
    }

    pub(super) fn get_logging_configuration(&self, arn: &str) -> ControlResult {
        let configuration = self.logging_configurations.get(arn);
        configuration.map(LoggingConfigurationState::describe).ok_or_else(|| not_found(arn))
    }

    /// Assumed: members that the request does not have stay as they are.
    pub(super) fn update_logging_configuration(
        &mut self,
        now: Timestamp,
        request: UpdateLoggingConfiguration,
    ) -> ControlResult {
        let arn = &request.identifier;
        let configuration =
            self.logging_configurations.get_mut(arn).ok_or_else(|| not_found(arn))?;
        if let Some(name) = request.name {
            configuration.name = name;
        }
        if let Some(destination) = request.destination_configuration {
            configuration.destination = destination;
        }
        // Not `next_revision`, which would borrow all of `self` while `configuration` is borrowed.
        self.revision += 1;
        configuration.history.change(now, self.revision, &self.listings);
        Ok(configuration.describe())
    }

    /// Documented: a configuration that a room uses cannot be deleted.
    pub(super) fn delete_logging_configuration(&mut self, arn: &str) -> ControlResult {
        if !self.logging_configurations.contains_key(arn) {
            return Err(not_found(arn));
        }
        // Because of this check, the ARNs in rooms always belong to a configuration.
        if let Some(room) = self.rooms.values().find(|room| room.is_logged_to(arn)) {
            let message = format!("the logging configuration is used by the room {}", room.arn);
            return Err(Exception::conflict(message).resource(arn));
        }
        self.logging_configurations.remove(arn);
        Ok(Map::new())
    }

    pub(super) fn list_logging_configurations(&mut self, paging: &Paging) -> ControlResult {
        let all = self.logging_configurations.values();
        let items = all.map(|configuration| (&configuration.history, configuration.describe()));
        self.listings.page(self.revision, "loggingConfigurations", items.collect(), paging)
    }

    /// Refuses logging configurations that do not exist.
    pub(super) fn check_logging_configurations(
        &self,
        arns: Option<&[String]>,
    ) -> Result<(), Exception> {
        let mut arns = arns.unwrap_or_default().iter();
        let missing = arns.find(|arn| !self.logging_configurations.contains_key(*arn));
        missing.map_or(Ok(()), |arn| Err(not_found(arn)))
    }

    /// Writes a frame to the chat logs of its room.
    ///
    /// Documented: the members of a record. Observed: their order, milliseconds, and that the
    /// payload is the frame as delivered. Assumed: denied messages are not logged.
    pub(super) fn write_chat_log(&mut self, room: RoomKey, frame: &Frame) {
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
    /// Returns the destination of a record of a room.
    ///
    /// Documented: the form of the key and of the stream's name. Assumed: an object has the
    /// records of one minute, and its key ends in a hash of zeros.
    fn destination(
        &self,
        configuration: &DestinationConfiguration,
        room_id: &str,
        at: Timestamp,
    ) -> ChatLogDestination {
        match configuration {
            DestinationConfiguration::S3(s3) => ChatLogDestination::S3 {
                bucket_name: s3.bucket_name.clone(),
                key: self.object_key(room_id, at),
            },
            DestinationConfiguration::CloudWatchLogs(logs) => ChatLogDestination::CloudWatchLogs {
                log_group_name: logs.log_group_name.clone(),
                log_stream_name: format!("aws/IVSChatLogs/1.0/room_{room_id}"),
            },
            DestinationConfiguration::Firehose(firehose) => ChatLogDestination::Firehose {
                delivery_stream_name: firehose.delivery_stream_name.clone(),
            },
        }
    }

    fn object_key(&self, room_id: &str, at: Timestamp) -> String {
        let Self { account_id, region, .. } = self;
        let time = at.whole_seconds().to_string();
        let (date, time) = time.split_once('T').expect("a time has a date before its T");
        let (hour, minute) = (&time[..2], &time[3..5]);
        let (folders, day) = (date.replace('-', "/"), date.replace('-', ""));
        format!(
            "AWSLogs/{account_id}/IVSChatLogs/1.0/{region}/room_{room_id}/{folders}/{hour}/\
             {account_id}_IVSChatLogs_1.0_{region}_room_{room_id}_{day}T{hour}{minute}Z_00000000.log.gz"
        )
    }
}

/// The time that the service takes to set up a configuration.
///
/// Observed: `updateTime` of a new configuration is 127 ms after its `createTime`. Documented: it
/// is 451 ms after it in the sample of the AWS CLI.
const SETUP_TIME: Duration = Duration::from_millis(127);

fn not_found(arn: &str) -> Exception {
    let message = format!("logging configuration {arn} does not exist");
    Exception::resource_not_found(message).resource(arn)
}

/// Formats a time with exactly three decimals.
fn milliseconds(at: Timestamp) -> String {
    let seconds = at.whole_seconds();
    let millis = at.since(seconds).as_millis();
    format!("{}.{millis:03}Z", seconds.to_string().trim_end_matches('Z'))
}
