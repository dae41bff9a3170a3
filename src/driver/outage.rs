//! Outage: all connections end at once, by the will of the test.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::step::Step;
use crate::driver::{Connection, Driver};
use crate::log::record::{Outage, What};
use crate::proto::close::Close;
use crate::service::ConnectionId;

impl Driver {
    /// Ends all connections, and takes note of it. Those that have a wire go by a close frame, or
    /// without one behind what they still have to get, or are about to be cut.
    pub(crate) fn end_all(self: &Arc<Self>, outage: Outage) {
        self.step(|step| step.end_all(Some(outage)));
    }

    /// Ends all connections of a mock that ends itself, unless a closure of the test is at work
    /// for longer than `limit`. If that is no outage the log does not tell of it, and participants
    /// stay: they can still talk to each other.
    pub(crate) fn end_all_within(self: &Arc<Self>, limit: Duration, outage: Option<Outage>) {
        if let Some(_turn) = self.turn.try_lock_for(limit) {
            self.step(|step| step.end_all(outage));
        }
    }

    /// Takes note that clients can connect again.
    pub(crate) fn outage_ended(self: &Arc<Self>) {
        self.step(|step| {
            let (now, cause) = (step.now, step.state.log.len());
            step.state.record(now, cause, What::Outage(Box::new(Outage::End)));
        });
    }
}

impl Step<'_> {
    fn end_all(&mut self, outage: Option<Outage>) {
        let (now, cause) = (self.now, self.state.log.len());
        let is_logged = outage.is_some();
        let close = match &outage {
            Some(Outage::Close(close)) => Some(Close::clone(close)),
            _ => None,
        };
        let is_cut = !matches!(outage, Some(Outage::Close(_) | Outage::Disconnect));
        if let Some(outage) = outage {
            self.state.record(now, cause, What::Outage(Box::new(outage)));
        }
        let open = self.state.connections.iter().flatten();
        let open = open.filter(|open| is_logged || open.wire.is_some());
        for connection in open.map(|open| open.party.connection).collect::<Vec<_>>() {
            if !self.state.service.remove_session(connection) {
                continue;
            }
            if let Some(close) = &close {
                self.close(cause, connection, close.clone());
                continue;
            }
            if is_logged {
                self.record(cause, connection, What::Gone);
            }
            self.leave(connection, is_cut);
        }
    }

    /// Ends a connection behind what waits to be written, unless it is about to be cut.
    fn leave(&mut self, connection: ConnectionId, is_cut: bool) {
        match self.state.connection(connection) {
            Some(Connection { wire: Some(_), .. }) if is_cut => {}
            Some(Connection { wire: Some(wire), .. }) => wire.outbox.finish_bare(),
            _ => self.state.forget(connection),
        }
    }
}
