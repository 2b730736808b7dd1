//! Functions over ports in memory: what is stored when calls fail, what is counted, what is believed for how long, and
//! functions as tasks of workflows.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millrace_app::Error;
use millrace_app::executions::{
    Attributes, ExecutionStatus, Patience, StartExecution, await_execution, start_execution, sweep,
};
use millrace_app::functions::{
    Call, Counters, Described, FunctionChanges, FunctionName, Functions, Invoked, NewFunction, Settings,
    create_function, delete_function, get_code, get_function, list_functions, register_functions, update_function,
};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{BlobStore, MessageQueues, Ports, Queue, RecordStore};
use millrace_app::projects::Paging;
use millrace_app::{PayloadLimit, keys, workers};
use millrace_simulation::{Call as PortCall, Fate, MemoryPorts, ScriptedRuntime, Watched, Watcher};
use serde_json::{Value, json};

type Scripted = Functions<ScriptedRuntime>;

fn functions() -> Scripted {
    Functions::new(ScriptedRuntime::default(), Settings::default())
}

fn name(function: &str) -> FunctionName {
    FunctionName::new("local", "shop", function)
}

fn source(function: &str, code: &str) -> NewFunction {
    NewFunction { name: function.to_owned(), code: code.to_owned(), ..NewFunction::default() }
}

async fn create<P: Ports>(ports: &P, functions: &Scripted, function: &str, code: &str) -> Result<(), Error> {
    create_function(ports, functions, "local", "local", "shop", source(function, code)).await.map(|_| ())
}

async fn invoke<P: Ports>(ports: &P, functions: &Scripted, function: &str) -> Result<Invoked, Error> {
    functions.invoke(ports, Call { function: name(function), event: "{}".into(), id: None, at_most: None }).await
}

async fn counters<P: Ports>(ports: &P, functions: &Scripted, function: &str) -> Counters {
    get_function(ports, functions, &name(function)).await.unwrap().counters
}

fn code(text: &str) -> FunctionChanges {
    FunctionChanges { code: Some(text.to_owned()), ..FunctionChanges::default() }
}

/// Cuts one call, before or after its work, and counts all.
#[derive(Debug)]
struct Cut {
    at: usize,
    fate: Fate,
    calls: AtomicUsize,
}

impl Watcher for Cut {
    fn fate(&self, call: PortCall) -> Fate {
        if !matches!(call, PortCall::RecordWrite(_) | PortCall::BlobWrite) {
            return Fate::Done;
        }
        if self.calls.fetch_add(1, Ordering::SeqCst) == self.at { self.fate } else { Fate::Done }
    }
}

/// Every write of every use case fails once, before or after its work; the same call again does what it should.
#[tokio::test]
async fn whatever_is_cut_can_be_repeated() {
    for fate in [Fate::FailBefore, Fate::FailAfter] {
        for at in 0..12 {
            let ports = MemoryPorts::new(1);
            let cut = Arc::new(Cut { at, fate, calls: AtomicUsize::new(0) });
            let (watched, functions) = (Watched::new(ports.clone(), Arc::clone(&cut)), functions());
            let register = async |code: &str| {
                let all = vec![source("a", code), source("b", "return 2")];
                register_functions(&watched, &functions, "local", "local", "shop", all).await
            };
            if register("return 1").await.is_err() {
                register("return 1").await.unwrap();
            }
            if register("return 3").await.is_err() {
                register("return 3").await.unwrap();
            }
            assert_eq!(invoke(&watched, &functions, "a").await.unwrap().result.unwrap(), "3");
            if functions.flush(&watched).await.is_err() {
                functions.flush(&watched).await.unwrap();
            }
            let counted = counters(&watched, &functions, "a").await;
            assert_eq!((counted.invocations, counted.failed), (1, 0), "{fate:?} {at}");
            assert_eq!(functions.totals(&watched).await.unwrap().invocations, 1, "{fate:?} {at}");
            for function in ["a", "b"] {
                match delete_function(&watched, &functions, &name(function), None).await {
                    // Its own first write was cut after the work.
                    Ok(()) | Err(Error::NotFound { .. }) => {}
                    Err(_) => match delete_function(&watched, &functions, &name(function), None).await {
                        Ok(()) | Err(Error::NotFound { .. }) => {}
                        Err(error) => panic!("{fate:?} {at}: {error}"),
                    },
                }
            }
            sweep(&ports, Patience::Grace).await.unwrap();
            for function in ["a", "b"] {
                let id = name(function).id();
                assert!(
                    RecordStore::get(ports.records(), &keys::function(&id)).await.unwrap().is_none(),
                    "{fate:?} {at}"
                );
                assert!(
                    RecordStore::get(ports.records(), &keys::function_counters(&id)).await.unwrap().is_none(),
                    "{fate:?} {at}"
                );
            }
            let blobs = ports.blobs().list("functions/", None, 10).await.unwrap().items;
            assert!(blobs.is_empty(), "{fate:?} {at}: {blobs:?}");
        }
    }
}

#[tokio::test]
async fn an_invocation_reads_and_writes_nothing_that_it_has_seen() {
    let cut = Arc::new(Counted::default());
    let (ports, functions) = (Watched::new(MemoryPorts::new(1), Arc::clone(&cut)), functions());
    create(&ports, &functions, "f", "return 1").await.unwrap();
    invoke(&ports, &functions, "f").await.unwrap();
    let before = cut.0.load(Ordering::SeqCst);
    for _ in 0..50 {
        invoke(&ports, &functions, "f").await.unwrap();
    }
    assert_eq!(cut.0.load(Ordering::SeqCst), before, "no call of a store");
    assert_eq!(functions.runtime().compiled(), 1, "compiled as it was made, and kept");
    assert_eq!(counters(&ports, &functions, "f").await.invocations, 51);
}

#[derive(Debug, Default)]
struct Counted(AtomicUsize);

impl Watcher for Counted {
    fn fate(&self, _: PortCall) -> Fate {
        self.0.fetch_add(1, Ordering::SeqCst);
        Fate::Done
    }
}

#[tokio::test]
async fn a_change_counts_at_once_here_and_soon_elsewhere() {
    let ports = MemoryPorts::new(1);
    let (here, elsewhere) = (functions(), functions());
    create(&ports, &here, "f", "return 1").await.unwrap();
    let result = async |functions: &Scripted| invoke(&ports, functions, "f").await.unwrap().result.unwrap();
    assert_eq!((result(&here).await, result(&elsewhere).await), ("1".into(), "1".into()));
    update_function(&ports, &here, &name("f"), None, code("return 2")).await.unwrap();
    assert_eq!((result(&here).await, result(&elsewhere).await), ("2".into(), "1".into()));
    ports.pass(Duration::from_secs(1));
    assert_eq!(result(&elsewhere).await, "2");
    delete_function(&ports, &here, &name("f"), None).await.unwrap();
    assert!(matches!(invoke(&ports, &here, "f").await, Err(Error::NotFound { .. })));
    ports.pass(Duration::from_secs(1));
    assert!(matches!(invoke(&ports, &elsewhere, "f").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn compiled_code_is_kept_for_ten_minutes() {
    let (ports, functions) = (MemoryPorts::new(1), functions());
    create(&ports, &functions, "f", "return 1").await.unwrap();
    for (minutes, compiled) in [(0, 1), (5, 1), (4, 1), (2, 2), (1, 2)] {
        ports.pass(Duration::from_secs(minutes * 60));
        invoke(&ports, &functions, "f").await.unwrap();
        assert_eq!(functions.runtime().compiled(), compiled, "{minutes}");
    }
}

#[tokio::test]
async fn counts_of_two_processes_add_up() {
    let ports = MemoryPorts::new(1);
    let (one, other) = (functions(), functions());
    create(&ports, &one, "f", "return 1").await.unwrap();
    create(&ports, &one, "g", "throw TypeError no").await.unwrap();
    for functions in [&one, &other, &other] {
        invoke(&ports, functions, "f").await.unwrap();
        invoke(&ports, functions, "g").await.unwrap().result.unwrap_err();
    }
    assert_eq!(counters(&ports, &one, "f").await.invocations, 1, "the other one has stored nothing");
    other.flush(&ports).await.unwrap();
    assert_eq!(counters(&ports, &one, "f").await.invocations, 3);
    one.flush(&ports).await.unwrap();
    one.flush(&ports).await.unwrap();
    for functions in [&one, &other] {
        let counted = counters(&ports, functions, "g").await;
        assert_eq!((counted.invocations, counted.failed), (3, 3));
        assert_eq!(counted.last_error.unwrap().name, "TypeError");
        let totals = functions.totals(&ports).await.unwrap();
        assert_eq!((totals.invocations, totals.failed), (6, 3));
    }
    // What is counted of a function that is gone is not its successor's.
    invoke(&ports, &other, "f").await.unwrap();
    delete_function(&ports, &one, &name("f"), None).await.unwrap();
    ports.pass(Duration::from_secs(1));
    create(&ports, &one, "f", "return 1").await.unwrap();
    other.flush(&ports).await.unwrap();
    assert_eq!(counters(&ports, &one, "f").await, Counters::default());
}

#[tokio::test]
async fn a_process_that_flushes_by_itself_does_so_now_and_then() {
    let ports = MemoryPorts::new(1);
    let settings = Settings { flush_every: Some(Duration::from_secs(10)), ..Settings::default() };
    let functions = Functions::new(ScriptedRuntime::default(), settings);
    create(&ports, &functions, "f", "return 1").await.unwrap();
    let stored = async || {
        let record = RecordStore::get(ports.records(), &keys::function_counters(&name("f").id())).await.unwrap();
        record.map_or(0, |record| record.body["invocations"].as_u64().unwrap())
    };
    for (seconds, expected) in [(0, 1), (1, 1), (1, 1), (9, 4), (20, 5)] {
        ports.pass(Duration::from_secs(seconds));
        invoke(&ports, &functions, "f").await.unwrap();
        assert_eq!(stored().await, expected, "{seconds}");
    }
}

#[tokio::test]
async fn old_versions_go_with_their_code() {
    let (ports, functions) = (MemoryPorts::new(1), functions());
    create(&ports, &functions, "f", "return 0").await.unwrap();
    for number in 1..30 {
        // The first source comes back: its code must stay.
        let text = if number == 25 { "return 0".to_owned() } else { format!("return {number}") };
        update_function(&ports, &functions, &name("f"), None, code(&text)).await.unwrap();
    }
    let read = async |version| get_code(&ports, &name("f"), Some(version)).await.map(|code| code.code);
    assert_eq!(read(30).await.unwrap(), "return 29");
    assert_eq!(read(26).await.unwrap(), "return 0");
    assert_eq!(read(10).await.unwrap(), "return 9");
    assert!(matches!(read(9).await, Err(Error::NotFound { .. })));
    assert_eq!(ports.blobs().list("functions/", None, 100).await.unwrap().items.len(), 21);
    // Another path alone makes a version too, with the same code.
    let moved = FunctionChanges { file_path: Some("lib/f.mts".into()), ..FunctionChanges::default() };
    let moved = update_function(&ports, &functions, &name("f"), None, moved).await.unwrap().value;
    assert_eq!((moved.current.number, moved.current.runtime.name()), (31, "typescript"));
    assert_eq!(read(31).await.unwrap(), "return 29");
    let page = list_functions(&ports, &functions, "local", "local", "shop", &Paging::default()).await.unwrap();
    let names: Vec<String> = page.items.iter().map(|Described { function, .. }| function.value.name.clone()).collect();
    assert_eq!(names, ["f"]);
}

/// Runs a workflow to its end; answers its status with its output or its error.
async fn run(ports: &MemoryPorts, functions: &Scripted, definition: Value, input: Value) -> (ExecutionStatus, Value) {
    let id = ExecutionId::derived(&definition.to_string());
    let start = StartExecution {
        id: id.clone(),
        owner: "local".into(),
        name: id.to_string(),
        definition: definition.to_string().into(),
        input,
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    start_execution(ports, start).await.unwrap();
    for _ in 0..200 {
        for queue in [Queue::Engine, Queue::Functions] {
            let received = ports.queues().receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap();
            for delivery in received {
                workers::handle(ports, functions, queue, &delivery).await.unwrap();
                MessageQueues::delete(ports.queues(), queue, &delivery.receipt).await.unwrap();
            }
        }
        ports.pass(Duration::from_millis(500));
        let view = await_execution(ports, &id, Duration::ZERO).await.unwrap().unwrap();
        if view.execution.status != ExecutionStatus::Running {
            let failure = view.execution.failure.unwrap_or_default();
            let told = json!({ "output": view.output, "error": failure.error, "cause": failure.cause });
            return (view.execution.status, told);
        }
    }
    panic!("the execution has no end");
}

fn task(function: &str, more: Value) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": format!("millrace:function:shop/{function}"), "End": true });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "StartAt": "Call", "States": {
        "Call": state,
        "Caught": { "Type": "Pass", "End": true },
    } })
}

#[tokio::test]
async fn a_function_is_a_task() {
    let (ports, functions) = (MemoryPorts::new(1), functions());
    create(&ports, &functions, "tell", "echo").await.unwrap();
    let (status, told) = run(&ports, &functions, task("tell", json!({})), json!({ "a": 1 })).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "{told}");
    assert_eq!((&told["output"]["event"], &told["output"]["project"]), (&json!({ "a": 1 }), &json!("shop")));
    assert_eq!(counters(&ports, &functions, "tell").await.invocations, 1);
}

#[tokio::test]
async fn its_errors_are_retried_and_caught_by_name() {
    let (ports, functions) = (MemoryPorts::new(1), functions());
    create(&ports, &functions, "fail", "throw OutOfStock no books left").await.unwrap();
    let retry = json!([{ "ErrorEquals": ["OutOfStock"], "MaxAttempts": 2, "IntervalSeconds": 1 }]);
    let (status, told) = run(&ports, &functions, task("fail", json!({ "Retry": retry })), json!({})).await;
    assert_eq!(status, ExecutionStatus::Failed);
    assert_eq!((&told["error"], &told["cause"]), (&json!("OutOfStock"), &json!("no books left")));
    let ran = functions.runtime().ran();
    assert_eq!(ran.len(), 3, "three attempts, each with an id of its own: {ran:?}");
    assert!(ran[0] != ran[1] && ran[1] != ran[2]);
    let catch = json!([{ "ErrorEquals": ["OutOfStock"], "Next": "Caught" }]);
    let (status, told) = run(&ports, &functions, task("fail", json!({ "Catch": catch })), json!({})).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    assert_eq!(told["output"], json!({ "Error": "OutOfStock", "Cause": "no books left" }));
}

#[tokio::test]
async fn what_can_not_be_invoked_is_told() {
    let (ports, functions) = (MemoryPorts::new(1), functions());
    let off = NewFunction { is_active: Some(false), ..source("off", "return 1") };
    create_function(&ports, &functions, "local", "local", "shop", off).await.unwrap();
    let unset = NewFunction { environment: Some(vec!["KEY".into()]), ..source("unset", "return 1") };
    create_function(&ports, &functions, "local", "local", "shop", unset).await.unwrap();
    for (function, error, cause) in [
        ("none", "Function.NotFound", "there is no function \"shop/none\""),
        ("off", "Function.Disabled", "the function shop/off is disabled"),
        ("unset", "Function.NotConfigured", "functions/local/shop/KEY"),
    ] {
        let (status, told) = run(&ports, &functions, task(function, json!({})), json!({})).await;
        assert_eq!((status, &told["error"]), (ExecutionStatus::Failed, &json!(error)));
        assert!(told["cause"].as_str().unwrap().contains(cause), "{told}");
    }
    assert!(functions.runtime().ran().is_empty());
}

#[tokio::test]
async fn a_task_that_comes_twice_has_one_id() {
    let (ports, functions) = (MemoryPorts::new(1), functions());
    create(&ports, &functions, "f", "break").await.unwrap();
    let start = task("f", json!({}));
    let started = StartExecution {
        id: ExecutionId::derived("twice"),
        owner: "local".into(),
        name: "twice".into(),
        definition: start.to_string().into(),
        input: json!({}),
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    start_execution(&ports, started).await.unwrap();
    let received = ports.queues().receive(Queue::Functions, 10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
    for _ in 0..2 {
        let handled = workers::handle(&ports, &functions, Queue::Functions, &received[0]).await;
        assert!(handled.unwrap_err().is_retryable(), "the message comes again where the runtime can't run it");
    }
    let ran = functions.runtime().ran();
    assert_eq!((ran.len(), &ran[0]), (2, &ran[1]));
}
