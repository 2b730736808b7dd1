//! Who watches: callers of live updates, by the same keys and tokens as those of the REST API.

use millrace_app::live::{LiveCaller, NotSignedIn, SignIn};
use millrace_app::ports::{Ports, Secret};

use crate::authenticator::{Authenticator, Identity, NotIdentified};

impl From<Identity> for LiveCaller {
    fn from(identity: Identity) -> Self {
        let Identity { owner, key, valid_until, .. } = identity;
        // Whoever has any role may look.
        Self { owner, shared_owner: None, key: key.and_then(|key| key.parse().ok()), valid_until }
    }
}

impl<P: Ports> SignIn for Authenticator<P> {
    async fn sign_in(&self, token: &Secret) -> Result<LiveCaller, NotSignedIn> {
        match self.identify_text(token.expose()).await {
            Ok(identity) => Ok(identity.into()),
            Err(NotIdentified::NotValid(why)) => Err(NotSignedIn::Refused(why)),
            Err(error @ NotIdentified::Unavailable(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "who watches can't be found out");
                Err(NotSignedIn::Unavailable)
            }
        }
    }
}
