//! The qa-agent function.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_agents::Qa;
use millrace_aws::worker::SqsEvent;
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_testing::{ProjectTests, serve_if_child};

/// Test files run one after the other, and so do messages.
const SANDBOXES: usize = 1;

fn main() -> Result<ExitCode, Error> {
    if let Some(code) = serve_if_child() {
        return Ok(code);
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve())?;
    Ok(ExitCode::SUCCESS)
}

async fn serve() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::QaAgent)?);
    let agent = Qa::new(Arc::new(ProjectTests::in_sandbox(SANDBOXES, None)?));
    let handler = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(millrace_qa_agent::handle(&ports, &agent, event.payload).await)
    };
    run(service_fn(handler)).await
}
