//! The connection of an entry: whether it is that of a client or of a participant.

use crate::log::entry::Entry;

impl Entry {
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
