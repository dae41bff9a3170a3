//! Waits and assertions about entries that cannot exist.

use mock_ivs_chat::log::{Direction, Entry, EntryKind, Matcher};
use mock_ivs_chat::{
    CloseCode, ErrorCode, Log, MockIvsChat, Operation, Quota, Quotas, ReviewResponse, Wait, hook,
};
use rstest::rstest;

use crate::support::{frozen, try_connect};
use crate::waits;

/// Returns the text of a failure, whose lines are joined.
fn failure<T>(fails: impl FnOnce() -> T) -> String {
    waits::failure(fails).replace("\n  ", " ")
}

type View = fn(&MockIvsChat) -> Log;

/// Conditions of a view and a matcher of which nothing satisfies both, and the reason.
#[rstest]
#[case::kind(
    |ivs: &MockIvsChat| ivs.log().kind(EntryKind::FrameReceived),
    Matcher::message(),
    "`of kind FrameReceived` and `MESSAGE` exclude each other"
)]
#[case::direction(
    |ivs: &MockIvsChat| ivs.log().direction(Direction::Inbound),
    Matcher::message(),
    "`inbound` and `MESSAGE` exclude each other"
)]
#[case::matcher(
    |ivs: &MockIvsChat| ivs.log().matching(Matcher::send_message()),
    Matcher::message(),
    "`SEND_MESSAGE` and `MESSAGE` exclude each other"
)]
#[case::content(
    |ivs: &MockIvsChat| ivs.log().matching(Matcher::message().content("hi")),
    Matcher::message().containing("ho"),
    "`MESSAGE with content \"hi\"` and `MESSAGE with content containing \"ho\"` exclude each other"
)]
#[case::operation(
    |ivs: &MockIvsChat| ivs.log().matching(Matcher::request(Operation::GetRoom)),
    Matcher::any().content("hi"),
    "`GetRoom request` and `any entry with content \"hi\"` exclude each other"
)]
#[case::recipient(
    |ivs: &MockIvsChat| ivs.log().user("alice"),
    Matcher::message().to("bob"),
    "`of user \"alice\"` and `MESSAGE to \"bob\"` exclude each other"
)]
#[case::sender(
    |ivs: &MockIvsChat| ivs.log().user("alice"),
    Matcher::send_message().from("bob"),
    "`of user \"alice\"` and `SEND_MESSAGE from \"bob\"` exclude each other"
)]
#[case::request_of_a_user(
    |ivs: &MockIvsChat| ivs.log().user("alice"),
    Matcher::request(Operation::SendEvent),
    "`of user \"alice\"` and `SendEvent request` exclude each other"
)]
#[case::response_in_a_room(
    |ivs: &MockIvsChat| ivs.log().room("lobby"),
    Matcher::response(Operation::SendEvent),
    "`in room \"lobby\"` and `SendEvent response` exclude each other"
)]
#[case::view(
    |ivs: &MockIvsChat| ivs.log().kind(EntryKind::Request).direction(Direction::Outbound),
    Matcher::any(),
    "`of kind Request` and `outbound` exclude each other"
)]
#[case::review_of_a_user(
    |ivs: &MockIvsChat| ivs.log().user("alice").kind(EntryKind::Reviewed),
    Matcher::any(),
    "`of user \"alice\"` and `of kind Reviewed` exclude each other"
)]
#[case::outage_in_a_room(
    |ivs: &MockIvsChat| ivs.log().kind(EntryKind::Outage),
    Matcher::any().room("lobby"),
    "`of kind Outage` and `any entry in room \"lobby\"` exclude each other"
)]
#[case::two_users(
    |ivs: &MockIvsChat| ivs.log().user("alice").user("bob"),
    Matcher::any(),
    "`of user \"alice\"` and `of user \"bob\"` exclude each other"
)]
#[case::connection(
    |ivs: &MockIvsChat| ivs.log().user("bob").connection(ivs.connections()[0].id()),
    Matcher::any(),
    "`of user \"bob\"` and `on the connection of alice` exclude each other"
)]
#[case::three(
    |ivs: &MockIvsChat| ivs.log().matching(Matcher::any().from("alice")).direction(Direction::Outbound),
    Matcher::close(),
    "`any entry from \"alice\"`, `outbound` and `close` exclude each other"
)]
fn conditions_that_exclude_each_other_are_refused(
    #[case] view: View,
    #[case] matcher: Matcher,
    #[case] why: &str,
) {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_message("hi");
    let log = view(&ivs);
    let refused: [&dyn Fn() -> Wait<Entry>; 2] =
        [&|| log.expect(matcher.clone()), &|| log.cursor().expect(matcher.clone())];
    for wait in refused {
        // The call itself fails, not its result.
        let text = failure(wait);
        assert!(text.starts_with("cannot wait for ") && text.contains(why), "{text}");
    }
    let text = failure(|| log.expect_n(2, matcher.clone()));
    assert!(text.contains(why), "{text}");
    let text = failure(|| log.assert_none(matcher.clone()));
    assert!(text.starts_with("cannot assert that there is no "), "{text}");
    assert!(text.contains(why), "{text}");
    // The view itself is empty, and may be looked at.
    assert_eq!(log.clone().matching(matcher.clone()).count(), 0);
}

#[test]
fn a_closure_cannot_find_an_entry_in_a_view_that_has_none() {
    let ivs = frozen();
    let view = ivs.log().kind(EntryKind::Request).kind(EntryKind::Response);
    let why = "`of kind Request` and `of kind Response` exclude each other";
    for text in [
        failure(|| view.wait_for(|_| true)),
        failure(|| view.wait_for_n(2, |_| true)),
        failure(|| view.cursor().wait_for(|_| true)),
    ] {
        assert!(text.starts_with("cannot wait for ") && text.contains(why), "{text}");
    }
}

#[test]
fn a_participant_does_not_get_frames_of_another_user() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("hi");
    let why = "`on the connection of alice` and `MESSAGE to \"bob\"` exclude each other";
    for text in [
        failure(|| alice.assert_none(Matcher::message().to("bob"))),
        failure(|| alice.expect(Matcher::message().to("bob"))),
    ] {
        assert!(text.contains(why), "{text}");
    }
    let text = failure(|| alice.assert_none(Matcher::request(Operation::SendEvent)));
    assert!(text.contains("exclude each other"), "{text}");
    // These can exist.
    bob.assert_none(Matcher::message().to("bob").from("carol"));
    alice.assert_none(Matcher::message().from("bob"));
    alice.expect(Matcher::message().from("alice").to("alice")).wait();
    // The user of a connection that has ended is in the log.
    ivs.disconnect_all();
    let text = failure(|| alice.assert_none(Matcher::pong().from("bob")));
    assert!(text.contains("exclude each other"), "{text}");
}

#[test]
fn no_entry_is_in_two_rooms() {
    let ivs = frozen();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let alice = lobby.participant("alice");
    let text = failure(|| ivs.log().room("lobby").assert_none(Matcher::message().room("stage")));
    assert!(text.contains("no room is \"lobby\" as well as \"stage\""), "{text}");
    let text = failure(|| alice.assert_none(Matcher::message().room(stage.id())));
    let why = format!("the connection of alice is not in room {:?}", stage.id());
    assert!(text.contains(&why), "{text}");
    // One room has several names, and may get another one.
    ivs.log().room(lobby.arn()).assert_none(Matcher::message().room("lobby").room(lobby.id()));
    alice.assert_none(Matcher::message().room("lobby"));
    lobby.delete();
    ivs.log().room(lobby.id()).assert_none(Matcher::message().room("lobby"));
    alice.assert_none(Matcher::message().room("lobby"));
}

#[test]
fn names_in_the_matcher_of_a_view_are_checked() {
    let ivs = frozen();
    ivs.create_room("lobby");
    let view = ivs.log().matching(Matcher::message().room("loby"));
    let text = failure(|| view.assert_none(Matcher::any().content("hi")));
    assert!(text.contains("no room \"loby\"; rooms: \"lobby\""), "{text}");
}

#[test]
fn an_assertion_about_a_hook_needs_a_hook_of_this_name() {
    let ivs = frozen();
    let text = failure(|| ivs.log().assert_none(Matcher::hook("slow")));
    assert!(text.contains("no hook \"slow\" was installed; named hooks: none"), "{text}");
    ivs.on_action().ignore();
    let removed = ivs.install(hook::on_delivery().named("slow").drop_frame());
    let text = failure(|| ivs.log().assert_none(Matcher::hook("solw")));
    let why = "no hook \"solw\" was installed; named hooks: \"slow\"";
    assert!(text.contains(why), "{text}");
    let text = failure(|| ivs.log().matching(Matcher::hook("hook 3")).assert_none(Matcher::any()));
    assert!(text.contains("no hook \"hook 3\" was installed"), "{text}");
    removed.remove();
    drop(removed);
    let known = || {
        ivs.log().assert_none(Matcher::hook("slow"));
        ivs.log().assert_none(Matcher::hook("hook 1"));
    };
    known();
    ivs.reset_hooks();
    known();
}

#[test]
fn a_matcher_refuses_conditions_that_no_entry_satisfies() {
    let refused: [fn() -> Matcher; 8] = [
        || Matcher::message().content("hi").containing("ho"),
        || Matcher::message().containing("ho").content("hi"),
        || Matcher::ping().from("alice").to("bob"),
        || Matcher::close().to("bob").from("alice"),
        || Matcher::any().content("hi").status(200),
        || Matcher::any().close_code(CloseCode::NORMAL).user("alice"),
        || Matcher::any().from("alice").from("bob"),
        || Matcher::response(Operation::GetRoom).status(199),
    ];
    for matcher in refused {
        let text = failure(matcher);
        assert!(text.ends_with("nothing would match"), "{text}");
    }
    drop(Matcher::message().content("hi").containing("h").containing("i"));
    drop(Matcher::any().from("alice").to("bob").room("lobby").room("Room00000001"));
}

/// Returns a mock whose log has entries of many kinds.
async fn eventful() -> MockIvsChat {
    let quotas = Quotas::aws().with(Quota::MessagingRequestsPerConnection, 2);
    let ivs = MockIvsChat::builder().quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    room.review_with(|message| match &*message.content {
        "bad" => ReviewResponse::deny("no"),
        _ => ReviewResponse::allow(),
    });
    alice.send_message("hi");
    alice.send_message("bad");
    alice.send_raw("?");
    alice.send_message("late");
    bob.send_raw(r#"{"Action":"DELETE_MESSAGE","RequestId":"r1","Id":"Message00001"}"#);
    room.send_event("app:poll", [("question", "tea?")]);
    ivs.on_action().from("bob").once().ignore();
    ivs.on_delivery().to("bob").once().duplicate();
    bob.send_message("hidden");
    bob.send_message("shown");
    ivs.advance(std::time::Duration::from_secs(1));
    room.disconnect_user("bob", "rude");
    alice.disconnect();
    room.participant("carol").connection().close(CloseCode::GOING_AWAY, "bye");
    room.participant("dave").connection().stall();
    let _erin = room.participant("erin");
    try_connect(&ivs, "no token").await.unwrap_err();
    ivs.disconnect_all();
    ivs.settled().await;
    ivs
}

/// Returns matchers that say something true about an entry.
fn matchers_of(entry: &Entry) -> Vec<Matcher> {
    let user = entry.user_id().unwrap_or("alice");
    let candidates = [
        Matcher::any(),
        Matcher::message(),
        Matcher::event("app:poll"),
        Matcher::event("aws:DELETE_MESSAGE"),
        Matcher::error(ErrorCode::NotAcceptable),
        Matcher::send_message().content("hi"),
        Matcher::delete_message(),
        Matcher::connect().from(user),
        Matcher::close(),
        Matcher::close().from(user),
        Matcher::close().to(user),
        Matcher::disconnected(),
        Matcher::request(Operation::CreateChatToken).user(user),
        Matcher::response(Operation::CreateRoom).status(200),
        Matcher::hook("hook 1").from(user),
        Matcher::quota_exceeded(Quota::MessagingRequestsPerConnection),
        Matcher::any().from(user),
        Matcher::any().from("alice"),
        Matcher::any().to(user),
        Matcher::any().room("lobby"),
        Matcher::any().content("hi"),
        Matcher::any().containing("h"),
        Matcher::any().attribute("question", "tea?"),
        Matcher::any().request_id("r1"),
        Matcher::any().request_id("alice-1"),
        Matcher::any().id("Message00001"),
        Matcher::any().user("alice"),
        Matcher::any().reason("rude"),
        Matcher::any().reason("no"),
        Matcher::any().close_code(CloseCode::GOING_AWAY),
        Matcher::any().status(200),
        Matcher::any().member("name", "lobby"),
    ];
    candidates.into_iter().filter(|matcher| matcher.matches(entry)).collect()
}

#[tokio::test]
async fn conditions_that_an_entry_satisfies_are_never_refused() {
    let ivs = eventful().await;
    let (mut kinds, mut count) = (std::collections::BTreeSet::new(), 0);
    for entry in ivs.log().entries() {
        kinds.insert(entry.kind());
        let matchers = matchers_of(&entry);
        let mut views = vec![ivs.log(), ivs.log().kind(entry.kind())];
        views.extend(entry.direction().map(|direction| ivs.log().direction(direction)));
        views.extend(entry.user_id().map(|user| ivs.log().user(user)));
        views.extend(entry.room().map(|room| ivs.log().room(room)));
        views.extend(entry.connection().map(|connection| ivs.log().connection(connection)));
        views.extend(matchers.iter().cloned().map(|matcher| ivs.log().matching(matcher)));
        for view in views {
            for matcher in &matchers {
                view.expect(matcher.clone()).await;
                let same = matcher.clone();
                let narrowed = view.clone().kind(entry.kind()).matching(same);
                narrowed.expect(Matcher::any()).await;
                count += 1;
            }
        }
    }
    assert!(kinds.len() >= 14 && count > 1_000, "{count} in {kinds:?}");
}

#[test]
fn a_misspelled_user_is_refused_where_nothing_is_expected_of_it() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    alice.send_message("hi");
    for (wanted, view) in [("Alice", ivs.log()), ("alcie", ivs.log())] {
        let why = format!("no user {wanted:?} has connected: did you mean \"alice\"?");
        let text = failure(|| view.assert_none(Matcher::message().from(wanted)));
        assert!(text.contains(&why), "{text}");
        let text = failure(|| view.clone().user(wanted).assert_none(Matcher::message()));
        assert!(text.contains(&why), "{text}");
    }
    // A user who never got in is a good reason for an assertion.
    ivs.log().assert_none(Matcher::message().from("mallory"));
    ivs.log().assert_none(Matcher::message().from("alice2"));
    let other = room.participant("Alice");
    ivs.log().assert_none(Matcher::message().from("Alice"));
    drop(other);
}
