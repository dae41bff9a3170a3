//! Timestamp: a moment on the mock clock, in nanoseconds.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment on the mock clock: nanoseconds since 1970-01-01T00:00:00Z.
///
/// It prints like a `SendTime` of the service: RFC 3339 in UTC, with as many decimals as needed, at
/// most nine.
///
/// Observed: captured frames have nanoseconds with trailing zeros trimmed.
///
/// ```
/// use std::time::Duration;
/// use mock_ivs_chat::Timestamp;
///
/// let noon: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
/// let later = noon + Duration::from_millis(60_500);
/// assert_eq!(later.to_string(), "2026-01-01T12:01:00.5Z");
/// assert_eq!(later.since(noon), Duration::from_millis(60_500));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    nanoseconds: u64,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z, the earliest moment.
    pub const UNIX_EPOCH: Self = Self { nanoseconds: 0 };

    /// 2554-07-21T23:34:33.709551615Z, the latest moment.
    pub const MAX: Self = Self { nanoseconds: u64::MAX };

    /// Creates the moment `since_epoch` after 1970-01-01T00:00:00Z; at most about 584 years.
    ///
    /// ```
    /// # use mock_ivs_chat::Timestamp;
    /// # use std::time::Duration;
    /// let moment = Timestamp::from_unix(Duration::from_secs(86_400));
    /// assert_eq!(moment.to_string(), "1970-01-02T00:00:00Z");
    /// ```
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        Self { nanoseconds: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Returns the time since 1970-01-01T00:00:00Z.
    ///
    /// ```
    /// # use mock_ivs_chat::Timestamp;
    /// # use std::time::Duration;
    /// let moment: Timestamp = "1970-01-01T00:00:01Z".parse().unwrap();
    /// assert_eq!(moment.to_unix(), Duration::from_secs(1));
    /// ```
    #[must_use]
    pub const fn to_unix(self) -> Duration {
        Duration::from_nanos(self.nanoseconds)
    }

    /// Returns the time from `earlier` to this moment; zero if this moment is not later.
    ///
    /// ```
    /// # use mock_ivs_chat::Timestamp;
    /// # use std::time::Duration;
    /// let start = Timestamp::from_unix(Duration::from_secs(5));
    /// assert_eq!(start.since(start + Duration::from_secs(1)), Duration::ZERO);
    /// ```
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanoseconds.saturating_sub(earlier.nanoseconds))
    }

    /// Returns this moment without its fraction of a second.
    pub(crate) const fn whole_seconds(self) -> Self {
        Self { nanoseconds: self.nanoseconds - self.nanoseconds % 1_000_000_000 }
    }

    /// Returns this moment without its fraction of a millisecond.
    pub(crate) const fn whole_milliseconds(self) -> Self {
        Self { nanoseconds: self.nanoseconds - self.nanoseconds % 1_000_000 }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self::from_unix(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { nanoseconds: self.nanoseconds.saturating_add(Self::from_unix(duration).nanoseconds) }
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        // Saturates, because a test may set the clock to 1970, and some rules subtract from it.
        Self { nanoseconds: self.nanoseconds.saturating_sub(Self::from_unix(duration).nanoseconds) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some systems' times are coarser than a nanosecond, so only the whole seconds pass
        // through `SystemTime`.
        let seconds = UNIX_EPOCH + self.whole_seconds().to_unix();
        let text = humantime::format_rfc3339_seconds(seconds).to_string();
        f.write_str(text.trim_end_matches('Z'))?;
        match self.nanoseconds % 1_000_000_000 {
            0 => f.write_str("Z"),
            fraction => write!(f, ".{}Z", format!("{fraction:09}").trim_end_matches('0')),
        }
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Parses RFC 3339 in UTC, with up to nine decimals: `2026-01-01T00:00:00.5Z`. The time must be
    /// from [`Timestamp::UNIX_EPOCH`] to [`Timestamp::MAX`].
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let error = |is_out_of_range| ParseTimestampError { text: text.into(), is_out_of_range };
        let refused = || error(false);
        let (seconds, fraction) = match text.strip_suffix('Z').and_then(|t| t.split_once('.')) {
            Some((seconds, fraction)) => (format!("{seconds}Z"), fraction),
            None => (text.into(), "0"),
        };
        if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let is_before_1970 = || {
            // The same text in a leap year, which has all dates, would be a time.
            // `parse` also accepts a sign, which RFC 3339 does not.
            let is_year = |year: &&str| year.bytes().all(|byte| byte.is_ascii_digit());
            let year = seconds.get(..4).filter(is_year).and_then(|year| year.parse::<u16>().ok());
            let later = seconds.get(4..).map(|rest| format!("2000{rest}"));
            let is_time = later.is_some_and(|later| humantime::parse_rfc3339(&later).is_ok());
            is_time && year.is_some_and(|year| year < 1970)
        };
        let whole = humantime::parse_rfc3339(&seconds).map_err(|_| error(is_before_1970()))?;
        // Padded at the end, because `.5` is half a second.
        let nanoseconds = format!("{fraction:0<9}").parse().map_err(|_| refused())?;
        let whole = whole.duration_since(UNIX_EPOCH).map_err(|_| error(true))?;
        let since_epoch = whole + Duration::from_nanos(nanoseconds);
        // `from_unix` would saturate silently.
        if since_epoch > Self::MAX.to_unix() {
            return Err(error(true));
        }
        Ok(Self::from_unix(since_epoch))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The error of [`Timestamp::from_str`] for a text that is not a time, or not one that a
/// [`Timestamp`] can hold.
///
/// ```
/// use mock_ivs_chat::Timestamp;
///
/// let error = "yesterday".parse::<Timestamp>().unwrap_err();
/// assert_eq!(error.to_string(), "`yesterday` is not a time such as 2026-01-01T00:00:00Z");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParseTimestampError {
    text: String,
    is_out_of_range: bool,
}

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, is_out_of_range } = self;
        if *is_out_of_range {
            let (first, last) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
            return write!(f, "`{text}` is not between {first} and {last}");
        }
        write!(f, "`{text}` is not a time such as 2026-01-01T00:00:00Z")
    }
}

impl std::error::Error for ParseTimestampError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_kept_and_trailing_zeros_trimmed() {
        for text in [
            "2024-01-02T03:04:05.67891Z",
            "2024-01-02T03:04:06.1Z",
            "2024-01-02T03:04:07.000000012Z",
            "2024-01-02T03:04:20.754555595Z",
            "2024-01-02T03:04:05Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_text_that_is_not_a_time_is_refused() {
        for text in [
            "",
            "Z",
            "2024-01-02",
            "2024-01-02T03:04:05.Z5",
            "2024-01-02T03:04:05.1234567890Z",
            "1969-13-01T00:00:00Z",
            "+969-01-01T00:00:00Z",
            "x969-01-01T00:00:00Z",
        ] {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not a time")), "{error}");
        }
    }

    #[test]
    fn a_time_outside_of_the_range_is_refused_and_not_cut() {
        let last = Timestamp::MAX.to_string();
        assert_eq!(last, "2554-07-21T23:34:33.709551615Z");
        assert_eq!(last.parse(), Ok(Timestamp::MAX));
        let earlier = ["1969-12-31T23:59:59.999Z", "1969-01-01T00:00:00Z", "0000-02-29T00:00:00Z"];
        let later = ["2554-07-21T23:34:33.709551616Z", "3000-01-01T00:00:00Z"];
        for text in earlier.into_iter().chain(later) {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            let range = "1970-01-01T00:00:00Z and 2554-07-21T23:34:33.709551615Z";
            assert_eq!(error, format!("`{text}` is not between {range}"));
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let second = Duration::from_secs(1);
        let at = Timestamp::from_unix(Duration::new(5, 123_456_789));
        assert_eq!((at + second).to_unix(), Duration::new(6, 123_456_789));
        assert_eq!((at - second).to_unix(), Duration::new(4, 123_456_789));
        assert_eq!((at - second * 6).to_unix(), Duration::ZERO);
        let last = Timestamp::from_unix(Duration::MAX);
        assert_eq!(last.to_unix(), Duration::from_nanos(u64::MAX));
        assert_eq!(last + second, last);
        assert_eq!((at + second).since(at), second);
        assert_eq!(at.since(at + second), Duration::ZERO);
    }

    #[test]
    fn fractions_can_be_cut() {
        let at = Timestamp::from_unix(Duration::new(5, 123_456_789));
        assert_eq!(at.whole_seconds().to_unix(), Duration::from_secs(5));
        assert_eq!(at.whole_milliseconds().to_unix(), Duration::from_millis(5_123));
        assert_eq!(at.whole_seconds().whole_milliseconds().whole_seconds(), at.whole_seconds());
    }

    #[test]
    fn times_of_the_system_and_of_json_are_read() {
        let at = Timestamp::from_unix(Duration::from_millis(1_500));
        assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_millis(1_500)), at);
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)), Timestamp::default());
        assert_eq!(serde_json::to_string(&at).unwrap(), r#""1970-01-01T00:00:01.5Z""#);
        assert_eq!(serde_json::from_str::<Timestamp>(r#""1970-01-01T00:00:01.5Z""#).unwrap(), at);
        let error = "x".parse::<Timestamp>().unwrap_err().to_string();
        assert_eq!(error, "`x` is not a time such as 2026-01-01T00:00:00Z");
        assert!(
            serde_json::from_str::<Timestamp>(r#""x""#)
                .unwrap_err()
                .to_string()
                .starts_with(&error)
        );
    }
}
