//! Random sources and events: nothing crashes or hangs, and whatever happens is an answer.
//!
//! `MILLRACE_SEEDS=1000000 cargo nextest run -p millrace-sandbox --test fuzz` tries a million of each; `MILLRACE_SEED=7`
//! tries one. A failure names its seed and source.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, reason = "tests")]

#[path = "fuzz/sources.rs"]
mod sources;
mod support;

use std::time::{Duration, Instant};

use millrace_sandbox::{Language, Limits, compile, error_names};
use sources::Random;
use support::{javascript, processes, request};

/// Calls `check` with a random source for each seed.
fn seeds(fewest: u64, check: impl Fn(u64, &mut Random)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let range = match number("MILLRACE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MILLRACE_SEEDS").unwrap_or(fewest),
    };
    for seed in range {
        check(seed, &mut Random::new(seed));
    }
}

fn limits(random: &mut Random) -> Limits {
    Limits {
        memory_bytes: (1 << 20) + random.below(8 << 20),
        stack_bytes: (32 << 10) + random.below(512 << 10),
        time: Duration::from_millis(20),
        output_bytes: random.below(10_000),
        log_bytes: random.below(10_000),
        log_lines: random.below(20),
    }
}

#[test]
fn modules() {
    let after = javascript("export const handler = () => 1");
    let crashed = std::cell::Cell::new(0);
    seeds(600, |seed, random| {
        let source = sources::module(random);
        let Ok(compiled) = compile("fuzz.js", &source, Language::JavaScript) else { return };
        let event = sources::event(random);
        let (limits, begun) = (limits(random), Instant::now());
        let invocation = processes().invoke(&compiled, &request(&event, "fuzz"), &limits);
        // A hang would be a minute; that the machine is busy is no failure.
        assert!(begun.elapsed() < Duration::from_secs(30), "seed {seed}: {source}");
        assert!(invocation.logs.len() <= limits.log_lines + 1, "seed {seed}: {source}");
        match &invocation.result {
            Ok(text) => {
                assert!(text.len() <= limits.output_bytes, "seed {seed}: {source}");
                serde_json::from_str::<serde::de::IgnoredAny>(text)
                    .or_else(|error| if text.contains("\\ud") { Ok(serde::de::IgnoredAny) } else { Err(error) })
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}: {source}"));
            }
            // The engine has bugs where memory ends in the middle of something; they must cost a process and no more.
            Err(error) if error.name == error_names::CRASH => crashed.set(crashed.get() + 1),
            Err(error) => assert!(!error.name.is_empty(), "seed {seed}: {error:?}: {source}"),
        }
        if seed % 16 == 0 || crashed.get() > 0 {
            let next = processes().invoke(&after, &request("{}", "fuzz"), &support::limits());
            assert_eq!(next.result.as_deref(), Ok("1"), "after seed {seed}: {source}");
        }
    });
    println!("{} crashes of the engine", crashed.get());
}

#[test]
fn texts() {
    seeds(1_500, |seed, random| {
        let mut source = sources::module(random);
        sources::damage(random, &mut source);
        for language in [Language::JavaScript, Language::TypeScript] {
            if let Err(error) = compile("fuzz.ts", &source, language) {
                assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty(), "seed {seed}: {error:?}");
            }
        }
    });
}

#[test]
fn events() {
    let echo = javascript("export const handler = (event) => event");
    seeds(600, |seed, random| {
        let mut event = sources::event(random);
        if random.below(3) == 0 {
            sources::damage(random, &mut event);
        }
        let read: Option<serde_json::Value> = serde_json::from_str(&event).ok();
        let limits = Limits { stack_bytes: 256 << 10, ..support::limits() };
        let invocation = processes().invoke(&echo, &request(&event, "events"), &limits);
        match (&invocation.result, read) {
            (Ok(text), Some(read)) => {
                let written: serde_json::Value = serde_json::from_str(text).unwrap();
                assert_eq!(sources::keys(&written), sources::keys(&read), "seed {seed}: {event}");
            }
            (Err(error), None) => assert_eq!(error.name, error_names::EVENT, "seed {seed}: {event}"),
            // The one refuses lone surrogates and numbers beyond the range, the other does not.
            (Ok(text), None) => assert!(event.contains(['\\', 'e', 'E']), "seed {seed}: {event} is taken: {text}"),
            (Err(error), Some(_)) => panic!("seed {seed}: {event}: {error:?}"),
        }
    });
}
