//! Link: a byte stream that can be cut, reset or stalled from outside, whoever is using it.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A byte stream to a peer, and its only owner: dropping the stream inside ends it for all users.
pub(crate) struct Link {
    inner: Mutex<Inner>,
}

struct Inner {
    stream: Option<Stream>,
    is_stalled: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum Stream {
    Tcp(TcpStream),
    Other(Pin<Box<dyn ByteStream>>),
}

trait ByteStream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> ByteStream for T {}

impl Link {
    pub(crate) fn tcp(stream: TcpStream) -> Arc<Self> {
        // A frame must not wait for the acknowledgement of the one before it. A socket that
        // cannot be told so is about to fail at its first use, where it is dealt with.
        let _ = stream.set_nodelay(true);
        Self::new(Stream::Tcp(stream))
    }

    pub(crate) fn other(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Arc<Self> {
        Self::new(Stream::Other(Box::pin(stream)))
    }

    fn new(stream: Stream) -> Arc<Self> {
        let inner = Inner { stream: Some(stream), is_stalled: false, reader: None, writer: None };
        Arc::new(Self { inner: Mutex::new(inner) })
    }

    /// Closes the stream without ceremony.
    pub(crate) fn cut(&self) {
        self.inner.lock().end();
    }

    /// Closes the stream so that the peer sees a reset, where the transport knows one.
    pub(crate) fn reset(&self) {
        let mut inner = self.inner.lock();
        if let Some(Stream::Tcp(stream)) = &inner.stream {
            // If this fails the connection is gone already, which is what is wanted.
            let _ = stream.set_zero_linger();
        }
        inner.end();
    }

    /// Leaves the stream open, unread and unwritten from now on.
    pub(crate) fn stall(&self) {
        self.inner.lock().is_stalled = true;
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.lock().poll(cx, Side::Reader, |stream, cx| match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Other(stream) => stream.as_mut().poll_read(cx, buf),
        })
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner.lock().poll(cx, Side::Writer, |stream, cx| match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Other(stream) => stream.as_mut().poll_write_vectored(cx, slices),
        })
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.lock().poll(cx, Side::Writer, |stream, cx| match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Other(stream) => stream.as_mut().poll_flush(cx),
        })
    }

    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.lock().poll(cx, Side::Writer, |stream, cx| match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Other(stream) => stream.as_mut().poll_shutdown(cx),
        })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("is_open", &self.inner.lock().stream.is_some()).finish()
    }
}

#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

impl Inner {
    fn end(&mut self) {
        self.stream = None;
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        poll: impl FnOnce(&mut Stream, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        let polled = if self.is_stalled { Poll::Pending } else { poll(stream, cx) };
        if polled.is_pending() {
            // Nobody but this link wakes a task whose stream is taken away.
            let waker = match side {
                Side::Reader => &mut self.reader,
                Side::Writer => &mut self.writer,
            };
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
        }
        polled
    }
}

/// A link as tokio sees it.
#[derive(Debug)]
pub(crate) struct LinkStream(pub(crate) Arc<Link>);

impl AsyncRead for LinkStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buf)
    }
}

impl AsyncWrite for LinkStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
