//! Disconnections, restarts, outages and the stop, seen from the log and from clients.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};

use insta::assert_snapshot;
use mock_ivs_chat::{Clock, CloseCode, Handle, MockIvsChat};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::assert_refused;
use crate::wire::{alone, end, in_memory, message, over_tcp, receive, say, token};
use futures_util::SinkExt;

fn start() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start()
}

/// The log, but for the calls that prepare a test.
fn transcript(ivs: &Handle) -> String {
    let log = ivs.log().to_string();
    log.split_inclusive('\n').filter(|line| !line.trim_start().starts_with("test ")).collect()
}

#[tokio::test]
async fn a_disconnected_client_receives_queued_frames_but_no_close_frame() {
    let ivs = start();
    let room = ivs.create_room("lobby");
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    let bob = room.participant("bob");
    let said = bob.send_message("last words");
    ivs.disconnect_all();
    assert_eq!(receive(&mut alice).await["RequestId"], said);
    assert!(end(&mut alice).await.is_none());
    assert!(!bob.is_connected());
    assert_snapshot!(transcript(&ivs), @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    bob connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    bob > {"Action":"SEND_MESSAGE","RequestId":"bob-1","Content":"last words"}
      alice, bob < {"Type":"MESSAGE","Id":"Message00001","RequestId":"bob-1","Attributes":null,"Content":"last words","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"bob","Attributes":{}}}
    outage: all are disconnected
      alice is gone
      bob is gone
    "#);
}

#[tokio::test]
async fn all_are_closed_with_a_code_and_a_reason() {
    let ivs = start();
    let room = ivs.create_room("lobby");
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    let mut bob = in_memory(&ivs, &token(&room, "bob")).await;
    ivs.close_all(CloseCode::SERVICE_RESTART, "maintenance");
    for client in [end(&mut alice).await, end(&mut bob).await] {
        let close = client.unwrap();
        assert_eq!((u16::from(close.code), close.reason.as_str()), (1012, "maintenance"));
    }
    assert_snapshot!(transcript(&ivs), @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    bob connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    outage: all are closed 1012 "maintenance"
      alice closed 1012 "maintenance"
      bob closed 1012 "maintenance"
    "#);
}

#[tokio::test]
async fn a_restart_cuts_everything_and_keeps_port_rooms_and_tokens() {
    let ivs = start();
    let room = ivs.create_room("lobby");
    let (addr, unredeemed) = (ivs.addr(), token(&room, "alice"));
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    let mut bob = in_memory(&ivs, &token(&room, "bob")).await;
    let mut http = tokio::net::TcpStream::connect(addr).await.unwrap();
    http.write_all(b"POST /ListRooms HTTP/1.1\r\n").await.unwrap();
    ivs.restart();
    assert!(end(&mut alice).await.is_none() && end(&mut bob).await.is_none());
    let read = http.read(&mut [0; 16]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "the HTTP connection was not cut: {read:?}");
    assert_eq!(ivs.addr(), addr);
    let mut alice = over_tcp(&ivs, &unredeemed).await;
    say(&mut alice, "back").await;
    assert_eq!(receive(&mut alice).await["Content"], "back");
    assert_eq!(ivs.room("lobby").arn(), room.arn());
}

#[tokio::test]
async fn a_client_that_reconnects_immediately_is_accepted() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    for _ in 0..50 {
        let (first, second) = (token(&room, "alice"), token(&room, "alice"));
        let handle = ivs.handle();
        let (connected, is_connected) = tokio::sync::oneshot::channel();
        let alice = tokio::spawn(async move {
            let mut alice = over_tcp(&handle, &first).await;
            connected.send(()).unwrap();
            assert!(end(&mut alice).await.is_none());
            over_tcp(&handle, &second).await
        });
        is_connected.await.unwrap();
        ivs.restart();
        alice.await.unwrap();
    }
}

#[tokio::test]
async fn in_an_outage_all_are_refused_and_the_port_stays_the_mocks() {
    let ivs = start();
    let room = ivs.create_room("lobby");
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    let outage = ivs.outage();
    assert!(end(&mut alice).await.is_none());
    assert_refused(ivs.addr());
    let taken = TcpListener::bind(ivs.addr()).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    assert_eq!(ivs.connect(token(&room, "bob")).await.unwrap_err().status(), None);
    let carol = room.participant("carol");
    outage.end();
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    say(&mut alice, "back").await;
    carol.expect_message("back").await;
    assert_snapshot!(transcript(&ivs), @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    outage: begins
      alice is gone
    carol connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    outage: ends
    alice#2 connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    alice#2 > {"Action":"SEND_MESSAGE","Content":"back","RequestId":"back"}
      carol, alice#2 < {"Type":"MESSAGE","Id":"Message00001","RequestId":"back","Attributes":null,"Content":"back","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"alice","Attributes":{}}}
    "#);
}

#[tokio::test]
async fn a_stopped_mock_cannot_be_restarted_but_read() {
    let ivs = alone().start();
    let room = ivs.create_room("lobby");
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    let outage = ivs.outage();
    ivs.stop();
    ivs.stop();
    drop(outage);
    assert!(end(&mut alice).await.is_none());
    assert!(TcpStream::connect(ivs.addr()).is_err());
    assert!(ivs.log().to_string().ends_with("outage: stop\n"));
    let restart = std::panic::AssertUnwindSafe(|| ivs.restart());
    let panic = std::panic::catch_unwind(restart).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("the mock has stopped\n\n"), "{text}");
}

#[tokio::test]
async fn a_stop_ends_what_a_client_waits_for() {
    let ivs = MockIvsChat::start();
    let mut http = tokio::net::TcpStream::connect(ivs.addr()).await.unwrap();
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: x\r\n\r\n";
    http.write_all(request).await.unwrap();
    let mut answer = vec![0; 12];
    http.read_exact(&mut answer).await.unwrap();
    ivs.stop();
    // The connection was kept alive, and would be for long.
    let mut rest = Vec::new();
    let _ = http.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn only_frames_sent_during_a_restart_are_lost() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    ivs.restart();
    while alice.send(message("lost", "lost")).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!ivs.log().to_string().contains("lost"));
}

#[tokio::test]
async fn restarts_one_after_another_leave_the_mock_in_order() {
    let ivs = MockIvsChat::builder().on_current_runtime().start();
    let room = ivs.create_room("lobby");
    for _ in 0..100 {
        let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
        ivs.restart();
        assert!(end(&mut alice).await.is_none());
    }
}

#[test]
fn a_port_is_never_up_for_grabs_while_a_mock_restarts() {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicBool, Ordering};

    let (ivs, is_over) = (MockIvsChat::start(), AtomicBool::new(false));
    let addr = ivs.addr();
    std::thread::scope(|scope| {
        // Somebody who wants this very port, all the time.
        let grabbing = scope.spawn(|| {
            let mut grabbed = 0;
            while !is_over.load(Ordering::Relaxed) {
                grabbed += u32::from(TcpListener::bind(addr).is_ok());
            }
            grabbed
        });
        let restarting = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..500).for_each(|_| ivs.restart());
        }));
        is_over.store(true, Ordering::Relaxed);
        assert!(restarting.is_ok());
        assert_eq!(grabbing.join().unwrap(), 0);
    });
}
