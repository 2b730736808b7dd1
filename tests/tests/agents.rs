//! The PM and Dev agents with a scripted model over ports in memory: words become a package, whatever the model does wrong.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millrace_agents::AllAgents;
use millrace_agents::report::{TestOutcome, TestResult};
use millrace_agents::testing::{TestProject, TestRunner};
use millrace_app::models::{
    AgentRole, Asked, ChatAnswer, ChatRequest, Finish, ModelCaller, ModelError, ModelRef, Price, TokenUsage,
};
use millrace_app::ports::{Clock, MessageQueues, Ports, Queue};
use millrace_app::projects::{
    self, Budget, Decision, Event, ModifyProject, NewProject, Paging, Project, ProjectChanges, ProjectStatus,
    approve_project, create_project, get_file, get_project, list_deployments, list_events, modify_project,
    resume_project, update_project,
};
use millrace_app::workers::{Executor, handle};
use millrace_simulation::MemoryPorts;
use serde_json::{Value, json};

const OWNER: &str = "owner";

/// What a model answers to a request; the number counts the calls.
type Oddity = fn(&ChatRequest, usize) -> Result<ChatAnswer, ModelError>;

/// The same, with what it keeps in mind.
type Script = dyn Fn(&ChatRequest, usize) -> Result<ChatAnswer, ModelError> + Send + Sync;

struct Scripted {
    script: Box<Script>,
    calls: AtomicUsize,
    asked: Mutex<Vec<ChatRequest>>,
}

impl Scripted {
    fn new(
        script: impl Fn(&ChatRequest, usize) -> Result<ChatAnswer, ModelError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), calls: AtomicUsize::new(0), asked: Mutex::new(Vec::new()) })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn asked(&self) -> Vec<ChatRequest> {
        self.asked.lock().unwrap().clone()
    }
}

fn says(text: impl Into<String>) -> Result<ChatAnswer, ModelError> {
    let usage = TokenUsage { input: 1_000, output: 500, cached_input: 0, estimated: false };
    Ok(ChatAnswer { text: text.into(), finish: Finish::Stop, usage, model: "m".into() })
}

impl ModelCaller for Scripted {
    fn model_for(&self, _: AgentRole) -> Option<ModelRef> {
        "openai/m".parse().ok()
    }

    fn can_call(&self, _: &ModelRef) -> bool {
        true
    }

    fn price(&self, _: &ModelRef) -> Option<Price> {
        Some(Price { input: 1.0, output: 2.0, cached_input: None, long: None })
    }

    async fn call<P: Ports>(&self, ports: &P, asked: Asked<'_>) -> Result<ChatAnswer, ModelError> {
        for _ in 0..3 {
            ports.clock().sleep(Duration::from_millis(1)).await;
        }
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        self.asked.lock().unwrap().push(asked.request.clone());
        (self.script)(asked.request, number)
    }

    fn check_schema(&self, _: &Value) -> Option<String> {
        None
    }

    fn problems(&self, _: &Value, _: &Value) -> Vec<String> {
        Vec::new()
    }
}

/// Works until no message is ready, in virtual time.
async fn work(ports: &MemoryPorts, models: &Arc<Scripted>) {
    work_with(ports, &AllAgents::new(Arc::clone(models))).await;
}

async fn work_with(ports: &MemoryPorts, agents: &impl Executor) {
    let end = ports.now().plus_millis(24 * 3600 * 1000);
    while ports.now() < end {
        let mut deliveries = Vec::new();
        for queue in Queue::ALL {
            for delivery in ports.receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                deliveries.push((queue, delivery));
            }
        }
        ports.pass(Duration::from_millis(3));
        // Tasks of one wave at the same time, as several workers do them.
        let idle = deliveries.is_empty();
        futures_util::future::join_all(deliveries.iter().map(|(queue, delivery)| async move {
            if handle(ports, agents, *queue, delivery).await.is_ok() {
                MessageQueues::delete(ports, *queue, &delivery.receipt).await.unwrap();
            }
        }))
        .await;
        if idle {
            let Some(next) = ports.next_visible().filter(|next| *next < end) else { return };
            let gap = u64::try_from(next.millis() - ports.now().millis()).unwrap_or_default();
            if gap > 12 * 3600 * 1000 {
                return;
            }
            ports.pass(Duration::from_millis(gap.max(1)));
        }
    }
}

fn words(text: &str) -> NewProject {
    NewProject { requirements: Some(text.to_owned()), with_model: true, ..NewProject::default() }
}

async fn deliver(ports: &MemoryPorts, models: &Arc<Scripted>, new: NewProject) -> Project {
    let created = create_project(ports, OWNER, new, None).await.unwrap();
    work(ports, models).await;
    get_project(ports, OWNER, &created.project.value.id).await.unwrap().value
}

async fn text(ports: &MemoryPorts, project: &Project, path: &str) -> String {
    let file = get_file(ports, OWNER, &project.id, path).await.unwrap();
    String::from_utf8(file.bytes).unwrap()
}

async fn events(ports: &MemoryPorts, project: &Project, kind: &str) -> Vec<Event> {
    let all = list_events(ports, OWNER, &project.id, None, &Paging::default()).await.unwrap().items;
    all.into_iter().filter(|event| event.kind == kind).collect()
}

fn task(id: &str, files: &[&str], depends_on: &[&str]) -> Value {
    json!({
        "id": id, "title": format!("Make {id}"), "description": format!("Writes {}.", files.join(" and ")),
        "depends_on": depends_on, "acceptance": ["it is there"], "files": files,
    })
}

fn plan(tasks: &[Value]) -> String {
    let files: Vec<Value> = tasks
        .iter()
        .flat_map(|task| task["files"].as_array().unwrap())
        .map(|path| json!({ "path": path, "purpose": "code", "change": "write" }))
        .collect();
    json!({
        "name": "adder", "description": "Adds.", "project_type": "cli", "languages": ["python"], "tools": ["python3"],
        "files": files, "tasks": tasks,
        "commands": { "test": ["python3 -m unittest"], "build": [], "run": [], "deploy": [] },
    })
    .to_string()
}

fn is_plan(request: &ChatRequest) -> bool {
    request.schema.is_some()
}

/// The whole conversation.
fn said(request: &ChatRequest) -> String {
    request.messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>().join("\n")
}

const ADD: &str = "### file adder.py\n```python\ndef add(a, b):\n    return a + b\n```\n### file README.md\n```markdown\n# Adder\n\nAdds.\n```\n";
const TEST: &str = "### file test_adder.py\n```python\nimport unittest\n\nfrom adder import add\n\n\nclass AddTest(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n```\n";

fn two_tasks() -> String {
    plan(&[task("code", &["adder.py", "README.md"], &[]), task("tests", &["test_adder.py"], &["code"])])
}

fn right(request: &ChatRequest) -> Result<ChatAnswer, ModelError> {
    if is_plan(request) {
        says(two_tasks())
    } else if said(request).contains("# Your task: Make code") {
        says(ADD)
    } else {
        says(TEST)
    }
}

#[tokio::test]
async fn words_become_a_package() {
    let ports = MemoryPorts::new(1);
    let models = Scripted::new(|request, _| right(request));
    let project = deliver(&ports, &models, words("Add two numbers.")).await;
    assert_eq!(project.status, ProjectStatus::Completed, "{:?}", project.failure);
    assert_eq!((project.name.as_str(), models.calls()), ("Add two numbers.", 3));
    assert!(text(&ports, &project, "adder.py").await.contains("return a + b"));
    assert_eq!(list_deployments(&ports, OWNER, &project.id, &Paging::default()).await.unwrap().items.len(), 1);
    // The second task saw what the first had made.
    assert!(said(&models.asked()[2]).contains("def add(a, b)"), "{}", said(&models.asked()[2]));
    let (_, usage) = projects::get_cost(&ports, OWNER, &project.id).await.unwrap();
    assert_eq!((usage.calls, usage.input_tokens), (3, 3_000));
}

#[tokio::test]
async fn a_wrong_plan_is_repaired_once_and_then_refused() {
    for (repairs, status) in [(true, ProjectStatus::Completed), (false, ProjectStatus::Failed)] {
        let ports = MemoryPorts::new(2);
        let models = Scripted::new(move |request, _| {
            let repaired = repairs && said(request).contains("the dependencies go round: code needs tests needs code");
            if is_plan(request) && !repaired {
                return says(plan(&[
                    task("code", &["adder.py"], &["tests"]),
                    task("tests", &["test_adder.py"], &["code"]),
                ]));
            }
            right(request)
        });
        let project = deliver(&ports, &models, words("Add.")).await;
        assert_eq!(project.status, status, "{:?}", project.failure);
        if let Some(failure) = project.failure.clone() {
            assert_eq!((failure.error.as_str(), models.calls()), ("Millrace.InvalidPlan", 2));
            assert!(failure.cause.contains("go round") && failure.what_to_do.contains("resume"), "{failure:?}");
            // Resuming asks anew: the answers that led nowhere are not used again.
            resume_project(&ports, OWNER, &project.id).await.unwrap();
            work(&ports, &models).await;
            assert_eq!(models.calls(), 4);
        }
    }
}

#[tokio::test]
async fn edits_that_fail_are_answered_and_those_that_never_fit_end_with_a_cause() {
    let wrong = "### edit adder.py\n<<<<<<< SEARCH\ndef add(x):\n=======\ndef add(a, b):\n>>>>>>> REPLACE\n";
    for (learns, status) in [(true, ProjectStatus::Completed), (false, ProjectStatus::Failed)] {
        let ports = MemoryPorts::new(3);
        let models = Scripted::new(move |request, _| {
            let told = said(request).contains("there is no such file");
            if is_plan(request) || said(request).contains("Make tests") || learns && told {
                right(request)
            } else {
                says(wrong)
            }
        });
        let project = deliver(&ports, &models, words("Add.")).await;
        assert_eq!(project.status, status, "{:?}", project.failure);
        if let Some(failure) = project.failure {
            assert_eq!(failure.error, "Millrace.Stuck");
            assert!(failure.cause.contains("The task 'code'"), "{}", failure.cause);
            // The plan, the edit twice, and once more after beginning anew.
            assert_eq!(models.calls(), 4);
        }
    }
}

#[tokio::test]
async fn what_qa_finds_goes_back_with_file_and_line() {
    let ports = MemoryPorts::new(4);
    let models = Scripted::new(|request, _| {
        let said = said(request);
        if said.contains("the check found") {
            assert!(said.contains("adder.py, line 2"), "{said}");
            return says(
                "### edit adder.py\n<<<<<<< SEARCH\n    return a +\n=======\n    return a + b\n>>>>>>> REPLACE\n",
            );
        }
        if said.contains("# Your task: Make code") { says(ADD.replace("a + b", "a +")) } else { right(request) }
    });
    let project = deliver(&ports, &models, words("Add.")).await;
    assert_eq!((project.status, project.round), (ProjectStatus::Completed, 2), "{:?}", project.failure);
    assert!(text(&ports, &project, "adder.py").await.contains("return a + b"));
    assert_eq!(models.calls(), 4);
}

#[tokio::test]
async fn code_that_stays_broken_ends_at_the_quality_gate_after_a_recovery() {
    let ports = MemoryPorts::new(5);
    let models = Scripted::new(|request, number| {
        let said = said(request);
        if said.contains("# Your task: Make code") {
            // Something else each time, and never right.
            return says(ADD.replace("a + b", &format!("a + # {number}")).replace("Adds.", &format!("Adds {number}.")));
        }
        right(request)
    });
    let project = deliver(&ports, &models, words("Add.")).await;
    assert_eq!(project.status, ProjectStatus::Failed);
    let failure = project.failure.clone().expect("why");
    assert_eq!(failure.error, "Millrace.QualityGate", "{failure:?}");
    let last = said(models.asked().last().expect("a call"));
    assert!(last.contains("use no SEARCH/REPLACE blocks"), "the last round asks for whole files: {last}");
}

/// Says of a test what the code comes to.
struct AddsRight;

impl TestRunner for AddsRight {
    async fn run(&self, project: TestProject) -> Vec<TestResult> {
        let is_right =
            project.files.iter().any(|file| String::from_utf8_lossy(&file.contents).contains("return a + b"));
        let outcome = if is_right { TestOutcome::Passed } else { TestOutcome::Failed };
        let (path, places) = ("test_adder.py", vec!["test_adder.py:8".to_owned()]);
        let failed = TestResult {
            name: "AddTest.test_add".into(),
            line: 8,
            places,
            outcome,
            ..TestResult::not_run(path, "-1 != 3")
        };
        vec![failed, TestResult::not_run("other_test.go", "Go is not installed")]
    }
}

async fn deliver_tested(ports: &MemoryPorts, models: &Arc<Scripted>) -> Project {
    let created = create_project(ports, OWNER, words("Add."), None).await.unwrap();
    work_with(ports, &AllAgents::new(Arc::clone(models)).with_tests(Arc::new(AddsRight))).await;
    get_project(ports, OWNER, &created.project.value.id).await.unwrap().value
}

#[tokio::test]
async fn code_that_parses_and_is_wrong_is_corrected_by_its_failing_test() {
    let ports = MemoryPorts::new(4);
    let models = Scripted::new(|request, _| {
        let said = said(request);
        if said.contains("the check found") {
            assert!(said.contains("# Your task: Make code"), "it goes to who wrote the code: {said}");
            assert!(said.contains("test_adder.py, line 8: the test 'AddTest.test_add' fails: -1 != 3"), "{said}");
            assert!(said.contains("repair the code that it tests"), "{said}");
            return says(
                "### edit adder.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n",
            );
        }
        if said.contains("# Your task: Make code") { says(ADD.replace("a + b", "a - b")) } else { right(request) }
    });
    let project = deliver_tested(&ports, &models).await;
    assert_eq!((project.status, project.round), (ProjectStatus::Completed, 2), "{:?}", project.failure);
    assert_eq!(models.calls(), 4, "one task was done again");
    let mut rounds: Vec<Value> =
        events(&ports, &project, "test.finished").await.into_iter().map(|it| it.data).collect();
    rounds.sort_by_key(|data| data["round"].as_u64());
    assert_eq!(rounds[0]["tests"], json!({ "passed": 0, "failed": 1, "skipped": 0, "not_run": 1 }));
    assert_eq!(rounds[0]["failing"], json!(["test 'AddTest.test_add' (test_adder.py:8): -1 != 3"]));
    assert_eq!((&rounds[1]["tests"]["passed"], &rounds[1]["blocking"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn tests_that_fail_to_the_end_are_named_by_the_failure() {
    let ports = MemoryPorts::new(5);
    let models = Scripted::new(|request, number| {
        let said = said(request);
        if said.contains("# Your task: Make code") {
            return says(ADD.replace("a + b", &format!("a - b - {number}")));
        }
        if said.contains("the check found") {
            says(TEST.replace("3)", &format!("3)  # {number}")))
        } else {
            right(request)
        }
    });
    let project = deliver_tested(&ports, &models).await;
    assert_eq!((project.status, project.round), (ProjectStatus::Failed, 3));
    let failure = project.failure.clone().expect("why");
    assert_eq!(failure.error, "Millrace.QualityGate", "{failure:?}");
    assert!(failure.cause.contains("test 'AddTest.test_add' (test_adder.py:8): -1 != 3"), "{failure:?}");
    // In the third round the author of the test is asked, too.
    let last =
        models.asked().iter().filter(|asked| said(asked).contains("the check found")).map(said).collect::<Vec<_>>();
    assert!(last.iter().any(|said| said.contains("# Your task: Make tests")), "{last:?}");
}

/// A file that both tasks of a wave change.
const SHARED: &str = "first = 1\n\nmiddle = 0\n\nlast = 2\n";

#[tokio::test]
async fn tasks_of_a_wave_change_the_same_file_without_losing_anything() {
    for (second, reruns) in [("last", 0), ("first", 1)] {
        let ports = MemoryPorts::new(6);
        let edit = |name: &str, from: &str, to: &str| {
            format!("### edit shared.py\n<<<<<<< SEARCH\n{name} = {from}\n=======\n{name} = {to}\n>>>>>>> REPLACE\n")
        };
        let models = Scripted::new(move |request, _| {
            let said = said(request);
            if is_plan(request) {
                let base = task("base", &["shared.py", "README.md"], &[]);
                return says(plan(&[base, task("one", &["one.py"], &["base"]), task("two", &["two.py"], &["base"])]));
            }
            if said.contains("Make base") {
                return says(format!("### file shared.py\n```\n{SHARED}```\n### file README.md\n```\n# X\n```\n"));
            }
            // Each reads the file and changes a line of it; the later one of two in the same line sees what is there.
            let (name, from) = if said.contains("Make one") {
                ("first", "1")
            } else {
                (second, if second == "last" { "2" } else { "1" })
            };
            let own = if said.contains("Make one") { "one" } else { "two" };
            let now = ["1", "10", "15"].into_iter().find(|value| said.contains(&format!("{name} = {value}\n")));
            let now = now.unwrap_or(from);
            let to = if own == "one" { format!("{now}0") } else { format!("{now}5") };
            says(format!("{}### file {own}.py\n```\nx = 1\n```\n", edit(name, now, &to)))
        });
        let project = deliver(&ports, &models, words("Share shared.py.")).await;
        assert_eq!(project.status, ProjectStatus::Completed, "{:?}", project.failure);
        // Whoever comes second in the same line sees what the first one made.
        let expected: &[&str] = if reruns == 0 {
            &["first = 10\n\nmiddle = 0\n\nlast = 25\n"]
        } else {
            &["first = 105\n\nmiddle = 0\n\nlast = 2\n", "first = 150\n\nmiddle = 0\n\nlast = 2\n"]
        };
        let shared = text(&ports, &project, "shared.py").await;
        assert!(expected.contains(&shared.as_str()), "{shared}");
        let done = events(&ports, &project, "task.finished").await;
        let again: u64 = done.iter().filter_map(|event| event.data["reruns"].as_u64()).sum();
        assert_eq!(again, reruns);
    }
}

#[tokio::test]
async fn a_budget_pauses_and_more_of_it_resumes_without_paying_twice() {
    let ports = MemoryPorts::new(7);
    let models = Scripted::new(|request, _| right(request));
    let budget = Budget { calls: Some(2), ..Budget::default() };
    let project = deliver(&ports, &models, NewProject { budget, ..words("Add.") }).await;
    assert_eq!((project.status, models.calls()), (ProjectStatus::Paused, 2), "{:?}", project.failure);
    let more = Some(Budget { calls: Some(3), ..Budget::default() });
    update_project(&ports, OWNER, &project.id, None, ProjectChanges { budget: more, ..ProjectChanges::default() })
        .await
        .unwrap();
    resume_project(&ports, OWNER, &project.id).await.unwrap();
    work(&ports, &models).await;
    let project = get_project(&ports, OWNER, &project.id).await.unwrap().value;
    assert_eq!((project.status, models.calls()), (ProjectStatus::Completed, 3), "{:?}", project.failure);
}

#[tokio::test]
async fn a_request_in_words_changes_what_is_there() {
    let ports = MemoryPorts::new(8);
    let models = Scripted::new(|request, _| {
        let said = said(request);
        if !said.contains("subtract") {
            return right(request);
        }
        if is_plan(request) {
            assert!(said.contains("adder.py") && said.contains("The change that is asked for"), "{said}");
            let mut change: Value =
                serde_json::from_str(&plan(&[task("sub", &["adder.py", "test_adder.py"], &[])])).unwrap();
            change["files"][1]["change"] = json!("delete");
            return says(change.to_string());
        }
        assert!(said.contains("return a + b"), "the file that is changed is shown: {said}");
        says(
            "### edit adder.py\n<<<<<<< SEARCH\n    return a + b\n=======\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n>>>>>>> REPLACE\n",
        )
    });
    let project = deliver(&ports, &models, words("Add.")).await;
    let change = ModifyProject { request: Some("Also subtract.".into()), ..ModifyProject::default() };
    let refused = modify_project(&ports, OWNER, &project.id, change.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "not-configured");
    modify_project(&ports, OWNER, &project.id, ModifyProject { with_model: true, ..change }).await.unwrap();
    work(&ports, &models).await;
    let project = get_project(&ports, OWNER, &project.id).await.unwrap().value;
    assert_eq!((project.status, project.run), (ProjectStatus::Completed, 2), "{:?}", project.failure);
    assert!(text(&ports, &project, "adder.py").await.contains("def sub(a, b)"));
    assert!(text(&ports, &project, "README.md").await.contains("Adder"), "what the change doesn't touch stays");
    assert!(get_file(&ports, OWNER, &project.id, "test_adder.py").await.is_err(), "what the plan removes is gone");
}

#[tokio::test]
async fn a_plan_waits_for_its_owner_who_edits_it() {
    let ports = MemoryPorts::new(9);
    let models = Scripted::new(|request, _| right(request));
    let project = deliver(&ports, &models, NewProject { approve_plan: true, ..words("Add.") }).await;
    assert_eq!((project.status, models.calls()), (ProjectStatus::AwaitingApproval, 1), "{:?}", project.failure);
    let mut edited: Value = serde_json::from_str(&plan(&[task("code", &["adder.py", "../x"], &[])])).unwrap();
    let refused =
        approve_project(&ports, OWNER, &project.id, Decision::Edit { plan: edited.clone() }).await.unwrap_err();
    let millrace_app::Error::Invalid(problems) = refused else { panic!("{refused:?}") };
    assert!(problems.iter().any(|at| at.field == "/plan/files/1/path"), "{problems:?}");
    edited["files"][1]["path"] = json!("README.md");
    edited["tasks"][0]["files"][1] = json!("README.md");
    approve_project(&ports, OWNER, &project.id, Decision::Edit { plan: edited }).await.unwrap();
    work(&ports, &models).await;
    let project = get_project(&ports, OWNER, &project.id).await.unwrap().value;
    assert_eq!((project.status, models.calls()), (ProjectStatus::Completed, 2), "{:?}", project.failure);
    assert!(get_file(&ports, OWNER, &project.id, "test_adder.py").await.is_err(), "the edited plan has no tests");
    let late = approve_project(&ports, OWNER, &project.id, Decision::Approve).await.unwrap_err();
    assert_eq!(late.code(), "wrong-state");
}

#[tokio::test]
async fn a_rejected_plan_is_made_anew_with_the_reason() {
    let ports = MemoryPorts::new(10);
    let models = Scripted::new(|request, _| right(request));
    let project = deliver(&ports, &models, NewProject { approve_plan: true, ..words("Add.") }).await;
    let reject = Decision::Reject { reason: "Say what happens with texts.".into() };
    approve_project(&ports, OWNER, &project.id, reject).await.unwrap();
    work(&ports, &models).await;
    let project = get_project(&ports, OWNER, &project.id).await.unwrap().value;
    let failure = project.failure.clone().expect("why");
    assert_eq!((project.status, failure.error.as_str()), (ProjectStatus::Failed, projects::PLAN_REJECTED));
    assert!(failure.cause.contains("Say what happens with texts."), "{failure:?}");
    resume_project(&ports, OWNER, &project.id).await.unwrap();
    work(&ports, &models).await;
    assert!(said(models.asked().last().expect("a call")).contains("who said: Say what happens with texts."));
    approve_project(&ports, OWNER, &project.id, Decision::Approve).await.unwrap();
    work(&ports, &models).await;
    let project = get_project(&ports, OWNER, &project.id).await.unwrap().value;
    assert_eq!((project.status, models.calls()), (ProjectStatus::Completed, 4), "{:?}", project.failure);
}

#[tokio::test]
async fn whatever_a_model_does_every_project_ends() {
    let oddities: [Oddity; 6] = [
        |_, _| says(""),
        |_, _| Err(ModelError::Unauthorized("no".into())),
        |_, _| Err(ModelError::RateLimited { retry_after: Some(Duration::from_secs(1)), message: "slow".into() }),
        |request, _| {
            let mut answer = right(request)?;
            answer.finish = Finish::Length;
            answer.text = answer.text.chars().take(60).collect();
            Ok(answer)
        },
        |request, number| {
            if is_plan(request) { right(request) } else { says(format!("{number}: I would rather not.")) }
        },
        |request, number| {
            if is_plan(request) { right(request) } else { says(format!("### file ../../{number}\n```\nx\n```\n")) }
        },
    ];
    for (number, script) in oddities.into_iter().enumerate() {
        let ports = MemoryPorts::new(20);
        let models = Scripted::new(script);
        let project = deliver(&ports, &models, words("Add.")).await;
        assert_eq!(project.status, ProjectStatus::Failed, "{number}");
        let failure = project.failure.unwrap_or_else(|| panic!("{number}: no cause"));
        assert!(!failure.cause.is_empty() && !failure.what_to_do.is_empty(), "{number}: {failure:?}");
        assert!(models.calls() < 60, "{number}: {} calls", models.calls());
    }
}

#[tokio::test]
async fn an_imported_project_is_changed_as_words_ask() {
    let ports = MemoryPorts::new(31);
    let entry = |path: &str, text: &str| millrace_agents::package::Entry {
        path: path.to_owned(),
        contents: text.as_bytes().to_vec(),
        executable: false,
    };
    let entries = vec![entry("adder.py", "def add(a, b):\n    return a + b\n"), entry("notes.txt", "kept\n")];
    let packaged = millrace_agents::package::build(
        entries,
        millrace_agents::package::Project::default(),
        serde_json::Map::new(),
        &millrace_agents::package::PackageLimits::default(),
    );
    let archive = projects::NewArchive::new(packaged.unwrap().bytes);
    let models = Scripted::new(|request, _| {
        let is_plan = request.schema.is_some();
        let asked = said(request);
        assert!(asked.contains("add"), "the model is shown what was imported: {asked}");
        if is_plan {
            let plan = json!({
                "name": "adder", "description": "Adds.", "project_type": "cli", "languages": ["python"], "tools": [],
                "files": [{ "path": "adder.py", "purpose": "subtracts too", "change": "write" }],
                "tasks": [{ "id": "code", "title": "Subtract", "description": "sub(a, b)", "depends_on": [],
                            "acceptance": ["it subtracts"], "files": ["adder.py"] }],
                "commands": { "test": [], "build": [], "run": [], "deploy": [] },
            });
            return says(plan.to_string());
        }
        says(
            "### edit adder.py\n```python\n<<<<<<< SEARCH\n    return a + b\n=======\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n>>>>>>> REPLACE\n```\n",
        )
    });
    let new = NewProject { archive: Some(archive), ..words("Subtract too.") };
    let project = deliver(&ports, &models, new).await;
    assert_eq!(project.status, ProjectStatus::Completed, "{:?}", project.failure);
    let changed = get_file(&ports, OWNER, &project.id, "adder.py").await.unwrap();
    assert!(String::from_utf8_lossy(&changed.bytes).contains("def sub"));
    assert_eq!(get_file(&ports, OWNER, &project.id, "notes.txt").await.unwrap().bytes, b"kept\n");

    let change = ModifyProject {
        request: Some("Call it add and sub.".to_owned()),
        with_model: true,
        ..ModifyProject::default()
    };
    assert!(modify_project(&ports, OWNER, &project.id, change).await.is_ok());
}
