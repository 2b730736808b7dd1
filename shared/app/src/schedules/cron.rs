//! Cron expressions in EventBridge's six fields: `minutes hours day-of-month month day-of-week year`.
//!
//! The rules are those of "Cron-based schedules" in the user guide of EventBridge Scheduler
//! (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>): one of the two days is `?`; `L`, `W` and `#` are
//! known in the days; a time that a time zone leaves out is left out, one that it has twice comes once.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use millrace_asl::Timestamp;

/// The years that a field may name.
const YEARS: (i16, i16) = (1970, 2199);
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// EventBridge counts days of the week from Sunday, which is 1.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A cron expression, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
    days: Days,
}

/// Which days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// Of the month, by number.
    Numbers(BTreeSet<i16>),
    /// The month's last day.
    Last,
    /// The month's last weekday, Monday to Friday.
    LastWeekday,
    /// The weekday that is nearest to a day, in the same month.
    Nearest(i16),
    /// Days of the week, from Sunday, 1.
    OfWeek(BTreeSet<i16>),
    /// The last such day of the week in the month.
    LastOfWeek(i16),
    /// A day of the week, the so many-th in the month.
    Nth(i16, i16),
}

/// One field of an expression, for reading it.
struct Field<'a> {
    name: &'static str,
    text: &'a str,
    range: (i16, i16),
    names: &'static [&'static str],
}

impl Field<'_> {
    fn wrong(&self, why: impl std::fmt::Display) -> String {
        format!("the {} {:?} {why}", self.name, self.text)
    }

    /// A number, or a name that stands for one.
    fn number(&self, text: &str) -> Result<i16, String> {
        let (least, most) = self.range;
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|place| i16::try_from(place).ok()).map(|place| least + place);
        let digits = text.len() <= 4 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = named.or_else(|| if digits { text.parse().ok() } else { None });
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.wrong(format!("must have numbers of {least} to {most}, not {text:?}")))
    }

    /// All numbers that the field's list of numbers, ranges and steps names.
    fn numbers(&self) -> Result<BTreeSet<i16>, String> {
        let mut found = BTreeSet::new();
        for part in self.text.split(',') {
            let (span, step) = match part.split_once('/') {
                Some((span, step)) => (span, Some(step)),
                None => (part, None),
            };
            let (from, to) = match span.split_once('-') {
                _ if span == "*" => self.range,
                Some((from, to)) => (self.number(from)?, self.number(to)?),
                // `5/10` goes on to the end.
                None => {
                    let from = self.number(span)?;
                    (from, if step.is_some() { self.range.1 } else { from })
                }
            };
            if from > to {
                return Err(self.wrong(format!("has a range that ends before it begins: {span:?}")));
            }
            let step = match step {
                None => 1,
                Some(step) => step.parse::<usize>().ok().filter(|step| *step > 0).ok_or_else(|| {
                    self.wrong(format!("must have a whole number over 0 after the slash, not {step:?}"))
                })?,
            };
            found.extend((from..=to).step_by(step));
        }
        Ok(found)
    }
}

impl Cron {
    /// Reads the text between the parentheses of `cron(…)`.
    ///
    /// # Errors
    /// What is wrong, and with which field.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minutes, hours, day, month, weekday, year] = fields.as_slice() else {
            return Err(format!(
                "must have six fields: minutes, hours, day of month, month, day of week, year; there are {}",
                fields.len()
            ));
        };
        let field = |name, text, range| Field { name, text, range, names: &[] };
        let day = field("day of month", day, (1, 31));
        let weekday = Field { names: &DAYS, ..field("day of week", weekday, (1, 7)) };
        let days = match (day.text, weekday.text) {
            ("?", "?") => return Err("one of the two days must say when".to_owned()),
            ("?", _) => days_of_week(&weekday)?,
            (_, "?") => days_of_month(&day)?,
            _ => return Err("one of day of month and day of week must be ?".to_owned()),
        };
        Ok(Self {
            minutes: field("minutes", minutes, (0, 59)).numbers()?,
            hours: field("hours", hours, (0, 23)).numbers()?,
            months: Field { names: &MONTHS, ..field("month", month, (1, 12)) }.numbers()?,
            years: field("year", year, YEARS).numbers()?,
            days,
        })
    }

    /// The first time after `after`; nothing where there is none any more.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let instant = jiff::Timestamp::from_millisecond(after.millis()).ok()?;
        let from = zone.to_datetime(instant).date();
        for year in self.years.range(from.year()..) {
            for month in &self.months {
                if (*year, i8::try_from(*month).ok()?) < (from.year(), from.month()) {
                    continue;
                }
                let first = Date::new(*year, i8::try_from(*month).ok()?, 1).ok()?;
                for day in self.days.of(first).into_iter().filter(|day| *day >= from) {
                    if let Some(found) = self.on(day, after, zone) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// The first time after `after` on a day.
    fn on(&self, day: Date, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        times
            .filter_map(|(hour, minute)| {
                let time = day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
                instant(time, zone)
            })
            .find(|time| *time > after)
    }
}

/// When a clock of a time zone shows a time: the first time that it does; nothing where it never does.
pub(super) fn instant(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return None,
    };
    let found = offset.to_timestamp(time).ok()?;
    Some(Timestamp::from_millis(found.as_millisecond()))
}

fn days_of_month(field: &Field<'_>) -> Result<Days, String> {
    match field.text {
        "L" => Ok(Days::Last),
        "LW" | "WL" => Ok(Days::LastWeekday),
        text => match text.strip_suffix('W') {
            Some(day) => Ok(Days::Nearest(field.number(day)?)),
            None => Ok(Days::Numbers(field.numbers()?)),
        },
    }
}

fn days_of_week(field: &Field<'_>) -> Result<Days, String> {
    if let Some((day, nth)) = field.text.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
        let nth = nth.ok_or_else(|| field.wrong("must have 1 to 5 after the #"))?;
        return Ok(Days::Nth(field.number(day)?, nth));
    }
    match field.text.strip_suffix('L') {
        // The week's last day.
        Some("") => Ok(Days::OfWeek(BTreeSet::from([7]))),
        Some(day) => Ok(Days::LastOfWeek(field.number(day)?)),
        None => Ok(Days::OfWeek(field.numbers()?)),
    }
}

/// The number of a date's day of the week, from Sunday, 1.
fn weekday(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_zero_offset()) + 1
}

fn is_workday(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

impl Days {
    /// The days of a month, in order.
    fn of(&self, first: Date) -> Vec<Date> {
        let all = || first.series(jiff::Span::new().days(1)).take_while(move |day| day.month() == first.month());
        match self {
            Self::Numbers(numbers) => all().filter(|day| numbers.contains(&i16::from(day.day()))).collect(),
            Self::Last => all().last().into_iter().collect(),
            Self::LastWeekday => all().filter(|day| is_workday(*day)).last().into_iter().collect(),
            Self::Nearest(wanted) => {
                let Some(wanted) = all().find(|day| i16::from(day.day()) == *wanted) else { return Vec::new() };
                let distance = |day: &Date| (i16::from(day.day()) - i16::from(wanted.day())).abs();
                all().filter(|day| is_workday(*day)).min_by_key(distance).into_iter().collect()
            }
            Self::OfWeek(days) => all().filter(|day| days.contains(&weekday(*day))).collect(),
            Self::LastOfWeek(wanted) => all().filter(|day| weekday(*day) == *wanted).last().into_iter().collect(),
            Self::Nth(wanted, nth) => {
                let found =
                    all().filter(|day| weekday(*day) == *wanted).nth(usize::try_from(nth - 1).unwrap_or_default());
                found.into_iter().collect()
            }
        }
    }
}
