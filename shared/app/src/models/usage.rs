//! What calls have used, and what is held for those under way.
//!
//! Each scope has one record of both. It is apart from the project's own, so that counting never changes the version that
//! the project's owner has seen.

use std::collections::BTreeMap;
use std::time::Duration;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::caller::Price;
use super::chat::{ChatRequest, ModelRef, TokenUsage};
use super::complete::{Caller, Scope, left};
use super::error::{CompleteError, ModelError};
use super::saved::SavedCall;
use crate::error::Error;
use crate::keys;
use crate::ports::{Clock, Condition, IdSource, Ports, Record, RecordKey, RecordStore, StoreError, Write};
use crate::projects::{Budget, Usage, delivering_budget, rfc3339};

/// How often a change is tried again after somebody else made one.
const ATTEMPTS: u32 = 40;
/// How long to wait before looking whether other calls have ended.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What is held for a call that never told its end is free again so long after its deadline, in milliseconds.
const GRACE_MILLIS: i64 = 60_000;

/// What a call may use at the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    input: u64,
    output: u64,
    /// `None` where the price is unknown.
    usd: Option<f64>,
    deadline: Timestamp,
}

impl Bound {
    pub(super) fn of(request: &ChatRequest, price: Option<Price>, deadline: Timestamp) -> Self {
        let (input, output) = (request.input_tokens(), u64::from(request.max_output_tokens));
        let usage = TokenUsage { input, output, ..TokenUsage::default() };
        Self { input, output, usd: price.map(|price| price.of(usage)), deadline }
    }

    const fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// What is held for a call under way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Hold {
    tokens: u64,
    usd: f64,
    #[serde(with = "rfc3339")]
    until: Timestamp,
}

/// The record of a scope's usage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Ledger {
    #[serde(flatten)]
    usage: Usage,
    /// By the calls' names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    held: BTreeMap<String, Hold>,
}

/// That a call may be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Something was stored that is to be released.
    pub(super) stored: bool,
    /// When the budget's time ends.
    pub(super) until: Option<Timestamp>,
}

fn key(scope: &Scope) -> RecordKey {
    RecordKey { partition: scope.partition(), sort: keys::MODEL_USAGE.into() }
}

/// What a scope's calls have used.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn used<P: Ports>(ports: &P, scope: &Scope) -> Result<Usage, Error> {
    Ok(load(ports, scope).await?.0.usage)
}

/// The record, with its version; 0 where there is none.
async fn load<P: Ports>(ports: &P, scope: &Scope) -> Result<(Ledger, u64), Error> {
    let key = key(scope);
    let Some(record) = ports.records().get(&key).await? else { return Ok((Ledger::default(), 0)) };
    let ledger = Ledger::deserialize(&record.body)
        .map_err(|error| StoreError::corrupt(format!("{}/{}", key.partition, key.sort), error))?;
    Ok((ledger, record.version))
}

fn put<P: Ports>(ports: &P, scope: &Scope, ledger: &Ledger, version: u64) -> Result<Write, Error> {
    let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
    let record = Record {
        key: key(scope),
        version,
        body: serde_json::to_value(ledger).map_err(Error::internal)?,
        listings: Vec::new(),
        expires_at: scope.expires(ports.clock().now()),
    };
    Ok(Write::Put(record, condition))
}

/// A short random pause after a conflict, so that callers who collided come back apart.
pub(super) async fn let_pass<P: Ports>(ports: &P, conflicts: u32) {
    let random = ports.ids().random().first().copied().unwrap_or_default();
    let millis = u64::from(random) * u64::from(conflicts.min(8)) / 16;
    ports.clock().sleep(Duration::from_millis(millis)).await;
}

/// The write that counts a finished call's usage and frees what was held for it.
pub(super) async fn counted<P: Ports>(ports: &P, scope: &Scope, name: &str, call: &SavedCall) -> Result<Write, Error> {
    let (mut ledger, version) = load(ports, scope).await?;
    ledger.held.remove(name);
    let (usage, tokens) = (&mut ledger.usage, call.answer.usage);
    usage.calls += 1;
    usage.input_tokens = usage.input_tokens.saturating_add(tokens.input);
    usage.output_tokens = usage.output_tokens.saturating_add(tokens.output);
    usage.cached_tokens = usage.cached_tokens.saturating_add(tokens.cached_input);
    usage.millis = usage.millis.saturating_add(call.millis);
    match call.usd {
        Some(usd) => usage.usd += usd,
        None => usage.unpriced_calls += 1,
    }
    put(ports, scope, &ledger, version)
}

/// Frees what was held for a call that failed. Where that fails it is free after its time.
pub(super) async fn release<P: Ports>(ports: &P, scope: &Scope, name: &str) {
    for conflicts in 1..=ATTEMPTS {
        let freed = async {
            let (mut ledger, version) = load(ports, scope).await?;
            if ledger.held.remove(name).is_none() {
                return Ok(());
            }
            Ok::<_, Error>(ports.records().write(vec![put(ports, scope, &ledger, version)?]).await?)
        };
        match freed.await {
            Err(Error::Store(StoreError::Conflict)) => let_pass(ports, conflicts).await,
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a budget stays held for a while");
                return;
            }
        }
    }
}

/// What a budget says to a call.
#[derive(Debug, PartialEq)]
enum Verdict {
    Fits,
    /// It would, were it not for calls under way.
    Later,
    Breaks(String),
}

/// Holds what a call may use at the most, if the budgets allow it. Waits for calls under way whose end decides.
pub(super) async fn hold<P: Ports>(
    ports: &P,
    caller: &Caller,
    model: &ModelRef,
    name: &str,
    bound: Bound,
    deadline: Timestamp,
) -> Result<Held, CompleteError> {
    if let Verdict::Breaks(what) = verdict(caller.budget, &Usage::default(), &BTreeMap::new(), bound, model) {
        return Err(CompleteError::BudgetExceeded(format!("The call's own budget does not allow it: {what}.")));
    }
    let Scope::Project(project) = &caller.scope else { return Ok(Held::FREE) };
    let mut conflicts = 0;
    loop {
        // Read each time: it may have been raised, and the delivery stopped.
        let budget = delivering_budget(ports, project).await?;
        if budget == Budget::default() {
            return Ok(Held::FREE);
        }
        let (mut ledger, version) = load(ports, &caller.scope).await?;
        let now = ports.clock().now();
        ledger.held.retain(|held, hold| held != name && hold.until.millis() > now.millis());
        match verdict(budget, &ledger.usage, &ledger.held, bound, model) {
            Verdict::Breaks(what) => {
                return Err(CompleteError::BudgetExceeded(format!(
                    "The project's budget does not allow the next model call: {what}. Raise the budget \
                     (PUT /api/projects/{project}) and resume the project: it goes on where it was."
                )));
            }
            Verdict::Later if left(now, deadline) <= LOOK_AGAIN => {
                let why = "the budget was held for other calls of the project all the time";
                return Err(ModelError::Timeout(why.into()).into());
            }
            Verdict::Later => ports.clock().sleep(LOOK_AGAIN).await,
            Verdict::Fits => {
                let until = bound.deadline.plus_millis(GRACE_MILLIS);
                let hold = Hold { tokens: bound.tokens(), usd: bound.usd.unwrap_or_default(), until };
                ledger.held.insert(name.to_owned(), hold);
                match ports.records().write(vec![put(ports, &caller.scope, &ledger, version)?]).await {
                    Ok(()) => {
                        let time = budget.seconds.map(|seconds| {
                            let left = seconds.saturating_mul(1_000).saturating_sub(ledger.usage.millis);
                            now.plus_millis(i64::try_from(left).unwrap_or(i64::MAX / 4))
                        });
                        return Ok(Held { stored: true, until: time });
                    }
                    Err(StoreError::Conflict) if conflicts < ATTEMPTS => {
                        conflicts += 1;
                        let_pass(ports, conflicts).await;
                    }
                    Err(error) => return Err(Error::from(error).into()),
                }
            }
        }
    }
}

/// May a call be made? What is held counts as used, but only what is used breaks a budget for good.
fn verdict(budget: Budget, usage: &Usage, held: &BTreeMap<String, Hold>, bound: Bound, model: &ModelRef) -> Verdict {
    let under_way = u64::try_from(held.len()).unwrap_or(u64::MAX);
    let mut later = false;
    if let Some(most) = budget.calls {
        if usage.calls + 1 > most {
            return Verdict::Breaks(format!("{} of {most} calls were made", usage.calls));
        }
        later |= usage.calls + under_way + 1 > most;
    }
    if let Some(most) = budget.tokens {
        let used = usage.input_tokens.saturating_add(usage.output_tokens);
        let tokens = bound.tokens();
        if used.saturating_add(tokens) > most {
            return Verdict::Breaks(format!(
                "{used} of {most} tokens are used, and the call may use up to {tokens} (about {} sent, up to {} received)",
                bound.input, bound.output
            ));
        }
        let held = held.values().fold(0_u64, |sum, hold| sum.saturating_add(hold.tokens));
        later |= used.saturating_add(held).saturating_add(tokens) > most;
    }
    if let Some(most) = budget.usd {
        let Some(usd) = bound.usd else {
            return Verdict::Breaks(format!(
                "what {model} costs is not known, and the budget is in money. Give its price (MILLRACE_PRICES), or a \
                 budget in tokens alone"
            ));
        };
        if usage.unpriced_calls > 0 {
            return Verdict::Breaks(format!(
                "{} earlier calls were made at an unknown price, so that nobody knows what is left of {most} USD",
                usage.unpriced_calls
            ));
        }
        if usage.usd + usd > most {
            return Verdict::Breaks(format!(
                "{:.4} of {most} USD are used, and the call may cost up to {usd:.4} USD",
                usage.usd
            ));
        }
        later |= usage.usd + held.values().map(|hold| hold.usd).sum::<f64>() + usd > most;
    }
    if let Some(most) = budget.seconds
        && usage.millis >= most.saturating_mul(1_000)
    {
        return Verdict::Breaks(format!("model calls have taken {} of {most} seconds", usage.millis / 1_000));
    }
    if later { Verdict::Later } else { Verdict::Fits }
}
