//! Callbacks, signed as Standard Webhooks say (<https://www.standardwebhooks.com>), to addresses of the public internet.

use millrace_app::models::{Callback, CallbackSender};
use millrace_app::notifications::problem_of_url;
use millrace_client::{HttpClient, SignedPost};

/// Sends callbacks.
#[derive(Debug)]
pub struct Callbacks {
    http: HttpClient,
    private: bool,
}

impl Callbacks {
    /// With `private`, addresses of this machine and its network may be called too, and without TLS.
    #[must_use]
    pub fn new(private: bool) -> Self {
        Self { http: if private { HttpClient::default() } else { HttpClient::guarded() }, private }
    }
}

impl CallbackSender for Callbacks {
    fn check(&self, url: &str) -> Option<String> {
        problem_of_url(url, self.private).map(str::to_owned)
    }

    async fn send(&self, callback: Callback<'_>) -> Result<(), String> {
        let Callback { url, id, at, body, secret, timeout } = callback;
        if let Some(problem) = self.check(url) {
            return Err(format!("the address {problem}"));
        }
        let secrets = std::slice::from_ref(secret);
        let post = SignedPost { url, id, now: at, body, secrets, timeout };
        // A redirection is no success.
        let answer = self.http.post_signed(post).await.map_err(|error| error.to_string())?;
        if (200..300).contains(&answer.status) {
            Ok(())
        } else {
            Err(format!("the receiver answered {}", answer.status))
        }
    }
}
