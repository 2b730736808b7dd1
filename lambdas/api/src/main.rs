//! The api function.

use std::sync::Arc;

use lambda_http::{Error, run};
use millrace_api::{ApiConfig, router};
use millrace_aws::{AwsPorts, Config, Function, InsightsLinks, telemetry};
use millrace_identity::{IdentityConfig, IssuerSignIn};
use millrace_models::Models;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Api)?);
    let issuer = IssuerSignIn::of(&IdentityConfig::from_env("")?);
    let logs = Arc::new(InsightsLinks::from_env()?);
    run(router(ports, ApiConfig::from_env()?, Models::from_env()?, issuer, logs)).await
}
