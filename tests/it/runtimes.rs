//! Runtimes that end, that lack a driver or that a wait blocks; and the tasks of a mock on them.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::cell::RefCell;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use mock_ivs_chat::{Clock, Handle, MockIvsChat, StartError, log::EntryKind};
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};

use crate::wire::{
    alone, end, in_memory, is_child, isolated, over_tcp, receive, refuses, run_child, say, token,
};

/// Fails a test that would otherwise hang.
const WATCHDOG: Duration = Duration::from_secs(60);

fn runtime(is_paused: bool) -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(is_paused).build().unwrap()
}

fn message_of(panics: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    let text = payload.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| (*payload.downcast_ref::<&str>().unwrap()).to_owned())
}

#[test]
fn a_mock_does_not_start_on_a_runtime_that_has_ended() {
    let over_tcp =
        "cannot listen on 127.0.0.1:0: A Tokio 1.x context was found, but it is being shutdown.";
    let in_memory = "the tokio runtime to run on has ended";
    for (is_in_memory, expected) in [(false, over_tcp), (true, in_memory)] {
        let ended = runtime(false);
        let handle = ended.handle().clone();
        drop(ended);
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            let _entered = handle.enter();
            let builder = MockIvsChat::builder().on_current_runtime();
            let builder = if is_in_memory { builder.in_memory() } else { builder };
            done.send(builder.try_start().map(drop)).unwrap();
        });
        let error = is_done.recv_timeout(WATCHDOG).expect("the start hangs").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_mock_whose_runtime_has_ended_refuses_clients_and_says_so_to_the_test() {
    for is_paused in [false, true] {
        let first = runtime(is_paused);
        let (ivs, token, mut alice) = first.block_on(async {
            let ivs = alone().on_current_runtime().start();
            let room = ivs.create_room("lobby");
            let alice = in_memory(&ivs, &token(&room, "alice")).await;
            (ivs, token(&room, "bob"), alice)
        });
        drop(first);
        assert!(refuses(ivs.addr()), "the port still listens");
        let why = "the runtime that the mock ran on has ended";
        let restart = message_of(|| ivs.restart());
        assert!(restart.starts_with(why), "{restart}");
        let outage = message_of(|| drop(ivs.outage()));
        assert!(outage.starts_with(why), "{outage}");
        runtime(false).block_on(async {
            let error = ivs.connect(&token).await.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(end(&mut alice).await.is_none());
        });
        // It can still be read, and ends as any other.
        assert!(ivs.log().to_string().contains("alice is gone"));
        ivs.stop();
    }
}

#[test]
fn a_runtime_without_an_io_driver_is_an_error_that_names_it() {
    for is_paused in [false, true] {
        let runtime = Builder::new_current_thread().enable_time().start_paused(is_paused).build();
        let error = runtime.unwrap().block_on(async { start_here() }).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("the tokio runtime has no I/O driver"), "{text}");
        assert!(text.contains("`in_memory()`"), "{text}");
    }
}

fn start_here() -> Result<MockIvsChat, StartError> {
    MockIvsChat::builder().on_current_runtime().try_start()
}

#[test]
fn a_runtime_without_a_time_driver_is_an_error_that_names_it() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let start = async { MockIvsChat::builder().in_memory().on_current_runtime().try_start() };
    let text = runtime.block_on(start).unwrap_err().to_string();
    assert!(text.starts_with("the tokio runtime has no time driver"), "{text}");
}

#[test]
fn a_start_that_fails_for_want_of_a_driver_prints_nothing() {
    let name = "runtimes::a_start_that_fails_for_want_of_a_driver_prints_nothing";
    if is_child(name) {
        for is_in_memory in [false, true] {
            let builder = MockIvsChat::builder().on_current_runtime();
            let builder = if is_in_memory { builder.in_memory() } else { builder };
            let runtime = Builder::new_current_thread().build().unwrap();
            assert!(runtime.block_on(async { builder.try_start() }).is_err());
        }
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        assert!(runtime.block_on(async { start_here() }).is_err());
        // Other panics are printed as before.
        let _ = catch_unwind(|| panic!("printed"));
        return;
    }
    let output = run_child(name);
    assert!(output.status.success());
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(printed.matches("panicked at").count(), 1, "{printed}");
    assert!(printed.contains("printed"), "{printed}");
}

#[test]
fn a_client_on_a_runtime_without_time_fails_the_test_instead_of_hanging() {
    let ivs = MockIvsChat::builder().in_memory().wait_timeout(Duration::from_secs(60)).start();
    let room = ivs.create_room("lobby");
    ivs.on_handshake().limit_bandwidth(1);
    // The mock's end of the connection is served here, where nothing can sleep.
    Builder::new_current_thread().build().unwrap().block_on(async {
        let _ = ivs.connect(token(&room, "alice")).await;
    });
    let panics = ivs.finish().wait().unwrap_err().panics().to_vec();
    assert!(panics[0].starts_with("a task that serves a client panicked"), "{panics:?}");
}

#[test]
fn an_outage_without_descriptors_changes_nothing() {
    if !cfg!(target_os = "linux") {
        return;
    }
    isolated("runtimes::an_outage_without_descriptors_changes_nothing", || {
        let ivs = MockIvsChat::start();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        let text = message_of(|| drop(ivs.outage()));
        assert!(text.starts_with("cannot hold the mock's port: "), "{text}");
        let text = message_of(|| ivs.restart());
        assert!(text.starts_with("cannot hold the mock's port: "), "{text}");
        drop(hoard);
        // Nothing was half done: it still serves, and can be restarted.
        assert!(TcpStream::connect(ivs.addr()).is_ok());
        ivs.restart();
        assert!(TcpStream::connect(ivs.addr()).is_ok());
        let outage = ivs.outage();
        assert!(refuses(ivs.addr()));
        outage.end();
        assert!(TcpStream::connect(ivs.addr()).is_ok());
    });
}

#[tokio::test(start_paused = true)]
async fn a_wait_on_a_blocking_thread_is_not_refused() {
    let started = tokio::task::spawn_blocking(|| {
        let ivs = MockIvsChat::start();
        ivs.create_room("lobby");
        ivs.log().wait_for(|_| true).wait();
        ivs
    });
    let ivs = started.await.unwrap();
    tokio::task::spawn_blocking(move || {
        let handle = ivs.handle();
        let waiting = std::thread::spawn(move || handle.log().wait_for_n(3, |_| true).wait());
        ivs.create_room("attic");
        waiting.join().unwrap();
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_blocks_the_thread_of_the_mock_is_refused() {
    let refused = "the mock runs on this thread";
    // Started elsewhere, but served here: that is known once a task of the mock has run.
    let ivs = tokio::task::spawn_blocking(MockIvsChat::start).await.unwrap();
    tokio::task::yield_now().await;
    let text = message_of(|| drop(ivs.log().wait_for(|_| false).wait()));
    assert!(text.contains(refused), "{text}");
    // Started here, and no task has run yet.
    let ivs = MockIvsChat::start();
    let text = message_of(|| drop(ivs.log().wait_for(|_| false).wait()));
    assert!(text.contains(refused), "{text}");
}

#[tokio::test]
async fn no_task_survives_the_end_of_its_mock() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let request = b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    for _ in 0..50 {
        let ivs = MockIvsChat::builder().on_current_runtime().start();
        let room = ivs.create_room("lobby");
        let alice = room.participant("alice");
        ivs.on_delivery().to("alice").delay_real_time(Duration::from_secs(3_600));
        alice.send_message("hello");
        let mut bob = over_tcp(&ivs, &token(&room, "bob")).await;
        say(&mut bob, "hello").await;
        receive(&mut bob).await;
        ivs.on_operation(mock_ivs_chat::Operation::ListRooms).never_respond();
        let mut http = tokio::net::TcpStream::connect(ivs.addr()).await.unwrap();
        http.write_all(request).await.unwrap();
        let _idle = tokio::net::TcpStream::connect(ivs.addr()).await.unwrap();
        ivs.log().kind(EntryKind::Request).wait_for(|e| !e.to_string().contains("test")).await;
    }
    // Each task notices its end when it is polled for the next time.
    for _ in 0..100 {
        if metrics.num_alive_tasks() == before {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} tasks are left, and {before} were there before", metrics.num_alive_tasks());
}

#[test]
fn tokens_differ_between_any_two_mocks() {
    let token_of = |ivs: &Handle| token(&ivs.create_room("lobby"), "alice").token.clone();
    let (first, port) = {
        let ivs = MockIvsChat::start();
        (token_of(&ivs), ivs.addr().port())
    };
    if let Ok(ivs) = MockIvsChat::builder().port(port).try_start() {
        assert_ne!(token_of(&ivs), first);
    }
    let memory = MockIvsChat::builder().in_memory().start();
    assert_ne!(token_of(&memory), first);
}

#[test]
#[expect(clippy::print_stdout, reason = "the parent process reads it")]
fn tokens_differ_between_processes_and_transcripts_do_not() {
    let name = "runtimes::tokens_differ_between_processes_and_transcripts_do_not";
    if is_child(name) {
        let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
        let ivs = MockIvsChat::builder().in_memory().clock(clock).start();
        let token = token(&ivs.create_room("lobby"), "alice");
        println!("secret={}", token.token);
        ivs.log().to_string().lines().for_each(|line| println!("log={line}"));
        return;
    }
    let outputs = [run_child(name), run_child(name)];
    let lines = |prefix: &str| {
        outputs.each_ref().map(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let lines = text.lines().filter_map(|line| Some(line.split_once(prefix)?.1.to_owned()));
            lines.collect::<Vec<_>>()
        })
    };
    let [first, second] = lines("secret=");
    assert!(first.len() == 1 && second.len() == 1 && first != second);
    let [first, second] = lines("log=");
    assert!(!first.is_empty() && first == second, "{first:?} {second:?}");
}

#[test]
fn a_mock_in_a_thread_local_variable_reports_its_failure_without_an_abort() {
    thread_local!(static SHARED: RefCell<Option<MockIvsChat>> = const { RefCell::new(None) });
    let name = "runtimes::a_mock_in_a_thread_local_variable_reports_its_failure_without_an_abort";
    if is_child(name) {
        let ivs = MockIvsChat::start();
        ivs.on_handshake().named("never").expect(1..).refuse(503, "closed");
        SHARED.set(Some(ivs));
        return;
    }
    let output = run_child(name);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", output.status);
    assert!(stderr.contains("the mock started at tests/it/runtimes.rs:"), "{stderr}");
    assert!(stderr.contains(", in a thread-local variable, has failed its test:"), "{stderr}");
    assert!(stderr.contains("\"never\""), "{stderr}");
}

/// The frames of a test in which thread-local variables are only used must not be mistaken.
#[test]
fn a_failure_within_a_thread_local_variable_still_fails_the_test() {
    thread_local!(static LAZY: bool = {
        let ivs = MockIvsChat::start();
        ivs.on_handshake().named("never").expect(1..).refuse(503, "closed");
        true
    });
    let text = message_of(|| assert!(LAZY.with(|value| *value)));
    assert!(text.contains("\"never\""), "{text}");
}
