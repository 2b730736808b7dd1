//! Calls of AWS services over signed HTTP, without an SDK.
//!
//! It owns endpoints, the process's credentials, signatures, connections, time limits, repetition and the forms in which
//! services tell errors. It refuses to know operations: who calls brings bodies and reads answers. Start reading at
//! [`Client::call`].

mod addresses;
mod call;
mod credentials;
mod endpoints;
mod fault;
mod hooks;
mod http;
mod retry;
pub mod s3;
mod service;
mod sigv4;
mod verify;
pub mod xml;

pub use call::{Answer, CALL, Call, CallError, Client, LARGEST_ANSWER, Repeat, now};
pub use credentials::{Cache, Credentials, CredentialsError};
pub use endpoints::{Endpoint, Endpoints, is_loopback};
pub use fault::{ServiceFault, error_code, json_fault, request_id};
pub use hooks::{PostError, SignedPost, signature};
pub use http::{HttpClient, HttpError, Limits, Request, Response};
pub use retry::{Backoff, Failure};
pub use service::Service;
pub use sigv4::{Scope, SignError, encode, encode_path, encode_query, presign, sign};
pub use verify::{SKEW_MILLIS, SignatureFault, Signed};
