//! TLS: a certificate authority that is made at the start, and the handshake on a stream.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::api::handle::Handle;
use crate::api::wait::fail;
use crate::net::http::HEAD_TIMEOUT;
use crate::transport::stream::Link;

/// Where the mock can be reached by TLS.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) addr: SocketAddr,
    pub(crate) ca_pem: String,
}

/// A certificate authority, and the side of a server that it has certified.
pub(crate) struct Authority {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: Acceptor,
}

impl Authority {
    /// An authority that has certified the service's names of a region, and those of this machine.
    pub(crate) fn new(region: &str) -> Result<Self, String> {
        Self::certify(region).map_err(|error| format!("cannot make a certificate: {error}"))
    }

    fn certify(region: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "mock-ivs-chat");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let ca_key = KeyPair::generate()?;
        let ca = params.self_signed(&ca_key)?;
        let issuer = Issuer::new(params, ca_key);

        let names = [
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
            format!("edge.ivschat.{region}.amazonaws.com"),
            format!("ivschat.{region}.amazonaws.com"),
            format!("ivschat.{region}.api.aws"),
        ];
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // The process may have a provider of its own, or none: this one is the mock's alone.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { ca_pem: ca.pem(), acceptor: Acceptor(TlsAcceptor::from(Arc::new(config))) })
    }
}

/// The side of a server in a TLS handshake.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Shakes hands on a stream; `None` if the client does not, or not in time.
    pub(crate) async fn accept(&self, link: Arc<Link>) -> Option<Arc<Link>> {
        let handshake = self.0.accept(LinkStream(link));
        let stream = timeout(HEAD_TIMEOUT, handshake).await.ok()?.ok()?;
        Some(Link::tls(stream))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Handle {
    /// The URL for chat clients that insist on TLS, such as `wss://127.0.0.1:40124`.
    ///
    /// The certificate is also good for `localhost` and for the service's own names in the mock's
    /// region, `edge.ivschat.us-west-2.amazonaws.com` and `ivschat.us-west-2.amazonaws.com`: a
    /// client that cannot be told another name can be pointed here by its resolver.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().tls().start();
    /// assert_eq!(ivs.wss_url(), format!("wss://{}", ivs.tls_addr()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock was not started with TLS: see [`Builder::tls`](crate::Builder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn wss_url(&self) -> String {
        format!("wss://{}", self.tls_addr())
    }

    /// The URL of the control plane by TLS, such as `https://127.0.0.1:40124`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().tls().start();
    /// assert_eq!(ivs.https_url(), format!("https://{}", ivs.tls_addr()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock was not started with TLS: see [`Builder::tls`](crate::Builder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn https_url(&self) -> String {
        format!("https://{}", self.tls_addr())
    }

    /// The address that the mock listens on for TLS.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().tls().start();
    /// assert_ne!(ivs.tls_addr(), ivs.addr());
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock was not started with TLS: see [`Builder::tls`](crate::Builder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn tls_addr(&self) -> SocketAddr {
        self.tls_endpoint().addr
    }

    /// The certificate, in PEM, of the authority that a client has to trust. Each mock has its
    /// own; its key is nowhere but in this process, and never leaves it.
    ///
    /// A client of `rustls`, such as `tokio-tungstenite` or `aws-smithy-http-client`, is set up
    /// like this:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mock_ivs_chat::MockIvsChat;
    /// use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
    /// use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    ///
    /// let ivs = MockIvsChat::builder().tls().start();
    /// let mut roots = RootCertStore::empty();
    /// roots.add(CertificateDer::from_pem_slice(ivs.ca_pem().as_bytes())?)?;
    /// let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(roots)
    ///     .with_no_client_auth();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock was not started with TLS: see [`Builder::tls`](crate::Builder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn ca_pem(&self) -> &str {
        &self.tls_endpoint().ca_pem
    }

    #[track_caller]
    fn tls_endpoint(&self) -> &Endpoint {
        self.sockets().endpoints().tls.as_ref().unwrap_or_else(|| {
            fail(self.driver(), "the mock has no TLS, for it was not started with tls()")
        })
    }
}

/// A link as tokio sees it.
#[derive(Debug)]
pub(crate) struct LinkStream(pub(crate) Arc<Link>);

impl AsyncRead for LinkStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buf)
    }
}

impl AsyncWrite for LinkStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
