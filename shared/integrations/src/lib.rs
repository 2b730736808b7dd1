//! Task resources of the Step Functions kind: services over signed HTTP, HTTP endpoints.
//!
//! It owns each service's protocol, the roles of tasks, and how results and errors are told to a
//! workflow. It refuses to know the engine: it sees arguments and answers with a result or a failure. Signed HTTP is
//! `shared/client`. Start reading at [`Integrations::call`].

mod aws;
mod config;
mod executor;
mod fault;
mod notifications;
mod resource;
mod service;
mod services;
mod shape;
mod source;
mod storage;
#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use millrace_app::builtins::Settings;
use millrace_app::ports::SecretStore;
use millrace_asl::Failure;
use millrace_client::HttpClient;
use millrace_stepfunctions::StepFunctionsConfig;
use serde_json::Value;

pub use config::{Config, ConfigError};
pub use millrace_client::ServiceFault;
pub use notifications::Notifier;
pub use resource::{Resource, UnknownResource};

use crate::aws::Aws;
use crate::fault::Fault;
use crate::resource::Action;
use crate::service::SFN;
use crate::services::connection::Tokens;
use crate::services::{http_task, json as awsjson, lambda, s3, sns};

/// What [`StepFunctions::call`] answers.
pub type StepFunctionsAnswer<'a> = Pin<Box<dyn Future<Output = Result<Value, ServiceFault>> + Send + 'a>>;

/// The Step Functions API of this engine: what `states:startExecution` and `aws-sdk:sfn:…` reach unless
/// `AWS_ENDPOINT_URL_SFN` names another.
pub trait StepFunctions: Send + Sync {
    /// Does an operation (`StartExecution`) with a request body as the API has it (`stateMachineArn`), and answers its
    /// response body. `waiting` is the token of a task that ends with the execution that is started (`.sync`).
    fn call<'a>(&'a self, operation: &'a str, body: Value, waiting: Option<&'a str>) -> StepFunctionsAnswer<'a>;
}

/// What a Task state asks for.
#[derive(Clone)]
pub struct Call<'a> {
    /// What is called.
    pub resource: &'a Resource,
    /// The state's input after `Parameters` or `Arguments`.
    pub arguments: &'a Value,
    /// `Credentials.RoleArn`
    pub role: Option<&'a str>,
    /// The same for every delivery of the same attempt, of `A-Z a-z 0-9 - _`, at most 80: the name of an execution that is
    /// started without one.
    pub attempt: &'a str,
    /// The task's token, where it may end after the call.
    pub token: Option<&'a str>,
    /// ARNs of the execution and its state machine: EventBridge's events name them.
    pub origin: &'a [String],
    /// This engine as Step Functions; `None` where calls of Step Functions always leave.
    pub own: Option<&'a dyn StepFunctions>,
}

struct Inner {
    aws: Aws,
    tokens: Tokens,
    /// The owner is each task's own.
    step_functions: StepFunctionsConfig,
    builtins: Settings,
    /// Reaches the public internet only.
    guarded: HttpClient,
}

/// The integrations as configured. A clone shares connections, credentials and tokens.
#[derive(Clone)]
pub struct Integrations(Arc<Inner>);

impl fmt::Debug for Integrations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Integrations").field(self.0.aws.client.endpoints()).finish()
    }
}

impl Integrations {
    /// Reaches services as configured, and this engine's Step Functions API with `step_functions`, whose owner is replaced by
    /// that of the execution that calls. Connects to nothing yet.
    #[must_use]
    pub fn new(config: Config, step_functions: StepFunctionsConfig) -> Self {
        let builtins = config.builtins.clone();
        let (aws, guarded) = (Aws::new(config), HttpClient::guarded());
        Self(Arc::new(Inner { aws, tokens: Tokens::default(), step_functions, builtins, guarded }))
    }

    pub(crate) fn aws(&self) -> &Aws {
        &self.0.aws
    }

    /// Makes a call and answers its result as Step Functions shapes it. It may take as long as a Lambda function may run.
    /// No text of an error holds credentials or what a connection holds.
    ///
    /// # Errors
    /// The error's name and cause as Step Functions tells them: `Lambda.ResourceNotFoundException`,
    /// `DynamoDb.DynamoDbException`, `SQS.SdkClientException`, `States.Http.StatusCode.404`…
    pub async fn call<S: SecretStore>(&self, secrets: &S, call: Call<'_>) -> Result<Value, Failure> {
        let Inner { aws, tokens, .. } = &*self.0;
        let Call { resource, arguments, role, attempt, token, origin, own } = call;
        // Unless another one is configured.
        let own = own.filter(|_| !aws.client.endpoints().names(&SFN.wire));
        // Boxed: every integration's state would be as large as the largest one's.
        match &resource.action {
            Action::Function(arn) => {
                let called = Box::pin(lambda::by_arn(aws, role, arn, arguments)).await;
                called.map_err(|fault| fault.optimized(fault::LAMBDA, &service::LAMBDA))
            }
            Action::InvokeFunction => {
                let called = Box::pin(lambda::optimized(aws, role, arguments)).await;
                called.map_err(|fault| fault.optimized(fault::LAMBDA, &service::LAMBDA))
            }
            Action::SendMessage => {
                let called = Box::pin(awsjson::send_message(aws, role, arguments.clone())).await;
                called.map_err(|fault| fault.optimized(fault::SQS, &service::SQS))
            }
            Action::Publish => {
                let called = Box::pin(sns::publish(aws, role, arguments)).await;
                called.map_err(|fault| fault.optimized(fault::SNS, &service::SNS))
            }
            Action::PutEvents => {
                let called = Box::pin(awsjson::put_events(aws, role, arguments.clone(), origin)).await;
                called.map_err(|fault| fault.optimized(fault::EVENTS, &service::EVENTS))
            }
            Action::Item(operation) => {
                let called = Box::pin(awsjson::item(aws, role, operation, arguments.clone())).await;
                called.map_err(|fault| fault.optimized(fault::DYNAMODB, &service::DYNAMODB))
            }
            Action::StartExecution => {
                let called = match own {
                    Some(own) => awsjson::start_here(own, arguments.clone(), attempt, resource.waiting(token)).await,
                    None if resource.waiting(token).is_some() => Err(Fault::Client(
                        "only this engine's own executions can be waited for: leave '.sync' out, or AWS_ENDPOINT_URL_SFN"
                            .to_owned(),
                    )),
                    None => Box::pin(awsjson::start_execution(aws, role, arguments.clone(), attempt)).await,
                };
                called.map_err(|fault| fault.optimized(fault::STATES, &SFN))
            }
            Action::Http => {
                let called = Box::pin(http_task::invoke(aws, tokens, secrets, role, arguments)).await;
                called.map_err(named_or_runtime)
            }
            Action::SdkInvoke => {
                let called = Box::pin(lambda::sdk(aws, role, arguments)).await;
                called.map_err(|fault| fault.sdk(&service::LAMBDA))
            }
            Action::SdkPublish => {
                let called = Box::pin(sns::sdk(aws, role, arguments)).await;
                called.map_err(|fault| fault.sdk(&service::SNS))
            }
            Action::S3(operation) => {
                let called = Box::pin(s3::sdk(aws, role, operation, arguments)).await;
                called.map_err(|fault| fault.sdk(&service::S3))
            }
            Action::Json(service, operation) => {
                let called = match own.filter(|_| *service == &SFN) {
                    Some(own) => awsjson::sdk_here(own, operation, arguments.clone()).await,
                    None => Box::pin(awsjson::sdk(aws, role, service, operation, arguments.clone())).await,
                };
                called.map_err(|fault| fault.sdk(service))
            }
        }
    }
}

/// What goes wrong in `http:invoke` has its name already; the rest is a definition that can't be executed.
fn named_or_runtime(fault: Fault) -> Failure {
    match fault {
        Fault::Named(failure) => failure,
        Fault::Client(reason) => Failure::new("States.Runtime", reason),
        Fault::Service(fault) => Failure::new("States.Runtime", fault.to_string()),
    }
}
