//! When a failed delivery is tried again, when a failing target is left alone, and when it is given up. Pure.

use millrace_asl::Timestamp;

use super::model::Health;

/// The pauses before the second, third, … attempt, in seconds: as Standard Webhooks advise, a day and more in all.
pub const PAUSES: [i64; 10] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200];
/// The longest pause that a target may ask for with `Retry-After`, in seconds.
const LONGEST_PAUSE: i64 = 43_200;
/// From so many failures in a row on a target is tried once at a time, with growing pauses.
pub const FAILURES_BEFORE_REST: u32 = 5;
/// The first and the longest rest, in seconds.
const RESTS: (i64, i64) = (30, 900);
/// How long a delivery waits at the most for a target that rests, in seconds.
const LONGEST_LOOK: i64 = 3_600;
/// After so many failures in a row …
pub const FAILURES_BEFORE_DISABLED: u32 = 20;
/// … over so many hours without a success a subscription is disabled.
pub const HOURS_BEFORE_DISABLED: i64 = 48;

/// When the delivery is tried again after attempt number `tries` failed; `None` when that was the last one. `spread`, any
/// number, keeps those apart that failed together: up to a tenth of the pause is added by it.
#[must_use]
pub(super) fn next_try(tries: u32, now: Timestamp, retry_after: Option<i64>, spread: u64) -> Option<Timestamp> {
    let place = usize::try_from(tries.checked_sub(1)?).ok()?;
    let pause = PAUSES.get(place).copied()?.max(retry_after.unwrap_or_default()).min(LONGEST_PAUSE);
    Some(later(now, pause, spread))
}

/// Until when a target is left alone that failed so often in a row. One that is silent rests from its first failure on.
#[must_use]
pub(super) fn rest_until(failures: u32, silent: bool, now: Timestamp) -> Timestamp {
    let more = match failures.checked_sub(FAILURES_BEFORE_REST) {
        Some(more) => more,
        None if silent => 0,
        None => return now,
    };
    let rest = RESTS.0.saturating_mul(1_i64.checked_shl(more.min(20)).unwrap_or(i64::MAX)).min(RESTS.1);
    now.plus_millis(rest * 1_000)
}

/// When a delivery that met a resting target is looked at again: not before the rest is over, and later each time, up to an
/// hour, since every look costs.
#[must_use]
pub(super) fn after_rest(retry_at: Timestamp, now: Timestamp, put_off: u32, spread: u64) -> Timestamp {
    let place = usize::try_from(put_off).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
    let pause = PAUSES.get(place).copied().unwrap_or_default().min(LONGEST_LOOK);
    later(now, pause, spread).max(later(retry_at, 1, spread))
}

/// Is a target given up?
#[must_use]
pub(super) fn is_lasting(health: &Health, now: Timestamp) -> bool {
    let failing = now.millis().saturating_sub(health.failing_since.millis());
    health.failures >= FAILURES_BEFORE_DISABLED && failing >= HOURS_BEFORE_DISABLED * 3_600_000
}

/// So many seconds later, and up to a tenth more.
fn later(from: Timestamp, seconds: i64, spread: u64) -> Timestamp {
    let tenth = u64::try_from(seconds.saturating_mul(100)).unwrap_or_default().max(1);
    let more = i64::try_from(spread % tenth).unwrap_or_default();
    from.plus_millis(seconds * 1_000 + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn pause(tries: u32, retry_after: Option<i64>) -> Option<i64> {
        next_try(tries, NOW, retry_after, 0).map(|at| (at.millis() - NOW.millis()) / 1_000)
    }

    #[test]
    fn pauses_grow_and_end_after_a_day() {
        let pauses: Vec<i64> = (1..).map_while(|tries| pause(tries, None)).collect();
        assert_eq!(pauses, PAUSES);
        assert!((24..48).contains(&(pauses.iter().sum::<i64>() / 3_600)));
        assert_eq!((pause(0, None), pause(11, None)), (None, None));
    }

    #[test]
    fn a_target_may_ask_for_more_patience_within_bounds() {
        assert_eq!(pause(1, Some(90)), Some(90));
        assert_eq!(pause(4, Some(1)), Some(600));
        assert_eq!(pause(1, Some(i64::MAX)), Some(43_200));
        assert_eq!(pause(11, Some(90)), None);
    }

    #[test]
    fn those_that_failed_together_come_apart() {
        for spread in [0, 1, 77_777, u64::MAX] {
            let at = next_try(3, NOW, None, spread).unwrap().millis() - NOW.millis();
            assert!((120_000..132_000).contains(&at), "{at}");
        }
    }

    #[test]
    fn a_failing_target_rests_longer_and_longer() {
        let rest = |failures| (rest_until(failures, false, NOW).millis() - NOW.millis()) / 1_000;
        assert_eq!([4, 5, 6, 7, 9, 10, 200].map(rest), [0, 30, 60, 120, 480, 900, 900]);
        assert_eq!(
            [1, 4, 5, 6].map(|failures| rest_until(failures, true, NOW).millis() - NOW.millis()),
            [30_000, 30_000, 30_000, 60_000]
        );
        let again = |put_off, rest: i64| {
            (after_rest(NOW.plus_millis(rest * 1_000), NOW, put_off, 0).millis() - NOW.millis()) / 1_000
        };
        assert_eq!(
            [again(0, 0), again(0, 30), again(3, 30), again(9, 900), again(500, 900)],
            [5, 31, 600, 3_600, 3_600]
        );
    }

    #[test]
    fn only_what_lasts_and_repeats_is_given_up() {
        let health = |failures, hours: i64| Health {
            failures,
            failing_since: NOW.plus_millis(-hours * 3_600_000),
            last_error: String::new(),
            retry_at: NOW,
            silent: false,
        };
        assert!(is_lasting(&health(20, 48), NOW));
        assert!(!is_lasting(&health(19, 500), NOW));
        assert!(!is_lasting(&health(5_000, 47), NOW));
    }
}
