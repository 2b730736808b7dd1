//! The scheduler function: schedules whose time has come.
//!
//! Its queue's messages, which timers put there, go to `millrace_app::workers`: what is due is started, and the next timer set.
//! It also takes `{schedule_name, definition_id?, input?, id?, scheduled_time?}` itself: from a schedule or a rule of EventBridge, as
//! its input or as an event's `detail`, or from a person. The same event starts one execution.

use millrace_app::Error;
use millrace_app::builtins::{BuiltinIds, ScheduledRun, run_scheduled};
use millrace_app::ports::{Ports, Queue};
use millrace_app::workers::NoTasks;
use millrace_app::workflows::{Place, WorkflowError};
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_tasks};
use millrace_stepfunctions::StepFunctionsConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whose workflows events start, and where those are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// Their owner.
    pub owner: String,
    /// Where they are.
    pub place: Place,
    /// The workflows that take the places of built-in ones.
    pub builtins: BuiltinIds,
}

/// The environment can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SYSTEM_OWNER is missing: set it to the owner of the workflows, such as aws:123456789012")]
pub struct SchedulerConfigError;

impl SchedulerConfig {
    /// Reads `SYSTEM_OWNER`, the variables of [`BuiltinIds`] and where the workflows are.
    ///
    /// # Errors
    /// [`SchedulerConfigError`]
    pub fn from_env() -> Result<Self, SchedulerConfigError> {
        Self::of(|name| std::env::var(name).ok(), &StepFunctionsConfig::from_env())
    }

    fn of(
        variable: impl Fn(&str) -> Option<String>,
        config: &StepFunctionsConfig,
    ) -> Result<Self, SchedulerConfigError> {
        let owner = variable("SYSTEM_OWNER").filter(|text| !text.trim().is_empty()).ok_or(SchedulerConfigError)?;
        let place = Place::of_owner(&owner, &config.region, &config.account);
        Ok(Self { owner, place, builtins: BuiltinIds::from_variables(variable) })
    }
}

/// Why an event was not handled. Lambda records it as a failed invocation, and repeats what came by itself.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The event is none that this function knows.
    #[error("the event is neither a batch of SQS messages nor {{schedule_name, definition_id}}: {0}")]
    Unknown(String),
    /// The workflow could not be started.
    #[error("the workflow was not started: {0}")]
    NotStarted(String),
}

/// What the function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To SQS.
    Batch(BatchResponse),
    /// To an event of a schedule.
    Started {
        /// The execution's id.
        execution_id: String,
        /// Its ARN.
        execution_arn: String,
        /// Its name.
        name: String,
        /// Was it started before?
        replayed: bool,
    },
}

/// An event of EventBridge.
#[derive(Deserialize)]
struct BusEvent {
    id: String,
    detail: Value,
}

/// Handles a batch of messages, all at once, and answers which ones failed; or starts what an event asks for.
///
/// # Errors
/// [`HandleError`]
pub async fn handle<P: Ports>(ports: &P, config: &SchedulerConfig, event: Value) -> Result<Answer, HandleError> {
    if event.get("Records").is_some() {
        let batch = SqsEvent::deserialize(&event).map_err(|error| HandleError::Unknown(error.to_string()))?;
        return Ok(Answer::Batch(handle_tasks(ports, &NoTasks, Queue::Scheduler, batch).await));
    }
    let run = if event.get("detail-type").is_some() {
        let event = BusEvent::deserialize(&event).map_err(|error| HandleError::Unknown(error.to_string()))?;
        let run = ScheduledRun::read(event.detail, "/detail").map_err(refused)?;
        ScheduledRun { id: run.id.or(Some(event.id)), ..run }
    } else {
        ScheduledRun::read(event, "").map_err(refused)?
    };
    match run_scheduled(ports, &config.owner, &config.place, &config.builtins, run).await {
        Ok(started) => {
            tracing::info!(execution_id = %started.id, replayed = started.replayed, "started for a schedule");
            Ok(Answer::Started {
                execution_id: started.id.into(),
                execution_arn: started.arn,
                name: started.name,
                replayed: started.replayed,
            })
        }
        Err(WorkflowError::App(error)) => Err(refused(error)),
        Err(error) => Err(HandleError::NotStarted(error.to_string())),
    }
}

fn refused(error: Error) -> HandleError {
    match error {
        Error::Invalid(problems) => {
            let told: Vec<String> = problems.iter().map(|one| format!("{} {}", one.field, one.message)).collect();
            HandleError::Unknown(told.join("; "))
        }
        other => HandleError::NotStarted(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use millrace_app::executions::describe_execution;
    use millrace_simulation::MemoryPorts;
    use serde_json::{from_str, json, to_value};

    use super::*;

    fn config(chosen: Option<&'static str>) -> SchedulerConfig {
        let variable = move |name: &str| match name {
            "SYSTEM_OWNER" => Some("aws:123456789012".to_owned()),
            "CLEANUP_WORKFLOW_ID" => chosen.map(str::to_owned),
            _ => None,
        };
        SchedulerConfig::of(variable, &StepFunctionsConfig::default()).unwrap()
    }

    async fn answer(ports: &MemoryPorts, event: &str) -> Value {
        to_value(Box::pin(handle(ports, &config(None), from_str(event).unwrap())).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_schedule_of_event_bridge_starts_a_built_in_workflow_once() {
        let ports = MemoryPorts::new(1);
        let event = include_str!("../../../events/scheduler/daily-report.json");
        let first = answer(&ports, event).await;
        assert_eq!(first["replayed"], false);
        assert!(first["execution_arn"].as_str().unwrap().contains(":123456789012:execution:daily-report:event-"));
        let again = answer(&ports, event).await;
        assert_eq!((&again["execution_id"], &again["replayed"]), (&first["execution_id"], &json!(true)));
        let id = first["execution_id"].as_str().unwrap().parse().unwrap();
        let view = describe_execution(&ports, &id).await.unwrap().unwrap();
        assert_eq!(view.input["schedule_name"], "daily-report");
        assert_eq!(view.input["time_zone"], "Europe/Berlin");
        assert_eq!(view.execution.owner, "aws:123456789012");
    }

    #[tokio::test]
    async fn a_rule_s_event_and_a_person_s_start_one_too() {
        let ports = MemoryPorts::new(1);
        let rule = include_str!("../../../events/scheduler/rule.json");
        let first = answer(&ports, rule).await;
        assert!(first["execution_arn"].as_str().unwrap().contains(":execution:cleanup:event-"));
        assert_eq!(answer(&ports, rule).await["replayed"], true);
        let person = include_str!("../../../events/scheduler/direct.json");
        let one = answer(&ports, person).await;
        let two = answer(&ports, person).await;
        // Nothing names the event: each is another one.
        assert_ne!(one["execution_id"], two["execution_id"]);
        let timed = json!({ "schedule_name": "sync", "scheduled_time": "2026-11-20T03:00:00Z" }).to_string();
        let named = answer(&ports, &timed).await;
        assert_eq!(named["name"], "sync-20261120T0300");
        assert_eq!(answer(&ports, &timed).await["replayed"], true);
    }

    #[tokio::test]
    async fn messages_are_handled_and_nonsense_is_refused() {
        let ports = MemoryPorts::new(1);
        let batch = answer(&ports, include_str!("../../../events/scheduler/task.json")).await;
        assert_eq!(batch, json!({ "batchItemFailures": [] }));
        let batch = answer(&ports, include_str!("../../../events/scheduler/malformed.json")).await;
        let failed = json!({ "itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da" });
        assert_eq!(batch, json!({ "batchItemFailures": [failed] }));
        let bad = from_str(include_str!("../../../events/scheduler/nameless.json")).unwrap();
        let Err(HandleError::Unknown(problem)) = handle(&ports, &config(None), bad).await else {
            panic!("it was taken")
        };
        assert!(problem.contains("schedule_name"), "{problem}");
        let other = json!({ "schedule_name": "cleanup" });
        let missing = handle(&ports, &config(Some("tidy")), other).await;
        assert!(matches!(missing, Err(HandleError::NotStarted(why)) if why.contains("tidy")));
    }
}
