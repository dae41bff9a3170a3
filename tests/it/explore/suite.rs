//! The suite's own reconnecting client at every point and with every fault.

use std::time::Duration;

use mock_ivs_chat::explore::{Exploration, Invariant};
use mock_ivs_chat::{Frame, Handle, MockIvsChat, Quotas, ReviewResponse, explore};
use tokio::time::sleep;

use crate::reconnecting::Client;

/// Has the suite's client send three messages to a room with a review handler and an observer.
async fn chat(ivs: Handle) {
    let room = ivs.create_room("lobby");
    room.review_with(|_| ReviewResponse::allow());
    let bob = room.participant("bob");
    let mut alice = Client::new(&ivs, room.arn());
    let contents = ["one", "two", "three"];
    for (number, content) in contents.iter().enumerate() {
        alice.send_message(&format!("r{number}"), content).await;
        sleep(Duration::from_secs(30)).await;
    }
    let heard: Vec<String> = bob
        .received()
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Message(message) => Some(message.content),
            _ => None,
        })
        .collect();
    for content in contents {
        let is_denied = alice.denied.iter().any(|denied| denied == content);
        assert!(is_denied || heard.iter().any(|heard| heard == content), "bob misses {content:?}");
    }
}

fn explored(threads: usize, seed: u64) -> Exploration {
    explore(chat)
        .mock(|| MockIvsChat::builder().quotas(Quotas::unlimited()))
        .in_memory()
        .uphold([
            Invariant::NoMessageLost,
            Invariant::NoTokenReused,
            Invariant::BacksOff,
            Invariant::NoTrafficAfterClose,
        ])
        .threads(threads)
        .seed(seed)
        .run()
}

#[test]
fn the_suites_own_client_survives_everything() {
    let exploration = explored(2, 0);
    assert!(!exploration.is_failure(), "{exploration}");
    insta::assert_snapshot!(exploration.table());
}

#[test]
fn the_same_seed_gives_the_same_report_on_one_thread_and_on_two() {
    let report = |threads, seed| {
        let exploration = explored(threads, seed);
        (exploration.to_string(), exploration.html())
    };
    let one = report(1, 7);
    assert_eq!(one.0, report(2, 7).0);
    assert!(one == report(2, 7), "the pages differ");
}

/// A client that sends again what was not confirmed cannot know whether it was published before.
#[test]
fn a_client_that_sends_again_publishes_twice_where_a_confirmation_is_lost() {
    let exploration = explore(chat)
        .mock(|| MockIvsChat::builder().quotas(Quotas::unlimited()))
        .in_memory()
        .uphold([Invariant::NoMessageTwice])
        .most_faults(1)
        .schedules(0)
        .point("alice.*")
        .expect_failure_at("alice.gets.*")
        .run();
    assert!(!exploration.is_failure(), "{exploration}");
    let failures = exploration.failures();
    assert!(failures.iter().any(|failure| failure.case() == "alice.gets.1:lost"), "{failures:?}");
}
