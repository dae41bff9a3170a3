//! Case: the faults of one run, and their text, which reproduces it.

use std::fmt;
use std::str::FromStr;

use crate::explore::fault::Fault;
use crate::explore::point::Point;

/// A fault at a point. The text is `alice.sends.2:reset`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Injection {
    pub(crate) point: Point,
    pub(crate) fault: Fault,
}

/// The faults of one run; none for the run without faults. The text joins them with `+`.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Case(pub(crate) Vec<Injection>);

impl Case {
    pub(crate) fn single(point: Point, fault: Fault) -> Self {
        Self(vec![Injection { point, fault }])
    }

    /// Returns the case with one more fault.
    pub(crate) fn and(&self, point: Point, fault: Fault) -> Self {
        let mut injections = self.0.clone();
        injections.push(Injection { point, fault });
        Self(injections)
    }

    /// Returns the cases that lack one of the faults.
    pub(crate) fn without_one(&self) -> impl Iterator<Item = Self> {
        (0..self.0.len()).map(|index| {
            let mut injections = self.0.clone();
            injections.remove(index);
            Self(injections)
        })
    }

    /// Returns `true` if all faults only change the order of events.
    pub(crate) fn is_schedule(&self) -> bool {
        self.0.iter().all(|injection| injection.fault == Fault::Lagging)
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point, self.fault)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, injection) in self.0.iter().enumerate() {
            let plus = if index == 0 { "" } else { "+" };
            write!(f, "{plus}{injection}")?;
        }
        Ok(())
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Names have neither `+` nor `:`, because user IDs are percent-encoded.
        let injections = text.split('+').map(|part| {
            let (point, fault) = part
                .trim()
                .rsplit_once(':')
                .ok_or_else(|| format!("{part:?} is not a case such as `alice.sends.2:reset`"))?;
            Ok(Injection { point: point.parse()?, fault: fault.parse()? })
        });
        Ok(Self(injections.collect::<Result<_, String>>()?))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("alice.sends.2:reset")]
    #[case("alice.connects.1:refused-503+alice.connects.2:unanswered")]
    #[case("call.CreateChatToken.1:failed-throttling")]
    #[case("clock.1500:outage")]
    #[case("a%2Eb.gets.10:corrupt-utf8")]
    #[case("bob.review.1:denied")]
    fn a_case_can_be_read_back_from_its_text(#[case] text: &str) {
        assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("", "\"\" is not a case")]
    #[case("alice.sends.2", "\"alice.sends.2\" is not a case")]
    #[case("alice.eats.2:reset", "\"alice.eats.2\" is not a point")]
    #[case("call.Explode.2:reset", "\"call.Explode.2\" is not a point")]
    #[case("alice.sends.x:reset", "\"alice.sends.x\" is not a point")]
    #[case("alice.sends.2:exploded", "\"exploded\" is not a fault")]
    fn a_broken_text_is_an_error_that_names_the_part(#[case] text: &str, #[case] start: &str) {
        let error = text.parse::<Case>().unwrap_err();
        assert!(error.starts_with(start), "{error}");
    }

    #[test]
    fn a_case_is_shrunk_by_one_fault_at_a_time() {
        let case: Case = "a.sends.1:lost+a.sends.2:lost".parse().unwrap();
        let smaller: Vec<String> = case.without_one().map(|case| case.to_string()).collect();
        assert_eq!(smaller, ["a.sends.2:lost", "a.sends.1:lost"]);
    }
}
