//! What the check of callers is told at start.

use std::time::Duration;

use http::Uri;
use millrace_app::identity::{Allowance, Role};
use millrace_app::ports::Secret;
use millrace_client::is_loopback;

/// The environment can't be used; every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not valid: {}", .problems.join("; "))]
pub struct ConfigError {
    /// One sentence a problem, naming the variable.
    pub problems: Vec<String>,
}

/// How often a caller may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// So many requests a second, on average.
    pub per_second: u32,
    /// So many may come at once: as many as a window has, which is so long that both hold.
    pub burst: u32,
}

impl RateLimit {
    /// Where nothing is said.
    const DEFAULT: Self = Self { per_second: 100, burst: 600 };

    /// Reads `MILLRACE_RATE_LIMIT`: `per second:burst`, or `off`.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        let text = std::env::var("MILLRACE_RATE_LIMIT").unwrap_or_default();
        Self::read(Some(text.trim()).filter(|text| !text.is_empty()))
            .map_err(|problem| ConfigError { problems: vec![problem] })
    }

    fn read(text: Option<&str>) -> Result<Option<Self>, String> {
        let text = match text {
            None => return Ok(Some(Self::DEFAULT)),
            Some("off") => return Ok(None),
            Some(text) => text,
        };
        let read = text.split_once(':').and_then(|(rate, burst)| {
            let limit = Self { per_second: rate.parse().ok()?, burst: burst.parse().ok()? };
            (limit.per_second > 0 && limit.burst > 0).then_some(limit)
        });
        read.map(Some).ok_or_else(|| {
            format!(
                "MILLRACE_RATE_LIMIT is {text:?}: it must be requests a second and how many at once, like 100:600, or \
                 off"
            )
        })
    }

    /// The same as requests in windows.
    pub(crate) fn allowance(self) -> Allowance {
        let millis = i64::from(self.burst) * 1000 / i64::from(self.per_second.max(1));
        Allowance { requests: self.burst, window_millis: millis.max(1) }
    }
}

/// An issuer whose tokens are good here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// The `iss` of its tokens, letter for letter.
    pub issuer: String,
    /// One of these must be in `aud`; Cognito's access tokens have it as `client_id`.
    pub audiences: Vec<String>,
    /// Where its keys are; `None`: its discovery document says it.
    pub jwks_url: Option<String>,
    /// The claim that names the owner, after `oidc:`. A JSON pointer where it begins with `/`.
    pub owner_claim: String,
    /// The claim with the roles: a list of texts, or one text with blanks. A JSON pointer where it begins with `/`.
    pub roles_claim: String,
    /// What the names of roles begin with there: `millrace:run`.
    pub role_prefix: String,
    /// The role of a token that names none; `None`: it is refused.
    pub default_role: Option<Role>,
    /// How far the issuer's clock may be from ours.
    pub leeway: Duration,
    /// The public client as which the web console signs people in; `None`: it does not.
    pub client_id: Option<String>,
    /// What that client asks for, with blanks between.
    pub scope: String,
}

/// How callers are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentityConfig {
    /// The account of the owner `local`.
    pub account: String,
    /// The issuer whose tokens are good.
    pub oidc: Option<OidcConfig>,
    /// A pair that signs for the owner `local`, beside those of keys.
    pub access_key: Option<(String, Secret)>,
    /// How often a key, or who has none, may call; `None`: no limit.
    pub rate_limit: Option<RateLimit>,
}

impl IdentityConfig {
    /// Reads `MILLRACE_OIDC_ISSUER`, `_AUDIENCE`, `_JWKS_URL`, `_OWNER_CLAIM`, `_ROLES_CLAIM`, `_ROLE_PREFIX`, `_DEFAULT_ROLE`,
    /// `_LEEWAY_SECONDS`, `_CLIENT_ID` and `_SCOPE`, `MILLRACE_ACCESS_KEY_ID` with `MILLRACE_SECRET_ACCESS_KEY`, and `MILLRACE_RATE_LIMIT`
    /// (`per second:burst`, `off`).
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn from_env(account: &str) -> Result<Self, ConfigError> {
        Self::from_variables(account, |name| std::env::var(name).ok())
    }

    /// The same from other variables.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn from_variables(account: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variable = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut problems = Vec::new();
        let oidc = oidc(&variable, &mut problems);
        let (id, secret) = (variable("MILLRACE_ACCESS_KEY_ID"), variable("MILLRACE_SECRET_ACCESS_KEY"));
        if id.is_some() != secret.is_some() {
            problems.push("MILLRACE_ACCESS_KEY_ID and MILLRACE_SECRET_ACCESS_KEY must be set together".to_owned());
        }
        if secret.as_ref().is_some_and(|secret| secret.len() < 16) {
            problems.push("MILLRACE_SECRET_ACCESS_KEY must have at least 16 characters".to_owned());
        }
        let rate_limit = RateLimit::read(variable("MILLRACE_RATE_LIMIT").as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let access_key = id.zip(secret.map(Secret::new));
        let config = Self { account: account.to_owned(), oidc, access_key, rate_limit };
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }
}

fn oidc(variable: &impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<OidcConfig> {
    let own = |name: &str| variable(&format!("MILLRACE_OIDC_{name}"));
    let Some(issuer) = own("ISSUER") else {
        if ["AUDIENCE", "JWKS_URL", "CLIENT_ID"].into_iter().any(|name| own(name).is_some()) {
            problems.push("MILLRACE_OIDC_ISSUER is missing: without it no token is good".to_owned());
        }
        return None;
    };
    let jwks_url = own("JWKS_URL");
    for (name, url) in [("ISSUER", Some(&issuer)), ("JWKS_URL", jwks_url.as_ref())] {
        if url.is_some_and(|url| !is_safe(url)) {
            problems.push(format!("MILLRACE_OIDC_{name} must be an address that begins with https://"));
        }
    }
    let audiences: Vec<String> = own("AUDIENCE")
        .unwrap_or_default()
        .split(',')
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect();
    if audiences.is_empty() {
        problems.push(
            "MILLRACE_OIDC_AUDIENCE is missing: without it every token of the issuer would be good, whomever it is for"
                .to_owned(),
        );
    }
    let default_role = own("DEFAULT_ROLE").and_then(|text| {
        let role = text.parse();
        role.map_err(|wanted| problems.push(format!("MILLRACE_OIDC_DEFAULT_ROLE {wanted}"))).ok()
    });
    let leeway = own("LEEWAY_SECONDS").map_or(Some(60), |text| text.parse().ok().filter(|seconds| *seconds <= 300));
    if leeway.is_none() {
        problems.push("MILLRACE_OIDC_LEEWAY_SECONDS must be a number from 0 to 300".to_owned());
    }
    Some(OidcConfig {
        issuer,
        audiences,
        jwks_url,
        owner_claim: own("OWNER_CLAIM").unwrap_or_else(|| "sub".to_owned()),
        roles_claim: own("ROLES_CLAIM").unwrap_or_else(|| "roles".to_owned()),
        role_prefix: own("ROLE_PREFIX").unwrap_or_else(|| "millrace:".to_owned()),
        default_role,
        leeway: Duration::from_secs(leeway.unwrap_or_default()),
        client_id: own("CLIENT_ID"),
        scope: own("SCOPE").unwrap_or_else(|| "openid".to_owned()),
    })
}

/// Keys come over TLS, or from this machine.
pub(crate) fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<IdentityConfig, ConfigError> {
        IdentityConfig::from_variables("000000000000", |name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_environment() {
        let plain = read(&[]).unwrap();
        assert_eq!((plain.oidc, plain.access_key), (None, None));
        assert_eq!(plain.rate_limit, Some(RateLimit { per_second: 100, burst: 600 }));
        let issuer = ("MILLRACE_OIDC_ISSUER", "https://issuer.example");
        let oidc = read(&[issuer, ("MILLRACE_OIDC_AUDIENCE", "a, b")]).unwrap().oidc.unwrap();
        assert_eq!((oidc.audiences.len(), oidc.owner_claim.as_str(), oidc.default_role), (2, "sub", None));
        assert_eq!((oidc.client_id, oidc.scope.as_str()), (None, "openid"));
        assert_eq!(read(&[("MILLRACE_RATE_LIMIT", "off")]).unwrap().rate_limit, None);
        let wrong = [
            ("MILLRACE_OIDC_ISSUER", "http://issuer.example"),
            ("MILLRACE_OIDC_JWKS_URL", "ftp://x"),
            ("MILLRACE_OIDC_DEFAULT_ROLE", "root"),
            ("MILLRACE_OIDC_LEEWAY_SECONDS", "900"),
            ("MILLRACE_ACCESS_KEY_ID", "x"),
            ("MILLRACE_RATE_LIMIT", "0:1"),
        ];
        let problems = read(&wrong).unwrap_err().problems;
        assert_eq!(problems.len(), 7, "{problems:?}");
        assert!(read(&[("MILLRACE_OIDC_AUDIENCE", "a")]).is_err());
        let short = [("MILLRACE_ACCESS_KEY_ID", "x"), ("MILLRACE_SECRET_ACCESS_KEY", "short")];
        assert!(!read(&short).unwrap_err().to_string().contains("short:"));
    }
}
