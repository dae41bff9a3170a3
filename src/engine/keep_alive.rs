//! Keep-alive: pings of the service, and the end of connections whose clients are silent.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::questions::Ancestry;
use crate::engine::timers::{Deferred, Waiting};
use crate::proto::close::{Close, CloseCode};
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

/// How the service watches its connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeepAlive {
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
}

impl Engine {
    /// Begins to watch a connection.
    pub(super) fn watch(&mut self, connection: ConnectionId) {
        let KeepAlive { ping_interval, idle_timeout } = self.keep_alive;
        // In this order, so that a ping that is due when the connection ends leaves before.
        if let Some(interval) = ping_interval {
            self.watch_later(interval, connection, Deferred::Ping(connection));
        }
        if let Some(timeout) = idle_timeout {
            self.watch_later(timeout, connection, Deferred::CloseIfIdle(connection));
        }
    }

    /// Sets a timer that is canceled when the connection ends.
    fn watch_later(&mut self, after: Duration, connection: ConnectionId, deferred: Deferred) {
        let now = self.now;
        // At the end of time, a timer would be due at the moment at which it is set, and its
        // successor too, without end.
        if after > Timestamp::MAX.since(now) {
            return;
        }
        if let Some(open) = self.connections.open.get_mut(connection) {
            // The timer that has just fired is gone; at most two remain.
            open.timers.retain(|(at, _)| *at > now);
            let key =
                self.timers.at(now + after, Waiting { ancestry: Ancestry::default(), deferred });
            open.timers.push(key);
        }
    }

    /// Sends a ping and schedules the next one.
    pub(super) fn ping(&mut self, cause: u64, connection: ConnectionId) {
        if !self.service.is_connected(connection) {
            return;
        }
        self.push(cause, connection, Payload::Ping(std::sync::Arc::default()).into());
        if let Some(interval) = self.keep_alive.ping_interval {
            self.watch_later(interval, connection, Deferred::Ping(connection));
        }
    }

    /// Closes a connection whose client has been silent for too long.
    ///
    /// Assumed: the code 1001 and the reason.
    pub(super) fn close_if_idle(&mut self, cause: u64, connection: ConnectionId) {
        let Some(timeout) = self.keep_alive.idle_timeout else { return };
        let Some(open) = self.connections.open.get(connection) else { return };
        // The timer does not move with each frame, because each move would change the tree of
        // timers. If it fires too early, it is set again for the remaining time.
        let due = open.last_received + timeout;
        if due > self.now {
            let remaining = due.since(self.now);
            self.watch_later(remaining, connection, Deferred::CloseIfIdle(connection));
        } else if self.service.remove_session(connection) {
            self.close(cause, connection, Close::new(CloseCode::GOING_AWAY, "connection is idle"));
        }
    }
}
