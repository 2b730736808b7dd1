//! The integrations function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_aws::worker::SqsEvent;
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_integrations::Integrations;
use millrace_stepfunctions::StepFunctionsConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Integrations)?);
    let services = millrace_integrations::Config::from_env()?;
    let integrations = Integrations::new(services, StepFunctionsConfig::from_env());
    let handler = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(millrace_integrations_function::handle(&ports, &integrations, event.payload).await)
    };
    run(service_fn(handler)).await
}
