//! Receiving a webhook: verify, store, send a message, answer.

use std::collections::BTreeMap;

use millrace_asl::Timestamp;
use millrace_webhooks::{
    Answer, Delivery, Question, Request, Scheme, Secrets, SignatureError, Source, SourceError, acknowledgement,
    question, read, redacted, verify,
};

use super::model::{EventStatus, StoredBody, Verification, WebhookEvent};
use super::store;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::executions::{Envelope, Message};
use crate::ids::WebhookEventId;
use crate::keys;
use crate::metrics::{self, Metric};
use crate::ports::{
    BlobStore, Clock, Condition, MessageQueues, OutgoingMessage, Ports, Queue, RecordStore, StoreError, Write,
};
use crate::secrets::{SecretCache, Trust};

/// Who receives webhooks. Clones share the secrets that they remember.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Whose events these are.
    owner: String,
    /// Are signatures verified?
    verifies: bool,
    secrets: SecretCache,
}

impl Receiver {
    /// A receiver whose events belong to `owner`. Without `verifies` every request is believed.
    pub fn new(owner: impl Into<String>, verifies: bool) -> Self {
        if !verifies {
            tracing::warn!("VERIFY_WEBHOOK_SIGNATURE is false: every webhook is believed, whoever sends it");
        }
        Self { owner: owner.into(), verifies, secrets: SecretCache::default() }
    }

    /// Does a value of `VERIFY_WEBHOOK_SIGNATURE` ask for verification? Only `false` does not.
    #[must_use]
    pub fn is_to_verify(value: Option<&str>) -> bool {
        !value.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
    }
}

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It is not proven to be its source's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It can't be read, or a store failed.
    #[error(transparent)]
    App(#[from] Error),
}

impl From<StoreError> for ReceiveError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

/// An event that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// Its id.
    pub id: WebhookEventId,
    /// Was this delivery taken before?
    pub duplicate: bool,
}

/// A webhook that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its source.
    pub source: String,
    /// What was asked, where nothing was delivered.
    pub question: Option<Question>,
    /// What the source wants to hear.
    pub answer: Answer,
    /// The events, in the request's order.
    pub events: Vec<ReceivedEvent>,
}

/// Receives a webhook: verifies it, stores each of its events unless that delivery is there, and sends a message for each.
/// `path` is what the address names as its source.
///
/// After an error nothing is left that would keep the source from sending the webhook again.
///
/// # Errors
/// [`ReceiveError`]
pub async fn receive<P: Ports>(
    ports: &P,
    receiver: &Receiver,
    path: Option<&str>,
    request: &Request,
) -> Result<Received, ReceiveError> {
    let source = Source::of(path, request).map_err(|error| {
        let is_header = error == SourceError::Contradiction || path.is_none();
        Error::invalid(if is_header { "X-Webhook-Source" } else { "source" }, error.to_string())
    })?;
    let verification = match receiver.verifies {
        true => verified(ports, receiver, &source, request).await?,
        false => Verification::Off,
    };
    let scheme = source.scheme(request);
    let deliveries = read(scheme, request).map_err(|error| Error::invalid("", error.to_string()))?;
    let answer = acknowledgement(scheme, request);
    if let [only] = deliveries.as_slice()
        && let Some(question) = question(scheme, only)
    {
        return Ok(Received { source: source.name().to_owned(), question: Some(question), answer, events: Vec::new() });
    }
    let kept = redacted(&request.body);
    let sha256 = sha256_hex(&kept);
    let size = kept.len() as u64;
    let media_type = request.media_type();
    let content_type = if media_type.is_empty() { "application/octet-stream" } else { &media_type };
    let now = ports.clock().now();
    ports.blobs().put(&keys::artifacts::webhook_body(now, &sha256), kept.into_owned(), content_type).await?;
    let body = StoredBody { sha256, size, media_type, part: 0 };
    let head = Head { receiver, source: &source, scheme, request, verification, body, now };
    let mut events = Vec::with_capacity(deliveries.len());
    for (part, delivery) in deliveries.into_iter().enumerate() {
        events.push(take(ports, head.event(part, delivery)).await?);
    }
    metrics::record(Metric::WebhookReceived { source: scheme.name() });
    Ok(Received { source: source.name().to_owned(), question: None, answer, events })
}

/// What proves that the request is its source's. Where the remembered secret does not, the stored one is asked once more.
async fn verified<P: Ports>(
    ports: &P,
    receiver: &Receiver,
    source: &Source,
    request: &Request,
) -> Result<Verification, ReceiveError> {
    let now = ports.clock().now().millis().div_euclid(1_000);
    let mut trust = Trust::Lately;
    loop {
        let (secret, mut fresh) = receiver.secrets.get(ports, &source.secret_name(), trust).await?;
        let mut secrets = secret.map(|secret| Secrets::parse(secret.expose()));
        if source.scheme(request) == Scheme::Salesforce
            && let Some(known) = secrets.take()
        {
            let (organizations, read) = receiver.secrets.get(ports, &source.organizations_name(), trust).await?;
            fresh |= read;
            let organizations = organizations.as_ref().map_or("", |organizations| organizations.expose());
            secrets = Some(known.with_organizations(organizations));
        }
        match verify(source, request, secrets.as_ref(), now) {
            Ok(verified) => {
                let signed_at = verified.signed_at.map(|at| Timestamp::from_millis(at.saturating_mul(1_000)));
                return Ok(Verification::Verified { by: verified.by.to_owned(), secret: verified.secret, signed_at });
            }
            Err(
                SignatureError::Mismatch { .. }
                | SignatureError::NoSecret { .. }
                | SignatureError::EmptySecret { .. }
                | SignatureError::UnusableSecret { .. }
                | SignatureError::ForeignOrganization { .. },
            ) if !fresh && trust == Trust::Lately => trust = Trust::Doubtful,
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the events of a request have in common.
struct Head<'a> {
    receiver: &'a Receiver,
    source: &'a Source,
    scheme: Scheme,
    request: &'a Request,
    verification: Verification,
    body: StoredBody,
    now: Timestamp,
}

impl Head<'_> {
    fn event(&self, part: usize, delivery: Delivery) -> WebhookEvent {
        let (owner, source) = (self.receiver.owner.clone(), self.source.name().to_owned());
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.request.headers.without_secrets() {
            let joined = headers.entry(name).or_default();
            if !joined.is_empty() {
                joined.push_str(", ");
            }
            joined.push_str(&value);
        }
        WebhookEvent {
            id: WebhookEventId::derived(&format!("{owner}\n{source}\n{}", delivery.id)),
            owner,
            source,
            scheme: self.scheme.name().to_owned(),
            delivery_id: delivery.id,
            kind: delivery.kind,
            headers,
            body: StoredBody { part, ..self.body.clone() },
            verification: self.verification.clone(),
            status: EventStatus::Received,
            runs: Vec::new(),
            error: None,
            replays: 0,
            repeats: 0,
            received_at: self.now,
            dispatched_at: None,
        }
    }
}

/// The message that has an event matched with the rules.
pub(super) fn message(event: &WebhookEventId, replay: u32) -> Result<OutgoingMessage, Error> {
    Message::Webhook { event: event.clone(), replay }.outgoing(
        Envelope::here(),
        &format!("webhook {event} {replay}"),
        None,
    )
}

/// Stores an event and sends its message. Where it is there and waits, its message is sent again, since the first may
/// not have been.
async fn take<P: Ports>(ports: &P, event: WebhookEvent) -> Result<ReceivedEvent, Error> {
    for _ in 0..store::TRIES {
        let write = Write::Put(store::event_record(&event, event.received_at)?, Condition::Absent);
        match ports.records().write(vec![write]).await {
            Ok(()) => {
                if let Err(error) = ports.queues().send(Queue::Engine, vec![message(&event.id, 0)?]).await {
                    roll_back(ports, &event).await;
                    return Err(error.into());
                }
                return Ok(ReceivedEvent { id: event.id, duplicate: false });
            }
            Err(StoreError::Conflict) => {}
            Err(error) => {
                // It may have been written all the same.
                roll_back(ports, &event).await;
                return Err(error.into());
            }
        }
        let Some(stored) = store::find_event(ports, &event.id).await? else {
            // It has expired and waits to be removed, or was taken back just now.
            forget_expired(ports, &event).await?;
            continue;
        };
        let duplicate = ReceivedEvent { id: event.id.clone(), duplicate: true };
        if stored.value.status != EventStatus::Received {
            return Ok(duplicate);
        }
        // Counting it keeps whoever stored it from taking it back: it is promised twice now.
        let count = |stored: &mut WebhookEvent| {
            stored.repeats = stored.repeats.saturating_add(1);
            stored.status == EventStatus::Received
        };
        if let Some(counted) = store::change_event(ports, &event.id, count).await? {
            ports.queues().send(Queue::Engine, vec![message(&event.id, counted.replays)?]).await?;
            return Ok(duplicate);
        }
    }
    Err(StoreError::Conflict.into())
}

/// Takes an event back that was stored and not sent, unless somebody else has counted on it since.
async fn roll_back<P: Ports>(ports: &P, event: &WebhookEvent) {
    let delete = Write::Delete(keys::webhook_event(&event.id), Condition::Version(1));
    match ports.records().write(vec![delete]).await {
        Ok(()) | Err(StoreError::Conflict) => {}
        // The sweep sends its message, and the source's repetition finds it waiting.
        Err(error) => tracing::warn!(event = %event.id, %error, "an event could not be taken back"),
    }
}

async fn forget_expired<P: Ports>(ports: &P, event: &WebhookEvent) -> Result<(), Error> {
    let key = keys::webhook_event(&event.id);
    let now = ports.clock().now();
    let Some(record) = ports.records().get(&key).await? else { return Ok(()) };
    if record.expires_at.is_none_or(|at| at > now) {
        return Ok(());
    }
    match ports.records().write(vec![Write::Delete(key, Condition::Version(record.version))]).await {
        Ok(()) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
