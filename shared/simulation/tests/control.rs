//! Redrive, fork, pause and resume, whatever goes wrong.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

mod rough;

use millrace_app::Error;
use millrace_app::executions::{
    ExecutionStatus, ForkExecution, HistoryItem, RedriveError, RedriveExecution, describe_execution, fork_execution,
    history, pause_execution, redrive_execution, resume_execution,
};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{Clock, Ports};
use millrace_simulation::world::Trouble;
use rough::{id, run, start};
use serde_json::{Value, json};

type Rough = rough::Rough;

fn task(next: Option<&str>) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": "millrace:agent:dev", "ResultPath": "$.result" });
    match next {
        Some(next) => state["Next"] = json!(next),
        None => state["End"] = json!(true),
    }
    state
}

fn map(limit: u32) -> Value {
    json!({ "StartAt": "M", "States": {
        "M": { "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": limit, "ResultPath": "$.done", "Next": "Last",
            "ItemProcessor": { "StartAt": "I", "States": { "I": task(Some("W")),
                "W": { "Type": "Wait", "Seconds": 2, "Next": "J" }, "J": task(None) } } },
        "Last": task(None),
    } })
}

fn pages() -> Value {
    let mut pages = map(2);
    pages["States"]["M"]["ItemProcessor"]["ProcessorConfig"] =
        json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    pages
}

fn cases() -> Vec<(&'static str, Value, Value)> {
    let chain = json!({ "StartAt": "A", "States": {
        "A": task(Some("W")), "W": { "Type": "Wait", "Seconds": 30, "Next": "B" }, "B": task(Some("C")), "C": task(None),
    } });
    let items = json!({ "items": [{ "n": 1 }, { "n": 2 }, { "n": 3 }, { "n": 4 }] });
    vec![
        ("chain", chain, json!({ "x": 1 })),
        ("map", map(0), items.clone()),
        ("map in turn", map(2), items.clone()),
        ("distributed map", pages(), items),
    ]
}

fn essence(history: &[HistoryItem]) -> Vec<String> {
    let mut lines: Vec<String> = history
        .iter()
        .filter(|item| !item.kind.name().starts_with("MapRun"))
        .map(|item| format!("{} {}", item.kind.name(), Value::Object(item.details.clone())))
        .collect();
    lines.sort();
    lines
}

async fn calm(definition: &Value, input: &Value) -> Vec<HistoryItem> {
    let mut world = Rough::new(0, Trouble::default());
    let id = start(&world.ports, definition, input).await;
    world.end(&id).await;
    history(&world.memory, &id).await.unwrap()
}

fn seeds() -> u64 {
    std::env::var("MILLRACE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

/// Tries until the call is told that it is done. False when the execution had ended before.
async fn insist<P: Ports>(ports: &P, id: &ExecutionId, pause: bool) -> bool {
    for _ in 0..100 {
        let asked = if pause { pause_execution(ports, id).await } else { resume_execution(ports, id).await };
        match asked {
            Ok(_) => return true,
            Err(Error::WrongState(_)) => return false,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    unreachable!("a hundred failures one after another")
}

#[tokio::test]
async fn pausing_holds_everything_and_changes_nothing() {
    for (name, definition, input) in cases() {
        let expected = essence(&calm(&definition, &input).await);
        let mut held = 0;
        for seed in 0..seeds() {
            let trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
            let mut world = Rough::new(seed, trouble);
            let at = format!("case '{name}', seed {seed}");
            let id = start(&world.ports, &definition, &input).await;
            for _ in 0..=world.draw() % 3 {
                for _ in 0..world.draw() % 25 {
                    world.turn().await;
                }
                if !insist(&world.ports, &id, true).await {
                    break;
                }
                // Everything that is out ends, and the pause has reached everybody, lost messages included.
                let settled = world.memory.now().plus_millis(4 * 3600 * 1000);
                while world.memory.now() < settled {
                    world.turn().await;
                }
                let view = describe_execution(&world.memory, &id).await.unwrap().unwrap();
                let before = history(&world.memory, &id).await.unwrap();
                let later = world.memory.now().plus_millis(6 * 3600 * 1000);
                while world.memory.now() < later {
                    world.turn().await;
                }
                assert_eq!(history(&world.memory, &id).await.unwrap().len(), before.len(), "nothing moves: {at}");
                if view.execution.status == ExecutionStatus::Running {
                    assert!(view.paused, "{at}");
                    held += 1;
                    insist(&world.ports, &id, false).await;
                    assert!(!describe_execution(&world.memory, &id).await.unwrap().unwrap().paused, "{at}");
                }
            }
            assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded, "no_accepted_execution_is_lost: {at}");
            assert_eq!(essence(&history(&world.memory, &id).await.unwrap()), expected, "{at}");
        }
        assert!(held > 0, "{name}: it was never caught running");
    }
}

#[tokio::test]
async fn a_redrive_goes_on_in_the_failed_state() {
    let definition = json!({ "StartAt": "A", "States": { "A": task(Some("B")), "B": task(None) } });
    for seed in 0..seeds() {
        let trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
        let mut world = Rough::new(seed, trouble);
        let at = format!("seed {seed}");
        let id = start(&world.ports, &definition, &json!({ "fail": "Test.Broken" })).await;
        assert_eq!(world.end(&id).await, ExecutionStatus::Failed, "{at}");
        let redrive = RedriveExecution {
            input: Some(json!({ "x": 2 })),
            definition: None,
            input_schema: None,
            token: Some("t".to_owned()),
        };
        while let Err(refused) = redrive_execution(&world.ports, &id, redrive.clone()).await {
            let RedriveError::App(error) = refused else { unreachable!("{at}: {refused:?}") };
            assert!(error.is_retryable(), "{at}: {error:?}");
        }
        assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded, "{at}");
        let record = world.record(&id).await;
        assert_eq!(record.workflow.as_ref().map(|run| run.redrives), Some(1), "{at}");
        assert_eq!(record.failure, None, "{at}");
        let items = history(&world.memory, &id).await.unwrap();
        assert_eq!(items.iter().filter(|item| item.kind.name() == "ExecutionRedriven").count(), 1, "{at}");
    }
}

fn fork(source: &ExecutionId, sequence: u64, name: &str, input: Option<Value>) -> ForkExecution {
    ForkExecution {
        source: source.clone(),
        sequence,
        id: id(name),
        name: name.to_owned(),
        definition: None,
        input,
        input_schema: None,
        workflow: Some(run(name)),
    }
}

#[tokio::test]
async fn a_fork_of_any_entry_ends_as_its_source() {
    for (name, definition, input) in cases() {
        for seed in 0..seeds().min(20) {
            let trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
            let mut world = Rough::new(seed, trouble);
            let source = start(&world.ports, &definition, &input).await;
            assert_eq!(world.end(&source).await, ExecutionStatus::Succeeded);
            let output = describe_execution(&world.memory, &source).await.unwrap().unwrap().output;
            let last = world.log(&source).await.last().unwrap().seq;
            for sequence in 0..last {
                let at = format!("case '{name}', seed {seed}, entry {sequence}");
                let fork_name = format!("fork-{sequence}");
                while let Err(error) = fork_execution(&world.ports, fork(&source, sequence, &fork_name, None)).await {
                    assert!(error.is_retryable(), "{at}: {error:?}");
                }
                let forked = id(&fork_name);
                assert_eq!(world.end(&forked).await, ExecutionStatus::Succeeded, "{at}");
                let view = describe_execution(&world.memory, &forked).await.unwrap().unwrap();
                assert_eq!(view.output, output, "{at}");
                assert_eq!(view.input, input, "{at}");
                let items = history(&world.memory, &forked).await.unwrap();
                for (place, item) in items.iter().enumerate() {
                    assert_eq!(item.id, place as u64 + 1, "{at}");
                    assert!(item.previous_event_id < item.id, "{at}: {item:?}");
                }
            }
            for wrong in [last, last + 1] {
                let Err(Error::Invalid(problems)) =
                    fork_execution(&world.memory, fork(&source, wrong, "wrong", None)).await
                else {
                    unreachable!("there is nothing to go on from")
                };
                assert_eq!(problems[0].field, "/sequence");
            }
        }
    }
}

#[tokio::test]
async fn a_fork_may_have_another_input() {
    let mut world = Rough::new(0, Trouble::default());
    let (_, definition, input) = cases().swap_remove(0);
    let source = start(&world.ports, &definition, &input).await;
    world.end(&source).await;
    fork_execution(&world.ports, fork(&source, 2, "changed", Some(json!({ "y": 5 })))).await.unwrap();
    let changed = id("changed");
    assert_eq!(world.end(&changed).await, ExecutionStatus::Succeeded);
    let output = describe_execution(&world.memory, &changed).await.unwrap().unwrap().output.unwrap();
    assert_eq!(output["y"], json!(5));
    assert_eq!(output.get("x"), None);
}
