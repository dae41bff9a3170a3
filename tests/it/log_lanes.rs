//! `PerConnection`: the same text in each run, although clients act concurrently.

use std::thread;

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{Capability, Clock, Frame, MockIvsChat, Participant, log::Matcher};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, client::ClientRequestBuilder};

use crate::support::snapshot;

/// The frames of three concurrent clients, each on its own thread, with IDs that differ in
/// each run.
fn lanes_of_concurrent_clients(clock: Clock, run: u32) -> String {
    let ivs = MockIvsChat::builder().clock(clock).start();
    let room = ivs.create_room("lobby");
    let people: Vec<Participant> = ["alice", "bob", "carol"].map(|n| room.participant(n)).into();
    thread::scope(|threads| {
        for (place, person) in people.iter().enumerate() {
            threads.spawn(move || {
                for number in 0..3 {
                    let uuid = format!("{run:08x}-0000-4000-8000-{place:06x}{number:06x}");
                    let user_id = person.user_id();
                    person.send_raw(format!(
                        r#"{{"Action":"SEND_MESSAGE","RequestId":"{uuid}","Content":"{user_id} {number}"}}"#
                    ));
                }
                let id = first_own_message(person);
                person.delete_message(&id, "second thoughts");
            });
        }
        threads.spawn(|| room.send_event("app:poll", [("question", "tea?")]));
    });
    ivs.log().per_connection().to_string()
}

/// The id of the first message that a participant hears of itself, which happens immediately.
fn first_own_message(person: &Participant) -> String {
    let message = person.received().into_iter().find_map(|frame| match frame {
        Frame::Message(message) if message.sender.user_id == person.user_id() => Some(message),
        _ => None,
    });
    message.expect("a participant hears itself").id
}

#[test]
fn lanes_are_the_same_text_however_clients_interleave() {
    let frozen = || Clock::frozen_at("2026-01-01T00:00:00Z");
    let (still, moving) =
        (lanes_of_concurrent_clients(frozen(), 0), lanes_of_concurrent_clients(Clock::system(), 0));
    for run in 1..25 {
        assert_eq!(lanes_of_concurrent_clients(frozen(), run), still);
        assert_eq!(lanes_of_concurrent_clients(Clock::system(), run), moving);
    }
    snapshot!(moving);
}

#[tokio::test]
async fn lanes_of_sockets_are_the_same_text_in_each_run() {
    let mut texts = Vec::new();
    for _ in 0..10 {
        let ivs = MockIvsChat::start();
        let room = ivs.create_room("lobby");
        let token = |user_id| room.chat_token(user_id).capabilities(Capability::ALL);
        let (alice, bob) = (token("alice").create(), token("bob").create());
        let talk = async |token: String| {
            let uri = ivs.ws_url().parse().expect("a URL");
            let request = ClientRequestBuilder::new(uri).with_sub_protocol(token);
            let request = request.into_client_request().expect("a request");
            let (mut client, _) = connect_async(request).await.expect("a connection");
            ivs.log().expect_n(2, Matcher::connect()).await;
            let frame = r#"{"Action":"SEND_MESSAGE","Content":"hello"}"#;
            client.send(Message::text(frame)).await.expect("it is open");
            for _ in 0..2 {
                client.next().await.expect("it is open").expect("a message");
            }
            client.close(None).await.expect("it is open");
            while client.next().await.is_some() {}
        };
        let (alice, bob) = (talk(alice.token.clone()), talk(bob.token.clone()));
        tokio::join!(alice, bob);
        ivs.log().expect_n(2, Matcher::close()).await;
        texts.push(ivs.log().per_connection().to_string());
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{}", texts.join("\n---\n"));
    assert!(texts[0].contains("by alice (lobby)"), "{}", texts[0]);
}
