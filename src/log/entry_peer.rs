//! The connection of an entry: its room, and whether it is that of a client or of a participant.

use crate::log::entry::Entry;

impl Entry {
    /// Returns the name of the entry's room, or its ID if the room has no name.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.log().into_iter().last().unwrap().room(), Some("lobby"));
    /// ```
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        self.record.peer.as_ref().map(|peer| &*peer.room.label)
    }

    /// Returns the ARN of the entry's room.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert_eq!(ivs.log().into_iter().last().unwrap().room_arn(), Some(room.arn()));
    /// ```
    #[must_use]
    pub fn room_arn(&self) -> Option<&str> {
        self.record.peer.as_ref().map(|peer| &*peer.room.arn)
    }

    /// Returns `true` if this is the name, the ID or the ARN of the entry's room.
    pub(crate) fn is_in_room(&self, room: &str) -> bool {
        self.record.peer.as_ref().is_some_and(|peer| peer.room.include(room))
    }

    /// Returns `true` if the entry's connection is that of a
    /// [`Participant`](crate::Participant), who lives inside the mock.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// assert!(ivs.log().into_iter().last().unwrap().is_participant());
    /// ```
    #[must_use]
    pub fn is_participant(&self) -> bool {
        self.record.peer.as_ref().is_some_and(|peer| peer.is_participant)
    }
}
