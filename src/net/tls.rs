//! TLS: a certificate authority that is generated at the start, and the handshake on a stream.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{Error, InvalidMessage, ServerConfig};

use crate::driver::{Driver, TlsFailure, Unserved};
use crate::net::http::HEAD_TIMEOUT;
use crate::transport::adapter::AsyncStream;
use crate::transport::stream::SharedStream;

/// The address of the TLS port, and the certificate that its clients must trust.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) addr: SocketAddr,
    pub(crate) ca_pem: String,
}

/// A certificate authority, and the server configuration that it has certified.
pub(crate) struct Authority {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: Acceptor,
}

impl Authority {
    /// Generates an authority that certifies the service names of a region and the local names.
    pub(crate) fn new(region: &str, host_name: Option<&str>) -> Result<Self, String> {
        Self::certify(region, host_name)
            .map_err(|error| format!("cannot make a certificate: {error}"))
    }

    fn certify(region: &str, host_name: Option<&str>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "mock-ivs-chat");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let ca_key = KeyPair::generate()?;
        let ca = params.self_signed(&ca_key)?;
        let issuer = Issuer::new(params, ca_key);

        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
            format!("edge.ivschat.{region}.amazonaws.com"),
            format!("ivschat.{region}.amazonaws.com"),
            format!("ivschat.{region}.api.aws"),
        ];
        // A certificate has addresses without brackets.
        names.extend(host_name.map(|name| name.trim_matches(['[', ']']).to_owned()));
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // The default provider of the process belongs to the test, which may have none.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { ca_pem: ca.pem(), acceptor: Acceptor(TlsAcceptor::from(Arc::new(config))) })
    }
}

/// Accepts TLS handshakes.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Performs the handshake on a stream; `None` if it fails or takes too long, which is recorded.
    pub(crate) async fn accept(
        &self,
        stream: Arc<SharedStream>,
        driver: &Arc<Driver>,
    ) -> Option<Arc<SharedStream>> {
        let below = AsyncStream::new(Arc::clone(&stream));
        let first_byte = below.first_byte();
        let failure = match timeout(HEAD_TIMEOUT, self.0.accept(below)).await {
            Ok(Ok(stream)) => return Some(SharedStream::tls(stream)),
            Ok(Err(error)) => failure(error, first_byte.get().copied()),
            Err(_) => TlsFailure::TimedOut,
        };
        // A client that has sent nothing has only tried whether the port is open.
        if first_byte.get().is_some() && !stream.was_closed_by_mock() {
            driver.record_unserved(Unserved::TlsFailed(failure));
        }
        None
    }
}

/// Returns the reason of a failure, by the error and the first byte of the client.
fn failure(error: io::Error, first_byte: Option<u8>) -> TlsFailure {
    let inner = error.into_inner().and_then(|inner| inner.downcast::<Error>().ok());
    match inner.map(|inner| *inner) {
        Some(Error::AlertReceived(alert)) => TlsFailure::Alert(alert.into()),
        Some(Error::NoApplicationProtocol) => TlsFailure::NoHttp1,
        Some(_) if first_byte.is_some_and(|byte| byte.is_ascii_uppercase()) => TlsFailure::Http,
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => TlsFailure::NotTls,
        Some(error) => TlsFailure::Invalid(error.to_string().into()),
        None => TlsFailure::Ended,
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
