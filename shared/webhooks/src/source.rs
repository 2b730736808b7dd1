//! The sources of webhooks: their names, and how a request tells its own.

use crate::request::Request;

/// The longest name of a source.
const NAME_BYTES: usize = 64;

/// How a source signs its requests and what they look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `X-Hub-Signature-256: sha256=` and HMAC-SHA256 of the body in hexadecimal.
    GitHub,
    /// `X-Gitlab-Token`: the secret itself; or Standard Webhooks, where a signing token is set.
    GitLab,
    /// `X-Hub-Signature: sha256=` and HMAC-SHA256 of the body in hexadecimal.
    Bitbucket,
    /// `Stripe-Signature: t=,v1=`: HMAC-SHA256 of time and body in hexadecimal.
    Stripe,
    /// `X-Slack-Signature: v0=`: HMAC-SHA256 of version, time and body in hexadecimal.
    Slack,
    /// `X-Shopify-Hmac-Sha256`: HMAC-SHA256 of the body in Base64.
    Shopify,
    /// `Linear-Signature`: HMAC-SHA256 of the body in hexadecimal; the body has the time.
    Linear,
    /// `X-Signature` (Data Cloud), or an outbound message with the secret in its address and a known organization.
    Salesforce,
    /// Standard Webhooks: `webhook-signature` with `v1` (HMAC-SHA256) and `v1a` (Ed25519).
    Standard,
    /// `X-Webhook-Signature: sha256=` and HMAC-SHA256 of the body in hexadecimal.
    Generic,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::GitHub,
        Self::GitLab,
        Self::Bitbucket,
        Self::Stripe,
        Self::Slack,
        Self::Shopify,
        Self::Linear,
        Self::Salesforce,
        Self::Standard,
        Self::Generic,
    ];

    /// The word that names it, and the source of that name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
            Self::Shopify => "shopify",
            Self::Linear => "linear",
            Self::Salesforce => "salesforce",
            Self::Standard => "standard",
            Self::Generic => "generic",
        }
    }
}

/// A text that can't name a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It has other characters or is too long.
    #[error("must be 1 to 64 lower-case letters, digits, '-' or '_', and begin with a letter or digit")]
    Name,
    /// Path and header name two sources.
    #[error("names another source than the path")]
    Contradiction,
}

/// Who sends webhooks: one of the ten, or a name of the user's own, which signs as the generic one or as Standard Webhooks
/// say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    scheme: Option<Scheme>,
}

impl Source {
    /// A source by its name.
    ///
    /// # Errors
    /// [`SourceError::Name`]
    pub fn named(name: &str) -> Result<Self, SourceError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !begins || name.len() > NAME_BYTES || !name.bytes().all(fits) {
            return Err(SourceError::Name);
        }
        let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.name() == name);
        Ok(Self { name: name.to_owned(), scheme })
    }

    /// The source of a request: what its path names, else the header `X-Webhook-Source`, else the sender whose headers it
    /// has, else the generic one. Nothing that follows from it is believed before the signature is verified.
    ///
    /// # Errors
    /// [`SourceError`], where path or header name none, or two.
    pub fn of(path: Option<&str>, request: &Request) -> Result<Self, SourceError> {
        let header = request.headers.get("x-webhook-source").map(|name| name.trim().to_ascii_lowercase());
        match (path, header) {
            (Some(path), Some(header)) if path != header => Err(SourceError::Contradiction),
            (Some(path), _) => Self::named(path),
            (None, Some(header)) => Self::named(&header),
            (None, None) => Ok(Self::detected(request)),
        }
    }

    fn detected(request: &Request) -> Self {
        let has = |name: &str| request.headers.get(name).is_some();
        let scheme = if has("x-github-event") {
            Scheme::GitHub
        } else if has("x-gitlab-event") {
            Scheme::GitLab
        } else if has("x-event-key") {
            Scheme::Bitbucket
        } else if has("stripe-signature") {
            Scheme::Stripe
        } else if has("x-slack-signature") {
            Scheme::Slack
        } else if has("x-shopify-topic") || has("shopify-topic") {
            Scheme::Shopify
        } else if has("linear-signature") {
            Scheme::Linear
        } else if has("webhook-signature") || has("svix-signature") {
            Scheme::Standard
        } else if request.media_type() == "text/xml" && has("soapaction") {
            Scheme::Salesforce
        } else {
            Scheme::Generic
        };
        Self { name: scheme.name().to_owned(), scheme: Some(scheme) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it signs this request. A source of the user's own that sends `webhook-signature` signs as Standard Webhooks say.
    #[must_use]
    pub fn scheme(&self, request: &Request) -> Scheme {
        self.scheme.unwrap_or_else(|| match Self::detected(request).scheme {
            Some(Scheme::Standard) => Scheme::Standard,
            _ => Scheme::Generic,
        })
    }

    /// The name under which its secrets are kept.
    #[must_use]
    pub fn secret_name(&self) -> String {
        format!("webhooks/{}", self.name)
    }

    /// The name under which the ids of Salesforce organizations are kept whose messages are taken.
    #[must_use]
    pub fn organizations_name(&self) -> String {
        format!("webhooks/{}/organizations", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Headers;

    fn with(headers: &[(&str, &str)]) -> Request {
        Request { headers: headers.iter().copied().collect(), ..Request::default() }
    }

    #[test]
    fn the_path_names_it_then_the_header_then_what_it_looks_like() {
        let github = with(&[("X-GitHub-Event", "push")]);
        assert_eq!(Source::of(None, &github).unwrap().name(), "github");
        assert_eq!(Source::of(Some("stripe"), &github).unwrap().name(), "stripe");
        let said = with(&[("X-Webhook-Source", "Linear"), ("x-github-event", "push")]);
        assert_eq!(Source::of(None, &said).unwrap().name(), "linear");
        assert_eq!(Source::of(Some("github"), &said), Err(SourceError::Contradiction));
        assert_eq!(Source::of(None, &Request::default()).unwrap().name(), "generic");
    }

    #[test]
    fn each_sender_is_known_by_its_headers() {
        for (header, name) in [
            ("x-gitlab-event", "gitlab"),
            ("x-event-key", "bitbucket"),
            ("stripe-signature", "stripe"),
            ("x-slack-signature", "slack"),
            ("x-shopify-topic", "shopify"),
            ("linear-signature", "linear"),
            ("webhook-signature", "standard"),
            ("svix-signature", "standard"),
        ] {
            assert_eq!(Source::of(None, &with(&[(header, "x")])).unwrap().name(), name);
        }
        let soap = Request {
            headers: Headers::from_iter([("content-type", "text/xml; charset=UTF-8"), ("SOAPAction", "\"\"")]),
            ..Request::default()
        };
        assert_eq!(Source::of(None, &soap).unwrap().name(), "salesforce");
    }

    #[test]
    fn a_source_of_ones_own_signs_in_one_of_two_ways() {
        let own = Source::named("payments-eu").unwrap();
        assert_eq!(own.scheme(&Request::default()), Scheme::Generic);
        assert_eq!(own.scheme(&with(&[("webhook-signature", "v1,x")])), Scheme::Standard);
        assert_eq!(own.scheme(&with(&[("x-github-event", "push")])), Scheme::Generic);
        assert_eq!(own.secret_name(), "webhooks/payments-eu");
        for wrong in ["", "A", "a/b", "../x", "-a", "a b", &"a".repeat(65)] {
            assert_eq!(Source::named(wrong), Err(SourceError::Name), "{wrong}");
        }
    }
}
