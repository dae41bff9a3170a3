//! Outages: the end of all connections, because the test requires it.

use crate::engine::Engine;
use crate::log::record::{Event, OutageEvent};
use crate::service::ConnectionId;

impl Engine {
    /// Ends all connections and records it. A connection with a stream ends with a close frame, or
    /// without one after its queued frames. At an outage the driver resets its stream.
    pub(super) fn end_all(&mut self, outage: &OutageEvent) {
        let cause = self.log.len();
        self.record(cause, None, Event::Outage(Box::new(outage.clone())));
        for (connection, has_stream) in self.open_connections() {
            let is_spared = self.spares_participants && !has_stream;
            if is_spared || !self.service.is_connected(connection) {
                continue;
            }
            match outage {
                OutageEvent::Close(close) => {
                    self.service.remove_session(connection);
                    self.close(cause, connection, close.as_ref().clone());
                }
                OutageEvent::Disconnect => self.end_without_close(cause, connection),
                OutageEvent::Begin
                | OutageEvent::End
                | OutageEvent::Restart
                | OutageEvent::Stop => {
                    self.end_before_cut(cause, connection);
                }
            }
        }
    }

    /// Ends a connection whose stream is about to be cut.
    fn end_before_cut(&mut self, cause: u64, connection: ConnectionId) {
        self.service.remove_session(connection);
        self.record(cause, Some(connection), Event::Disconnected);
        // A connection with a stream is removed later, when the driver reports the end of the
        // stream.
        let has_stream = self.connections.open.get(connection).is_some_and(|open| open.has_stream);
        if !has_stream {
            self.remove(connection);
        }
    }

    /// Ends the connections that have a stream, and records nothing: the mock itself ends.
    pub(super) fn shut_down(&mut self) {
        for (connection, has_stream) in self.open_connections() {
            // The sessions end first, so that frames which arrive before their streams are closed
            // have no effect.
            if has_stream {
                self.service.remove_session(connection);
            }
        }
    }

    pub(super) fn outage_ended(&mut self) {
        self.record_own(Event::Outage(Box::new(OutageEvent::End)));
    }

    fn open_connections(&self) -> Vec<(ConnectionId, bool)> {
        // Collected first, because ending a connection removes it from the map.
        let open = self.connections.open.values();
        open.map(|open| (open.peer.connection, open.has_stream)).collect()
    }
}
