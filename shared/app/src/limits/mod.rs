//! Limits that hold across executions: how many with the same key run at once, how many start in a window of time, and
//! who comes first.
//!
//! Each key of an owner has a gate: one record that counts who is in and who waits, and remembers the last starts. An
//! execution takes its places in the transaction that makes its record, or joins the queue in it; it gives them back when
//! it has ended, before its record says so (`docs/adr/0017`). So nothing is counted that no execution stands for, and
//! what a crash leaves undone the end's own repair does again. Who waits is let in by `admit`, which any release and
//! any window that opens sends a message for, and `sweep` where that is lost. Executions without limits come by none of
//! this. Start reading at `gate.rs`.

mod admit;
mod enter;
mod gate;
mod inspect;
mod leave;
mod store;
mod sweep;
mod window;

pub(crate) use admit::{admit, nudge};
pub(crate) use enter::{enter, enter_at_once};
pub use gate::{Change, Figures};
pub use inspect::{LimitView, LimitWaiter, WindowView, change_limit, describe_limit, list_limits, waits_at};
pub(crate) use leave::leave;
pub(crate) use store::{crowded, pause};
pub(crate) use sweep::sweep;
