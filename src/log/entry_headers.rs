//! Entry: the headers of a call over HTTP or of a handshake.

use crate::log::entry::Entry;
use crate::log::record::{Caller, Event};
use crate::proto::headers::Headers;

impl Entry {
    /// Returns the headers of a call over HTTP or of a handshake, without secrets; `None` for other
    /// entries. A handshake's headers are those of its [`Connected`] or [`HandshakeRefused`] entry.
    ///
    /// AWS SDKs number their attempts in `amz-sdk-request`, so a test can distinguish a retry from
    /// a new request.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert!(ivs.log().entries()[0].headers().is_none(), "the call was not over HTTP");
    /// ```
    ///
    /// [`Connected`]: crate::log::EntryKind::Connected
    /// [`HandshakeRefused`]: crate::log::EntryKind::HandshakeRefused
    #[must_use]
    pub fn headers(&self) -> Option<&Headers> {
        match &self.record.event {
            Event::Request(request) => match &request.origin {
                Caller::Http { headers, .. } => Some(headers),
                Caller::Test => None,
            },
            Event::Connected(connected) => connected.headers.as_ref(),
            Event::HandshakeRefused(refused) => refused.headers.as_ref(),
            _ => None,
        }
    }
}
