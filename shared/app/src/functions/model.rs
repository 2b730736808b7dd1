//! What is stored of a function.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::runtime::Language;
use crate::ids::FunctionId;

/// Names a function among all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionName {
    /// Who owns it.
    pub owner: String,
    /// The project, or another name that the owner groups functions by.
    pub project: String,
    /// Its own name.
    pub name: String,
}

impl FunctionName {
    /// A name. Whether its parts can be names is checked when a function is made.
    pub fn new(owner: impl Into<String>, project: impl Into<String>, name: impl Into<String>) -> Self {
        Self { owner: owner.into(), project: project.into(), name: name.into() }
    }

    /// The id, which follows from the name.
    #[must_use]
    pub fn id(&self) -> FunctionId {
        FunctionId::derived(&format!("{}\n{}\n{}", self.owner, self.project, self.name))
    }
}

/// Who owns the functions of somebody who is known as `owner`: the account, where an ARN names one, as with workflows, so
/// that an account's workflows call its functions.
#[must_use]
pub fn account_owner(owner: &str) -> String {
    let account = owner.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3)).filter(|part| !part.is_empty());
    account.map_or_else(|| owner.to_owned(), |account| format!("aws:{account}"))
}

/// One state of a function's code. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionVersion {
    /// From 1.
    pub number: u64,
    /// SHA-256 of the source, in lower-case hexadecimal: its address among the blobs.
    pub sha256: String,
    /// The source's size in bytes.
    pub size: u64,
    /// The file that it was made from: what stack traces name.
    pub file_path: String,
    /// The source's language.
    pub runtime: Language,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its id, which follows from its name.
    pub id: FunctionId,
    /// Who owns it.
    pub owner: String,
    /// The project.
    pub project: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// May it be invoked?
    pub is_active: bool,
    /// How long an invocation may take, in milliseconds.
    pub time_ms: u32,
    /// How much memory an invocation may use, in MiB.
    pub memory_mb: u32,
    /// The environment values that it may see, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// The newest version.
    pub current: FunctionVersion,
    /// Those before, the newest last; at most [`Function::KEPT_VERSIONS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<FunctionVersion>,
    /// It is gone for everybody; what is left of it is being removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Function {
    /// How many earlier versions can still be read.
    pub const KEPT_VERSIONS: usize = 20;

    /// Its full name.
    #[must_use]
    pub fn full_name(&self) -> FunctionName {
        FunctionName::new(&self.owner, &self.project, &self.name)
    }

    /// A version by its number.
    #[must_use]
    pub fn version(&self, number: u64) -> Option<&FunctionVersion> {
        std::iter::once(&self.current).chain(&self.earlier).find(|version| version.number == number)
    }
}

/// How a function failed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// The error's name.
    pub name: String,
    /// Its message, at most 1,000 characters.
    pub message: String,
    /// When the invocation began.
    pub at: Timestamp,
}

/// How often a function was invoked, and to what end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// All invocations that ran code.
    pub invocations: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// When the last one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_invoked_at: Option<Timestamp>,
    /// The last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
}

impl Counters {
    /// Adds what was counted elsewhere.
    pub(super) fn add(&mut self, other: &Self) {
        self.invocations = self.invocations.saturating_add(other.invocations);
        self.failed = self.failed.saturating_add(other.failed);
        self.last_invoked_at = self.last_invoked_at.max(other.last_invoked_at);
        let newer = |error: &&LastError| self.last_error.as_ref().is_none_or(|known| known.at <= error.at);
        if let Some(error) = other.last_error.as_ref().filter(newer) {
            self.last_error = Some(error.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_belong_to_accounts() {
        assert_eq!(account_owner("arn:aws:iam::123456789012:user/ada"), "aws:123456789012");
        assert_eq!(account_owner("arn:aws:sts::123456789012:assumed-role/x/y"), "aws:123456789012");
        for same in ["local", "aws:123456789012", "arn:aws:s3:::bucket"] {
            assert_eq!(account_owner(same), same);
        }
    }

    #[test]
    fn no_name_is_another_ones_id() {
        assert_ne!(FunctionName::new("a", "b", "c").id(), FunctionName::new("a", "c", "b").id());
        assert_ne!(FunctionName::new("a", "b", "c").id(), FunctionName::new("ab", "", "c").id());
    }

    #[test]
    fn the_newer_error_counts() {
        let failed = |at| Counters {
            invocations: 1,
            failed: 1,
            last_invoked_at: Some(Timestamp::from_millis(at)),
            last_error: Some(LastError {
                name: at.to_string(),
                message: String::new(),
                at: Timestamp::from_millis(at),
            }),
        };
        let mut all = failed(2);
        all.add(&failed(1));
        assert_eq!((all.invocations, all.last_error.as_ref().unwrap().name.as_str()), (2, "2"));
        all.add(&failed(3));
        assert_eq!((all.failed, all.last_error.unwrap().name.as_str()), (3, "3"));
    }
}
