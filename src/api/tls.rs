//! TLS: the URLs of a mock with a TLS port, and the certificate that its clients must trust.

use std::net::SocketAddr;

use crate::api::handle::Handle;
use crate::api::wait::fail;
use crate::net::tls::Endpoint;

impl Handle {
    /// Returns the URL for chat clients that insist on TLS, such as `wss://127.0.0.1:40124`.
    ///
    /// The certificate is also valid for `localhost` and for the service's own names in the mock's
    /// region, `edge.ivschat.us-west-2.amazonaws.com` and `ivschat.us-west-2.amazonaws.com`: a
    /// client whose host name cannot be changed can be directed here by its resolver.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().tls().start();
    /// assert_eq!(ivs.wss_url(), format!("wss://{}", ivs.tls_addr()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock was not started with TLS: see [`MockIvsChatBuilder::tls`](crate::MockIvsChatBuilder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn wss_url(&self) -> String {
        format!("wss://{}", self.server().endpoints().authority(self.tls_addr()))
    }

    /// Returns the URL of the control plane by TLS, such as `https://127.0.0.1:40124`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().tls().start();
    /// assert_eq!(ivs.https_url(), format!("https://{}", ivs.tls_addr()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock was not started with TLS: see [`MockIvsChatBuilder::tls`](crate::MockIvsChatBuilder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn https_url(&self) -> String {
        format!("https://{}", self.server().endpoints().authority(self.tls_addr()))
    }

    /// Returns the address that the mock listens on for TLS.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().tls().start();
    /// assert_ne!(ivs.tls_addr(), ivs.addr());
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock was not started with TLS: see [`MockIvsChatBuilder::tls`](crate::MockIvsChatBuilder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn tls_addr(&self) -> SocketAddr {
        self.tls_endpoint().addr
    }

    /// Returns the certificate, in PEM, of the authority that a client must trust. Each mock has its
    /// own; its key never leaves this process.
    ///
    /// A client based on `rustls`, such as `tokio-tungstenite` or `aws-smithy-http-client`, is set
    /// up like this:
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
    /// If the mock was not started with TLS: see [`MockIvsChatBuilder::tls`](crate::MockIvsChatBuilder::tls).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    #[track_caller]
    pub fn ca_pem(&self) -> &str {
        &self.tls_endpoint().ca_pem
    }

    #[track_caller]
    fn tls_endpoint(&self) -> &Endpoint {
        let Some(endpoint) = &self.server().endpoints().tls else {
            fail(self.driver(), "the mock has no TLS port: it was not started with `tls()`")
        };
        endpoint
    }
}
