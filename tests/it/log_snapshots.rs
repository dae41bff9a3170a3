//! Snapshots as users take them: of text and of data, in files and inline, with and without
//! redactions.

use insta::{assert_json_snapshot, assert_ron_snapshot, assert_snapshot, assert_yaml_snapshot};
use mock_ivs_chat::{
    Clock, Log, MockIvsChat,
    log::{EntryKind, Lint},
};

use crate::support::snapshot_settings;

/// A short chat, on a clock that moves, with ids that a client draws anew in each run.
fn chat() -> (MockIvsChat, Log) {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mark = ivs.log().mark();
    let alice = room.participant("alice");
    let uuid = format!("{:08x}-0000-4000-8000-000000000000", ivs.addr().port());
    alice.send_raw(format!(r#"{{"Action":"SEND_MESSAGE","RequestId":"{uuid}","Content":"hi"}}"#));
    alice.send_raw(format!(r#"{{"Action":"SEND_MESSAGE","RequestId":"{uuid}","Content":""}}"#));
    let log = ivs.log().since(mark).user("alice");
    drop(alice);
    (ivs, log)
}

#[test]
fn the_transcript_needs_no_redactions() {
    let (_ivs, log) = chat();
    assert_snapshot!(log, @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    alice > {"Action":"SEND_MESSAGE","RequestId":"[request-1]","Content":"hi"}
      alice < {"Type":"MESSAGE","Id":"Message00001","RequestId":"[request-1]","Attributes":null,"Content":"hi","SendTime":"[time-1]","Sender":{"UserId":"alice","Attributes":{}}}
    alice > {"Action":"SEND_MESSAGE","RequestId":"[request-1]","Content":""}
      alice < {"Type":"ERROR","Id":"Message00002","RequestId":"[request-1]","ErrorCode":400,"ErrorMessage":"Content is missing or empty"}
    alice closes 1000
    "#);
}

#[test]
fn entries_are_data_too() {
    let (_ivs, log) = chat();
    let sent = log.kind(EntryKind::FrameSent);
    snapshot_settings().bind(|| {
        assert_yaml_snapshot!(sent);
        assert_ron_snapshot!(sent);
        assert_json_snapshot!(sent);
    });
}

#[test]
fn redactions_reach_into_the_frames() {
    let (_ivs, log) = chat();
    let received = log.kind(EntryKind::FrameReceived);
    assert_yaml_snapshot!(received, { "[].frame.Content" => "[content]" }, @r#"
    - kind: frame_received
      room: lobby
      connection: alice
      frame:
        Action: SEND_MESSAGE
        Content: "[content]"
        RequestId: "[request-1]"
    - kind: frame_received
      room: lobby
      connection: alice
      frame:
        Action: SEND_MESSAGE
        Content: "[content]"
        RequestId: "[request-1]"
    "#);
}

#[test]
fn the_same_script_gives_the_same_text_on_either_clock_and_twice() {
    let run = |clock: Clock| {
        let ivs = MockIvsChat::builder().clock(clock).start();
        let (lobby, kitchen) = (ivs.create_room("lobby"), ivs.create_room("kitchen"));
        let (alice, _bob) = (lobby.participant("alice"), kitchen.participant("bob"));
        alice.send_message("hi");
        lobby.send_event("app:poll", [("question", "tea?")]);
        [ivs.log().to_string(), ivs.log().per_connection().to_string()]
    };
    let (system, frozen) = (run(Clock::system()), run(Clock::frozen_at("2026-01-01T00:00:00Z")));
    for _ in 0..20 {
        assert_eq!(run(Clock::system()), system);
        assert_eq!(run(Clock::frozen_at("2026-01-01T00:00:00Z")), frozen);
    }
}

#[test]
fn filters_narrow_each_other() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (alice, _bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("hi");
    let sent = |log: Log| log.kind(EntryKind::FrameSent).entries().len();
    assert_eq!(sent(ivs.log()), 2);
    assert_eq!(sent(ivs.log().user("alice")), 1);
    assert_eq!(sent(ivs.log().user("alice").user("bob")), 0);
    assert_eq!(sent(ivs.log().since(ivs.log().mark()).user("alice")), 0);
}

#[tokio::test]
async fn tokens_are_numbered_by_their_first_appearance_in_each_rendering() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).start();
    let room = ivs.create_room("lobby");
    let people: Vec<_> = (0..12).map(|n| room.participant(format!("user-{n}"))).collect();
    let sdk = crate::control_plane_support::sdk(&ivs);
    let before = ivs.log().mark();
    let create = || async {
        let request = sdk.create_chat_token().room_identifier(room.arn()).user_id("alice");
        request.send().await.unwrap().token().unwrap().to_owned()
    };
    let (first, second) = (create().await, create().await);
    people[0].send_message(format!("[token-99] {second} {first}"));
    people[0].send_raw(format!(r#"{{"action":"JOIN","token":"{second}"}}"#));
    let mark = ivs.log().mark();
    crate::support::try_connect(&ivs, second.clone()).await.unwrap().close().await;
    crate::support::try_connect(&ivs, &second).await.unwrap_err();
    people[0].send_raw(first.as_str());
    let log = ivs.log();
    let (all, part) = (log.to_string(), ivs.log().since(mark).to_string());
    assert!(all.contains(r#"{"sessionExpirationTime":"2026-01-01T01:00:00Z","token":"[token-1]""#));
    assert!(all.contains(r#""Content":"[token-99] [token-2] [token-1]""#), "{all}");
    assert!(all.contains("([token-2])") && part.contains("([token-1])"), "{all}\n{part}");
    let texts = [
        all,
        part,
        log.timeline(),
        ivs.log().since(before).per_connection().to_string(),
        log.to_html("tokens"),
        log.to_json_lines(),
        log.to_har(),
        log.to_mermaid(),
        serde_json::to_string(&log).unwrap(),
        serde_json::to_string(&ivs.log().since(mark)).unwrap(),
        ivs.report().to_string(),
        format!("{:?}", log.last().unwrap()),
    ];
    for text in texts {
        assert_eq!(first_labels(&text), (1..=first_labels(&text).len()).collect::<Vec<_>>());
        assert!(!text.contains(['\u{fdd0}', '\u{fdd1}']), "{text}");
    }
    // A finding has the number that the transcript has.
    let finding = ivs.lint().into_iter().find(|found| found.lint == Lint::TokenReused).unwrap();
    assert_eq!(finding.message, "[token-2] was used before");
}

/// The numbers of tokens in the order of their first appearance. The literal of the test's own
/// message is not one of them.
fn first_labels(text: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    for part in text.replace("[token-99]", "").split("[token-").skip(1) {
        let number = part.split(']').next().unwrap().parse().unwrap();
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}
