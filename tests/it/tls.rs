//! TLS: chat and control plane on a second port, by the names of the machine and of the service.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use mock_ivs_chat::log::{EntryKind, Finding, Lint, Matcher};
use mock_ivs_chat::{Handle, MockIvsChat, Quotas};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::wire::{end, over_tcp, pass, receive, say, shake_hands, token};

fn connector(ca_pem: &str) -> TlsConnector {
    connector_with(Some(ca_pem), &[])
}

fn connector_with(ca_pem: Option<&str>, protocols: &[&[u8]]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    if let Some(ca_pem) = ca_pem {
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
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
    let plain = std::panic::catch_unwind(AssertUnwindSafe(|| ivs.ws_url()));
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

/// Waits for the entry about a client that was not served, and returns it with the lint's findings.
async fn unserved(ivs: &Handle) -> (String, Vec<Finding>) {
    let entry = ivs.log().wait_for(|entry| entry.kind() == EntryKind::Unserved).await;
    (entry.to_string(), ivs.lint())
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_is_in_the_log_and_the_lint_finds_it() {
    let other = MockIvsChat::builder().tls().start();
    for (ca_pem, alert) in [(None, "unknown_ca"), (Some(other.ca_pem()), "decrypt_error")] {
        let ivs = MockIvsChat::builder().tls().wait_timeout(Duration::from_millis(50)).start();
        let stream = TcpStream::connect(ivs.tls_addr()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        assert!(connector_with(ca_pem, &[]).connect(name, stream).await.is_err());
        let (entry, findings) = unserved(&ivs).await;
        let text = format!(
            "a client rejects the certificate of the TLS port with the alert {alert}: it must \
             trust the authority of `ca_pem()` of this mock"
        );
        assert_eq!(entry, text);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((findings[0].lint, &findings[0].message), (Lint::TlsFailed, &text));
        let timeline = ivs.log().timeline();
        assert!(timeline.contains("a client rejects the certificate"), "{timeline}");
        let waiting =
            AssertUnwindSafe(|| ivs.log().expect(Matcher::connect().from("alice")).wait());
        let payload = std::panic::catch_unwind(waiting).unwrap_err();
        let failure = payload.downcast_ref::<String>().unwrap();
        let failure = failure.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(failure.contains(&format!("tls-failed at #0: {text}")), "{failure}");
    }
}

#[tokio::test]
async fn a_client_that_connects_by_a_name_without_a_certificate_is_in_the_log() {
    let ivs = MockIvsChat::builder().tls().start();
    assert!(connect(&ivs, ivs.ca_pem(), "chat.example.com").await.is_err());
    let (entry, findings) = unserved(&ivs).await;
    assert!(entry.contains("with the alert bad_certificate: "), "{entry}");
    assert!(entry.contains("and connect by a name in the certificate, such as"), "{entry}");
    assert_eq!(findings[0].lint, Lint::TlsFailed);
}

#[tokio::test]
async fn other_failures_of_the_tls_handshake_are_in_the_log() {
    let hello = b"\x16\x03\x01\x00\x04\x01\x00\x00\x00".as_slice();
    for (bytes, text, lint) in [
        (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
            "a client speaks HTTP without TLS on the TLS port: `https_url()` and `wss_url()` \
             are the URLs of that port",
            Lint::ProtocolForeign,
        ),
        (
            b"\0\0\0\0\0\0\0\0".as_slice(),
            "a client speaks neither TLS nor HTTP on the TLS port",
            Lint::ProtocolForeign,
        ),
        (
            &hello[..5],
            "a client ends the connection within the TLS handshake: it may not trust the \
             authority of `ca_pem()`",
            Lint::TlsFailed,
        ),
        (hello, "the TLS handshake of a client is not valid: ", Lint::TlsFailed),
        (
            b"\x15\x03\x01\x00\x02\x02\x50".as_slice(),
            "a client ends the TLS handshake with the alert internal_error",
            Lint::TlsFailed,
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\xc8".as_slice(),
            "a client ends the TLS handshake with the alert 200",
            Lint::TlsFailed,
        ),
    ] {
        let ivs = MockIvsChat::builder().tls().start();
        let mut stream = TcpStream::connect(ivs.tls_addr()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let (entry, findings) = unserved(&ivs).await;
        assert!(entry.starts_with(text), "{entry}");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((findings[0].lint, &findings[0].message), (lint, &entry));
    }
}

#[tokio::test]
async fn a_client_that_offers_only_http_2_by_tls_is_in_the_log() {
    let ivs = MockIvsChat::builder().tls().start();
    let stream = TcpStream::connect(ivs.tls_addr()).await.unwrap();
    let connector = connector_with(Some(ivs.ca_pem()), &[b"h2"]);
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector.connect(name, stream).await.is_err());
    let (entry, findings) = unserved(&ivs).await;
    let text = "a client does not offer HTTP/1.1 in its TLS handshake, and the mock serves \
                HTTP/1.1 only";
    assert_eq!(entry, text);
    assert_eq!(findings[0].lint, Lint::ProtocolForeign);
}

#[tokio::test]
async fn a_client_that_only_tries_the_tls_port_or_is_cut_off_by_the_test_leaves_no_entry() {
    let ivs = MockIvsChat::builder().tls().start();
    drop(TcpStream::connect(ivs.tls_addr()).await.unwrap());
    let mut cut_off = TcpStream::connect(ivs.tls_addr()).await.unwrap();
    cut_off.write_all(b"\x16\x03\x01").await.unwrap();
    // The streams are accepted in order, so the first two are there once this one is.
    let _trusting = connect(&ivs, ivs.ca_pem(), "localhost").await.unwrap();
    ivs.stop();
    let mut rest = Vec::new();
    let _ = cut_off.read_to_end(&mut rest).await;
    assert!(ivs.log().kind(EntryKind::Unserved).entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_that_is_never_finished_is_in_the_log_after_a_minute() {
    let ivs = MockIvsChat::builder().tls().start();
    let mut slow = TcpStream::connect(ivs.tls_addr()).await.unwrap();
    slow.write_all(b"\x16\x03\x01").await.unwrap();
    pass(Duration::from_secs(61)).await;
    let (entry, findings) = unserved(&ivs).await;
    assert_eq!(entry, "a client does not finish its TLS handshake within 60 s");
    assert_eq!(findings[0].lint, Lint::TlsFailed);
}
