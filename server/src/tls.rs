//! TLS: the authority, which is created once, and the certificate that it signs at each start.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The file of the authority's certificate if the command line does not name one.
pub(crate) const CA_FILE: &str = "mock-ivs-chat-ca.pem";

/// Returns an acceptor with a certificate for loopback, for the address and for a host name.
///
/// The certificate of the authority is in `ca_file`, its key in the file of the same name that ends
/// in `.key`. Both are created if neither exists, so that clients need to trust it only once.
pub(crate) fn acceptor(
    ca_file: &Path,
    bind: IpAddr,
    host_name: Option<&str>,
) -> Result<TlsAcceptor, String> {
    let authority = authority(ca_file)?;
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
    if !bind.is_unspecified() {
        names.push(bind.to_string());
    }
    names.extend(host_name.map(str::to_owned));
    names.sort();
    names.dedup();
    let key = KeyPair::generate().map_err(shown)?;
    let mut parameters = CertificateParams::new(names).map_err(shown)?;
    parameters.distinguished_name.push(DnType::CommonName, "mock-ivs-chat");
    let certificate = parameters.signed_by(&key, &authority).map_err(shown)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(shown)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(shown)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn shown(error: impl std::fmt::Display) -> String {
    format!("the certificate cannot be created: {error}")
}

/// Reads the authority, or creates it.
fn authority(ca_file: &Path) -> Result<Issuer<'static, KeyPair>, String> {
    let key_file = key_file(ca_file);
    match (ca_file.exists(), key_file.exists()) {
        (true, true) => read(ca_file, &key_file),
        (false, false) => create(ca_file, &key_file),
        // A new key would not belong to the certificate that clients trust already.
        (true, false) => Err(missing(&key_file, ca_file)),
        (false, true) => Err(missing(ca_file, &key_file)),
    }
}

fn key_file(ca_file: &Path) -> PathBuf {
    ca_file.with_extension("key")
}

fn missing(missing: &Path, other: &Path) -> String {
    let (missing, other) = (missing.display(), other.display());
    format!("{missing} is missing, but {other} exists: restore the one, or delete the other")
}

fn read(ca_file: &Path, key_file: &Path) -> Result<Issuer<'static, KeyPair>, String> {
    let text = |file: &Path| {
        fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
    };
    let key = KeyPair::from_pem(&text(key_file)?)
        .map_err(|error| format!("{}: not a key: {error}", key_file.display()))?;
    Issuer::from_ca_cert_pem(&text(ca_file)?, key)
        .map_err(|error| format!("{}: not a certificate: {error}", ca_file.display()))
}

fn create(ca_file: &Path, key_file: &Path) -> Result<Issuer<'static, KeyPair>, String> {
    let key = KeyPair::generate().map_err(shown)?;
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.distinguished_name.push(DnType::CommonName, "mock-ivs-chat test authority");
    let certificate = parameters.self_signed(&key).map_err(shown)?;
    write(key_file, &key.serialize_pem(), 0o600)
        .map_err(|error| format!("{}: {error}", key_file.display()))?;
    write(ca_file, &certificate.pem(), 0o644)
        .map_err(|error| format!("{}: {error}", ca_file.display()))?;
    Ok(Issuer::new(parameters, key))
}

/// Writes a new file. On Unix the file has its mode from the start, so no other user can read a key in between.
fn write(file: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(file)?.write_all(text.as_bytes())
}
