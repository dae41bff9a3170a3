//! Ledger: the resources that a run has created, and the creations whose result is unknown.

use std::collections::BTreeSet;
use std::fmt;

use parking_lot::Mutex;

use crate::calls::Request;

/// A resource that is left at a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Left {
    /// The ARN, or a description of a resource whose ARN is not known.
    pub resource: String,
    /// The reason why it could not be deleted.
    pub why: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.resource, self.why)
    }
}

/// The end of a cleanup.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cleanup {
    /// The resources that could not be deleted.
    pub left: Vec<Left>,
    /// Creations without a usable response, of which the service shows no resource.
    pub doubts: Vec<String>,
}

/// A creation whose result is unknown.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    number: u64,
    /// `CreateRoom` or `CreateLoggingConfiguration`.
    pub(crate) operation: &'static str,
    /// Whether the request has the tag or the name of this run.
    pub(crate) is_marked: bool,
    /// How the creation went, as far as it is known.
    pub(crate) how: String,
}

/// The operations that create resources, each with the operation and the member that list them.
pub(crate) const CREATIONS: [(&str, &str, &str); 2] = [
    ("CreateRoom", "ListRooms", "rooms"),
    ("CreateLoggingConfiguration", "ListLoggingConfigurations", "loggingConfigurations"),
];

/// Returns the operation that creates something, if this request has one.
pub(crate) fn creation_of(request: &Request) -> Option<&'static str> {
    let name = request.name();
    CREATIONS.iter().map(|(creation, ..)| *creation).find(|creation| *creation == name)
}

#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    resources: Vec<Resource>,
    /// The resources that were deleted, which a service may list for a while.
    deleted: BTreeSet<String>,
    unknown: Vec<Creation>,
    creations: u64,
}

#[derive(Debug)]
struct Resource {
    arn: String,
    /// The service has refused to delete it.
    is_refused: bool,
}

impl Ledger {
    /// Takes note of a creation before its request is sent; returns its number.
    pub(crate) fn begin(&self, operation: &'static str, is_marked: bool) -> u64 {
        let mut inner = self.0.lock();
        inner.creations += 1;
        let number = inner.creations;
        inner.unknown.push(Creation {
            number,
            operation,
            is_marked,
            how: "got no response".into(),
        });
        number
    }

    /// Takes note that a creation has a known result.
    pub(crate) fn settle(&self, number: u64) {
        self.0.lock().unknown.retain(|creation| creation.number != number);
    }

    /// Takes note of how a creation went whose result stays unknown.
    pub(crate) fn doubt(&self, number: u64, how: &str) {
        let mut inner = self.0.lock();
        if let Some(one) = inner.unknown.iter_mut().find(|creation| creation.number == number) {
            one.how = how.to_owned();
        }
    }

    /// Returns the creations whose result is unknown, and forgets them.
    pub(crate) fn take_unknown(&self) -> Vec<Creation> {
        std::mem::take(&mut self.0.lock().unknown)
    }

    /// Returns `true` once something has been created, or may have been.
    pub(crate) fn has_creations(&self) -> bool {
        self.0.lock().creations > 0
    }

    /// Adds a resource; returns `false` if it is known already.
    pub(crate) fn add(&self, arn: &str) -> bool {
        let mut inner = self.0.lock();
        let is_there = inner.resources.iter().any(|resource| resource.arn == arn);
        let is_new = !is_there && !inner.deleted.contains(arn);
        if is_new {
            inner.resources.push(Resource { arn: arn.to_owned(), is_refused: false });
        }
        is_new
    }

    pub(crate) fn remove(&self, arn: &str) {
        let mut inner = self.0.lock();
        inner.resources.retain(|resource| resource.arn != arn);
        inner.deleted.insert(arn.to_owned());
    }

    /// Takes note that a resource could not be deleted. It stays for another attempt.
    pub(crate) fn refuse(&self, arn: &str) {
        let mut inner = self.0.lock();
        inner.resources.iter_mut().filter(|one| one.arn == arn).for_each(|one| {
            one.is_refused = true;
        });
    }

    /// Returns `true` for a resource of the current script.
    pub(crate) fn has(&self, arn: &str) -> bool {
        self.0.lock().resources.iter().any(|one| one.arn == arn && !one.is_refused)
    }

    /// Returns the ARNs in the order in which they can be deleted, with or without those that
    /// could not be deleted before.
    pub(crate) fn arns(&self, with_refused: bool) -> Vec<String> {
        let inner = self.0.lock();
        let resources = inner.resources.iter().filter(|one| with_refused || !one.is_refused);
        let mut arns: Vec<_> = resources.map(|one| one.arn.clone()).collect();
        // A logging configuration can be deleted once no room has it.
        arns.sort_by_key(|arn| arn.contains(":logging-configuration/"));
        arns
    }
}
