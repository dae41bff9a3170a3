//! Connector: the HTTP client of the AWS SDK, over the connections of a [`Network`].

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::header::{HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::network::{Endpoint, HTTP_SCHEMES, Network, Stream};

/// An HTTP client that knows the hosts of a network and no others. It follows no redirects.
#[derive(Clone, Debug)]
pub(crate) struct Connector(pub(crate) Arc<Network>);

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let network = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move { exchange(&network, request).await })
    }
}

async fn exchange(network: &Network, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (endpoint, request) =
        in_origin_form(request).map_err(|error| ConnectorError::user(error.into()))?;
    let stream = network.open(&endpoint).await.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => ConnectorError::user(NotConnected(error).into()),
        io::ErrorKind::TimedOut => ConnectorError::timeout(NotConnected(error).into()),
        _ => ConnectorError::io(NotConnected(error).into()),
    })?;
    let failed = |error: hyper::Error| ConnectorError::io(error.into());
    let stream = TokioIo::new(ReadsOn(stream));
    let (mut sender, connection) = http1::handshake(stream).await.map_err(failed)?;
    // It ends with the response, or with the failure that the response reports.
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
    let body = body.collect().await.map_err(failed)?.to_bytes();
    let response = http::Response::from_parts(parts, SdkBody::from(body));
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The reason why there is no connection: nothing of the request was sent.
#[derive(Debug)]
struct NotConnected(io::Error);

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for NotConnected {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Returns `true` if an error of the SDK comes from a connection that was never opened.
pub(crate) fn is_not_connected(error: &(dyn Error + 'static)) -> bool {
    let mut causes =
        std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.any(<dyn Error>::is::<NotConnected>)
}

/// A stream that can be read although it cannot be written any more. A service that refuses a
/// request may close the connection after its response, while the request is still on its way.
struct ReadsOn(Box<dyn Stream>);

/// Takes a write for done that fails because the other side has closed the connection.
fn done<T>(written: Poll<io::Result<T>>, done: T) -> Poll<io::Result<T>> {
    match written {
        Poll::Ready(Err(error)) if CLOSED.contains(&error.kind()) => Poll::Ready(Ok(done)),
        other => other,
    }
}

const CLOSED: [io::ErrorKind; 3] =
    [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];

impl AsyncRead for ReadsOn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for ReadsOn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        done(Pin::new(&mut self.0).poll_write(cx, buf), buf.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        done(Pin::new(&mut self.0).poll_flush(cx), ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        done(Pin::new(&mut self.0).poll_shutdown(cx), ())
    }
}

/// Splits a request into the endpoint and what is sent to it.
fn in_origin_form(mut request: Request<SdkBody>) -> Result<(Endpoint, Request<SdkBody>), String> {
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or_else(|| format!("`{uri}` has no host"))?;
    let scheme = uri.scheme_str().unwrap_or("https");
    let endpoint = Endpoint::parse(&format!("{scheme}://{authority}"), HTTP_SCHEMES)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
    request.headers_mut().entry(HOST).or_insert(host);
    let path = uri.path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Ok((endpoint, request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn a_response_is_read_although_the_request_cannot_be_written() {
        let (client, mut server) = duplex(64);
        server.write_all(b"HTTP/1.1 431 Too Large").await.unwrap();
        drop(server);
        let mut client = ReadsOn(Box::new(client));
        client.write_all(&[b'x'; 1000]).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert_eq!(response, "HTTP/1.1 431 Too Large");
    }
}
