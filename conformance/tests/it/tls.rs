//! TLS: the way to AWS, with its host names, certificates and signatures, ends at a mock.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mock_ivs_chat::{Credentials, MockIvsChat};
use mock_ivs_chat_conformance::{
    Claim, ClaimResult, Counts, Deviation, Running, Target, read_claims, run,
};
use tempfile::TempDir;

use crate::support::{ACCESS_KEY, Ended, Program, SECRET_KEY, claims_folder, for_each};

#[test]
fn all_claims_have_the_same_results_over_tls_with_names_and_signatures_of_aws() {
    let claims = read_claims(claims_folder(), &[]).unwrap();
    let plain = play(&claims, &Target::Mock(Deviation::default()));
    let over_tls = play(&claims, &Target::MockOverTls);
    for (plain, over_tls) in plain.iter().zip(&over_tls) {
        assert_eq!(plain.claim, over_tls.claim);
        assert_eq!(plain.result, over_tls.result, "{}", plain.claim);
        assert_eq!(plain.transcript, over_tls.transcript, "{}", plain.claim);
    }
    let counts = Counts::of(&over_tls);
    let expected = Counts { same: claims.len() - 1, different: 0, not_shown: 1 };
    assert_eq!(counts, expected, "all but the claim about participants, who make no handshake");
}

fn play(claims: &[Claim], target: &Target) -> Vec<ClaimResult> {
    let parts: Vec<&[Claim]> = claims.chunks(20).collect();
    let results = for_each(&parts, |part| {
        let running = Running::start(target.clone(), "tls").unwrap();
        run(*part, &running, Duration::MAX, |_| {})
    });
    results.into_iter().flatten().collect()
}

/// A mock at the names of AWS, and the file with its authority.
struct Stand {
    ivs: MockIvsChat,
    folder: TempDir,
}

impl Stand {
    fn start() -> Self {
        let keys = Credentials::new(ACCESS_KEY, SECRET_KEY);
        let ivs = MockIvsChat::builder().tls().require_signature(keys).start();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), ivs.ca_pem()).unwrap();
        Self { ivs, folder }
    }

    /// Runs the program against this mock as if it was AWS.
    fn run(&self, ca: &Path, secret: &str, more: &[&str]) -> Ended {
        let address = self.ivs.tls_addr();
        let mut arguments: Vec<String> =
            ["aws", "--region", "us-west-2", "--quiet", "0s"].map(Into::into).into();
        for name in ["ivschat", "edge.ivschat"] {
            let hop = format!("{name}.us-west-2.amazonaws.com:443:{address}");
            arguments.extend(["--connect-to".into(), hop]);
        }
        arguments.extend(["--ca".into(), ca.display().to_string()]);
        arguments.extend(["--out".into(), self.folder.path().join("out").display().to_string()]);
        arguments.extend(more.iter().map(|text| (*text).to_owned()));
        Program::start(arguments, &[("AWS_SECRET_ACCESS_KEY", secret)]).end()
    }

    fn ca(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }
}

#[test]
fn the_target_aws_reaches_a_mock_through_the_resolver() {
    let stand = Stand::start();
    let ended = stand.run(&stand.ca(), SECRET_KEY, &["--wait", "0s"]);
    let Ended { stdout, stderr, status } = &ended;
    assert!(status.success(), "{stdout}{stderr}");
    assert!(stdout.contains(" same, 0 different, "), "{stdout}");
    let same = stdout.lines().filter(|line| line.starts_with("same ")).count();
    assert!(same > 150, "only {same} claims were shown:\n{stdout}");
    assert!(stand.ivs.rooms().is_empty(), "rooms are left");
    let recording = fs::read_to_string(stand.folder.path().join("out/recording.json")).unwrap();
    assert!(recording.contains("\"target\": \"url\""), "a mock is not AWS, whatever its name is");
}

#[test]
fn a_wrong_secret_is_refused_by_the_signature() {
    let stand = Stand::start();
    let ended = stand.run(&stand.ca(), "not the secret", &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("InvalidSignatureException"), "{}", ended.stderr);
}

#[test]
fn an_authority_that_is_not_trusted_is_refused() {
    let (stand, other) = (Stand::start(), Stand::start());
    let ended = stand.run(&other.ca(), SECRET_KEY, &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
}
