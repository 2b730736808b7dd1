//! The model-worker function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_aws::worker::SqsEvent;
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_models::Models;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::ModelWorker)?);
    let models = Models::from_env()?;
    let handler = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(millrace_model_worker::handle(&ports, &models, event.payload).await)
    };
    run(service_fn(handler)).await
}
