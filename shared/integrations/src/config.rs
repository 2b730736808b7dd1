//! Where services are reached, and as whom.

use std::time::Duration;

use millrace_client::Endpoints;

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
}

const ROLE: &str = "INTEGRATIONS_ROLE_ARN";

impl Config {
    /// Reads `AWS_REGION` (or `AWS_DEFAULT_REGION`; else us-east-1), `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, and
    /// `INTEGRATIONS_ROLE_ARN`, the role as which all calls are made where it is set.
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
        let mut role = None;
        let (endpoints, mut problems) = Endpoints::read(variables.into_iter().inspect(|(name, value)| {
            if name == ROLE {
                role = Some(value.trim().to_owned());
            }
        }));
        let role_arn = role.filter(|role| !role.is_empty());
        if let Some(role) = role_arn.as_deref().filter(|role| !role.starts_with("arn:")) {
            problems.push(format!("{ROLE} is {role:?}: it must be the ARN of a role"));
        }
        if problems.is_empty() { Ok(Self { endpoints, role_arn }) } else { Err(ConfigError { problems }) }
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
        let none = Config::from_variables([("INTEGRATIONS_ROLE_ARN".to_owned(), " ".to_owned())]).unwrap();
        assert_eq!(none.role_arn, None);
    }
}
