//! The dev-agent function.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_agents::Dev;
use millrace_aws::worker::SqsEvent;
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_models::Models;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::DevAgent)?);
    let agent = Dev::new(Arc::new(Models::from_env()?));
    let handler = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(millrace_dev_agent::handle(&ports, &agent, event.payload).await)
    };
    run(service_fn(handler)).await
}
