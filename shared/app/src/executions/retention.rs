//! How long executions are kept once they have ended.

use millrace_asl::Timestamp;

const DAY_MILLIS: i64 = 24 * 3600 * 1000;
/// An entry of a log is kept for so long at least: over a year, since the thread itself or its parent may wait as long for
/// something else.
const LEAST_ENTRY_DAYS: u32 = 400;
/// It is kept for so much longer than a record: an execution that ran for so long has its whole history.
const LONGER_DAYS: u32 = 310;

/// How long the record of an execution, and of a map run, is kept from its end on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    days: u32,
}

/// The days are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is {text:?}: it must be a whole number of days from 1 to {}", Retention::VARIABLE, Retention::MOST_DAYS)]
pub struct RetentionError {
    text: String,
}

impl Default for Retention {
    /// 90 days, as Step Functions keeps them
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
    fn default() -> Self {
        Self { days: 90 }
    }
}

impl Retention {
    /// The environment variable that says how many days.
    pub const VARIABLE: &'static str = "MILLRACE_EXECUTION_RETENTION_DAYS";
    /// The most that can be said: values of executions are kept for 800 days where nothing else is said, and their logs must end
    /// before.
    pub const MOST_DAYS: u32 = 365;

    /// What the variable says; the default where it is not set.
    ///
    /// # Errors
    /// [`RetentionError`] where it is not 1 to [`Retention::MOST_DAYS`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, RetentionError> {
        let Some(text) = variable(Self::VARIABLE).filter(|text| !text.trim().is_empty()) else {
            return Ok(Self::default());
        };
        match text.trim().parse() {
            Ok(days) if (1..=Self::MOST_DAYS).contains(&days) => Ok(Self { days }),
            _ => Err(RetentionError { text }),
        }
    }

    /// The days.
    #[must_use]
    pub const fn days(self) -> u32 {
        self.days
    }

    /// When the store may remove the record of what ended at this time.
    pub(crate) fn of_record(self, ended: Timestamp) -> Timestamp {
        ended.plus_millis(i64::from(self.days) * DAY_MILLIS)
    }

    /// When the store may remove an entry of a log that is needed from this time on.
    pub(crate) fn of_entry(self, from: Timestamp) -> Timestamp {
        let days = (LONGER_DAYS + self.days).max(LEAST_ENTRY_DAYS);
        from.plus_millis(i64::from(days) * DAY_MILLIS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_are_read() {
        let read = |text: &str| Retention::from_variables(|_| Some(text.to_owned()));
        assert_eq!(Retention::from_variables(|_| None).unwrap().days(), 90);
        assert_eq!((read("").unwrap().days(), read(" 7 ").unwrap().days(), read("365").unwrap().days()), (90, 7, 365));
        for wrong in ["0", "366", "-1", "1.5", "a year"] {
            let told = read(wrong).unwrap_err().to_string();
            assert!(told.contains(Retention::VARIABLE) && told.contains(wrong) && told.contains("1 to 365"), "{told}");
        }
    }

    #[test]
    fn a_log_is_kept_longer_than_its_record() {
        let days = |at: Timestamp| at.millis() / DAY_MILLIS;
        let zero = Timestamp::from_millis(0);
        for (kept, entry) in [(1, 400), (90, 400), (91, 401), (365, 675)] {
            let retention = Retention { days: kept };
            assert_eq!((days(retention.of_record(zero)), days(retention.of_entry(zero))), (i64::from(kept), entry));
        }
    }
}
