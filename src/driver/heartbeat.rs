//! Heartbeat: pings that the mock sends, and the end of connections whose clients are silent.

use std::time::Duration;

use crate::driver::Connection;
use crate::driver::later::Later;
use crate::driver::step::Step;
use crate::proto::close::{Close, CloseCode};
use crate::service::ConnectionId;
use crate::transport::framing;

/// What the test wants of a service that watches its connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heartbeat {
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
}

impl Step<'_> {
    /// Begins to watch a connection.
    pub(super) fn watch(&mut self, connection: ConnectionId) {
        let Heartbeat { ping_interval, idle_timeout } = self.driver.heartbeat;
        // In this order, so that a ping at the moment of the end is on its way before.
        if let Some(interval) = ping_interval {
            self.state.schedule.at(self.now + interval, Later::Ping(connection));
        }
        if let Some(timeout) = idle_timeout {
            self.state.schedule.at(self.now + timeout, Later::EndIfIdle(connection));
        }
    }

    /// Sends a ping, and has the next one follow.
    pub(super) fn ping(&mut self, cause: u64, connection: ConnectionId) {
        if !self.state.service.is_connected(connection) {
            return;
        }
        self.push(cause, connection, framing::ping(&[]));
        if let Some(interval) = self.driver.heartbeat.ping_interval {
            self.state.schedule.at(self.now + interval, Later::Ping(connection));
        }
    }

    /// Ends a connection whose client has been silent for too long.
    ///
    /// Assumed: the code 1001 and the reason.
    pub(super) fn end_if_idle(&mut self, cause: u64, connection: ConnectionId) {
        let Some(timeout) = self.driver.heartbeat.idle_timeout else { return };
        let open = self.state.connection(connection);
        let Some(Connection { last_heard, .. }) = open else { return };
        let due = *last_heard + timeout;
        if due > self.now {
            self.state.schedule.at(due, Later::EndIfIdle(connection));
        } else if self.state.service.remove_session(connection) {
            self.close(cause, connection, Close::new(CloseCode::GOING_AWAY, "connection is idle"));
        }
    }
}
