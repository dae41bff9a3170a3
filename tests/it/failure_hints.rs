//! Hints in failures: refusals, absent users, hooks that let events pass, relevant lanes.

use std::fs;
use std::path::{Path, PathBuf};

use mock_ivs_chat::{Operation, hook::ActionVerdict, log::Matcher};

use crate::failure_texts::{assert_is_short, impatient};
use crate::support::frozen;
use crate::waits::failure;

#[test]
fn refusals_are_shown_with_their_whole_text() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let eve = room.chat_token("eve").join();
    (0..3).for_each(|_| drop(eve.send_message("hi")));
    let text = failure(|| bob.expect_message("hi").wait());
    let refused = "refused:\n  #9, eve: ERROR 403 \"the chat token lacks the capability \
                   SEND_MESSAGE\" (3 times in a row)\n";
    assert!(text.contains(refused), "{text}");
    let finding = "capability-missing at #8, eve: the chat token has no SEND_MESSAGE \
                   (and 2 more like it)\n";
    assert!(text.contains(finding), "{text}");
    assert_is_short(&text);
}

#[test]
fn a_user_who_never_connected_or_has_left_is_named() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let (_alice, bob) = (room.participant("alice"), room.participant("bob"));
    drop(bob);
    let text = failure(|| ivs.log().user("Alice").expect_message("hi").wait());
    let absent = "users:\n  no user \"Alice\" has connected; users: \"alice\", \"bob\"\n";
    assert!(text.contains(absent), "{text}");
    let text = failure(|| ivs.log().expect(Matcher::message().to("bob")).wait());
    assert!(text.contains("users:\n  the connection of user \"bob\" ended at #8\n"), "{text}");
}

#[test]
fn a_hook_on_a_room_or_a_handshake_that_cannot_come_says_why() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().room("loby").expect(1).ignore();
    ivs.on_handshake().from("alice").expect(1).reset();
    alice.send_message("hello");
    let report = ivs.finish().wait().unwrap_err().to_string();
    for reason in [
        "no user has connected to a room \"loby\"; rooms: \"lobby\"",
        "\"alice\" is a participant, and participants make no handshake",
    ] {
        assert!(report.contains(reason), "{reason}\n{report}");
    }
}

#[test]
fn a_hook_that_let_events_pass_says_why() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().named("closure").decide(|_| ActionVerdict::Pass);
    ivs.on_action().named("third").nth(3).ignore();
    ivs.on_action().named("later").after(5).ignore();
    (0..2).for_each(|_| drop(alice.send_message("hello")));
    let report = ivs.report().to_string();
    for reason in [
        "2 events matched its conditions, but its closure returned `Pass`",
        "2 events matched its conditions, but it fires only at match 3",
        "2 events matched its conditions, but it fires only after match 5",
    ] {
        assert!(report.contains(reason), "{reason}\n{report}");
    }
}

#[test]
fn the_lanes_of_the_subject_and_of_the_nearest_entry_are_always_shown() {
    let ivs = impatient();
    let room = ivs.create_room("lobby");
    let people: Vec<_> = (0..12).map(|n| room.participant(format!("user-{n}"))).collect();
    ivs.on_delivery().to("user-3").drop_frame();
    ivs.on_delivery().containing("a long enough message").drop_frame();
    people[11].send_message("a long enough message to be the nearest");
    (0..40).for_each(|_| drop(people[0].send_message("a message that fills all lanes")));
    let wanted = "a long enough message to be the nearby";
    let text = failure(|| ivs.log().expect(Matcher::send_message().containing(wanted)).wait());
    assert!(text.contains("nearest: #") && text.contains("user-11 (lobby)"), "{text}");
    let text = failure(|| people[3].expect_message("a message that fills").wait());
    assert!(text.contains("user-3 (lobby)"), "{text}");
    assert_is_short(&text);
}

#[test]
fn many_unmet_expectations_are_counted_and_not_all_listed() {
    let ivs = frozen();
    for number in 0..60 {
        ivs.on_action().named(format!("hook {number}")).expect(1).ignore();
    }
    let report = ivs.finish().wait().unwrap_err();
    let text = report.to_string();
    assert!(
        text.starts_with("hook \"hook 0\": expected to fire once, but it never fired\n"),
        "{text}"
    );
    assert!(text.contains("… (60 reasons in all)\n"), "{text}");
    assert_is_short(&text);
}

#[test]
fn a_refusal_of_a_call_over_http_is_shown_and_one_of_the_test_is_not_repeated() {
    let ivs = impatient();
    let text = failure(|| ivs.create_room("not a name"));
    assert!(text.starts_with("CreateRoom was refused: ValidationException (400): "), "{text}");
    assert!(!text.contains("refused:\n"), "{text}");
    crate::control_plane_support::http(&ivs, "POST", "/createroom", "{}");
    let wanted = || Matcher::request(Operation::CreateRoom).member("name", "lobby");
    let text = failure(|| ivs.log().expect(wanted()).wait());
    let refused = "a call: 403 MissingAuthenticationTokenException: Missing Authentication Token";
    assert!(text.contains(refused), "{text}");
    assert_is_short(&text);
}

#[test]
fn every_snapshot_of_a_failure_is_short() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let is_failure = |path: &PathBuf| path.to_string_lossy().contains("it__log_failures__");
    let failures: Vec<_> = files.filter(is_failure).collect();
    assert!(failures.len() > 10, "{failures:?}");
    failures.iter().for_each(|path| assert_is_short(&fs::read_to_string(path).unwrap()));
}
