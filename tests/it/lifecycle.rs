//! How a mock starts and ends: in any kind of test, in any number, and without a trace.

use std::thread;

use mock_ivs_chat::{Handle, MockIvsChat, log::EntryKind};
use serde_json::json;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use crate::raw::{FINAL, HELLO, RawClient, TEXT, frame, handshake};
use crate::support::{Client, connect, full_token};
use crate::wire::{alone, refuses};

/// A message there and back.
async fn chat(ivs: &Handle) -> Client {
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut alice = connect(ivs, full_token(&room, "alice")).await;
    alice.echoes("hello").await;
    bob.expect_message("hello").await;
    alice
}

#[test]
fn a_plain_test_needs_no_runtime() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let saying = thread::spawn(move || {
        alice.send_message("hello");
        alice.expect_message("hello").wait()
    });
    assert_eq!(bob.expect_message("hello").wait(), saying.join().unwrap());
    ivs.log().kind(EntryKind::Closed).wait_for(|_| true).wait();
}

#[tokio::test]
async fn it_works_in_a_runtime_of_one_thread() {
    chat(&MockIvsChat::start()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_in_a_runtime_of_several_threads() {
    chat(&MockIvsChat::start()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_may_be_dropped_on_the_only_worker() {
    let ivs = alone().start();
    let addr = ivs.addr();
    let dropping = tokio::spawn(async move {
        let _alice = chat(&ivs).await;
        drop(ivs);
    });
    dropping.await.unwrap();
    assert!(refuses(addr));
}

#[tokio::test(start_paused = true)]
async fn it_works_while_time_is_paused() {
    let ivs = MockIvsChat::start();
    for _ in 0..20 {
        chat(&ivs).await;
    }
}

#[tokio::test]
async fn it_works_on_the_runtime_of_the_test() {
    chat(&MockIvsChat::builder().on_current_runtime().start()).await;
}

#[test]
fn it_works_with_a_runtime_that_is_not_tokios() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let token = full_token(&room, "alice");
    smol::block_on(async {
        let mut stream = smol::net::TcpStream::connect(ivs.addr()).await.unwrap();
        stream.write_all(handshake(token).as_bytes()).await.unwrap();
        stream.write_all(&frame(FINAL | TEXT, HELLO.as_bytes())).await.unwrap();
        let message = bob.expect_message("hello").await;
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"}}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            bytes.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("101 Switching Protocols") && text.contains(&message.id), "{text}");
    });
}

#[tokio::test]
async fn a_dropped_mock_refuses_connections_and_ends_those_it_has() {
    let ivs = alone().start();
    let addr = ivs.addr();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    let mut idle = RawClient::open(&ivs).await;
    drop(ivs);
    assert!(refuses(addr));
    assert!(alice.try_next().await.is_err());
    assert!(idle.try_next().await.is_err());
}

#[tokio::test]
async fn handles_of_a_dropped_mock_still_work() {
    let ivs = MockIvsChat::start();
    let (handle, room) = (ivs.handle(), ivs.create_room("lobby"));
    let alice = room.participant("alice");
    drop(ivs);
    alice.send_message("into the void");
    alice.expect_message("into the void").await;
    assert!(handle.log().to_string().contains("into the void"));
}

#[test]
fn many_concurrent_mocks_are_independent() {
    let mocks: Vec<_> = (0..100).map(|_| alone().start()).collect();
    let mut lived = Vec::new();
    for (n, ivs) in mocks.iter().enumerate() {
        let room = ivs.create_room("lobby");
        let alice = room.participant("alice");
        alice.send_message(format!("in mock {n}"));
        assert_eq!(alice.received().len(), 1);
        lived.push(ivs.addr());
    }
    drop(mocks);
    assert!(lived.into_iter().all(refuses));
}

#[test]
fn a_mock_may_be_dropped_on_another_thread() {
    let ivs = alone().start();
    let addr = ivs.addr();
    thread::spawn(move || drop(ivs)).join().unwrap();
    assert!(refuses(addr));
}

#[test]
fn threads_may_share_a_mock_by_reference() {
    let ivs = MockIvsChat::start();
    let room = thread::scope(|scope| scope.spawn(|| ivs.create_room("lobby")).join().unwrap());
    assert_eq!(ivs.room("lobby").arn(), room.arn());
}

#[test]
fn a_mock_that_is_dropped_by_a_panic_ends_as_well() {
    let ivs = alone().start();
    let addr = ivs.addr();
    let failing = thread::spawn(move || {
        let _alice = ivs.create_room("lobby").participant("alice");
        panic!("the test fails");
    });
    assert!(failing.join().is_err());
    assert!(refuses(addr));
}

#[tokio::test]
async fn a_port_can_be_chosen() {
    let port = portpicker::pick_unused_port().expect("a port is free");
    // Another process may take the port before the mock does, which is then the answer.
    match MockIvsChat::builder().port(port).try_start() {
        Ok(ivs) => assert_eq!(ivs.addr().port(), port),
        Err(error) => assert!(error.to_string().contains(&format!("127.0.0.1:{port}"))),
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let ivs = MockIvsChat::start();
    let error = MockIvsChat::builder().port(ivs.addr().port()).try_start().unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", ivs.addr())));
}

#[tokio::test]
async fn many_clients_come_and_go_concurrently() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let coming = (0..50).map(|n| {
        let (handle, token) = (ivs.handle(), full_token(&room, &format!("user-{n}")));
        tokio::spawn(async move {
            let mut client = connect(&handle, token).await;
            client.send(json!({ "Action": "NONE" })).await;
            loop {
                if client.next_frame().await["ErrorCode"] == 400 {
                    break;
                }
            }
            client.close().await;
        })
    });
    for client in coming.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(ivs.log().kind(EntryKind::Closed).entries().len(), 50);
}
