//! Outage: how a test takes the mock from its clients, and gives it back.

use crate::api::handle::Handle;
use crate::api::wait::fail;
use crate::log::record;
use crate::proto::close::{Close, CloseCode};

/// A time in which nobody reaches the mock; it ends when this is dropped.
///
/// ```
/// use std::net::TcpStream;
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let outage = ivs.outage();
/// assert!(TcpStream::connect(ivs.addr()).is_err());
/// outage.end();
/// assert!(TcpStream::connect(ivs.addr()).is_ok());
/// ```
#[derive(Debug)]
#[must_use = "the outage ends when this is dropped"]
pub struct Outage {
    handle: Handle,
}

impl Outage {
    /// Lets clients connect again, on the same port.
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
        // A bound port can be listened on, unless the system has run out of something; then the
        // next connection fails, and says so.
        let sockets = self.handle.sockets();
        if !sockets.end_outage() {
            return;
        }
        let is_open = sockets.open(self.handle.driver()).is_ok();
        if is_open && !sockets.is_closed() {
            self.handle.driver().outage_ended();
        }
    }
}

impl Handle {
    /// Ends all chat connections as a network does: without a close frame, but behind what each
    /// still has to get. Official clients reconnect after this.
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
        self.driver().end_all(record::Outage::Disconnect);
    }

    /// Ends all chat connections with a close frame, the reason cut to 123 bytes. Official clients
    /// do not reconnect after this.
    ///
    /// ```
    /// use mock_ivs_chat::{CloseCode, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.close_all(CloseCode::GOING_AWAY, "maintenance");
    /// assert!(ivs.log().to_string().ends_with("alice closed 1001 \"maintenance\"\n"));
    /// ```
    pub fn close_all(&self, code: CloseCode, reason: &str) {
        self.driver().end_all(record::Outage::Close(Box::new(Close::new(code, reason))));
    }

    /// Cuts everything, HTTP included, and listens anew on the same port. Rooms, tokens and the
    /// log are kept. A client that reconnects at once is let in.
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
    /// If the mock has stopped, or if the port cannot be had again.
    #[track_caller]
    pub fn restart(&self) {
        self.expect_running();
        let restarted = self.sockets().shut().and_then(|evicted| {
            self.driver().end_all(record::Outage::Restart);
            // Who learns that it was cut must find the port open, unless there is an outage.
            let opened = match self.sockets().is_in_outage() {
                true => Ok(()),
                false => self.sockets().open(self.driver()),
            };
            evicted.cut();
            opened
        });
        self.expect_port(restarted);
    }

    /// Cuts everything, and refuses whoever connects, until the outage that it returns is dropped.
    /// The port stays the mock's own. Rooms, tokens and the log are kept; participants are gone,
    /// too, and can come back at any time.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// {
    ///     let _outage = ivs.outage();
    ///     assert!(std::net::TcpStream::connect(ivs.addr()).is_err());
    /// }
    /// assert!(std::net::TcpStream::connect(ivs.addr()).is_ok());
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has stopped, or if the port cannot be held.
    #[track_caller]
    pub fn outage(&self) -> Outage {
        self.expect_running();
        self.sockets().begin_outage();
        let begun = self.sockets().shut().map(|evicted| {
            self.driver().end_all(record::Outage::Begin);
            evicted.cut();
        });
        self.expect_port(begun);
        Outage { handle: self.clone() }
    }

    #[track_caller]
    fn expect_running(&self) {
        if self.sockets().is_closed() {
            fail(self.driver(), "the mock has stopped");
        }
    }

    #[track_caller]
    fn expect_port<T>(&self, result: std::io::Result<T>) -> T {
        result.unwrap_or_else(|error| {
            fail(self.driver(), format_args!("the mock's port was lost: {error}"))
        })
    }
}
