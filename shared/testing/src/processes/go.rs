//! `go test`, without a network: a project that needs modules from elsewhere is not run.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use millrace_agents::report::{TestOutcome, TestResult};
use serde::Deserialize;

use super::{Limits, Place, Processes, Tool, find, not_run, result, time_left};

const RUNNER: &str = "go test";
const TIME: Duration = Duration::from_secs(240);
/// Go reserves far more addresses than it uses.
const LIMITS: Limits = Limits { cpu_seconds: 240, address_space: None, file_bytes: 512 << 20, processes: 0 };

pub(super) fn run(processes: &Processes, place: &Place, paths: &[&str], end: Instant) -> Vec<TestResult> {
    let Some((go, root)) = toolchain() else { return not_run(paths, "Go is not installed") };
    let Some(time) = time_left(TIME, end) else {
        return not_run(paths, "the time for the project's tests was used up");
    };
    let below = |name: &str| place.folder("tmp").join(name).to_string_lossy().into_owned();
    let tool = Tool {
        program: &go,
        readable: vec![root],
        environment: vec![
            ("GOPROXY", "off".into()),
            ("GOFLAGS", "-mod=mod".into()),
            ("GOTOOLCHAIN", "local".into()),
            ("GOTELEMETRY", "off".into()),
            ("GOMEMLIMIT", "1GiB".into()),
            ("GOCACHE", below("go-build")),
            ("GOPATH", below("go")),
        ],
        limits: LIMITS,
    };
    match processes.command(place, &tool, &["test", "-json", "./..."], time) {
        Ok(ended) => {
            read(&ended.output, paths, &|path| fs::read_to_string(place.project().join(path)).ok(), &ended.why())
        }
        Err(error) => not_run(paths, &format!("the process can't be started: {error}")),
    }
}

fn toolchain() -> Option<(PathBuf, PathBuf)> {
    let asked = Command::new(find("go")?).args(["env", "GOROOT"]).stdin(Stdio::null()).output().ok()?;
    let root = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    let go = root.join("bin").join("go");
    go.is_file().then_some((go, root))
}

/// A line of `go test -json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    test: Option<String>,
    #[serde(default)]
    elapsed: f64,
    #[serde(default)]
    output: String,
}

fn read(output: &str, paths: &[&str], text_of: &dyn Fn(&str) -> Option<String>, why: &str) -> Vec<TestResult> {
    let lacks = ["GOPROXY=off", "no required module provides package", "missing go.sum entry"];
    if lacks.iter().any(|words| output.contains(words)) {
        return not_run(paths, "it needs modules from elsewhere, and there is no network for tests");
    }
    let mut said: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut results = Vec::new();
    for event in output.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
        let Some(test) = event.test else { continue };
        let key = (event.package, test.clone());
        let outcome = match event.action.as_str() {
            "output" => {
                said.entry(key).or_default().push_str(&event.output);
                continue;
            }
            "pass" => TestOutcome::Passed,
            "fail" => TestOutcome::Failed,
            "skip" => TestOutcome::Skipped,
            _ => continue,
        };
        let function = test.split('/').next().unwrap_or(&test);
        let defines = |path: &&&str| text_of(path).is_some_and(|text| text.contains(&format!("func {function}(")));
        let path = paths.iter().find(defines).or_else(|| paths.first()).copied().unwrap_or_default();
        let text = said.remove(&key).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !is_frame(line)).collect();
        let (message, places) = match outcome {
            TestOutcome::Passed => (String::new(), Vec::new()),
            _ => (lines.join("\n"), lines.iter().filter_map(|line| place(line, path)).collect()),
        };
        // Seconds of a test, which are few.
        let milliseconds = (event.elapsed * 1_000.0).clamp(0.0, 1e9) as u64;
        results.push(result(path, RUNNER, &test, outcome, milliseconds, &message, places));
    }
    if results.is_empty() {
        let path = paths.first().copied().unwrap_or("go.mod");
        results.push(result(path, RUNNER, RUNNER, TestOutcome::Failed, 0, why, Vec::new()));
    }
    results
}

/// Lines that `go test` puts around what a test says.
fn is_frame(line: &str) -> bool {
    line.is_empty() || ["=== ", "--- "].iter().any(|start| line.starts_with(start))
}

/// `sum_test.go:7: …` in the folder of the test file.
fn place(line: &str, path: &str) -> Option<String> {
    let (name, rest) = line.split_once(".go:")?;
    let number: u32 = rest.split(':').next()?.trim().parse().ok()?;
    let folder = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    Some(format!("{folder}{name}.go:{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = r#"{"Action":"start","Package":"demo/sum"}
{"Action":"run","Package":"demo/sum","Test":"TestAdds"}
{"Action":"output","Package":"demo/sum","Test":"TestAdds","Output":"=== RUN   TestAdds\n"}
{"Action":"pass","Package":"demo/sum","Test":"TestAdds","Elapsed":0.25}
{"Action":"output","Package":"demo/sum","Test":"TestWrong","Output":"    sum_test.go:12: got 2, want 3\n"}
{"Action":"output","Package":"demo/sum","Test":"TestWrong","Output":"--- FAIL: TestWrong (0.00s)\n"}
{"Action":"fail","Package":"demo/sum","Test":"TestWrong","Elapsed":0}
{"Action":"fail","Package":"demo/sum","Elapsed":0.1}
"#;

    #[test]
    fn events_are_read() {
        let text = |_: &str| Some("func TestAdds(t *testing.T) {}\nfunc TestWrong(t *testing.T) {}".to_owned());
        let results = read(OUTPUT, &["sum/sum_test.go"], &text, "no");
        let told: Vec<_> = results.iter().map(|it| (it.name.as_str(), it.line, it.outcome, it.duration_ms)).collect();
        assert_eq!(told, [("TestAdds", 0, TestOutcome::Passed, 250), ("TestWrong", 12, TestOutcome::Failed, 0)]);
        assert_eq!(results[1].message, "sum_test.go:12: got 2, want 3");
        assert_eq!(read("build failed", &["a_test.go"], &text, "it does not build")[0].outcome, TestOutcome::Failed);
    }
}
