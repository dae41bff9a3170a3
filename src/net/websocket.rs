//! One WebSocket: frames from the client to the driver, bytes from the send queue to the client.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::{Sleep, sleep, timeout};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Message, Utf8Bytes};

use crate::driver::{ConnectionId, Driver};
use crate::proto::close::{Close, CloseCode};
use crate::proto::payload::Payload;
use crate::transport::client_sink::ClientSink;
use crate::transport::send_queue::{Batch, SendQueue, Work};
use crate::transport::stream::SharedStream;

/// Serves a connection after its handshake, until both sides have ended.
///
/// `read_ahead` contains what the client has already sent after its handshake.
pub(crate) async fn serve(
    driver: Arc<Driver>,
    connection: ConnectionId,
    sink: &ClientSink,
    read_ahead: Vec<u8>,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_frame_size(Some(MAXIMUM_FRAME_BYTES))
        .max_message_size(Some(MAXIMUM_FRAME_BYTES));
    let context = WebSocketContext::from_partially_read(read_ahead, Role::Server, Some(config));
    let _guard = ConnectionGuard { driver: &driver, connection, stream: &sink.stream };
    let mut socket = Socket {
        driver: &driver,
        connection,
        stream: &sink.stream,
        queue: &sink.queue,
        context,
        read: ReadState::Frames,
        has_read_ahead: true,
        write: WriteState::Idle,
        drain: DrainTimeout::default(),
    };
    if socket.run().await == Outcome::Open {
        // Bytes that the client still sends must be read. Otherwise the system resets the
        // connection, and the client may lose the close frame. The time limit is for clients that
        // never close their side.
        if sink.stream.has_time_limits() {
            let _ = timeout(CLOSING_TIMEOUT, socket.drain_until_close()).await;
        } else {
            socket.drain_until_close().await;
        }
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Outcome {
    /// The stream is still open.
    Open,
    /// The stream has ended.
    Gone,
}

struct Socket<'a> {
    driver: &'a Arc<Driver>,
    connection: ConnectionId,
    stream: &'a SharedStream,
    queue: &'a SendQueue,
    context: WebSocketContext,
    read: ReadState,
    /// Whether tungstenite may hold frames that it has read from the stream.
    has_read_ahead: bool,
    write: WriteState,
    drain: DrainTimeout,
}

/// How the bytes of the client are treated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ReadState {
    /// They are frames.
    Frames,
    /// They are discarded: the closing handshake is over, or the client broke the protocol.
    Discard,
}

/// The progress of writing.
///
/// ```text
/// Idle ─► Writing ─► Flushing ─► Idle
///   └───► ShuttingDown ─► Finished
/// ```
#[derive(Debug)]
enum WriteState {
    /// All bytes that were taken from the queue are written and flushed.
    Idle,
    /// This batch is being written.
    Writing(Batch),
    /// The batch is written, but TLS may still hold some of it.
    Flushing,
    /// The queue is closed and written; the stream is being shut down.
    ShuttingDown,
    /// Nothing is left to write.
    Finished,
}

/// Measures how long a client reads nothing while the last bytes wait for it.
#[derive(Debug, Default)]
struct DrainTimeout {
    elapsed_intervals: u32,
    interval: Option<Pin<Box<Sleep>>>,
}

impl DrainTimeout {
    /// Ready once all intervals have elapsed. The timeout is split into intervals because on a
    /// paused clock one of them may elapse before the system has reported that the client reads.
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.elapsed_intervals < DRAIN_INTERVALS {
            let length = CLOSING_TIMEOUT / DRAIN_INTERVALS;
            let interval = self.interval.get_or_insert_with(|| Box::pin(sleep(length)));
            if interval.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.elapsed_intervals += 1;
            self.interval = None;
        }
        Poll::Ready(())
    }
}

impl Socket<'_> {
    /// Reads and writes until the queue is closed and written, or the stream has ended.
    async fn run(&mut self) -> Outcome {
        std::future::poll_fn(|cx| {
            // Read before write, so that the responses to these frames leave in the same poll.
            let read = match self.read {
                ReadState::Frames => self.poll_frames(cx),
                ReadState::Discard => Poll::Pending,
            };
            if let Poll::Ready(Outcome::Gone) = read {
                return read;
            }
            let written = match self.poll_write(cx) {
                Poll::Pending => self.poll_drain_timeout(cx),
                written @ Poll::Ready(_) => written,
            };
            if written.is_pending() && read.is_ready() {
                // A client that floods the mock must not starve the other tasks.
                cx.waker().wake_by_ref();
            }
            written
        })
        .await
    }

    /// Reads until the client closes the stream.
    async fn drain_until_close(&mut self) {
        std::future::poll_fn(|cx| {
            let _flushing = self.driver.flush_later();
            for _ in 0..MAX_FRAMES_PER_POLL {
                let read = match self.read {
                    ReadState::Frames => self.poll_frame(cx),
                    ReadState::Discard => self.poll_discard(cx),
                };
                self.stream.acknowledge();
                match read {
                    Poll::Ready(Outcome::Open) => {}
                    Poll::Ready(Outcome::Gone) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Reads the frames that have arrived, several per poll, so that everything they cause leaves
    /// in one write.
    fn poll_frames(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        // In a busy room a task is woken far more often to write than to read, and tungstenite
        // clears a buffer whenever it looks at the stream.
        if !self.has_read_ahead && self.stream.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        let flushing = self.driver.flush_later();
        let mut read = Poll::Ready(Outcome::Open);
        for _ in 0..MAX_FRAMES_PER_POLL {
            read = self.poll_frame(cx);
            // Only a pending read shows that tungstenite holds no more frames. It has also asked
            // for a wakeup.
            self.has_read_ahead = read.is_ready();
            if read != Poll::Ready(Outcome::Open) || self.read == ReadState::Discard {
                break;
            }
        }
        drop(flushing);
        // After the responses, which acknowledge the frames that have one.
        self.stream.acknowledge();
        read
    }

    /// Reads a frame and passes it to the driver.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut stream = SyncAdapter { stream: self.stream, cx };
        let payload = match self.context.read(&mut stream) {
            Ok(Message::Text(text)) => Payload::from_client_text(text),
            Ok(Message::Binary(data)) => Payload::from_client_binary(data),
            Ok(Message::Ping(data)) => Payload::Ping(Arc::new(data)),
            Ok(Message::Pong(data)) => Payload::Pong(Arc::new(data)),
            Ok(Message::Close(frame)) => {
                self.receive_close(frame.map(|frame| (frame.code.into(), frame.reason)));
                return Poll::Ready(Outcome::Open);
            }
            Ok(Message::Frame(_)) => unreachable!("tungstenite reads whole messages only"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Poll::Pending;
            }
            Err(error) => return Poll::Ready(self.fail(&error)),
        };
        self.driver.receive_some(self.connection, payload);
        Poll::Ready(Outcome::Open)
    }

    /// Responds to the close frame of the client, unless it is the response to one of ours.
    fn receive_close(&mut self, frame: Option<(u16, Utf8Bytes)>) {
        let close = match frame {
            Some((code, reason)) => Close::new(CloseCode(code), &reason),
            None => Close { code: None, reason: String::new() },
        };
        self.read = ReadState::Discard;
        if close == Close::new(CloseCode::PROTOCOL_ERROR, RESERVED_CODE_REASON) {
            let reason = "Close code is reserved";
            return self.driver.fail(self.connection, CloseCode::PROTOCOL_ERROR, reason);
        }
        self.driver.client_closed(self.connection, close);
    }

    /// Ends a connection that cannot be read any further. A client that broke the protocol gets
    /// the close code that RFC 6455 defines for that.
    fn fail(&mut self, error: &Error) -> Outcome {
        let code = match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Outcome::Gone,
            Error::Protocol(_) => CloseCode::PROTOCOL_ERROR,
            Error::Utf8(_) => CloseCode::INVALID_PAYLOAD,
            Error::Capacity(_) => CloseCode::MESSAGE_TOO_BIG,
            _ => return Outcome::Gone,
        };
        self.driver.fail(self.connection, code, &error.to_string());
        self.read = ReadState::Discard;
        Outcome::Open
    }

    /// Writes everything that is queued, many frames per write; ready once nothing can follow.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            let next = match &mut self.write {
                WriteState::Idle => match self.queue.poll_work(cx) {
                    Poll::Ready(Work::Write(batch)) => WriteState::Writing(batch),
                    Poll::Ready(Work::Finish) => WriteState::ShuttingDown,
                    Poll::Pending => return Poll::Pending,
                },
                WriteState::Writing(batch) if batch.is_empty() => WriteState::Flushing,
                WriteState::Writing(batch) => {
                    match batch.write(|slices| self.stream.poll_write(cx, slices)) {
                        Poll::Ready(Ok(written)) if written > 0 => {
                            self.queue.record_written(batch, written);
                            // The client reads, so its time starts again.
                            self.drain = DrainTimeout::default();
                            continue;
                        }
                        Poll::Ready(_) => return Poll::Ready(Outcome::Gone),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                WriteState::Flushing => match self.stream.poll_flush(cx) {
                    Poll::Ready(Ok(())) => WriteState::Idle,
                    Poll::Ready(Err(_)) => return Poll::Ready(Outcome::Gone),
                    Poll::Pending => return Poll::Pending,
                },
                WriteState::ShuttingDown => match self.stream.poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => WriteState::Finished,
                    Poll::Ready(Err(_)) => return Poll::Ready(Outcome::Gone),
                    Poll::Pending => return Poll::Pending,
                },
                WriteState::Finished => return Poll::Ready(Outcome::Open),
            };
            self.write = next;
        }
    }

    /// Completes when a client has not read the last bytes within the limit. Without this limit a
    /// client could keep the stream of a closed connection for as long as it likes.
    fn poll_drain_timeout(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.queue.poll_closed(cx).is_pending() || !self.stream.has_time_limits() {
            return Poll::Pending;
        }
        self.drain.poll_elapsed(cx).map(|()| Outcome::Gone)
    }

    /// Reads bytes and discards them.
    fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut buffer = [0; 512];
        let mut buf = ReadBuf::new(&mut buffer);
        self.stream.poll_read(cx, &mut buf).map(|read| match read {
            Ok(()) if !buf.filled().is_empty() => Outcome::Open,
            _ => Outcome::Gone,
        })
    }
}

/// Notifies the driver of the end of a connection, even if its task is dropped.
struct ConnectionGuard<'a> {
    driver: &'a Arc<Driver>,
    connection: ConnectionId,
    stream: &'a SharedStream,
}

impl Drop for ConnectionGuard<'_> {
    fn drop(&mut self) {
        // Closed first, so that the stream has ended when the driver records its end.
        self.stream.close();
        self.driver.stream_ended(self.connection);
    }
}

/// A shared stream with the blocking traits that tungstenite needs, within one poll. Tungstenite
/// only reads from it: the driver responds to pings and close frames itself, so that the log has them.
struct SyncAdapter<'a, 'b, 'c> {
    stream: &'a SharedStream,
    cx: &'b mut Context<'c>,
}

impl Read for SyncAdapter<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buffer);
        match self.stream.poll_read_only(self.cx, &mut buf) {
            Poll::Ready(result) => result.map(|()| buf.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for SyncAdapter<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reason that tungstenite substitutes, with code 1002, when a client sends a reserved close
/// code.
const RESERVED_CODE_REASON: &str = "Protocol violation";
/// Assumed: the largest frame, and the largest message of several frames, that the service reads.
const MAXIMUM_FRAME_BYTES: usize = 128 * 1024;
/// Most chat frames are far smaller; a small buffer keeps idle connections cheap.
const READ_BUFFER_BYTES: usize = 2 * 1024;
/// The number of frames of one client that are read before queued bytes are written and the other
/// tasks run.
const MAX_FRAMES_PER_POLL: usize = 64;
/// How long a client may take to close its side after a close frame, and before that to read some
/// of the bytes ahead of it.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);
const DRAIN_INTERVALS: u32 = 5;
