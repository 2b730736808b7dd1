//! When a schedule is due: `rate(…)`, `cron(…)` and `at(…)` as EventBridge Scheduler has them.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use millrace_asl::Timestamp;

use super::cron::{Cron, instant};

/// The longest expression, as EventBridge Scheduler's: 256 characters.
const LONGEST: usize = 256;

/// A schedule expression with its time zone.
#[derive(Debug, Clone)]
pub struct Expression {
    kind: Kind,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Every so many milliseconds.
    Rate(i64),
    /// At the times that a calendar names.
    Cron(Box<Cron>),
    /// Once, when a clock of the time zone shows this.
    At(DateTime),
}

/// A time zone of the IANA database, which is built in: every machine knows the same ones.
///
/// # Errors
/// There is none of that name.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    let known = TimeZoneDatabase::bundled().get(name);
    known.map_err(|_| "must be the name of a time zone, for example Europe/Berlin or UTC".to_owned())
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("must be at most {LONGEST} characters"));
        }
        let text = text.trim();
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        let within = rest.strip_suffix(')');
        let kind = match (name, within) {
            ("rate", Some(within)) => Kind::Rate(rate(within)?),
            ("cron", Some(within)) => Kind::Cron(Box::new(Cron::parse(within)?)),
            ("at", Some(within)) => {
                let time =
                    DateTime::from_str(within.trim()).ok().filter(|_| within.contains('T') && !within.contains('Z'));
                Kind::At(time.ok_or("must be a time after at, for example at(2030-01-31T09:00:00)")?)
            }
            _ => {
                return Err("must be rate(5 minutes), cron(0 9 ? * MON-FRI *) or at(2030-01-31T09:00:00)".to_owned());
            }
        };
        Ok(Self { kind, zone })
    }

    /// Does it come only once?
    #[must_use]
    pub const fn is_once(&self) -> bool {
        matches!(self.kind, Kind::At(_))
    }

    /// The first time that is due at `from` or later. `anchor` is when a rate begins to count.
    #[must_use]
    pub fn first_from(&self, from: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        self.next_after(from.plus_millis(-1), anchor)
    }

    /// The first time that is due after `after`. `anchor` is when a rate begins to count.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(millis) => {
                let gone = after.millis().checked_sub(anchor.millis())?;
                let turns = if gone < 0 { 0 } else { gone / millis + 1 };
                Some(anchor.plus_millis(turns.checked_mul(*millis)?)).filter(|next| *next < Timestamp::MAX)
            }
            Kind::Cron(cron) => cron.next(after, &self.zone),
            Kind::At(time) => instant(*time, &self.zone).filter(|time| *time > after),
        }
    }
}

/// Milliseconds of `5 minutes`. A day is 24 hours, whatever the clocks do.
fn rate(text: &str) -> Result<i64, String> {
    const EXAMPLE: &str = "must be a whole number over 0 and minutes, hours or days, for example rate(5 minutes)";
    let mut words = text.split_whitespace();
    let (Some(value), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err(EXAMPLE.to_owned());
    };
    let minutes = match unit {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return Err(EXAMPLE.to_owned()),
    };
    let value = value.parse::<u32>().ok().filter(|value| *value > 0).ok_or(EXAMPLE)?;
    // 100 years.
    let millis = i64::from(value) * minutes * 60_000;
    if millis > 100 * 366 * 24 * 3_600_000 { Err("must be at most 100 years".to_owned()) } else { Ok(millis) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// The next times of an expression.
    fn next(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let expression = Expression::parse(text, time_zone(zone).unwrap()).unwrap();
        let anchor = at(after);
        let mut last = anchor;
        let mut found = Vec::new();
        while found.len() < count {
            let Some(time) = expression.next_after(last, anchor) else { break };
            found.push(time.to_string().replace(":00.000Z", "Z"));
            last = time;
        }
        found
    }

    fn refused(text: &str) -> String {
        Expression::parse(text, TimeZone::UTC).unwrap_err()
    }

    #[test]
    fn cron_names_days_and_steps() {
        let monday = "2026-11-23T00:00:00Z";
        for (text, times) in [
            ("cron(0 9 ? * MON-FRI *)", ["2026-11-23T09:00Z", "2026-11-24T09:00Z", "2026-11-25T09:00Z"]),
            ("cron(0/20 8 * * ? *)", ["2026-11-23T08:00Z", "2026-11-23T08:20Z", "2026-11-23T08:40Z"]),
            ("cron(15 10,14 1 * ? *)", ["2026-12-01T10:15Z", "2026-12-01T14:15Z", "2027-01-01T10:15Z"]),
            ("cron(0 0 L * ? *)", ["2026-11-30T00:00Z", "2026-12-31T00:00Z", "2027-01-31T00:00Z"]),
            ("cron(0 0 LW * ? *)", ["2026-11-30T00:00Z", "2026-12-31T00:00Z", "2027-01-29T00:00Z"]),
            // The 1st of May 2027 is a Saturday, the 1st of August a Sunday: the nearest weekday of the same month.
            ("cron(0 0 1W 5,8 ? 2027)", ["2027-05-03T00:00Z", "2027-08-02T00:00Z", ""]),
            ("cron(0 0 15W 5-8 ? 2027)", ["2027-05-14T00:00Z", "2027-06-15T00:00Z", "2027-07-15T00:00Z"]),
            ("cron(0 12 ? * 6L *)", ["2026-11-27T12:00Z", "2026-12-25T12:00Z", "2027-01-29T12:00Z"]),
            ("cron(0 12 ? * TUE#2 *)", ["2026-12-08T12:00Z", "2027-01-12T12:00Z", "2027-02-09T12:00Z"]),
            ("cron(0 12 ? * 2#5 *)", ["2026-11-30T12:00Z", "2027-03-29T12:00Z", "2027-05-31T12:00Z"]),
            ("cron(0 0 29 FEB ? *)", ["2028-02-29T00:00Z", "2032-02-29T00:00Z", "2036-02-29T00:00Z"]),
            ("cron(30 0 31 dec ? 2026-2027)", ["2026-12-31T00:30Z", "2027-12-31T00:30Z", ""]),
        ] {
            let times: Vec<&str> = times.into_iter().filter(|time| !time.is_empty()).collect();
            assert_eq!(next(text, "UTC", monday, 3), times, "{text}");
        }
    }

    #[test]
    fn what_clocks_leave_out_is_left_out_and_what_they_show_twice_comes_once() {
        // New York, 2026: 02:00 is followed by 03:00 on the 8th of March, 02:00 by 01:00 on the 1st of November.
        let zone = "America/New_York";
        let spring = next("cron(30 2 * * ? *)", zone, "2026-03-06T12:00:00Z", 3);
        assert_eq!(spring, ["2026-03-07T07:30Z", "2026-03-09T06:30Z", "2026-03-10T06:30Z"]);
        let autumn = next("cron(30 1 * * ? *)", zone, "2026-10-31T00:00:00Z", 3);
        assert_eq!(autumn, ["2026-10-31T05:30Z", "2026-11-01T05:30Z", "2026-11-02T06:30Z"]);
        let hourly = next("cron(0/30 * * * ? *)", zone, "2026-11-01T05:20:00Z", 3);
        assert_eq!(hourly, ["2026-11-01T05:30Z", "2026-11-01T07:00Z", "2026-11-01T07:30Z"]);
        assert_eq!(
            next("cron(0 9 * * ? *)", "Europe/Berlin", "2026-10-24T00:00:00Z", 2),
            ["2026-10-24T07:00Z", "2026-10-25T08:00Z"]
        );
    }

    #[test]
    fn rates_count_from_their_anchor() {
        let expression = Expression::parse("rate(90 minutes)", TimeZone::UTC).unwrap();
        let anchor = at("2026-11-23T10:00:00Z");
        let first = |from| expression.first_from(at(from), anchor).unwrap().to_string();
        assert_eq!(first("2026-11-01T00:00:00Z"), "2026-11-23T10:00:00.000Z");
        assert_eq!(first("2026-11-23T10:00:00Z"), "2026-11-23T10:00:00.000Z");
        assert_eq!(first("2026-11-23T10:00:00.001Z"), "2026-11-23T11:30:00.000Z");
        // A day is 24 hours in every time zone.
        let days = next("rate(1 day)", "America/New_York", "2026-03-07T12:00:00Z", 3);
        assert_eq!(days, ["2026-03-08T12:00Z", "2026-03-09T12:00Z", "2026-03-10T12:00Z"]);
    }

    #[test]
    fn once_is_once() {
        assert_eq!(next("at(2026-12-01T09:00:00)", "Asia/Tokyo", "2026-11-23T00:00:00Z", 3), ["2026-12-01T00:00Z"]);
        assert!(next("at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00Z", 1).is_empty());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("every day", "must be rate("),
            ("rate(0 minutes)", "over 0"),
            ("rate(5 weeks)", "minutes, hours or days"),
            ("rate(4000000000 days)", "at most 100 years"),
            ("rate(5 minutes", "must be rate("),
            ("cron(0 9 * * *)", "six fields"),
            ("cron(0 9 * * * *)", "must be ?"),
            ("cron(0 9 ? * ? *)", "must say when"),
            ("cron(60 9 * * ? *)", "minutes \"60\" must have numbers of 0 to 59"),
            ("cron(0 9 * * ? 1969)", "year"),
            ("cron(0 9 ? * MON#6 *)", "1 to 5"),
            ("cron(0 9 ? * FUN *)", "not \"FUN\""),
            ("cron(0 22-2 * * ? *)", "ends before it begins"),
            ("cron(0/0 9 * * ? *)", "over 0"),
            ("cron(, 9 * * ? *)", "minutes"),
            ("at(tomorrow)", "must be a time"),
            ("at(2026-12-01T09:00:00Z)", "must be a time"),
        ] {
            assert!(refused(text).contains(why), "{text}: {}", refused(text));
        }
        assert!(time_zone("Mars/Olympus").unwrap_err().contains("Europe/Berlin"));
    }

    #[test]
    fn an_expression_that_never_comes_ends() {
        assert!(next("cron(0 0 31 2 ? *)", "UTC", "2026-01-01T00:00:00Z", 1).is_empty());
        assert!(next("cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01T00:00:00Z", 1).is_empty());
    }
}
