//! When a run has failed: each criterion finds its mistake, and no other.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use mock_ivs_chat::explore::{Exploration, Explorer, Invariant};
use mock_ivs_chat::log::EntryKind;
use mock_ivs_chat::{ConnectError, Handle, Log, explore};
use parking_lot::Mutex;
use rstest::rstest;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{connect, fragile, next, send};

/// Returns the reasons of a case, which must have failed.
#[track_caller]
fn reasons(exploration: &Exploration, case: &str) -> String {
    let failure = exploration.failures().iter().find(|failure| failure.case() == case);
    failure.unwrap_or_else(|| panic!("{case} has not failed\n{exploration}")).reasons().join("; ")
}

#[rstest]
#[case("alice.connects.1:refused-503", "returned an error: the handshake was refused with 503")]
#[case("alice.gets.1:reset", "returned an error: the connection ended")]
#[case("alice.gets.1:lost", "the scenario did not end within 10m")]
#[case("alice.connects.1:unanswered", "the scenario did not end within 10m")]
fn an_error_and_a_hang_are_found(#[case] case: &str, #[case] reason: &str) {
    let exploration = explore(fragile).in_memory().run();
    let reasons = reasons(&exploration, case);
    assert!(reasons.contains(reason), "{reasons}");
}

#[test]
fn a_panic_is_found_with_its_place() {
    let exploration =
        explore(async |ivs: Handle| fragile(ivs).await.expect("it works")).in_memory().run();
    let reasons = reasons(&exploration, "alice.gets.1:reset");
    let expected = "the scenario panicked: it works: \"the connection ended\", at tests/it/explore";
    assert!(reasons.starts_with(expected), "{reasons}");
}

#[test]
fn a_panic_of_a_task_is_found() {
    let exploration = explore(async |ivs: Handle| {
        let task = tokio::spawn(async move { fragile(ivs).await.expect("it works") });
        // The scenario itself does not care.
        let _ended = timeout(Duration::from_secs(5), task).await;
    })
    .in_memory()
    .run();
    let reasons = reasons(&exploration, "alice.gets.1:reset");
    assert!(reasons.starts_with("a task panicked: it works"), "{reasons}");
}

#[test]
fn a_client_that_tries_again_without_a_pause_is_stopped() {
    let exploration = explore(async |ivs: Handle| {
        ivs.create_room("lobby");
        while connect(&ivs, "alice").await.is_err() {}
    })
    .in_memory()
    .fault("outage")
    .most_faults(1)
    // On a slow machine, the log takes a while to grow so far.
    .real_time_limit(Duration::from_secs(300))
    .run();
    let reasons = reasons(&exploration, "clock.0:outage");
    assert!(reasons.starts_with("the scenario did not end: it does the same"), "{reasons}");
}

/// Connects with one token as often as told, and does not care whether it works.
#[test]
fn a_run_with_a_task_that_never_waits_is_stopped() {
    let exploration = explore(async |ivs: Handle| {
        if fragile(ivs).await.is_err() {
            loop {
                yield_now().await;
            }
        }
    })
    .in_memory()
    .fault("reset")
    .point("alice.gets.1")
    .real_time_limit(Duration::from_millis(200))
    .run();
    assert_eq!(
        reasons(&exploration, "alice.gets.1:reset"),
        "the scenario did not end: a task runs without ever waiting"
    );
}

/// The other cases are run on a thread that replaces the blocked one.
#[test]
fn a_run_that_blocks_its_thread_is_given_up() {
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let exploration = explore(async move |ivs: Handle| {
        if fragile(ivs).await.is_err() {
            // Fails when the test drops the sender.
            let _released = blocked.lock().recv();
        }
    })
    .in_memory()
    .threads(1)
    .most_faults(1)
    .fault("reset")
    .fault("duplicated")
    .point("alice.gets.1")
    .real_time_limit(Duration::from_millis(200))
    .run();
    drop(release);
    assert_eq!(
        reasons(&exploration, "alice.gets.1:reset"),
        "the scenario did not end: it blocks its thread"
    );
    assert_eq!(exploration.failures().len(), 1, "{exploration}");
    assert_eq!(exploration.run_count(), 4, "{exploration}");
}

async fn reuse(ivs: &Handle, user: &str, times: u32) {
    let token = ivs.room("lobby").chat_token(user).create();
    for _ in 0..times {
        let _stream = timeout(Duration::from_secs(5), ivs.connect(&token)).await;
        sleep(Duration::from_secs(1)).await;
    }
}

#[test]
fn a_finding_of_the_lint_counts_only_if_the_run_without_faults_lacks_it() {
    let exploration = explore(async |ivs: Handle| {
        ivs.create_room("lobby");
        reuse(&ivs, "alice", 2).await;
    })
    .in_memory()
    .run();
    assert!(exploration.failures().is_empty(), "{exploration}");
}

#[test]
fn a_reused_token_is_found_by_the_lint() {
    let exploration = explore(async |ivs: Handle| {
        let token = ivs.create_room("lobby").chat_token("alice").create();
        for _ in 0..3 {
            let Ok(Ok(mut socket)) = timeout(Duration::from_secs(5), async {
                let stream = ivs.connect(&token).await?;
                Ok::<_, ConnectError>(
                    WebSocketStream::from_raw_socket(stream, Role::Client, None).await,
                )
            })
            .await
            else {
                sleep(Duration::from_secs(1)).await;
                continue;
            };
            if timeout(Duration::from_secs(5), next(&mut socket)).await.is_err() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    })
    .in_memory()
    .most_faults(1)
    .run();
    let reasons = reasons(&exploration, "clock.2500:reset");
    assert!(reasons.starts_with("the lint reports token-reused"), "{reasons}");
}

#[test]
fn a_task_that_is_left_over_is_found() {
    let exploration = explore(async |ivs: Handle| {
        if fragile(ivs).await.is_err() {
            // The client forgets the task that was to reconnect.
            tokio::spawn(std::future::pending::<()>());
        }
    })
    .in_memory()
    .point("alice.gets.1")
    .most_faults(1)
    .run();
    let reasons = reasons(&exploration, "alice.gets.1:reset");
    assert_eq!(reasons, "a task of the client is left over");
}

#[test]
fn a_connection_that_is_left_over_is_found() {
    let exploration = explore(async |ivs: Handle| {
        ivs.create_room("lobby");
        let Ok(mut alice) = connect(&ivs, "alice").await else { return };
        let _sent = send(&mut alice, "r1", "hello").await;
        let echo = timeout(Duration::from_secs(5), next(&mut alice)).await;
        if echo.is_err() {
            std::mem::forget(alice);
        }
    })
    .in_memory()
    .point("alice.gets.1")
    .most_faults(1)
    .run();
    let reasons = reasons(&exploration, "alice.gets.1:lost");
    assert_eq!(reasons, "still connected after the end: alice");
}

#[test]
fn an_invariant_of_the_test_may_return_false_or_an_error_or_panic() {
    let explored = |explorer: Explorer| {
        explorer.in_memory().fault("lost").point("*.gets.*").most_faults(1).run()
    };
    let tolerant = || {
        explore(async |ivs: Handle| {
            let _ended = timeout(Duration::from_secs(5), fragile(ivs)).await;
        })
    };
    let hears = |log: &Log| log.entries().iter().any(|e| e.message().is_some());
    let exploration = explored(tolerant().invariant("alice hears", hears));
    let expected = "the invariant \"alice hears\" does not hold: it returned `false`";
    assert_eq!(reasons(&exploration, "alice.gets.1:lost"), expected);
    let exploration = explored(
        tolerant().invariant(
            "alice hears",
            move |log| {
                if hears(log) { Ok(()) } else { Err("silence") }
            },
        ),
    );
    let expected = "the invariant \"alice hears\" does not hold: silence";
    assert_eq!(reasons(&exploration, "alice.gets.1:lost"), expected);
    let exploration = explored(tolerant().invariant("alice hears", move |log| {
        assert!(hears(log), "silence");
    }));
    let reasons = reasons(&exploration, "alice.gets.1:lost");
    assert!(reasons.contains("does not hold: silence, at tests/it/explore"), "{reasons}");
}

#[test]
fn a_lost_message_and_one_that_is_sent_twice_are_found_by_ready_made_invariants() {
    let exploration = explore(async |ivs: Handle| {
        ivs.create_room("lobby");
        let Ok(mut alice) = connect(&ivs, "alice").await else { return };
        let _sent = send(&mut alice, "r1", "hello").await;
        let echo = timeout(Duration::from_secs(5), next(&mut alice)).await;
        let was_published = ivs.log().kind(EntryKind::HookFired).to_string().contains("dropped");
        // A client cannot know this. Here it makes one mistake or the other.
        if echo.is_err() && was_published {
            drop(alice);
            let Ok(mut alice) = connect(&ivs, "alice").await else { return };
            let _sent = send(&mut alice, "r1", "hello").await;
            let _echo = timeout(Duration::from_secs(5), next(&mut alice)).await;
        }
    })
    .in_memory()
    .fault("lost")
    .most_faults(1)
    .uphold(Invariant::ALL)
    .run();
    let lost = reasons(&exploration, "alice.sends.1:lost");
    let expected = "the invariant \"no message is lost\" does not hold: \"hello\" of alice was \
                    neither confirmed nor rejected";
    assert_eq!(lost, expected);
    let twice = reasons(&exploration, "alice.gets.1:lost");
    assert!(twice.contains("request \"r1\" of alice was published as Message00001 and"), "{twice}");
}

#[test]
fn a_scenario_that_fails_without_faults_is_not_explored() {
    let exploration = explore(async |ivs: Handle| {
        fragile(ivs).await?;
        Err::<(), String>("no backend".into())
    })
    .in_memory()
    .run();
    let expected =
        "the scenario fails without any fault: the scenario returned an error: no backend";
    assert_eq!(exploration.problems(), [expected]);
    assert_eq!(exploration.run_count(), 2);
}

#[test]
fn a_scenario_without_a_client_is_not_explored() {
    let exploration = explore(async |ivs: Handle| {
        ivs.create_room("lobby").participant("bob").send_message("hello");
    })
    .in_memory()
    .run();
    assert!(exploration.problems()[0].starts_with("the scenario does nothing"), "{exploration}");
}

#[test]
fn a_scenario_that_does_not_care_about_its_client_is_noticed() {
    let exploration = explore(async |ivs: Handle| {
        ivs.create_room("lobby");
        let token = ivs.room("lobby").chat_token("alice").create();
        // One attempt, whose result nobody looks at.
        let connecting = ivs.connect(&token);
        tokio::spawn(timeout(Duration::from_secs(5), connecting));
    })
    .in_memory()
    .run();
    let problem = exploration.problems().first().expect("the scenario does nothing");
    assert!(problem.starts_with("no fault had any effect"), "{problem}");
}

#[test]
fn a_scenario_that_differs_from_run_to_run_is_noticed() {
    let runs = AtomicU32::new(0);
    let exploration = explore(async move |ivs: Handle| {
        ivs.create_room("lobby");
        let user = format!("user-{}", runs.fetch_add(1, Ordering::Relaxed));
        connect(&ivs, &user).await.map(drop)
    })
    .in_memory()
    .threads(1)
    .run();
    let problem = &exploration.problems()[0];
    assert!(problem.starts_with("two runs without faults differ"), "{problem}");
    assert!(problem.contains("user-0") && problem.contains("user-1"), "{problem}");
}
