//! Which time a report is about.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::Options;
use crate::projects::rfc3339;
use crate::schedules;

/// The longest period, in milliseconds: a month and a bit.
const LONGEST: i64 = 32 * 24 * 3_600 * 1_000;

/// From when to when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// What it is called: a date, or both ends.
    pub title: String,
    /// Its first millisecond.
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
    /// The first millisecond after it.
    #[serde(with = "rfc3339")]
    pub until: Timestamp,
    /// Whose days are meant.
    pub time_zone: String,
}

impl Period {
    /// What the input says: `since` and `until`, or a `date`, or nothing: then the day before the schedule's turn, or before `now`.
    /// A day has as many hours as the time zone gives it.
    pub(super) fn of(options: &Options, now: Timestamp) -> Result<Self, String> {
        let time_zone = options.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
        let zone = schedules::time_zone(&time_zone).map_err(|why| format!("time_zone {why}"))?;
        let time = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => {
                let read = Timestamp::parse(text);
                read.map(Some).ok_or_else(|| format!("{name} must be a time such as 2030-01-31T09:00:00Z"))
            }
        };
        let (since, until) = (time("since", &options.since)?, time("until", &options.until)?);
        if options.date.is_some() && (since.is_some() || until.is_some()) {
            return Err("date can't be given together with since or until".to_owned());
        }
        let (since, until, title) = match (since, until) {
            (Some(since), until) => {
                let until = until.unwrap_or(now);
                (since, until, format!("{since} to {until}"))
            }
            (None, Some(_)) => return Err("until needs since".to_owned()),
            (None, None) => {
                let date = match &options.date {
                    Some(text) => text.parse().map_err(|_| "date must be a day such as 2030-01-31".to_owned())?,
                    None => {
                        let turn = time("scheduled_time", &options.scheduled_time)?.unwrap_or(now);
                        day_before(turn, &zone).ok_or("there is no day before that time")?
                    }
                };
                let next = date.tomorrow().map_err(|_| "date is too late".to_owned())?;
                let (since, until) = (start_of(date, &zone), start_of(next, &zone));
                let (Some(since), Some(until)) = (since, until) else { return Err("date is out of range".to_owned()) };
                (since, until, date.to_string())
            }
        };
        if until <= since || until.millis() - since.millis() > LONGEST {
            return Err("until must be after since, by 32 days at the most".to_owned());
        }
        Ok(Self { title, since, until, time_zone })
    }
}

fn day_before(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    let instant = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
    instant.to_zoned(zone.clone()).date().yesterday().ok()
}

fn start_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    // A day that begins with a gap begins after it.
    let start = date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
    Some(Timestamp::from_millis(start.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(options: Options) -> Result<(String, String, String), String> {
        let now = Timestamp::parse("2026-03-30T01:30:00Z").unwrap();
        let period = Period::of(&options, now)?;
        Ok((period.title, period.since.to_string(), period.until.to_string()))
    }

    fn zone(name: &str) -> Options {
        Options { time_zone: Some(name.into()), ..Options::default() }
    }

    #[test]
    fn the_day_before_in_the_time_zone_is_as_long_as_it_is_there() {
        let told = |title: &str, since: &str, until: &str| Ok((title.into(), since.into(), until.into()));
        assert_eq!(
            period(Options::default()),
            told("2026-03-29", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z")
        );
        // 23 hours: clocks went forward.
        assert_eq!(
            period(zone("Europe/Berlin")),
            told("2026-03-29", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z")
        );
        assert_eq!(
            period(zone("America/Los_Angeles")),
            told("2026-03-28", "2026-03-28T07:00:00.000Z", "2026-03-29T07:00:00.000Z")
        );
        let late = Options { scheduled_time: Some("2026-01-02T03:00:00Z".into()), ..Options::default() };
        assert_eq!(period(late).unwrap().0, "2026-01-01");
    }

    #[test]
    fn what_is_asked_for_counts_and_nonsense_is_refused() {
        let dated = Options { date: Some("2026-02-28".into()), ..Options::default() };
        assert_eq!(period(dated).unwrap().2, "2026-03-01T00:00:00.000Z");
        let since = |since: &str, until: Option<&str>| Options {
            since: Some(since.into()),
            until: until.map(str::to_owned),
            ..Options::default()
        };
        assert_eq!(period(since("2026-03-30T00:00:00Z", None)).unwrap().2, "2026-03-30T01:30:00.000Z");
        for wrong in [
            since("2026-03-30T00:00:00Z", Some("2026-03-29T00:00:00Z")),
            since("2025-03-30T00:00:00Z", None),
            since("yesterday", None),
            zone("Mars/Olympus"),
            Options { date: Some("2026-02-30".into()), ..Options::default() },
            Options { date: Some("2026-02-20".into()), ..since("2026-03-30T00:00:00Z", None) },
            Options { until: Some("2026-03-29T00:00:00Z".into()), ..Options::default() },
        ] {
            assert!(period(wrong).is_err());
        }
    }
}
