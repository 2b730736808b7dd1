//! The contract of the ports, as tests that every adapter passes.
//!
//! An adapter says how its ports are made and how time passes ([`ContractEnv`]), and [`contract_tests!`](crate::contract_tests)
//! makes a test of each function here, in modules `log`, `records`, `queues`, `blobs` and `basics`. Every test uses fresh
//! names, so that all can run again and again, and at the same time, against one shared store. Only the tests of `queues`
//! must not run at the same time against one store, since there are so many queues and no more.
//!
//! A test states what `millrace_app::ports` says and nothing else. Behaviour that one adapter adds is tested there.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

pub mod basics;
pub mod blobs;
pub mod changes;
pub mod log;
pub mod queues;
pub mod records;

use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

use millrace_app::ports::{IdSource as _, Ports};

/// The ports under test, and the time that they live in.
pub trait ContractEnv: Sync {
    /// The adapter.
    type Ports: Ports;

    /// The ports. The same store at each call.
    fn ports(&self) -> &Self::Ports;

    /// Lets so much time pass on the ports' clock: moves it where the test owns it, else waits.
    fn pass_time(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Makes a `#[tokio::test]` of every test of the contract. The argument is an expression, evaluated in each test, that
/// gives the [`ContractEnv`]; it may use `.await`.
///
/// The crate that uses it needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! contract_tests {
    ($env:expr) => {
        $crate::contract_tests! { @area $env, log:
            conditional_append
            concurrent_appends_have_one_winner
            bodies_stay_intact
            entries_come_in_order_and_pages
            latest_is_the_newest
            logs_are_apart
            children_answer_their_newest_entries
            a_join_counts_each_child_once
            a_refused_append_does_not_count
            a_wide_join_counts_exactly
            fan_outs_are_counted_apart
        }
        $crate::contract_tests! { @area $env, records:
            missing_records_are_none
            bodies_stay_intact
            conditions_of_puts
            conditions_of_deletes
            versions_rise_by_one
            concurrent_writes_have_one_winner
            a_transaction_is_all_or_nothing
            a_transaction_takes_a_hundred_writes
            expired_records_are_gone
            queries_are_sorted
            prefixes_and_ends_bound_a_query
            cursors_lose_and_repeat_nothing
            equal_places_are_paged_too
            a_full_last_page_has_no_successor
            foreign_cursors_are_refused
            listings_follow_the_record
            an_index_holds_only_what_is_listed
        }
        $crate::contract_tests! { @area $env, queues:
            every_message_arrives
            a_delayed_message_comes_later
            a_received_message_is_hidden
            a_deleted_message_does_not_return
            a_stale_receipt_does_nothing
            a_released_message_returns
            a_message_received_too_often_is_dead
            dead_letters_are_redriven
            dead_letters_come_in_pages
            chosen_dead_letters_are_redriven_and_deleted
            depth_counts
            the_oldest_message_has_an_age
            queues_are_apart
            bodies_stay_intact
            a_waiting_receive_hears_of_a_send
        }
        $crate::contract_tests! { @area $env, blobs:
            put_and_get
            empty_and_large
            replacing
            deleting
            odd_keys
            listing_in_pages
            times_of_puts
            foreign_cursors_are_refused
            download_urls
        }
        $crate::contract_tests! { @area $env, basics:
            secrets_are_kept
            missing_secrets_are_none
            the_clock_does_not_go_back
            time_passes
            a_sleep_ends
            randomness_does_not_repeat
            ids_are_well_formed_and_sort_by_time
        }
    };
    (@area $env:expr, $area:ident: $($test:ident)*) => {
        mod $area {
            use super::*;
            $(
                #[::tokio::test]
                async fn $test() {
                    let env = $env;
                    $crate::contract::$area::$test(&env).await;
                }
            )*
        }
    };
}

/// The same of the tests of a [`ChangeFeed`](millrace_app::changes::ChangeFeed), for ports that are one. Nobody else may
/// write to their store meanwhile.
#[macro_export]
macro_rules! change_feed_tests {
    ($env:expr) => {
        $crate::contract_tests! { @area $env, changes:
            changes_come_in_order_with_before_and_after
            a_change_is_told_until_it_is_forgotten
            what_was_not_written_is_no_change
            a_transaction_is_noted_whole
            only_what_the_patterns_name_is_noted
            an_expired_record_was_not_there
        }
    };
}

/// A name that nobody used before: 32 hexadecimal digits.
fn fresh<E: ContractEnv>(env: &E) -> String {
    env.ports().ids().random().iter().fold(String::new(), |mut name, byte| {
        let _infallible = write!(name, "{byte:02x}");
        name
    })
}

/// Texts that encodings get wrong.
const ODD_TEXTS: [&str; 7] = [
    "plain",
    "é ü 日本語 🦀 \u{301}",
    "\"quoted\" \\back\\slash 'single' `tick`",
    "line\nbreak\r\nand\ttab",
    "{\"a\":[1,2,{\"b\":null}]}",
    "%41+%20&x=1#y",
    "<a href=\"x\">&amp;</a>",
];

/// Repeats an attempt while time passes, for what a store does eventually.
async fn eventually<E: ContractEnv, T>(env: &E, what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..80 {
        if let Some(answer) = attempt().await {
            return answer;
        }
        env.pass_time(Duration::from_millis(250)).await;
    }
    panic!("not even after twenty seconds: {what}")
}
