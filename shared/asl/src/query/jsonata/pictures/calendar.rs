//! The calendar: days, weeks and the parts of a point in time, in UTC.

const DAY: i64 = 86_400_000;

/// The furthest points in time that JavaScript knows.
pub(in crate::query::jsonata) const FURTHEST: f64 = 8.64e15;

/// Days since 1970-01-01 of a date; months count from 0 and may lie outside of the year.
pub(in crate::query::jsonata) const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year + month.div_euclid(12);
    let month = month.rem_euclid(12) + 1;
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month from 0, and day of the month.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 2 } else { shifted - 10 };
    (year + era * 400 + if month <= 1 { 1 } else { 0 }, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// From Monday, 1, to Sunday, 7.
const fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The day on which the first week of a year or month begins: that with its first Thursday.
const fn first_week(year: i64, month: i64) -> i64 {
    let first = days(year, month, 1);
    let weekday = weekday(first);
    if weekday > 4 { first + 8 - weekday } else { first - (weekday - 1) }
}

/// The number of the week from which a day is, counted from the first week of a period; the next and the one before have
/// weeks of their own.
const fn week(day: i64, this: i64, next: i64, before: i64, most: i64) -> i64 {
    let number = (day - this).div_euclid(7) + 1;
    if number > most && day >= next {
        1
    } else if number < 1 {
        (day - before).div_euclid(7) + 1
    } else {
        number
    }
}

/// A part of a point in time, by its letter in pictures; nothing for a zone, a calendar or an era.
pub(in crate::query::jsonata) const fn fragment(millis: i64, component: char) -> Option<i64> {
    let day = millis.div_euclid(DAY);
    let time = millis.rem_euclid(DAY);
    let (year, month, of_month) = date(day);
    Some(match component {
        'Y' => year,
        'M' => month + 1,
        'D' => of_month,
        'd' => day - days(year, 0, 1) + 1,
        'F' => weekday(day),
        'W' => week(day, first_week(year, 0), first_week(year + 1, 0), first_week(year - 1, 0), 52),
        'w' => week(day, first_week(year, month), first_week(year, month + 1), first_week(year, month - 1), 4),
        'X' => {
            if day < first_week(year, 0) {
                year - 1
            } else if day >= first_week(year + 1, 0) {
                year + 1
            } else {
                year
            }
        }
        'x' => {
            if day < first_week(year, month) {
                (month - 1).rem_euclid(12) + 1
            } else if day >= first_week(year, month + 1) {
                (month + 1).rem_euclid(12) + 1
            } else {
                month + 1
            }
        }
        'H' => time / 3_600_000,
        'h' => (time / 3_600_000 + 11) % 12 + 1,
        'P' => (time / 3_600_000 >= 12) as i64,
        'm' => time / 60_000 % 60,
        's' => time / 1000 % 60,
        'f' => time % 1000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_weeks() {
        for number in [-800_000, -1, 0, 11_016, 20_454, 3_000_000] {
            let (year, month, day) = date(number);
            assert_eq!(days(year, month, day), number);
        }
        assert_eq!(date(0), (1970, 0, 1));
        // 2005-01-01 is a Saturday in the 53rd week of 2004.
        let millis = days(2005, 0, 1) * DAY;
        let parts: Vec<i64> = "YMDdFWwXxHhP".chars().filter_map(|part| fragment(millis, part)).collect();
        assert_eq!(parts, [2005, 1, 1, 1, 6, 53, 5, 2004, 12, 0, 12, 0]);
    }
}
