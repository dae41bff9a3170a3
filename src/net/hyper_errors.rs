//! Hyper errors: rewrites hyper's built-in 4xx responses to AWS's error format.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::driver::{Caller, Driver, Unserved};
use crate::net::cors;
use crate::net::progress::Progress;
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::json::to_text;
use crate::transport::stream::SharedStream;

/// A shared stream with tokio's traits, for hyper. Everything that hyper writes passes through,
/// except for the error responses that hyper makes itself and does not let its users shape.
pub(crate) struct HttpStream {
    stream: Arc<SharedStream>,
    driver: Arc<Driver>,
    progress: Arc<Progress>,
    /// Whether the first bytes of the client have been looked at.
    has_begun: bool,
    /// The unwritten rest of the response that replaces one of hyper's.
    error_response: Option<Vec<u8>>,
}

impl HttpStream {
    pub(crate) const fn new(
        stream: Arc<SharedStream>,
        driver: Arc<Driver>,
        progress: Arc<Progress>,
    ) -> Self {
        Self { stream, driver, progress, has_begun: false, error_response: None }
    }

    /// Writes another response instead of the one that hyper made.
    fn poll_write_error(
        &mut self,
        cx: &mut Context<'_>,
        original: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Made once: a write that was pending comes here again with the same bytes, and must
        // neither start anew nor be recorded twice.
        let response = self.error_response.get_or_insert_with(|| refuse(&self.driver, original));
        while !response.is_empty() {
            match self.stream.poll_write(cx, &[io::IoSlice::new(response)]) {
                Poll::Ready(Ok(written)) if written > 0 => drop(response.drain(..written)),
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.error_response = None;
        // Hyper counts its own bytes, whatever the length of the response in their place.
        Poll::Ready(Ok(original.len()))
    }
}

/// Returns `true` if this is an error response from hyper: the mock's own have a request ID.
fn is_from_hyper(bytes: &[u8]) -> bool {
    let names_a_request = |head: &[u8]| head.windows(16).any(|name| name == b"x-amzn-requestid");
    bytes.starts_with(b"HTTP/1.1 4") && bytes.ends_with(b"\r\n\r\n") && !names_a_request(bytes)
}

/// Recognizes a client that speaks another protocol than HTTP/1.1 by its first bytes. Clients write
/// them at a time, so they are not split over several reads.
fn other_protocol(first_bytes: &[u8]) -> Option<Unserved> {
    if first_bytes.starts_with(HTTP2_PREFACE) {
        Some(Unserved::Http2)
    } else if first_bytes.starts_with(TLS_HANDSHAKE) {
        Some(Unserved::Tls)
    } else {
        None
    }
}

/// The start of the client preface by RFC 9113, section 3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0";
/// The start of a TLS handshake record by RFC 8446, section 5.1, of any version 3.x.
const TLS_HANDSHAKE: &[u8] = &[0x16, 0x03];

/// Assumed: the name. Documented: that it stands for "problems with the request at the HTTP
/// level", in the errors that all AWS services have in common.
fn refuse(driver: &Arc<Driver>, original: &[u8]) -> Vec<u8> {
    let status_line = original.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status_line = String::from_utf8_lossy(status_line).into_owned();
    let status = status_line.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(400);
    let exception = Exception::new(
        status,
        "MalformedHttpRequestException",
        "the request is not valid HTTP/1.1, or its head is too large",
    );
    let origin = Caller::Http {
        method: "a request".into(),
        path: "that is not HTTP".into(),
        access_key_id: None,
        is_signed: false,
        headers: Headers::default(),
    };
    let exception = driver.refuse_call(origin, None, String::new(), exception);
    let body = to_text(exception.body());
    format!(
        "{status_line}\r\n\
         connection: close\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\
         x-amzn-errortype: {}\r\n\
         x-amzn-requestid: {}\r\n\
         access-control-allow-origin: {}\r\n\
         access-control-expose-headers: {}\r\n\r\n{body}",
        body.len(),
        exception.name(),
        driver.request_id(),
        cors::ORIGIN,
        cors::EXPOSED_HEADERS,
    )
    .into_bytes()
}

impl fmt::Debug for HttpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpStream").field(&self.stream).finish()
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = self.stream.poll_read(cx, buf);
        let bytes = &buf.filled()[before..];
        if bytes.is_empty() {
            return read;
        }
        self.progress.read();
        if !self.has_begun {
            self.has_begun = true;
            if let Some(unserved) = other_protocol(bytes) {
                self.progress.serve();
                self.driver.record_unserved(unserved);
            }
        }
        read
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.progress.write();
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if is_from_hyper(first) => self.poll_write_error(cx, first),
            _ => self.stream.poll_write(cx, slices),
        }
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
