//! Messages: what reaches whom, in which bytes, and what is refused.

use std::time::Duration;

use mock_ivs_chat::{
    Attributes, Capability, EntryKind, ErrorCode, Frame, MockIvsChat, Operation, Participant,
    Quota, Quotas,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{connect, frozen, full_token};

/// The texts of the frames that a participant got, as they stand on the wire.
fn texts(ivs: &MockIvsChat, participant: &Participant) -> Vec<String> {
    let sent = ivs.log().connection(participant.connection()).kind(EntryKind::Sent);
    sent.into_iter().filter_map(|entry| entry.text().map(str::to_owned)).collect()
}

fn last_text(ivs: &MockIvsChat, participant: &Participant) -> String {
    texts(ivs, participant).pop().expect("the participant got a frame")
}

#[test]
fn a_message_reaches_everyone_in_the_room_and_its_sender() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let mark = ivs.log().mark();
    let alice = room.chat_token("alice").capability(Capability::SendMessage).join();
    let _bob = room.chat_token("bob").join();
    alice.say("hello");
    insta::assert_snapshot!(ivs.log().since(mark).kind(EntryKind::Sent), @r#"  alice, bob < {"Type":"MESSAGE","Id":"Message00001","RequestId":"alice-1","Attributes":null,"Content":"hello","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"alice","Attributes":{}}}"#);
}

#[test]
fn a_message_has_its_members_in_the_order_of_the_service() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let alice = room
        .chat_token("alice")
        .capability(Capability::SendMessage)
        .attributes([("team", "red"), ("avatar", "cat")])
        .join();
    ivs.advance(Duration::from_nanos(500_000_120));
    alice.say_with("hello", [("z", "26"), ("a", "1")]);
    assert_eq!(
        last_text(&ivs, &alice),
        concat!(
            r#"{"Type":"MESSAGE","Id":"Message00001","RequestId":"alice-1","#,
            r#""Attributes":{"a":"1","z":"26"},"Content":"hello","#,
            r#""SendTime":"2026-01-01T00:00:00.50000012Z","#,
            r#""Sender":{"UserId":"alice","Attributes":{"avatar":"cat","team":"red"}}}"#
        )
    );
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
    alice.send(format!(r#"{{"Action":"SEND_MESSAGE","Content":"hi"{sent}}}"#));
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
fn the_request_id_comes_back_to_everyone(#[case] sent: &str, #[case] received: &str) {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let actions = [
        r#""Action":"SEND_MESSAGE","Content":"hi""#,
        r#""Action":"DELETE_MESSAGE","Id":"Message00001""#,
        r#""Action":"DISCONNECT_USER","UserId":"nobody""#,
    ];
    for action in actions {
        alice.send(format!("{{{action}{sent}}}"));
        for participant in [&alice, &bob] {
            assert_eq!(participant.receive_blocking().request_id(), received);
        }
    }
    // Also on errors of each kind.
    alice.send(format!(r#"{{"Action":"NO_ACTION"{sent}}}"#));
    assert_eq!(alice.receive_blocking().request_id(), received);
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
    alice.send(frame);
    let message = alice.expect_message_blocking("hi");
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

#[rstest]
#[case::as_long_as_may_be(500, "a", None)]
#[case::too_long(500, "a", Some("a"))]
#[case::code_points_not_bytes(500, "🍵", None)]
#[case::one_code_point_too_many(500, "🍵", Some("🍵"))]
#[case::the_rooms_own_limit(7, "é", None)]
#[case::beyond_the_rooms_own_limit(7, "é", Some("!"))]
fn content_may_have_as_many_code_points_as_the_room_allows(
    #[case] maximum: u32,
    #[case] character: &str,
    #[case] more: Option<&str>,
) {
    let ivs = frozen();
    let alice = ivs.new_room("lobby").maximum_message_length(maximum).create().participant("alice");
    let content = character.repeat(maximum as usize) + more.unwrap_or_default();
    alice.say(&content);
    match more {
        None => drop(alice.expect_message_blocking(content)),
        Some(_) => {
            let error = alice.expect_error_blocking(ErrorCode::BadRequest);
            assert_eq!(error.error_message, "Message exceeds maximum length");
        }
    }
}

#[rstest]
#[case::as_many_bytes_as_may_be(1_024, None)]
#[case::one_too_many(1_025, Some("Attributes are 1025 bytes; the maximum is 1024"))]
fn attributes_that_are_too_large_are_refused_with_413(
    #[case] bytes: usize,
    #[case] error_message: Option<&str>,
) {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.say_with("hi", [("é", "v".repeat(bytes - 2))]);
    match error_message {
        None => drop(alice.expect_message_blocking("hi")),
        Some(text) => {
            let error = alice.expect_error_blocking(ErrorCode::PayloadTooLarge);
            assert_eq!((error.error_message.as_str(), &*error.request_id), (text, "alice-1"));
        }
    }
}

#[rstest]
#[case(Capability::SendMessage, r#""Action":"SEND_MESSAGE","Content":"hi""#)]
#[case(Capability::DeleteMessage, r#""Action":"DELETE_MESSAGE","Id":"Message00001""#)]
#[case(Capability::DisconnectUser, r#""Action":"DISCONNECT_USER","UserId":"bob""#)]
fn an_action_needs_its_capability_and_no_other(
    #[case] needed: Capability,
    #[case] action: &str,
    #[values(true, false)] has_it: bool,
) {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let capabilities = Capability::ALL.into_iter().filter(|c| (*c == needed) == has_it);
    let alice = room.chat_token("alice").capabilities(capabilities).join();
    alice.send(format!(r#"{{{action},"RequestId":"r1"}}"#));
    match alice.receive_blocking() {
        Frame::Error(error) => {
            assert!(!has_it);
            assert_eq!((error.error_code, &*error.request_id), (ErrorCode::Forbidden, "r1"));
            let text = format!("the chat token lacks the capability {needed}");
            assert_eq!(error.error_message, text);
            assert!(bob.received().is_empty() && bob.is_connected());
        }
        frame => {
            assert!(has_it);
            assert_eq!(bob.received(), [frame]);
        }
    }
}

#[test]
fn a_token_without_capabilities_listens() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let listener = room.chat_token("listener").join();
    let alice = room.participant("alice");
    alice.say("hello");
    alice.delete("Message00001", "");
    room.send_event("app:poll", Attributes::new());
    let received: Vec<_> = listener.received().iter().map(|f| f.id().to_owned()).collect();
    assert_eq!(received, ["Message00001", "Event0000001", "Event0000002"]);
}

#[test]
fn the_checks_have_an_order() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let listener = room.chat_token("listener").join();
    let alice = room.participant("alice");
    for _ in 0..10 {
        alice.say("hi");
    }
    let long = "x".repeat(501);
    let code = |participant: &Participant, content: &str, attribute: &str| {
        participant.say_with(content, [("a", attribute)]);
        match participant.received().pop() {
            Some(Frame::Error(error)) => error.error_code.code(),
            other => panic!("an error was due, not {other:?}"),
        }
    };
    // What can be read, whether it is allowed, how large it is, and only then how often.
    listener.send("{");
    listener.expect_error_blocking(ErrorCode::BadRequest);
    assert_eq!(code(&listener, &long, &long.repeat(3)), 403);
    assert_eq!(code(&alice, &long, &long.repeat(3)), 400);
    assert_eq!(code(&alice, "hi", &long.repeat(3)), 413);
    assert_eq!(code(&alice, "hi", "small"), 429);
    room.delete();
    assert_eq!(code(&listener, "hi", "small"), 403);
    assert_eq!(code(&alice, &long, "small"), 404);
}

#[test]
fn an_error_has_the_id_that_its_message_would_have_had() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.say("");
    assert_eq!(
        last_text(&ivs, &alice),
        concat!(
            r#"{"Type":"ERROR","Id":"Message00001","RequestId":"alice-1","#,
            r#""ErrorCode":400,"ErrorMessage":"Content is missing or empty"}"#
        )
    );
    alice.say("second");
    assert_eq!(alice.expect_message_blocking("second").id, "Message00002");
}

#[test]
fn a_connection_may_make_ten_requests_a_second_of_all_kinds_together() {
    let quotas = Quotas::aws().without(Quota::SendMessagePerRoom);
    let clock = mock_ivs_chat::Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    for _ in 0..4 {
        alice.say("hi");
        alice.delete("Message00001", "");
    }
    alice.kick("nobody", "");
    alice.kick("nobody", "");
    assert_eq!(bob.received().len(), 10);
    for refused in [alice.say("11"), alice.delete("Message00001", ""), alice.kick("bob", "")] {
        let error = alice.expect_error_blocking(ErrorCode::TooManyRequests);
        assert_eq!((&*error.error_message, error.request_id), ("rate limit exceeded", refused));
    }
    // Others are not concerned, and the connection works again as time goes by.
    bob.say("me too");
    ivs.advance(Duration::from_millis(100));
    alice.say("one more");
    alice.say("but not two");
    alice.expect_message_blocking("one more");
    assert_eq!(alice.expect_error_blocking(ErrorCode::TooManyRequests).request_id, "alice-15");
    assert!(alice.is_connected());
    let exceeded = ivs.log().kind(EntryKind::Exceeded).entries();
    assert_eq!(exceeded[0].to_string(), "quota exceeded: messaging requests per connection, 10");
}

#[rstest]
#[case::of_the_room(Quotas::aws(), 2, "messages per room, 2")]
#[case::of_the_account(Quotas::off().with(Quota::SendMessage, 3), 3, "messages in all rooms, 3")]
#[case::of_every_room(Quotas::off().with(Quota::SendMessagePerRoom, 4), 4, "messages per room, 4")]
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
        person.say("hi");
    }
    let refused = people[allowed].expect_error_blocking(ErrorCode::TooManyRequests);
    assert_eq!(
        (&*refused.error_message, &*refused.id),
        ("rate limit exceeded", &*format!("Message{:05}", allowed + 1))
    );
    assert_eq!(
        ivs.log().kind(EntryKind::Exceeded).entries()[0].to_string(),
        format!("quota exceeded: {exceeded}")
    );
    // Deletions are no messages.
    people[0].delete("Message00001", "");
    people[0].expect_event_blocking("aws:DELETE_MESSAGE");
    ivs.advance(Duration::from_secs(1));
    people[5].say("later");
    people[0].expect_message_blocking("later");
}

#[test]
fn quotas_can_be_switched_off() {
    let ivs = MockIvsChat::builder().quotas(Quotas::off()).start();
    let alice = ivs.create_room("lobby").participant("alice");
    for _ in 0..100 {
        alice.say_with("hi", [("large", "x".repeat(2_000))]);
    }
    assert_eq!(alice.received().len(), 100);
    assert!(alice.received().iter().all(|frame| matches!(frame, Frame::Message(_))));
}

#[rstest]
#[case::absent(None, "null")]
#[case::empty(Some(json!({})), "{}")]
#[case::some(Some(json!({ "b": "2", "a": "1" })), r#"{"a":"1","b":"2"}"#)]
fn an_event_of_the_application_reaches_everyone(
    #[case] attributes: Option<Value>,
    #[case] received: &str,
) {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut request = json!({ "roomIdentifier": room.arn(), "eventName": "app:poll" });
    if let Some(attributes) = attributes {
        request["attributes"] = attributes;
    }
    let answer = ivs.call(Operation::SendEvent, request).unwrap();
    assert_eq!(answer, json!({ "id": "Event0000001" }));
    assert_eq!(
        last_text(&ivs, &bob),
        format!(
            r#"{{"Type":"EVENT","Id":"Event0000001","RequestId":"","EventName":"app:poll","Attributes":{received},"SendTime":"2026-01-01T00:00:00Z"}}"#
        )
    );
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

#[tokio::test]
async fn nothing_is_replayed_to_those_who_come_later() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    alice.say("early");
    let mut bob = connect(&ivs, full_token(&room, "bob")).await;
    alice.say("late");
    assert_eq!(bob.next_frame().await["Content"], "late");
    // Nor does anybody hear that somebody came.
    assert_eq!(alice.received().len(), 2);
}
