//! `TestState`: one state by itself. A task without a mock is really done.

use std::time::Duration;

use millrace_app::executions::fresh_seed;
use millrace_app::ids::ExecutionId;
use millrace_app::ports::Ports;
use millrace_app::workers::{Caller, Task, TaskError, TaskResult};
use millrace_asl::test_state::{
    PendingTask, TaskCall, TestStateEnvironment, TestStateError, TestStateRequest, TestedState, test_state,
};
use millrace_asl::{Failure, Moment};
use serde_json::Value;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::handler::{Answered, Call};

/// How long a test may take.
const LONGEST: Duration = Duration::from_secs(300);

pub(crate) async fn test<P: Ports>(call: &Call<'_, P>) -> Answered {
    let refused = |error: TestStateError| ApiError::new(error.code(), error.to_string());
    let body = Value::Object(call.members.clone());
    let request = TestStateRequest::from_json(&body).map_err(refused)?;
    let place = &call.scope.place;
    let environment = TestStateEnvironment {
        account: place.account.clone(),
        region: place.region.clone(),
        moment: Moment { now: call.now(), seed: fresh_seed(call.ports) },
    };
    match test_state(&request, &environment).map_err(refused)? {
        TestedState::Done(response) => Ok(response.to_json()),
        TestedState::Task(pending) => {
            let done = do_task(call, &request, &pending).await?;
            Ok(pending.finish(done).to_json())
        }
    }
}

/// Does a task as a worker would.
async fn do_task<P: Ports>(
    call: &Call<'_, P>,
    request: &TestStateRequest,
    pending: &PendingTask,
) -> Result<TaskCall, ApiError> {
    let Some(run) = call.run_task else {
        return Err(ApiError::validation("Tasks are not done here: give the state a mock"));
    };
    let place = &call.scope.place;
    let longest = pending.timeout_seconds().map_or(LONGEST, |seconds| Duration::from_secs(seconds.into()).min(LONGEST));
    let id = ExecutionId::new(call.ports);
    let task = Task {
        attempt: format!("{id} test"),
        execution: id,
        state: request.state_name.clone().unwrap_or_default(),
        resource: pending.resource().to_owned(),
        input: pending.input().clone(),
        owner: call.scope.owner.clone(),
        project: None,
        token: None,
        credentials: pending.credentials().cloned(),
        heartbeat: None,
        deadline: None,
        caller: Caller {
            role_arn: request.role_arn.clone().unwrap_or_default(),
            region: Some(place.region.clone()),
            account: Some(place.account.clone()),
            ..Caller::default()
        },
    };
    let result = match timeout(longest, run(task)).await {
        Err(_) => Err(Failure { error: Some("States.Timeout".to_owned()), cause: None }),
        Ok(Ok(TaskResult::Succeeded(output) | TaskResult::Submitted(output))) => Ok(output),
        Ok(Err(TaskError::Failed(failure) | TaskError::NotStarted(failure))) => Err(failure),
        Ok(Err(TaskError::Unable(error))) => return Err(error.into()),
    };
    Ok(TaskCall { result, request: None, response: None })
}
