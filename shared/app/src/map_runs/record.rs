//! The record of a map run: where its log is, and how it ended. While it runs the log is the truth.

use millrace_asl::map_run::{MapRun, RunName, RunStatus};
use millrace_asl::{EventType, Failure, Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::executions::{LogId, Retention, Thread, load};
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{Condition, ExecutionLog, Index, Ports, Record, RecordStore, StoreError, Write};

/// What is stored of a map run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunRecord {
    pub(super) name: RunName,
    pub(super) arn: String,
    pub(super) execution: ExecutionId,
    pub(super) execution_arn: String,
    pub(super) state_machine_arn: String,
    /// The log with the Map state.
    pub(super) log: LogId,
    /// The number of its fan-out over the pages.
    pub(super) fanout: u32,
    pub(super) started_at: Timestamp,
    /// How often it was redriven.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) redrives: u32,
    /// When it was redriven last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redriven_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Ended>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) status: RunStatus,
    pub(super) at: Timestamp,
    /// The entry of the log in which it did.
    pub(super) seq: u64,
    /// The run as it was then, without what its executions were given.
    pub(super) run: MapRun,
}

impl Ended {
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.run.failure.as_ref()
    }
}

/// Stores the record of the run that `thread` is about to work for, where there is none yet.
pub(crate) async fn note_begin<P: Ports>(ports: &P, thread: &Thread) -> Result<(), Error> {
    let Position::Work { run, .. } = &thread.snapshot.position else { return Ok(()) };
    let (log, fanout) = match (run.page, thread.log.parent()) {
        (Some(_), Some((parent, step))) => (parent, step.fanout),
        _ => (thread.log.clone(), thread.snapshot.fanouts),
    };
    let write = match by_name(ports, run.name).await? {
        None => Write::Put(begun(thread, run, log, fanout).stored(0, ports.retention())?, Condition::Absent),
        Some((mut record, version)) if run.redrives > record.redrives => {
            record.redriven(run, log, fanout);
            Write::Put(record.stored(version, ports.retention())?, Condition::Version(version))
        }
        Some(_) => return Ok(()),
    };
    match ports.records().write(vec![write]).await {
        // Another page has noted it, or the run has ended.
        Ok(()) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn begun(thread: &Thread, run: &MapRun, log: LogId, fanout: u32) -> RunRecord {
    let context = &thread.snapshot.execution;
    RunRecord {
        name: run.name,
        arn: run.arn(context),
        execution: log.execution.clone(),
        execution_arn: context.id.clone(),
        state_machine_arn: run.child_context(context, 0, 0).state_machine_id,
        log,
        fanout,
        started_at: thread.at,
        redrives: run.redrives,
        redriven_at: run.redriven_at,
        ended: None,
    }
}

/// Says on the record how the run ended.
pub(crate) async fn note_end<P: Ports>(
    ports: &P,
    thread: &Thread,
    run: &MapRun,
    status: RunStatus,
) -> Result<(), Error> {
    /// Deliveries of the same message that say the same.
    const TRIES: usize = 8;
    for _ in 0..TRIES {
        let (mut record, version) = match by_name(ports, run.name).await? {
            Some(found) => found,
            None => (begun(thread, run, thread.log.clone(), thread.snapshot.fanouts), 0),
        };
        if record.redrives > run.redrives {
            // An end that is over.
            return Ok(());
        }
        if record.redrives < run.redrives {
            record.redriven(run, thread.log.clone(), thread.snapshot.fanouts.saturating_sub(1));
        }
        let lean = MapRun { items: Vec::new(), input: serde_json::Value::Null, batch: None, ..run.clone() };
        record.ended = Some(Ended { status, at: thread.at, seq: thread.seq, run: lean });
        let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
        match ports.records().write(vec![Write::Put(record.stored(version, ports.retention())?, condition)]).await {
            Err(StoreError::Conflict) => {}
            written => return Ok(written?),
        }
    }
    Err(StoreError::Conflict.into())
}

/// The record of a run that has ended and whose record does not say so, since whoever ended it died: what its log says is
/// noted now. `waited` is the log's thread when it last waited for the run.
pub(super) async fn find_end<P: Ports>(ports: &P, record: RunRecord, waited: &Thread) -> Result<RunRecord, Error> {
    let (mut waited, mut from) = (waited.clone(), waited.seq + 1);
    loop {
        let entries = ports.log().entries(&record.log, from, load::PAGE).await?;
        let full = entries.len() == load::PAGE;
        for entry in entries {
            from = entry.seq + 1;
            let (thread, kinds) = load::read_with_kinds(ports, entry).await?;
            let waits = thread.snapshot.map_run().is_some_and(|run| run.name == record.name);
            if waits {
                waited = thread;
                continue;
            }
            let status = kinds.iter().find_map(|kind| match kind {
                EventType::MapRunSucceeded => Some(RunStatus::Succeeded),
                EventType::MapRunFailed => Some(RunStatus::Failed),
                EventType::MapRunAborted => Some(RunStatus::Aborted),
                _ => None,
            });
            let (Some(status), Some(run)) = (status, waited.snapshot.map_run()) else { return Ok(record) };
            note_end(ports, &thread, run, status).await?;
            return Ok(by_name(ports, record.name).await?.map_or(record, |(record, _)| record));
        }
        if !full {
            return Ok(record);
        }
    }
}

impl RunRecord {
    /// The run goes on, in another log maybe.
    pub(super) fn redriven(&mut self, run: &MapRun, log: LogId, fanout: u32) {
        (self.redrives, self.redriven_at) = (run.redrives, run.redriven_at);
        (self.log, self.fanout, self.ended) = (log, fanout, None);
    }

    fn stored(&self, version: u64, retention: Retention) -> Result<Record, Error> {
        let partition = keys::execution_map_runs(&self.execution);
        Ok(Record {
            key: keys::map_run(&self.name.family()),
            version,
            body: serde_json::to_value(self).map_err(Error::internal)?,
            listings: vec![keys::listing(Index::Owner, partition, self.started_at, &self.name.to_string())],
            expires_at: self.ended.as_ref().map(|ended| retention.of_record(ended.at)),
        })
    }

    pub(super) fn from_record(record: Record) -> Result<(Self, u64), Error> {
        let what = format!("map run {}", record.key.partition);
        let body = serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem))?;
        Ok((body, record.version))
    }
}

/// Reads the record of a run by its name or by that of one of its executions.
pub(super) async fn by_name<P: Ports>(ports: &P, name: RunName) -> Result<Option<(RunRecord, u64)>, Error> {
    ports.records().get(&keys::map_run(&name.family())).await?.map(RunRecord::from_record).transpose()
}
