//! JSON: hooks as data, to be kept in files and sent to a mock in another process.

mod effect;
mod failure;
mod reading;
#[cfg(test)]
mod tests;

use std::panic::Location;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::hook::builder::HookSpec;
use crate::hook::chain::{Behavior, Expectation, Rule};
use crate::hook::filter::{Filter, FrameKind};
use crate::hook::frequency::{Frequency, Probability};
use crate::hook::json::effect::{Effect, EffectOf};
use crate::hook::point::PointName;
use crate::hook::registry::AnyRule;
use crate::proto::action::ActionKind;
use crate::proto::operation::Operation;
use crate::proto::spelling;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

/// The members of a hook. A condition that is absent holds for every event.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Members {
    on: PointName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame: Option<FrameType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    containing: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nth: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    between: Option<Between>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<Expect>,
    then: Effect,
}

/// The type of a delivered frame.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum FrameType {
    Message,
    Event,
    Error,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Between {
    from: Timestamp,
    until: Timestamp,
}

/// How often a hook is expected to fire.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(untagged, expecting = "`expect` is a number, or an object with `min` and perhaps `max`")]
enum Expect {
    Exactly(usize),
    Range {
        min: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<usize>,
    },
}

impl PointName {
    const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshakes",
            Self::Action => "actions",
            Self::Review => "reviews",
            Self::Delivery => "deliveries",
            Self::Operation => "operations",
        }
    }

    /// Returns the conditions that exist only at some hook points, and exist here.
    const fn conditions(self) -> &'static [&'static str] {
        match self {
            Self::Handshake | Self::Review => &["from"],
            Self::Action => &["from", "connection", "action", "requestId"],
            Self::Delivery => &["from", "to", "connection", "frame", "eventName", "requestId"],
            Self::Operation => &["operation"],
        }
    }
}

impl Members {
    /// Fails if a condition does not exist at the hook point, or if conditions contradict.
    fn check(&self) -> Result<(), String> {
        let conditions = [
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("connection", self.connection.is_some()),
            ("action", self.action.is_some()),
            ("frame", self.frame.is_some()),
            ("eventName", self.event_name.is_some()),
            ("operation", self.operation.is_some()),
            ("requestId", self.request_id.is_some()),
        ];
        // A condition of another hook point would never be met, so the hook would silently do
        // nothing.
        let known = self.on.conditions();
        let is_unknown = |(name, is_set): &&(&str, bool)| *is_set && !known.contains(name);
        if let Some((name, _)) = conditions.iter().find(is_unknown) {
            let (point, known) = (self.on.name(), known.join("`, `"));
            return Err(format!(
                "`{name}` is not a condition of hooks on {point}; known: `{known}`"
            ));
        }
        if self.event_name.is_some() && !matches!(self.frame, None | Some(FrameType::Event)) {
            return Err("`eventName` needs `frame` to be `EVENT`, or absent".into());
        }
        for (name, number) in [("times", self.times), ("nth", self.nth), ("every", self.every)] {
            if number == Some(0) {
                return Err(format!("`{name}` must be at least 1"));
            }
        }
        // The builder has the same rules, but it panics at the line of the test.
        if self.between.as_ref().is_some_and(|between| between.from >= between.until) {
            return Err("`between` needs `until` to be later than `from`".into());
        }
        match (self.probability, self.seed) {
            (None, Some(_)) => return Err("`seed` needs `probability`".into()),
            // No range contains NaN, so it is refused as well.
            (Some(probability), _) if !(0.0..=1.0).contains(&probability) => {
                return Err("`probability` must be between 0 and 1".into());
            }
            _ => {}
        }
        match self.expect {
            Some(Expect::Range { min, max: Some(max) }) if max < min => {
                Err("`expect` has a `max` that is less than its `min`".into())
            }
            _ => Ok(()),
        }
    }

    fn filter(&self) -> Result<Filter, String> {
        let action = self.action.as_deref().map(|name| {
            ActionKind::ALL
                .into_iter()
                .find(|action| action.name() == name)
                .ok_or_else(|| unknown(name, "an action", &ActionKind::ALL.map(ActionKind::name)))
        });
        let operation = self.operation.as_deref().map(|name| {
            Operation::ALL
                .into_iter()
                .find(|operation| operation.name() == name)
                .ok_or_else(|| unknown(name, "an operation", &Operation::ALL.map(Operation::name)))
        });
        let kind = match (self.frame, &self.event_name) {
            (Some(FrameType::Message), _) => Some(FrameKind::Message),
            (Some(FrameType::Error), _) => Some(FrameKind::Error),
            // Only an event has a name, so a name implies the type.
            (Some(FrameType::Event), _) | (None, Some(_)) => Some(FrameKind::Event),
            (None, None) => None,
        };
        // At deliveries the user of the connection is the recipient.
        let (user_id, sender) = match self.on {
            PointName::Delivery => (&self.to, &self.from),
            _ => (&self.from, &None),
        };
        Ok(Filter {
            user_id: user_id.clone(),
            sender: sender.clone(),
            rooms: self.room.iter().cloned().collect(),
            connection: self.connection.map(ConnectionId),
            action: action.transpose()?,
            kind,
            event_name: self.event_name.clone(),
            operation: operation.transpose()?,
            containing: self.containing.iter().cloned().collect(),
            request_id: self.request_id.clone(),
        })
    }

    fn frequency(&self) -> Frequency {
        // Without a seed it is 0, so that each run selects the same events.
        let probability = self
            .probability
            .map(|probability| Probability { probability, seed: self.seed.unwrap_or_default() });
        Frequency {
            limit: self.times,
            nth: self.nth,
            every: self.every,
            after: self.after,
            between: self.between.map(|between| (between.from, between.until)),
            probability,
        }
    }

    fn rule<V: EffectOf>(&self, caller: &'static Location<'static>) -> Result<Rule<V>, String> {
        let hits = self.expect.map(|expect| match expect {
            Expect::Exactly(count) => count..=count,
            Expect::Range { min, max } => min..=max.unwrap_or(usize::MAX),
        });
        // `None` stands for `hold`. Its gate does not exist before the hook is installed, which
        // replaces the verdict.
        let verdict = self.then.verdict(self.on.name())?;
        let (filter, frequency) = (self.filter()?, self.frequency());
        if let Some((name, why)) = filter.conflict() {
            return Err(format!("`{name}` cannot hold: {why}"));
        }
        if let Some(why) = frequency.conflict() {
            return Err(why.into());
        }
        let least = hits.as_ref().map_or(0, |hits| *hits.start());
        if let Some(why) = frequency.too_few_for(least) {
            return Err(format!("`expect` asks for {least} or more, but the hook {why}"));
        }
        Ok(Rule {
            name: self.name.clone(),
            filter,
            frequency,
            expected: hits.map(|hits| Expectation { hits, caller }),
            priority: self.priority.unwrap_or_default(),
            behavior: Behavior::Verdict(verdict.unwrap_or_else(V::pass)),
            written_at: caller,
        })
    }

    fn any_rule(&self, caller: &'static Location<'static>) -> Result<AnyRule, String> {
        self.check()?;
        Ok(match self.on {
            PointName::Handshake => AnyRule::Handshake(self.rule(caller)?),
            PointName::Action => AnyRule::Action(self.rule(caller)?),
            PointName::Review => AnyRule::Review(self.rule(caller)?),
            PointName::Delivery => AnyRule::Delivery(self.rule(caller)?),
            PointName::Operation => AnyRule::Operation(self.rule(caller)?),
        })
    }

    fn of<V: EffectOf>(on: PointName, rule: &Rule<V>, holds: bool) -> Result<Self, &'static str> {
        let Rule { name, filter, frequency, expected, priority, behavior, .. } = rule;
        let then = match behavior {
            // Before the verdict is read: that of a hook which holds is `Pass` until it is
            // installed.
            Behavior::Verdict(_) if holds => Effect::Hold,
            Behavior::Verdict(verdict) => verdict.effect()?,
            Behavior::Closure { .. } => {
                return Err("a hook with a closure cannot be written as JSON");
            }
        };
        let frame = filter.kind.map(|kind| match kind {
            FrameKind::Message => FrameType::Message,
            FrameKind::Event => FrameType::Event,
            FrameKind::Error => FrameType::Error,
        });
        if filter.rooms.len() > 1 || filter.containing.len() > 1 {
            return Err("a hook with two rooms or two texts cannot be written as JSON");
        }
        // The inverse of the mapping in `filter`.
        let (from, to) = match on {
            PointName::Delivery => (filter.sender.clone(), filter.user_id.clone()),
            _ => (filter.user_id.clone(), None),
        };
        let expect = expected.as_ref().map(|expected| {
            let (min, max) = (*expected.hits.start(), *expected.hits.end());
            match max {
                max if max == min => Expect::Exactly(min),
                max => Expect::Range { min, max: (max != usize::MAX).then_some(max) },
            }
        });
        Ok(Self {
            on,
            name: name.clone(),
            // A default is left out, so the JSON stays as short as a person would write it.
            priority: Some(*priority).filter(|priority| *priority != 0),
            room: filter.rooms.first().cloned(),
            from,
            to,
            connection: filter.connection.map(|connection| connection.0),
            action: filter.action.map(|action| action.name().into()),
            frame,
            event_name: filter.event_name.clone(),
            operation: filter.operation.map(|operation| operation.name().into()),
            containing: filter.containing.first().cloned(),
            request_id: filter.request_id.clone(),
            times: frequency.limit,
            nth: frequency.nth,
            every: frequency.every,
            after: frequency.after,
            between: frequency.between.map(|(from, until)| Between { from, until }),
            probability: frequency.probability.map(|probability| probability.probability),
            seed: frequency.probability.map(|probability| probability.seed),
            expect,
            then,
        })
    }
}

fn unknown(name: &str, kind: &str, known: &[&str]) -> String {
    match spelling::meant(name, known.iter().copied()) {
        Some(meant) => format!("`{name}` is not {kind}: did you mean `{meant}`?"),
        None => format!("`{name}` is not {kind}; known: `{}`", known.join("`, `")),
    }
}

/// Writes the hook as JSON; see the [table of faults](crate::guide::faults). This fails if a
/// closure decides, if the hook holds events at a gate that the test has created, or if it has two
/// rooms or two texts.
impl Serialize for HookSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = match &self.rule {
            AnyRule::Handshake(rule) => Members::of(PointName::Handshake, rule, self.holds),
            AnyRule::Action(rule) => Members::of(PointName::Action, rule, self.holds),
            AnyRule::Review(rule) => Members::of(PointName::Review, rule, self.holds),
            AnyRule::Delivery(rule) => Members::of(PointName::Delivery, rule, self.holds),
            AnyRule::Operation(rule) => Members::of(PointName::Operation, rule, self.holds),
        };
        members.map_err(ser::Error::custom)?.serialize(serializer)
    }
}

/// Reads a hook from JSON; see the [table of faults](crate::guide::faults). This fails if its
/// conditions exclude each other. Reports name the line that installs it.
impl<'de> Deserialize<'de> for HookSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = reading::read(deserializer)?;
        // This line is not in the test. `install` replaces it by that of its caller, because of
        // `is_data`.
        let rule = members.any_rule(Location::caller()).map_err(de::Error::custom)?;
        Ok(Self { rule, closure: None, holds: matches!(members.then, Effect::Hold), is_data: true })
    }
}
