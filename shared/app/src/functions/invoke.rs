//! Invoking a function.

use std::sync::Arc;
use std::time::Duration;

use super::model::FunctionName;
use super::runtime::{FunctionError, FunctionRuntime, LogLine, RuntimeCall};
use super::service::Functions;
use crate::error::Error;
use crate::ids::InvocationId;
use crate::ports::{Clock, Ports};

/// An invocation that is asked for.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function.
    pub function: FunctionName,
    /// Its event, as JSON.
    pub event: String,
    /// The invocation's id; a fresh one where there is none.
    pub id: Option<InvocationId>,
    /// How long the caller waits; the function's own limit may be shorter.
    pub at_most: Option<Duration>,
}

/// An invocation that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoked {
    /// Its id.
    pub id: InvocationId,
    /// The result as JSON, or the failure.
    pub result: Result<String, FunctionError>,
    /// How long the function took.
    pub duration: Duration,
    /// What it wrote to its console.
    pub logs: Vec<LogLine>,
}

/// Names and values that a function sees.
pub(super) type Environment = Arc<[(String, String)]>;

impl<R: FunctionRuntime> Functions<R> {
    /// Runs a function. That it failed is an answer, not an error.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongState`] for one that is disabled; [`Error::NotConfigured`] where a value of its
    /// environment is not set; [`Error::Store`], also where the runtime can't run it now.
    pub async fn invoke<P: Ports>(&self, ports: &P, call: Call) -> Result<Invoked, Error> {
        Ok(self.invoke_with(ports, call).await?.0)
    }

    /// The same, with the values of the function's environment.
    pub(super) async fn invoke_with<P: Ports>(&self, ports: &P, call: Call) -> Result<(Invoked, Environment), Error> {
        let loaded = self.loaded(ports, &call.function).await?;
        let function = &loaded.function;
        if !function.is_active {
            let FunctionName { project, name, .. } = &call.function;
            return Err(Error::WrongState(format!(
                "the function {project}/{name} is disabled: set is_active to true before it is invoked"
            )));
        }
        let id = call.id.unwrap_or_else(|| InvocationId::new(ports));
        let began = ports.clock().now();
        let own = Duration::from_millis(function.time_ms.into());
        let outcome = self.shared.runtime.run(RuntimeCall {
            compiled: loaded.compiled.clone(),
            tenant: Arc::clone(&loaded.tenant),
            event: call.event,
            function_name: function.name.clone(),
            project_id: function.project.clone(),
            invocation_id: id.clone(),
            timestamp: began,
            environment: Arc::clone(&loaded.environment),
            time: call.at_most.map_or(own, |at_most| at_most.min(own)),
            memory_bytes: usize::try_from(function.memory_mb).unwrap_or_default() * 1024 * 1024,
        });
        let outcome = outcome.await?;
        self.count(function, &id, began, &outcome);
        if let Some(every) = self.shared.settings.flush_every {
            self.flush_when_due(ports, every).await;
        }
        let invoked = Invoked { id, result: outcome.result, duration: outcome.duration, logs: outcome.logs };
        Ok((invoked, Arc::clone(&loaded.environment)))
    }
}
