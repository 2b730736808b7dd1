//! Who sends a request: API keys, tokens of an OpenID Connect issuer, AWS signatures.
//!
//! It owns reading what a request shows and finding out whether it is good; the records of keys are `millrace-app`'s. The
//! lambda authorizer and the local server run the same code. It makes no sessions and stores no token; `sign_in.rs` fetches one
//! for the web console. Start reading at
//! [`Authenticator::identify`], then `jwt.rs`; `front.rs` puts the outcome before the routers, `limiter.rs` counts.

mod authenticator;
mod config;
mod front;
mod issuer;
mod jwks;
mod jwt;
mod limiter;
mod live;
mod sign_in;

pub use authenticator::{Authenticator, Identity, NotIdentified};
pub use config::{ConfigError, IdentityConfig, OidcConfig, RateLimit};
pub use front::before;
pub use limiter::limit_together;
pub use sign_in::IssuerSignIn;
