//! Messages: what reaches whom, in which bytes, and what is refused.

use std::time::Duration;

use mock_ivs_chat::{
    Attributes, ErrorCode, Frame, MockIvsChat, Participant, Quota, Quotas, log::EntryKind,
};
use rstest::rstest;
use serde_json::json;

use crate::support::{connect, frozen, full_token};

/// The texts of the frames that a participant got, as they stand on the wire.
fn texts(ivs: &MockIvsChat, participant: &Participant) -> Vec<String> {
    let sent = ivs.log().connection(participant.connection()).kind(EntryKind::FrameSent);
    sent.into_iter().filter_map(|entry| entry.text().map(str::to_owned)).collect()
}

fn last_text(ivs: &MockIvsChat, participant: &Participant) -> String {
    texts(ivs, participant).pop().expect("the participant got a frame")
}

#[rstest]
#[case::absent("", "null")]
#[case::null(r#","Attributes":null"#, "null")]
#[case::empty(r#","Attributes":{}"#, "{}")]
#[case::some(r#","Attributes":{"b":"2","a":""}"#, r#"{"a":"","b":"2"}"#)]
#[case::twice(r#","Attributes":{"a":"1","a":"2"}"#, r#"{"a":"2"}"#)]
fn attributes_come_back_as_they_were_sent(#[case] sent: &str, #[case] received: &str) {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_raw(format!(r#"{{"Action":"SEND_MESSAGE","Content":"hi"{sent}}}"#));
    let text = last_text(&ivs, &alice);
    assert!(text.contains(&format!(r#""RequestId":"","Attributes":{received},"Content":"hi""#)));
    // A token without attributes stands for none, not for `null`.
    assert!(text.ends_with(r#""Sender":{"UserId":"alice","Attributes":{}}}"#), "{text}");
}

#[rstest]
#[case::absent("", "")]
#[case::null(r#","RequestId":null"#, "")]
#[case::empty(r#","RequestId":"""#, "")]
#[case::some(r#","RequestId":"r 1 é""#, "r 1 é")]
fn all_recipients_get_the_request_id_of_an_action(#[case] sent: &str, #[case] received: &str) {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let actions = [
        r#""Action":"SEND_MESSAGE","Content":"hi""#,
        r#""Action":"DELETE_MESSAGE","Id":"Message00001""#,
        r#""Action":"DISCONNECT_USER","UserId":"nobody""#,
    ];
    for action in actions {
        alice.send_raw(format!("{{{action}{sent}}}"));
        for participant in [&alice, &bob] {
            assert_eq!(participant.receive().wait().request_id(), received);
        }
    }
    // Also on errors of each kind.
    alice.send_raw(format!(r#"{{"Action":"NO_ACTION"{sent}}}"#));
    assert_eq!(alice.receive().wait().request_id(), received);
}

#[rstest]
#[case::lower_camel_case(
    r#"{"action":"SEND_MESSAGE","content":"hi","requestId":"r1","attributes":{"a":"b"}}"#
)]
#[case::upper_case(
    r#"{"ACTION":"SEND_MESSAGE","CONTENT":"hi","REQUESTID":"r1","ATTRIBUTES":{"a":"b"}}"#
)]
#[case::the_last_of_several_wins(r#"{"Action":"X","action":"SEND_MESSAGE","Content":"ho","content":"hi","RequestId":"r1","Attributes":{"a":"b"}}"#)]
#[case::unknown_members_are_ignored(r#"{"Action":"SEND_MESSAGE","Content":"hi","RequestId":"r1","Attributes":{"a":"b"},"Id":1,"Sender":{"UserId":"eve"},"Type":[]}"#)]
#[case::white_space(
    " {\r\n\t\"Action\" : \"SEND_MESSAGE\" , \"Content\":\"hi\",\"RequestId\":\"r1\",\"Attributes\": { \"a\" : \"b\" } } \n"
)]
#[case::escapes(r#"{"Acti\u006fn":"SEND\u005fMESSAGE","Content":"h\u0069","RequestId":"r1","Attributes":{"\u0061":"b"}}"#)]
fn members_are_read_in_any_case_and_order(#[case] frame: &str) {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_raw(frame);
    let message = alice.expect_message("hi").wait();
    assert_eq!((message.request_id.as_str(), message.sender.user_id.as_str()), ("r1", "alice"));
    assert_eq!(message.attributes, Some(Attributes::from([("a", "b")])));
}

#[rstest]
#[case::quotes(r#"say "hi" \o/"#)]
#[case::other_scripts("שלום こんにちは 🍵👩‍👩‍👧")]
#[case::markup("<b>&amp;</b>")]
#[case::line_separators("a\u{2028}b\u{2029}c")]
#[case::control_characters("a\u{0}\u{1}\n\t\u{7f}b")]
#[case::white_space("   ")]
#[case::beyond_the_basic_plane("\u{10FFFF}\u{FFFE}")]
#[tokio::test]
async fn content_arrives_as_it_was_sent(#[case] content: &str) {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    assert_eq!(alice.echoes(content).await["Content"], content);
}

#[test]
fn the_checks_have_an_order() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let listener = room.chat_token("listener").join();
    let alice = room.participant("alice");
    for _ in 0..10 {
        alice.send_message("hi");
    }
    let long = "x".repeat(501);
    let code = |participant: &Participant, content: &str, attribute: &str| {
        participant.send_message_with(content, [("a", attribute)]);
        match participant.received().pop() {
            Some(Frame::Error(error)) => error.error_code.code(),
            other => panic!("an error was due, not {other:?}"),
        }
    };
    // The checks are: syntax, capability, size, and only then the rate.
    listener.send_raw("{");
    listener.expect_error(ErrorCode::BadRequest).wait();
    assert_eq!(code(&listener, &long, &long.repeat(3)), 403);
    assert_eq!(code(&alice, &long, &long.repeat(3)), 400);
    assert_eq!(code(&alice, "hi", &long.repeat(3)), 413);
    assert_eq!(code(&alice, "hi", "small"), 429);
    room.delete();
    assert_eq!(code(&listener, "hi", "small"), 403);
    assert_eq!(code(&alice, &long, "small"), 404);
}

#[test]
fn a_connection_may_make_ten_requests_a_second_of_all_kinds_together() {
    let quotas = Quotas::aws().without(Quota::SendMessagePerRoom);
    let clock = mock_ivs_chat::Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    for _ in 0..4 {
        alice.send_message("hi");
        alice.delete_message("Message00001", "");
    }
    alice.disconnect_user("nobody", "");
    alice.disconnect_user("nobody", "");
    assert_eq!(bob.received().len(), 10);
    for refused in [
        alice.send_message("11"),
        alice.delete_message("Message00001", ""),
        alice.disconnect_user("bob", ""),
    ] {
        let error = alice.expect_error(ErrorCode::TooManyRequests).wait();
        assert_eq!((&*error.error_message, error.request_id), ("rate limit exceeded", refused));
    }
    // Others are not concerned, and the connection works again as time goes by.
    bob.send_message("me too");
    ivs.advance(Duration::from_millis(100));
    alice.send_message("one more");
    alice.send_message("but not two");
    alice.expect_message("one more").wait();
    assert_eq!(alice.expect_error(ErrorCode::TooManyRequests).wait().request_id, "alice-15");
    assert!(alice.is_connected());
    let exceeded = ivs.log().kind(EntryKind::QuotaExceeded).entries();
    assert_eq!(exceeded[0].to_string(), "quota exceeded: messaging requests per connection, 10");
}

#[rstest]
#[case::of_the_room(Quotas::aws(), 2, "messages per room, 2")]
#[case::of_the_account(Quotas::unlimited().with(Quota::SendMessage, 3), 3, "messages in all rooms, 3")]
#[case::of_every_room(Quotas::unlimited().with(Quota::SendMessagePerRoom, 4), 4, "messages per room, 4")]
fn all_clients_share_a_rate_of_messages(
    #[case] quotas: Quotas,
    #[case] allowed: usize,
    #[case] exceeded: &str,
) {
    let clock = mock_ivs_chat::Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let room = ivs.new_room("lobby").maximum_message_rate_per_second(2).create();
    let people: Vec<_> = (0..6).map(|n| room.participant(format!("user-{n}"))).collect();
    for person in &people {
        person.send_message("hi");
    }
    let refused = people[allowed].expect_error(ErrorCode::TooManyRequests).wait();
    assert_eq!(
        (&*refused.error_message, &*refused.id),
        ("rate limit exceeded", &*format!("Message{:05}", allowed + 1))
    );
    assert_eq!(
        ivs.log().kind(EntryKind::QuotaExceeded).entries()[0].to_string(),
        format!("quota exceeded: {exceeded}")
    );
    // Deletions are not messages.
    people[0].delete_message("Message00001", "");
    people[0].expect_event("aws:DELETE_MESSAGE").wait();
    ivs.advance(Duration::from_secs(1));
    people[5].send_message("later");
    people[0].expect_message("later").wait();
}

#[test]
fn quotas_can_be_switched_off() {
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited().without_size_limits()).start();
    let alice = ivs.create_room("lobby").participant("alice");
    for _ in 0..100 {
        alice.send_message_with("hi", [("large", "x".repeat(2_000))]);
    }
    assert_eq!(alice.received().len(), 100);
    assert!(alice.received().iter().all(|frame| matches!(frame, Frame::Message(_))));
}

#[tokio::test]
async fn everyone_sees_the_same_order() {
    let ivs = crate::support::unlimited();
    let room = ivs.create_room("lobby");
    let mut clients = Vec::new();
    for n in 0..4 {
        clients.push(connect(&ivs, full_token(&room, &format!("user-{n}"))).await);
    }
    let talking = clients.into_iter().enumerate().map(|(n, mut client)| {
        tokio::spawn(async move {
            for m in 0..25 {
                let content = format!("{n}-{m}");
                client.send(json!({ "Action": "SEND_MESSAGE", "Content": content })).await;
            }
            let mut heard = Vec::new();
            for _ in 0..100 {
                heard.push(client.next_frame().await);
            }
            heard
        })
    });
    let talking: Vec<_> = talking.collect();
    let mut heard = Vec::new();
    for task in talking {
        heard.push(task.await.unwrap());
    }
    assert!(heard.iter().all(|other| *other == heard[0]));
    for n in 0..4 {
        let of_one = heard[0].iter().filter(|f| f["Sender"]["UserId"] == format!("user-{n}"));
        let contents: Vec<_> = of_one.map(|frame| frame["Content"].clone()).collect();
        assert_eq!(contents, (0..25).map(|m| json!(format!("{n}-{m}"))).collect::<Vec<_>>());
    }
}
