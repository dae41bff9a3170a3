//! Adapter: a shared stream as tokio's traits, for TLS on top of it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::stream::SharedStream;

/// A shared stream with tokio's traits.
#[derive(Debug)]
pub(crate) struct AsyncStream {
    pub(crate) stream: Arc<SharedStream>,
    /// The first byte of the peer. It is shared, because a TLS handshake that fails takes the
    /// stream with it.
    first_byte: Arc<OnceLock<u8>>,
}

impl AsyncStream {
    pub(crate) fn new(stream: Arc<SharedStream>) -> Self {
        Self { stream, first_byte: Arc::default() }
    }

    pub(crate) fn first_byte(&self) -> Arc<OnceLock<u8>> {
        Arc::clone(&self.first_byte)
    }
}

impl AsyncRead for AsyncStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = self.stream.poll_read(cx, buf);
        if let Some(first) = buf.filled().get(before) {
            self.first_byte.get_or_init(|| *first);
        }
        read
    }
}

impl AsyncWrite for AsyncStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}
