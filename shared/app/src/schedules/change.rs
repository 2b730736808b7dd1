//! Making, changing, pausing and deleting schedules.

use std::collections::VecDeque;

use millrace_asl::Timestamp;
use serde_json::Value;

use super::expression::Expression;
use super::model::{CatchUp, Counts, Overlap, Schedule, Target, Timing, check_name};
use super::store::{self, TRIES, find, not_found};
use crate::error::{Error, FieldProblem};
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError, Write};
use crate::projects::Stored;

/// The longest description, in characters.
const DESCRIPTION_CHARACTERS: usize = 512;
/// The largest input, in bytes of JSON.
const INPUT_BYTES: usize = 64 * 1024;

/// What a schedule is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSchedule {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// When it comes.
    pub timing: Timing,
    /// What it starts.
    pub target: Target,
    /// What with.
    pub input: Option<Value>,
    /// What happens when the execution before still runs.
    pub overlap: Overlap,
    /// What happens to turns that were missed.
    pub catch_up: CatchUp,
    /// Is it to rest until it is resumed?
    pub paused: bool,
}

impl NewSchedule {
    fn check(&self, now: Timestamp) -> Result<Expression, Error> {
        let mut problems = Vec::new();
        if let Err(why) = check_name(&self.name) {
            problems.push(FieldProblem::new("/name", why));
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARACTERS) {
            let why = format!("must be at most {DESCRIPTION_CHARACTERS} characters");
            problems.push(FieldProblem::new("/description", why));
        }
        if self.input.as_ref().is_some_and(|input| input.to_string().len() > INPUT_BYTES) {
            problems.push(FieldProblem::new("/input", format!("must be at most {INPUT_BYTES} bytes")));
        }
        let expression = self.timing.parse().map_err(|more| problems.extend(more)).ok();
        if let Some(expression) = &expression
            && problems.is_empty()
            && self.timing.first_from(expression, now, self.timing.start_at.unwrap_or(now)).is_none()
        {
            problems.push(FieldProblem::new("/expression", "never comes: its times have passed, or are none"));
        }
        expression.filter(|_| problems.is_empty()).ok_or(Error::Invalid(problems))
    }
}

/// Makes a schedule. The same request again answers the schedule that is there.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::WrongState`] when there is another one of that name; [`Error::Store`]
pub async fn create_schedule<P: Ports>(ports: &P, owner: &str, new: NewSchedule) -> Result<Stored<Schedule>, Error> {
    let now = ports.clock().now();
    let expression = new.check(now)?;
    let id = store::id(owner, &new.name);
    if let Some(stored) = find(ports, &id).await? {
        return same(stored, &new);
    }
    let anchor = new.timing.start_at.unwrap_or(now);
    let schedule = Schedule {
        id: id.clone(),
        owner: owner.to_owned(),
        next_at: new.timing.first_from(&expression, now, anchor),
        name: new.name.clone(),
        description: new.description.clone(),
        timing: new.timing.clone(),
        target: new.target.clone(),
        input: new.input.clone(),
        overlap: new.overlap,
        catch_up: new.catch_up,
        paused: new.paused,
        anchor,
        // Timers of a schedule of that name that was deleted mean nothing.
        edition: u64::try_from(now.millis()).unwrap_or_default(),
        queued: VecDeque::new(),
        look_at: None,
        current: None,
        runs: VecDeque::new(),
        counts: Counts::default(),
        created_at: now,
        updated_at: now,
    };
    let wake_at = schedule.next_at.filter(|_| !schedule.paused);
    match ports.records().write(vec![store::write(&schedule, 0, wake_at)?]).await {
        Ok(()) => {
            store::set_timer(ports, &schedule, wake_at).await?;
            Ok(Stored { value: schedule, version: 1 })
        }
        Err(StoreError::Conflict) => same(find(ports, &id).await?.ok_or_else(|| not_found(&new.name))?, &new),
        Err(error) => Err(error.into()),
    }
}

/// The schedule that is there, if it is what was asked for.
fn same(stored: Stored<Schedule>, new: &NewSchedule) -> Result<Stored<Schedule>, Error> {
    let there = &stored.value;
    let is_same = there.timing == new.timing
        && there.target == new.target
        && there.input == new.input
        && there.description == new.description
        && (there.overlap, there.catch_up) == (new.overlap, new.catch_up);
    if is_same { Ok(stored) } else { Err(Error::WrongState(format!("there is another schedule {:?}", new.name))) }
}

/// Replaces what a schedule says. Its times are counted anew; what it has started, and what it counts, stays.
///
/// # Errors
/// [`Error::Invalid`], [`Error::NotFound`], [`Error::VersionMismatch`], [`Error::Store`]
pub async fn update_schedule<P: Ports>(
    ports: &P,
    owner: &str,
    new: NewSchedule,
    expected: Option<u64>,
) -> Result<Stored<Schedule>, Error> {
    let now = ports.clock().now();
    let expression = new.check(now)?;
    change(ports, owner, &new.name.clone(), expected, |schedule| {
        if schedule.timing != new.timing {
            schedule.anchor = new.timing.start_at.unwrap_or(now);
        }
        schedule.description.clone_from(&new.description);
        schedule.timing.clone_from(&new.timing);
        schedule.target.clone_from(&new.target);
        schedule.input.clone_from(&new.input);
        (schedule.overlap, schedule.catch_up) = (new.overlap, new.catch_up);
        schedule.paused = new.paused;
        if new.overlap != Overlap::Queue {
            schedule.queued.clear();
        }
        schedule.next_at = schedule.coming(&expression, now);
        true
    })
    .await
}

/// Has a schedule rest. What it has started goes on; turns that waited are dropped. One that rests is left as it is.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`]
pub async fn pause_schedule<P: Ports>(ports: &P, owner: &str, name: &str) -> Result<Stored<Schedule>, Error> {
    change(ports, owner, name, None, |schedule| {
        schedule.queued.clear();
        !std::mem::replace(&mut schedule.paused, true)
    })
    .await
}

/// Has a schedule come again, from its next time on: what it missed while it rested is not made up for.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`]
pub async fn resume_schedule<P: Ports>(ports: &P, owner: &str, name: &str) -> Result<Stored<Schedule>, Error> {
    let now = ports.clock().now();
    change(ports, owner, name, None, |schedule| {
        if !std::mem::replace(&mut schedule.paused, false) {
            return false;
        }
        schedule.next_at = schedule.timing.parse().ok().and_then(|expression| schedule.coming(&expression, now));
        true
    })
    .await
}

/// Deletes a schedule. What it has started goes on.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`], [`Error::Store`]
pub async fn delete_schedule<P: Ports>(ports: &P, owner: &str, name: &str, expected: Option<u64>) -> Result<(), Error> {
    for _ in 0..TRIES {
        let stored = super::get_schedule(ports, owner, name).await?;
        check_version(&stored, expected)?;
        let delete = Write::Delete(crate::keys::schedule(&stored.value.id), Condition::Version(stored.version));
        match ports.records().write(vec![delete]).await {
            Err(StoreError::Conflict) => {}
            deleted => return Ok(deleted?),
        }
    }
    Err(Error::VersionMismatch { what: "the schedule" })
}

fn check_version(stored: &Stored<Schedule>, expected: Option<u64>) -> Result<(), Error> {
    match expected {
        Some(version) if version != stored.version => Err(Error::VersionMismatch { what: "the schedule" }),
        _ => Ok(()),
    }
}

/// Changes a schedule, which makes its timers mean nothing and sets a new one. `decide` answers false to leave it as it is.
async fn change<P: Ports>(
    ports: &P,
    owner: &str,
    name: &str,
    expected: Option<u64>,
    mut decide: impl FnMut(&mut Schedule) -> bool + Send,
) -> Result<Stored<Schedule>, Error> {
    for _ in 0..TRIES {
        let mut stored = super::get_schedule(ports, owner, name).await?;
        check_version(&stored, expected)?;
        let schedule = &mut stored.value;
        if !decide(schedule) {
            return super::get_schedule(ports, owner, name).await;
        }
        let now = ports.clock().now();
        schedule.edition += 1;
        schedule.updated_at = now;
        let next = schedule.next_at.or_else(|| schedule.queued.front().map(|_| now));
        let wake_at = next.filter(|_| !schedule.paused);
        match ports.records().write(vec![store::write(schedule, stored.version, wake_at)?]).await {
            Ok(()) => {
                store::set_timer(ports, schedule, wake_at).await?;
                return Ok(Stored { version: stored.version + 1, ..stored });
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::VersionMismatch { what: "the schedule" })
}
