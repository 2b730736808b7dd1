//! What processes logged while they worked on an execution or a project, wherever that is kept.
//!
//! A [`LogSource`] keeps records itself and finds them, or knows the address of a console that does. Who may ask is decided
//! before it is asked: it looks for the id of something that the caller was shown to own, and for nothing else.

use std::pin::Pin;

use serde_json::{Map, Value};

use crate::Timestamp;
use crate::error::Error;
use crate::ids::{ExecutionId, ProjectId};

/// How severe a record is, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happens.
    Info,
    /// What happens, closely.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// All, the most severe first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Its name in parameters; in records it is written in capitals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level of a name, in letters of any size.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

/// Whose records are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSubject {
    /// Those with this `execution_id`.
    Execution(ExecutionId),
    /// Those with this `project_id`.
    Project(ProjectId),
}

impl LogSubject {
    /// The field that names it in records, and the id.
    #[must_use]
    pub fn field(&self) -> (&'static str, &str) {
        match self {
            Self::Execution(id) => ("execution_id", id.as_str()),
            Self::Project(id) => ("project_id", id.as_str()),
        }
    }
}

/// In which order records are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOrder {
    /// The oldest first.
    Oldest,
    /// The newest first.
    Newest,
}

/// Which records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Whose.
    pub subject: LogSubject,
    /// None is older.
    pub began: Timestamp,
    /// Few are younger; `None` where it has not ended.
    pub ended: Option<Timestamp>,
    /// The least severe.
    pub level: Option<LogLevel>,
    /// What the message or a field must contain; the size of letters does not matter.
    pub text: Option<String>,
    /// The order.
    pub order: LogOrder,
    /// At most so many.
    pub limit: usize,
    /// Where an earlier page of the same order ended.
    pub cursor: Option<String>,
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// Names it among all records of its source.
    pub id: String,
    /// When it was written, as RFC 3339 has it.
    pub timestamp: String,
    /// Its level.
    pub level: LogLevel,
    /// What happened.
    pub message: String,
    /// The module that wrote it.
    pub location: String,
    /// Everything else that it says.
    pub fields: Map<String, Value>,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogPage {
    /// The records.
    pub items: Vec<LogRecord>,
    /// The cursor of the next page; none on the last one.
    pub next: Option<String>,
    /// With the oldest first: the cursor of what comes after this page, now or later.
    pub follow: Option<String>,
}

/// What a source answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Logs {
    /// The records.
    Records(LogPage),
    /// The address of a console that shows them.
    Link(String),
}

/// What a source answers, when it is there.
pub type LogAnswer<'a> = Pin<Box<dyn Future<Output = Result<Logs, Error>> + Send + 'a>>;

/// Where records are.
pub trait LogSource: Send + Sync {
    /// The records of a subject. An unknown cursor is [`StoreError::InvalidCursor`](crate::ports::StoreError::InvalidCursor); [`Error::NotConfigured`] says what to do
    /// where none are kept.
    fn find(&self, query: LogQuery) -> LogAnswer<'_>;
}

/// Logs nowhere.
#[derive(Debug, Clone, Copy)]
pub struct NoLogs;

impl LogSource for NoLogs {
    fn find(&self, _: LogQuery) -> LogAnswer<'_> {
        Box::pin(async { Err(Error::NotConfigured(NOT_KEPT.to_owned())) })
    }
}

/// What is told where no logs are kept.
pub const NOT_KEPT: &str = "this server keeps no logs: start it with --keep-logs-days of at least 1";
