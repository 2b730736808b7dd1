//! The webhook function.

use lambda_http::{Error, run};
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_webhook::{config_from_env, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Webhook)?);
    run(router(ports, config_from_env())).await
}
