//! The loops of notifications: one that reads the feed of changes, and those that make deliveries.

use std::time::Duration;

use millrace_app::changes::ChangeFeed as _;
use millrace_app::notifications::{Deliverer, publish};
use millrace_app::ports::{Delivery, Queue};
use millrace_integrations::Notifier;
use millrace_sqlite::SqlitePorts;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::wait_for_stop;
use super::workers::work_off;
use crate::logging::chain;

/// So many changes are read at once.
const BATCH: usize = 200;
/// How long the reader waits before it looks again without being told to.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it rests after something failed.
const REST: Duration = Duration::from_secs(2);

/// Starts the loops.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    ports: &SqlitePorts,
    notifier: Notifier,
    workers: usize,
    stopped: &watch::Receiver<bool>,
) {
    tasks.spawn(follow(ports.clone(), stopped.clone()));
    let deliverer = Deliverer::new(notifier);
    for _ in 0..workers {
        let (ports, deliverer, stopped) = (ports.clone(), deliverer.clone(), stopped.clone());
        tasks.spawn(async move {
            let work = |delivery: Delivery| {
                let (ports, deliverer) = (ports.clone(), deliverer.clone());
                async move { deliverer.handle(&ports, &delivery).await }
            };
            work_off(&ports, Queue::Notifications, work, &stopped).await;
        });
    }
}

/// Makes deliveries of changes. A change is forgotten when its deliveries are stored: a crash before that repeats it.
async fn follow(ports: SqlitePorts, stopped: watch::Receiver<bool>) {
    let stop = wait_for_stop(stopped);
    tokio::pin!(stop);
    loop {
        let pause = match read(&ports).await {
            Ok(0) => ports.wait_for_changes(PATIENCE),
            Ok(_) => continue,
            Err(error) => {
                tracing::error!(error = chain(&error), "changes could not be told of; it is tried again");
                ports.wait_for_changes(REST)
            }
        };
        tokio::select! {
            () = &mut stop => return,
            () = pause => {}
        }
    }
}

/// Handles what there is; the answer is how many changes that was.
async fn read(ports: &SqlitePorts) -> Result<usize, millrace_app::Error> {
    let changes = ports.changes(BATCH).await?;
    let published = publish(ports, &changes).await;
    let done = published.changes;
    if let Some(last) = done.checked_sub(1).and_then(|last| changes.get(last)) {
        ports.forget_changes(&last.id).await?;
    }
    published.problem.map_or(Ok(done), Err)
}
