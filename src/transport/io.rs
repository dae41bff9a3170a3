//! Stream: the kinds of byte streams that a client can be served on.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

#[cfg(feature = "tls")]
use crate::transport::adapter::AsyncStream;

/// A byte stream of one kind.
pub(crate) enum Stream {
    Tcp(TcpStream),
    /// TLS on another shared stream, which is TCP.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<AsyncStream>>),
    /// The other end is a client in this process.
    Memory(DuplexStream),
    /// A stream of the test.
    Other(Pin<Box<dyn ByteStream>>),
}

pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> ByteStream for T {}

impl Stream {
    /// Returns `true` if polls and the drop of this stream run no code but that of the system and
    /// of libraries, and so cannot call the mock.
    pub(crate) const fn is_of_the_system(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
            Self::Memory(_) | Self::Other(_) => false,
        }
    }

    /// Makes the drop of this stream a reset, if the transport has resets.
    pub(crate) fn prepare_reset(&self) {
        match self {
            Self::Tcp(stream) => {
                // If this fails the connection is gone already, which is the goal.
                let _ = stream.set_zero_linger();
            }
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0.stream.reset(),
            Self::Memory(_) | Self::Other(_) => {}
        }
    }

    /// Closes the stream below this one, if there is one: it may have other users.
    pub(crate) fn close_below(&self) {
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self {
            stream.get_ref().0.stream.close();
        }
    }

    pub(crate) fn peer_ip(&self) -> Option<String> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(|addr| addr.ip().to_string()),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0.stream.peer_ip(),
            Self::Memory(_) | Self::Other(_) => None,
        }
    }

    /// Ready if there may be something to read. Only TCP can tell.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            #[cfg(feature = "tls")]
            Self::Tls(_) => Poll::Ready(Ok(())),
            Self::Memory(_) | Self::Other(_) => Poll::Ready(Ok(())),
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Other(stream) => stream.as_mut().poll_read(cx, buf),
        }
    }

    /// Makes the system acknowledge what was read now instead of some 40 ms later. A client that has
    /// not set `TCP_NODELAY` keeps its next frame until then. The system falls back to delayed
    /// acknowledgements by itself, hence this is called after each read.
    pub(crate) fn acknowledge(&self) {
        match self {
            Self::Tcp(stream) => acknowledge_immediately(stream),
            // The stream below was read, and acknowledges by itself.
            #[cfg(feature = "tls")]
            Self::Tls(_) => {}
            Self::Memory(_) | Self::Other(_) => {}
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match (self, slices) {
            // The system does less for a plain write.
            (Self::Tcp(stream), [slice]) => Pin::new(stream).poll_write(cx, slice),
            (Self::Tcp(stream), _) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(feature = "tls")]
            (Self::Tls(stream), _) => Pin::new(stream).poll_write_vectored(cx, slices),
            (Self::Memory(stream), _) => Pin::new(stream).poll_write_vectored(cx, slices),
            (Self::Other(stream), _) => stream.as_mut().poll_write_vectored(cx, slices),
        }
    }

    /// Writes as much as the peer takes immediately; nothing if only a task can write.
    pub(crate) fn try_write(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            // The system does less for a plain write.
            (Self::Tcp(stream), [slice]) => stream.try_write(slice),
            (Self::Tcp(stream), _) => stream.try_write_vectored(slices),
            (Self::Memory(stream), _) => try_write_to_memory(stream, slices),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Memory(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => stream.as_mut().poll_flush(cx),
        }
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => stream.as_mut().poll_shutdown(cx),
        }
    }
}

/// Writes as much as a pipe has room for. The write does not count against the budget of the
/// current task, which may be any task of the test.
fn try_write_to_memory(stream: &mut DuplexStream, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
    let write = poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, slices));
    match pin!(unconstrained(write)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(written) => written,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn acknowledge_immediately(stream: &TcpStream) {
    // A connection that has failed needs no acknowledgement.
    let _ = socket2::SockRef::from(stream).set_tcp_quickack(true);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn acknowledge_immediately(_: &TcpStream) {}
