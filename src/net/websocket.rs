//! One WebSocket: frames from the client to the driver, bytes from the outbox to the client.

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

use crate::driver::Driver;
use crate::proto::close::{Close, CloseCode};
use crate::proto::payload::Payload;
use crate::service::ConnectionId;
use crate::transport::client_sink::Wire;
use crate::transport::send_queue::{Batch, Next, Outbox};
use crate::transport::stream::Link;

/// Serves a connection after its handshake, until both sides are done with it.
///
/// `read_ahead` is what the client sent behind its handshake already.
pub(crate) async fn serve(
    driver: Arc<Driver>,
    connection: ConnectionId,
    wire: &Wire,
    read_ahead: Vec<u8>,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_frame_size(Some(MAXIMUM_FRAME_BYTES))
        .max_message_size(Some(MAXIMUM_FRAME_BYTES));
    let context = WebSocketContext::from_partially_read(read_ahead, Role::Server, Some(config));
    let _ending = Ending { driver: &driver, connection, link: &wire.link };
    let mut socket = Socket {
        driver: &driver,
        connection,
        link: &wire.link,
        outbox: &wire.outbox,
        context,
        reading: Reading::Frames,
        has_read_ahead: true,
        writing: Batch::default(),
        has_written_all: false,
        has_unflushed: false,
        patience: (0, None),
    };
    if socket.run().await == Outcome::Open {
        // What the client has yet to say must be read, or the system resets the connection and
        // takes the close frame from the client again. A client that says nothing is not waited
        // for in vain.
        if wire.link.has_time_limits() {
            let _ = timeout(CLOSING_TIMEOUT, socket.hear_out()).await;
        } else {
            socket.hear_out().await;
        }
    }
}

/// How far a connection is.
#[derive(Debug, Eq, PartialEq)]
enum Outcome {
    /// The stream is still there.
    Open,
    /// The stream is gone.
    Gone,
}

struct Socket<'a> {
    driver: &'a Arc<Driver>,
    connection: ConnectionId,
    link: &'a Link,
    outbox: &'a Outbox,
    context: WebSocketContext,
    reading: Reading,
    /// Whether there may be frames that were read from the stream, but not from the buffer.
    has_read_ahead: bool,
    writing: Batch,
    has_written_all: bool,
    /// Whether what was written may still be kept by TLS.
    has_unflushed: bool,
    /// How often, once nothing follows what is left to write, a client has taken nothing of it for
    /// a while, and the while that runs.
    patience: (u32, Option<Pin<Box<Sleep>>>),
}

/// What becomes of the bytes that the client sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// They are frames.
    Frames,
    /// They cannot be understood any more, or need not be: the closing handshake is through.
    Nothing,
}

impl Socket<'_> {
    /// Reads and writes until the outbox is finished and written, or the stream is gone.
    async fn run(&mut self) -> Outcome {
        std::future::poll_fn(|cx| {
            let read = match self.reading {
                Reading::Frames => self.poll_frames(cx),
                Reading::Nothing => Poll::Pending,
            };
            if let Poll::Ready(Outcome::Gone) = read {
                return read;
            }
            let written = match self.poll_write(cx) {
                Poll::Pending => self.poll_patience(cx),
                written @ Poll::Ready(_) => written,
            };
            if written.is_pending() && read.is_ready() {
                // A client that floods the mock waits for its turn like all others.
                cx.waker().wake_by_ref();
            }
            written
        })
        .await
    }

    /// Reads what the client still says, until it closes the stream.
    async fn hear_out(&mut self) {
        std::future::poll_fn(|cx| {
            let _flushing = self.driver.flush_later();
            for _ in 0..FRAMES_IN_A_ROW {
                let read = match self.reading {
                    Reading::Frames => self.poll_frame(cx),
                    Reading::Nothing => self.poll_drain(cx),
                };
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

    /// Reads what the client has sent, many frames if there are many, so that what they cause
    /// leaves in one write.
    fn poll_frames(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        // In a busy room a connection is woken to write far more often than to read, and
        // tungstenite clears a buffer for each look at the stream.
        if !self.has_read_ahead && self.link.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        let _flushing = self.driver.flush_later();
        let mut read = Poll::Ready(Outcome::Open);
        for _ in 0..FRAMES_IN_A_ROW {
            read = self.poll_frame(cx);
            self.has_read_ahead = read.is_ready();
            if read != Poll::Ready(Outcome::Open) || self.reading == Reading::Nothing {
                break;
            }
        }
        read
    }

    /// Reads a frame, and hands it on.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut stream = Polled { link: self.link, cx };
        let payload = match self.context.read(&mut stream) {
            Ok(Message::Text(text)) => Payload::from_client_text(text),
            Ok(Message::Binary(data)) => Payload::from_client_binary(data),
            Ok(Message::Ping(data)) => Payload::Ping(Arc::new(data)),
            Ok(Message::Pong(data)) => Payload::Pong(Arc::new(data)),
            Ok(Message::Close(frame)) => {
                self.close(frame.map(|frame| (frame.code.into(), frame.reason)));
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

    /// Answers the client's close frame, unless it is the answer to one of ours.
    fn close(&mut self, frame: Option<(u16, Utf8Bytes)>) {
        let close = match frame {
            Some((code, reason)) => Close::new(CloseCode(code), &reason),
            None => Close { code: None, reason: String::new() },
        };
        self.reading = Reading::Nothing;
        if close == Close::new(CloseCode::PROTOCOL_ERROR, FORBIDDEN_CODE) {
            let reason = "Close code is none that a client may send";
            return self.driver.fail(self.connection, CloseCode::PROTOCOL_ERROR, reason);
        }
        self.driver.client_closed(self.connection, close);
    }

    /// Ends a connection that can be read no further; one whose client broke the protocol is told
    /// so by the code that RFC 6455 has for it.
    fn fail(&mut self, error: &Error) -> Outcome {
        let code = match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Outcome::Gone,
            Error::Protocol(_) => CloseCode::PROTOCOL_ERROR,
            Error::Utf8(_) => CloseCode::INVALID_PAYLOAD,
            Error::Capacity(_) => CloseCode::MESSAGE_TOO_BIG,
            _ => return Outcome::Gone,
        };
        self.driver.fail(self.connection, code, &error.to_string());
        self.reading = Reading::Nothing;
        Outcome::Open
    }

    /// Writes what waits, many frames at once if many do; ready once there will be no more.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        while !self.has_written_all {
            if self.writing.is_empty() {
                if self.has_unflushed {
                    match self.link.poll_flush(cx) {
                        Poll::Ready(Ok(())) => self.has_unflushed = false,
                        Poll::Ready(Err(_)) => return Poll::Ready(Outcome::Gone),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                match self.outbox.poll_next(cx) {
                    Poll::Ready(Next::Write(bytes)) => self.writing = bytes,
                    Poll::Ready(Next::Finish) => match self.link.poll_shutdown(cx) {
                        Poll::Ready(Ok(())) => self.has_written_all = true,
                        Poll::Ready(Err(_)) => return Poll::Ready(Outcome::Gone),
                        Poll::Pending => return Poll::Pending,
                    },
                    Poll::Pending => return Poll::Pending,
                }
                continue;
            }
            match self.writing.write(|slices| self.link.poll_write(cx, slices)) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.outbox.written(&mut self.writing, written);
                    self.has_unflushed = true;
                    self.patience = (0, None);
                }
                Poll::Ready(_) => return Poll::Ready(Outcome::Gone),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Outcome::Open)
    }

    /// Ready once a client has taken nothing for too long of what is left to write: its
    /// connection is over, and it would keep the stream for as long as it likes.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.outbox.poll_finished(cx).is_pending() || !self.link.has_time_limits() {
            return Poll::Pending;
        }
        let (pauses, pause) = &mut self.patience;
        // In several pauses, for on a paused clock one of them may be over before the system has
        // told that the client reads.
        while *pauses < PAUSES {
            let sleeping = pause.get_or_insert_with(|| Box::pin(sleep(CLOSING_TIMEOUT / PAUSES)));
            if sleeping.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            *pauses += 1;
            *pause = None;
        }
        Poll::Ready(Outcome::Gone)
    }

    /// Reads, and throws away.
    fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut buffer = [0; 512];
        let mut buf = ReadBuf::new(&mut buffer);
        self.link.poll_read(cx, &mut buf).map(|read| match read {
            Ok(()) if !buf.filled().is_empty() => Outcome::Open,
            _ => Outcome::Gone,
        })
    }
}

/// Tells the driver that a connection has ended, also if its task is dropped.
struct Ending<'a> {
    driver: &'a Arc<Driver>,
    connection: ConnectionId,
    link: &'a Link,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.link.cut();
        self.driver.stream_ended(self.connection);
    }
}

/// A link as tungstenite sees it while a task is polled. It is only read: what tungstenite would
/// answer by itself, the driver answers, so that it stands in the log.
struct Polled<'a, 'b, 'c> {
    link: &'a Link,
    cx: &'b mut Context<'c>,
}

impl Read for Polled<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buffer);
        match self.link.poll_read(self.cx, &mut buf) {
            Poll::Ready(result) => result.map(|()| buf.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Polled<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite has for a reason, with code 1002, in the place of a code that nobody may send.
const FORBIDDEN_CODE: &str = "Protocol violation";
/// Assumed: the largest frame, and the largest message of several frames, that the service reads.
const MAXIMUM_FRAME_BYTES: usize = 128 * 1024;
/// Most frames of a chat are far smaller; a small buffer keeps idle connections cheap.
const READ_BUFFER_BYTES: usize = 2 * 1024;
/// How many frames of one client are read before what waits is written, and all others have had
/// their turn.
const FRAMES_IN_A_ROW: usize = 64;
/// How long a client may take to close its side after a close frame, and before that to read some
/// of what was sent ahead of it.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSES: u32 = 5;
