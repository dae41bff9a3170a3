//! Timelines of failures: readable whatever the users are called and the texts contain.

use std::collections::BTreeSet;

use mock_ivs_chat::{Exception, MockIvsChat, Operation, Participant, ReviewResponse, Room};
use rstest::rstest;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::failure_texts::impatient;
use crate::support::try_connect;
use crate::waits::failure;

fn lobby() -> (MockIvsChat, Room) {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    (ivs, room)
}

/// Participants with these names, and a timeline in which the last one waits in vain.
fn timeline_of(names: &[&str], message: &str) -> String {
    let (ivs, room) = lobby();
    let people: Vec<Participant> = names.iter().map(|name| room.participant(*name)).collect();
    people.iter().for_each(|person| drop(person.send_message(message)));
    let all = ivs.log().timeline();
    assert_fits(&all);
    let text = failure(|| people[people.len() - 1].expect_message("never").wait());
    assert_fits(&text);
    text
}

fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.width() <= 120, "{} columns: {line}\n{text}", line.width());
        assert!(line.chars().count() <= 500, "{} characters", line.chars().count());
    }
}

/// The headings of the lanes: what two or more spaces separate in the line above the first row.
fn headings(text: &str) -> Vec<&str> {
    let lines: Vec<_> = text.lines().collect();
    let is_row = |line: &&str| line.trim_start().starts_with('#') && line.contains(" +0.000");
    let first = lines.iter().position(is_row).expect("a timeline has rows");
    lines[first - 1].split("  ").map(str::trim).filter(|heading| !heading.is_empty()).collect()
}

const LONG: &str = "a message that is long enough to fill a lane of any width that there may be";

#[test]
fn the_lane_of_a_reconnection_is_shown() {
    let (_ivs, room) = lobby();
    let people = [room.participant("alice"), room.participant("bob")];
    people.iter().for_each(|person| drop(person.send_message(LONG)));
    people.iter().for_each(|person| assert!(person.connection().reset()));
    let again = [room.participant("alice"), room.participant("bob")];
    again.iter().for_each(|person| drop(person.send_message(LONG)));
    let text = failure(|| again[1].expect_message("never").wait());
    let lanes = ["test", "alice (lobby)", "bob (lobby)", "alice#2 (lobby)", "bob#2 (lobby)"];
    assert_eq!(headings(&text), lanes);
    assert!(!text.contains("not shown"), "{text}");
    assert_fits(&text);
}

#[test]
fn six_lanes_fit_whatever_is_said() {
    let text = timeline_of(&["ann", "bob", "cid", "dan", "eve"], LONG);
    let lanes = ["test", "ann (lobby)", "bob (lobby)", "cid (lobby)", "dan (lobby)", "eve (lobby)"];
    assert_eq!(headings(&text), lanes);
    assert!(!text.contains("not shown"), "{text}");
}

#[test]
fn a_row_of_a_hidden_lane_names_its_connection() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let (ivs, room) = lobby();
    let people: Vec<_> = names.iter().map(|name| room.participant(*name)).collect();
    people[1].send_raw("an unreadable frame of b");
    people[1].send_raw("another one");
    people[7].send_message("hello");
    let length = ivs.log().entries().len();
    let text = failure(|| ivs.log().expect_message("never").wait());
    assert!(text.contains("(3 more lanes are not shown: "), "{text}");
    // One row has the recipients of the message; those without a lane are counted.
    assert!(
        text.lines().any(|line| line.contains("  < \"hello\"  ") && line.ends_with("+3")),
        "{text}"
    );
    assert!(text.contains("(lobby): > text \"another one\"\n"), "{text}");
    assert_fits(&text);
    // No entry is missing, apart from responses to the test and recipients of one frame.
    let all = ivs.log().timeline();
    let is_row = |line: &&str| line.trim_start().starts_with('#');
    assert_eq!(all.lines().filter(is_row).count(), length - 9 - 7, "{all}");
    let shown = headings(&all);
    let hidden = names.iter().filter(|name| !shown.contains(&&*format!("{name} (lobby)")));
    for name in hidden {
        assert!(all.contains(&format!("  {name} (lobby): connects to lobby")), "{all}");
    }
    assert_fits(&all);
}

#[rstest]
#[case::at_the_end("customer-support-agent-eu-1", "customer-support-agent-eu-2")]
#[case::at_the_start("1-customer-support-agent-of-europe", "2-customer-support-agent-of-europe")]
#[case::in_the_middle(
    "customer-support-agent-1-of-the-team-in-europe",
    "customer-support-agent-2-of-the-team-in-europe"
)]
fn long_names_that_differ_have_headings_that_differ(#[case] one: &str, #[case] other: &str) {
    let text = timeline_of(&["ann", "bob", "cid", one, other], LONG);
    let all = headings(&text);
    assert_eq!(all.len(), 6, "{text}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 6, "{text}");
    assert!(all.iter().any(|heading| heading.contains('1')), "{text}");
    assert!(all.iter().any(|heading| heading.contains('2')), "{text}");
}

#[test]
fn headings_that_cannot_differ_have_numbers() {
    let name = |at: usize| format!("{}A{}", "x".repeat(at), "x".repeat(100 - at));
    let names: Vec<_> = [20, 35, 50, 65, 80].map(name).into();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let text = timeline_of(&names, LONG);
    let all = headings(&text);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 6, "{text}");
}

#[rstest]
#[case::cjk("日本語の利用者", "こんにちは、世界。こんにちは、世界。こんにちは、世界。")]
#[case::emoji("👩‍👩‍👧‍👦", "🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉")]
#[case::combining(
    "e\u{301}e\u{301}e\u{301}",
    "e\u{301}\u{302}\u{303} and more of that kind of text"
)]
#[case::only_combining("x", "\u{301}".repeat(400).leak())]
fn wide_characters_keep_columns_straight(#[case] name: &str, #[case] message: &str) {
    let text = timeline_of(&[name, "bob"], message);
    let rows = text.lines().filter(|line| line.contains("< MESSAGE"));
    let places: BTreeSet<_> =
        rows.map(|row| row[..row.rfind("< MESSAGE").unwrap()].width()).collect();
    let head = text.lines().find(|line| line.ends_with("bob (lobby)")).expect("bob has a lane");
    let place = head[..head.find("bob (lobby)").unwrap()].width();
    assert_eq!(places, BTreeSet::from([place]), "{text}");
    let text = timeline_of(&[name, "bob", "cid", "dan", "eve", "fay", "gil"], message);
    assert!(text.contains("not shown"), "{text}");
}

#[test]
fn an_explanation_in_wide_characters_fits_too() {
    let (_ivs, room) = lobby();
    let bob = room.participant("bob");
    bob.send_message("世".repeat(100));
    bob.send_raw("世".repeat(100));
    assert_fits(&failure(|| bob.expect_message("界".repeat(100)).wait()));
    assert_fits(&failure(|| bob.expect_message("世".repeat(99)).wait()));
}

#[test]
fn a_text_that_is_cut_keeps_its_closing_quote() {
    let text = timeline_of(&["ann", "bob", "cid"], LONG);
    let cut = text.lines().filter(|line| line.contains('…'));
    for line in cut.clone() {
        assert!(line.matches('"').count() % 2 == 0, "{line}\n{text}");
    }
    assert!(cut.count() >= 4, "{text}");
    assert!(text.contains("…\""), "{text}");
}

#[rstest]
#[case::column(r#"Content":"hello" "Attributes":{}}"#, r#""hello" "Attri"#)]
#[case::member(r#"Content":["hello"],"Attributes":{}}"#, r#""Content":["h"#)]
fn a_frame_that_cannot_be_read_is_cut_around_its_fault(#[case] end: &str, #[case] shown: &str) {
    let (_ivs, room) = lobby();
    let id = "11111111-2222-4333-8444-555555555555";
    let bob = room.participant("bob");
    bob.send_raw(format!(r#"{{"Action":"SEND_MESSAGE","RequestId":"{id}","{end}"#));
    let text = failure(|| bob.expect_message("never").wait());
    let row = text.lines().find(|line| line.contains("> text ")).expect("the frame has a row");
    assert!(row.contains(shown), "{text}");
    assert_fits(&text);
}

#[test]
fn a_fault_far_into_a_frame_is_shown_in_a_narrow_lane_too() {
    let (_ivs, room) = lobby();
    let people: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| room.participant(name)).into();
    people[0].send_message(LONG);
    let filler = "x".repeat(10_000);
    people[4].send_raw(format!(r#"{{"RequestId":"{filler}","Content":nul}}"#));
    let text = failure(|| people[4].expect_message("never").wait());
    let row = text.lines().find(|line| line.contains("> text ")).expect("the frame has a row");
    assert!(row.contains("nul}"), "{text}");
    assert_fits(&text);
}

/// Lets a hook of each hook point fire.
async fn with_a_hook_of_each_kind() -> (MockIvsChat, Vec<u32>) {
    let (ivs, room) = lobby();
    let start = line!();
    ivs.on_handshake().named("closed").refuse(503, "closed");
    ivs.on_action().containing("lost").ignore();
    ivs.on_review().respond(ReviewResponse::deny("no"));
    ivs.on_delivery().to("alice").drop_frame();
    ivs.on_operation(Operation::SendEvent).fail(Exception::throttling("slow down"));
    let lines = (1..=5).map(|offset| start + offset).collect();
    room.review_with(|_| ReviewResponse::allow());
    try_connect(&ivs, room.chat_token("eve").create().token).await.unwrap_err();
    let (alice, _bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("lost");
    alice.send_message("denied");
    let event = json!({ "roomIdentifier": room.arn(), "eventName": "a" }).to_string();
    crate::control_plane_support::http(&ivs, "POST", "/SendEvent", &event);
    (ivs, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hook_that_fired_is_named_with_its_line_below_the_timeline() {
    let (ivs, lines) = with_a_hook_of_each_kind().await;
    let fail = || failure(|| ivs.log().expect_message("never").wait());
    let text = fail();
    let hooks = [
        "hook \"closed\": on_handshake().refuse(503, \"closed\")",
        "hook 2: on_action().containing(\"lost\").ignore()",
        "hook 3: on_review().respond(…)",
        "hook 4: on_delivery().to(\"alice\").drop_frame()",
        "hook 5: on_operation(SendEvent).fail(",
    ];
    for (hook, line) in hooks.iter().zip(&lines) {
        let place = format!(" at tests/it/timelines.rs:{line}:");
        let legend = text.lines().find(|line| line.starts_with(&format!("  {hook}")));
        let legend = legend.unwrap_or_else(|| panic!("{hook}\n{text}"));
        assert!(legend.contains(&place) && legend.contains(", fired at #"), "{text}");
    }
    assert_eq!(text.matches("hooks that have fired:\n").count(), 1, "{text}");
    assert_fits(&text);
    assert_eq!(text, fail());
    let report = ivs.report().to_string();
    assert!(report.contains("  hook 2: on_action()"), "{report}");
}

#[test]
fn a_hook_that_is_removed_or_fires_often_has_one_line_too() {
    let (ivs, room) = lobby();
    let bob = room.participant("bob");
    let hook = ivs.on_action().containing("lost").named("the first").ignore();
    (0..20).for_each(|_| drop(bob.send_message("lost")));
    hook.remove();
    drop(hook);
    for number in 0..10 {
        let name = format!("{number} {}", "long ".repeat(30));
        ivs.on_action().named(name).once().containing(LONG).ignore();
        bob.send_message(LONG);
    }
    let text = failure(|| bob.expect_message("never").wait());
    let legend = text.split("hooks that have fired:\n").nth(1).expect("there is a legend");
    let legend = legend.split("\n\n").next().unwrap_or_default();
    assert_eq!(legend.lines().count(), 7, "{text}");
    assert!(legend.ends_with("… and 4 more\n") || legend.ends_with("… and 5 more\n"), "{text}");
    assert!(text.contains("hook \"the first\": on_action()"), "{text}");
    assert_fits(&text);
}
