//! What is to be done for a schedule at a time. Pure: the caller starts what is to be started.

use millrace_asl::Timestamp;

use super::expression::Expression;
use super::model::{CatchUp, MOST_QUEUED, Outcome, Overlap, Run, Schedule};

/// A turn that comes later than this was missed: as much as EventBridge Scheduler's precision.
const LATE_MILLIS: i64 = 60_000;
/// Executions that are started for one message at most.
const MOST_STARTS: usize = 10;
/// Missed turns that are counted one by one, for one message; those beyond are not counted.
const MOST_COUNTED: usize = 10_000;
/// How long the first look waits for the execution before a queued turn, and every look at most.
const LOOK_MILLIS: (i64, i64) = (2_000, 60_000);

/// What a decision says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Turn {
    /// The turns for which an execution is to be started, by when they were due.
    pub(super) starts: Vec<Timestamp>,
    /// When to look again.
    pub(super) wake_at: Option<Timestamp>,
}

/// Decides what happens now, and changes the schedule as if the starts had been made. `is_running`: the execution that was
/// started last has not ended.
pub(super) fn decide(schedule: &mut Schedule, expression: &Expression, now: Timestamp, is_running: bool) -> Turn {
    let mut turn = Turn::default();
    if schedule.paused {
        return turn;
    }
    let mut is_running = is_running;
    if !is_running && let Some(due) = schedule.queued.pop_front() {
        turn.starts.push(due);
        is_running = true;
    }
    let mut counted = 0;
    while let Some(due) = schedule.next_at.filter(|due| *due <= now) {
        if turn.starts.len() >= MOST_STARTS {
            break;
        }
        let following = schedule.timing.after(expression, due, schedule.anchor);
        schedule.next_at = following;
        let is_late = now.millis() - due.millis() > LATE_MILLIS;
        let is_missed = is_late
            && match schedule.catch_up {
                CatchUp::None => true,
                CatchUp::Last => following.is_some_and(|following| following <= now),
                CatchUp::All => false,
            };
        let left_out = |outcome| Run { due_at: due, at: now, outcome, execution_arn: None, reason: None };
        if is_missed {
            schedule.remember(left_out(Outcome::Missed));
            counted += 1;
            if counted == MOST_COUNTED {
                let from = now.plus_millis(-LATE_MILLIS);
                schedule.next_at = schedule.timing.first_from(expression, from, schedule.anchor);
            }
            continue;
        }
        match schedule.overlap {
            Overlap::Skip if is_running => schedule.remember(left_out(Outcome::Skipped)),
            Overlap::Queue if is_running && schedule.queued.len() >= MOST_QUEUED => {
                schedule.remember(left_out(Outcome::Skipped));
            }
            Overlap::Queue if is_running => schedule.queued.push_back(due),
            Overlap::Skip | Overlap::Queue | Overlap::Allow => {
                turn.starts.push(due);
                is_running = true;
            }
        }
    }
    let look_at = schedule.queued.front().map(|due| {
        // The longer it has waited, the longer it may wait on.
        let waited = now.millis().saturating_sub(due.millis());
        now.plus_millis((waited / 4).clamp(LOOK_MILLIS.0, LOOK_MILLIS.1))
    });
    schedule.look_at = look_at;
    turn.wake_at = [schedule.next_at, look_at].into_iter().flatten().min().map(|at| at.max(now));
    turn
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::ids::{ScheduleId, WorkflowId};
    use crate::schedules::model::{Counts, Target, Timing};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(&format!("2026-11-23T{text}:00Z")).unwrap()
    }

    fn hourly(overlap: Overlap, catch_up: CatchUp) -> (Schedule, Expression) {
        let timing = Timing {
            expression: "cron(0 * * * ? *)".into(),
            time_zone: "UTC".into(),
            start_at: None,
            end_at: Some(at("20:00")),
        };
        let expression = timing.parse().unwrap();
        let schedule = Schedule {
            id: ScheduleId::derived("x"),
            owner: "local".into(),
            name: "hourly".into(),
            description: None,
            timing,
            target: Target { workflow_id: WorkflowId::derived("x"), workflow_arn: "arn".into(), qualifier: None },
            input: None,
            overlap,
            catch_up,
            paused: false,
            anchor: at("08:00"),
            next_at: Some(at("09:00")),
            edition: 1,
            queued: VecDeque::new(),
            look_at: None,
            current: None,
            runs: VecDeque::new(),
            counts: Counts::default(),
            created_at: at("08:00"),
            updated_at: at("08:00"),
        };
        (schedule, expression)
    }

    /// Decides and says what happened: starts, the next look, and the counts of skipped and missed turns.
    fn decided(
        schedule: &mut Schedule,
        expression: &Expression,
        now: &str,
        is_running: bool,
    ) -> (Vec<String>, String, (u64, u64)) {
        let turn = decide(schedule, expression, at(now), is_running);
        let told = |time: Timestamp| time.to_string().get(11..19).unwrap().to_owned();
        let starts = turn.starts.into_iter().map(told).collect();
        (starts, turn.wake_at.map(told).unwrap_or_default(), (schedule.counts.skipped, schedule.counts.missed))
    }

    #[test]
    fn a_turn_starts_and_the_next_one_is_waited_for() {
        let (mut schedule, expression) = hourly(Overlap::Skip, CatchUp::Last);
        let before = decided(&mut schedule, &expression, "08:59", false);
        assert_eq!(before, (vec![], "09:00:00".into(), (0, 0)));
        let due = decided(&mut schedule, &expression, "09:00", false);
        assert_eq!(due, (vec!["09:00:00".into()], "10:00:00".into(), (0, 0)));
        let again = decided(&mut schedule, &expression, "09:00", true);
        assert_eq!(again, (vec![], "10:00:00".into(), (0, 0)));
    }

    #[test]
    fn overlaps_are_skipped_queued_or_allowed() {
        let (mut schedule, expression) = hourly(Overlap::Skip, CatchUp::Last);
        assert_eq!(decided(&mut schedule, &expression, "09:00", true), (vec![], "10:00:00".into(), (1, 0)));
        let (mut schedule, expression) = hourly(Overlap::Allow, CatchUp::Last);
        assert_eq!(decided(&mut schedule, &expression, "09:00", true).0, ["09:00:00"]);
        let (mut schedule, expression) = hourly(Overlap::Queue, CatchUp::Last);
        assert_eq!(decided(&mut schedule, &expression, "09:00", true), (vec![], "09:00:02".into(), (0, 0)));
        assert_eq!(decided(&mut schedule, &expression, "09:10", true), (vec![], "09:11:00".into(), (0, 0)));
        assert_eq!(decided(&mut schedule, &expression, "10:00", true).0, [""; 0]);
        assert_eq!(schedule.queued, [at("09:00"), at("10:00")]);
        assert_eq!(decided(&mut schedule, &expression, "10:05", false).0, ["09:00:00"]);
        assert_eq!(schedule.queued, [at("10:00")]);
    }

    #[test]
    fn what_was_missed_is_left_out_or_made_up_for() {
        let (mut schedule, expression) = hourly(Overlap::Allow, CatchUp::None);
        assert_eq!(decided(&mut schedule, &expression, "12:30", false), (vec![], "13:00:00".into(), (0, 4)));
        let (mut schedule, expression) = hourly(Overlap::Allow, CatchUp::Last);
        let last = decided(&mut schedule, &expression, "12:30", false);
        assert_eq!(last, (vec!["12:00:00".into()], "13:00:00".into(), (0, 3)));
        let (mut schedule, expression) = hourly(Overlap::Allow, CatchUp::All);
        let all = decided(&mut schedule, &expression, "12:30", false);
        assert_eq!(all.0, ["09:00:00", "10:00:00", "11:00:00", "12:00:00"]);
        // A minute is no delay.
        let (mut schedule, expression) = hourly(Overlap::Allow, CatchUp::None);
        assert_eq!(decided(&mut schedule, &expression, "09:01", false).0, ["09:00:00"]);
    }

    #[test]
    fn many_are_made_up_for_in_several_messages() {
        let (mut schedule, expression) = hourly(Overlap::Allow, CatchUp::All);
        schedule.next_at = Some(at("01:00"));
        let first = decided(&mut schedule, &expression, "14:00", false);
        assert_eq!((first.0.len(), first.1.as_str()), (MOST_STARTS, "14:00:00"));
        assert_eq!(decided(&mut schedule, &expression, "14:00", false).0.len(), 4);
    }

    #[test]
    fn it_ends() {
        let (mut schedule, expression) = hourly(Overlap::Allow, CatchUp::Last);
        schedule.next_at = Some(at("20:00"));
        assert_eq!(
            decided(&mut schedule, &expression, "20:00", false),
            (vec!["20:00:00".into()], String::new(), (0, 0))
        );
        assert_eq!(schedule.status(), crate::schedules::ScheduleStatus::Completed);
    }

    #[test]
    fn years_away_are_not_counted_one_by_one() {
        let (mut schedule, _) = hourly(Overlap::Allow, CatchUp::None);
        schedule.timing = Timing { expression: "rate(1 minute)".into(), end_at: None, ..schedule.timing };
        let expression = schedule.timing.parse().unwrap();
        schedule.next_at = Timestamp::parse("2020-01-01T00:00:00Z");
        schedule.anchor = schedule.next_at.unwrap();
        let turn = decide(&mut schedule, &expression, at("09:00"), false);
        assert!(turn.starts.len() <= 2 && turn.wake_at == Some(at("09:01")), "{turn:?}");
    }
}
