//! `cargo test`, without a network: a project that needs crates from a registry is not run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use millrace_agents::report::{TestOutcome, TestResult};

use super::{Limits, Place, Processes, Tool, find, not_run, result, time_left};

const RUNNER: &str = "cargo test";
const TIME: Duration = Duration::from_secs(240);
const LIMITS: Limits = Limits { cpu_seconds: 240, address_space: Some(8 << 30), file_bytes: 512 << 20, processes: 0 };

pub(super) fn run(processes: &Processes, place: &Place, paths: &[&str], end: Instant) -> Vec<TestResult> {
    let Some((cargo, roots)) = toolchain() else { return not_run(paths, "Cargo is not installed") };
    let Some(time) = time_left(TIME, end) else {
        return not_run(paths, "the time for the project's tests was used up");
    };
    let bin = cargo.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
    let tool = Tool {
        program: &cargo,
        readable: roots,
        environment: vec![
            ("PATH", format!("{bin}:{}", super::PATH)),
            // Not the user's, which holds credentials.
            ("CARGO_HOME", place.folder("home").to_string_lossy().into_owned()),
            ("CARGO_TARGET_DIR", place.folder("tmp").join("target").to_string_lossy().into_owned()),
            ("CARGO_TERM_COLOR", "never".into()),
            ("CARGO_INCREMENTAL", "0".into()),
            ("RUST_BACKTRACE", "0".into()),
        ],
        limits: LIMITS,
    };
    match processes.command(place, &tool, &["test", "--offline", "--no-fail-fast", "--workspace"], time) {
        Ok(ended) => {
            let root = format!("{}/", place.project().display());
            let succeeded = ended.status.is_some_and(|status| status.success());
            read(&ended.output.replace(&root, ""), paths, succeeded, &ended.why())
        }
        Err(error) => not_run(paths, &format!("the process can't be started: {error}")),
    }
}

/// The toolchain's own `cargo`, past rustup's, and the folder of the toolchain.
fn toolchain() -> Option<(PathBuf, Vec<PathBuf>)> {
    find("cargo")?;
    let asked = Command::new(find("rustc")?).args(["--print", "sysroot"]).stdin(Stdio::null()).output().ok()?;
    let root = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    let cargo = root.join("bin").join("cargo");
    cargo.is_file().then(|| (cargo, vec![root]))
}

/// Words by which cargo says that it lacks a crate.
const LACKS: [&str; 5] = [
    "no matching package named",
    "failed to get `",
    "you may want to rerun without the --offline",
    "you can re-run without the --offline",
    "attempting to make an HTTP request, but --offline",
];

/// Reads what `cargo test` wrote.
fn read(output: &str, paths: &[&str], succeeded: bool, why: &str) -> Vec<TestResult> {
    if LACKS.iter().any(|words| output.contains(words)) {
        return not_run(paths, "it needs crates from a registry, and there is no network for tests");
    }
    let failures = failures(output);
    let mut results = Vec::new();
    let mut file = paths.first().copied().unwrap_or_default().to_owned();
    for line in output.lines() {
        if let Some(running) = line.trim_start().strip_prefix("Running ") {
            let running = running.strip_prefix("unittests ").unwrap_or(running);
            file = source_of(running.split(" (").next().unwrap_or(running), paths);
        }
        let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) else {
            continue;
        };
        let outcome = match outcome.split([',', ' ']).next() {
            Some("ok") => TestOutcome::Passed,
            Some("ignored") => TestOutcome::Skipped,
            _ => TestOutcome::Failed,
        };
        let (message, places) = failures.get(name).cloned().unwrap_or_default();
        let failed_in = places.first().and_then(|place| place.rsplit_once(':')).map(|(path, _)| path);
        let path = failed_in.filter(|path| paths.contains(path)).unwrap_or(&file).to_owned();
        results.push(result(&path, RUNNER, name, outcome, 0, &message, places));
    }
    let has_failed = results.iter().any(|result| result.outcome == TestOutcome::Failed);
    if !succeeded && !has_failed {
        results.extend(of_compiler(output, paths, why));
    }
    if results.is_empty() {
        return not_run(paths, "cargo ran no test");
    }
    results
}

/// The path in the project of what cargo names relative to a package.
fn source_of(named: &str, paths: &[&str]) -> String {
    let found = paths.iter().find(|path| **path == named || path.ends_with(&format!("/{named}")));
    found.map_or_else(|| named.to_owned(), |path| (*path).to_owned())
}

/// By test: what it said, and where it panicked.
fn failures(output: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let mut found: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            current = Some(name.to_owned());
            continue;
        }
        if line == "failures:" || line.starts_with("test result:") {
            current = None;
        }
        let Some(name) = &current else { continue };
        let (message, places) = found.entry(name.clone()).or_default();
        if let Some(place) = line.split_once(" panicked at ").map(|(_, place)| place) {
            let mut parts = place.trim_end_matches(':').split(':');
            if let (Some(path), Some(line)) = (parts.next(), parts.next()) {
                places.push(format!("{path}:{line}"));
            }
        } else if !line.trim().is_empty() && !line.starts_with("note: run with") {
            message.push_str(line);
            message.push('\n');
        }
    }
    for (message, _) in found.values_mut() {
        message.truncate(message.trim_end().len());
    }
    found
}

/// Errors of the compiler: the tests don't build.
fn of_compiler(output: &str, paths: &[&str], why: &str) -> Vec<TestResult> {
    let mut results: Vec<TestResult> = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        if !(line.starts_with("error[") || line.starts_with("error: ")) || line.starts_with("error: could not compile")
        {
            continue;
        }
        let place = lines.next().and_then(|next| next.trim_start().strip_prefix("--> "));
        let Some((path, number)) = place.and_then(|place| {
            let mut parts = place.split(':');
            Some((parts.next()?, parts.next()?))
        }) else {
            continue;
        };
        let places = vec![format!("{path}:{number}")];
        results.push(result(path, RUNNER, "cargo build", TestOutcome::Failed, 0, line, places));
    }
    if results.is_empty() {
        let path = paths.first().copied().unwrap_or("Cargo.toml");
        results.push(result(path, RUNNER, RUNNER, TestOutcome::Failed, 0, why, Vec::new()));
    }
    results.truncate(20);
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "   Compiling demo v0.1.0 (demo)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.50s
     Running unittests src/lib.rs (target/debug/deps/demo-1)

running 2 tests
test tests::adds ... ok
test tests::wrong ... FAILED

failures:

---- tests::wrong stdout ----

thread 'tests::wrong' (7) panicked at src/lib.rs:12:9:
assertion `left == right` failed
  left: 2
 right: 3
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    tests::wrong

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/api.rs (target/debug/deps/api-2)

running 1 test
test slow ... ignored, not now
";

    #[test]
    fn results_are_read() {
        let results = read(OUTPUT, &["src/lib.rs", "tests/api.rs"], false, "no");
        let told: Vec<_> = results.iter().map(|it| (it.name.as_str(), it.path.as_str(), it.line, it.outcome)).collect();
        assert_eq!(
            told,
            [
                ("tests::adds", "src/lib.rs", 0, TestOutcome::Passed),
                ("tests::wrong", "src/lib.rs", 12, TestOutcome::Failed),
                ("slow", "tests/api.rs", 0, TestOutcome::Skipped),
            ]
        );
        assert_eq!(results[1].message, "assertion `left == right` failed\n  left: 2\n right: 3");
    }

    #[test]
    fn what_does_not_build_has_failed_and_what_lacks_crates_is_not_run() {
        let output = "error[E0308]: mismatched types\n --> src/lib.rs:3:5\n  |\nerror: could not compile `demo`\n";
        let results = read(output, &["src/lib.rs"], false, "no");
        assert_eq!((results.len(), results[0].line, results[0].outcome), (1, 3, TestOutcome::Failed));
        let output = "error: no matching package named `serde` found\n";
        assert_eq!(read(output, &["src/lib.rs"], false, "no")[0].outcome, TestOutcome::NotRun);
        assert_eq!(read("", &["src/lib.rs"], false, "it ran too long")[0].message, "it ran too long");
    }
}
