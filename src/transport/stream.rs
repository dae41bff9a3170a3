//! Link: a byte stream that can be cut, reset or stalled from outside, whoever is using it.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

use crate::net::Registration;
#[cfg(feature = "tls")]
use crate::net::tls::LinkStream;

/// A byte stream to a peer, and its only owner: dropping the stream inside ends it for all users.
pub(crate) struct Link {
    inner: Mutex<Inner>,
    registration: OnceLock<Registration>,
}

struct Inner {
    stream: Option<Stream>,
    is_stalled: bool,
    /// Whether the peer has to read before more can be written.
    is_full: bool,
    cut: Option<Cut>,
    pace: Option<Pace>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum Stream {
    Tcp(TcpStream),
    /// TLS on another link.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<LinkStream>>),
    /// The other end is a client of this very process.
    Memory(DuplexStream),
    /// The test brought it.
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

    pub(crate) fn memory(stream: DuplexStream) -> Arc<Self> {
        Self::new(Stream::Memory(stream))
    }

    pub(crate) fn other(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Arc<Self> {
        Self::new(Stream::Other(Box::pin(stream)))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(stream: TlsStream<LinkStream>) -> Arc<Self> {
        Self::new(Stream::Tls(Box::new(stream)))
    }

    fn new(stream: Stream) -> Arc<Self> {
        let inner = Inner {
            stream: Some(stream),
            is_stalled: false,
            is_full: false,
            cut: None,
            pace: None,
            reader: None,
            writer: None,
        };
        Arc::new(Self { inner: Mutex::new(inner), registration: OnceLock::new() })
    }

    /// Has it listed among the streams of the mock for as long as it is in use.
    pub(crate) fn set_registration(&self, registration: Registration) {
        assert!(self.registration.set(registration).is_ok(), "a link is registered once");
    }

    /// Whether its peer has to keep to the time limits of this mock, which none can that a hook has
    /// made stall. The peer of a stream that is
    /// none of the system's is the test, which may take as long as it likes by whatever clock it
    /// goes.
    pub(crate) fn has_time_limits(&self) -> bool {
        let inner = self.inner.lock();
        !inner.is_stalled && !matches!(inner.stream, Some(Stream::Memory(_) | Stream::Other(_)))
    }

    /// Closes the stream without ceremony.
    pub(crate) fn cut(&self) {
        let ended = self.inner.lock().end();
        ended.conclude();
    }

    /// Closes the stream so that the peer sees a reset, where the transport knows one.
    pub(crate) fn reset(&self) {
        let mut inner = self.inner.lock();
        match &inner.stream {
            Some(Stream::Tcp(stream)) => {
                // If this fails the connection is gone already, which is what is wanted.
                let _ = stream.set_zero_linger();
            }
            #[cfg(feature = "tls")]
            Some(Stream::Tls(stream)) => stream.get_ref().0.0.reset(),
            Some(Stream::Memory(_) | Stream::Other(_)) | None => {}
        }
        let ended = inner.end();
        drop(inner);
        ended.conclude();
    }

    /// Cuts the stream within the next answer over HTTP.
    pub(crate) fn cut_within(&self, part: Part) {
        self.inner.lock().cut = Some(Cut { part });
    }

    /// Writes at most so many bytes a second of real time from now on.
    pub(crate) fn slow(&self, bytes_per_second: u32) {
        self.inner.lock().pace = Some(Pace { bytes_per_second, pause: None });
    }

    /// The address of the peer, where the transport knows one.
    pub(crate) fn peer_ip(&self) -> Option<String> {
        match &self.inner.lock().stream {
            Some(Stream::Tcp(stream)) => stream.peer_addr().ok().map(|addr| addr.ip().to_string()),
            #[cfg(feature = "tls")]
            Some(Stream::Tls(stream)) => stream.get_ref().0.0.peer_ip(),
            Some(Stream::Memory(_) | Stream::Other(_)) | None => None,
        }
    }

    /// Leaves the stream open, unread and unwritten from now on.
    pub(crate) fn stall(&self) {
        self.inner.lock().is_stalled = true;
    }

    /// Completes when the stream is gone.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner.lock();
        if inner.stream.is_none() {
            return Poll::Ready(());
        }
        inner.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether the stream is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.inner.lock().stream.is_none()
    }

    /// Whether nothing can be written for now: it stalls, it is slow, or its peer does not read.
    pub(crate) fn is_blocked(&self) -> bool {
        let inner = self.inner.lock();
        inner.stream.is_none() || inner.is_stalled || inner.is_full
    }

    /// Whether there may be something to read, or the end of the stream. Where the transport
    /// cannot say, there may always be.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.lock().poll(cx, Side::Reader, |stream, cx| match stream {
            Stream::Tcp(stream) => stream.poll_read_ready(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(_) => Poll::Ready(Ok(())),
            Stream::Memory(_) | Stream::Other(_) => Poll::Ready(Ok(())),
        })
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.lock().poll(cx, Side::Reader, |stream, cx| match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Other(stream) => stream.as_mut().poll_read(cx, buf),
        })
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.inner.lock();
        if inner.cut.is_none() && inner.pace.is_none() {
            return inner.poll(cx, Side::Writer, |stream, cx| stream.poll_write(cx, slices));
        }
        let (written, ended) = inner.poll_faulty_write(cx, slices);
        drop(inner);
        if let Some(ended) = ended {
            ended.conclude();
        }
        written
    }

    /// Writes what is taken at once, without waiting for anything. That is nothing for streams
    /// that a hook has done something to, and for those that only a task can write to.
    pub(crate) fn try_write(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut inner = self.inner.lock();
        if inner.is_stalled || inner.cut.is_some() || inner.pace.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match (&mut inner.stream, slices) {
            // The system does less for a plain write.
            (Some(Stream::Tcp(stream)), [slice]) => stream.try_write(slice),
            (Some(Stream::Tcp(stream)), _) => stream.try_write_vectored(slices),
            (Some(Stream::Memory(stream)), _) => try_write_to_memory(stream, slices),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.lock().poll(cx, Side::Writer, |stream, cx| match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Memory(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Other(stream) => stream.as_mut().poll_flush(cx),
        })
    }

    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.lock().poll(cx, Side::Writer, |stream, cx| match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
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

impl Stream {
    fn poll_write(
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
}

/// Writes what a pipe has room for. It does not count against what the task may do that this runs
/// in, which may be anybody's.
fn try_write_to_memory(stream: &mut DuplexStream, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
    let write = poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, slices));
    match pin!(unconstrained(write)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(written) => written,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Where an answer over HTTP is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Head,
    Body,
}

/// A cut that is to come.
struct Cut {
    part: Part,
}

impl Cut {
    /// How many of these bytes are still written, if the cut is among them.
    fn place(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.part == Part::Head {
            return Some(bytes.len().min(CUT_HEAD_BYTES));
        }
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        // Half of the body, which is written in one piece with the head.
        Some(head + (bytes.len() - head) / 2)
    }
}

/// A limit on the bytes that are written in a time.
struct Pace {
    bytes_per_second: u32,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Inner {
    /// Writes to a stream that a hook has done something to; gives the stream away if this was the
    /// end of it.
    fn poll_faulty_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> (Poll<io::Result<usize>>, Option<Ended>) {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let mut longest = bytes.len();
        if let Some(Pace { bytes_per_second, pause }) = &mut self.pace {
            if let Some(sleep) = pause {
                if sleep.as_mut().poll(cx).is_pending() {
                    self.is_full = true;
                    return (Poll::Pending, None);
                }
                *pause = None;
            }
            longest = longest.min((*bytes_per_second / PIECES_PER_SECOND).max(1) as usize);
        }
        let cut = self.cut.as_mut().and_then(|cut| cut.place(&bytes));
        let bytes = &bytes[..cut.unwrap_or(longest)];
        let slices = [io::IoSlice::new(bytes)];
        let written = self.poll(cx, Side::Writer, |stream, cx| stream.poll_write(cx, &slices));
        let is_over = cut.is_some() && written.is_ready();
        let ended = is_over.then(|| self.end());
        if let (Some(pace), Poll::Ready(Ok(written))) = (&mut self.pace, &written) {
            let seconds = *written as f64 / f64::from(pace.bytes_per_second.max(1));
            let pause = std::time::Duration::from_secs_f64(seconds);
            pace.pause = Some(Box::pin(tokio::time::sleep(pause)));
        }
        (written, ended)
    }

    fn end(&mut self) -> Ended {
        Ended { stream: self.stream.take(), wakers: [self.reader.take(), self.writer.take()] }
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
        if let Side::Writer = side {
            self.is_full = polled.is_pending();
        }
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

/// What is left of a link that has ended. The stream may be of any type and its end may run any
/// code, and so may a waker: neither may find the link locked.
#[must_use]
struct Ended {
    stream: Option<Stream>,
    wakers: [Option<Waker>; 2],
}

impl Ended {
    fn conclude(self) {
        #[cfg(feature = "tls")]
        if let Some(Stream::Tls(stream)) = &self.stream {
            stream.get_ref().0.0.cut();
        }
        drop(self.stream);
        for waker in self.wakers.into_iter().flatten() {
            waker.wake();
        }
    }
}

/// How much of a head is written before the cut: a part of its first line.
const CUT_HEAD_BYTES: usize = 10;
/// Into how many pieces a second's worth of bytes is cut on a slow link.
const PIECES_PER_SECOND: u32 = 20;
