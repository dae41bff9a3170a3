//! Room names: how a room is named by those who refer to it.

use std::sync::Arc;

/// The names of a room, by any of which a test can refer to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RoomNames {
    /// The room's own name, or its ID if it has no name.
    pub(crate) label: Arc<str>,
    pub(crate) arn: Arc<str>,
}

impl RoomNames {
    pub(crate) fn id(&self) -> &str {
        // An ARN ends with the ID.
        self.arn.rsplit_once('/').map_or(&*self.arn, |(_, id)| id)
    }

    /// Returns `true` if `wanted` is the name, the ID or the ARN of the room.
    pub(crate) fn include(&self, wanted: &str) -> bool {
        [&*self.label, &*self.arn, self.id()].contains(&wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_known_by_its_name_its_id_and_its_arn() {
        let arn = "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001";
        let names = RoomNames { label: "lobby".into(), arn: arn.into() };
        assert!(["lobby", "Room00000001", arn].iter().all(|wanted| names.include(wanted)));
        assert!(!["", "room/Room00000001", "Lobby"].iter().any(|wanted| names.include(wanted)));
    }
}
