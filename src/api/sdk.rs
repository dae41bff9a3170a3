//! Sdk: an HTTP client for the AWS SDK for Rust that serves the calls of IVS Chat in process.
//!
//! The examples are in separate files. They need the SDK, so the package of the integration tests
//! compiles and runs them.

use std::io;
use std::time::Duration;

use aws_smithy_async::future::timeout::Timeout;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;

use crate::api::handle::Handle;
use crate::api::in_memory::BUFFER_BYTES;
use crate::transport::stream::SharedStream;

/// An HTTP client for the AWS SDK for Rust that takes calls of IVS Chat to a mock, without a
/// socket.
///
/// It comes from [`Handle::sdk_http_client`]. A request belongs to IVS Chat if its host does
/// (`ivschat.us-west-2.amazonaws.com`, the FIPS and VPC endpoints), if it is the mock's own
/// address, or if it is signed for the service `ivschat`, whatever its host. Other requests go to
/// the client of [`SdkHttpClient::with_fallback`]. Without one they fail, and nothing is sent
/// anywhere.
#[derive(Clone, Debug)]
#[must_use = "the client does nothing until an SDK configuration has it"]
pub struct SdkHttpClient {
    handle: Handle,
    fallback: Option<SharedHttpClient>,
}

impl Handle {
    /// Returns an HTTP client for the AWS SDK for Rust that serves its calls in process.
    ///
    /// The calls are the same HTTP as over TCP, so hooks, the log, signatures and faults apply to
    /// them as well. The SDK needs neither an endpoint nor an HTTP connector crate, and a mock
    /// started with [`in_memory`](crate::MockIvsChatBuilder::in_memory) can be called, too. The
    /// SDK's read timeout applies; nothing takes time to connect.
    ///
    /// Each call has a connection of its own. It is served on the tokio runtime that the call is
    /// awaited in, or else on the mock's own, so paused time works as in [`Handle::connect`].
    ///
    /// After the end of the mock, and in an outage, calls fail as they do without a network.
    ///
    #[cfg_attr(not(doctest), doc = include_str!("sdk_http_client.md"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "aws-sdk")))]
    pub fn sdk_http_client(&self) -> SdkHttpClient {
        SdkHttpClient { handle: self.clone(), fallback: None }
    }
}

impl SdkHttpClient {
    /// Sends requests to other services through another HTTP client, such as that of an emulator.
    /// This is needed because one `SdkConfig` has one HTTP client for all services.
    ///
    #[cfg_attr(not(doctest), doc = include_str!("sdk_fallback.md"))]
    pub fn with_fallback(mut self, client: impl HttpClient + 'static) -> Self {
        self.fallback = Some(SharedHttpClient::new(client));
        self
    }
}

impl HttpClient for SdkHttpClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let fallback = self.fallback.as_ref();
        SharedHttpConnector::new(Connector {
            handle: self.handle.clone(),
            read_timeout: settings.read_timeout().zip(components.sleep_impl()),
            fallback: fallback.map(|client| client.http_connector(settings, components)),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.fallback.as_ref().map_or(Ok(()), |client| {
            HttpClient::validate_base_client_config(client, components, config)
        })
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.fallback
            .as_ref()
            .map_or(Ok(()), |client| HttpClient::validate_final_config(client, components, config))
    }
}

/// Serves requests with the settings of one SDK client.
#[derive(Debug)]
struct Connector {
    handle: Handle,
    read_timeout: Option<(Duration, SharedAsyncSleep)>,
    fallback: Option<SharedHttpConnector>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !self.is_of_ivs_chat(&request) {
            return match &self.fallback {
                Some(connector) => connector.call(request),
                None => HttpConnectorFuture::ready(Err(not_of_ivs_chat(&request))),
            };
        }
        let exchange = exchange(self.handle.clone(), request);
        // The SDK leaves the read timeout to its HTTP client.
        match &self.read_timeout {
            None => HttpConnectorFuture::new(exchange),
            Some((limit, sleep)) => {
                let (limit, exchange) = (*limit, Timeout::new(exchange, sleep.sleep(*limit)));
                HttpConnectorFuture::new(async move {
                    exchange.await.unwrap_or_else(|_| {
                        let message = format!("the mock did not respond within {limit:?}");
                        Err(ConnectorError::timeout(message.into()))
                    })
                })
            }
        }
    }
}

impl Connector {
    fn is_of_ivs_chat(&self, request: &HttpRequest) -> bool {
        let uri = request.uri().parse::<Uri>().ok();
        let authority = uri.as_ref().and_then(Uri::authority);
        // Any label counts, because a host may have a prefix.
        let is_host_of_service = authority.is_some_and(|authority| {
            let mut labels = authority.host().split('.');
            labels.any(|label| ["ivschat", "ivschat-fips"].contains(&label))
        });
        let plain = self.handle.server().endpoints().plain;
        let is_mock = plain
            .zip(authority)
            .is_some_and(|(addr, authority)| authority.as_str() == addr.to_string());
        let authorization = request.headers().get(AUTHORIZATION.as_str());
        let is_signed = authorization.is_some_and(|value| value.contains("/ivschat/aws4_request"));
        is_host_of_service || is_mock || is_signed
    }
}

fn not_of_ivs_chat(request: &HttpRequest) -> ConnectorError {
    let message = format!(
        "{} is not a URL of IVS Chat: give `SdkHttpClient::with_fallback` a client for it",
        request.uri()
    );
    ConnectorError::user(message.into())
}

/// Exchanges a request for its response over an in-memory connection.
async fn exchange(handle: Handle, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    if let Some(reason) = handle.server().stop_reason() {
        let error = io::Error::new(io::ErrorKind::ConnectionRefused, reason.message());
        return Err(ConnectorError::io(error.into()));
    }
    let request = in_origin_form(request).map_err(ConnectorError::user)?;
    let (client, server) = tokio::io::duplex(BUFFER_BYTES);
    handle.server().serve(SharedStream::memory(server), handle.driver());
    let broken = |error: hyper::Error| ConnectorError::io(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(client)).await.map_err(broken)?;
    // The SDK may run on an executor that is not tokio's. The mock runtime drives the connection
    // then.
    let runtime = tokio::runtime::Handle::try_current();
    let runtime = runtime.unwrap_or_else(|_| handle.driver().runtime().clone());
    // The connection ends with the response, or with this future if it is dropped before.
    // Its errors are also errors of the response.
    drop(runtime.spawn(connection));
    let response = sender.send_request(request).await.map_err(broken)?;
    let response = response.map(SdkBody::from_body_1_x);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// Turns the absolute URI of a request into its path and a header `Host`.
fn in_origin_form(request: HttpRequest) -> Result<Request<SdkBody>, BoxError> {
    // hyper sends a request as it is, so the host and the form of the target are set here.
    let mut request = request.try_into_http1x()?;
    if let Some(authority) = request.uri().authority() {
        let host = HeaderValue::from_str(authority.as_str())?;
        request.headers_mut().entry(HOST).or_insert(host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Ok(request)
}
