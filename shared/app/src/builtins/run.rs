//! Starting workflows for schedules that somebody else keeps: a rule of EventBridge, or a person.

use millrace_asl::Timestamp;
use serde_json::{Map, Value};

use super::{Builtin, BuiltinIds, find};
use crate::error::{Error, FieldProblem};
use crate::ports::Ports;
use crate::schedules;
use crate::triggers::{Trigger, Triggered, trigger_workflow};
use crate::workflows::{Place, WorkflowError};

/// `{schedule_name, definition_id?, input?, id?, scheduled_time?}`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScheduledRun {
    /// The schedule.
    pub schedule_name: String,
    /// The workflow: its id, ARN or name, or the name of a built-in one; without it the schedule's name is that of one.
    pub definition_id: Option<String>,
    /// What the execution is started with, besides the rest.
    pub input: Map<String, Value>,
    /// Names the event: the same one starts one execution.
    pub id: Option<String>,
    /// For when it was due. Without an id it names the event too.
    pub scheduled_time: Option<Timestamp>,
}

const MEMBERS: [&str; 5] = ["schedule_name", "definition_id", "input", "id", "scheduled_time"];

impl ScheduledRun {
    /// Reads one. `base` is a JSON pointer to the value.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem.
    pub fn read(value: Value, base: &str) -> Result<Self, Error> {
        let Value::Object(mut members) = value else {
            return Err(Error::invalid(base, "must be an object with schedule_name"));
        };
        let mut problems = Vec::new();
        let mut text = |members: &mut Map<String, Value>, name: &str| match members.shift_remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            None | Some(Value::Null) => None,
            Some(_) => {
                problems.push(FieldProblem::new(format!("{base}/{name}"), "must be a text that is not empty"));
                None
            }
        };
        let schedule_name = text(&mut members, "schedule_name");
        let definition_id = text(&mut members, "definition_id");
        let id = text(&mut members, "id");
        let time = text(&mut members, "scheduled_time");
        let scheduled_time = time.as_deref().and_then(Timestamp::parse);
        if time.is_some() && scheduled_time.is_none() {
            let wanted = "must be a time such as 2030-01-31T09:00:00Z";
            problems.push(FieldProblem::new(format!("{base}/scheduled_time"), wanted));
        }
        let input = match members.shift_remove("input") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(input)) => input,
            Some(_) => {
                problems.push(FieldProblem::new(format!("{base}/input"), "must be an object"));
                Map::new()
            }
        };
        match &schedule_name {
            None if !problems.iter().any(|problem| problem.field.ends_with("/schedule_name")) => {
                problems.push(FieldProblem::new(format!("{base}/schedule_name"), "is missing"));
            }
            Some(name) => {
                if let Err(why) = schedules::check_name(name) {
                    problems.push(FieldProblem::new(format!("{base}/schedule_name"), why));
                }
            }
            None => {}
        }
        for unknown in members.keys() {
            let shown: String = unknown.chars().take(200).collect();
            let message = format!("is unknown; known are {}", MEMBERS.join(", "));
            problems.push(FieldProblem::new(format!("{base}/{shown}"), message));
        }
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        Ok(Self { schedule_name: schedule_name.unwrap_or_default(), definition_id, input, id, scheduled_time })
    }

    /// What is to be started: a workflow's name, ARN or id, or a built-in's name.
    fn target(&self) -> Result<&str, Error> {
        let by_schedule = Builtin::named(&self.schedule_name);
        let Some(definition) = self.definition_id.as_deref() else {
            let names: Vec<&str> = Builtin::ALL.iter().map(|builtin| builtin.name()).collect();
            let missing = || {
                let wanted = format!("is missing, and schedule_name is none of {}", names.join(", "));
                Error::invalid("/definition_id", wanted)
            };
            return by_schedule.map(Builtin::name).ok_or_else(missing);
        };
        match (Builtin::named(definition), by_schedule) {
            (Some(one), Some(other)) if one != other => {
                let told = format!(
                    "names another built-in workflow than schedule_name: {} is not {}",
                    one.name(),
                    other.name()
                );
                Err(Error::invalid("/definition_id", told))
            }
            _ => Ok(definition),
        }
    }
}

/// Starts what an event of a schedule asks for, once for each event.
///
/// # Errors
/// [`WorkflowError::DoesNotExist`] and the others of [`trigger_workflow`].
pub async fn run_scheduled<P: Ports>(
    ports: &P,
    owner: &str,
    place: &Place,
    ids: &BuiltinIds,
    run: ScheduledRun,
) -> Result<Triggered, WorkflowError> {
    let target = run.target()?;
    let (workflow, _) = find(ports, owner, place, target, ids).await?;
    let name = match (&run.id, run.scheduled_time) {
        (None, Some(due)) => Some(schedules::name_of(&run.schedule_name, due)),
        _ => None,
    };
    // A version or an alias stays.
    let definition_id = if Builtin::named(target).is_some() { workflow.arn.clone() } else { target.to_owned() };
    let mut input = run.input;
    input.insert("schedule_name".to_owned(), run.schedule_name.clone().into());
    input.insert("definition_id".to_owned(), workflow.id.as_str().into());
    if let Some(due) = run.scheduled_time {
        input.insert("scheduled_time".to_owned(), due.to_string().into());
    }
    let trigger = Trigger {
        definition_id,
        input_data: Value::Object(input),
        name,
        initiated_by: Some(format!("schedule {}", run.schedule_name)),
    };
    trigger_workflow(ports, owner, place, ids, trigger, run.id.as_deref()).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_read_with_every_problem() {
        let run = ScheduledRun::read(json!({ "schedule_name": "daily-report", "definition_id": null }), "").unwrap();
        assert_eq!((run.schedule_name.as_str(), run.target().unwrap()), ("daily-report", "daily-report"));
        let Err(Error::Invalid(problems)) = ScheduledRun::read(
            json!({ "schedule_name": "a b", "definition_id": 1, "input": [], "scheduled_time": "noon", "x": 1 }),
            "/detail",
        ) else {
            panic!("it was taken")
        };
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        for field in ["schedule_name", "definition_id", "input", "scheduled_time", "x"] {
            assert!(fields.contains(&format!("/detail/{field}").as_str()), "{field}: {fields:?}");
        }
        assert!(ScheduledRun::read(json!({}), "").is_err());
    }

    #[test]
    fn the_schedule_s_name_chooses_where_nothing_else_does() {
        let target = |schedule: &str, definition: Option<&str>| {
            let run = ScheduledRun {
                schedule_name: schedule.into(),
                definition_id: definition.map(str::to_owned),
                ..ScheduledRun::default()
            };
            run.target().map(str::to_owned).ok()
        };
        assert_eq!(target("cleanup", None).as_deref(), Some("cleanup"));
        assert_eq!(target("nightly", Some("cleanup")).as_deref(), Some("cleanup"));
        assert_eq!(target("cleanup", Some("orders")).as_deref(), Some("orders"));
        assert_eq!(target("nightly", None), None);
        assert_eq!(target("cleanup", Some("sync")), None);
    }
}
