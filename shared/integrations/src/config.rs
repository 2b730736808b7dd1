//! Where services are reached, and as whom.

use std::collections::BTreeMap;
use std::time::Duration;

use millrace_app::builtins::Settings;
use millrace_client::Endpoints;

use crate::source;

/// The longest call, a Lambda function's longest run short of what its caller needs to end in time itself.
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(880);

/// The environment can't be used; every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not valid: {}", .problems.join("; "))]
pub struct ConfigError {
    /// One sentence a problem, naming the variable.
    pub problems: Vec<String>,
}

/// Region, endpoints and role. Credentials are read from the environment when a call needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub(crate) endpoints: Endpoints,
    pub(crate) role_arn: Option<String>,
    /// What built-in workflows are told.
    pub(crate) builtins: Settings,
}

const ROLE: &str = "INTEGRATIONS_ROLE_ARN";
const SYSTEM_OWNER: &str = "SYSTEM_OWNER";
const SYNC_SOURCE: &str = "SYNC_SOURCE";
/// The system's owner where none is named: the one of a server that asks nobody who they are.
const LOCAL: &str = "local";

impl Config {
    /// Reads `AWS_REGION` (or `AWS_DEFAULT_REGION`; else us-east-1), `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`,
    /// `INTEGRATIONS_ROLE_ARN`, the role as which all calls are made where it is set, and for built-in workflows `SYSTEM_OWNER` (else
    /// `local`) and `SYNC_SOURCE`.
    ///
    /// # Errors
    /// [`ConfigError`] with every malformed variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        let variables = std::env::vars_os();
        Self::from_variables(
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// The same from any variables. An empty one counts as a missing one.
    ///
    /// # Errors
    /// [`ConfigError`] with every malformed variable.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut own = BTreeMap::new();
        let (endpoints, mut problems) = Endpoints::read(variables.into_iter().inspect(|(name, value)| {
            let known = [ROLE, SYSTEM_OWNER, SYNC_SOURCE].into_iter().find(|known| name == known);
            if let Some(known) = known.filter(|_| !value.trim().is_empty()) {
                own.insert(known, value.trim().to_owned());
            }
        }));
        let role_arn = own.remove(ROLE);
        let builtins = Settings {
            system_owner: own.remove(SYSTEM_OWNER).unwrap_or_else(|| LOCAL.to_owned()),
            sync_source: own.remove(SYNC_SOURCE),
        };
        if let Some(Err(why)) = builtins.sync_source.as_deref().map(source::check) {
            problems.push(format!("{SYNC_SOURCE} {why}"));
        }
        if let Some(role) = role_arn.as_deref().filter(|role| !role.starts_with("arn:")) {
            problems.push(format!("{ROLE} is {role:?}: it must be the ARN of a role"));
        }
        if problems.is_empty() { Ok(Self { endpoints, role_arn, builtins }) } else { Err(ConfigError { problems }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_together() {
        let variables = [("AWS_ENDPOINT_URL", "localhost:4566"), ("INTEGRATIONS_ROLE_ARN", "role")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let error = Config::from_variables(variables).unwrap_err();
        assert_eq!(error.problems.len(), 2, "{error}");
        let wrong = Config::from_variables([("SYNC_SOURCE".to_owned(), "http://example.com/".to_owned())]);
        assert!(wrong.unwrap_err().to_string().contains("SYNC_SOURCE"));
        let none = Config::from_variables([("INTEGRATIONS_ROLE_ARN".to_owned(), " ".to_owned())]).unwrap();
        assert_eq!(none.role_arn, None);
    }
}
