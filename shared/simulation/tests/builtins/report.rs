use millrace_app::builtins::report::{get_report, list_reports};
use millrace_app::ids::AiTaskId;
use millrace_app::models::{
    AgentRole, Asked, Caller, ChatAnswer, ChatRequest, Finish, ModelCaller, ModelError, ModelRef, Price, Scope,
    TokenUsage, complete,
};
use millrace_app::ports::{BlobStore, Clock};
use millrace_app::projects::{Budget, NewProject, create_project};
use millrace_app::schedules::{self, CatchUp, NewSchedule, Overlap, Target, Timing};
use millrace_app::webhooks::{Receiver, Request, receive};

use super::*;

struct Model;

impl ModelCaller for Model {
    fn model_for(&self, _: AgentRole) -> Option<ModelRef> {
        "openai/m".parse().ok()
    }

    fn can_call(&self, _: &ModelRef) -> bool {
        true
    }

    fn price(&self, _: &ModelRef) -> Option<Price> {
        Some(Price { input: 1_000_000.0, output: 0.0, cached_input: None, long: None })
    }

    async fn call<P: Ports>(&self, _: &P, _: Asked<'_>) -> Result<ChatAnswer, ModelError> {
        let usage = TokenUsage { input: 3, output: 5, cached_input: 0, estimated: false };
        Ok(ChatAnswer { text: "yes".into(), finish: Finish::Stop, usage, model: "m".into() })
    }

    fn check_schema(&self, _: &Value) -> Option<String> {
        None
    }

    fn problems(&self, _: &Value, _: &Value) -> Vec<String> {
        Vec::new()
    }
}

async fn project(ports: &MemoryPorts, owner: &str, name: &str, words: &[&str]) {
    let parameters = json!({ "name": name }).as_object().cloned();
    let new = NewProject { template_id: Some("static-site".into()), parameters, start: false, ..NewProject::default() };
    let id = create_project(ports, owner, new, None).await.unwrap().project.value.id;
    for word in words {
        ask(ports, Scope::Project(id.clone()), word).await;
    }
}

async fn ask(ports: &MemoryPorts, scope: Scope, word: &str) {
    let caller = Caller {
        scope,
        task: "t".into(),
        role: AgentRole::Dev,
        model: None,
        variant: 0,
        budget: Budget::default(),
        time: Duration::from_secs(600),
    };
    complete(ports, &Model, &caller, &ChatRequest::new(word, 10)).await.unwrap();
}

async fn webhook(ports: &MemoryPorts, owner: &str, id: &str) {
    let headers = [("content-type", "application/json"), ("x-webhook-id", id)];
    let request = Request { headers: headers.into_iter().collect(), query: String::new(), body: b"{}".to_vec() };
    receive(ports, &Receiver::new(owner, false), Some("payments"), &request).await.unwrap();
}

fn pass() -> Value {
    json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } })
}

fn fail(error: &str) -> Value {
    json!({ "StartAt": "A", "States": { "A": { "Type": "Fail", "Error": error, "Cause": "hunter2" } } })
}

/// To the next midnight in UTC, and a bit.
fn to_next_day(ports: &MemoryPorts) {
    const DAY: i64 = 24 * 3_600 * 1_000;
    let left = DAY - ports.clock().now().millis().rem_euclid(DAY) + 60_000;
    ports.pass(Duration::from_millis(left.try_into().unwrap()));
}

#[tokio::test]
async fn a_report_tells_what_its_owner_s_day_was_and_nothing_of_others() {
    let (ports, worker) = (MemoryPorts::new(1), Worker { twice: true, ..Worker::default() });
    to_next_day(&ports);
    start(&ports, OWNER, "day before", &fail("Early"), json!({})).await;
    to_next_day(&ports);
    for owner in [OWNER, OTHER] {
        for number in 0..3 {
            start(&ports, owner, &format!("fine {number}"), &pass(), json!({})).await;
        }
    }
    start(&ports, OWNER, "bad 1", &fail("Orders.Refused"), json!({})).await;
    start(&ports, OWNER, "bad 2", &fail("Orders.Refused"), json!({})).await;
    start(&ports, OTHER, "theirs", &fail("Secret.Name"), json!({})).await;
    project(&ports, OWNER, "mine", &["a", "b"]).await;
    project(&ports, OTHER, "theirs", &["a"]).await;
    for (owner, question) in [(OWNER, "c"), (OTHER, "d"), (OTHER, "e")] {
        let id = AiTaskId::derived(question);
        ask(&ports, Scope::Single { id, owner: owner.to_owned() }, question).await;
    }
    // As a queued question does: its execution asks, and is found as all executions are.
    let asks = json!({ "StartAt": "W", "States": {
        "W": { "Type": "Wait", "Seconds": 31_536_000, "Next": "A" },
        "A": { "Type": "Task", "Resource": "millrace:model", "End": true } } });
    let queued = start(&ports, OWNER, "queued", &asks, json!({})).await;
    ask(&ports, Scope::Execution(queued), "f").await;
    webhook(&ports, OWNER, "1").await;
    webhook(&ports, OWNER, "2").await;
    webhook(&ports, OTHER, "3").await;
    to_next_day(&ports);
    let told = output(&ports, &worker, OWNER, Builtin::DailyReport, json!({})).await;
    assert_eq!(told["executions"]["SUCCEEDED"], 3);
    assert_eq!(told["executions"]["FAILED"], 2);
    assert_eq!(told["cost"]["calls"], 4);

    let listed = list_reports(&ports, OWNER, 10, None).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(told["report_id"], listed[0].id.as_str());
    let (report, files) = get_report(&ports, OWNER, &listed[0].id).await.unwrap();
    assert!(files.markdown.starts_with('/') && report.period.title == told["since"].as_str().unwrap()[..10]);
    assert!(get_report(&ports, OTHER, &report.id).await.is_err());
    assert!(list_reports(&ports, OTHER, 10, None).await.unwrap().items.is_empty());

    let blob = async |form: &str| {
        let key = told["artifacts"][form].as_str().unwrap();
        BlobStore::get(&ports, key).await.unwrap().unwrap()
    };
    let json: Value = serde_json::from_slice(&blob("json").await).unwrap();
    let markdown = String::from_utf8(blob("markdown").await).unwrap();
    assert_eq!(json["errors"]["Orders.Refused"]["count"], 2);
    let mine = &json["cost"]["by_project"][1];
    assert_eq!((&mine["project"], &mine["model"], &mine["calls"]), (&json!("mine"), &json!("openai/m"), &json!(2)));
    assert!((json["cost"]["total"]["usd"].as_f64().unwrap() - 12.0).abs() < 1e-9);
    let own = &json["cost"]["by_project"][0];
    assert_eq!((&own["project"], &own["calls"]), (&json!("(no project)"), &json!(2)));
    assert_eq!(json["cost"]["by_model"]["openai/m"]["input_tokens"], 12);
    assert_eq!(json["webhooks"]["payments"]["received"], 2);
    assert_eq!(json["workflows"]["(no workflow)"]["started"], 6);
    let text = format!("{json}{markdown}");
    for hidden in ["Early", "Secret.Name", "theirs", "hunter2"] {
        assert!(!text.contains(hidden), "{hidden}: {markdown}");
    }
    assert!(markdown.contains("| Orders.Refused | 2 |"), "{markdown}");

    // A day without anything has a report, too.
    let empty = output(&ports, &worker, OTHER, Builtin::DailyReport, json!({ "date": "2020-02-29" })).await;
    assert_eq!(empty["executions"], json!({}));
}

#[tokio::test]
async fn many_records_are_told_in_several_steps() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    to_next_day(&ports);
    for number in 0..5_200 {
        start(&ports, OWNER, &number.to_string(), &pass(), json!({})).await;
    }
    to_next_day(&ports);
    let run = run(&ports, &worker, OWNER, Builtin::DailyReport, json!({})).await;
    let told = run.output.unwrap();
    assert_eq!(told["executions"]["SUCCEEDED"], 5_200);
    let history = executions::history(&ports, &run.execution.id).await.unwrap();
    let steps = history.iter().filter(|item| item.details.get("name") == Some(&json!("CollectExecutions"))).count();
    // Each is entered and left.
    assert_eq!(steps, 4);
}

#[tokio::test]
async fn a_schedule_s_time_zone_and_its_missed_turns_count() {
    let (ports, worker, ids) = (MemoryPorts::new(1), Worker::default(), BuiltinIds::default());
    to_next_day(&ports);
    let (workflow, _) = builtins::find(&ports, OWNER, &place(OWNER), "daily-report", &ids).await.unwrap();
    let new = NewSchedule {
        name: "every-night".into(),
        description: None,
        timing: Timing {
            expression: "cron(30 0 * * ? *)".into(),
            time_zone: "Asia/Tokyo".into(),
            start_at: None,
            end_at: None,
        },
        target: Target { workflow_id: workflow.id, workflow_arn: workflow.arn, qualifier: None },
        input: None,
        overlap: Overlap::Skip,
        catch_up: CatchUp::Last,
        paused: false,
    };
    schedules::create_schedule(&ports, OWNER, new).await.unwrap();
    // Nobody is there for three days: the last turn is made up for.
    ports.pass(days(3));
    work(&ports, &worker).await;
    let reports = list_reports(&ports, OWNER, 10, None).await.unwrap().items;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].period.time_zone, "Asia/Tokyo");
    assert!(reports[0].period.since.to_string().ends_with("T15:00:00.000Z"));
    ports.pass(Duration::from_secs(1));
    let since = ports.clock().now().plus_millis(-4 * 24 * 3_600 * 1_000).to_string();
    let told = output(&ports, &worker, OWNER, Builtin::DailyReport, json!({ "since": since })).await;
    let key = told["artifacts"]["json"].as_str().unwrap();
    let json: Value = serde_json::from_slice(&BlobStore::get(&ports, key).await.unwrap().unwrap()).unwrap();
    let turns = &json["schedules"]["every-night"];
    assert_eq!((&turns["started"], &turns["missed"]), (&json!(1), &json!(2)), "{turns}");
}
