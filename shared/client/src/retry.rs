//! When a call is made again, and after which pause: the standard mode of AWS's SDKs
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::fault::error_code;
use crate::http::Response;

/// Why a call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The service has too much to do; the call was not done.
    Throttled,
    /// A failure of the server's side or of the connection.
    Transient,
}

/// Codes by which services say that they have too much to do.
const THROTTLED: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Codes of failures that pass, though their status is not 5xx.
const TRANSIENT: [&str; 3] = ["InternalError", "RequestTimeout", "RequestTimeoutException"];

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

impl Failure {
    /// What an answer says about being made again; `None` where that would change nothing.
    pub(crate) fn of(response: &Response) -> Option<Self> {
        if response.status < 400 {
            return None;
        }
        let code = error_code(response);
        let is_one_of = |all: &[&str]| code.as_deref().is_some_and(|code| all.contains(&code));
        if response.status == 429 || is_one_of(&THROTTLED) {
            Some(Self::Throttled)
        } else if response.status >= 500 || is_one_of(&TRANSIENT) {
            Some(Self::Transient)
        } else {
            None
        }
    }

    /// Tokens of the quota.
    const fn cost(self) -> u32 {
        match self {
            Self::Throttled => 5,
            Self::Transient => 14,
        }
    }
}

/// How a service is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The most tries, the first one included.
    pub tries: u32,
    /// What the pauses after transient failures grow from.
    pub base: Duration,
}

impl Backoff {
    /// Of most services.
    pub const STANDARD: Self = Self { tries: 3, base: Duration::from_millis(50) };
    /// DynamoDB answers quickly.
    pub const DYNAMODB: Self = Self { tries: 4, base: Duration::from_millis(25) };
    /// What the pauses after throttling grow from.
    const THROTTLED: Duration = Duration::from_secs(1);

    /// The pause after so many tries: a random part of what doubles with each. A service may ask for a longer one, up to
    /// five seconds more.
    pub(crate) fn pause(self, failure: Failure, tries: u32, asked: Option<Duration>) -> Duration {
        let base = match failure {
            Failure::Throttled => Self::THROTTLED,
            Failure::Transient => self.base,
        };
        let whole = base.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
        let pause = whole.mul_f64(random_part());
        asked.map_or(pause, |asked| asked.clamp(pause, pause + Duration::from_secs(5)))
    }
}

/// A random number from 0 to 1, so that callers who were refused together come back apart.
fn random_part() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the whole pause is right, too.
    getrandom::fill(&mut bytes).map_or(1.0, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

/// Tokens that repetitions take and successes give back, by service: where nearly everything fails, repeating it would
/// only add to the load.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    taken: Mutex<HashMap<&'static str, u32>>,
}

impl Quota {
    const ALL: u32 = 500;

    /// Takes what a repetition costs; `None` where too little is left.
    pub(crate) fn take(&self, service: &'static str, failure: Failure) -> Option<u32> {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(service).or_default();
        let cost = failure.cost();
        (*taken + cost <= Self::ALL).then(|| {
            *taken += cost;
            cost
        })
    }

    /// A success gives back what its last repetition took, or one token.
    pub(crate) fn give(&self, service: &'static str, tokens: u32) {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(service) {
            *taken = taken.saturating_sub(tokens.max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Option<Failure> {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        Failure::of(&Response { status, headers: ::http::HeaderMap::new(), body })
    }

    #[test]
    fn an_answer_says_whether_it_is_worth_another_try() {
        for (status, body, expected) in [
            (200, "", None),
            (429, "", Some(Failure::Throttled)),
            (500, "", Some(Failure::Transient)),
            (503, "<Error><Code>SlowDown</Code></Error>", Some(Failure::Throttled)),
            (400, r#"{"__type":"x#ProvisionedThroughputExceededException"}"#, Some(Failure::Throttled)),
            (400, r#"{"__type":"x#ThrottlingException","message":"Rate exceeded"}"#, Some(Failure::Throttled)),
            (400, r#"{"__type":"x#TransactionInProgressException"}"#, Some(Failure::Throttled)),
            (400, r#"{"__type":"x#ConditionalCheckFailedException"}"#, None),
            (400, r#"{"__type":"x#TransactionCanceledException","Message":"[ThrottlingError]"}"#, None),
            (400, r#"{"__type":"x#ValidationException","message":"ThrottlingException"}"#, None),
            (400, "<Error><Code>RequestTimeout</Code></Error>", Some(Failure::Transient)),
            (404, "", None),
        ] {
            assert_eq!(failure(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        for tries in 1..40 {
            let most = (Backoff::STANDARD.base * (1 << (tries - 1).min(16))).min(LONGEST_PAUSE);
            assert!(Backoff::STANDARD.pause(Failure::Transient, tries, None) <= most);
            assert!(Backoff::DYNAMODB.pause(Failure::Throttled, tries, None) <= LONGEST_PAUSE);
        }
        let asked = Backoff::STANDARD.pause(Failure::Transient, 1, Some(Duration::from_secs(2)));
        assert_eq!(asked, Duration::from_secs(2));
        let asked = Backoff::STANDARD.pause(Failure::Transient, 1, Some(Duration::from_secs(3_600)));
        assert!(asked <= Duration::from_millis(5_050));
    }

    #[test]
    fn the_quota_ends_and_comes_back_with_successes() {
        let quota = Quota::default();
        let taken = (0..).take_while(|_| quota.take("sqs", Failure::Transient).is_some()).count();
        assert_eq!(taken, 35);
        assert_eq!(quota.take("s3", Failure::Transient), Some(14), "a quota is its service's own");
        assert_eq!(quota.take("sqs", Failure::Throttled), Some(5));
        quota.give("sqs", 14);
        assert_eq!(quota.take("sqs", Failure::Transient), Some(14));
        for _ in 0..20 {
            quota.give("sqs", 0);
        }
        assert!(quota.take("sqs", Failure::Transient).is_some());
    }
}
