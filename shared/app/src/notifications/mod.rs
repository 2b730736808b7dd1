//! Notifications: owners' subscriptions to what happens, and the deliveries that come of them.
//!
//! A change of a record goes from left to right: the reader of `crate::changes` hands it to [`publish`], which makes
//! [events](events_of) of it and, for each subscription of their owner that they fit, a delivery with a message; a
//! [`Deliverer`] takes the message, makes one attempt through a [`NotificationSender`] and decides when the next one is.
//! What a crash loses between a record and its message the sweep sends again: each event reaches its target at least once,
//! with the same id each time, or its delivery says why not. `docs/adr/0028` gives the reasons. It knows no HTTP. Start
//! reading at `publish.rs`, then `deliver.rs`.

mod backoff;
mod deliver;
mod event;
mod manage;
mod model;
mod publish;
mod replay;
mod sender;
mod store;

pub use backoff::{FAILURES_BEFORE_DISABLED, FAILURES_BEFORE_REST, HOURS_BEFORE_DISABLED, PAUSES};
pub use deliver::Deliverer;
pub use event::{KINDS, NotificationEvent, SOURCE, TEST_EVENT, events_of};
pub use manage::{
    LONGEST_OVERLAP_SECONDS, MOST_SUBSCRIPTIONS, NewSubscription, OVERLAP_SECONDS, SubscriptionChanges,
    SubscriptionView, Told, create_subscription, delete_subscription, get_subscription, list_subscriptions,
    rotate_secret, update_subscription,
};
pub use model::{
    Attempt, DeliveryStatus, Disabled, Health, KEPT_DAYS, NotificationDelivery, SecretNumbers, Subscription, Target,
};
pub use publish::{Published, publish};
pub(crate) use replay::send_due;
pub use replay::{
    DeliveryFilter, get_delivery, list_deliveries, replay_deliveries, replay_delivery, test_subscription,
};
pub use sender::{NotTaken, NotificationSender, Outgoing, TIMEOUT, problem_of_target, problem_of_url};
