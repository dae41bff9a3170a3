//! Listener: a port of the mock, which can stop listening without giving the port away.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::driver::Driver;
use crate::transport::stream::SharedStream;

/// A port of the mock.
#[derive(Debug)]
pub(crate) struct Listener {
    addr: SocketAddr,
    state: ListenerState,
    security: Security,
}

#[derive(Debug)]
enum ListenerState {
    Listening(TcpListener),
    /// Bound, so that no other process gets the port, but not listening: clients are refused. Only
    /// systems that share ports have this state.
    Bound(TcpSocket),
    /// Neither. A listener is closed only while it changes its state, or if a change has failed.
    Closed,
}

/// The protocol below HTTP.
#[derive(Clone, Debug)]
pub(crate) enum Security {
    Plain,
    #[cfg(feature = "tls")]
    Tls(crate::net::tls::Acceptor),
}

/// A port that is bound for a pause that has not begun yet.
#[derive(Debug)]
pub(crate) struct Reservation(Option<TcpSocket>);

impl Listener {
    /// Whether a paused listener still accepts clients. Then the server must close their streams.
    ///
    /// A port that stops listening is free for a moment, unless the system lets a second socket
    /// bind it before. Where it does not, as on Windows, the listener must go on.
    pub(crate) const ACCEPTS_WHILE_PAUSED: bool = !SHARES_PORTS;

    /// Listens on a socket. Must be called in a runtime with an I/O driver.
    pub(crate) fn new(listener: std::net::TcpListener, security: Security) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        enable_port_reuse(&SockRef::from(&listener))?;
        Ok(Self { addr, state: ListenerState::Listening(listener), security })
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn security(&self) -> Security {
        self.security.clone()
    }

    /// Acquires the system resources that a pause needs. If this fails, the listener is unchanged.
    pub(crate) fn reserve(&mut self) -> io::Result<Reservation> {
        if Self::ACCEPTS_WHILE_PAUSED || matches!(self.state, ListenerState::Bound(_)) {
            return Ok(Reservation(None));
        }
        bind(self.addr).map(|socket| Reservation(Some(socket)))
    }

    /// Keeps the port, but listens no more, if the system can do that.
    pub(crate) fn pause(&mut self, Reservation(reserved): Reservation) {
        if let Some(socket) = reserved {
            self.state = ListenerState::Bound(socket);
        }
    }

    /// Listens again. Must be called in a runtime with an I/O driver.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.state, ListenerState::Closed) {
            ListenerState::Listening(listener) => {
                self.state = ListenerState::Listening(listener);
                return Ok(());
            }
            ListenerState::Bound(socket) => socket,
            ListenerState::Closed => bind(self.addr)?,
        };
        self.state = ListenerState::Listening(socket.listen(BACKLOG)?);
        Ok(())
    }

    /// Returns the next stream that a client opens; an error if this does not listen.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Arc<SharedStream>>> {
        match &self.state {
            ListenerState::Listening(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| SharedStream::tcp(stream))
            }
            ListenerState::Bound(_) | ListenerState::Closed => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
        }
    }
}

impl Security {
    /// Performs the handshake below HTTP, if there is one; `None` if the client fails it.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, unused_variables, reason = "only TLS has a handshake")
    )]
    pub(crate) async fn accept(
        &self,
        stream: Arc<SharedStream>,
        driver: &Arc<Driver>,
    ) -> Option<Arc<SharedStream>> {
        match self {
            Self::Plain => Some(stream),
            #[cfg(feature = "tls")]
            Self::Tls(acceptor) => acceptor.accept(stream, driver).await,
        }
    }
}

/// Whether a second socket can bind a port on which one listens, if both have `SO_REUSEPORT`.
const SHARES_PORTS: bool =
    cfg!(all(unix, not(any(target_os = "cygwin", target_os = "illumos", target_os = "solaris"))));

/// Sets `SO_REUSEPORT`, so that a replacement socket can bind before the listener closes. The port
/// is never free in between. Accepted connections inherit the option, so connections that linger
/// do not block the port either.
#[cfg(all(unix, not(any(target_os = "cygwin", target_os = "illumos", target_os = "solaris"))))]
fn enable_port_reuse(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(all(
    unix,
    not(any(target_os = "cygwin", target_os = "illumos", target_os = "solaris"))
)))]
const fn enable_port_reuse(_: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}

/// Binds a port. Only a listener of this mock may have it already.
fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    enable_port_reuse(&SockRef::from(&socket))?;
    socket.bind(addr)?;
    Ok(socket)
}

/// The number of clients that may wait to be accepted.
const BACKLOG: u32 = 1024;
