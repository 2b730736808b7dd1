//! Executions, their histories and graphs.

use std::collections::BTreeMap;

use millrace_app::executions::{self, Execution, HistoryItem};
use millrace_app::ids::WorkflowId;
use millrace_asl::export::{Graph, Statuses};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An execution in a listing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionSummary {
    /// Its id.
    #[schema(example = "exe_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    id: String,
    /// Its ARN in the Step Functions API; null where it is not one of a workflow.
    #[schema(required = true)]
    arn: Option<String>,
    /// Its name.
    name: String,
    /// The workflow; null where it is the delivery of a project.
    #[schema(required = true)]
    workflow_id: Option<String>,
    /// The ARN of the workflow's state machine.
    #[schema(required = true)]
    workflow_arn: Option<String>,
    /// The version that it runs, where it was started through one.
    #[schema(required = true)]
    version: Option<u64>,
    /// The alias that it was started through.
    #[schema(required = true)]
    alias: Option<String>,
    /// The project whose delivery it is.
    #[schema(required = true)]
    project_id: Option<String>,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    status: &'static str,
    /// What it can be found by.
    attributes: BTreeMap<String, String>,
    /// Why it ended without an output: the error's name.
    #[schema(required = true)]
    error: Option<String>,
    /// Why it ended without an output, in words.
    #[schema(required = true)]
    cause: Option<String>,
    /// How often it was redriven.
    redrive_count: u32,
    /// When it was started.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ended.
    #[schema(required = true, format = DateTime)]
    stopped_at: Option<String>,
}

impl From<Execution> for ExecutionSummary {
    fn from(execution: Execution) -> Self {
        let run = execution.workflow.map(|run| *run);
        let failure = execution.failure.unwrap_or_default();
        Self {
            id: execution.id.into(),
            name: execution.name,
            workflow_id: run.as_ref().map(|run| WorkflowId::derived(&run.state_machine_arn).into()),
            version: run.as_ref().and_then(|run| run.through.version()),
            alias: run.as_ref().and_then(|run| run.through.alias().map(str::to_owned)),
            redrive_count: run.as_ref().map_or(0, |run| run.redrives),
            workflow_arn: run.as_ref().map(|run| run.state_machine_arn.clone()),
            arn: run.map(|run| run.execution_arn),
            project_id: execution.project.map(Into::into),
            status: execution.status.name(),
            attributes: execution.attributes,
            error: failure.error,
            cause: failure.cause,
            started_at: execution.started_at.to_string(),
            stopped_at: execution.stopped_at.map(|at| at.to_string()),
        }
    }
}

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Execution)]
pub(crate) struct ExecutionView {
    #[serde(flatten)]
    summary: ExecutionSummary,
    /// What it was started with: any JSON value.
    #[schema(value_type = Value)]
    input: Value,
    /// What it gave: any JSON value; null until it has succeeded.
    #[schema(value_type = Value)]
    output: Value,
    /// The state at which it stands.
    #[schema(required = true)]
    state: Option<String>,
    /// Is it paused?
    paused: bool,
    /// Where it waits to begin, since a limit leaves no room; null once it has begun.
    #[schema(required = true)]
    queued: Option<QueuedView>,
    /// A message of it that was given up while it ran; null when none was, and once it has ended.
    #[schema(required = true)]
    stuck: Option<StuckView>,
}

/// A message that went to the dead letters of its queue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stuck)]
struct StuckView {
    /// The queue.
    queue: String,
    /// When it was given up.
    #[schema(format = DateTime)]
    since: String,
    /// The code of its last error.
    error: String,
}

/// An execution that waits to begin.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queued)]
struct QueuedView {
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// The key of the limit; null when there was room for it just now.
    #[schema(required = true)]
    key: Option<String>,
    /// How soon its turn comes: the highest first, then the oldest.
    priority: i32,
}

impl From<executions::ExecutionView> for ExecutionView {
    fn from(view: executions::ExecutionView) -> Self {
        let stuck = view.execution.stuck.clone();
        Self {
            stuck: stuck.map(|stuck| StuckView {
                queue: stuck.queue,
                since: stuck.since.to_string(),
                error: stuck.error,
            }),
            summary: view.execution.into(),
            input: view.input,
            output: view.output.unwrap_or_default(),
            state: view.state,
            paused: view.paused,
            queued: view.queued.map(|queued| QueuedView {
                since: queued.since.to_string(),
                key: queued.key,
                priority: queued.priority,
            }),
        }
    }
}

/// An event of an execution's history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryEvent)]
pub(crate) struct EventItemView {
    /// From 1.
    id: u64,
    /// The event that led to it; 0 for the first.
    previous_event_id: u64,
    /// The entry of the execution's own log that has it: where a fork may begin. Null for events of branches and items, and for
    /// those that a fork has from its source.
    #[schema(required = true)]
    entry: Option<u64>,
    /// As Step Functions spells it.
    #[serde(rename = "type")]
    #[schema(example = "TaskStateEntered")]
    kind: &'static str,
    /// When.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Its details; `input`, `output` and `parameters` hold JSON values.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

impl From<HistoryItem> for EventItemView {
    fn from(item: HistoryItem) -> Self {
        Self {
            id: item.id,
            previous_event_id: item.previous_event_id,
            entry: item.entry,
            kind: item.kind.name(),
            timestamp: item.timestamp.to_string(),
            details: item.details,
        }
    }
}

/// The states of a definition, a branch or an item processor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Graph)]
pub(crate) struct GraphView {
    /// The first state.
    #[schema(required = true)]
    start_at: Option<String>,
    /// In the order of the definition.
    states: Vec<StateView>,
    /// What leads from one to another.
    transitions: Vec<TransitionView>,
}

/// A state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GraphState)]
struct StateView {
    /// Its name.
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: &'static str,
    /// In an execution `RUNNING`, `SUCCEEDED`, `CAUGHT`, `FAILED` or `ABORTED`; null where it was not entered.
    #[schema(required = true)]
    status: Option<&'static str>,
    /// How often the execution entered it.
    entered: u64,
    /// Can its machine end here?
    end: bool,
    /// The branches of a Parallel state, the item processor of a Map state.
    #[schema(no_recursion)]
    branches: Vec<GraphView>,
}

/// What leads from one state to another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GraphTransition)]
struct TransitionView {
    /// From this state.
    from: String,
    /// To this one.
    to: String,
    /// `next`, `choice`, `default` or `catch`.
    kind: &'static str,
    /// A catcher's errors, a choice's number.
    label: String,
}

impl GraphView {
    /// A graph, with the statuses of an execution.
    pub(crate) fn of(graph: &Graph, statuses: Option<&BTreeMap<String, Statuses>>) -> Self {
        let name = |place: usize| graph.nodes.get(place).map(|node| node.name.clone()).unwrap_or_default();
        let state = |node: &millrace_asl::export::Node| {
            let status = statuses.and_then(|statuses| statuses.get(&node.name));
            StateView {
                name: node.name.clone(),
                kind: node.kind,
                status: status.map(|status| status.status.name()),
                entered: status.map_or(0, |status| status.entered),
                end: node.is_end,
                branches: node.inner.iter().map(|inner| Self::of(inner, statuses)).collect(),
            }
        };
        let transitions = graph.edges.iter().map(|edge| TransitionView {
            from: name(edge.from),
            to: name(edge.to),
            kind: edge.kind.name(),
            label: edge.label.clone(),
        });
        Self {
            start_at: graph.start.map(name),
            states: graph.nodes.iter().map(state).collect(),
            transitions: transitions.collect(),
        }
    }
}
