//! History events, with the names and details of Step Functions' `GetExecutionHistory`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

macro_rules! kinds {
    ($($name:ident)*) => {
        /// The type of an event, spelt as Step Functions spells it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the names are Step Functions' own")]
        pub enum EventType { $($name),* }

        impl EventType {
            /// All types.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The type's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

kinds! {
    ExecutionStarted ExecutionSucceeded ExecutionFailed ExecutionTimedOut ExecutionAborted
    EvaluationFailed
    PassStateEntered PassStateExited
    TaskStateEntered TaskStateExited TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskFailed TaskTimedOut
    TaskStartFailed TaskSubmitFailed
    LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded LambdaFunctionFailed LambdaFunctionTimedOut
    LambdaFunctionStartFailed
    ActivityScheduled ActivityStarted ActivitySucceeded ActivityFailed ActivityTimedOut
    ChoiceStateEntered ChoiceStateExited
    WaitStateEntered WaitStateExited
    SucceedStateEntered SucceedStateExited
    FailStateEntered
    ParallelStateEntered ParallelStateStarted ParallelStateSucceeded ParallelStateFailed ParallelStateExited
    MapStateEntered MapStateStarted MapIterationStarted MapIterationSucceeded MapIterationFailed MapIterationAborted
    MapStateSucceeded MapStateFailed MapStateExited
    MapRunStarted MapRunSucceeded MapRunFailed MapRunAborted
}

/// One event of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Its type.
    #[serde(rename = "t")]
    pub kind: EventType,
    /// Its details; `input`, `output`, `parameters` and every member of `assignedVariables` hold JSON values here,
    /// texts in the API.
    #[serde(rename = "d", default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// The event of the same decision that led to it; `None`: the last one of the log before.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
}
