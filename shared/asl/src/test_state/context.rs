//! The Context Object of a test, and the thread that it runs in.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::definition::{Pattern, Resource, StateMachine};
use crate::query::Entropy;
use crate::snapshot::{ExecutionContext, Position, Snapshot};
use crate::validation::parse_json;

use super::single::{NAME, Single};
use super::{TestStateEnvironment, TestStateError, TestStateRequest};

/// The Context Object: the one of the request, or one as for an execution that has just begun.
pub(super) fn of(
    request: &TestStateRequest,
    environment: &TestStateEnvironment,
    single: &Single,
    input: &Value,
) -> Result<Value, TestStateError> {
    let has_token = single.kind() == "Task" && Resource::of(single.resource()).pattern() != Pattern::RequestResponse;
    if let Some(text) = &request.context {
        let refuse = |what: &str| TestStateError::Validation(format!("Invalid Context object provided: {what}"));
        return match parse_json(text) {
            Ok(Value::Object(context)) if context.contains_key("Task") && !has_token => Err(refuse(
                "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service \
                 integration pattern",
            )),
            Ok(context @ Value::Object(_)) => Ok(context),
            Ok(_) => Err(refuse("Context object must be a JSON object")),
            Err(error) => Err(refuse(&error.message)),
        };
    }
    let mut entropy = Entropy::from_u64(environment.moment.seed);
    let (machine, execution) = (entropy.uuid(), entropy.uuid());
    let (region, account, now) = (&environment.region, &environment.account, environment.moment.now.to_string());
    let arn = |kind: &str, name: &str| format!("arn:aws:states:{region}:{account}:{kind}:{name}");
    let mut state = Map::new();
    state.insert("EnteredTime".to_owned(), json!(now));
    state.insert("Name".to_owned(), json!(NAME));
    if matches!(single.kind(), "Task" | "Map" | "Parallel") {
        state.insert("RetryCount".to_owned(), json!(request.configuration.retrier_retry_count));
    }
    let mut context = json!({
        "Execution": {
            "Id": arn("express", &format!("{machine}:{execution}")), "Input": input, "Name": execution,
            "RoleArn": request.role_arn, "StartTime": now,
        },
        "StateMachine": { "Id": arn("stateMachine", &machine), "Name": machine },
        "State": state,
    });
    if has_token && let Value::Object(context) = &mut context {
        context.insert("Task".to_owned(), json!({ "Token": entropy.uuid() }));
    }
    Ok(context)
}

pub(super) fn thread(
    machine: &StateMachine,
    variables: Map<String, Value>,
    environment: &TestStateEnvironment,
) -> Snapshot {
    let execution = ExecutionContext {
        id: format!("arn:aws:states:{}:{}:express:{NAME}:{NAME}", environment.region, environment.account),
        name: NAME.to_owned(),
        start_time: environment.moment.now,
        role_arn: String::new(),
        input: None,
        state_machine_id: String::new(),
        state_machine_name: String::new(),
        deadline: None,
        key: NAME.to_owned(),
        payload_limit: machine.payload_limit.unwrap_or_default(),
        redrive_count: Some(0),
    };
    Snapshot {
        machine: 0,
        execution: Arc::new(execution),
        child: None,
        variables: Arc::new(variables),
        last_step: 0,
        fanouts: 0,
        events: 0,
        unfinished: None,
        position: Position::Ready { id: 0, state: String::new(), input: Value::Null },
        turn: 0,
    }
}
