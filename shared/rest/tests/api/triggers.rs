use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn a_trigger_starts_one_execution() {
    let server = Server::new();
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Wait", "Seconds": 60, "End": true } } });
    let made = server.post("/api/workflows", &json!({ "name": "greet", "definition": definition })).await.ok(201);
    for id in ["greet", made["arn"].as_str().unwrap(), made["id"].as_str().unwrap()] {
        let body = json!({ "definition_id": id, "input_data": { "a": 1 }, "name": "g1", "initiated_by": "crm" });
        let answer = server.post("/workflows/trigger", &body).await;
        assert_eq!(answer.header("idempotency-replayed"), if id == "greet" { "" } else { "true" });
        let location = answer.header("location").to_owned();
        let started = answer.ok(202);
        assert_eq!(started["name"], "g1");
        let execution = server.get(&location).await.ok(200);
        assert_eq!((&execution["id"], &execution["input"]), (&started["execution_id"], &json!({ "a": 1 })));
        assert_eq!(execution["attributes"]["initiated_by"], "crm");
    }
    let other = server.post("/workflows/trigger", &json!({ "definition_id": "greet", "name": "g1" })).await;
    assert_eq!(other.problem(409), "wrong-state");
    let unknown = server.post("/workflows/trigger", &json!({ "definition_id": "none" })).await;
    assert_eq!(unknown.problem(404), "not-found");
    let wrong = server.post("/workflows/trigger", &json!({ "input": 1, "initiated_by": "" })).await;
    assert_eq!(wrong.problems().len(), 3);
    let name = server.post("/workflows/trigger", &json!({ "definition_id": "greet", "name": "a b" })).await;
    assert!(name.problems()[0].starts_with("/name: "));
}
