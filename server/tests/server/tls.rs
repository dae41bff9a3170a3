//! TLS: the same port, and an authority that is trusted once.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::ClientRequestBuilder;

use crate::support::{Server, command};

fn connector(ca_file: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn clients_connect_with_and_without_tls_and_trust_the_authority_once() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let arguments = ["--tls", "--ca-file", ca_file.to_str().unwrap(), "--room", "lobby"];
    let mut authority = None;
    for _ in 0..2 {
        let server = Server::start(&arguments);
        assert!(server.line("https_url").starts_with("https://127.0.0.1:"));
        let pem = fs::read_to_string(&ca_file).unwrap();
        assert_eq!(authority.get_or_insert_with(|| pem.clone()), &pem);
        for name in ["localhost", "127.0.0.1"] {
            let stream =
                tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
            let name = ServerName::try_from(name).unwrap();
            let stream = connector(&ca_file).connect(name, stream).await.unwrap();
            let request = ClientRequestBuilder::new(server.line("wss_url").parse().unwrap())
                .with_sub_protocol(server.token("alice"));
            client_async(request, stream).await.unwrap();
        }
        assert_eq!(server.get("/status")["urls"]["wss"], server.line("wss_url"));
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let other = folder.path().join("other.pem");
    drop(Server::start(&["--tls", "--ca-file", other.to_str().unwrap()]));
    let mut child = command(&["--tls", "--ca-file", ca_file.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.trim_end().rsplit(':').next().unwrap().parse().unwrap();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector(&other).connect(name, stream).await.is_err());
    let mut complaint = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut complaint).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        complaint.contains("the TLS handshake of a client: received fatal alert"),
        "{complaint}"
    );
    assert!(complaint.ends_with("; it must trust the certificate of `--ca-file`\n"), "{complaint}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    drop(Server::start(&["--tls", "--ca-file", ca_file.to_str().unwrap()]));
    let mode = fs::metadata(folder.path().join("ca.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_missing_half_of_the_authority_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let arguments = ["--tls", "--ca-file", ca_file.to_str().unwrap()];
    drop(Server::start(&arguments));
    fs::remove_file(folder.path().join("ca.key")).unwrap();
    let output = command(&arguments).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("ca.key is missing, but ") && message.contains("ca.pem exists"),
        "{message}"
    );
}

#[test]
fn servers_that_start_concurrently_share_one_authority() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        let arguments = ["--tls", "--ca-file", ca_file.to_str().unwrap()];
        let servers: Vec<Server> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..6).map(|_| scope.spawn(|| Server::start(&arguments))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(servers.len(), 6);
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["ca.key", "ca.pem"]);
        for server in &servers {
            handshake(&ca_file, server.port());
        }
    }
}

/// An authority is only half of one after a start that was killed in the middle.
#[test]
fn an_empty_key_of_an_interrupted_start_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    fs::write(folder.path().join("ca.key"), "").unwrap();
    let server = Server::start(&["--tls", "--ca-file", ca_file.to_str().unwrap()]);
    handshake(&ca_file, server.port());
}

fn handshake(ca_file: &Path, port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        connector(ca_file).connect(name, stream).await.unwrap();
    });
}
