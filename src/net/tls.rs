//! TLS: a certificate authority that is generated at the start, and the handshake on a stream.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

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
        names.extend(host_name.map(str::to_owned));
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
    /// Performs the handshake on a stream; `None` if the client fails it or takes too long.
    pub(crate) async fn accept(&self, stream: Arc<SharedStream>) -> Option<Arc<SharedStream>> {
        let handshake = self.0.accept(AsyncStream(stream));
        let stream = timeout(HEAD_TIMEOUT, handshake).await.ok()?.ok()?;
        Some(SharedStream::tls(stream))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
