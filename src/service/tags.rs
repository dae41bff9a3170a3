//! Tags of rooms and logging configurations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::proto::exception::{Exception, FieldFailure};
use crate::proto::model::MAXIMUM_TAGS;
use crate::service::Service;
use crate::service::control::{Response, list, strings, text};

impl Service {
    pub(super) fn list_tags(&mut self, request: &Map<String, Value>) -> Response {
        let tags = self.tags(request)?;
        Ok(Map::from_iter([("tags".to_owned(), json!(tags))]))
    }

    pub(super) fn tag(&mut self, request: &Map<String, Value>) -> Response {
        let tags = self.tags(request)?;
        let mut merged = tags.clone();
        merged.extend(strings(request, "tags"));
        if merged.len() > MAXIMUM_TAGS {
            let why = format!("a resource can have at most {MAXIMUM_TAGS} tags");
            return Err(Exception::fields(&[FieldFailure { name: "tags".into(), why }]));
        }
        *tags = merged;
        Ok(Map::new())
    }

    pub(super) fn untag(&mut self, request: &Map<String, Value>) -> Response {
        let keys = list(request, "tagKeys").unwrap_or_default();
        let tags = self.tags(request)?;
        tags.retain(|key, _| !keys.contains(key));
        Ok(Map::new())
    }

    /// The tags of the room or logging configuration that a request names.
    fn tags(
        &mut self,
        request: &Map<String, Value>,
    ) -> Result<&mut BTreeMap<String, String>, Exception> {
        let arn = text(request, "resourceArn").unwrap_or_default();
        if let Some(key) = self.rooms_by_arn.get(arn) {
            let room = self.rooms.get_mut(key).expect("an ARN that is known has its room");
            return Ok(&mut room.tags);
        }
        let configuration = self.logging_configurations.get_mut(arn);
        configuration.map(|configuration| &mut configuration.tags).ok_or_else(|| {
            Exception::resource_not_found(format!("resource {arn} does not exist")).about(arn)
        })
    }
}
