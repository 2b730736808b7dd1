//! Python: `unittest`, and pytest where it is installed. Each test file has a process of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use millrace_agents::report::{TestOutcome, TestResult};

use super::{Limits, Place, Processes, Tool, find, not_run, read_lines, result, time_left};

/// An interpreter.
#[derive(Debug)]
pub(super) struct Python {
    program: PathBuf,
    /// Where it and its packages are.
    roots: Vec<PathBuf>,
    version: String,
}

const RUNNER: &str = include_str!("runner.py");
const TIME: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits { cpu_seconds: 60, address_space: Some(2 << 30), file_bytes: 64 << 20, processes: 0 };
const ASK: &str = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2]); \
                   print('\\n'.join({sys.prefix, sys.base_prefix, sys.exec_prefix}))";

impl Python {
    fn find() -> Option<Self> {
        let asked = ["python3", "python"].iter().filter_map(|name| find(name)).find_map(|program| {
            let asked =
                Command::new(program).args(["-I", "-c", ASK]).stdin(Stdio::null()).stderr(Stdio::null()).output();
            asked.ok().filter(|asked| asked.status.success())
        })?;
        let text = String::from_utf8(asked.stdout).ok()?;
        let mut lines = text.lines();
        let (program, version) = (PathBuf::from(lines.next()?), lines.next()?.to_owned());
        let roots = lines.map(PathBuf::from).collect();
        version.starts_with('3').then_some(Self { program, roots, version })
    }
}

pub(super) fn run(processes: &Processes, place: &Place, paths: &[&str], end: Instant) -> Vec<TestResult> {
    let Some(python) = processes.python.get_or_init(Python::find) else {
        return not_run(paths, "Python 3 is not installed");
    };
    tracing::debug!(version = python.version, files = paths.len(), "running Python tests");
    let script = place.folder("work").join("runner.py");
    if let Err(error) = fs::write(&script, RUNNER) {
        return not_run(paths, &format!("the runner can't be written: {error}"));
    }
    let tool = Tool {
        program: &python.program,
        readable: python.roots.clone(),
        environment: vec![("PYTHONDONTWRITEBYTECODE", "1".into()), ("PYTHONHASHSEED", "0".into())],
        limits: LIMITS,
    };
    let (project, script) = (place.project(), script.to_string_lossy().into_owned());
    let mut results = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        let Some(time) = time_left(TIME, end) else {
            results.push(TestResult::not_run(*path, "the time for the project's tests was used up"));
            continue;
        };
        let written = place.folder("work").join(format!("{number}.jsonl"));
        let arguments = ["-P", &script, &project.to_string_lossy(), path, &written.to_string_lossy()];
        // Before 3.11 there is no `-P`, and the script's folder is on the path, which holds nothing of the project.
        let arguments = if is_old(&python.version) { arguments.get(1..).unwrap_or_default() } else { &arguments[..] };
        match processes.command(place, &tool, arguments, time) {
            Ok(ended) => results.extend(read_lines(path, "python", &written, &ended)),
            Err(error) => {
                let why = format!("the process can't be started: {error}");
                results.push(result(path, "", path, TestOutcome::NotRun, 0, &why, Vec::new()));
            }
        }
    }
    results
}

fn is_old(version: &str) -> bool {
    version.split_once('.').and_then(|(_, minor)| minor.parse().ok()).is_none_or(|minor: u32| minor < 11)
}
