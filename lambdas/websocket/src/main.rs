//! The websocket function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use millrace_aws::{AwsPorts, Config, Function, telemetry};
use millrace_identity::{Authenticator, IdentityConfig};
use millrace_websocket::{ApiConnections, Handler, WebsocketConfig};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let ports = AwsPorts::new(Config::from_env(Function::Websocket)?);
    let config = WebsocketConfig::from_env()?;
    let sign_in = Authenticator::new(ports.clone(), IdentityConfig::from_env(&config.account)?);
    let connections = ApiConnections::from_env(&config)?;
    let handler = Handler::new(ports, sign_in, connections, config);
    let handle = async |event: LambdaEvent<Value>| Box::pin(handler.handle(event.payload)).await.map_err(Error::from);
    run(service_fn(handle)).await
}
