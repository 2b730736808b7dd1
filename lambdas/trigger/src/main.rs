//! The trigger function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_api::ApiConfig;
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_trigger::{Handler, TriggerConfig};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Trigger)?);
    let handler = Handler::new(ports, ApiConfig::from_env()?, TriggerConfig::from_env()?);
    let handle = async |event: LambdaEvent<Box<RawValue>>| Box::pin(handler.handle(event)).await.map_err(Error::from);
    run(service_fn(handle)).await
}
