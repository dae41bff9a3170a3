//! TLS: the authority, which is created once, and the certificate that it signs at each start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fs4::FileExt;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};

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

/// Returns what a client needs whose handshake failed with an error.
pub(crate) fn advice(error: &io::Error) -> &'static str {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::AlertReceived(_)) => "; it must trust the certificate of `--ca-file`",
        None => "; it may not trust the certificate of `--ca-file`",
        Some(_) => "",
    }
}

fn shown(error: impl std::fmt::Display) -> String {
    format!("the certificate cannot be created: {error}")
}

/// Reads the authority, or creates it.
///
/// Several servers may start concurrently. The one that locks the file of the key first writes it,
/// and then the certificate in one step. So a server that finds a certificate finds its key, too.
fn authority(ca_file: &Path) -> Result<Issuer<'static, KeyPair>, String> {
    let key_file = key_file(ca_file);
    if !ca_file.exists() {
        let in_key = |error| format!("{}: {error}", key_file.display());
        let key = open(&key_file).map_err(in_key)?;
        // The end of the file or of the program unlocks it.
        FileExt::lock(&key).map_err(in_key)?;
        if !ca_file.exists() {
            let is_new = key.metadata().map_err(in_key)?.len() == 0;
            return match is_new {
                true => create(ca_file, &key_file, key),
                // A new key would take the place of one that may be used elsewhere.
                false => Err(missing(ca_file, &key_file)),
            };
        }
    }
    match key_file.exists() {
        true => read(ca_file, &key_file),
        // A new key would not belong to the certificate that clients trust already.
        false => Err(missing(&key_file, ca_file)),
    }
}

fn key_file(ca_file: &Path) -> PathBuf {
    ca_file.with_extension("key")
}

/// Returns the path of a file for programs that run in other folders.
pub(crate) fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

fn missing(missing: &Path, other: &Path) -> String {
    let (missing, other) = (missing.display(), other.display());
    format!("{missing} is missing, but {other} exists: restore the one, or delete the other")
}

fn read(ca_file: &Path, key_file: &Path) -> Result<Issuer<'static, KeyPair>, String> {
    let text = |file: &Path| {
        // On some systems a file cannot be read before the server that has locked it is done.
        let opened = File::open(file).inspect(|file| drop(FileExt::lock_shared(file)));
        let text = opened.and_then(io::read_to_string);
        text.map_err(|error| format!("{}: {error}", file.display()))
    };
    let key = KeyPair::from_pem(&text(key_file)?)
        .map_err(|error| format!("{}: not a key: {error}", key_file.display()))?;
    Issuer::from_ca_cert_pem(&text(ca_file)?, key)
        .map_err(|error| format!("{}: not a certificate: {error}", ca_file.display()))
}

fn create(
    ca_file: &Path,
    key_file: &Path,
    mut opened_key: File,
) -> Result<Issuer<'static, KeyPair>, String> {
    let key = KeyPair::generate().map_err(shown)?;
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.distinguished_name.push(DnType::CommonName, "mock-ivs-chat test authority");
    let certificate = parameters.self_signed(&key).map_err(shown)?;
    opened_key
        .write_all(key.serialize_pem().as_bytes())
        .map_err(|error| format!("{}: {error}", key_file.display()))?;
    write(ca_file, &certificate.pem()).map_err(|error| {
        // Without a certificate the key is of no use, and would be in the way of the next start.
        let _ = opened_key.set_len(0);
        format!("{}: {error}", ca_file.display())
    })?;
    Ok(Issuer::new(parameters, key))
}

/// Opens the file of the key, which is created if necessary. On Unix it has its mode from the
/// start, so no other user can read a key in between.
fn open(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Writes a file in one step.
#[expect(clippy::disallowed_methods, reason = "a file does not tell when its reader is done")]
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    fs::write(&name, text)?;
    let start = Instant::now();
    loop {
        match fs::rename(&name, file) {
            // Windows does not replace a file while another program reads it.
            Err(_) if cfg!(windows) && start.elapsed() < READING_TIME => thread::sleep(PAUSE),
            result => return result,
        }
    }
}

/// How long another program may read a file before replacing it fails.
const READING_TIME: Duration = Duration::from_secs(1);

/// How long to wait before the next attempt to replace a file.
const PAUSE: Duration = Duration::from_millis(5);
