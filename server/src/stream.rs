//! Stream: one connection of a client, whose requests go to the mock or to the control API.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mock_ivs_chat::Handle;
use socket2::SockRef;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Notify};

use crate::boundaries::{Boundaries, Route};

/// As small as it can be without costing speed: bytes in it count as sent.
const BUFFER_BYTES: usize = 8 * 1024;

/// The socket of a client. TLS is above it.
pub(crate) struct Socket {
    stream: TcpStream,
    resets: Resets,
}

/// Makes the end of a socket a reset.
#[derive(Clone, Default)]
pub(crate) struct Resets(Arc<AtomicBool>);

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> (Self, Resets) {
        let resets = Resets::default();
        // Frames are small, and a client should not wait for the next one to receive this one.
        let _ = stream.set_nodelay(true);
        (Self { stream, resets: resets.clone() }, resets)
    }

    /// Returns the first byte that the client sends, and leaves it to be read.
    pub(crate) async fn first_byte(&self) -> io::Result<u8> {
        let mut byte = [0];
        match self.stream.peek(&mut byte).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(byte[0]),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.resets.0.load(Ordering::Acquire) {
            // Without this option the socket ends in the usual way, which is the best that is left.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Serves a client until its connection ends.
///
/// One task passes what the client sends to the mock or to the control API, and one task for each
/// of them passes its bytes back. A client that sends its next request after the response to the
/// last one receives them in order.
///
/// A request to the control API may end all connections of the mock, and must get its response
/// nevertheless. So the connection with the mock ends before such a request is passed on, and
/// another one begins with the next request to the mock.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    resets: Resets,
    ivs: Handle,
    admin: axum::Router,
) {
    let (reader, writer) = tokio::io::split(stream);
    let ended = Arc::new(Notify::new());
    let client = Client { writer: Arc::new(Mutex::new(Some(writer))), ended, resets, ivs, admin };
    // When the mock has ended the connection, it must not stay open for more requests.
    let ended = Arc::clone(&client.ended);
    tokio::select! {
        () = client.read(reader) => {}
        () = ended.notified() => {}
    }
}

struct Client<S> {
    /// `None` after the end of the connection.
    writer: Arc<Mutex<Option<WriteHalf<S>>>>,
    ended: Arc<Notify>,
    resets: Resets,
    ivs: Handle,
    admin: axum::Router,
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Client<S> {
    async fn read(&self, mut reader: ReadHalf<S>) {
        let mut boundaries = Boundaries::default();
        let (mut mock, mut admin): (Option<Mock>, _) = (None, None);
        let mut buffer = vec![0; BUFFER_BYTES];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            let mut bytes = &buffer[..count];
            while let Some((route, part)) = boundaries.split(bytes) {
                let upstream = match route {
                    Route::Mock => &mut mock.get_or_insert_with(|| self.connect_to_mock()).writer,
                    Route::Admin => {
                        if let Some(mock) = mock.take() {
                            mock.leave().await;
                        }
                        admin.get_or_insert_with(|| self.connect_to_admin())
                    }
                };
                if upstream.write_all(part.bytes()).await.is_err() {
                    // Its task ends the connection once the client has what was sent before.
                    return std::future::pending().await;
                }
                bytes = &bytes[part.taken()..];
            }
        }
        let rest = boundaries.rest();
        if !rest.is_empty() {
            let mock = mock.get_or_insert_with(|| self.connect_to_mock());
            // An error means that the mock has ended the connection first.
            let _ = mock.writer.write_all(&rest).await;
        }
        for mut upstream in [mock.map(|mock| mock.writer), admin].into_iter().flatten() {
            let _ = upstream.shutdown().await;
        }
    }

    fn connect_to_mock(&self) -> Mock {
        let (ours, theirs) = tokio::io::duplex(BUFFER_BYTES);
        let end = End::default();
        self.ivs.serve_stream(MockStream { stream: theirs, end: end.clone() });
        let (reader, writer) = tokio::io::split(ours);
        let (client, ended) = (Arc::clone(&self.writer), Arc::clone(&self.ended));
        let (resets, is_left) = (self.resets.clone(), Arc::new(AtomicBool::new(false)));
        let mock = Mock { writer, is_left: Arc::clone(&is_left) };
        tokio::spawn(async move {
            pass_on(reader, &client).await;
            if is_left.load(Ordering::Acquire) {
                return;
            }
            let mut writer = client.lock().await.take();
            if end.is_shut_down.load(Ordering::Acquire) {
                if let Some(writer) = &mut writer {
                    let _ = writer.shutdown().await;
                }
                // The mock still reads, for the close frame of the client.
                end.dropped.notified().await;
            } else {
                resets.0.store(true, Ordering::Release);
            }
            drop(writer);
            ended.notify_one();
        });
        mock
    }

    fn connect_to_admin(&self) -> WriteHalf<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(BUFFER_BYTES);
        let service = TowerToHyperService::new(self.admin.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(theirs), service);
            // An error means that the client has left.
            let _ = connection.await;
        });
        let (reader, writer) = tokio::io::split(ours);
        let (client, ended) = (Arc::clone(&self.writer), Arc::clone(&self.ended));
        tokio::spawn(async move {
            pass_on(reader, &client).await;
            if let Some(mut writer) = client.lock().await.take() {
                let _ = writer.shutdown().await;
            }
            ended.notify_one();
        });
        writer
    }
}

/// The connection of a client with the mock.
struct Mock {
    writer: WriteHalf<DuplexStream>,
    /// Whether its end no longer concerns the client.
    is_left: Arc<AtomicBool>,
}

impl Mock {
    /// Ends the connection with the mock, but not that of the client. A response that the mock
    /// still owes to the client arrives.
    async fn leave(mut self) {
        self.is_left.store(true, Ordering::Release);
        // An error means that the mock has ended the connection first.
        let _ = self.writer.shutdown().await;
    }
}

/// Passes bytes to the client until they end, or until the client has left.
async fn pass_on<S: AsyncWrite>(
    mut reader: ReadHalf<DuplexStream>,
    client: &Mutex<Option<WriteHalf<S>>>,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        let mut writer = client.lock().await;
        let Some(open) = writer.as_mut() else { return };
        if open.write_all(&buffer[..count]).await.is_err() || open.flush().await.is_err() {
            *writer = None;
            return;
        }
    }
}

/// How the mock has ended a stream. It shuts a stream down before it drops it, unless it resets the
/// connection.
#[derive(Clone, Default)]
struct End {
    is_shut_down: Arc<AtomicBool>,
    dropped: Arc<Notify>,
}

/// The stream that the mock serves.
struct MockStream {
    stream: DuplexStream,
    end: End,
}

impl Drop for MockStream {
    fn drop(&mut self) {
        self.end.dropped.notify_one();
    }
}

impl AsyncRead for MockStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for MockStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.is_shut_down.store(true, Ordering::Release);
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
