//! A page of a map run: a child thread that runs the executions of its items.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::Timestamp;
use crate::decide::{Decision, Effect};
use crate::definition::{Kind, MapState, StateMachine};
use crate::history::{Detail, EventType};
use crate::map_run::begin::effect;
use crate::map_run::names::child_context;
use crate::map_run::{
    Batch, Before, Began, Executions, ItemEnd, Loaded, MapRun, PageReport, PageTerms, RunCounts, Work, shares,
};
use crate::run::{Run, Step, broken};
use crate::snapshot::{
    Attempt, Child, ExecutionContext, Failure, Fanout, Join, Moment, Outcome, Position, Role, Snapshot, Source,
};

/// How long an execution of type `EXPRESS` may take.
const EXPRESS_SECONDS: f64 = 300.0;

/// The first decision of a page: it waits for its items.
pub(crate) fn birth(
    run: Run<'_>,
    parent: &Snapshot,
    attempt: &Attempt,
    fanout: &Fanout,
    about: &MapRun,
    index: u32,
) -> Decision {
    let allowed = about.tolerance.allowed(about.total).saturating_sub(about.counts.failures());
    let seed = crate::fanout::mix(fanout.moment.seed, fanout.id, index);
    let terms = PageTerms { number: index, limit: shares(about.limit, about.pages).1, allowed, seed };
    let about = MapRun { page: Some(terms), counts: RunCounts::default(), reader: None, writer: None, ..about.clone() };
    // Of the state's input only what `ItemSelector` reads is needed, and that is in `about`.
    let attempt = Attempt { input: Value::Null, ..attempt.clone() };
    let thread = Snapshot {
        machine: parent.machine,
        execution: parent.execution.clone(),
        child: Some(Child { log: run.log_of(parent, fanout.id, index), ..Child::of(&attempt, index, Role::Page) }),
        variables: parent.variables.clone(),
        last_step: 1,
        fanouts: 0,
        events: 0,
        unfinished: None,
        position: Position::Ready { id: 0, state: String::new(), input: Value::Null },
        turn: 0,
    };
    let mut run = run;
    run.effects.push(effect(1, &attempt, Work::Load, &about));
    let position = Position::Work { id: 1, attempt, work: Work::Load, run: Box::new(about) };
    run.finish(thread, Step::Stand(position))
}

/// The page has its items: runs their executions.
pub(crate) fn loaded(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    about: &MapRun,
    output: Value,
) -> Step {
    begin(run, thread, attempt, about, output).unwrap_or_else(|failure| Step::End(Outcome::Failed { failure }))
}

fn begin(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    about: &MapRun,
    output: Value,
) -> Result<Step, Failure> {
    let mut fanout = open(run.machine, thread, attempt, about, output, run.moment.now)?;
    let exceeded = match &fanout.join {
        Join::Counted { .. } => start_all(run, thread, attempt, &mut fanout)?,
        Join::InTurn { .. } => start_some(run, thread, attempt, &mut fanout)?,
    };
    thread.fanouts = 1;
    if exceeded {
        run.effects.clear();
    }
    if exceeded || fanout.with_logs().is_empty() {
        return Ok(close(&fanout, Vec::new()));
    }
    Ok(Step::Stand(Position::Join { attempt: attempt.clone(), fanout: Box::new(fanout) }))
}

/// The fan-out over the items, before any execution of it has been started.
fn open(
    machine: &StateMachine,
    thread: &Snapshot,
    attempt: &Attempt,
    about: &MapRun,
    output: Value,
    now: Timestamp,
) -> Result<Fanout, Failure> {
    let wrong = |why: String| Failure::new("States.ItemReaderFailed", why);
    let terms = about.page.ok_or_else(|| broken(&attempt.state))?;
    let loaded: Loaded = serde_json::from_value(output).map_err(|problem| wrong(problem.to_string()))?;
    let map = map_of(machine, thread, attempt).ok_or_else(|| broken(&attempt.state))?;
    let moment = Moment { now, seed: terms.seed };
    let mut run = Run::new(machine, moment, 0);
    let mut scene = scene(thread);
    let Loaded { first, items, origins, before } = loaded;
    let mut inputs = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let input = match &map.item_selector {
            None => item,
            Some(selector) => {
                let origin = origins.get(place).unwrap_or(&about.origin);
                let index = first + place as u64;
                show(&mut scene, about, index, item, origin);
                run.evaluate(&scene, attempt, selector, "ItemSelector", &about.input)?
            }
        };
        inputs.push(input);
    }
    let (mut inputs, sizes) = match &about.batch {
        None => (inputs, Vec::new()),
        Some(batch) => group(batch, inputs),
    };
    let total = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
    let join = if terms.limit == 0 || terms.limit >= total {
        Join::Counted { waiting: Vec::new() }
    } else {
        Join::InTurn { running: BTreeMap::new(), done: Vec::new(), next: 0, limit: terms.limit }
    };
    let (mut outputs, mut resumed, mut begun) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (index, was) in before {
        match was {
            Before::Succeeded { output } => {
                outputs.insert(index, output);
            }
            Before::Ended { input, began, resume } => {
                if let Some(given) = usize::try_from(index).ok().and_then(|index| inputs.get_mut(index)) {
                    *given = input;
                }
                if map.distributed.as_ref().is_some_and(|distributed| distributed.express) {
                    continue;
                }
                begun.push((index, began));
                resumed.extend(resume.map(|resume| (index, *resume)));
            }
        }
    }
    let executions = Executions {
        name: about.name,
        label: about.label.clone(),
        terms,
        first,
        sizes,
        failed: Vec::new(),
        late: Vec::new(),
        began: begun,
    };
    Ok(Fanout {
        id: 0,
        source: Source::Items { items: inputs, input: Value::Null },
        total,
        outputs,
        join,
        events: 0,
        moment,
        resumed,
        executions: Some(Box::new(executions)),
    })
}

/// What `ItemSelector` sees: the state's thread, with an item in the context object.
fn scene(page: &Snapshot) -> Snapshot {
    Snapshot {
        machine: page.machine,
        execution: page.execution.clone(),
        child: Some(Child::of(&Attempt::default(), 0, Role::Inner)),
        variables: page.variables.clone(),
        last_step: 0,
        fanouts: 0,
        events: 0,
        unfinished: None,
        position: Position::Ready { id: 0, state: String::new(), input: Value::Null },
        turn: 0,
    }
}

/// Puts an item into the scene.
fn show(scene: &mut Snapshot, about: &MapRun, index: u64, item: Value, origin: &str) {
    let Some(child) = &mut scene.child else { return };
    child.is_map = true;
    child.index = u32::try_from(index).unwrap_or(u32::MAX);
    child.origin = Some(origin.to_owned());
    (child.key, child.item) = match item {
        Value::Object(mut pair) if about.keyed => {
            (pair.get("Key").and_then(Value::as_str).map(ToOwned::to_owned), pair.remove("Value"))
        }
        item => (None, Some(item)),
    };
}

/// `ItemBatcher`: the inputs, and how many items each has.
pub(crate) fn group(batch: &Batch, items: Vec<Value>) -> (Vec<Value>, Vec<u32>) {
    let envelope = |items: Vec<Value>| match &batch.input {
        Some(input) => json!({ "BatchInput": input, "Items": items }),
        None => json!({ "Items": items }),
    };
    let around = envelope(Vec::new()).to_string().len() as u64;
    let (mut inputs, mut sizes): (Vec<Value>, Vec<u32>) = (Vec::new(), Vec::new());
    let (mut open, mut bytes): (Vec<Value>, u64) = (Vec::new(), around);
    for item in items {
        let size = batch.max_bytes.map_or(0, |_| item.to_string().len() as u64 + 1);
        let full = batch.max_items.is_some_and(|most| open.len() as u64 >= most)
            || batch.max_bytes.is_some_and(|most| bytes + size > most + 1);
        if full && !open.is_empty() {
            sizes.push(u32::try_from(open.len()).unwrap_or(u32::MAX));
            inputs.push(envelope(std::mem::take(&mut open)));
            bytes = around;
        }
        bytes += size;
        open.push(item);
    }
    if !open.is_empty() {
        sizes.push(u32::try_from(open.len()).unwrap_or(u32::MAX));
        inputs.push(envelope(open));
    }
    (inputs, sizes)
}

/// Starts every execution. True when more items have failed than may.
fn start_all(run: &mut Run<'_>, thread: &Snapshot, attempt: &Attempt, fanout: &mut Fanout) -> Result<bool, Failure> {
    let (mut started, now) = (Vec::new(), fanout.moment.now);
    for index in (0..fanout.total).filter(|index| !fanout.outputs.contains_key(index)).collect::<Vec<_>>() {
        if start(run, thread, attempt, fanout, index, now, &mut started)? {
            return Ok(true);
        }
    }
    let waiting: Vec<u32> = started.iter().map(|(index, _)| *index).collect();
    for (index, mut decision) in started {
        if let Some(child) = &mut decision.snapshot.child {
            child.counted = crate::fanout::counted(&waiting, index);
        }
        run.effects.push(Effect::StartChild { fanout: fanout.id, index, decision: Box::new(decision) });
    }
    fanout.join = Join::Counted { waiting };
    Ok(false)
}

/// Starts executions until as many are out as may be, or none is left.
fn start_some(run: &mut Run<'_>, thread: &Snapshot, attempt: &Attempt, fanout: &mut Fanout) -> Result<bool, Failure> {
    if thread.is_paused() {
        return Ok(false);
    }
    let (mut started, now) = (Vec::new(), run.moment.now);
    while let Join::InTurn { running, next, limit, .. } = &mut fanout.join {
        let out = running.len().saturating_add(started.len());
        if *next >= fanout.total || out >= usize::try_from(*limit).unwrap_or(usize::MAX) {
            break;
        }
        let index = *next;
        *next += 1;
        if fanout.outputs.contains_key(&index) {
            continue;
        }
        if start(run, thread, attempt, fanout, index, now, &mut started)? {
            return Ok(true);
        }
    }
    for (index, decision) in started {
        if let Join::InTurn { running, .. } = &mut fanout.join {
            running.insert(index, now);
        }
        run.effects.push(Effect::StartChild { fanout: fanout.id, index, decision: Box::new(decision) });
    }
    Ok(false)
}

/// Starts one execution. True when with it more items have failed than may.
fn start(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    fanout: &mut Fanout,
    index: u32,
    now: Timestamp,
    started: &mut Vec<(u32, Decision)>,
) -> Result<bool, Failure> {
    let (decision, weight) = execution(run.machine, thread, attempt, fanout, index, now);
    let Some(outcome) = decision.snapshot.outcome() else {
        run.charge(weight, attempt)?;
        started.push((index, decision));
        return Ok(false);
    };
    if now != fanout.moment.now
        && let Some(executions) = &mut fanout.executions
    {
        executions.late.push((index, now));
    }
    match outcome {
        Outcome::Succeeded { output } => {
            run.charge(crate::run::weigh(output), attempt)?;
            fanout.outputs.insert(index, output.clone());
            Ok(false)
        }
        failed => Ok(note(fanout, index, ItemEnd::from(failed))),
    }
}

/// Notes an execution that ended without success. True when now more items have failed than may.
fn note(fanout: &mut Fanout, index: u32, end: ItemEnd) -> bool {
    fanout.executions.as_mut().is_some_and(|executions| {
        executions.note(index, end);
        executions.failures() > executions.terms.allowed
    })
}

/// Runs an execution from its start until it waits or ends.
fn execution(
    machine: &StateMachine,
    page: &Snapshot,
    attempt: &Attempt,
    fanout: &Fanout,
    index: u32,
    now: Timestamp,
) -> (Decision, usize) {
    let began = fanout.executions.as_ref().and_then(|executions| executions.began(index));
    let redrives = began.map_or(0, |began| began.redrives + 1);
    let moment = Moment { now, seed: crate::fanout::mix(fanout.moment.seed, redrives, index) };
    let mut run = Run::new(machine, moment, crate::decide::STATES_A_DECISION);
    let place = usize::try_from(index).unwrap_or(usize::MAX);
    let input = match &fanout.source {
        Source::Items { items, .. } => items.get(place).cloned(),
        Source::Branches { .. } | Source::Pages { .. } => None,
    };
    let map = map_of(machine, page, attempt);
    let processor = map.map(|map| map.processor);
    let (mut context, mut role) = (ExecutionContext::clone(&page.execution), Role::Execution);
    if let Some(executions) = &fanout.executions {
        let name = executions.name.execution(executions.terms.number, index);
        context = child_context(&page.execution, &executions.label, name);
        if executions.tells_failures(fanout.total) {
            role = Role::ToldExecution;
        }
    }
    let input = input.unwrap_or_default();
    context.start_time = now;
    context.input = machine.reads_execution_input.then(|| input.clone());
    if map.and_then(|map| map.distributed.as_ref()).is_some_and(|distributed| distributed.express) {
        let at = now.plus_seconds(EXPRESS_SECONDS);
        context.deadline = Some(at);
        run.effects.push(Effect::SetTimer { id: 0, at });
    }
    if let Some(began) = began {
        (context.start_time, context.redrive_count) = (began.at, Some(redrives));
        let details = [("redriveCount", Detail::Number(redrives))];
        run.record(EventType::ExecutionRedriven, details.as_slice());
    } else {
        let details = [("input", Detail::Value(&input)), ("roleArn", Detail::Text(&context.role_arn))];
        run.note(EventType::ExecutionStarted, details.as_slice());
    }
    let thread = Snapshot {
        machine: processor.unwrap_or(u32::MAX),
        execution: Arc::new(context),
        child: Some(Child { log: run.log_of(page, fanout.id, index), ..Child::of(attempt, index, role) }),
        variables: Arc::default(),
        last_step: 0,
        fanouts: 0,
        events: 0,
        unfinished: None,
        position: Position::Ready { id: 0, state: String::new(), input: Value::Null },
        turn: 0,
    };
    if let Some(resume) = fanout.resumed.get(&index) {
        return run.go_on(thread, resume);
    }
    let first = run.first_state(thread.machine, input);
    run.finish_weighed(thread, first)
}

/// The first decision of an execution that has a log of its own.
pub(crate) fn restart(
    machine: &StateMachine,
    page: &Snapshot,
    attempt: &Attempt,
    fanout: &Fanout,
    index: u32,
) -> Decision {
    let now = match &fanout.join {
        Join::InTurn { running, .. } => running.get(&index).copied().unwrap_or(fanout.moment.now),
        Join::Counted { .. } => fanout.moment.now,
    };
    let mut decision = execution(machine, page, attempt, fanout, index, now).0;
    if let (Some(child), Join::Counted { waiting }) = (&mut decision.snapshot.child, &fanout.join) {
        child.counted = crate::fanout::counted(waiting, index);
    }
    decision
}

/// An execution has ended, and its page is told.
pub(crate) fn execution_ended(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    fanout: &Fanout,
    index: u32,
    end: ItemEnd,
) -> Option<Step> {
    let mut fanout = fanout.clone();
    let is_out = fanout.out().binary_search(&index).is_ok();
    if !is_out || fanout.executions.as_ref()?.has_failed(index) {
        return None;
    }
    let succeeded = matches!(end, ItemEnd::Succeeded { .. });
    if let Join::InTurn { running, done, .. } = &mut fanout.join {
        running.remove(&index);
        done.push(index);
        done.sort_unstable();
    } else if succeeded {
        return None;
    }
    let exceeded = !succeeded && note(&mut fanout, index, end);
    Some(go_on(run, thread, attempt, fanout, Some(index), exceeded))
}

/// Goes on with executions that were held while the page was paused.
pub(crate) fn resumed(run: &mut Run<'_>, thread: &Snapshot, attempt: &Attempt, fanout: &Fanout) -> Step {
    go_on(run, thread, attempt, fanout.clone(), None, false)
}

/// Starts what may be started now, and looks whether the page has ended. `ended` is the execution that has just ended.
fn go_on(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    mut fanout: Fanout,
    ended: Option<u32>,
    exceeded: bool,
) -> Step {
    let mut exceeded = exceeded;
    if !exceeded && matches!(fanout.join, Join::InTurn { .. }) {
        match start_some(run, thread, attempt, &mut fanout) {
            Ok(more) => exceeded = more,
            Err(failure) => {
                abort_others(run, &fanout, ended);
                return Step::End(Outcome::Failed { failure });
            }
        }
    }
    if exceeded {
        run.effects.clear();
        abort_others(run, &fanout, ended);
        return close(&fanout, Vec::new());
    }
    if matches!(fanout.join, Join::InTurn { .. }) && fanout.out().is_empty() && !fanout.holds_back() {
        run.effects.push(Effect::JoinChildren { fanout: fanout.id });
    }
    Step::Stand(Position::Join { attempt: attempt.clone(), fanout: Box::new(fanout) })
}

fn abort_others(run: &mut Run<'_>, fanout: &Fanout, index: Option<u32>) {
    let ended = |other: &u32| {
        Some(*other) == index || fanout.executions.as_ref().is_some_and(|executions| executions.has_failed(*other))
    };
    let children: Vec<u32> = fanout.out().into_iter().filter(|other| !ended(other)).collect();
    if !children.is_empty() {
        run.effects.push(Effect::AbortChildren { fanout: fanout.id, children });
    }
}

/// Every execution with a log of its own has ended.
pub(crate) fn joined(fanout: &Fanout, ends: Vec<(u32, ItemEnd)>) -> Option<Step> {
    let known: Vec<u32> = ends.iter().map(|(index, _)| *index).collect();
    (fanout.executions.is_some() && known == fanout.with_logs()).then(|| close(fanout, ends))
}

/// The page ends with what its executions came to.
fn close(fanout: &Fanout, ends: Vec<(u32, ItemEnd)>) -> Step {
    let Some(executions) = &fanout.executions else {
        return Step::End(Outcome::Failed { failure: broken("its page") });
    };
    let outputs = fanout.outputs.iter();
    let mut all: BTreeMap<u32, ItemEnd> =
        outputs.map(|(index, output)| (*index, ItemEnd::Succeeded { output: output.clone() })).collect();
    all.extend(executions.failed.iter().cloned());
    all.extend(ends);
    let mut report = PageReport {
        counts: RunCounts::default(),
        executions: fanout.total,
        first: executions.first,
        ends: Vec::new(),
        late: executions.late.clone(),
    };
    for (index, end) in &all {
        report.counts.count(end, executions.size(*index));
    }
    report.ends = all.into_iter().collect();
    match serde_json::to_value(report) {
        Ok(output) => Step::End(Outcome::Succeeded { output }),
        Err(problem) => Step::End(Outcome::Failed { failure: Failure::new("States.Runtime", problem.to_string()) }),
    }
}

/// What runs the executions of a page again, each from its start until it waits or ends, as they ran when the page got its
/// items.
///
/// `page` is the page's thread before that, `output` what it got, `loaded` when.
#[must_use]
pub fn rerun(machine: &StateMachine, page: &Snapshot, output: Value, loaded: Timestamp) -> Option<Rerun> {
    let Position::Work { attempt, run: about, .. } = &page.position else { return None };
    let fanout = open(machine, page, attempt, about, output, loaded).ok()?;
    Some(Rerun { page: page.clone(), attempt: attempt.clone(), fanout })
}

/// A page whose executions can be run again.
#[derive(Debug, Clone)]
pub struct Rerun {
    page: Snapshot,
    attempt: Attempt,
    fanout: Fanout,
}

impl Rerun {
    /// How many executions the page has.
    #[must_use]
    pub const fn executions(&self) -> u32 {
        self.fanout.total
    }

    /// How many items an execution has.
    #[must_use]
    pub fn items(&self, index: u32) -> u64 {
        self.fanout.executions.as_ref().map_or(0, |executions| executions.size(index))
    }

    /// Had an execution succeeded before the run was redriven?
    #[must_use]
    pub fn keeps(&self, index: u32) -> bool {
        self.fanout.outputs.contains_key(&index)
    }

    /// What stays of an execution that is redriven.
    #[must_use]
    pub fn began(&self, index: u32) -> Option<Began> {
        self.fanout.executions.as_ref()?.began(index)
    }

    /// The input of an execution.
    #[must_use]
    pub fn input(&self, index: u32) -> Option<&Value> {
        match &self.fanout.source {
            Source::Items { items, .. } => items.get(usize::try_from(index).ok()?),
            Source::Branches { .. } | Source::Pages { .. } => None,
        }
    }

    /// The first decision of an execution that began at `at`.
    #[must_use]
    pub fn execution(&self, machine: &StateMachine, index: u32, at: Timestamp) -> Option<Decision> {
        self.input(index)?;
        Some(execution(machine, &self.page, &self.attempt, &self.fanout, index, at).0)
    }
}

fn map_of<'m>(machine: &'m StateMachine, thread: &Snapshot, attempt: &Attempt) -> Option<&'m MapState> {
    match &machine.states(thread.machine)?.get(&attempt.state)?.kind {
        Kind::Map(map) => Some(map),
        _ => None,
    }
}
