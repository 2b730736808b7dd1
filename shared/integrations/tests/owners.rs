//! A task may do in this engine what its execution's owner may do, and nothing to what others own.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use millrace_app::identity::Role;
use millrace_app::ids::ExecutionId;
use millrace_app::workers::{Caller, Executor as _, Task, TaskError, TaskResult};
use millrace_integrations::{Config, Integrations};
use millrace_simulation::MemoryPorts;
use millrace_stepfunctions::{ApiCaller, StepFunctionsConfig};
use serde_json::{Value, json};

const ANN: (&str, &str) = ("ann", "111111111111");
const BOB: (&str, &str) = ("bob", "222222222222");

async fn api(ports: &MemoryPorts, (owner, account): (&str, &str), operation: &str, members: Value) -> Value {
    let caller = ApiCaller { account: account.to_owned(), owner: Some(owner.to_owned()), role: Role::Admin };
    let config = StepFunctionsConfig::default();
    let members = members.as_object().unwrap();
    millrace_stepfunctions::call(ports, &config, &caller, operation, members, None).await.unwrap()
}

/// What a task of an execution of this owner answers, or the name of its error.
async fn task(
    ports: &MemoryPorts,
    (owner, account): (&str, &str),
    resource: &str,
    input: Value,
) -> Result<Value, String> {
    let integrations = Integrations::new(Config::from_variables([]).unwrap(), StepFunctionsConfig::default());
    let task = Task {
        execution: ExecutionId::derived(owner),
        attempt: format!("{owner} {resource} {input}"),
        state: "S".to_owned(),
        resource: resource.to_owned(),
        input,
        owner: owner.to_owned(),
        project: None,
        token: None,
        credentials: None,
        heartbeat: None,
        deadline: None,
        caller: Caller { account: Some(account.to_owned()), region: Some("us-east-1".to_owned()), ..Caller::default() },
    };
    match integrations.execute(ports, &task).await {
        Ok(TaskResult::Succeeded(value) | TaskResult::Submitted(value)) => Ok(value),
        Err(TaskError::Failed(failure)) => Err(failure.error.unwrap_or_default()),
        Err(other) => Err(format!("{other:?}")),
    }
}

#[tokio::test]
async fn a_task_reaches_nothing_of_another_owner() {
    let ports = MemoryPorts::new(1);
    let definition = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 3600, "End": true } } });
    let machine = json!({
        "name": "private",
        "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::111111111111:role/x",
    });
    let machine = api(&ports, ANN, "CreateStateMachine", machine).await["stateMachineArn"].clone();
    let start = json!({ "stateMachineArn": machine, "name": "one", "input": "{\"secret\":1}" });
    let execution = api(&ports, ANN, "StartExecution", start).await["executionArn"].clone();
    let activity = api(&ports, ANN, "CreateActivity", json!({ "name": "own" })).await["activityArn"].clone();

    let reads = [
        ("describeStateMachine", json!({ "StateMachineArn": machine })),
        ("describeStateMachineForExecution", json!({ "ExecutionArn": execution })),
        ("listExecutions", json!({ "StateMachineArn": machine })),
        ("listTagsForResource", json!({ "ResourceArn": machine })),
        ("describeExecution", json!({ "ExecutionArn": execution })),
        ("getExecutionHistory", json!({ "ExecutionArn": execution })),
        ("describeActivity", json!({ "ActivityArn": activity })),
    ];
    for (operation, input) in &reads {
        let resource = format!("arn:aws:states:::aws-sdk:sfn:{operation}");
        let refused = task(&ports, BOB, &resource, input.clone()).await;
        assert_eq!(refused, Err("Sfn.SfnException".to_owned()), "{operation}");
        let gone = Value::String(input.to_string().replace("private", "no-such").replace("own", "no-such"));
        let gone: Value = serde_json::from_str(gone.as_str().unwrap()).unwrap();
        assert_eq!(task(&ports, BOB, &resource, gone).await, refused, "{operation}: whether it is there is not told");
        assert!(task(&ports, ANN, &resource, input.clone()).await.is_ok(), "{operation}: her own");
    }
    let before = api(&ports, ANN, "DescribeExecution", json!({ "executionArn": execution })).await;
    for (resource, input, error) in [
        ("aws-sdk:sfn:stopExecution", json!({ "ExecutionArn": execution }), "Sfn.SfnException"),
        ("aws-sdk:sfn:redriveExecution", json!({ "ExecutionArn": execution }), "Sfn.SfnException"),
        ("aws-sdk:sfn:deleteStateMachine", json!({ "StateMachineArn": machine }), "Sfn.SfnException"),
        ("aws-sdk:sfn:startExecution", json!({ "StateMachineArn": machine }), "Sfn.SfnException"),
        ("states:startExecution", json!({ "StateMachineArn": machine }), "StepFunctions.AWSStepFunctionsException"),
        (
            "states:startExecution.sync:2",
            json!({ "StateMachineArn": machine }),
            "StepFunctions.AWSStepFunctionsException",
        ),
    ] {
        let refused = task(&ports, BOB, &format!("arn:aws:states:::{resource}"), input).await;
        assert_eq!(refused, Err(error.to_owned()), "{resource}");
    }
    assert_eq!(api(&ports, ANN, "DescribeExecution", json!({ "executionArn": execution })).await, before);
    let all = api(&ports, ANN, "ListExecutions", json!({ "stateMachineArn": machine })).await;
    assert_eq!(all["executions"].as_array().map(Vec::len), Some(1), "{all}");
    let own = task(&ports, ANN, "arn:aws:states:::states:startExecution", json!({ "StateMachineArn": machine })).await;
    assert!(own.is_ok(), "{own:?}");
}
