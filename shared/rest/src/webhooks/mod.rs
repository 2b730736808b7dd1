//! Webhooks: `receive.rs` takes them from their sources, `events.rs` shows and replays what came, `rules.rs` keeps what they
//! start.

pub(crate) mod events;
pub(crate) mod receive;
pub(crate) mod rules;
mod views;

pub(crate) use views::EventView as WebhookEventView;
