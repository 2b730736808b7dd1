//! Executions.

use std::time::Duration;

use millrace_app::PayloadLimit;
use millrace_app::executions::{self as engine, ExecutionStatus, ExecutionView, WorkflowRun};
use millrace_app::map_runs::{
    MapExecutionFilter, describe_map_execution, describe_map_run, map_execution_history, stop_map_execution,
};
use millrace_app::ports::Ports;
use millrace_app::workflows::{
    self, ExecutionArn, ExecutionFilter, RedriveWorkflow, Revision, StartWorkflow, StateMachineArn, WorkflowError,
    WorkflowType,
};
use serde_json::{Value, json};

use super::input::{self, data_rule};
use super::map_runs;
use super::state_machines::INCLUDED;
use crate::error::ApiError;
use crate::fields::{ARN, CAUSE, ERROR, Fields, LONG_ARN, NAME, PAGE_TOKEN, TRACE, Text};
use crate::handler::{Answered, Call};
use crate::history as events;
use crate::paging;
use crate::views::{self, Answer};

/// `ListExecutionsPageToken`
const LIST_TOKEN: Text = Text::new(1, 3096);
/// `ClientToken`
const CLIENT_TOKEN: Text = Text::new(1, 64).matching("[!-~]+", |text| text.bytes().all(|byte| byte.is_ascii_graphic()));
/// How long an execution of an `EXPRESS` workflow may take.
const EXPRESS_LIMIT: Duration = Duration::from_secs(300);

/// `ExecutionStatus`, in the order in which the service lists them.
const STATUSES: &[(&str, ExecutionStatus)] = &[
    ("SUCCEEDED", ExecutionStatus::Succeeded),
    ("TIMED_OUT", ExecutionStatus::TimedOut),
    ("PENDING_REDRIVE", ExecutionStatus::PendingRedrive),
    ("ABORTED", ExecutionStatus::Aborted),
    ("FAILED", ExecutionStatus::Failed),
    ("RUNNING", ExecutionStatus::Running),
];

/// The members of a start, and the input as it was written.
fn read_start(fields: &mut Fields<'_>, limit: PayloadLimit) -> Result<(StartWorkflow, Option<String>), ApiError> {
    let arn = fields.required("stateMachineArn", ARN)?;
    let name = fields.text("name", NAME)?;
    let text = fields.text("input", data_rule(limit))?;
    let trace_header = fields.text("traceHeader", TRACE)?;
    fields.check()?;
    let target = StateMachineArn::parse(&arn)?;
    if let Some(name) = &name {
        workflows::check_name(name)?;
    }
    let input = input::parse(text.as_deref())?;
    Ok((
        StartWorkflow {
            target,
            name,
            input,
            trace_header,
            payload_limit: limit,
            only: None,
            waiting: None,
            attributes: engine::Attributes::new(),
            priority: None,
        },
        text,
    ))
}

pub(crate) async fn start<P: Ports>(call: &Call<'_, P>) -> Answered {
    let (start, _) = read_start(&mut Fields::new(call.members), call.scope.payload_limit)?;
    let waiting = call.waiting.map(ToOwned::to_owned);
    let started = workflows::start_workflow(call.ports, StartWorkflow { waiting, ..start }).await?;
    Ok(Answer::new().set("executionArn", started.run.execution_arn).time("startDate", started.started_at).into())
}

pub(crate) async fn start_sync<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let with_data = fields.word("includedData", INCLUDED)?.unwrap_or(true);
    let (start, text) = read_start(&mut fields, call.scope.payload_limit)?;
    let only = Some(WorkflowType::Express);
    let started = workflows::start_workflow(call.ports, StartWorkflow { only, ..start }).await?;
    let arn = &started.run.execution_arn;
    let wait = EXPRESS_LIMIT.min(call.longest_poll);
    let does_not_exist = || WorkflowError::ExecutionDoesNotExist(arn.clone());
    let mut view = engine::await_execution(call.ports, &started.id, wait).await?.ok_or_else(does_not_exist)?;
    let mut timed_out = false;
    if view.execution.status == ExecutionStatus::Running {
        timed_out = engine::stop_execution(call.ports, &started.id, Some("States.Timeout"), None).await?;
        view = workflows::load_execution(call.ports, arn).await?;
    }
    let execution = &view.execution;
    let status = match execution.status {
        ExecutionStatus::Succeeded => "SUCCEEDED",
        _ if timed_out => "TIMED_OUT",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Failed
        | ExecutionStatus::Aborted
        | ExecutionStatus::Running
        | ExecutionStatus::PendingRedrive => "FAILED",
    };
    let stopped_at = execution.stopped_at.unwrap_or_else(|| call.now());
    let took = stopped_at.millis().saturating_sub(execution.started_at.millis()).max(1);
    let failure = execution.failure.as_ref();
    let answer = Answer::new()
        .set("executionArn", arn.as_str())
        .set("stateMachineArn", started.run.state_machine_arn.as_str())
        .set("name", started.name.as_str())
        .time("startDate", execution.started_at)
        .time("stopDate", stopped_at)
        .set("status", status)
        .maybe("error", failure.and_then(|failure| failure.error.as_deref()))
        .maybe("cause", failure.and_then(|failure| failure.cause.as_deref()))
        .maybe("traceHeader", started.run.trace_header.as_deref())
        .set(
            "billingDetails",
            json!({
                "billedMemoryUsedInMB": 64,
                "billedDurationInMilliseconds": (took + 99) / 100 * 100,
            }),
        );
    let input = text.unwrap_or_else(|| "{}".to_owned());
    Ok(data(answer, with_data, Some(input), view.output.map(|output| output.to_string())).into())
}

/// `input` and `output` with their details.
fn data(answer: Answer, with_data: bool, input: Option<String>, output: Option<String>) -> Answer {
    let (has_input, has_output) = (input.is_some(), output.is_some());
    let included = || json!({ "included": with_data });
    answer
        .maybe("input", input.filter(|_| with_data))
        .maybe("inputDetails", has_input.then(included))
        .maybe("output", output.filter(|_| with_data))
        .maybe("outputDetails", has_output.then(included))
}

/// An execution of a `STANDARD` workflow, or of a map run.
pub(super) async fn load<P: Ports>(call: &Call<'_, P>, arn: &str) -> Result<(ExecutionView, WorkflowRun), ApiError> {
    let does_not_exist = || WorkflowError::ExecutionDoesNotExist(arn.to_owned());
    let view = match ExecutionArn::parse_standard(arn)?.is_of_map_run() {
        true => {
            let found = describe_map_execution(call.ports, arn).await?;
            map_runs::view(found.ok_or_else(does_not_exist)?)
        }
        false => workflows::load_execution(call.ports, arn).await?,
    };
    let run = view.execution.workflow.as_deref().cloned().ok_or_else(does_not_exist)?;
    Ok((view, run))
}

pub(crate) async fn describe<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("executionArn", ARN)?;
    let with_data = fields.word("includedData", INCLUDED)?.unwrap_or(true);
    fields.check()?;
    let (view, run) = load(call, &arn).await?;
    let failure = view.execution.failure.as_ref();
    let (redrive, reason) = views::redrive_status(&view.execution, call.now());
    let answer = views::execution(&view.execution)
        .maybe("traceHeader", run.trace_header)
        .maybe("error", failure.and_then(|failure| failure.error.as_deref()))
        .maybe("cause", failure.and_then(|failure| failure.cause.as_deref()))
        .set("redriveStatus", redrive)
        .maybe("redriveStatusReason", reason);
    let output = view.output.map(|output| output.to_string());
    Ok(data(answer, with_data, Some(view.input.to_string()), output).into())
}

pub(crate) async fn stop<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("executionArn", ARN)?;
    let error = fields.text("error", ERROR)?;
    let cause = fields.text("cause", CAUSE)?;
    fields.check()?;
    let (view, run) = load(call, &arn).await?;
    match run.map_run_arn {
        Some(_) => stop_map_execution(call.ports, &arn, error, cause).await.map(|_| ())?,
        None => {
            engine::stop_execution(call.ports, &view.execution.id, error.as_deref(), cause.as_deref()).await?;
        }
    }
    let (view, _) = load(call, &arn).await?;
    Ok(Answer::new().time("stopDate", view.execution.stopped_at.unwrap_or_else(|| call.now())).into())
}

pub(crate) async fn redrive<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let execution = fields.required("executionArn", ARN)?;
    let token = fields.text("clientToken", CLIENT_TOKEN)?;
    fields.check()?;
    let redrive = RedriveWorkflow { execution, token, definition: None, input: None };
    let at = workflows::redrive_workflow(call.ports, redrive).await?;
    Ok(Answer::new().time("redriveDate", at).into())
}

pub(crate) async fn history<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("executionArn", ARN)?;
    let limit = fields.page_size()?;
    let reverse = fields.flag("reverseOrder")?.unwrap_or_default();
    let token = fields.text("nextToken", PAGE_TOKEN)?;
    let with_data = fields.flag("includeExecutionData")?.unwrap_or(true);
    fields.check()?;
    let (view, run) = load(call, &arn).await?;
    let listing = ["history", arn.as_str(), if reverse { "reverse" } else { "" }];
    let cursor = paging::open(&listing, token.as_deref(), call.now())?;
    let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or_default();
    let mut all = match run.map_run_arn {
        Some(_) => map_execution_history(call.ports, &arn).await?.unwrap_or_default(),
        None => engine::history(call.ports, &view.execution.id).await?,
    };
    let total = all.len();
    if let Some(first) = all.first_mut() {
        // The engine knows nothing of versions and aliases.
        let state_machine = &run.state_machine_arn;
        for (name, arn) in [
            ("stateMachineAliasArn", run.through.alias_arn(state_machine)),
            ("stateMachineVersionArn", run.through.version_arn(state_machine)),
        ] {
            first.details.extend(arn.map(|arn| (name.to_owned(), Value::String(arn))));
        }
    }
    let shape = |item| events::event(item, with_data);
    let page: Vec<Value> = match reverse {
        true => all.into_iter().rev().skip(from).take(limit).map(shape).collect(),
        false => all.into_iter().skip(from).take(limit).map(shape).collect(),
    };
    let next = from.saturating_add(page.len());
    let next = (next < total).then(|| paging::seal(&listing, next.to_string(), call.now()));
    Ok(Answer::new().set("events", page).maybe("nextToken", next).into())
}

pub(crate) async fn list<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.text("stateMachineArn", ARN)?;
    let map_run = fields.text("mapRunArn", LONG_ARN)?;
    let status = fields.word("statusFilter", STATUSES)?;
    let redriven = fields.word("redriveFilter", &[("REDRIVEN", true), ("NOT_REDRIVEN", false)])?;
    let limit = fields.page_size()?;
    let token = fields.text("nextToken", LIST_TOKEN)?;
    fields.check()?;
    let mut filter = ExecutionFilter { of: String::new(), status, version: None, alias: None, redriven };
    let of = arn.as_deref().or(map_run.as_deref()).unwrap_or_default().to_owned();
    let shown = format!("{status:?} {redriven:?}");
    let listing = ["executions", of.as_str(), shown.as_str()];
    let cursor = paging::open(&listing, token.as_deref(), call.now())?;
    match (arn.as_deref(), map_run.as_deref()) {
        (Some(arn), None) => {
            if redriven.is_some() {
                return Err(ApiError::validation("The redriveFilter can only be used with a mapRunArn"));
            }
            if status == Some(ExecutionStatus::PendingRedrive) {
                return Err(ApiError::validation("The PENDING_REDRIVE statusFilter can only be used with a mapRunArn"));
            }
            let parsed = StateMachineArn::parse(arn)?;
            let base = StateMachineArn {
                qualifier: parsed.qualifier.clone().filter(|_| parsed.version().is_some()),
                ..parsed.clone()
            };
            let resolved = workflows::describe_workflow(call.ports, &StateMachineArn { label: None, ..base }).await?;
            if resolved.workflow.kind == WorkflowType::Express {
                return Err(WorkflowError::TypeNotSupported.into());
            }
            if parsed.alias().is_some() {
                workflows::describe_alias(call.ports, &parsed).await?;
            }
            filter.of = resolved.workflow.arn;
            filter.version = parsed.version();
            filter.alias = parsed.alias().map(str::to_owned);
        }
        (None, Some(map_run)) => {
            let wanted = MapExecutionFilter { status, redriven };
            let (page, next) = map_runs::executions(call, map_run, wanted, limit, cursor.as_deref()).await?;
            let items: Vec<Value> = page
                .iter()
                .map(|(view, items)| views::execution(&view.execution).set("itemCount", *items).into())
                .collect();
            let next = next.map(|next| paging::seal(&listing, next, call.now()));
            return Ok(Answer::new().set("executions", items).maybe("nextToken", next).into());
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::validation("Must specify exactly one of stateMachineArn and mapRunArn"));
        }
    }
    let page = workflows::list_executions(call.ports, &filter, limit, cursor.as_deref()).await?;
    let items: Vec<Value> = page.items.iter().map(|execution| views::execution(execution).into()).collect();
    let next = page.next.map(|next| paging::seal(&listing, next, call.now()));
    Ok(Answer::new().set("executions", items).maybe("nextToken", next).into())
}

pub(crate) async fn describe_state_machine<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("executionArn", ARN)?;
    let with_data = fields.word("includedData", INCLUDED)?.unwrap_or(true);
    fields.check()?;
    let (view, run) = load(call, &arn).await?;
    let mut digest = view.execution.definition;
    // An execution of a map run has the revision of the execution whose map run it is.
    let started = match &run.map_run_arn {
        Some(map_run) => {
            let map_run = describe_map_run(call.ports, map_run).await?;
            let parent = map_run.ok_or_else(|| WorkflowError::ExecutionDoesNotExist(arn.clone()))?.execution_arn;
            let (view, run) = Box::pin(load(call, &parent)).await?;
            digest = view.execution.definition;
            run
        }
        None => run.clone(),
    };
    let revision = workflows::revision_of(call.ports, &started).await?;
    // A redrive may have corrected it.
    let revision = Revision { definition: digest, ..revision };
    let definition = workflows::definition_text(call.ports, &revision).await?;
    let (name, label) = match run.state_machine_arn.rsplit(':').next().unwrap_or_default().split_once('/') {
        Some((name, label)) => (name, Some(label)),
        None => (started.state_machine_arn.rsplit(':').next().unwrap_or_default(), None),
    };
    let answer = Answer::new()
        .set("stateMachineArn", run.state_machine_arn.as_str())
        .set("name", name)
        .set("definition", if with_data { definition.as_str() } else { "" })
        .set("roleArn", revision.configuration.role_arn.as_str())
        .time("updateDate", revision.created_at)
        .maybe("mapRunArn", run.map_run_arn.as_deref())
        .maybe("label", label)
        .maybe("revisionId", revision.revision_id.as_deref());
    let answer = views::configuration(answer, &revision.configuration);
    Ok(answer.maybe("variableReferences", views::variables(&definition)).into())
}
