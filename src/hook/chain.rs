//! Chain: the hooks of one place, in the order in which they were installed.

use std::fmt;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::hook::filter::{Facts, Filter};
use crate::hook::frequency::Pace;
use crate::proto::timestamp::Timestamp;

/// A hook's number within the fixture, in the order in which they were installed.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct HookId(pub(crate) u64);

/// How often a hook is to fire, and where the test says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Expectation {
    pub(crate) hits: RangeInclusive<usize>,
    pub(crate) caller: &'static Location<'static>,
}

/// What a hook does, as a value that can be kept, cloned and installed.
#[derive(Debug)]
pub(crate) struct Rule<S: ?Sized, V> {
    pub(crate) name: Option<String>,
    pub(crate) filter: Filter,
    pub(crate) pace: Pace,
    pub(crate) expected: Option<Expectation>,
    pub(crate) act: Act<S, V>,
}

impl<S: ?Sized, V: Clone> Clone for Rule<S, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            filter: self.filter.clone(),
            pace: self.pace.clone(),
            expected: self.expected.clone(),
            act: self.act.clone(),
        }
    }
}

/// How a hook comes to its verdict on a subject.
pub(crate) enum Act<S: ?Sized, V> {
    /// It always is the same.
    Always(V),
    /// A closure of the test decides.
    Ask(Arc<Mutex<Box<Closure<S, V>>>>),
}

type Closure<S, V> = dyn FnMut(&S) -> V + Send;

impl<S: ?Sized, V: Clone> Clone for Act<S, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Always(verdict) => Self::Always(verdict.clone()),
            Self::Ask(closure) => Self::Ask(Arc::clone(closure)),
        }
    }
}

impl<S: ?Sized, V: fmt::Debug> fmt::Debug for Act<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(verdict) => verdict.fmt(f),
            Self::Ask(_) => f.write_str("a closure"),
        }
    }
}

/// The hooks of one place.
#[derive(Debug)]
pub(crate) struct Chain<S: ?Sized, V> {
    hooks: Vec<Installed<S, V>>,
}

#[derive(Debug)]
struct Installed<S: ?Sized, V> {
    id: HookId,
    name: Arc<str>,
    seen: usize,
    hits: usize,
    rule: Rule<S, V>,
}

/// A hook that may fire.
pub(crate) struct Candidate<S: ?Sized, V> {
    pub(crate) id: HookId,
    pub(crate) name: Arc<str>,
    pub(crate) act: Act<S, V>,
}

/// What is to be said of a hook in a report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    pub(crate) id: HookId,
    pub(crate) name: Arc<str>,
    pub(crate) hits: usize,
    pub(crate) expected: Option<Expectation>,
}

impl<S: ?Sized, V> Default for Chain<S, V> {
    fn default() -> Self {
        Self { hooks: Vec::new() }
    }
}

impl<S: ?Sized, V: Clone> Chain<S, V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    pub(crate) fn install(&mut self, id: HookId, rule: Rule<S, V>) {
        let name = rule.name.clone().unwrap_or_else(|| format!("hook {}", id.0)).into();
        self.hooks.push(Installed { id, name, seen: 0, hits: 0, rule });
    }

    /// Removes a hook; returns what is to be said of it, and the rule, for its closure is the
    /// test's own: its end may run any code.
    pub(crate) fn remove(&mut self, id: HookId) -> Option<(Standing, Rule<S, V>)> {
        let index = self.hooks.iter().position(|hook| hook.id == id)?;
        let hook = self.hooks.remove(index);
        Some((hook.standing(), hook.rule))
    }

    /// The numbers of all hooks that there are.
    pub(crate) fn ids(&self) -> impl Iterator<Item = HookId> {
        self.hooks.iter().map(|hook| hook.id)
    }

    /// The first hook installed after `last` that may fire at an event.
    pub(crate) fn candidate(
        &mut self,
        last: HookId,
        facts: &Facts<'_>,
        now: Timestamp,
    ) -> Option<Candidate<S, V>> {
        let mut about =
            self.hooks.iter_mut().filter(|hook| hook.id > last && hook.rule.filter.admits(facts));
        let hook = about.find_map(|hook| {
            hook.seen += 1;
            hook.rule.pace.allows(hook.seen, hook.hits, now).then_some(hook)
        })?;
        Some(Candidate { id: hook.id, name: Arc::clone(&hook.name), act: hook.rule.act.clone() })
    }

    /// Counts that a hook has fired; says whether it is still here to be counted.
    pub(crate) fn count(&mut self, id: HookId) -> bool {
        let hook = self.hooks.iter_mut().find(|hook| hook.id == id);
        hook.map(|hook| hook.hits += 1).is_some()
    }

    pub(crate) fn standings(&self) -> impl Iterator<Item = Standing> {
        self.hooks.iter().map(Installed::standing)
    }
}

impl<S: ?Sized, V> Installed<S, V> {
    fn standing(&self) -> Standing {
        let expected = self.rule.expected.clone();
        Standing { id: self.id, name: Arc::clone(&self.name), hits: self.hits, expected }
    }
}
