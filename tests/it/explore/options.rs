//! The options of the explorer, and the kinds of tests in which it runs.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::explore::{Exploration, Explorer};
use mock_ivs_chat::{Capability, Handle, explore};
use rstest::rstest;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};

use super::{connect, fragile, next, send};

fn failing_cases(exploration: &Exploration) -> Vec<String> {
    exploration.failures().iter().map(|failure| failure.case()).collect()
}

#[test]
fn points_faults_and_users_can_be_selected() {
    let selected =
        explore(fragile).in_memory().most_faults(1).point("*.gets.*").fault("closed-10*");
    let exploration = selected.user("alice").run();
    let cases = failing_cases(&exploration);
    assert_eq!(cases.len(), 6, "{cases:?}");
    assert!(cases.iter().all(|case| case.starts_with("alice.gets.1:closed-10")), "{cases:?}");
    let exploration = explore(fragile).in_memory().user("bob").run();
    assert!(failing_cases(&exploration).is_empty());
}

#[test]
fn an_expected_failure_does_not_fail_the_test() {
    let explorer = explore(fragile).in_memory().most_faults(1).fault("reset");
    let exploration = explorer.expect_failure_at("*:reset").run();
    assert!(!exploration.is_failure(), "{exploration}");
    assert!(exploration.failures().iter().all(|failure| failure.is_expected()));
    assert!(exploration.to_string().contains("expected failures:\n  alice."), "{exploration}");
}

#[test]
fn an_expected_failure_that_does_not_occur_fails_the_test() {
    let explorer = explore(fragile).in_memory().most_faults(1).fault("duplicated");
    let exploration = explorer.expect_failure_at("bob.*").run();
    let expected = "no case that matches \"bob.*\" failed: remove `expect_failure_at`";
    assert_eq!(exploration.problems(), [expected]);
}

#[test]
fn the_first_failure_in_the_order_of_points_can_be_the_last() {
    for threads in [1, 2] {
        let explorer = explore(fragile).in_memory().threads(threads).stop_at_first_failure();
        let exploration = explorer.run();
        assert_eq!(failing_cases(&exploration), ["clock.0:outage"]);
        assert!(exploration.to_string().contains("cases were skipped"), "{exploration}");
    }
}

#[test]
fn a_time_budget_skips_cases_without_failing() {
    let exploration = explore(fragile).in_memory().time_budget(Duration::ZERO).run();
    assert_eq!(exploration.problems(), ["there was no time for a run without faults"]);
}

/// A client that survives one loss of its connection, but not two.
async fn survive_once(ivs: Handle) -> Result<(), String> {
    ivs.create_room("lobby");
    for _ in 0..2 {
        let attempt = async {
            let mut alice = connect(&ivs, "alice").await?;
            send(&mut alice, "r1", "hello").await?;
            next(&mut alice).await.ok_or_else(|| "the connection ended".to_owned())
        };
        match timeout(Duration::from_secs(60), attempt).await {
            Ok(Ok(_)) => return Ok(()),
            _ => sleep(Duration::from_secs(30)).await,
        }
    }
    Err("lost twice".into())
}

#[test]
fn two_faults_that_are_needed_together_are_found_and_named() {
    let exploration = explore(survive_once).in_memory().schedules(0).run();
    let cases = failing_cases(&exploration);
    assert!(!cases.is_empty() && cases.iter().all(|case| case.contains('+')), "{exploration}");
    assert!(exploration.is_failure());
}

#[test]
fn a_combination_of_three_is_shrunk_to_the_faults_that_it_needs() {
    let explorer = explore(survive_once).in_memory().schedules(0).most_faults(3).seed(3);
    let exploration = explorer.combinations(60).run();
    let lengths: BTreeSet<usize> =
        failing_cases(&exploration).iter().map(|case| case.split('+').count()).collect();
    assert_eq!(lengths, BTreeSet::from([2]), "{exploration}");
}

/// Two clients of which the second takes for granted that the first one's frame arrives first.
async fn race(ivs: Handle) -> Result<(), String> {
    ivs.create_room("lobby");
    let mut alice = connect(&ivs, "alice").await?;
    let mut bob = connect(&ivs, "bob").await?;
    send(&mut alice, "a1", "from alice").await?;
    send(&mut bob, "b1", "from bob").await?;
    let first = next(&mut bob).await.ok_or("the connection ended")?;
    match first.contains("from alice") {
        true => Ok(()),
        false => Err("bob hears himself first".into()),
    }
}

#[test]
fn another_order_of_independent_frames_exposes_a_race() {
    let exploration = explore(race).in_memory().fault("lagging").run();
    let cases = failing_cases(&exploration);
    assert!(cases.contains(&"alice.sends.1:lagging".to_owned()), "{exploration}");
}

/// A client that connects over a loopback socket.
async fn over_tcp(ivs: Handle) -> Result<(), String> {
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    let url = ivs.ws_url().parse().map_err(|_| "no URL")?;
    let request = ClientRequestBuilder::new(url).with_sub_protocol(token.token);
    let (mut alice, _) = connect_async(request).await.map_err(|error| error.to_string())?;
    let frame = r#"{"Action":"SEND_MESSAGE","RequestId":"r1","Content":"hello"}"#;
    alice.send(Message::text(frame)).await.map_err(|error| error.to_string())?;
    match alice.next().await {
        Some(Ok(Message::Text(text))) if text.contains("hello") => Ok(()),
        other => Err(format!("no echo: {other:?}")),
    }
}

#[test]
fn a_client_over_loopback_is_explored_with_the_same_result_each_time() {
    let explored = || explore(over_tcp).most_faults(1).run();
    let exploration = explored();
    assert!(exploration.problems().is_empty(), "{exploration}");
    let cases = failing_cases(&exploration);
    for case in ["alice.connects.1:reset", "alice.gets.1:lost", "clock.0:outage"] {
        assert!(cases.iter().any(|failing| failing == case), "{case}\n{exploration}");
    }
    assert_eq!(exploration.table(), explored().table());
}

#[tokio::test]
async fn an_exploration_works_in_an_async_test() {
    explore(fragile).in_memory().most_faults(1).fault("duplicated").check();
}

#[tokio::test(start_paused = true)]
async fn an_exploration_works_on_paused_time() {
    explore(fragile).in_memory().most_faults(1).fault("duplicated").check();
}

#[rstest]
#[case("alice")]
#[case("a user. with: marks")]
fn an_exploration_works_in_a_case_of_rstest(#[case] user: &'static str) {
    let exploration = explore(async move |ivs: Handle| {
        ivs.create_room("lobby");
        connect(&ivs, user).await.map(drop)
    })
    .in_memory()
    .most_faults(1)
    .run();
    let cases = failing_cases(&exploration);
    assert!(cases.iter().any(|case| case.ends_with(".connects.1:reset")), "{cases:?}");
}

/// A pattern with a mistake must not make the test pass.
#[rstest]
#[case::point(|explorer: Explorer| explorer.point("alice.send.*"), "alice.send.*")]
#[case::fault(|explorer: Explorer| explorer.fault("close-*"), "close-*")]
#[case::user(|explorer: Explorer| explorer.user("nobody-else"), "nobody-else")]
fn a_selection_that_matches_nothing_fails_the_test(
    #[case] select: fn(Explorer) -> Explorer,
    #[case] pattern: &str,
) {
    let exploration = select(explore(fragile).in_memory()).run();
    let problems = exploration.problems().join("\n");
    assert!(problems.contains(pattern), "{exploration}");
}
