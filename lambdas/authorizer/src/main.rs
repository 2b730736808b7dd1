//! The authorizer function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_authorizer::{Event, config_from_env, handle};
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_identity::Authenticator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Authorizer)?);
    let (config, account) = config_from_env()?;
    let authenticator = Authenticator::new(ports.clone(), config);
    let handle = async |event: LambdaEvent<Event>| {
        handle(&ports, &authenticator, &account, event.payload).await.map_err(Error::from)
    };
    run(service_fn(handle)).await
}
