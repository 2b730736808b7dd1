//! Webhooks: received, verified, stored once, matched with rules, and the executions that come of them.
//!
//! A request goes from left to right: [`receive`] verifies it, stores its events and sends a message for each; `dispatch`
//! takes the message, matches the event with the owner's rules and starts executions; events can be listed, looked at and
//! replayed for as long as they are kept. What sources send and how they sign is `millrace-webhooks`' business. Start
//! reading at `receive.rs`.

mod dispatch;
mod events;
mod input;
mod model;
mod receive;
mod rules;
mod store;

pub(crate) use dispatch::{dispatch, forget, give_up, purge_bodies, send_due};
pub(crate) use events::owner_of_event;
pub use events::{EventFilter, Replayed, get_event, list_events, read_body, replay_event, replay_events};
pub use input::InputTemplate;
pub use millrace_webhooks::{Answer, Headers, Question, Request, Scheme, SignatureError, Source};
pub use model::{
    EventStatus, KEPT_DAYS, RuleOutcome, RuleRun, RuleTarget, StoredBody, Verification, WebhookEvent, WebhookRule,
    envelope,
};
pub use receive::{ReceiveError, Received, ReceivedEvent, Receiver, receive};
pub use rules::{
    MOST_RULES, NewRule, RuleChanges, TestedPattern, create_rule, delete_rule, get_rule, list_rules, test_pattern,
    update_rule,
};
