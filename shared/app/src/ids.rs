//! Identifiers: newtypes with a readable prefix.
//!
//! A fresh id holds the time in its first ten characters and 80 random bits after it (the ULID layout, Crockford's
//! base 32 in lower case), so that ids of one kind sort by creation.

use std::fmt;
use std::str::FromStr;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::{Clock, IdSource, Ports};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// A text that is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id of the form {prefix}_…")]
pub struct IdError {
    text: String,
    prefix: &'static str,
}

/// The 26 characters of a fresh id.
fn fresh(at: Timestamp, random: [u8; 16]) -> String {
    let millis = u128::from(at.millis().unsigned_abs() & 0xffff_ffff_ffff);
    let low = u128::from_be_bytes(random) & ((1 << 80) - 1);
    encode(millis << 80 | low)
}

fn encode(bits: u128) -> String {
    (0..LENGTH)
        .rev()
        .filter_map(|place| ALPHABET.get(usize::try_from(bits >> (5 * place) & 31).unwrap_or_default()))
        .map(|byte| char::from(*byte))
        .collect()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id.
            pub fn new<P: Ports>(ports: &P) -> Self {
                Self(format!(concat!($prefix, "_{}"), fresh(ports.clock().now(), ports.ids().random())))
            }

            /// The id that belongs to a name: the same name always gives the same id. For work that may be repeated.
            #[must_use]
            pub fn derived(name: &str) -> Self {
                use sha2::{Digest, Sha256};
                let digest = Sha256::digest(name.as_bytes());
                let bits = digest.iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
                Self(format!(concat!($prefix, "_{}"), encode(bits)))
            }

            /// The id that belongs to a name, which sorts by a time as a fresh one of that time does: for work that may be
            /// repeated.
            #[must_use]
            pub fn timed(at: Timestamp, name: &str) -> Self {
                use sha2::{Digest, Sha256};
                let mut random = [0; 16];
                random.iter_mut().zip(Sha256::digest(name.as_bytes())).for_each(|(byte, from)| *byte = from);
                Self(format!(concat!($prefix, "_{}"), fresh(at, random)))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let tail = text.strip_prefix(concat!($prefix, "_"));
                if tail.is_some_and(|tail| tail.len() == LENGTH && tail.bytes().all(|byte| ALPHABET.contains(&byte))) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { text: text.chars().take(80).collect(), prefix: $prefix })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// A project.
    ProjectId = "prj";
    /// A project's plan.
    PlanId = "pln";
    /// A requested modification of a project.
    ModificationId = "mod";
    /// A deployment package of a project.
    DeploymentId = "dpl";
    /// A test report of a project.
    TestId = "tst";
    /// An event on a project's timeline.
    EventId = "evt";
    /// A single call of a model.
    AiTaskId = "ait";
    /// An execution of a workflow.
    ExecutionId = "exe";
    /// A workflow.
    WorkflowId = "wfl";
    /// A function.
    FunctionId = "fnc";
    /// An API key.
    KeyId = "key";
    /// One invocation of a function.
    InvocationId = "inv";
    /// A schedule.
    ScheduleId = "sch";
    /// An event that a webhook delivered.
    WebhookEventId = "whe";
    /// A rule that starts workflows for events of webhooks.
    WebhookRuleId = "whr";
    /// A report on a day.
    ReportId = "rep";
    /// A subscription to notifications.
    SubscriptionId = "sub";
    /// An event that notifications tell of.
    NotificationId = "ntf";
    /// An event on its way to a subscription's target.
    DeliveryId = "dlv";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_sort_by_time() {
        let early = fresh(Timestamp::from_millis(1_000), [0xff; 16]);
        let late = fresh(Timestamp::from_millis(1_001), [0; 16]);
        assert!(early < late, "{early} {late}");
        assert_eq!(early.len(), LENGTH);
    }

    #[test]
    fn the_id_of_a_name_and_a_time_sorts_by_the_time() {
        let id = |millis, name| ProjectId::timed(Timestamp::from_millis(millis), name);
        assert_eq!(id(1_000, "x"), id(1_000, "x"));
        assert_ne!(id(1_000, "x"), id(1_000, "y"));
        assert!(id(1_000, "x") < id(1_001, "x") && id(1_000, "y") < id(1_001, "x"));
        assert_eq!(id(1_000, "x").as_str().parse(), Ok(id(1_000, "x")));
    }

    #[test]
    fn only_an_id_of_its_kind_parses() {
        let id = ProjectId::derived("x");
        assert_eq!(id.as_str().parse::<ProjectId>(), Ok(id.clone()));
        assert!(id.as_str().parse::<PlanId>().is_err());
        assert!("prj_".parse::<ProjectId>().is_err());
        assert!("prj_../../etc/passwd/aaaaaaaaaaaa".parse::<ProjectId>().is_err());
        assert!(serde_json::from_str::<ProjectId>("\"x\"").is_err());
    }
}
