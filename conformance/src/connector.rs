//! Connector: the HTTP client of the AWS SDK, over the connections of a [`Network`].

use std::sync::Arc;

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

use crate::network::{Endpoint, HTTP_SCHEMES, Network};

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
        std::io::ErrorKind::PermissionDenied => ConnectorError::user(error.into()),
        std::io::ErrorKind::TimedOut => ConnectorError::timeout(error.into()),
        _ => ConnectorError::io(error.into()),
    })?;
    let io = |error: hyper::Error| ConnectorError::io(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io)?;
    // It ends with the response, or with the failure that the response reports.
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.map_err(io)?.into_parts();
    let body = body.collect().await.map_err(io)?.to_bytes();
    let response = http::Response::from_parts(parts, SdkBody::from(body));
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
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
