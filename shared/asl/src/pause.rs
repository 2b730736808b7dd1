//! Pausing and resuming a thread.
//!
//! A paused thread enters no state, tries none again and begins no child. What is out ends, and its result is kept: the
//! state it leads to is held as [`Position::Ready`]. Timers that come due are not heard; resuming sets them again.

use crate::decide::{Effect, Event, pending};
use crate::map_run::{Work, begin, page};
use crate::run::{Run, Step};
use crate::snapshot::{Position, Snapshot};

/// Does a paused thread stay where it stands, whatever comes?
pub(crate) const fn is_held(position: &Position) -> bool {
    match position {
        Position::Ready { .. } | Position::Wait { .. } | Position::Backoff { .. } => true,
        // A page that gets its items begins their executions.
        Position::Work { work, .. } => matches!(work, Work::Load),
        Position::Queued { .. } | Position::Task { .. } | Position::Join { .. } | Position::Ended { .. } => false,
    }
}

/// Is that event not for a paused thread? It comes again when the thread is resumed.
pub(crate) fn holds(position: &Position, event: &Event) -> bool {
    match position {
        Position::Join { fanout, .. } => {
            let joins = matches!(
                event,
                Event::ChildrenJoined { .. } | Event::PagesJoined { .. } | Event::ExecutionsJoined { .. }
            );
            joins && fanout.holds_back()
        }
        Position::Work { .. } => is_held(position) && matches!(event, Event::TaskSucceeded { .. }),
        position => is_held(position) && !matches!(event, Event::MapRunChanged { .. }),
    }
}

/// Pauses or resumes a thread. `None` when it is at that turn already, or further.
pub(crate) fn turn(run: &mut Run<'_>, thread: &mut Snapshot, turn: u32) -> Option<Step> {
    if turn <= thread.turn {
        return None;
    }
    let was_paused = thread.is_paused();
    thread.turn = turn;
    if let Some(fanout) = thread.fanout() {
        run.effects.push(Effect::TurnChildren { fanout: fanout.id });
    }
    if thread.is_paused() || !was_paused {
        return Some(Step::Stand(thread.position.clone()));
    }
    match thread.position.clone() {
        Position::Ready { state, input, .. } => Some(Step::Enter { state, input }),
        position @ (Position::Wait { .. } | Position::Backoff { .. } | Position::Work { work: Work::Load, .. }) => {
            // The deadline's timer is heard all the time.
            let again = pending(run.machine, thread).into_iter();
            run.effects.extend(again.filter(|effect| !matches!(effect, Effect::SetTimer { id: 0, .. })));
            Some(Step::Stand(position))
        }
        Position::Join { attempt, fanout } if fanout.holds_back() => {
            if fanout.map_run().is_some() {
                return begin::resumed(run, thread, &attempt, &fanout);
            }
            if fanout.executions.is_some() {
                return Some(page::resumed(run, thread, &attempt, &fanout));
            }
            Some(run.resumed(thread, &attempt, &fanout))
        }
        position => Some(Step::Stand(position)),
    }
}
