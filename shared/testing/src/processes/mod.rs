//! Tests in processes of this machine: confined, limited, and only where the user allowed it.
//!
//! A run has a temporary folder with the project's files, an empty environment and, where the kernel has them, a network
//! and a process namespace of its own. What its tests may use and see is in `confine.rs`; `docs/agents.md` says what is
//! and what is not confined.

mod cargo;
mod confine;
mod go;
mod node;
mod python;

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use millrace_agents::analysis::SourceFile;
use millrace_agents::report::{TestOutcome, TestResult};
use millrace_agents::testing::{Runtime, TestFile};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tempfile::TempDir;

pub(crate) use confine::{ARGUMENT, become_program};
use confine::{Limits, Spec};

/// Of a command's output, the end is kept.
const OUTPUT: u64 = 256 << 10;
/// Bytes of a message.
const MESSAGE: usize = 4_000;
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Where programs are looked for by the tests.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs tests in processes.
#[derive(Debug)]
pub(crate) struct Processes {
    /// The program that begins with `serve_if_child`.
    program: PathBuf,
    unshare: OnceLock<Option<PathBuf>>,
    python: OnceLock<Option<python::Python>>,
    node: OnceLock<Option<PathBuf>>,
}

impl Processes {
    /// `program` is this one where it is `None`.
    pub(crate) fn new(program: Option<PathBuf>) -> io::Result<Self> {
        let program = program.map_or_else(std::env::current_exe, Ok)?;
        Ok(Self { program, unshare: OnceLock::new(), python: OnceLock::new(), node: OnceLock::new() })
    }

    /// Runs what is not JavaScript.
    pub(crate) fn run(&self, files: &[SourceFile], tests: &[&TestFile], end: Instant) -> Vec<TestResult> {
        let of = |runtime: Runtime| -> Vec<&str> {
            tests.iter().filter(|test| test.runtime == runtime).map(|test| test.path.as_str()).collect()
        };
        let mut results = Vec::new();
        let parts: [(Runtime, Run); 3] =
            [(Runtime::Python, python::run), (Runtime::Rust, cargo::run), (Runtime::Go, go::run)];
        for (runtime, run) in parts {
            let paths = of(runtime);
            if !paths.is_empty() {
                results.extend(self.prepared(files, &paths, end, run));
            }
        }
        results
    }

    /// Runs JavaScript that the sandbox could not run. None where Node is not there or can't run the file either.
    pub(crate) fn run_javascript(&self, files: &[SourceFile], path: &str, end: Instant) -> Option<Vec<TestResult>> {
        let file = files.iter().find(|file| file.path == path)?;
        let can = node::can_run(file) && self.node().is_some();
        can.then(|| self.prepared(files, &[path], end, node::run))
    }

    fn prepared(&self, files: &[SourceFile], paths: &[&str], end: Instant, run: Run) -> Vec<TestResult> {
        match Place::new(files) {
            Ok(place) => run(self, &place, paths, end),
            Err(error) => {
                tracing::error!(%error, "the files of a project can't be written for its tests");
                not_run(paths, "the project's files could not be written to a temporary folder")
            }
        }
    }

    /// The program that gives a process a network of its own, where that works here.
    fn unshare(&self) -> Option<&Path> {
        let found = self.unshare.get_or_init(|| {
            let program = find("unshare").filter(|_| cfg!(target_os = "linux"))?;
            let mut works = Command::new(&program);
            works.args(UNSHARE).args(["--", "true"]).env_clear().env("PATH", PATH);
            let works = works.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !works.is_ok_and(|status| status.success()) {
                tracing::warn!("tests get no network of their own here; sockets are denied to them instead");
                return None;
            }
            Some(program)
        });
        found.as_deref()
    }

    fn node(&self) -> Option<&Path> {
        self.node.get_or_init(|| fs::canonicalize(find("node")?).ok()).as_deref()
    }

    /// Runs a program in a project's folder until it ends or its time is over.
    fn command(&self, place: &Place, tool: &Tool<'_>, arguments: &[&str], time: Duration) -> io::Result<Ended> {
        let unshare = self.unshare();
        let spec = Spec {
            program: tool.program.to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            readable: tool.readable.clone(),
            writable: place.root.clone(),
            is_isolated: unshare.is_some(),
            limits: Limits { processes: processes_now() + 512, ..tool.limits },
        };
        let spec = serde_json::to_string(&spec).map_err(io::Error::other)?;
        let mut command = match unshare {
            Some(unshare) => {
                let mut command = Command::new(unshare);
                command.args(UNSHARE).arg("--").arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        let mut output = tempfile::tempfile()?;
        command
            .args([ARGUMENT, &spec])
            .current_dir(place.project())
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", place.folder("home"))
            .env("TMPDIR", place.folder("tmp"))
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .envs(tool.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .process_group(0);
        let began = Instant::now();
        let mut child = command.spawn()?;
        let status = wait(&mut child, began + time)?;
        let length = output.seek(SeekFrom::End(0))?;
        output.seek(SeekFrom::Start(length.saturating_sub(OUTPUT)))?;
        let mut bytes = Vec::new();
        output.take(OUTPUT).read_to_end(&mut bytes)?;
        Ok(Ended { status, output: String::from_utf8_lossy(&bytes).into_owned(), took: began.elapsed() })
    }
}

type Run = fn(&Processes, &Place, &[&str], Instant) -> Vec<TestResult>;

const UNSHARE: [&str; 6] = ["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"];

/// A program that runs tests, and what it needs.
struct Tool<'a> {
    program: &'a Path,
    readable: Vec<PathBuf>,
    environment: Vec<(&'static str, String)>,
    limits: Limits,
}

/// How a command ended.
struct Ended {
    /// None where its time was over.
    status: Option<ExitStatus>,
    /// The end of what it wrote.
    output: String,
    took: Duration,
}

impl Ended {
    /// Why it ended, in words.
    fn why(&self) -> String {
        let last = self.output.trim_end();
        let last = last.char_indices().nth_back(1_500).map_or(last, |(at, _)| last.get(at..).unwrap_or(last));
        let what = match self.status {
            None => format!("it ran longer than {} s", self.took.as_secs()),
            Some(status) => format!("its process ended with {status}"),
        };
        if last.is_empty() { what } else { format!("{what}:\n{last}") }
    }
}

fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let kill = || group.map(|group| kill_process_group(group, Signal::KILL));
    loop {
        if let Some(status) = child.try_wait()? {
            // What it left behind.
            let _gone = kill();
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            let _gone = kill();
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Processes and threads that run now: the limit counts all of a user's.
fn processes_now() -> u64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let all = load.split(' ').nth(3).and_then(|running| running.split_once('/')).and_then(|(_, all)| all.parse().ok());
    all.unwrap_or(4_096)
}

/// The temporary folder of a run.
struct Place {
    /// Its path without links, as programs see it.
    root: PathBuf,
    _folder: TempDir,
}

impl Place {
    fn new(files: &[SourceFile]) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("millrace-tests-").tempdir()?;
        let root = fs::canonicalize(folder.path())?;
        let place = Self { root, _folder: folder };
        for name in ["project", "home", "tmp", "work"] {
            fs::create_dir(place.folder(name))?;
        }
        for file in files {
            let is_safe = file.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !is_safe {
                continue;
            }
            let path = place.project().join(&file.path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, &file.contents)?;
        }
        Ok(place)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn project(&self) -> PathBuf {
        self.folder("project")
    }
}

/// What a runner of ours writes for each test.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    end: bool,
    #[serde(default)]
    name: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    places: Vec<String>,
}

/// Reads the lines that a runner wrote about one test file. A file whose runner did not come to its end has failed.
fn read_lines(path: &str, runner: &str, written: &Path, ended: &Ended) -> Vec<TestResult> {
    let text = fs::read(written).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<Line> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is_whole = lines.iter().any(|line| line.end);
    // The temporary folder has another name in each run, which says nothing.
    let folder = written.ancestors().nth(2).map(|root| root.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |text: &str| text.replace(&format!("{folder}/project/"), "").replace(&folder, "");
    let mut results: Vec<TestResult> = lines
        .into_iter()
        .filter(|line| !line.end)
        .map(|line| {
            let outcome = match line.outcome.as_str() {
                "passed" => TestOutcome::Passed,
                "skipped" => TestOutcome::Skipped,
                "not_run" => TestOutcome::NotRun,
                _ => TestOutcome::Failed,
            };
            result(path, runner, &line.name, outcome, line.ms, &plain(&line.message), line.places)
        })
        .collect();
    if !is_whole {
        results.push(result(path, runner, path, TestOutcome::Failed, 0, &plain(&ended.why()), Vec::new()));
    }
    if results.is_empty() {
        results.push(TestResult::not_run(path, "there is no test in it"));
    }
    results
}

fn result(
    path: &str,
    runner: &str,
    name: &str,
    outcome: TestOutcome,
    duration_ms: u64,
    message: &str,
    places: Vec<String>,
) -> TestResult {
    let in_test = places.iter().filter_map(|place| place.rsplit_once(':')).find(|(file, _)| *file == path);
    let line = in_test.and_then(|(_, line)| line.parse().ok()).unwrap_or_default();
    let end = message.floor_char_boundary(MESSAGE);
    TestResult {
        name: name.to_owned(),
        line,
        outcome,
        duration_ms,
        places,
        runner: if outcome == TestOutcome::NotRun { String::new() } else { runner.to_owned() },
        ..TestResult::not_run(path, message.get(..end).unwrap_or_default())
    }
}

fn not_run(paths: &[&str], why: &str) -> Vec<TestResult> {
    paths.iter().map(|path| TestResult::not_run(*path, why)).collect()
}

/// Where a program is on the server's `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH")?;
    let is_program = |candidate: &PathBuf| {
        fs::metadata(candidate).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(is_program)
}

/// The time for a command: so long, and not past the end.
fn time_left(most: Duration, end: Instant) -> Option<Duration> {
    let left = end.saturating_duration_since(Instant::now()).min(most);
    (!left.is_zero()).then_some(left)
}
