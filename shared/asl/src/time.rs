//! Points in time, in milliseconds, without a clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Serialised as that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last millisecond that RFC 3339 can write (year 9999).
    pub const MAX: Self = Self(253_402_207_199_999);

    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Later by so many milliseconds; [`Timestamp::MAX`] at the most.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis)).min(Self::MAX)
    }

    /// Later by so many seconds; [`Timestamp::MAX`] at the most.
    #[must_use]
    pub fn plus_seconds(self, seconds: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        self.plus_millis((seconds * 1000.0).ceil() as i64)
    }

    /// Reads RFC 3339, as the Amazon States Language profiles it (a `T`, and `Z` or an offset). Finer parts than a
    /// millisecond are cut off.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.as_bytes().get(10).is_none_or(|byte| *byte != b'T') {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(|time| Self(time.as_millisecond()))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-01-31T09:30:00.250Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clamped = self.0.clamp(-62_135_596_800_000, Self::MAX.0);
        match jiff::Timestamp::from_millisecond(clamped) {
            Ok(time) => write!(formatter, "{time:.3}"),
            Err(_) => write!(formatter, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let time = Timestamp::from_millis(1_769_851_800_250);
        assert_eq!(time.to_string(), "2026-01-31T09:30:00.250Z");
        assert_eq!(Timestamp::parse("2026-01-31T10:30:00.250999+01:00"), Some(time));
        assert_eq!(Timestamp::parse("2026-01-31 09:30:00Z"), None);
        assert_eq!(Timestamp::parse("2026-01-31T09:30:00"), None);
        assert_eq!(Timestamp::parse("é".repeat(12).as_str()), None);
        assert_eq!(Timestamp::MAX.plus_seconds(1e300), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T21:59:59.999Z");
    }
}
