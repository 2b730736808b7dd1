//! Which models, where, and at which prices: read from variables.

use std::collections::BTreeMap;

use millrace_app::models::{AgentRole, ModelRef, PriceTable, Provider};
use millrace_app::ports::Secret;
use millrace_client::{Endpoints, is_loopback};

/// The environment can't be used; every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not valid: {}", .problems.join("; "))]
pub struct ConfigError {
    /// One sentence a problem, naming the variable.
    pub problems: Vec<String>,
}

/// Models of roles, addresses, keys and prices. `Debug` shows no key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    pub(crate) endpoints: Endpoints,
    /// For everybody who has none of their own.
    model: Option<ModelRef>,
    roles: BTreeMap<&'static str, ModelRef>,
    pub(crate) urls: BTreeMap<Provider, String>,
    pub(crate) keys: BTreeMap<Provider, Secret>,
    /// What the operator says that models cost.
    pub(crate) prices: PriceTable,
    pub(crate) private_callbacks: bool,
}

const MODEL: &str = "MILLRACE_MODEL";
const PRICES: &str = "MILLRACE_PRICES";
const PRIVATE_CALLBACKS: &str = "MILLRACE_PRIVATE_CALLBACKS";
const BEDROCK_ENDPOINT: &str = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME";

/// The variable by which the provider's own tools know its key.
const fn key_variable(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Gemini => Some("GEMINI_API_KEY"),
        Provider::Anthropic => Some("ANTHROPIC_API_KEY"),
        Provider::OpenAi => Some("OPENAI_API_KEY"),
        Provider::Ollama => Some("OLLAMA_API_KEY"),
        Provider::Bedrock => None,
    }
}

fn url_variable(provider: Provider) -> String {
    format!("MILLRACE_{}_URL", provider.name().to_ascii_uppercase())
}

/// The name of a provider's key among the secrets.
pub(crate) fn secret_name(provider: Provider) -> String {
    format!("models/{}/api-key", provider.name())
}

impl Config {
    /// Reads `MILLRACE_MODEL`, `MILLRACE_MODEL_PM` (`_DEV`, `_QA`, `_OPS`, `_SINGLE`), `MILLRACE_<PROVIDER>_URL`,
    /// `MILLRACE_PRICES` (JSON, or the path of a file of it), `GEMINI_API_KEY`, `ANTHROPIC_API_KEY`, `OPENAI_API_KEY`,
    /// `OLLAMA_API_KEY`, `MILLRACE_PRIVATE_CALLBACKS` (`true` where callbacks may go to addresses of the own network), and for Bedrock `AWS_REGION` and `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`. Everything is optional.
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
        let all: BTreeMap<String, String> = variables
            .into_iter()
            .map(|(name, value)| (name, value.trim().to_owned()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let of = |name: &str, as_name: &str| Some((as_name.to_owned(), all.get(name)?.clone()));
        let own = [
            of("AWS_REGION", "AWS_REGION"),
            of("AWS_DEFAULT_REGION", "AWS_DEFAULT_REGION"),
            of("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", BEDROCK_ENDPOINT),
            of(&url_variable(Provider::Bedrock), BEDROCK_ENDPOINT),
        ];
        let own = own.into_iter().flatten();
        let (endpoints, mut problems) = Endpoints::read(own);
        let mut config = Self { endpoints, ..Self::default() };
        let mut model = |name: &str| -> Option<ModelRef> {
            match all.get(name)?.parse() {
                Ok(model) => Some(model),
                Err(error) => {
                    problems.push(format!("{name}: {error}"));
                    None
                }
            }
        };
        config.model = model(MODEL);
        for role in AgentRole::ALL {
            if let Some(own) = model(&format!("{MODEL}_{}", role.name().to_ascii_uppercase())) {
                config.roles.insert(role.name(), own);
            }
        }
        for provider in Provider::ALL {
            let name = url_variable(provider);
            if let Some(url) = all.get(&name) {
                match check_url(url) {
                    Ok(()) => drop(config.urls.insert(provider, url.trim_end_matches('/').to_owned())),
                    Err(problem) => problems.push(format!("{name} {problem}")),
                }
            }
            if let Some(key) = key_variable(provider).and_then(|name| all.get(name)) {
                config.keys.insert(provider, Secret::new(key));
            }
        }
        match all.get(PRIVATE_CALLBACKS).map(String::as_str) {
            None | Some("false") => {}
            Some("true") => config.private_callbacks = true,
            Some(other) => problems.push(format!("{PRIVATE_CALLBACKS} is {other:?}: it must be true or false")),
        }
        if let Some(given) = all.get(PRICES) {
            let text = if given.starts_with('{') {
                Ok(given.clone())
            } else {
                std::fs::read_to_string(given).map_err(|error| format!("{given:?} can't be read: {error}"))
            };
            match text.and_then(|text| PriceTable::read_prices(&text)) {
                Ok(prices) => config.prices = prices,
                Err(problem) => problems.push(format!("{PRICES}: {problem}")),
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    /// The model of a role.
    #[must_use]
    pub fn model_for(&self, role: AgentRole) -> Option<&ModelRef> {
        self.roles.get(role.name()).or(self.model.as_ref())
    }

    /// Is a model of this provider configured, or an address or a key of it?
    #[must_use]
    pub fn has(&self, provider: Provider) -> bool {
        let models = self.roles.values().chain(&self.model);
        models.into_iter().any(|model| model.provider == provider)
            || self.urls.contains_key(&provider)
            || self.keys.contains_key(&provider)
    }
}

/// Keys travel over TLS, or within this machine or a private network that the operator names as such with `http`.
fn check_url(url: &str) -> Result<(), String> {
    let wrong = || {
        format!(
            "is {url:?}: it must be a URL that begins with https:// or, for a server on this machine or in a network of your own, http://"
        )
    };
    let uri: http::Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    let private = || {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let numbers = name.parse::<std::net::IpAddr>().is_ok_and(|ip| match ip {
            std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
            std::net::IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
        });
        numbers || is_loopback(url) || !name.contains('.') || name.ends_with(".internal") || name.ends_with(".local")
    };
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if private() => Ok(()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn without_variables_there_is_no_model() {
        let config = read(&[("MILLRACE_MODEL", " ")]).unwrap();
        assert!(AgentRole::ALL.into_iter().all(|role| config.model_for(role).is_none()));
        assert!(Provider::ALL.into_iter().all(|provider| !config.has(provider)));
    }

    #[test]
    fn each_role_may_have_its_own_model_and_no_key_is_shown() {
        let config = read(&[
            ("MILLRACE_MODEL", "anthropic/claude-sonnet-5-5"),
            ("MILLRACE_MODEL_DEV", "openai/local-coder"),
            ("MILLRACE_OPENAI_URL", "http://127.0.0.1:8000/v1/"),
            ("GEMINI_API_KEY", "hunter2"),
        ])
        .unwrap();
        let name = |role| config.model_for(role).unwrap().to_string();
        assert_eq!(name(AgentRole::Pm), "anthropic/claude-sonnet-5-5");
        assert_eq!(name(AgentRole::Dev), "openai/local-coder");
        assert_eq!(config.urls[&Provider::OpenAi], "http://127.0.0.1:8000/v1");
        assert!(config.has(Provider::Gemini) && !config.has(Provider::Bedrock));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn every_problem_is_reported_together() {
        let error = read(&[
            ("MILLRACE_MODEL", "gpt-5"),
            ("MILLRACE_MODEL_QA", "acme/x"),
            ("MILLRACE_OPENAI_URL", "http://api.example.com/v1"),
            ("MILLRACE_GEMINI_URL", "localhost:1"),
            ("MILLRACE_PRICES", "/no/such/file.json"),
        ])
        .unwrap_err();
        assert_eq!(error.problems.len(), 5, "{error}");
    }
}
