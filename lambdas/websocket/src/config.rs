//! What the function is told beside the names of the stack's parts.

/// The environment can't be used; every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not valid: {}", .0.join("; "))]
pub struct WebsocketConfigError(pub Vec<String>);

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authorization {
    /// Whoever then shows a key or a token.
    #[default]
    Keys,
    /// Whoever signed the handshake; the gateway has checked that.
    Iam,
    /// Everybody, as the owner of everything.
    None,
}

/// The function's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebsocketConfig {
    /// How who connects is known.
    pub authorization: Authorization,
    /// Origins whose pages may connect; `*` is any.
    pub origins: Vec<String>,
    /// The stage of the WebSocket API, without a slash at the end; empty where the stack has none.
    pub connections_url: String,
    /// The account of the stack.
    pub account: String,
}

impl WebsocketConfig {
    /// Reads `API_AUTHORIZATION`, `CORS_ORIGINS` and `CONSOLE_ORIGIN`, `CONNECTIONS_URL` and `MILLRACE_ACCOUNT_ID`.
    ///
    /// # Errors
    /// [`WebsocketConfigError`]
    pub fn from_env() -> Result<Self, WebsocketConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The same from any lookup.
    ///
    /// # Errors
    /// [`WebsocketConfigError`]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, WebsocketConfigError> {
        let variable = |name: &str| lookup(name).map(|text| text.trim().to_owned()).unwrap_or_default();
        let mut problems = Vec::new();
        let authorization = match variable("API_AUTHORIZATION").as_str() {
            "KEYS" => Authorization::Keys,
            "AWS_IAM" => Authorization::Iam,
            "NONE" => Authorization::None,
            other => {
                problems.push(format!("API_AUTHORIZATION is {other:?}: it must be KEYS, AWS_IAM or NONE"));
                Authorization::Keys
            }
        };
        let connections_url = variable("CONNECTIONS_URL").trim_end_matches('/').to_owned();
        if !connections_url.is_empty() && !connections_url.starts_with("https://") {
            problems.push(format!("CONNECTIONS_URL is {connections_url:?}: it must begin with https://"));
        }
        let origins = format!("{},{}", variable("CORS_ORIGINS"), variable("CONSOLE_ORIGIN"));
        let origins =
            origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect();
        let config = Self { authorization, origins, connections_url, account: variable("MILLRACE_ACCOUNT_ID") };
        if problems.is_empty() { Ok(config) } else { Err(WebsocketConfigError(problems)) }
    }

    /// May a page of this origin connect? Who says none is no browser.
    #[must_use]
    pub fn lets_in(&self, origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| self.origins.iter().any(|known| known == "*" || known == origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_together() {
        let error = WebsocketConfig::from_lookup(|name| match name {
            "CONNECTIONS_URL" => Some("wss://x/live".into()),
            _ => None,
        });
        let text = error.unwrap_err().to_string();
        assert!(text.contains("API_AUTHORIZATION") && text.contains("CONNECTIONS_URL"), "{text}");
    }

    #[test]
    fn pages_of_known_origins_only() {
        let config = WebsocketConfig::from_lookup(|name| match name {
            "API_AUTHORIZATION" => Some("KEYS".into()),
            "CORS_ORIGINS" => Some("https://a.example, https://b.example".into()),
            "CONSOLE_ORIGIN" => Some("https://d1.cloudfront.net".into()),
            _ => None,
        })
        .unwrap();
        for good in [None, Some("https://a.example"), Some("https://b.example"), Some("https://d1.cloudfront.net")] {
            assert!(config.lets_in(good), "{good:?}");
        }
        for bad in ["https://c.example", "null", "", "https://a.example.c.example"] {
            assert!(!config.lets_in(Some(bad)), "{bad}");
        }
        assert!(!WebsocketConfig::default().lets_in(Some("https://a.example")));
    }
}
