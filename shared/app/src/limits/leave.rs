//! Leaving: at the end of an execution.

use super::admit::{Wake, nudge};
use super::gate::GateRef;
use super::store::{self, TRIES};
use crate::error::Error;
use crate::executions::Execution;
use crate::keys;
use crate::ports::{Clock, Ports, RecordStore, StoreError};

/// Gives back the places of an execution that has ended, or its place in the queue, and sends for who comes next. It may
/// be called again, and only the first time counts. `redrives` says how often it had been redriven when it ended: what it
/// has taken since stays.
pub(crate) async fn leave<P: Ports>(ports: &P, execution: &Execution, redrives: u32) -> Result<(), Error> {
    let Some(admission) = execution.limits.as_deref() else { return Ok(()) };
    let gate_of = |key: &String| GateRef { owner: execution.owner.clone(), key: key.clone() };
    let id = &execution.id;
    for tries in 0..TRIES {
        let now = ports.clock().now();
        let mut gates = store::load_all(ports, &execution.owner, admission).await?;
        let mut writes = Vec::new();
        let counted = admission.demands.iter().find(|demand| demand.concurrency.is_some());
        let holder = match counted {
            Some(demand) => store::holder(ports, &gate_of(&demand.key), id).await?,
            None => None,
        };
        match holder {
            Some(holder) if holder.redrives > redrives => return Ok(()),
            Some(holder) => {
                for (stored, demand) in gates.iter_mut().zip(&admission.demands) {
                    if demand.concurrency.is_some() {
                        stored.gate.held = stored.gate.held.saturating_sub(1);
                        stored.gate.updated_at = now;
                        writes.extend([stored.write()?, holder.delete(&stored.name())]);
                    }
                }
            }
            None => {
                for stored in &mut gates {
                    let name = stored.name();
                    let priority = Some(admission.priority);
                    let key = keys::limit_waiter(&name.owner, &name.key, priority, execution.started_at, id);
                    let Some(found) = ports.records().get(&key).await? else { continue };
                    let waiter: store::Waiter = store::decode(found)?;
                    stored.gate.waiting = stored.gate.waiting.saturating_sub(1);
                    stored.gate.updated_at = now;
                    writes.extend([stored.write()?, waiter.delete(&name)]);
                    break;
                }
            }
        }
        if !writes.is_empty() {
            match ports.records().write(writes).await {
                Err(StoreError::Conflict) => {
                    store::pause(ports, tries).await;
                    continue;
                }
                written => written?,
            }
        }
        for stored in gates.iter().filter(|stored| stored.gate.waiting > 0) {
            nudge(ports, Wake::Now(stored.name())).await?;
        }
        return Ok(());
    }
    Err(store::crowded())
}
