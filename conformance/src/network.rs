//! Network: the one place that opens connections, to the hosts of the target and to no others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A stream to a host, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A host and its port, and whether TLS is spoken there.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Endpoint {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// Reads a URL of one of these schemes, of which the second has TLS. A path is not allowed.
    pub(crate) fn parse(url: &str, [plain, tls]: [&str; 2]) -> Result<Self, String> {
        let expected =
            || format!("`{url}` is not a URL such as `{tls}://host` or `{plain}://host:8080`");
        let uri: http::Uri = url.parse().map_err(|_| expected())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(expected)?;
        let is_tls = match uri.scheme_str() {
            Some(scheme) if scheme == tls => true,
            Some(scheme) if scheme == plain => false,
            _ => return Err(expected()),
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(format!("`{url}` has a path; the target is a scheme, a host and a port"));
        }
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        Ok(Self { is_tls, host, port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }) })
    }

    /// The host and the port as in a URL; the port is left out where it is that of the scheme.
    pub(crate) fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    pub(crate) fn url(&self, [plain, tls]: [&str; 2]) -> String {
        format!("{}://{}", if self.is_tls { tls } else { plain }, self.authority())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The authorities whose certificates are accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust<'a> {
    /// The authorities that the operating system trusts.
    System,
    /// The authorities in a PEM text.
    Pem(&'a [u8]),
    /// No authority, because no endpoint uses TLS.
    NoAuthority,
}

/// The hosts that may be reached, and how.
pub(crate) struct Network {
    allowed: Vec<(String, u16)>,
    /// Addresses in the place of those that DNS knows.
    addresses: BTreeMap<(String, u16), SocketAddr>,
    tls: TlsConnector,
    /// The other hosts that something was meant for.
    refused: Mutex<BTreeSet<Endpoint>>,
}

impl Network {
    /// Creates a network of these endpoints.
    pub(crate) fn new(allowed: &[&Endpoint], trust: Trust<'_>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match trust {
            Trust::NoAuthority => {}
            Trust::System => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Trust::Pem(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let read =
                        certificate.map_err(|error| format!("cannot read the CA: {error}"))?;
                    roots.add(read).map_err(|error| format!("cannot trust the CA: {error}"))?;
                }
                if roots.is_empty() {
                    return Err("cannot read the CA: the file contains no certificate".into());
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot set up TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            allowed: allowed.iter().map(|one| (one.host.clone(), one.port)).collect(),
            addresses: BTreeMap::new(),
            tls: TlsConnector::from(Arc::new(config)),
            refused: Mutex::default(),
        })
    }

    /// Connects to this address instead of the one that DNS has for a host of the target.
    pub(crate) fn connect_to(&mut self, host: &str, port: u16, address: SocketAddr) {
        self.addresses.insert((host.to_ascii_lowercase(), port), address);
    }

    /// Opens a connection. A host that does not belong to the target is refused before its name is
    /// looked up.
    pub(crate) async fn open(&self, endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
        let place = (endpoint.host.to_ascii_lowercase(), endpoint.port);
        if !self.allowed.contains(&place) {
            self.refused.lock().insert(endpoint.clone());
            let message =
                format!("{endpoint} does not belong to the target; nothing was sent to it");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let opening = async {
            let stream = match self.addresses.get(&place) {
                Some(address) => TcpStream::connect(address).await?,
                None => TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?,
            };
            stream.set_nodelay(true)?;
            if !endpoint.is_tls {
                return Ok(Box::new(stream) as Box<dyn Stream>);
            }
            let name = ServerName::try_from(endpoint.host.clone()).map_err(io::Error::other)?;
            Ok(Box::new(self.tls.connect(name, stream).await?) as Box<dyn Stream>)
        };
        let opened = timeout(CONNECT_TIMEOUT, opening).await;
        opened.unwrap_or_else(|_| {
            let message =
                format!("{endpoint} did not accept a connection within {CONNECT_TIMEOUT:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }

    /// Returns the hosts to which a connection was refused, because they are not the target's.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.lock().iter().map(ToString::to_string).collect()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) const HTTP_SCHEMES: [&str; 2] = ["http", "https"];
pub(crate) const WS_SCHEMES: [&str; 2] = ["ws", "wss"];
