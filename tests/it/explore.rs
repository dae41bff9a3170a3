//! The explorer: the suite's own reconnecting client at every point and with every fault.

use mock_ivs_chat::explore::{Exploration, Invariant};
use mock_ivs_chat::{Frame, Handle, MockIvsChat, Quotas, ReviewResponse, explore};

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

fn suite_client(threads: usize) -> Exploration {
    explore(chat)
        .mock(|| MockIvsChat::builder().quotas(Quotas::unlimited()))
        .in_memory()
        .uphold(Invariant::ALL)
        .threads(threads)
        .run()
}

#[test]
fn the_suites_own_client_survives_everything() {
    let exploration = suite_client(2);
    println!("{exploration} {:?}", exploration.duration());
    assert!(!exploration.is_failure());
}
