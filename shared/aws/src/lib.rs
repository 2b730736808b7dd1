//! The ports on AWS: DynamoDB, SQS, S3, SSM and EventBridge Scheduler.
//!
//! It translates and nothing more, over the signed HTTP of `shared/client`; `requests.rs` and `messages.rs` hold what is sent.
//! A function's `main.rs` reads a [`Config`], builds [`AwsPorts`] and hands SQS events to [`worker::handle_batch`]. Start
//! reading at `keys.rs`, which owns the table's shape.

mod attribute;
mod blobs;
mod clock;
mod config;
mod cursor;
mod dynamo;
mod gather;
mod insights;
mod keys;
mod log;
mod messages;
mod queues;
mod records;
mod requests;
mod secrets;
mod services;
pub mod stream;
pub mod telemetry;
pub mod worker;

use std::sync::Arc;

use millrace_app::executions::Retention;
use millrace_app::ports::Ports;

pub use blobs::S3BlobStore;
pub use clock::{SystemClock, SystemRandom};
pub use config::{Config, ConfigError, Function, Needs};
pub use insights::InsightsLinks;
pub use log::DynamoExecutionLog;
pub use queues::SqsQueues;
pub use records::DynamoRecordStore;
pub use secrets::SsmSecretStore;

/// All ports on AWS. A clone shares the connections.
#[derive(Debug, Clone)]
pub struct AwsPorts {
    log: DynamoExecutionLog,
    records: DynamoRecordStore,
    queues: SqsQueues,
    blobs: S3BlobStore,
    secrets: SsmSecretStore,
    retention: Retention,
}

impl AwsPorts {
    /// The ports of a stack. Connects to nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let retention = config.retention;
        let services = Arc::new(services::Services::new(config));
        Self {
            log: DynamoExecutionLog::new(Arc::clone(&services)),
            records: DynamoRecordStore::new(Arc::clone(&services)),
            queues: SqsQueues::new(Arc::clone(&services)),
            blobs: S3BlobStore::new(Arc::clone(&services)),
            secrets: SsmSecretStore::new(services),
            retention,
        }
    }
}

impl Ports for AwsPorts {
    type Log = DynamoExecutionLog;
    type Records = DynamoRecordStore;
    type Queues = SqsQueues;
    type Blobs = S3BlobStore;
    type Secrets = SsmSecretStore;
    type Clock = SystemClock;
    type Ids = SystemRandom;

    fn log(&self) -> &Self::Log {
        &self.log
    }

    fn records(&self) -> &Self::Records {
        &self.records
    }

    fn queues(&self) -> &Self::Queues {
        &self.queues
    }

    fn blobs(&self) -> &Self::Blobs {
        &self.blobs
    }

    fn secrets(&self) -> &Self::Secrets {
        &self.secrets
    }

    fn clock(&self) -> &Self::Clock {
        &SystemClock
    }

    fn ids(&self) -> &Self::Ids {
        &SystemRandom
    }

    fn retention(&self) -> Retention {
        self.retention
    }
}
