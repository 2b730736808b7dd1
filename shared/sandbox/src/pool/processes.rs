//! Invocations in child processes, and the child's side of it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io::{self, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::crashed;
use super::watchdog::Watchdog;
use crate::compile::{CompileError, CompileErrorKind, Compiled, Language, compile};
use crate::frame::{self, Reader, Writer};
use crate::invocation::{FunctionError, Invocation, Limits, Request, error_names};
use crate::realm::{Realm, THREAD_STACK};
use crate::testing::{self, TestReport, TestRun};

/// The first argument of a child: the program's `main` must then call [`serve_child`] and do nothing else.
pub const CHILD_ARGUMENT: &str = "--sandbox-child";

/// How children are made and kept.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// The program, and what comes before its first argument's place. None is this program itself.
    pub program: Option<PathBuf>,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// At most so many at a time, idle ones included.
    pub processes: usize,
    /// Children that nobody used for so long are ended.
    pub idle: Duration,
    /// How long after an invocation's deadline its child is killed.
    pub grace: Duration,
}

impl Default for ProcessOptions {
    /// This program with [`CHILD_ARGUMENT`]; 16 children; idle for 60 s; a grace of 20 ms.
    fn default() -> Self {
        Self {
            program: None,
            arguments: vec![CHILD_ARGUMENT.into()],
            processes: 16,
            idle: Duration::from_secs(60),
            grace: Duration::from_millis(20),
        }
    }
}

/// How long a child may take to say that it is ready, and a compilation.
const START: Duration = Duration::from_secs(10);
const COMPILE: Duration = Duration::from_secs(30);
/// How long after its deadline a test file may still tell what its tests came to.
const TEST_GRACE: Duration = Duration::from_millis(500);
/// Modules that a child keeps, in bytes; both sides count alike and forget everything when there are more.
const KEPT: usize = 32 << 20;

const READY: u8 = 1;
const INVOKE: u8 = 2;
const COMPILED: u8 = 3;
const ANSWER: u8 = 4;
const TESTS: u8 = 5;
/// How many children in a row may end before they are ready.
const ATTEMPTS: usize = 3;

/// Whom a child serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Tenant {
    Project(String),
    Compiler,
}

#[derive(Debug)]
struct Worker {
    tenant: Tenant,
    process: Arc<Mutex<Child>>,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    known: Known,
    last_used: Instant,
}

impl Worker {
    /// Waits until the sandbox for the next invocation is there. Freeing the last one can end the process, after its answer:
    /// that must not become the next one's failure.
    fn is_ready(&mut self, watchdog: &Watchdog) -> bool {
        let guard = watchdog.guard(Instant::now() + START, &self.process);
        let frame = Reader::receive(&mut self.stdout).ok().flatten();
        let ready = frame.is_some_and(|mut frame| frame.byte().ok() == Some(READY));
        guard.release() && ready
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Which modules a child has.
#[derive(Debug, Default)]
struct Known {
    digests: HashSet<[u8; 32]>,
    size: usize,
}

impl Known {
    /// Notes that module. True where it is new; then everything else may have been forgotten.
    fn note(&mut self, compiled: &Compiled) -> bool {
        if self.digests.contains(compiled.digest()) {
            return false;
        }
        if self.size.saturating_add(compiled.size()) > KEPT {
            self.digests.clear();
            self.size = 0;
        }
        self.size += compiled.size();
        self.digests.insert(*compiled.digest());
        true
    }
}

#[derive(Debug, Default)]
struct Workers {
    idle: Vec<Worker>,
    /// Idle and busy.
    count: usize,
}

#[derive(Debug, Default)]
struct Shared {
    workers: Mutex<Workers>,
    freed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct Processes {
    options: ProcessOptions,
    shared: Arc<Shared>,
    watchdog: Watchdog,
}

/// A busy child; its place is free again when this drops, whether it came back or not.
struct Busy<'a> {
    shared: &'a Shared,
    worker: Option<Worker>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut workers = self.shared.lock();
        if let Some(mut worker) = self.worker.take() {
            worker.last_used = Instant::now();
            workers.idle.push(worker);
        } else {
            workers.count -= 1;
        }
        self.shared.freed.notify_all();
    }
}

impl Processes {
    pub(super) fn start(mut options: ProcessOptions) -> io::Result<Self> {
        options.processes = options.processes.max(1);
        let shared = Arc::new(Shared::default());
        let weak: Weak<Shared> = Arc::downgrade(&shared);
        let idle = options.idle;
        let watchdog = Watchdog::start(move || {
            let Some(shared) = weak.upgrade() else { return };
            let old = |worker: &mut Worker| worker.last_used.elapsed() >= idle;
            let mut workers = shared.lock();
            let ended: Vec<Worker> = workers.idle.extract_if(.., old).collect();
            workers.count -= ended.len();
            drop(workers);
            shared.freed.notify_all();
        })?;
        Ok(Self { options, shared, watchdog })
    }

    pub(super) fn invoke(
        &self,
        tenant: &str,
        compiled: &Compiled,
        request: &Request<'_>,
        limits: &Limits,
    ) -> Invocation {
        let tenant = Tenant::Project(tenant.to_owned());
        let begun = Instant::now();
        let mut deadline = begun;
        let exchanged = self.exchange(&tenant, |worker| {
            let mut frame = Writer::new(INVOKE);
            let new = worker.known.note(compiled);
            frame.bytes(compiled.digest()).number(u64::from(new));
            if new {
                frame::write_module(&mut frame, compiled);
            }
            frame::write_request(&mut frame, request, limits);
            deadline = Instant::now() + limits.time.min(Duration::from_hours(24));
            (frame, deadline + self.options.grace, |mut answer: Reader| {
                answer.byte()?;
                frame::read_invocation(&mut answer)
            })
        });
        match exchanged {
            Ok(invocation) => invocation,
            Err(_) if deadline > begun && Instant::now() >= deadline => {
                let message = format!("the function ran longer than {:?} and had to be killed", limits.time);
                Invocation { duration: begun.elapsed(), ..of_error(error_names::TIME, message) }
            }
            Err(error) => {
                let message = format!("the process that ran the function ended: {error}");
                Invocation { duration: begun.elapsed(), ..crashed(message) }
            }
        }
    }

    pub(super) fn compile(&self, file_name: &str, source: &str, language: Language) -> Result<Compiled, CompileError> {
        let compiled = self.exchange(&Tenant::Compiler, |_| {
            let mut frame = Writer::new(COMPILED);
            frame::write_source(&mut frame, file_name, source, language);
            (frame, Instant::now() + COMPILE, |mut answer: Reader| {
                answer.byte()?;
                frame::read_compiled(&mut answer)
            })
        });
        compiled.unwrap_or_else(|error| {
            let message = format!("the compiler could not take this source: {error}");
            let kind = CompileErrorKind::TooLarge;
            Err(CompileError { kind, file_name: file_name.to_owned(), line: 1, column: 1, message })
        })
    }

    pub(super) fn run_tests(&self, tenant: &str, run: &TestRun, limits: &Limits) -> TestReport {
        let mut deadline = None;
        let exchanged = self.exchange(&Tenant::Project(tenant.to_owned()), |_| {
            let mut frame = Writer::new(TESTS);
            testing::write_run(&mut frame, run, limits);
            let at = Instant::now() + limits.time.min(Duration::from_hours(24));
            deadline = Some(at);
            (frame, at + TEST_GRACE, |mut answer: Reader| {
                answer.byte()?;
                testing::read_report(&mut answer)
            })
        });
        exchanged.unwrap_or_else(|error| {
            let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            TestReport::lost(if is_late {
                format!("it ran longer than {:?} and had to be killed", limits.time)
            } else {
                format!("the process that ran it ended: {error}")
            })
        })
    }

    /// Sends a frame to a child of that tenant and reads the answer. A child with which that fails is killed.
    fn exchange<T, R>(&self, tenant: &Tenant, make: impl FnOnce(&mut Worker) -> (Writer, Instant, R)) -> io::Result<T>
    where
        R: FnOnce(Reader) -> io::Result<T>,
    {
        let (mut busy, mut worker) = self.take_ready(tenant)?;
        let (frame, at, read) = make(&mut worker);
        let process = Arc::clone(&worker.process);
        let guard = self.watchdog.guard(at, &process);
        frame.send(&mut worker.stdin)?;
        let answer =
            Reader::receive(&mut worker.stdout)?.ok_or_else(|| io::Error::other("it ended without an answer"))?;
        let alive = guard.release();
        let answer = read(answer)?;
        if alive {
            busy.worker = Some(worker);
        }
        Ok(answer)
    }

    /// A child of that tenant that takes a request.
    fn take_ready(&self, tenant: &Tenant) -> io::Result<(Busy<'_>, Worker)> {
        for _ in 0..ATTEMPTS {
            let mut busy = self.take(tenant)?;
            if let Some(mut worker) = busy.worker.take()
                && worker.is_ready(&self.watchdog)
            {
                return Ok((busy, worker));
            }
        }
        Err(io::Error::other("it ended before it was ready"))
    }

    /// A child of that tenant: an idle one, a new one, or a new one in the place of another tenant's idle one.
    fn take(&self, tenant: &Tenant) -> io::Result<Busy<'_>> {
        let mut workers = self.shared.lock();
        loop {
            if let Some(at) = workers.idle.iter().rposition(|worker| worker.tenant == *tenant) {
                return Ok(Busy { shared: &self.shared, worker: Some(workers.idle.swap_remove(at)) });
            }
            if workers.count < self.options.processes {
                workers.count += 1;
                break;
            }
            let oldest = (0..workers.idle.len()).min_by_key(|at| workers.idle.get(*at).map(|worker| worker.last_used));
            if let Some(at) = oldest {
                let evicted = workers.idle.swap_remove(at);
                drop(workers);
                drop(evicted);
                let mut busy = Busy { shared: &self.shared, worker: None };
                busy.worker = Some(self.spawn(tenant)?);
                return Ok(busy);
            }
            workers = self.shared.freed.wait(workers).unwrap_or_else(PoisonError::into_inner);
        }
        drop(workers);
        let mut busy = Busy { shared: &self.shared, worker: None };
        busy.worker = Some(self.spawn(tenant)?);
        Ok(busy)
    }

    fn spawn(&self, tenant: &Tenant) -> io::Result<Worker> {
        let program = match &self.options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        let mut process = Command::new(program)
            .args(&self.options.arguments)
            .env_clear()
            // What `Date` takes for local time, without a file.
            .env("TZ", "UTC0")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let process = Arc::new(Mutex::new(process));
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(io::Error::other("a child without pipes"));
        };
        Ok(Worker {
            tenant: tenant.clone(),
            process,
            stdin,
            stdout: BufReader::with_capacity(64 << 10, stdout),
            known: Known::default(),
            last_used: Instant::now(),
        })
    }
}

fn of_error(name: &str, message: String) -> Invocation {
    Invocation { result: Err(FunctionError::new(name, message)), duration: Duration::ZERO, logs: Vec::new() }
}

/// The child's side: answers on standard output what comes on standard input, until that ends. The sandbox for the next
/// invocation is made when the answer to the last one is out. On Linux, the process may from then on ask the kernel for
/// memory, threads and its own pipes only.
#[must_use]
pub fn serve_child() -> ExitCode {
    // Defence in depth: where the kernel has no filter, the boundary is the process.
    #[cfg(target_os = "linux")]
    super::confine::confine();
    let thread = thread::Builder::new().name("sandbox".into()).stack_size(THREAD_STACK).spawn(serve);
    match thread.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, io::stdin().lock());
    let mut output = io::stdout().lock();
    let mut modules: HashMap<[u8; 32], Compiled> = HashMap::new();
    let mut known = Known::default();
    let mut next = Realm::new().map_err(io::Error::other)?;
    Writer::new(READY).send(&mut output)?;
    while let Some(mut frame) = Reader::receive(&mut input)? {
        match frame.byte()? {
            INVOKE => {
                let digest: [u8; 32] = frame.bytes()?.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
                if frame.number()? == 1 {
                    let compiled = frame::read_module(&mut frame)?;
                    known.note(&compiled);
                    modules.retain(|digest, _| known.digests.contains(digest));
                    modules.insert(*compiled.digest(), compiled);
                }
                let compiled = modules.get(&digest).ok_or(io::ErrorKind::InvalidData)?;
                let (request, limits) = frame::read_request(&mut frame)?;
                let (invocation, used) = next.run(compiled, &request.borrow(), &limits);
                let mut answer = Writer::new(ANSWER);
                frame::write_invocation(&mut answer, &invocation);
                answer.send(&mut output)?;
                drop(used);
                next = Realm::new().map_err(io::Error::other)?;
                Writer::new(READY).send(&mut output)?;
            }
            COMPILED => {
                let (file_name, source, language) = frame::read_source(&mut frame)?;
                let mut answer = Writer::new(ANSWER);
                frame::write_compiled(&mut answer, &compile(&file_name, &source, language));
                answer.send(&mut output)?;
                Writer::new(READY).send(&mut output)?;
            }
            TESTS => {
                let (run, limits) = testing::read_run(&mut frame)?;
                let mut answer = Writer::new(ANSWER);
                testing::write_report(&mut answer, &testing::run(run, &limits));
                answer.send(&mut output)?;
                Writer::new(READY).send(&mut output)?;
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    output.flush()
}
