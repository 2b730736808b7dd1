//! The scheduler function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_scheduler::SchedulerConfig;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Scheduler)?);
    let config = SchedulerConfig::from_env()?;
    let handler = async |event: LambdaEvent<Value>| {
        Ok::<_, Error>(Box::pin(millrace_scheduler::handle(&ports, &config, event.payload)).await?)
    };
    run(service_fn(handler)).await
}
