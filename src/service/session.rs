//! Sessions: a chat token is redeemed once, and its session ends by disconnection or expiry.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::close::{Close, CloseCode};
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{ChatError, Frame};
use crate::proto::timestamp::Timestamp;
use crate::service::quota::{Bucket, Quota};
use crate::service::room::RoomKey;
use crate::service::room_names::RoomNames;
use crate::service::token::{Token, is_well_formed};
use crate::service::{ConnectionId, Deadline, Output, Service};

/// A connection and the rights that its token grants.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) room: RoomKey,
    pub(super) user_id: Arc<str>,
    pub(super) attributes: Attributes,
    pub(super) capabilities: BTreeSet<Capability>,
    expires: Timestamp,
    /// Counts requests against the connection's rate.
    pub(super) requests: Bucket,
}

/// The data of an accepted connection, for the log and the hooks.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) room: RoomNames,
    pub(crate) user_id: Arc<str>,
    pub(crate) capabilities: Vec<Capability>,
}

/// The reason for which a handshake is refused.
///
/// Assumed: the statuses and all texts. Documented: 401 stands for a missing token and 404 for a
/// missing room.
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
        // All checks precede the first change, so a token that is refused here stays unused.
        let token = token.ok_or(Refusal::MissingToken)?;
        if !is_well_formed(token) {
            return Err(Refusal::MalformedToken);
        }
        let Token { number, claims } = self.ids.read_token(token).ok_or(Refusal::UnknownToken)?;
        // Before the expiration: a reused token is reported as reused, however old it is.
        if self.used_tokens.contains(number) {
            return Err(Refusal::UsedToken);
        }
        if claims.token_expiration_time <= now {
            return Err(Refusal::ExpiredToken);
        }
        let key = *self.rooms_by_arn.get(&claims.room_arn).ok_or(Refusal::RoomNotFound)?;
        let room = self.rooms.get_mut(&key).ok_or(Refusal::RoomNotFound)?;
        // Last, so that a full account does not hide that the token is bad.
        let limit = self.settings.quotas.limit(Quota::ConcurrentConnections);
        if limit.is_some_and(|limit| self.sessions.len() >= limit as usize) {
            return Err(Refusal::TooManyConnections);
        }
        self.used_tokens.insert(number);
        room.members.insert(connection);
        let expires = claims.session_expiration_time;
        self.deadlines.insert((expires, Deadline::Session(connection)));
        let user_id = Arc::from(claims.user_id);
        let admission = Admission {
            room: room.names(),
            user_id: Arc::clone(&user_id),
            capabilities: claims.capabilities.iter().copied().collect(),
        };
        let session = Session {
            room: key,
            user_id,
            attributes: claims.attributes,
            capabilities: claims.capabilities,
            expires,
            requests: Bucket::default(),
        };
        self.sessions.insert(connection, session);
        Ok(admission)
    }

    /// Returns the quota that a refusal enforces, with its limit.
    pub(crate) fn exceeded_by(&self, refusal: &Refusal) -> Option<(Quota, u32)> {
        let quota = Quota::ConcurrentConnections;
        let limit = self.settings.quotas.limit(quota)?;
        (*refusal == Refusal::TooManyConnections).then_some((quota, limit))
    }

    pub(crate) fn is_connected(&self, connection: ConnectionId) -> bool {
        self.sessions.contains_key(&connection)
    }

    /// Returns the user of a token, and the names of its room if the room still exists. The token
    /// may have been used or have expired.
    pub(crate) fn token_info(&self, token: &str) -> Option<(Arc<str>, Option<RoomNames>)> {
        let claims = self.ids.read_token(token)?.claims;
        Some((claims.user_id.into(), self.room_names(&claims.room_arn)))
    }

    /// Returns the label that replaces a token in the log, where the token must not be shown.
    pub(crate) fn token_label(&self, token: &str) -> Option<String> {
        self.ids.token_number(token).map(|number| format!("[token-{number}]"))
    }

    /// Removes a connection that has ended; returns `true` if it was still known.
    ///
    /// Assumed: a connection that breaks off leaves its room immediately.
    pub(crate) fn remove_session(&mut self, connection: ConnectionId) -> bool {
        let Some(session) = self.sessions.remove(&connection) else { return false };
        self.deadlines.remove(&(session.expires, Deadline::Session(connection)));
        // The room may have been deleted, which leaves its connections open.
        if let Some(room) = self.rooms.get_mut(&session.room) {
            room.members.remove(&connection);
        }
        true
    }

    /// Ends a session.
    ///
    /// Documented: the connection is closed, and ERROR 401 stands for "the connection has
    /// expired". Observed: clients reconnect after a 401 and not after a bare close, and take a
    /// reason in JSON as a sign that the session has expired. Assumed: both are sent.
    pub(crate) fn expire(&mut self, connection: ConnectionId, out: &mut Vec<Output>) {
        let error = Frame::Error(ChatError {
            id: self.ids.error_id(),
            request_id: String::new(),
            error_code: ErrorCode::Unauthorized,
            error_message: EXPIRED.into(),
        });
        let reason = format!(r#"{{"ErrorCode":401,"ErrorMessage":"{EXPIRED}"}}"#);
        // The error first, because nothing follows a close frame.
        out.push(Output::Deliver { to: vec![connection], frame: error });
        self.close(connection, &reason, out);
    }

    /// Closes a connection for a reason of the service.
    ///
    /// Observed: the code is 1000.
    pub(super) fn close(&mut self, connection: ConnectionId, reason: &str, out: &mut Vec<Output>) {
        if self.remove_session(connection) {
            let close = Close::new(CloseCode::NORMAL, reason);
            out.push(Output::Close { connection, close });
        }
    }
}

const EXPIRED: &str = "session has expired";
