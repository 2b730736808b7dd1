//! The scheduler function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_aws::worker::SqsEvent;
use millrace_aws::{AwsPorts, Config, Function, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Scheduler)?);
    let handler =
        async |event: LambdaEvent<SqsEvent>| Ok::<_, Error>(millrace_scheduler::handle(&ports, event.payload).await);
    run(service_fn(handler)).await
}
