//! URL: the target of any pair of endpoints, over the whole corpus.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_ivs_chat::hook::OperationVerdict;
use mock_ivs_chat::{MockIvsChat, Operation};
use mock_ivs_chat_conformance::{
    Cleanup, Counts, Endpoints, Outcome, Running, Target, read_claims, run,
};
use serde_json::json;

use crate::support::claims_folder;

/// The key of the tag of all resources of the runner.
const TAG: &str = "mock-ivs-chat-conformance";

#[test]
fn each_claim_that_endpoints_can_show_is_the_same_and_leaves_nothing() {
    let ivs = MockIvsChat::builder().tls().start();
    let untagged = watch_deletions(&ivs);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, ivs.ca_pem()).unwrap();
    let endpoints =
        [(ivs.endpoint_url(), ivs.ws_url(), None), (ivs.https_url(), ivs.wss_url(), Some(ca))];
    for (control, messaging, ca) in endpoints {
        let shown = play(Endpoints {
            control,
            messaging,
            region: "us-west-2".into(),
            ca,
            patience: Duration::from_secs(10),
            ..Endpoints::default()
        });
        assert!(shown > 150, "only {shown} claims were shown");
        assert!(ivs.rooms().is_empty(), "rooms are left");
        let logs = ivs.call(Operation::ListLoggingConfigurations, json!({})).unwrap();
        assert_eq!(logs, json!({ "loggingConfigurations": [] }));
    }
    assert_eq!(*untagged.lock().unwrap(), [""; 0], "a run that is killed would leave them");
}

/// Plays all claims that need no time; returns how many were shown.
fn play(endpoints: Endpoints) -> usize {
    let claims = read_claims(claims_folder(), &[]).unwrap();
    let running = Running::start(Target::Url(endpoints), "url").unwrap();
    running.check().unwrap();
    let results = run(&claims, &running, Duration::ZERO, |_| {});
    assert_eq!(running.clean(), Cleanup::default());
    for result in &results {
        if let Outcome::Different { diff, .. } = &result.result {
            panic!("{} differs:\n{diff}", result.claim);
        }
        assert!(!result.is_broken, "{result:?}");
    }
    let counts = Counts::of(&results);
    assert_eq!(counts.same + counts.not_shown, claims.len());
    counts.same
}

/// Collects the resources that are deleted without the tag of the runner.
fn watch_deletions(ivs: &MockIvsChat) -> Arc<Mutex<Vec<String>>> {
    let untagged = Arc::<Mutex<Vec<String>>>::default();
    for operation in [Operation::DeleteRoom, Operation::DeleteLoggingConfiguration] {
        let (mock, untagged) = (ivs.handle(), Arc::clone(&untagged));
        ivs.on_operation(operation).decide(move |call| {
            let arn = call.request.get("identifier").cloned().unwrap_or_default();
            let tags = mock.call(Operation::ListTagsForResource, json!({ "resourceArn": arn }));
            if tags.is_ok_and(|tags| tags["tags"].get(TAG).is_none()) {
                untagged.lock().unwrap().push(arn.to_string());
            }
            OperationVerdict::Pass
        });
    }
    untagged
}

#[test]
fn a_rate_is_not_shown_by_actions_that_take_longer_than_a_second() {
    let ivs = MockIvsChat::start();
    // A response takes as long as on a slow network.
    ivs.on_action().delay_real_time(Duration::from_millis(120));
    let endpoints = Endpoints {
        control: ivs.endpoint_url(),
        messaging: ivs.ws_url(),
        region: "us-west-2".into(),
        patience: Duration::from_secs(10),
        ..Endpoints::default()
    };
    let only = ["quotas/requests-per-connection".to_owned()];
    let claims = read_claims(claims_folder(), &only).unwrap();
    let running = Running::start(Target::Url(endpoints), "slow").unwrap();
    let results = run(&claims, &running, Duration::ZERO, |_| {});
    assert_eq!(running.clean(), Cleanup::default());
    let Outcome::NotShown { why } = &results[0].result else { panic!("{results:?}") };
    assert!(why.starts_with("its actions took ") && why.ends_with("per second"), "{why}");
}
