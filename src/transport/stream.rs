//! Shared stream: a byte stream that can be closed, reset or stalled while a task uses it.

mod limits;
mod taken;

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

#[cfg(feature = "tls")]
use crate::transport::adapter::AsyncStream;
use crate::transport::faults::{CutAt, Throttle};
use crate::transport::io::Stream;
use crate::transport::stream::taken::{Closed, Taken};
use crate::transport::wakeup::WakerSlot;

/// A byte stream to a peer, and its only owner: dropping the stream inside ends it for all users.
///
/// A stream that is not the system's may run any code when it is polled or dropped: it may block,
/// call the mock, or even close this very stream. It is therefore taken out for each poll and put
/// back afterwards, and the mutex is never held while such code runs. Operations that arrive in
/// between are recorded, and take effect when the stream is put back. The other side's poll finds
/// the stream in use, and is woken when it is back.
///
/// No method but the polls runs code that is not the mock's under any lock, and the mutex is never
/// held while another one is taken (except for that of the stream below TLS).
pub(crate) struct SharedStream {
    state: Mutex<StreamState>,
    /// Dropped with the stream.
    guard: OnceLock<Box<dyn Any + Send + Sync>>,
    has_time_limits: bool,
    /// Whether the mock has closed the stream, also for those who must not take its lock. A stream
    /// below TLS shares it with the one above.
    closed: Arc<AtomicBool>,
}

struct StreamState {
    slot: Slot,
    is_stalled: bool,
    /// Whether the peer must read before more can be written.
    is_full: bool,
    cut_at: Option<CutAt>,
    /// The limits on reads and on writes.
    read_throttle: Option<Throttle>,
    throttle: Option<Throttle>,
    /// Bytes that were read while a task watched for the end of the stream.
    read_ahead: BytesMut,
    has_read_end: bool,
    /// The peer has sent bytes that were read, and nothing was written since.
    is_unacknowledged: bool,
    reader: WakerSlot,
    writer: WakerSlot,
}

/// The place of the stream.
enum Slot {
    Idle(Stream),
    /// A poll has taken the stream out. `is_contended` is set if another poll waits for it.
    InUse {
        is_contended: bool,
    },
    /// The stream is closed. If a poll has it at the moment, that poll drops it.
    Closed,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Reader,
    Writer,
}

impl SharedStream {
    pub(crate) fn tcp(stream: TcpStream) -> Arc<Self> {
        // A frame must not wait for the acknowledgement of the previous one. A socket on which this
        // fails is about to fail at its first use, which handles the error.
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
    pub(crate) fn tls(stream: TlsStream<AsyncStream>) -> Arc<Self> {
        let closed = stream.get_ref().0.stream.closed_flag();
        Self::with_flag(Stream::Tls(Box::new(stream)), closed)
    }

    fn new(stream: Stream) -> Arc<Self> {
        Self::with_flag(stream, Arc::default())
    }

    fn with_flag(stream: Stream, closed: Arc<AtomicBool>) -> Arc<Self> {
        let has_time_limits = stream.is_of_the_system();
        let state = StreamState {
            slot: Slot::Idle(stream),
            is_stalled: false,
            is_full: false,
            cut_at: None,
            read_throttle: None,
            throttle: None,
            read_ahead: BytesMut::new(),
            has_read_end: false,
            is_unacknowledged: false,
            reader: WakerSlot::default(),
            writer: WakerSlot::default(),
        };
        let (state, guard) = (Mutex::new(state), OnceLock::new());
        Arc::new(Self { state, guard, has_time_limits, closed })
    }

    /// Keeps a guard for as long as this stream is in use.
    pub(crate) fn set_guard(&self, guard: impl Any + Send + Sync) {
        assert!(self.guard.set(Box::new(guard)).is_ok(), "a stream has one guard");
    }

    /// Returns `true` if the peer must respect the mock's time limits. A stalled peer cannot, and
    /// the peer of a stream that is not the system's is the test: it may take any time, by any
    /// clock.
    pub(crate) fn has_time_limits(&self) -> bool {
        self.has_time_limits && !self.state.lock().is_stalled
    }

    /// Returns a flag that is set once the mock has closed the stream.
    pub(crate) fn closed_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    /// Returns `true` if the mock, and not the peer, has ended the stream or the one below it.
    pub(crate) fn was_closed_by_mock(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Closes the stream.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let closed = self.state.lock().close();
        closed.finish();
    }

    /// Closes the stream so that the peer sees a reset, if the transport has resets.
    pub(crate) fn reset(&self) {
        self.closed.store(true, Ordering::Release);
        let mut state = self.state.lock();
        // A stream that is out for a poll has no reset anyway: those that have one are polled in
        // place.
        if let Slot::Idle(stream) = &state.slot {
            stream.prepare_reset();
        }
        let closed = state.close();
        drop(state);
        closed.finish();
    }

    /// Closes the stream within the next HTTP response.
    pub(crate) fn close_within(&self, cut_at: CutAt) {
        self.state.lock().cut_at = Some(cut_at);
    }

    /// Returns the address of the peer, if the transport has addresses.
    pub(crate) fn peer_ip(&self) -> Option<String> {
        match &self.state.lock().slot {
            Slot::Idle(stream) => stream.peer_ip(),
            Slot::InUse { .. } | Slot::Closed => None,
        }
    }

    /// Ready once the stream is closed.
    pub(crate) fn poll_closed(&self, cx: &Context<'_>) -> Poll<()> {
        self.register(cx, Side::Reader, |state| state.is_closed().then_some(()))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed()
    }

    /// Returns `true` if nothing can be written for now: the stream is stalled, throttled or
    /// closed, or its peer does not read.
    pub(crate) fn is_blocked(&self) -> bool {
        let state = self.state.lock();
        state.is_closed() || state.is_stalled || state.is_full
    }

    /// Completes when the peer has ended its side, or the stream is closed. Bytes that arrive before
    /// are kept for later reads, up to a limit. Beyond the limit the end is not noticed.
    pub(crate) fn poll_peer_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; 512];
        loop {
            let has_room = {
                let state = self.state.lock();
                if state.has_read_end || state.is_closed() {
                    return Poll::Ready(());
                }
                state.read_ahead.len() < MAXIMUM_READ_AHEAD
            };
            if !has_room {
                return self.poll_closed(cx);
            }
            let mut buf = ReadBuf::new(&mut buffer);
            match self.poll_stream(cx, Side::Reader, |stream, cx| stream.poll_read(cx, &mut buf)) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    self.state.lock().is_unacknowledged = true;
                    self.acknowledge();
                    let mut state = self.state.lock();
                    state.has_read_end = buf.filled().is_empty();
                    state.read_ahead.extend_from_slice(buf.filled());
                }
            }
        }
    }

    /// Ready if there may be something to read, or the end of the stream. A transport that cannot
    /// tell is always ready.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.lock().has_read_ahead() {
            return Poll::Ready(Ok(()));
        }
        self.poll_stream(cx, Side::Reader, |stream, cx| stream.poll_read_ready(cx))
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.poll_read_only(cx, buf);
        if read.is_ready() {
            self.acknowledge();
        }
        read
    }

    /// Acknowledges the bytes that were read, unless a write has done so meanwhile.
    pub(crate) fn acknowledge(&self) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.is_unacknowledged) {
            if let Slot::Idle(stream) = &state.slot {
                stream.acknowledge();
            }
        }
    }

    /// Reads like `poll_read`, but leaves it to the caller to [acknowledge](Self::acknowledge) the
    /// bytes after it has written its response. A response acknowledges them, too, and a packet for
    /// the acknowledgement alone costs a fifth of a round trip.
    pub(crate) fn poll_read_only(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.poll_read_any(cx, buf);
        if read.is_ready() {
            self.state.lock().is_unacknowledged = true;
        }
        read
    }

    fn poll_read_any(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        if state.has_read_ahead() && !state.is_stalled && !state.is_closed() {
            let count = state.read_ahead.len().min(buf.remaining());
            buf.put_slice(&state.read_ahead[..count]);
            state.read_ahead.advance(count);
            return Poll::Ready(Ok(()));
        }
        let is_throttled = state.read_throttle.is_some();
        drop(state);
        if is_throttled {
            return self.poll_throttled_read(cx, buf);
        }
        self.poll_stream(cx, Side::Reader, |stream, cx| stream.poll_read(cx, buf))
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.state.lock().is_faulty() {
            return self.poll_faulty_write(cx, slices);
        }
        self.poll_stream(cx, Side::Writer, |stream, cx| stream.poll_write(cx, slices))
    }

    /// Writes as much as the peer takes immediately. That is nothing on a stream that a hook has
    /// done something to, that is in use, or that only a task can write to.
    pub(crate) fn try_write(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if state.is_stalled || state.is_faulty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match &mut state.slot {
            Slot::Idle(stream) if stream.is_of_the_system() => {
                let written = stream.try_write(slices);
                state.is_unacknowledged &= written.is_err();
                written
            }
            Slot::Idle(Stream::Memory(_)) => {
                // The peer's waker, which is any code, is woken by the write.
                let mut taken = Taken::new(self, &mut state);
                drop(state);
                taken.stream_mut().try_write(slices)
            }
            Slot::Idle(_) | Slot::InUse { .. } | Slot::Closed => {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_stream(cx, Side::Writer, Stream::poll_flush)
    }

    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_stream(cx, Side::Writer, Stream::poll_shutdown)
    }

    /// Polls the stream for one side, which is woken when the stream is closed.
    fn poll_stream<T>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        poll: impl FnOnce(&mut Stream, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        // Nothing but this slot wakes a task whose stream is closed by another one. The waker is
        // stored before the poll, so that no close in between is missed.
        let closed = self.register(cx, side, |state| state.is_closed().then_some(()));
        if closed.is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let mut state = self.state.lock();
        if state.is_stalled {
            return Poll::Pending;
        }
        match &mut state.slot {
            Slot::Closed => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            Slot::InUse { is_contended } => {
                *is_contended = true;
                Poll::Pending
            }
            Slot::Idle(stream) if stream.is_of_the_system() => {
                let polled = poll(stream, cx);
                state.set_full(side, polled.is_pending());
                polled
            }
            Slot::Idle(_) => {
                let mut taken = Taken::new(self, &mut state);
                drop(state);
                let polled = poll(taken.stream_mut(), cx);
                taken.finish(side, polled)
            }
        }
    }

    /// Checks the state, and stores the waker of a side if the state is still pending.
    fn register<T>(
        &self,
        cx: &Context<'_>,
        side: Side,
        look: impl Fn(&StreamState) -> Option<T>,
    ) -> Poll<T> {
        // A waker is cloned and dropped outside the lock, which takes a second round. The state may
        // have changed between the two, so the second round looks again.
        let mut waker: Option<Waker> = None;
        loop {
            let mut state = self.state.lock();
            if let Some(found) = look(&state) {
                return Poll::Ready(found);
            }
            let slot = match side {
                Side::Reader => &mut state.reader,
                Side::Writer => &mut state.writer,
            };
            if slot.holds(cx.waker()) {
                return Poll::Pending;
            }
            if let Some(waker) = waker.take() {
                let replaced = slot.replace(waker);
                drop(state);
                drop(replaced);
                return Poll::Pending;
            }
            drop(state);
            waker = Some(cx.waker().clone());
        }
    }
}

impl fmt::Debug for SharedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStream").field("is_open", &!self.is_closed()).finish()
    }
}

impl StreamState {
    const fn is_closed(&self) -> bool {
        matches!(self.slot, Slot::Closed)
    }

    const fn is_faulty(&self) -> bool {
        self.cut_at.is_some() || self.throttle.is_some()
    }

    fn has_read_ahead(&self) -> bool {
        self.has_read_end || !self.read_ahead.is_empty()
    }

    fn set_full(&mut self, side: Side, is_full: bool) {
        if side == Side::Writer {
            self.is_full = is_full;
        }
    }

    fn close(&mut self) -> Closed {
        let stream = match std::mem::replace(&mut self.slot, Slot::Closed) {
            Slot::Idle(stream) => Some(stream),
            Slot::InUse { .. } | Slot::Closed => None,
        };
        Closed { stream, wakeups: [self.reader.take(), self.writer.take()] }
    }
}

/// The number of bytes that are read while a task watches for the end of a stream.
const MAXIMUM_READ_AHEAD: usize = 64 * 1024;
