//! Outage: disconnects clients, restarts the mock, and makes it unreachable for a while.

use std::panic::Location;

use crate::api::handle::Handle;
use crate::api::wait::fail;
use crate::driver::OutageId;
use crate::log::record;
use crate::proto::close::{Close, CloseCode};

/// An outage of the mock, which ends when this value is dropped.
///
/// ```
/// use std::net::TcpStream;
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// let outage = ivs.outage();
/// assert!(!alice.is_connected());
/// outage.end();
/// assert!(TcpStream::connect(ivs.addr()).is_ok());
/// ```
#[derive(Debug)]
#[must_use = "the outage ends when this value is dropped"]
pub struct Outage {
    handle: Handle,
    id: OutageId,
}

impl Outage {
    /// Accepts connections again, on the same port.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.outage().end();
    /// assert!(std::net::TcpStream::connect(ivs.addr()).is_ok());
    /// ```
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        // Listening on a bound port fails only if the system has run out of a resource. Then the
        // next connection fails, and `Handle::restart` tries again.
        self.handle.driver().record_end_of_outage(self.id);
        let server = self.handle.server();
        if !server.end_outage() {
            return;
        }
        let is_serving = server.resume(self.handle.driver()).is_ok();
        if is_serving && server.stop_reason().is_none() {
            self.handle.driver().outage_ended();
        }
    }
}

impl Handle {
    /// Ends all chat connections as a network failure does: without a close frame, but after the
    /// frames that are already queued. Official clients reconnect after this.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.disconnect_all();
    /// assert!(!alice.is_connected());
    /// ```
    pub fn disconnect_all(&self) {
        self.driver().end_all(record::OutageEvent::Disconnect);
    }

    /// Closes all chat connections with a close frame, its reason truncated to 123 bytes. Official
    /// clients do not reconnect after this.
    ///
    /// ```
    /// use mock_ivs_chat::{CloseCode, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.close_all(CloseCode::GOING_AWAY, "maintenance");
    /// assert!(ivs.log().to_string().ends_with("alice closed 1001 \"maintenance\"\n"));
    /// ```
    pub fn close_all(&self, code: CloseCode, reason: impl Into<String>) {
        let close = Close::new(code, &reason.into());
        self.driver().end_all(record::OutageEvent::Close(Box::new(close)));
    }

    /// Closes all streams, including those of HTTP, and listens again on the same port. Rooms,
    /// tokens and the log are kept. A client that reconnects immediately is accepted.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// ivs.restart();
    /// assert_eq!(ivs.room("lobby").arn(), room.arn());
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has stopped, if its runtime has ended, or if the system has no descriptor left.
    /// In the last case nothing has changed.
    #[track_caller]
    pub fn restart(&self) {
        self.expect_running();
        let paused = match self.server().is_cutting() {
            true => Ok(self.server().cut()),
            false => self.server().pause(),
        };
        let restarted = paused.and_then(|connections| {
            self.driver().end_all(record::OutageEvent::Restart);
            // A client may reconnect as soon as its stream is closed, so the port must listen
            // first, unless there is an outage.
            let resumed = match self.server().is_in_outage() {
                true => Ok(()),
                false => self.server().resume(self.driver()),
            };
            connections.close();
            resumed
        });
        self.expect_port(restarted);
    }

    /// Closes all streams and refuses clients until the returned outage is dropped. The mock keeps
    /// its port, rooms, tokens and log. Participants are disconnected, too, and can reconnect at
    /// any time.
    ///
    /// On systems that cannot keep a port without listening on it, such as Windows, the mock accepts
    /// a client and resets its connection.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// {
    ///     let _outage = ivs.outage();
    ///     assert!(!alice.is_connected());
    /// }
    /// assert!(std::net::TcpStream::connect(ivs.addr()).is_ok());
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has stopped, if its runtime has ended, or if the system has no descriptor left.
    /// In the last case there is no outage.
    #[track_caller]
    pub fn outage(&self) -> Outage {
        self.begin_outage(Some(Location::caller()))
    }

    /// Begins an outage, for a line of the test or for the explorer.
    #[track_caller]
    pub(crate) fn begin_outage(&self, begun_at: Option<&'static Location<'static>>) -> Outage {
        self.expect_running();
        // If the pause fails there is no outage, and the mock goes on as before.
        let connections = self.expect_port(self.server().pause());
        self.server().begin_outage();
        // Before the streams close, so that the log has the outage before clients react to it.
        let id = self.driver().record_outage(begun_at);
        self.driver().end_all(record::OutageEvent::Begin);
        connections.close();
        Outage { handle: self.clone(), id }
    }

    /// Begins an outage in which each new connection is accepted, recorded as an entry of the kind
    /// [`Unserved`](crate::log::EntryKind::Unserved), and reset. A test can thus count a client's
    /// attempts and measure the time between them.
    ///
    /// A client may notice the reset while it connects, or only when it reads or writes.
    ///
    /// Otherwise it is like [`Handle::outage`]. If outages overlap and one of the others refuses
    /// clients, they are refused, and nothing is recorded.
    ///
    /// ```
    /// use std::io::Read;
    /// use std::net::TcpStream;
    /// use mock_ivs_chat::{MockIvsChat, log::EntryKind};
    ///
    /// let ivs = MockIvsChat::start();
    /// let outage = ivs.accepting_outage();
    /// let attempt = TcpStream::connect(ivs.addr()).and_then(|mut client| client.read(&mut [0]));
    /// assert!(!matches!(attempt, Ok(1)));
    /// assert_eq!(ivs.log().kind(EntryKind::Unserved).entries().len(), 1);
    /// outage.end();
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has stopped, or if its runtime has ended.
    #[track_caller]
    pub fn accepting_outage(&self) -> Outage {
        self.expect_running();
        let connections = self.server().cut();
        self.server().begin_outage();
        let id = self.driver().record_outage(Some(Location::caller()));
        self.driver().end_all(record::OutageEvent::Begin);
        connections.close();
        Outage { handle: self.clone(), id }
    }

    /// Sets whether each HTTP response has `Connection: close` and ends its connection. By default,
    /// connections are kept. The setting applies to later requests.
    ///
    /// A client with a pool of connections may send a request on one that an outage or a restart
    /// has just closed, and fail. This cannot happen if connections are not kept.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// ivs.close_http_connections(true);
    /// ivs.restart();
    /// ```
    pub fn close_http_connections(&self, closes: bool) {
        self.driver().set_closes_http(closes);
    }

    #[track_caller]
    fn expect_running(&self) {
        if let Some(reason) = self.server().stop_reason() {
            fail(self.driver(), reason.message());
        }
    }

    #[track_caller]
    fn expect_port<T>(&self, result: std::io::Result<T>) -> T {
        match result {
            Ok(held) => held,
            Err(error) => fail(self.driver(), format_args!("cannot hold the mock's port: {error}")),
        }
    }
}
