//! The sandbox of one test file: an engine with the compiler, the project's modules, and the runner of `js/`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rquickjs_core::context::{EvalOptions, intrinsic};
use rquickjs_core::loader::{ImportAttributes, Loader, Resolver};
use rquickjs_core::module::{Declared, Evaluated};
use rquickjs_core::promise::PromiseState;
use rquickjs_core::{
    Array, Context, Ctx, Error, Exception, Function, Module, Object, Persistent, Promise, Runtime, Value,
};

use super::modules::{Found, Kind, Modules, exported_names};
use super::{CASES, MESSAGE, NAME, PLACES, TestCase, TestOutcome, TestReport, TestRun, cut};
use crate::compile::{THREAD_STACK as COMPILER_STACK, too_deep};
use crate::invocation::Limits;
use crate::realm::MAX_STACK;
use crate::typescript;

type Intrinsics = (
    intrinsic::Eval,
    intrinsic::Date,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::WeakRef,
);

/// The modules of the runner.
const OWN: &[(&str, &str)] = &[
    ("millrace:native", "export const native = {};"),
    ("millrace:console", include_str!("../prelude.js")),
    ("millrace:equal", include_str!("js/equal.js")),
    ("millrace:absent", include_str!("js/absent.js")),
    ("millrace:world", include_str!("js/world.js")),
    ("millrace:assert", include_str!("js/assert.js")),
    ("millrace:mocks", include_str!("js/mocks.js")),
    ("millrace:runner", include_str!("js/runner.js")),
    ("millrace:expect", include_str!("js/expect.js")),
    ("millrace:start", include_str!("js/start.js")),
];

/// Names of modules that stand for one of ours, and for a CommonJS or JSON file.
const BUILTIN: &str = "millrace:builtin/";
const WRAPPED: &str = "millrace:file/";

struct State {
    modules: Modules,
    deadline: Option<Instant>,
    timed_out: Cell<bool>,
    cases: RefCell<Vec<TestCase>>,
    current: RefCell<Option<(String, Instant)>>,
    absent: RefCell<Vec<String>>,
    /// The namespace of `start.js`.
    start: RefCell<Option<Persistent<Object<'static>>>>,
}

impl State {
    fn is_over(&self) -> bool {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.timed_out.set(true);
        }
        self.timed_out.get()
    }

    /// Notes that something was asked for that is not there.
    fn note_absent(&self, what: &str) {
        let mut absent = self.absent.borrow_mut();
        if absent.len() < CASES {
            absent.push(what.to_owned());
        }
    }

    /// What was asked for in vain between two such moments, in words; empty where nothing was.
    fn absent_between(&self, from: usize, to: usize) -> String {
        let absent = self.absent.borrow();
        let mut names: Vec<&str> = Vec::new();
        for name in absent.get(from..to.min(absent.len())).unwrap_or_default() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        if names.is_empty() {
            String::new()
        } else {
            format!("needs what the sandbox does not have: {}", names.join(", "))
        }
    }

    fn report(&self, case: TestCase) {
        self.current.replace(None);
        let mut cases = self.cases.borrow_mut();
        if cases.len() < CASES {
            cases.push(case);
        }
    }

    fn refuse<'js>(&self, ctx: &Ctx<'js>, found: &Found, base: &str, name: &str) -> Error {
        let message = match found {
            Found::Absent(what) => {
                self.note_absent(what);
                format!("'{name}' cannot be had in '{base}': the sandbox has no {what}")
            }
            _ => format!("Cannot find module '{name}' imported from '{base}'"),
        };
        Exception::throw_message(ctx, &message)
    }
}

/// Runs a test file on this thread, whose stack must be the engine's and some more.
pub(crate) fn run(run: TestRun, limits: &Limits) -> TestReport {
    match try_run(run, limits) {
        Ok(report) => report,
        Err(error) => TestReport::lost(format!("the sandbox is broken: {error}")),
    }
}

fn try_run(run: TestRun, limits: &Limits) -> rquickjs_core::Result<TestReport> {
    let begun = Instant::now();
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(limits.memory_bytes.max(1));
    runtime.set_gc_threshold(limits.memory_bytes / 4);
    runtime.set_max_stack_size(limits.stack_bytes.clamp(16 << 10, MAX_STACK));
    let context = Context::custom::<Intrinsics>(&runtime)?;
    let (entry, globals) = (run.entry.clone(), run.globals);
    let modules = context.with(|ctx| {
        Modules::new(run, |text| {
            let read: Option<Object<'_>> = ctx.json_parse(text).ok().and_then(Value::into_object);
            let kind = read.and_then(|read| read.get::<_, String>("type").ok());
            ctx.catch();
            kind
        })
    });
    let state = Rc::new(State {
        modules,
        deadline: begun.checked_add(limits.time),
        timed_out: Cell::new(false),
        cases: RefCell::default(),
        current: RefCell::default(),
        absent: RefCell::default(),
        start: RefCell::default(),
    });
    runtime.set_loader(Project(Rc::clone(&state)), Project(Rc::clone(&state)));
    let over = Rc::clone(&state);
    runtime.set_interrupt_handler(Some(Box::new(move || over.is_over())));
    let ended = context.with(|ctx| {
        let ended = drive(&ctx, &state, &entry, globals);
        // It refers to the engine.
        state.start.replace(None);
        ended
    });
    let ended = match ended {
        Ok(ended) => ended,
        Err(_) if state.timed_out.get() => None,
        Err(error) => Some(context.with(|ctx| told(&ctx, &error))),
    };
    let ended = if state.is_over() { Some(format!("it ran longer than {:?}", limits.time)) } else { ended };
    if let (Some(why), Some((name, since))) = (&ended, state.current.take()) {
        let (outcome, duration) = (TestOutcome::Failed, since.elapsed());
        state.report(TestCase { name, outcome, duration, message: why.clone(), places: Vec::new() });
    }
    let cases = state.cases.take();
    Ok(TestReport { cases, ended })
}

/// What the engine says of an error that ended everything.
fn told(ctx: &Ctx<'_>, error: &Error) -> String {
    let thrown = ctx.catch();
    let message = thrown.into_object().and_then(Exception::from_object).and_then(|thrown| thrown.message());
    message.map_or_else(|| error.to_string(), |message| cut(message, MESSAGE))
}

/// Loads the runner, has it run the file, and turns the wheel until it is done. Says why it is not, where it is not.
fn drive<'js>(ctx: &Ctx<'js>, state: &Rc<State>, entry: &str, globals: bool) -> rquickjs_core::Result<Option<String>> {
    let native: Object<'js> = own(ctx, "millrace:native")?.get("native")?;
    fill(ctx, state, &native)?;
    let console = own(ctx, "millrace:console")?;
    let write = Function::new(ctx.clone(), |_: u8, _: Value<'js>| true)?;
    let random = Cell::new(0x9e37_79b9_7f4a_7c15_u64);
    let random = Function::new(ctx.clone(), move || next_random(&random))?;
    console.get::<_, Function<'js>>("install")?.call::<_, ()>((write, random))?;
    let start = own(ctx, "millrace:start")?;
    state.start.replace(Some(Persistent::save(ctx, start.clone())));
    let function = |name: &str| start.get::<_, Function<'js>>(name);
    function("prepare")?.call::<_, ()>((if globals { "globals" } else { "node" },))?;
    let (until_timer, tick, stalled) = (function("untilTimer")?, function("tick")?, function("stalled")?);
    let common_js = match state.modules.kind(entry) {
        Kind::CommonJs => true,
        Kind::Either => is_common_js(ctx, state, entry),
        _ => false,
    };
    let done: Promise<'js> = function("start")?.call((entry, common_js))?;
    loop {
        if done.state() != PromiseState::Pending {
            return done.result::<()>().unwrap_or(Ok(())).map(|()| None);
        }
        if state.is_over() {
            return Ok(None);
        }
        if ctx.execute_pending_job() {
            continue;
        }
        let wait: f64 = until_timer.call(())?;
        if wait >= 0.0 {
            let left = state.deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            thread::sleep(Duration::from_secs_f64((wait / 1_000.0).min(86_400.0)).min(left));
            tick.call::<_, ()>(())?;
        } else if !stalled.call::<_, bool>(())? {
            return Ok(Some("it waits for something that nothing will ever settle".into()));
        }
    }
}

/// A number in 0..1 by splitmix64: the same in every run.
fn next_random(state: &Cell<u64>) -> f64 {
    let seed = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    state.set(seed);
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let share = ((mixed ^ (mixed >> 31)) >> 11) as f64;
    share / (1_u64 << 53) as f64
}

/// Evaluates a module of the runner; its namespace.
fn own<'js>(ctx: &Ctx<'js>, name: &str) -> rquickjs_core::Result<Object<'js>> {
    let source = OWN.iter().find(|(known, _)| *known == name).map_or("", |(_, source)| source);
    let (module, done): (Module<'js, Evaluated>, Promise<'js>) = Module::declare(ctx.clone(), name, source)?.eval()?;
    done.finish::<()>()?;
    module.namespace()
}

/// What the runner may call.
fn fill<'js>(ctx: &Ctx<'js>, state: &Rc<State>, native: &Object<'js>) -> rquickjs_core::Result<()> {
    let shared = Rc::clone(state);
    let begin = move |name: String| {
        shared.current.replace(Some((cut(name, NAME), Instant::now())));
    };
    native.set("begin", Function::new(ctx.clone(), begin)?)?;
    let shared = Rc::clone(state);
    let report = move |name: String, outcome: String, milliseconds: f64, message: String, places: Vec<String>| {
        let outcome = match outcome.as_str() {
            "passed" => TestOutcome::Passed,
            "skipped" | "todo" => TestOutcome::Skipped,
            "absent" => TestOutcome::NotRun,
            "empty" => TestOutcome::Empty,
            _ => TestOutcome::Failed,
        };
        let duration = Duration::try_from_secs_f64(milliseconds / 1_000.0).unwrap_or_default();
        let places = places.into_iter().take(PLACES).map(|place| cut(place, NAME)).collect();
        shared.report(TestCase { name: cut(name, NAME), outcome, duration, message: cut(message, MESSAGE), places });
    };
    native.set("report", Function::new(ctx.clone(), report)?)?;
    let shared = Rc::clone(state);
    native.set("absent", Function::new(ctx.clone(), move |what: String| shared.note_absent(&what))?)?;
    let shared = Rc::clone(state);
    native.set("absences", Function::new(ctx.clone(), move || shared.absent.borrow().len())?)?;
    let shared = Rc::clone(state);
    let between = move |from: usize, to: usize| shared.absent_between(from, to);
    native.set("absentBetween", Function::new(ctx.clone(), between)?)?;
    let shared = Rc::clone(state);
    let compile = move |ctx: Ctx<'js>, path: String| compile_file(&ctx, &shared, &path);
    native.set("compile", Function::new(ctx.clone(), compile)?)?;
    let shared = Rc::clone(state);
    let resolve = move |ctx: Ctx<'js>, base: String, name: String| required(&ctx, &shared, &base, &name);
    native.set("resolve", Function::new(ctx.clone(), resolve)?)
}

/// What `require` of a name means: `builtin`, `file` or `module`, and which.
fn required<'js>(ctx: &Ctx<'js>, state: &State, base: &str, name: &str) -> rquickjs_core::Result<Array<'js>> {
    let found = state.modules.resolve(base, name, true);
    let (kind, what) = match &found {
        Found::Ours(name) => ("builtin", (*name).to_owned()),
        Found::File(path) => match state.modules.kind(path) {
            Kind::Es => ("module", path.clone()),
            Kind::Either if !is_common_js(ctx, state, path) => ("module", path.clone()),
            _ => ("file", path.clone()),
        },
        Found::Absent(_) | Found::Missing(_) => return Err(state.refuse(ctx, &found, base, name)),
    };
    let pair = Array::new(ctx.clone())?;
    pair.set(0, kind)?;
    pair.set(1, what)?;
    Ok(pair)
}

/// A CommonJS file as the function that runs it, a JSON file as its value.
fn compile_file<'js>(ctx: &Ctx<'js>, state: &State, path: &str) -> rquickjs_core::Result<Value<'js>> {
    let text = state.modules.text(path).unwrap_or_default();
    if state.modules.kind(path) == Kind::Json {
        return ctx.json_parse(text);
    }
    let code = code_of(ctx, state, path)?;
    wrapped(ctx, path, &code)
}

fn wrapped<'js>(ctx: &Ctx<'js>, path: &str, code: &str) -> rquickjs_core::Result<Value<'js>> {
    // On the first line, so that lines stay where they are.
    let code = code.strip_prefix("#!").map_or_else(|| code.to_owned(), |rest| format!("//{rest}"));
    let source = format!("(function (exports, require, module, __filename, __dirname) {{{code}\n}})");
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(path.to_owned());
    ctx.eval_with_options(source, options)
}

/// Is a file of either kind CommonJS? As Node has it: it is, unless only a module can be written so.
fn is_common_js(ctx: &Ctx<'_>, state: &State, path: &str) -> bool {
    let Ok(code) = code_of(ctx, state, path) else {
        ctx.catch();
        return false;
    };
    let is = wrapped(ctx, path, &code).is_ok();
    if !is {
        ctx.catch();
    }
    is
}

/// A file's JavaScript, without types.
fn code_of(ctx: &Ctx<'_>, state: &State, path: &str) -> rquickjs_core::Result<String> {
    let text = state.modules.text(path).unwrap_or_default();
    if !matches!(path.rsplit_once('.'), Some((_, "ts" | "mts" | "cts"))) {
        return Ok(text.to_owned());
    }
    if too_deep(text).is_some() {
        return Err(Exception::throw_syntax(ctx, &format!("{path}: too many brackets are open at once")));
    }
    let stripped = thread::scope(|scope| {
        let thread = thread::Builder::new().name("types".into()).stack_size(COMPILER_STACK);
        thread.spawn_scoped(scope, || typescript::strip(text)).ok().and_then(|thread| thread.join().ok())
    });
    match stripped {
        Some(Ok(code)) => Ok(code),
        Some(Err(error)) => {
            // What needs a compiler, as enums do, is no mistake.
            if error.message.contains("not supported") {
                state.note_absent(&format!(
                    "TypeScript that is more than types ({path}:{}: {})",
                    error.line, error.message
                ));
            }
            let message = format!("{path}:{}:{}: {}", error.line, error.column, error.message);
            Err(Exception::throw_syntax(ctx, &message))
        }
        None => Err(Exception::throw_message(ctx, "no thread can be started")),
    }
}

/// Resolves and loads the runner's modules and the project's.
struct Project(Rc<State>);

impl Resolver for Project {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs_core::Result<String> {
        let own = base.starts_with("millrace:");
        if own && let Some(path) = name.strip_prefix("project:") {
            return Ok(path.to_owned());
        }
        if own && name.starts_with("millrace:") {
            return Ok(name.to_owned());
        }
        let state = &self.0;
        let found = state.modules.resolve(base, name, false);
        match &found {
            Found::Ours(name) => Ok(format!("{BUILTIN}{name}")),
            Found::File(path) => Ok(match state.modules.kind(path) {
                Kind::Es => path.clone(),
                Kind::Either if !is_common_js(ctx, state, path) => path.clone(),
                _ => format!("{WRAPPED}{path}"),
            }),
            Found::Absent(_) | Found::Missing(_) => Err(state.refuse(ctx, &found, base, name)),
        }
    }
}

impl Loader for Project {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs_core::Result<Module<'js, Declared>> {
        if let Some((_, source)) = OWN.iter().find(|(known, _)| *known == name) {
            return Module::declare(ctx.clone(), name, *source);
        }
        if let Some(builtin) = name.strip_prefix(BUILTIN) {
            return Module::declare(ctx.clone(), name, self.builtin(ctx, builtin)?);
        }
        if let Some(path) = name.strip_prefix(WRAPPED) {
            return Module::declare(ctx.clone(), name, self.file(path));
        }
        let code = code_of(ctx, &self.0, name)?;
        let module = Module::declare(ctx.clone(), name, code)?;
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let meta = module.meta()?;
        meta.set("url", format!("file:///project/{name}"))?;
        meta.set("filename", format!("/project/{name}"))?;
        meta.set("dirname", format!("/project/{folder}").trim_end_matches('/'))?;
        Ok(module)
    }
}

impl Project {
    /// A module that stands for one of ours.
    fn builtin(&self, ctx: &Ctx<'_>, name: &str) -> rquickjs_core::Result<String> {
        let start = self.0.start.borrow().clone();
        let Some(start) = start else { return Err(Error::new_loading(name)) };
        let names: Vec<String> = start.restore(ctx)?.get::<_, Function<'_>>("namesOf")?.call((name,))?;
        let mut source =
            format!("import {{ valueOf, defaultOf }} from 'millrace:start';\nexport default defaultOf('{name}');\n");
        for (at, key) in names.iter().enumerate() {
            source.push_str(&format!("const v{at} = valueOf('{name}', '{key}');\nexport {{ v{at} as {key} }};\n"));
        }
        Ok(source)
    }

    /// A module that stands for a CommonJS or JSON file.
    fn file(&self, path: &str) -> String {
        let quoted = path.replace('\\', "\\\\").replace('\'', "\\'");
        let mut source = format!(
            "import {{ requireFile }} from 'millrace:start';\nconst m = requireFile('{quoted}');\nexport default m;\n"
        );
        if self.0.modules.kind(path) != Kind::Json {
            for (at, name) in exported_names(self.0.modules.text(path).unwrap_or_default()).iter().enumerate() {
                source.push_str(&format!("const v{at} = m.{name};\nexport {{ v{at} as {name} }};\n"));
            }
        }
        source
    }
}
