//! Tags of rooms and logging configurations.

use serde_json::{Map, json};

use crate::proto::exception::{Exception, FieldFailure};
use crate::proto::model::MAXIMUM_TAGS;
use crate::proto::request::{TagResource, Tags, UntagResource};
use crate::service::Service;
use crate::service::control::ControlResult;

impl Service {
    pub(super) fn list_tags(&mut self, arn: &str) -> ControlResult {
        let tags = self.tags(arn)?;
        Ok(Map::from_iter([("tags".to_owned(), json!(tags))]))
    }

    /// Assumed: tags leave the `updateTime` of their resource as it is.
    pub(super) fn tag(&mut self, request: TagResource) -> ControlResult {
        check_tags(Some(&request.tags))?;
        let tags = self.tags(&request.resource_arn)?;
        // Merged in a copy, because a request that exceeds the maximum must change nothing.
        let mut merged = tags.clone();
        merged.extend(request.tags);
        if merged.len() > MAXIMUM_TAGS {
            let why = format!("a resource can have at most {MAXIMUM_TAGS} tags");
            return Err(Exception::fields(&[FieldFailure { name: "tags".into(), why }]));
        }
        *tags = merged;
        Ok(Map::new())
    }

    /// Assumed: keys that the resource does not have are ignored.
    pub(super) fn untag(&mut self, request: &UntagResource) -> ControlResult {
        let tags = self.tags(&request.resource_arn)?;
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(Map::new())
    }

    /// Returns the tags of the room or logging configuration that has this ARN.
    fn tags(&mut self, arn: &str) -> Result<&mut Tags, Exception> {
        if let Some(key) = self.rooms_by_arn.get(arn) {
            let room = self.rooms.get_mut(key).expect("an ARN that is known has its room");
            return Ok(&mut room.tags);
        }
        let configuration = self.logging_configurations.get_mut(arn);
        configuration.map(|configuration| &mut configuration.tags).ok_or_else(|| {
            Exception::resource_not_found(format!("resource {arn} does not exist")).resource(arn)
        })
    }
}

/// Refuses tags whose keys AWS reserves for itself.
///
/// Documented: that keys must not begin with `aws:`. Assumed: in any case of letters, and the text.
pub(super) fn check_tags(tags: Option<&Tags>) -> Result<(), Exception> {
    let mut keys = tags.into_iter().flat_map(Tags::keys);
    let is_reserved =
        |key: &&String| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    keys.find(is_reserved).map_or(Ok(()), |key| {
        let why = format!("must not have the key {key:?}, because AWS reserves `aws:`");
        Err(Exception::fields(&[FieldFailure { name: "tags".into(), why }]))
    })
}
