//! Controls: the parts of a script that only a mock has: settings, hooks, gates and reviewers.

use std::collections::BTreeMap;
use std::sync::Arc;

use mock_ivs_chat::{Clock, Gate, Handle, Hook, MockIvsChat, MockIvsChatBuilder, Quotas};
use parking_lot::Mutex;

use super::install::{Installed, install};
use super::signatures;
use crate::script::hook::Hook as HookData;
use crate::script::review::ReviewRule;
use crate::script::settings::Setting;
use crate::script::stage::START;
use crate::script::values::{quota, review};

/// Returns the builder of a mock with these settings, whose clock stands still at [`START`].
pub(crate) fn builder(settings: &[Setting]) -> MockIvsChatBuilder {
    let mut builder = MockIvsChat::builder().clock(Clock::frozen_at(START));
    for setting in settings {
        match setting {
            Setting::QuotasOff | Setting::Quota { .. } | Setting::HttpThrottling => {}
            Setting::TokenLifetime(lifetime) => builder = builder.token_lifetime(*lifetime),
            Setting::PingInterval(interval) => builder = builder.ping_interval(*interval),
            Setting::IdleTimeout(timeout) => builder = builder.idle_timeout(*timeout),
            Setting::OmitEmptyReason => builder = builder.omit_empty_reason(),
            Setting::CloseRefusedHandshakes => builder = builder.close_refused_handshakes(),
            Setting::DemandSignatures => builder = signatures::require(builder),
        }
    }
    builder.quotas(quotas(settings))
}

/// Returns the quotas of a mock with these settings.
pub(crate) fn quotas(settings: &[Setting]) -> Quotas {
    settings.iter().fold(Quotas::aws(), |quotas, setting| match setting {
        Setting::QuotasOff => Quotas::unlimited(),
        Setting::Quota { name, limit: Some(limit) } => quotas.with(quota(name), *limit),
        Setting::Quota { name, limit: None } => quotas.without(quota(name)),
        Setting::HttpThrottling => quotas.with_http_throttling(),
        _ => quotas,
    })
}

/// The hooks, gates and review functions of a script, by name.
#[derive(Default)]
pub(crate) struct Controls {
    hooks: BTreeMap<String, Hook>,
    gates: BTreeMap<String, Gate>,
    reviewers: BTreeMap<String, Arc<Mutex<Vec<ReviewRule>>>>,
}

impl Controls {
    pub(crate) fn install(&mut self, ivs: &Handle, hook: &HookData) -> Result<(), String> {
        match (install(ivs, hook)?, &hook.name, hook.gate()) {
            (Installed::Hook(installed), Some(name), _) => {
                self.hooks.insert(name.clone(), installed);
            }
            (Installed::Gate(gate), _, Some(name)) => {
                self.gates.insert(name.to_owned(), gate);
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the hook of this name, which is about to be removed.
    pub(crate) fn take_hook(&mut self, name: &str) -> Result<Hook, String> {
        self.hooks.remove(name).ok_or_else(|| format!("there is no hook {name:?}"))
    }

    pub(crate) fn gate(&self, name: &str) -> Result<Gate, String> {
        self.gates.get(name).cloned().ok_or_else(|| format!("there is no gate `{name}`"))
    }

    pub(crate) fn add_review_rule(&mut self, ivs: &Handle, function_arn: &str, rule: ReviewRule) {
        let rules = self.reviewers.entry(function_arn.to_owned()).or_insert_with(|| {
            let rules = Arc::<Mutex<Vec<ReviewRule>>>::default();
            let shared = Arc::clone(&rules);
            ivs.review_lambda(function_arn, move |request| {
                review(&ReviewRule::respond(&shared.lock(), &request.content))
            });
            rules
        });
        rules.lock().push(rule);
    }
}

/// Releases a gate; returns `false` if nothing waits there that could be released.
pub(crate) fn release(gate: &Gate, releases_all: bool) -> bool {
    if releases_all {
        gate.release();
    }
    releases_all || gate.release_one()
}
