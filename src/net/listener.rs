//! Door: a port that the mock listens on, and can stop to listen on without giving it away.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpSocket};

use crate::transport::stream::Link;

/// A port of the mock.
#[derive(Debug)]
pub(crate) struct Door {
    addr: SocketAddr,
    entrance: Entrance,
    lock: Lock,
}

#[derive(Debug)]
enum Entrance {
    Open(TcpListener),
    /// Bound, so that nobody else gets the port, but not listening: who connects is refused.
    Shut(TcpSocket),
    /// Neither; only while the one becomes the other.
    Gone,
}

/// What a client has to get through before it can speak HTTP.
#[derive(Clone, Debug)]
pub(crate) enum Lock {
    /// Nothing.
    None,
    /// A TLS handshake.
    #[cfg(feature = "tls")]
    Tls(crate::net::tls::Acceptor),
}

impl Door {
    /// A door that is open; only to be asked for inside a runtime that drives I/O.
    pub(crate) fn new(listener: std::net::TcpListener, lock: Lock) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        lend_port(&listener)?;
        Ok(Self { addr, entrance: Entrance::Open(listener), lock })
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn lock(&self) -> Lock {
        self.lock.clone()
    }

    /// Refuses whoever connects from now on.
    pub(crate) fn shut(&mut self) -> io::Result<()> {
        if !matches!(self.entrance, Entrance::Shut(_)) {
            if cfg!(not(unix)) {
                // Here a port that is listened on cannot be bound.
                self.entrance = Entrance::Gone;
            }
            self.entrance = Entrance::Shut(bind(self.addr)?);
        }
        Ok(())
    }

    /// Listens again; only to be asked for inside a runtime that drives I/O.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.entrance, Entrance::Gone) {
            Entrance::Open(listener) => {
                self.entrance = Entrance::Open(listener);
                return Ok(());
            }
            Entrance::Shut(socket) => socket,
            Entrance::Gone => bind(self.addr)?,
        };
        let listener = socket.listen(BACKLOG)?;
        self.entrance = Entrance::Open(listener);
        Ok(())
    }

    /// The next stream that a client opens; an error while the door is shut.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Arc<Link>>> {
        match &self.entrance {
            Entrance::Open(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| Link::tcp(stream))
            }
            Entrance::Shut(_) | Entrance::Gone => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
        }
    }
}

impl Lock {
    /// Lets a client through, or not.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "a TLS handshake takes its time")
    )]
    pub(crate) async fn pass(&self, link: Arc<Link>) -> Option<Arc<Link>> {
        match self {
            Self::None => Some(link),
            #[cfg(feature = "tls")]
            Self::Tls(acceptor) => acceptor.accept(link).await,
        }
    }
}

/// Has a listener share its port with a socket that takes its place, where the system knows of
/// such a thing: so the port is nobody's at no time, and nobody else can get it. The connections
/// that the listener accepts share it, too, and do not stand in the way when they linger.
#[cfg(unix)]
fn lend_port(listener: &TcpListener) -> io::Result<()> {
    socket2::SockRef::from(listener).set_reuse_port(true)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on other systems there is something to do")]
fn lend_port(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

/// Takes a port, for this socket alone but for the listener whose place it takes.
fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// How many clients may wait to be accepted.
const BACKLOG: u32 = 1024;
