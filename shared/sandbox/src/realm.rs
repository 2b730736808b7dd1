//! The life of one sandbox: made fresh, used for one invocation, freed.
//!
//! A [`Realm`] is an engine (heap, job queue, limits) with one context whose intrinsics are chosen here. Making one takes
//! longer than a small function runs, so whoever runs functions makes the next one while nobody waits
//! (`pool/threads.rs`, `pool/processes.rs`). It stays on the thread that made it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rquickjs_core::context::intrinsic;
use rquickjs_core::loader::{ImportAttributes, Loader, Resolver};
use rquickjs_core::module::{Declared, Evaluated};
use rquickjs_core::promise::PromiseState;
use rquickjs_core::{Context, Ctx, Error, Function, Module, Object, Persistent, Promise, Runtime, Value};
use sha2::{Digest, Sha256};

use crate::compile::{Compiled, compile_own};
use crate::invocation::{FunctionError, Invocation, Level, Limits, Request, error_names};
use crate::logs::Logs;
use crate::outcome::{Circumstances, of_thrown, timed_out};

/// The most stack that an engine is given; the threads that run it have more.
pub(crate) const MAX_STACK: usize = 4 << 20;
/// The stack of a thread that runs an engine.
pub(crate) const THREAD_STACK: usize = MAX_STACK + (4 << 20);

/// The intrinsics of ECMAScript without the compiler: `eval` and the constructors of functions throw.
type Intrinsics = (
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

/// What the engine's callbacks share with the one who runs it.
struct Shared {
    logs: RefCell<Logs>,
    /// None until the invocation begins.
    deadline: Cell<Option<Instant>>,
    timed_out: Cell<bool>,
    random: Cell<[u64; 2]>,
}

impl Shared {
    /// Whether the deadline has passed, which is remembered.
    fn is_over(&self) -> bool {
        let over = self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline);
        if over {
            self.timed_out.set(true);
        }
        self.timed_out.get()
    }

    /// The next number of xorshift128+, in 0..1.
    fn random(&self) -> f64 {
        let [mut a, b] = self.random.get();
        a ^= a << 23;
        a ^= a >> 17;
        a ^= b ^ (b >> 26);
        self.random.set([b, a]);
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let share = (a.wrapping_add(b) >> 11) as f64;
        share / (1_u64 << 53) as f64
    }
}

/// Functions of the prelude, kept until the invocation.
struct Prelude {
    make_context: Persistent<Function<'static>>,
    describe: Persistent<Function<'static>>,
}

/// A sandbox that has run nothing of a user's yet. Fields drop in this order.
pub(crate) struct Realm {
    prelude: Prelude,
    shared: Rc<Shared>,
    context: Context,
    runtime: Runtime,
}

/// No module may be had.
struct NoModules;

impl Resolver for NoModules {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs_core::Result<String> {
        Err(Error::new_resolving_message(base, name, "a function cannot import anything"))
    }
}

impl Loader for NoModules {
    fn load<'js>(
        &mut self,
        _: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs_core::Result<Module<'js, Declared>> {
        Err(Error::new_loading(name))
    }
}

/// Reads the module that bytecode is of.
fn load<'js>(ctx: &Ctx<'js>, bytecode: &[u8]) -> rquickjs_core::Result<Module<'js, Declared>> {
    // SAFETY: the engine trusts bytecode, so it has to be what this build's engine wrote, unaltered. `bytecode` is either
    // the prelude's, which `compile_own` returned in this process, or a `Compiled`'s. A `Compiled` has private fields and
    // is made in two places: in `compile`, from what the engine wrote, and in `Compiled::from_parts`, which the two ends of
    // the pipe between a process and its children call. Both ends are the same executable file, the pipe is anonymous, and
    // nothing reads bytecode from a disk or the network. The engine copies what it reads.
    #[expect(unsafe_code, reason = "the engine's bytecode, written by this build")]
    unsafe {
        Module::load(ctx.clone(), bytecode)
    }
}

fn prelude() -> Result<&'static [u8], String> {
    static BYTECODE: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    let compiled = BYTECODE.get_or_init(|| compile_own("millrace:console", include_str!("prelude.js")));
    compiled.as_deref().map_err(Clone::clone)
}

impl Realm {
    /// A fresh sandbox on this thread.
    ///
    /// # Errors
    ///
    /// A text, where the machine has no memory for one.
    pub(crate) fn new() -> Result<Self, String> {
        let failed = |error: Error| format!("a sandbox cannot be made: {error}");
        let bytecode = prelude()?;
        let runtime = Runtime::new().map_err(failed)?;
        runtime.set_loader(NoModules, NoModules);
        let context = Context::custom::<Intrinsics>(&runtime).map_err(failed)?;
        let shared = Rc::new(Shared {
            logs: RefCell::new(Logs::new(&Limits::default(), Instant::now(), 0)),
            deadline: Cell::new(None),
            timed_out: Cell::new(false),
            random: Cell::new([1, 2]),
        });
        let prelude = context.with(|ctx| install(&ctx, bytecode, &shared)).map_err(failed)?;
        let over = Rc::clone(&shared);
        runtime.set_interrupt_handler(Some(Box::new(move || over.is_over())));
        Ok(Self { prelude, shared, context, runtime })
    }

    /// Runs the one invocation that this sandbox is for. What is left is freed when [`Used`] drops, after the answer went
    /// out.
    pub(crate) fn run(self, compiled: &Compiled, request: &Request<'_>, limits: &Limits) -> (Invocation, Used) {
        let begun = Instant::now();
        let Self { prelude, shared, context, runtime } = self;
        shared.logs.replace(Logs::new(limits, begun, request.context.timestamp));
        shared.deadline.set(begun.checked_add(limits.time));
        shared.random.set(seed(request.context.invocation_id));
        runtime.set_memory_limit(limits.memory_bytes.max(1));
        // A look for cycles takes a millisecond for a few megabytes and hears nothing meanwhile, so the first comes late.
        // The engine sets the next ones at half as much again as was left.
        runtime.set_gc_threshold(limits.memory_bytes / 4);
        runtime.set_max_stack_size(limits.stack_bytes.clamp(16 << 10, MAX_STACK));
        let (result, kept) = context.with(|ctx| {
            let run = Run { ctx: &ctx, shared: &shared, limits, kept: RefCell::default() };
            (run.all(prelude, compiled, request), run.kept.into_inner())
        });
        let duration = begun.elapsed();
        let logs = shared.logs.borrow_mut().take();
        (Invocation { result, duration, logs }, Used { _kept: kept, _context: context, _runtime: runtime })
    }
}

/// A sandbox after its invocation: nothing runs in it any more.
pub(crate) struct Used {
    _kept: Vec<Persistent<Value<'static>>>,
    _context: Context,
    _runtime: Runtime,
}

/// Bytes on the heap of a sandbox that is ready: what each idle one takes.
///
/// # Errors
///
/// A text, where the machine has no memory for one.
pub fn sandbox_bytes() -> Result<usize, String> {
    let realm = Realm::new()?;
    Ok(usize::try_from(realm.runtime.memory_usage().malloc_size).unwrap_or_default())
}

/// Evaluates the prelude.
fn install(ctx: &Ctx<'_>, bytecode: &[u8], shared: &Rc<Shared>) -> rquickjs_core::Result<Prelude> {
    let (module, done) = load(ctx, bytecode)?.eval()?;
    done.finish::<()>()?;
    let lines = Rc::clone(shared);
    let write = Function::new(ctx.clone(), move |level: u8, message: rquickjs_core::String<'_>| {
        let message = message.to_string().unwrap_or_else(|_| "[a text that is not Unicode]".into());
        lines.logs.borrow_mut().write(Level::from_number(level), message)
    })?;
    let numbers = Rc::clone(shared);
    let random = Function::new(ctx.clone(), move || numbers.random())?.with_name("random")?;
    let own = module.namespace()?;
    own.get::<_, Function<'_>>("install")?.call::<_, ()>((write, random))?;
    let keep = |name: &str| Ok::<_, Error>(Persistent::save(ctx, own.get::<_, Function<'_>>(name)?));
    Ok(Prelude { make_context: keep("makeContext")?, describe: keep("describe")? })
}

/// Two numbers from a text, not both zero.
fn seed(text: &str) -> [u64; 2] {
    let digest = Sha256::digest(text.as_bytes());
    let number = |at: usize| {
        let bytes = digest.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    [number(0) | 1, number(8)]
}

/// An invocation under way.
struct Run<'a, 'js> {
    ctx: &'a Ctx<'js>,
    shared: &'a Shared,
    limits: &'a Limits,
    /// What may hold the greater part of the heap: freeing it takes time, and nobody should wait for that.
    kept: RefCell<Vec<Persistent<Value<'static>>>>,
}

impl<'js> Run<'_, 'js> {
    fn all(&self, prelude: Prelude, compiled: &Compiled, request: &Request<'_>) -> Result<String, FunctionError> {
        let broken = |error: Error| FunctionError::new(error_names::CRASH, format!("the sandbox is broken: {error}"));
        let describe = prelude.describe.restore(self.ctx).map_err(broken)?;
        let make_context = prelude.make_context.restore(self.ctx).map_err(broken)?;
        let handler = self.handler(&describe, compiled)?;
        let event = self.event(&describe, request.event)?;
        let context = self.or_thrown(&describe, self.context(&make_context, request))?;
        let returned = self.or_thrown(&describe, handler.call::<_, Value<'js>>((event, context)))?;
        let value = self.awaited(&describe, returned)?;
        self.json(&describe, value)
    }

    /// Evaluates the user's module and finds its handler.
    fn handler(&self, describe: &Function<'js>, compiled: &Compiled) -> Result<Function<'js>, FunctionError> {
        let evaluated = load(self.ctx, compiled.bytecode()).and_then(Module::eval);
        let (module, done): (Module<'js, Evaluated>, Promise<'js>) = self.or_thrown(describe, evaluated)?;
        self.settled(describe, &done, "a top-level await")?;
        let handler: Value<'js> = self.or_thrown(describe, module.get("handler"))?;
        let kind = handler.type_name();
        handler.into_function().ok_or_else(|| {
            let message = format!("the export `handler` is of type {kind}, not a function");
            FunctionError::new(error_names::HANDLER, message)
        })
    }

    fn event(&self, describe: &Function<'js>, text: &str) -> Result<Value<'js>, FunctionError> {
        self.ctx.json_parse(text).map_err(|error| {
            let error = self.thrown(describe, &error);
            if error.name != "SyntaxError" {
                return error;
            }
            FunctionError::new(error_names::EVENT, format!("the event is not JSON: {}", error.message))
        })
    }

    fn context(&self, make: &Function<'js>, request: &Request<'_>) -> rquickjs_core::Result<Object<'js>> {
        let pairs = rquickjs_core::Array::new(self.ctx.clone())?;
        for (index, (name, value)) in request.environment.iter().enumerate() {
            pairs.set(index * 2, name.as_str())?;
            pairs.set(index * 2 + 1, value.as_str())?;
        }
        let of = request.context;
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let deadline = (wall + self.limits.time.min(Duration::from_hours(24))).as_secs_f64() * 1e3;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
        let timestamp = of.timestamp as f64;
        make.call((of.function_name, of.project_id, of.invocation_id, timestamp, deadline.floor(), pairs))
    }

    /// What a returned value comes to, as `await` would have it.
    fn awaited(&self, describe: &Function<'js>, returned: Value<'js>) -> Result<Value<'js>, FunctionError> {
        if !returned.is_object() {
            return Ok(returned);
        }
        self.kept.borrow_mut().push(Persistent::save(self.ctx, returned.clone()));
        let promise = match returned.as_promise() {
            Some(promise) => promise.clone(),
            None => {
                let (promise, resolve, _) = self.or_thrown(describe, self.ctx.promise())?;
                self.or_thrown(describe, resolve.call::<_, ()>((returned,)))?;
                promise
            }
        };
        self.settled(describe, &promise, "the handler's promise")
    }

    /// Runs jobs until the promise is settled.
    fn settled(
        &self,
        describe: &Function<'js>,
        promise: &Promise<'js>,
        what: &str,
    ) -> Result<Value<'js>, FunctionError> {
        loop {
            if promise.state() != PromiseState::Pending {
                let value = promise.result::<Value<'js>>().unwrap_or(Err(Error::WouldBlock));
                return self.or_thrown(describe, value);
            }
            if self.shared.is_over() {
                return Err(timed_out(self.limits));
            }
            if !self.ctx.execute_pending_job() {
                let message = format!("{what} waits for something that nothing will ever settle");
                return Err(FunctionError::new(error_names::UNSETTLED, message));
            }
        }
    }

    /// The result as JSON text.
    fn json(&self, describe: &Function<'js>, value: Value<'js>) -> Result<String, FunctionError> {
        let text = self.ctx.json_stringify(value).map_err(|error| {
            let error = self.thrown(describe, &error);
            if is_of_limit(&error.name) {
                return error;
            }
            let message = format!("the result has no JSON form: {}: {}", error.name, error.message);
            FunctionError { name: error_names::RESULT.into(), message, stack: error.stack }
        })?;
        if self.shared.is_over() {
            return Err(timed_out(self.limits));
        }
        // What JSON has no word for (undefined, a function, a symbol) is null.
        let text = text.map_or_else(|| Ok("null".into()), |text| self.or_thrown(describe, text.to_string()))?;
        if text.len() > self.limits.output_bytes {
            let message =
                format!("the result has {} bytes; at most {} are taken", text.len(), self.limits.output_bytes);
            return Err(FunctionError::new(error_names::OUTPUT, message));
        }
        Ok(text)
    }

    fn or_thrown<T>(&self, describe: &Function<'js>, result: rquickjs_core::Result<T>) -> Result<T, FunctionError> {
        result.map_err(|error| self.thrown(describe, &error))
    }

    fn thrown(&self, describe: &Function<'js>, error: &Error) -> FunctionError {
        let thrown = self.ctx.catch();
        if !error.is_exception() && self.shared.timed_out.get() {
            return timed_out(self.limits);
        }
        if !error.is_exception() {
            return FunctionError::new("Error", error.to_string());
        }
        let around = Circumstances { limits: self.limits, timed_out: self.shared.timed_out.get() };
        let error = of_thrown(self.ctx, describe, thrown, &around);
        // What a thrown value says of itself is said by code, which may take too long too.
        if self.shared.timed_out.get() { timed_out(self.limits) } else { error }
    }
}

fn is_of_limit(name: &str) -> bool {
    matches!(name, error_names::TIME | error_names::MEMORY | error_names::STACK)
}
