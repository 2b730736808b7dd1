//! Looking names up: one that a user gave may lead into the network that this process stands in.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use millrace_app::addresses::is_public;
use tower_service::Service;

/// Looks names up; a guarded one finds public addresses only.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    inner: GaiResolver,
    pub(crate) guarded: bool,
}

impl Resolver {
    pub(crate) fn new(guarded: bool) -> Self {
        Self { inner: GaiResolver::new(), guarded }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, guarded) = (self.inner.call(name), self.guarded);
        Box::pin(async move {
            let all: Vec<SocketAddr> = found.await?.collect();
            // One that is not public spoils all: whoever answers so has something in mind.
            if guarded && all.iter().any(|address| !is_public(address.ip())) {
                return Err(io::Error::other("it is not an address of the public internet"));
            }
            Ok(all.into_iter())
        })
    }
}
