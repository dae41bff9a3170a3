//! Chat tokens and sessions: issued, redeemed once, expired.

use std::sync::Arc;

use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::close::{Close, CloseCode};
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{Error, Frame};
use crate::proto::timestamp::Timestamp;
use crate::service::quota::{Bucket, Quota};
use crate::service::room::RoomKey;
use crate::service::{ConnectionId, Deadline, Output, Service};

/// What a chat token stands for.
#[derive(Debug)]
pub(crate) struct IssuedToken {
    /// The how manieth token of the fixture it is.
    pub(crate) number: usize,
    pub(crate) room: RoomKey,
    pub(crate) user_id: Arc<str>,
    pub(crate) attributes: Attributes,
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) token_expiration_time: Timestamp,
    pub(crate) session_expiration_time: Timestamp,
    pub(crate) used: bool,
}

/// A connection and what its token allows.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) room: RoomKey,
    pub(crate) user_id: Arc<str>,
    pub(crate) attributes: Attributes,
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) expires: Timestamp,
    pub(crate) requests: Bucket,
}

/// What the shell needs to know about a connection that was let in.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) room_label: Arc<str>,
    pub(crate) user_id: Arc<str>,
    pub(crate) capabilities: Vec<Capability>,
}

/// Why a handshake was refused.
///
/// Assumed: the statuses and all texts. Documented: that 401 stands for a missing token and 404
/// for a missing room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    MissingToken,
    MalformedToken,
    UnknownToken,
    ExpiredToken,
    UsedToken,
    RoomNotFound,
    TooManyConnections,
}

impl Refusal {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::MissingToken
            | Self::MalformedToken
            | Self::UnknownToken
            | Self::ExpiredToken
            | Self::UsedToken => 401,
            Self::RoomNotFound => 404,
            Self::TooManyConnections => 429,
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::MissingToken => {
                "chat token is missing: it must be the value of Sec-WebSocket-Protocol"
            }
            Self::MalformedToken => "chat token is malformed",
            Self::UnknownToken => "chat token is unknown",
            Self::ExpiredToken => "chat token has expired",
            Self::UsedToken => "chat token was already used",
            Self::RoomNotFound => "room of the chat token does not exist",
            Self::TooManyConnections => "too many concurrent connections",
        }
    }
}

impl Service {
    /// Redeems a token for a connection.
    ///
    /// Documented: a token can be used once, and only until its expiration time.
    pub(crate) fn connect(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        token: Option<&str>,
    ) -> Result<Admission, Refusal> {
        let open = self.sessions.len();
        let token = token.ok_or(Refusal::MissingToken)?;
        if !is_well_formed(token) {
            return Err(Refusal::MalformedToken);
        }
        let issued = self.tokens.get_mut(token).ok_or(Refusal::UnknownToken)?;
        if issued.used {
            return Err(Refusal::UsedToken);
        }
        if issued.token_expiration_time <= now {
            return Err(Refusal::ExpiredToken);
        }
        let room = self.rooms.get_mut(&issued.room).ok_or(Refusal::RoomNotFound)?;
        let limit = self.settings.quotas.limit(Quota::ConcurrentConnections);
        if limit.is_some_and(|limit| open >= limit as usize) {
            return Err(Refusal::TooManyConnections);
        }
        issued.used = true;
        room.members.insert(connection);
        self.deadlines.insert((issued.session_expiration_time, Deadline::Session(connection)));
        let session = Session {
            room: issued.room,
            user_id: Arc::clone(&issued.user_id),
            attributes: issued.attributes.clone(),
            capabilities: issued.capabilities.clone(),
            expires: issued.session_expiration_time,
            requests: Bucket::default(),
        };
        let admission = Admission {
            room_label: room.label().into(),
            user_id: Arc::clone(&session.user_id),
            capabilities: session.capabilities.clone(),
        };
        self.sessions.insert(connection, session);
        Ok(admission)
    }

    pub(crate) fn is_connected(&self, connection: ConnectionId) -> bool {
        self.sessions.contains_key(&connection)
    }

    /// The user and the room's label of a token, whether it can still be used or not.
    pub(crate) fn peek(&self, token: &str) -> Option<(Arc<str>, Option<String>)> {
        let issued = self.tokens.get(token)?;
        let room = self.rooms.get(&issued.room).map(|room| room.label().to_owned());
        Some((Arc::clone(&issued.user_id), room))
    }

    /// What stands for a token where the token itself must not be shown.
    pub(crate) fn token_label(&self, token: &str) -> Option<String> {
        self.tokens.get(token).map(|issued| format!("[token-{}]", issued.number))
    }

    /// Forgets a connection that has ended; says whether it was still known.
    pub(crate) fn disconnected(&mut self, connection: ConnectionId) -> bool {
        let Some(session) = self.sessions.remove(&connection) else { return false };
        self.deadlines.remove(&(session.expires, Deadline::Session(connection)));
        if let Some(room) = self.rooms.get_mut(&session.room) {
            room.members.remove(&connection);
        }
        true
    }

    /// Ends a session.
    ///
    /// Documented: the connection is closed, and ERROR 401 stands for "the connection has
    /// expired". Observed: clients reconnect after a 401 and not after a bare close, and take a
    /// reason in JSON as a sign that the session has expired. Assumed: that both are sent.
    pub(super) fn expire(&mut self, connection: ConnectionId, out: &mut Vec<Output>) {
        let error = Frame::Error(Error {
            id: self.mint.error_id(),
            request_id: String::new(),
            error_code: ErrorCode::Unauthorized,
            error_message: EXPIRED.into(),
        });
        let reason = format!(r#"{{"ErrorCode":401,"ErrorMessage":"{EXPIRED}"}}"#);
        out.push(Output::Deliver { to: vec![connection], frame: error });
        self.close(connection, &reason, out);
    }

    /// Closes a connection for the service's own reasons.
    ///
    /// Observed: with code 1000.
    pub(super) fn close(&mut self, connection: ConnectionId, reason: &str, out: &mut Vec<Output>) {
        if self.disconnected(connection) {
            let close = Close::new(CloseCode::NORMAL, reason);
            out.push(Output::Close { connection, close });
        }
    }
}

/// Whether a text could be a token at all.
fn is_well_formed(token: &str) -> bool {
    let Some((body, ending)) = token.split_once("!#") else { return false };
    body.starts_with(TOKEN_PREFIX)
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && ending.len() == 1
        && ending.bytes().all(|byte| byte.is_ascii_digit())
}

/// Observed: what all chat tokens begin with.
pub(crate) const TOKEN_PREFIX: &str = "AQICAH";
const EXPIRED: &str = "session has expired";
