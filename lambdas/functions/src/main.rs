//! The functions function.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_api::ApiConfig;
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_functions::{SandboxRuntime, serve_if_child};
use millrace_functions_function::Handler;
use serde_json::value::RawValue;

/// Messages come one at a time, and so do requests: more processes are for more projects.
const PROCESSES: usize = 4;

fn main() -> Result<ExitCode, Error> {
    if let Some(code) = serve_if_child() {
        return Ok(code);
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve())?;
    Ok(ExitCode::SUCCESS)
}

async fn serve() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Functions)?);
    let handler = Handler::new(ports, SandboxRuntime::processes(PROCESSES, None)?, ApiConfig::from_env()?);
    let handle = async |event: LambdaEvent<Box<RawValue>>| handler.handle(event).await.map_err(Error::from);
    run(service_fn(handle)).await
}
