//! Signing in to the web console with the issuer: the authorization code flow with PKCE (RFC 6749, 4.1; RFC 7636; OAuth 2.0
//! for Browser-Based Applications).
//!
//! The browser goes to the issuer and comes back with a code; this server exchanges it, so that the console's pages need call
//! nobody else, and says at once when the token would not be taken. Nothing is kept here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_client::{encode_query, now};
use millrace_rest::{Grant, SignIn, SignInAnswer, SignInClient, SignInError, SignedIn};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config::{IdentityConfig, OidcConfig};
use crate::issuer::{IssuerClient, IssuerError};
use crate::jwt::{Token, looks_like};

/// The issuer's addresses are asked for anew after so long.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// An issuer that did not answer is left alone for so long.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
struct Endpoints {
    authorization: String,
    token: String,
}

/// Signs people in with the configured issuer.
#[derive(Debug)]
pub struct IssuerSignIn {
    config: OidcConfig,
    client_id: String,
    issuer: IssuerClient,
    /// What the issuer last said, and when.
    endpoints: Mutex<Option<(Instant, Result<Endpoints, IssuerError>)>>,
}

impl From<IssuerError> for SignInError {
    fn from(error: IssuerError) -> Self {
        tracing::warn!(%error, "nobody can sign in");
        Self::Unavailable
    }
}

impl IssuerSignIn {
    /// For [`millrace_rest::sign_in`]; `None` where no issuer, or no client for the console, is configured.
    #[must_use]
    pub fn of(config: &IdentityConfig) -> Option<Arc<dyn SignIn>> {
        let config = config.oidc.clone()?;
        let client_id = config.client_id.clone()?;
        let issuer = IssuerClient::new(&config.issuer);
        Some(Arc::new(Self { config, client_id, issuer, endpoints: Mutex::default() }))
    }

    async fn endpoints(&self) -> Result<Endpoints, IssuerError> {
        let mut known = self.endpoints.lock().await;
        if let Some((at, said)) = known.as_ref()
            && at.elapsed() < if said.is_ok() { FRESH } else { PAUSE }
        {
            return said.clone();
        }
        let said = self.issuer.discover().await.and_then(|found| {
            let (authorization, token) = (found.address("authorization_endpoint")?, found.address("token_endpoint")?);
            Ok(Endpoints { authorization, token })
        });
        *known = Some((Instant::now(), said.clone()));
        said
    }

    async fn exchange(&self, grant: Grant) -> Result<SignedIn, SignInError> {
        let endpoints = self.endpoints().await?;
        let mut form = vec![("client_id", self.client_id.as_str())];
        match &grant {
            Grant::Code { code, verifier, redirect_uri } => form.extend([
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("code_verifier", verifier.as_str()),
                ("redirect_uri", redirect_uri.as_str()),
            ]),
            Grant::Refresh(token) => {
                form.extend([("grant_type", "refresh_token"), ("refresh_token", token.as_str())]);
            }
        }
        let (status, answer) = self.issuer.post(&endpoints.token, encode_query(form)).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        match status {
            200 => {}
            400..500 => return Err(SignInError::Refused(refusal(text("error"), text("error_description")))),
            _ => return Err(IssuerError(format!("{} answered {status}", endpoints.token)).into()),
        }
        let refresh_token = text("refresh_token").map(str::to_owned);
        // An access token may be opaque, or for another API: then the ID token will do, where it is for us.
        let mut why = "it sent no JSON Web Token";
        for token in ["access_token", "id_token"].into_iter().filter_map(text).filter(|text| looks_like(text)) {
            let checked = Token::read(token).and_then(|read| {
                read.check_claims(&self.config, now())?;
                read.ends()
            });
            match checked {
                Ok(expires_at) => return Ok(SignedIn { token: token.to_owned(), expires_at, refresh_token }),
                Err(refused) => why = refused.0,
            }
        }
        Err(SignInError::Refused(format!("the issuer's token is not taken here: {why}")))
    }
}

/// Why the issuer refuses, in its words (RFC 6749, 5.2): printable ASCII, and not too much of it.
fn refusal(error: Option<&str>, description: Option<&str>) -> String {
    let said = [error, description].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let said: String = said.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(200).collect();
    if said.is_empty() { "the issuer refused".to_owned() } else { format!("the issuer refused: {said}") }
}

impl SignIn for IssuerSignIn {
    fn client(&self) -> SignInAnswer<'_, SignInClient> {
        Box::pin(async move {
            let authorization_endpoint = self.endpoints().await?.authorization;
            Ok(SignInClient {
                issuer: self.config.issuer.clone(),
                client_id: self.client_id.clone(),
                authorization_endpoint,
                scope: self.config.scope.clone(),
            })
        })
    }

    fn exchange(&self, grant: Grant) -> SignInAnswer<'_, SignedIn> {
        Box::pin(self.exchange(grant))
    }
}
