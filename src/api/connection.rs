//! Connection: one open connection, to be inspected and acted on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::api::handle::Handle;
use crate::api::participant::Participant;
use crate::api::room::Room;
use crate::api::wait::fail;
use crate::engine::control::ConnectionInfo;
use crate::log::record::Peer;
use crate::service::ConnectionId;

/// A connection of a client or a participant, which a test can inspect and act on immediately.
///
/// [`Room::connection`], [`Room::connections`], [`Handle::connection`], [`Handle::connections`]
/// and [`Participant::connection`] return it. It is cheap to clone, and keeps neither the
/// connection nor the mock alive.
///
/// Each action is in the log as an entry of the kind
/// [`TestAction`](crate::log::EntryKind::TestAction), and its effects follow from that entry. An
/// action returns `false`, changes nothing and records nothing if the connection has ended before.
/// Frames that a test pushes do not go through hooks.
///
/// ```
/// use mock_ivs_chat::{CloseCode, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let alice = room.participant("alice");
/// room.connection("alice").close(CloseCode::GOING_AWAY, "maintenance");
/// assert!(!alice.is_connected());
/// assert!(ivs.log().to_string().ends_with(
///     "alice ~ closed by the test\n  alice closed 1001 \"maintenance\"\n"
/// ));
/// ```
#[derive(Clone)]
pub struct Connection {
    pub(super) handle: Handle,
    peer: Arc<Peer>,
    // Kept here, because the engine knows nothing about a connection that has ended.
    is_participant: bool,
}

impl Connection {
    fn new(handle: Handle, info: &ConnectionInfo) -> Self {
        Self { handle, peer: Arc::clone(&info.peer), is_participant: !info.has_stream }
    }

    /// Returns the id, which hooks and entries of the log have, too.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// let alice = room.participant("alice");
    /// assert_eq!(room.connection("alice").id(), alice.connection().id());
    /// ```
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.peer.connection
    }

    /// Returns the user id.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert_eq!(room.connections()[0].user_id(), "alice");
    /// ```
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.peer.user_id
    }

    /// Returns the name of the room, or its id if it has no name.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert_eq!(room.connection("alice").room(), "lobby");
    /// ```
    #[must_use]
    pub fn room(&self) -> &str {
        &self.peer.room.label
    }

    /// Returns the ARN of the room.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert_eq!(alice.connection().room_arn(), room.arn());
    /// ```
    #[must_use]
    pub fn room_arn(&self) -> &str {
        &self.peer.room.arn
    }

    /// Returns `true` if this is the connection of a [`Participant`], and `false` if a client has
    /// opened it by a handshake.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert!(room.connection("alice").is_participant());
    /// ```
    #[must_use]
    pub const fn is_participant(&self) -> bool {
        self.is_participant
    }

    /// Returns `true` if neither side has ended the connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// let alice = room.participant("alice");
    /// let connection = room.connection("alice");
    /// alice.disconnect();
    /// assert!(!connection.is_open());
    /// ```
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.info().is_some()
    }

    /// Returns the time on the mock clock since the handshake; zero if the connection has ended.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// # let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// ivs.advance(Duration::from_secs(60));
    /// assert_eq!(room.connection("alice").age(), Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn age(&self) -> Duration {
        self.info().map_or(Duration::ZERO, |info| info.age)
    }

    /// Returns `true` if the connection is stalled, by [`Connection::stall`] or by a hook.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// let connection = room.connection("alice");
    /// connection.stall();
    /// assert!(connection.is_stalled());
    /// ```
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.info().is_some_and(|info| info.is_stalled)
    }

    /// Returns how many frames are on their way to the client: those that are not, or not
    /// completely, written to its stream, and those withheld because the connection is stalled.
    ///
    /// Frames that are written but not read by the client are in the buffers of the system, and do
    /// not count.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// let connection = room.connection("alice");
    /// connection.stall();
    /// bob.send_message("hello");
    /// assert_eq!(connection.queued_frames(), 1);
    /// ```
    #[must_use]
    pub fn queued_frames(&self) -> usize {
        // Two looks at the mock: a frame that is released in between may count twice or not at all.
        let withheld = self.info().map_or(0, |info| info.withheld_frames);
        withheld + self.handle.driver().queued(self.id()).0
    }

    /// Returns the bytes of the frames that [`Connection::queued_frames`] counts.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// assert_eq!(room.connection("alice").queued_bytes(), 0);
    /// ```
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        let withheld = self.info().map_or(0, |info| info.withheld_bytes);
        withheld + self.handle.driver().queued(self.id()).1
    }

    fn info(&self) -> Option<ConnectionInfo> {
        self.handle.driver().connection_info(self.id())
    }
}

impl From<Connection> for ConnectionId {
    fn from(connection: Connection) -> Self {
        connection.id()
    }
}

impl From<&Connection> for ConnectionId {
    fn from(connection: &Connection) -> Self {
        connection.id()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id().0)
            .field("user_id", &self.user_id())
            .field("room", &self.room())
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// Returns an open connection; `None` if it has ended or never existed.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.connection(alice.connection()).unwrap().user_id(), "alice");
    /// ```
    #[must_use]
    pub fn connection(&self, id: impl Into<ConnectionId>) -> Option<Connection> {
        let info = self.driver().connection_info(id.into())?;
        Some(Connection::new(self.clone(), &info))
    }

    /// Returns all open connections of all rooms, of clients and of participants, in the order in
    /// which they were opened.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// assert_eq!(ivs.connections().len(), 1);
    /// ```
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let infos = self.driver().connection_infos();
        infos.iter().map(|info| Connection::new(self.clone(), info)).collect()
    }
}

impl Room {
    /// Returns the open connection of a user; the latest if there are several.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let alice = room.participant("alice");
    /// assert!(room.connection("alice").is_open());
    /// ```
    ///
    /// # Panics
    ///
    /// If the user is not connected to this room; the message names the users that are.
    #[must_use]
    #[track_caller]
    pub fn connection(&self, user_id: impl Into<String>) -> Connection {
        let user_id = user_id.into();
        if let Some(found) = self.find_connection(&user_id) {
            return found;
        }
        let users = self.connected_users();
        let named: Vec<_> = users.iter().take(MOST_NAMED).map(|user| format!("{user:?}")).collect();
        let named = if named.is_empty() { "none".into() } else { named.join(", ") };
        let others = match users.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let message = format!(
            "user {user_id:?} is not connected to this room; connected users: {named}{others}"
        );
        fail(self.handle().driver(), message)
    }

    /// Returns the open connection of a user, the latest if there are several; `None` if the user is
    /// not connected to this room.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// assert!(room.find_connection("alice").is_none());
    /// ```
    #[must_use]
    pub fn find_connection(&self, user_id: impl Into<String>) -> Option<Connection> {
        let user_id = user_id.into();
        // The latest one, because a client that reconnects may leave an older connection behind.
        let mut own = self.connections().into_iter().rev();
        own.find(|connection| connection.user_id() == user_id)
    }

    /// Returns all open connections of this room, of clients and of participants, in the order in
    /// which they were opened.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let (lobby, other) = (ivs.create_room("lobby"), ivs.create_room("other"));
    /// let alice = lobby.participant("alice");
    /// assert_eq!((lobby.connections().len(), other.connections().len()), (1, 0));
    /// ```
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let infos = self.handle().driver().connection_infos();
        let own = infos.iter().filter(|info| &*info.peer.room.arn == self.arn());
        own.map(|info| Connection::new(self.handle().clone(), info)).collect()
    }

    /// Returns the ids of the users who are connected to this room, sorted, each once.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let (bob, alice) = (room.participant("bob"), room.participant("alice"));
    /// assert_eq!(room.connected_users(), ["alice", "bob"]);
    /// ```
    #[must_use]
    pub fn connected_users(&self) -> Vec<String> {
        let connections = self.connections();
        let mut users: Vec<_> = connections.iter().map(|c| c.user_id().to_owned()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }
}

impl Participant {
    /// Returns the connection of this participant, to be inspected and acted on.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.connection().reset();
    /// assert!(!bob.is_connected());
    /// ```
    #[must_use]
    pub fn connection(&self) -> Connection {
        let (handle, peer) = (self.handle.clone(), Arc::clone(&self.peer));
        Connection { handle, peer, is_participant: true }
    }
}

/// The number of users that a failure names.
const MOST_NAMED: usize = 20;
