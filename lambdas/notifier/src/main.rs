//! The notifier function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_app::notifications::Deliverer;
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_integrations::{Integrations, Notifier};
use millrace_stepfunctions::StepFunctionsConfig;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Notifier)?);
    let services = millrace_integrations::Config::from_env()?;
    let notifier = Notifier::new(Integrations::new(services, StepFunctionsConfig::from_env()), false);
    let deliverer = Deliverer::new(notifier);
    let handler = async |event: LambdaEvent<Value>| {
        millrace_notifier::handle(&ports, &deliverer, event.payload).await.map_err(Error::from)
    };
    run(service_fn(handler)).await
}
