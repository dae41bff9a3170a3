//! The end of a mock in every state: bounded, silent, the port closed, and nothing left behind.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::cell::RefCell;
use std::net::TcpStream;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use mock_ivs_chat::{MockIvsChat, Quotas, hook::ActionVerdict};

use crate::wire::{
    alone, end, in_memory, isolated, message, over_tcp, receive, refuses, say, token,
};

/// Far more than any end takes, and less than what it would wait for a thread that hangs.
const BOUND: Duration = Duration::from_secs(4);

fn drop_within_bound(ivs: MockIvsChat) {
    let (addr, start) = (ivs.addr(), Instant::now());
    drop(ivs);
    assert!(start.elapsed() < BOUND, "the drop took {:?}", start.elapsed());
    assert!(refuses(addr), "the port is still open");
}

#[tokio::test]
async fn in_a_task_that_has_used_up_its_budget() {
    for reads in 120..=130 {
        let ivs = alone().start();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..reads {
            sender.send(()).unwrap();
        }
        for _ in 0..reads {
            receiver.recv().await;
        }
        drop_within_bound(ivs);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn in_a_panic_of_the_test() {
    let ivs = alone().start();
    let room = ivs.create_room("lobby");
    let alice = over_tcp(&ivs, &token(&room, "alice")).await;
    let addr = ivs.addr();
    let failed = tokio::spawn(async move {
        let _both = (ivs, alice);
        panic!("the test fails");
    });
    assert!(failed.await.unwrap_err().is_panic());
    assert!(TcpStream::connect(addr).is_err());
}

thread_local!(static HELD: RefCell<Option<MockIvsChat>> = const { RefCell::new(None) });

#[test]
fn on_another_thread_and_in_a_destructor_of_that_thread() {
    let ivs = alone().start();
    let (addr, start) = (ivs.addr(), Instant::now());
    thread::spawn(move || HELD.set(Some(ivs))).join().unwrap();
    assert!(start.elapsed() < BOUND, "the drop took {:?}", start.elapsed());
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn in_destructors_of_several_threads_while_others_start_and_end() {
    // Where destructors keep other threads from starting and ending, this could only hang, and
    // other tests with it.
    let name = "lifecycle_drop::in_destructors_of_several_threads_while_others_start_and_end";
    isolated(name, || {
        let start = Instant::now();
        let holding = || thread::spawn(|| HELD.set(Some(MockIvsChat::start())));
        let holders: Vec<_> = (0..4).map(|_| holding()).collect();
        for _ in 0..4 {
            drop(MockIvsChat::start());
        }
        for holder in holders {
            holder.join().unwrap();
        }
        assert!(start.elapsed() < BOUND, "it took {:?}", start.elapsed());
    });
}

#[test]
fn in_a_closure_that_the_mock_runs() {
    let ivs = alone().start();
    let handle = ivs.handle();
    handle.create_room("lobby");
    let mut owned = Some(ivs);
    handle
        .log()
        .wait_for(move |_| {
            if let Some(ivs) = owned.take() {
                drop_within_bound(ivs);
            }
            true
        })
        .wait();
}

#[test]
fn in_a_hook_on_the_thread_of_the_mock() {
    isolated("lifecycle_drop::in_a_hook_on_the_thread_of_the_mock", || {
        let ivs = alone().start();
        let (handle, addr) = (ivs.handle(), ivs.addr());
        let token = token(&ivs.create_room("lobby"), "alice");
        let (dropped, is_dropped) = mpsc::channel();
        let mut owned = Some(ivs);
        handle.on_action().named("dropping").decide(move |_| {
            if let Some(ivs) = owned.take() {
                drop_within_bound(ivs);
                dropped.send(()).unwrap();
            }
            ActionVerdict::Pass
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut alice = over_tcp(&handle, &token).await;
            say(&mut alice, "the end").await;
            assert!(end(&mut alice).await.is_none());
        });
        is_dropped.recv_timeout(BOUND).unwrap();
        assert!(TcpStream::connect(addr).is_err());
    });
}

#[tokio::test]
async fn on_the_current_runtime_with_clients_that_are_connected() {
    let ivs = alone().on_current_runtime().start();
    let room = ivs.create_room("lobby");
    let mut alice = over_tcp(&ivs, &token(&room, "alice")).await;
    let mut bob = in_memory(&ivs, &token(&room, "bob")).await;
    say(&mut alice, "hello").await;
    receive(&mut bob).await;
    drop_within_bound(ivs);
    receive(&mut alice).await;
    assert!(end(&mut alice).await.is_none() && end(&mut bob).await.is_none());
}

#[test]
fn after_the_runtime_that_it_ran_on() {
    for is_paused in [false, true] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(is_paused)
            .build()
            .unwrap();
        let (ivs, alice) = runtime.block_on(async {
            let ivs = alone().on_current_runtime().start();
            let room = ivs.create_room("lobby");
            let alice = over_tcp(&ivs, &token(&room, "alice")).await;
            (ivs, alice)
        });
        drop(alice);
        drop(runtime);
        ivs.create_room("attic");
        drop_within_bound(ivs);
    }
}

#[tokio::test]
async fn before_its_handles_which_can_still_read_what_it_did() {
    let ivs = alone().start();
    let handle = ivs.handle();
    let mut alice = over_tcp(&handle, &token(&handle.create_room("lobby"), "alice")).await;
    let before = handle.log().to_string();
    drop_within_bound(ivs);
    assert!(end(&mut alice).await.is_none());
    assert_eq!(handle.log().to_string(), before);
}

#[test]
fn while_a_thousand_connections_send() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ivs = alone().quotas(Quotas::unlimited()).start();
    let room = ivs.create_room("lobby");
    let mut clients = Vec::new();
    let all_connected = Arc::new(tokio::sync::Barrier::new(1_000));
    for number in 0..1_000 {
        let (handle, token) = (ivs.handle(), token(&room, &format!("user-{number}")));
        let all_connected = Arc::clone(&all_connected);
        clients.push(runtime.spawn(async move {
            let mut client = in_memory(&handle, &token).await;
            all_connected.wait().await;
            while client.send(message("noise", "")).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }));
    }
    ivs.log().wait_for(|entry| entry.action().is_some()).wait();
    drop_within_bound(ivs);
    runtime.block_on(async {
        for client in clients {
            client.await.unwrap();
        }
    });
}

#[test]
fn although_a_closure_of_the_test_waits_for_what_the_dropping_thread_holds() {
    let ivs = alone().start();
    let held = Arc::new(parking_lot::Mutex::new(()));
    let (enters, has_entered) = mpsc::channel();
    let wanted = Arc::clone(&held);
    ivs.on_action().named("stuck").decide(move |_| {
        enters.send(()).unwrap();
        drop(wanted.lock());
        ActionVerdict::Pass
    });
    let handle = ivs.handle();
    let guard = held.lock();
    let room = handle.create_room("lobby");
    let (sender, client) = (handle.clone(), token(&room, "alice"));
    let alice = thread::spawn(move || {
        smol::block_on(async {
            let mut alice = in_memory(&sender, &client).await;
            say(&mut alice, "hello").await;
            end(&mut alice).await
        })
    });
    has_entered.recv().unwrap();
    let start = Instant::now();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(ivs)));
    assert!(start.elapsed() < Duration::from_secs(30), "the drop took {:?}", start.elapsed());
    let message = *dropped.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains("\n\nthe closure of \"stuck\" at tests/it/lifecycle_drop.rs:"),
        "{message}"
    );
    drop(guard);
    assert!(alice.join().unwrap().is_none());
}

#[test]
fn in_a_static_at_the_end_of_the_process() {
    static SHARED: OnceLock<MockIvsChat> = OnceLock::new();
    isolated("lifecycle_drop::in_a_static_at_the_end_of_the_process", || {
        let ivs = SHARED.get_or_init(MockIvsChat::start);
        ivs.create_room("lobby").participant("alice").send_message("hello");
    });
}

#[test]
fn several_hundred_live_concurrently_on_as_many_threads() {
    let all_run = Arc::new(Barrier::new(300));
    let tests = (0..300).map(|_| {
        let all_run = Arc::clone(&all_run);
        thread::spawn(move || {
            let ivs = alone().start();
            all_run.wait();
            let room = ivs.create_room("lobby");
            let alice = room.participant("alice");
            alice.send_message("hello");
            alice.expect_message("hello").wait();
            drop_within_bound(ivs);
        })
    });
    for test in tests.collect::<Vec<_>>() {
        test.join().unwrap();
    }
}

#[test]
fn ten_thousand_of_them_leave_no_thread_no_descriptor_and_no_memory() {
    if !cfg!(target_os = "linux") {
        return;
    }
    isolated(
        "lifecycle_drop::ten_thousand_of_them_leave_no_thread_no_descriptor_and_no_memory",
        || {
            let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
            let usage = || (count("/proc/self/fd"), count("/proc/self/task"));
            let cycle = || {
                let ivs = MockIvsChat::start();
                let _alice = ivs.create_room("lobby").participant("alice");
                let _client = TcpStream::connect(ivs.addr()).unwrap();
            };
            // Fewer of them where the whole suite is run over and over.
            let cycles = std::env::var("MOCK_IVS_CHAT_TEST_CYCLES").ok();
            let cycles = cycles.map_or(10_000, |cycles| cycles.parse().unwrap());
            (0..cycles / 10).for_each(|_| cycle());
            let (before, memory_before) = (usage(), resident_kib());
            (0..cycles / 10 * 9).for_each(|_| cycle());
            assert_eq!(usage(), before);
            let grown = resident_kib().saturating_sub(memory_before);
            assert!(grown < 4_096, "{cycles} cycles left {grown} KiB behind");
        },
    );
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_stop_on_one_thread_lets_a_wait_on_another_fail_in_time() {
    let ivs = alone().wait_timeout(Duration::from_millis(50)).start();
    let handle = ivs.handle();
    let (waits, is_waiting) = mpsc::channel();
    let waiter = thread::spawn(move || {
        waits.send(()).unwrap();
        handle.log().wait_for(|_| false).wait();
    });
    is_waiting.recv().unwrap();
    drop_within_bound(ivs);
    assert!(waiter.join().is_err());
}
