//! TLS: chat and control plane on a second port, by the names of the machine and of the service.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::sync::Arc;

use mock_ivs_chat::{Handle, MockIvsChat, Quotas};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::wire::{end, over_tcp, receive, say, shake_hands, token};

fn connector(ca_pem: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn connect(ivs: &Handle, ca_pem: &str, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(ivs.tls_addr()).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    connector(ca_pem).connect(name, stream).await
}

#[tokio::test]
async fn clients_chat_by_all_names_that_the_service_has() {
    let ivs = MockIvsChat::builder().region("eu-west-1").tls().start();
    let room = ivs.create_room("lobby");
    let mut plain = over_tcp(&ivs, &token(&room, "plain")).await;
    let names = [
        "localhost",
        "127.0.0.1",
        "edge.ivschat.eu-west-1.amazonaws.com",
        "ivschat.eu-west-1.amazonaws.com",
    ];
    for name in names {
        let stream = connect(&ivs, ivs.ca_pem(), name).await.unwrap();
        let mut alice = shake_hands(stream, &token(&room, "alice")).await.unwrap();
        say(&mut alice, name).await;
        assert_eq!(receive(&mut alice).await["Content"], name);
        assert_eq!(receive(&mut plain).await["Content"], name);
    }
    assert!(connect(&ivs, ivs.ca_pem(), "edge.ivschat.us-west-2.amazonaws.com").await.is_err());
}

#[tokio::test]
async fn the_control_plane_is_served_over_https() {
    let ivs = MockIvsChat::builder().tls().start();
    let mut stream = connect(&ivs, ivs.ca_pem(), "localhost").await.unwrap();
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.ends_with(br#"{"rooms":[]}"#), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_client_that_reads_late_gets_all_of_it() {
    const EVENTS: usize = 3_000;
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).tls().start();
    let room = ivs.create_room("lobby");
    let stream = connect(&ivs, ivs.ca_pem(), "localhost").await.unwrap();
    let mut alice = shake_hands(stream, &token(&room, "alice")).await.unwrap();
    let dots = "x".repeat(4_000);
    for _ in 0..EVENTS {
        room.send_event("app:flood", [("x", dots.clone())]);
    }
    // More than the system takes, so that some of it waits for the client.
    ivs.settled().await;
    for _ in 0..EVENTS {
        assert_eq!(receive(&mut alice).await["EventName"], "app:flood");
    }
}

#[tokio::test]
async fn tls_can_be_all_there_is() {
    let ivs = MockIvsChat::builder().in_memory().tls().start();
    let room = ivs.create_room("lobby");
    assert!(ivs.wss_url().starts_with("wss://127.0.0.1:"));
    let stream = connect(&ivs, ivs.ca_pem(), "localhost").await.unwrap();
    let mut alice = shake_hands(stream, &token(&room, "alice")).await.unwrap();
    say(&mut alice, "hello").await;
    assert_eq!(receive(&mut alice).await["Content"], "hello");
    let plain = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ivs.ws_url()));
    assert!(plain.is_err(), "there is no plain port");
}

#[tokio::test]
async fn the_authority_of_one_mock_is_not_trusted_for_another() {
    let (one, other) = (MockIvsChat::builder().tls().start(), MockIvsChat::builder().tls().start());
    assert!(connect(&one, other.ca_pem(), "localhost").await.is_err());
}

#[tokio::test]
async fn a_client_without_tls_is_refused_and_others_continue() {
    let ivs = MockIvsChat::builder().tls().on_current_runtime().start();
    let mut stream = TcpStream::connect(ivs.tls_addr()).await.unwrap();
    stream.write_all(b"POST /ListRooms HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    let room = ivs.create_room("lobby");
    let stream = connect(&ivs, ivs.ca_pem(), "localhost").await.unwrap();
    let mut alice = shake_hands(stream, &token(&room, "alice")).await.unwrap();
    say(&mut alice, "hello").await;
    assert_eq!(receive(&mut alice).await["Content"], "hello");
}

#[tokio::test]
async fn a_restart_and_a_drop_end_tls_connections_too() {
    let ivs = MockIvsChat::builder().tls().start();
    let room = ivs.create_room("lobby");
    let stream = connect(&ivs, ivs.ca_pem(), "localhost").await.unwrap();
    let mut alice = shake_hands(stream, &token(&room, "alice")).await.unwrap();
    ivs.restart();
    assert!(end(&mut alice).await.is_none());
    let stream = connect(&ivs, ivs.ca_pem(), "localhost").await.unwrap();
    let mut alice = shake_hands(stream, &token(&room, "alice")).await.unwrap();
    let (addr, ca_pem) = (ivs.tls_addr(), ivs.ca_pem().to_owned());
    drop(ivs);
    assert!(end(&mut alice).await.is_none());
    // Another test's mock may have got the port by now, but not the certificate.
    let again = async {
        let stream = TcpStream::connect(addr).await?;
        connector(&ca_pem).connect(ServerName::try_from("localhost").unwrap(), stream).await
    };
    assert!(again.await.is_err());
}

#[test]
#[should_panic(expected = "the mock has no TLS port: it was not started with `tls()`")]
fn a_mock_without_tls_says_so() {
    let _ = MockIvsChat::start().ca_pem();
}
