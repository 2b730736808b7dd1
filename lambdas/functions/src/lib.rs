//! The functions function: the functions service behind API Gateway, and functions as tasks of workflows.
//!
//! Two things trigger it: requests of the gateway's routes for functions, and messages of the functions' queue.

use std::time::Duration;

use axum::Router;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent};
use millrace_api::{ApiConfig, behind_gateway, limited, rest_config};
use millrace_app::functions::{FunctionRuntime, Functions, Settings};
use millrace_app::ports::{Ports, Queue};
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_tasks};
use millrace_rest::{FunctionsService, functions_router};
use millrace_stepfunctions::StepFunctionsConfig;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower::{Service, ServiceExt};

/// The gateway gives up after 30 seconds, and the answer needs time too.
const PATIENCE: Duration = Duration::from_secs(28);

/// Several processes serve the same functions: a change through another one counts after `believed`; a process that Lambda
/// ends loses the counts of its last ten seconds.
pub const SETTINGS: Settings =
    Settings { believed: Duration::from_secs(5), flush_every: Some(Duration::from_secs(10)) };

/// An event that is neither a batch of SQS nor a request of API Gateway.
#[derive(Debug, thiserror::Error)]
#[error("the event is neither a batch of SQS messages nor a request of API Gateway")]
pub struct UnknownEvent(#[source] serde_json::Error);

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To SQS.
    Batch(BatchResponse),
    /// To API Gateway.
    Response(Value),
}

/// Handles events.
pub struct Handler<P, R: FunctionRuntime> {
    ports: P,
    functions: Functions<R>,
    router: Router,
}

impl<P: Ports, R: FunctionRuntime> Handler<P, R> {
    /// A handler over ports and a runtime.
    pub fn new(ports: P, runtime: R, config: ApiConfig) -> Self {
        let functions = Functions::new(runtime, SETTINGS);
        let service = FunctionsService { functions: functions.clone(), patience: Some(PATIENCE) };
        let limit = config.limit();
        let rest = rest_config(config, &StepFunctionsConfig::from_env());
        let router = behind_gateway(limited(functions_router(ports.clone(), service, rest), ports.clone(), limit));
        Self { ports, functions, router }
    }

    /// Handles the messages of a batch, or answers a request.
    ///
    /// # Errors
    /// [`UnknownEvent`]
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, UnknownEvent> {
        let text = event.payload.get();
        if let Ok(batch) = serde_json::from_str::<SqsEvent>(text) {
            return Ok(Answer::Batch(handle_tasks(&self.ports, &self.functions, Queue::Functions, batch).await));
        }
        let request: LambdaRequest = serde_json::from_str(text).map_err(UnknownEvent)?;
        let mut adapter = Adapter::from(self.router.clone());
        let request = LambdaEvent::new(request, event.context);
        let answered = match ServiceExt::<LambdaEvent<LambdaRequest>>::ready(&mut adapter).await {
            Ok(ready) => ready.call(request).await,
            Err(never) => match never {},
        };
        match answered {
            Ok(response) => Ok(Answer::Response(serde_json::to_value(response).unwrap_or_else(|error| {
                tracing::error!(%error, "a response can't be written");
                json!({ "statusCode": 500 })
            }))),
            Err(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::Context;
    use millrace_app::builtins::BuiltinIds;
    use millrace_app::functions::FunctionName;
    use millrace_simulation::{MemoryPorts, ScriptedRuntime};

    use super::*;

    fn handler(authorized: bool) -> Handler<MemoryPorts, ScriptedRuntime> {
        let config =
            ApiConfig { authorized, cors_origins: Vec::new(), builtins: BuiltinIds::default(), rate_limit: None };
        Handler::new(MemoryPorts::new(1), ScriptedRuntime::default(), config)
    }

    async fn answer(handler: &Handler<MemoryPorts, ScriptedRuntime>, event: &str) -> Value {
        let payload = RawValue::from_string(event.to_owned()).unwrap();
        let answer = handler.handle(LambdaEvent::new(payload, Context::default())).await.unwrap();
        serde_json::to_value(answer).unwrap()
    }

    fn body(answer: &Value) -> Value {
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
    }

    macro_rules! event {
        ($name:literal) => {
            include_str!(concat!("../../../events/functions/", $name, ".json"))
        };
    }

    #[tokio::test]
    async fn requests_of_the_gateway_are_answered() {
        let handler = handler(true);
        let made = answer(&handler, event!("create")).await;
        assert_eq!(made["statusCode"], 201, "{made}");
        assert_eq!(body(&made)["function_name"], "greet");
        let invoked = answer(&handler, event!("invoke")).await;
        assert_eq!((&invoked["statusCode"], &body(&invoked)["success"]), (&json!(200), &json!(true)));
        let called = answer(&handler, event!("call")).await;
        assert_eq!(called["statusCode"], 200, "{called}");
        let ran = handler.functions.runtime().ran();
        assert_eq!(ran.len(), 2);
        // Functions belong to the account, as workflows do.
        let name = FunctionName::new("aws:123456789012", "shop", "greet");
        let counted = millrace_app::functions::get_function(&handler.ports, &handler.functions, &name).await.unwrap();
        assert_eq!(counted.counters.invocations, 2);
        let refused = answer(&handler, event!("invoke-unauthorized")).await;
        assert_eq!(refused["statusCode"], 401);
    }

    #[tokio::test]
    async fn messages_are_tasks() {
        let handler = handler(true);
        let done = answer(&handler, event!("task")).await;
        assert_eq!(done, json!({ "batchItemFailures": [] }));
        let failed = answer(&handler, event!("malformed")).await;
        assert_eq!(failed["batchItemFailures"][0]["itemIdentifier"], "2e1424d4-f796-459a-8184-9c92662be6da");
    }

    #[tokio::test]
    async fn what_is_neither_is_refused() {
        let payload = RawValue::from_string("{\"a\":1}".to_owned()).unwrap();
        assert!(handler(true).handle(LambdaEvent::new(payload, Context::default())).await.is_err());
    }
}
