//! The sender of notifications against servers on this machine.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use millrace_app::Timestamp;
use millrace_app::notifications::{NotTaken, NotificationSender as _, Outgoing, Target};
use millrace_app::ports::Secret;
use millrace_client::signature;
use millrace_integrations::{Config, Integrations, Notifier};
use millrace_simulation::http::{Answer, Fake, Seen};
use millrace_stepfunctions::StepFunctionsConfig;
use serde_json::{Value, json};

const ID: &str = "ntf_00000000000000000000000000";

fn notifier(private: bool, variables: &[(&str, &str)]) -> Notifier {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::from_variables(variables).unwrap();
    Notifier::new(Integrations::new(config, StepFunctionsConfig::default()), private)
}

fn secret(byte: u8) -> Secret {
    Secret::new(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode([byte; 32])))
}

async fn send(notifier: &Notifier, target: &Target) -> Result<Option<u16>, NotTaken> {
    let body = json!({ "id": ID, "detail-type": "execution.failed", "detail": { "name": "é" } }).to_string();
    let outgoing = Outgoing {
        target,
        id: ID,
        kind: "execution.failed",
        body: &body,
        resources: &["exe_1".to_owned()],
        at: Timestamp::from_millis(1_767_225_600_000),
        now: Timestamp::from_millis(1_767_225_601_500),
        secrets: &[secret(1), secret(2)],
    };
    notifier.send(outgoing).await
}

fn endpoint(url: impl Into<String>) -> Target {
    Target::Https { url: url.into() }
}

async fn listening(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (Fake, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let fake = Fake::start(move |request| {
        let told = answer(request);
        kept.lock().unwrap().push(request.clone());
        told
    })
    .await;
    (fake, seen)
}

#[tokio::test]
async fn an_endpoint_gets_a_signed_event() {
    let (fake, seen) = listening(|_| Answer::status(202, "")).await;
    let target = endpoint(format!("{}/hook?a=b", fake.url));
    assert_eq!(send(&notifier(true, &[]), &target).await, Ok(Some(202)));
    let seen = seen.lock().unwrap().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/hook?a=b"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!((seen.header("webhook-id"), seen.header("webhook-timestamp")), (Some(ID), Some("1767225601")));
    let expected = [1, 2].map(|byte| signature(&secret(byte), ID, 1_767_225_601, seen.text()).unwrap());
    assert_eq!(seen.header("webhook-signature"), Some(expected.join(" ").as_str()));
    assert_eq!(seen.json()["detail"]["name"], "é");
}

#[tokio::test]
async fn what_an_endpoint_answers_is_told() {
    let (fake, seen) = listening(|request| match request.path.as_str() {
        "/elsewhere" => Answer::status(307, "").header("location", "/taken"),
        "/busy" => Answer::status(503, "").header("retry-after", "120"),
        "/until" => Answer::status(429, "").header("retry-after", "Thu, 01 Jan 2026 00:01:00 GMT"),
        "/gone" => Answer::status(410, ""),
        "/broken" => Answer::broken(),
        _ => Answer::status(500, "secret of the endpoint"),
    })
    .await;
    let notifier = notifier(true, &[]);
    for (path, status, retry_after, gone, reason) in [
        ("/elsewhere", Some(307), None, false, "redirections are not followed"),
        ("/busy", Some(503), Some(120), false, "503"),
        ("/until", Some(429), Some(59), false, "429"),
        ("/gone", Some(410), None, true, "410"),
        ("/broken", None, None, false, "127.0.0.1"),
        ("/other", Some(500), None, false, "the endpoint answered 500"),
    ] {
        let failed = send(&notifier, &endpoint(format!("{}{path}", fake.url))).await.unwrap_err();
        assert_eq!((failed.status, failed.retry_after, failed.gone), (status, retry_after, gone), "{path}");
        assert!(failed.reason.contains(reason) && !failed.reason.contains("secret"), "{}", failed.reason);
    }
    assert!(seen.lock().unwrap().iter().all(|seen| seen.path != "/taken"));
}

#[tokio::test]
async fn only_the_status_of_an_answer_matters() {
    let (fake, seen) = listening(|request| match request.path.as_str() {
        "/long" => Answer::ok(vec![b'x'; 1024 * 1024]),
        _ => Answer::ok("cut off").cut(3),
    })
    .await;
    let notifier = notifier(true, &[]);
    for path in ["/long", "/cut"] {
        assert_eq!(send(&notifier, &endpoint(format!("{}{path}", fake.url))).await, Ok(Some(200)), "{path}");
    }
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_of_this_network_is_reached() {
    let (fake, _) = listening(|_| Answer::ok("inside")).await;
    let port = fake.url.rsplit(':').next().unwrap().to_owned();
    let notifier = notifier(false, &[]);
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://[64:ff9b::7f00:1]:{port}/"),
        format!("https://[2002:7f00:1::]:{port}/"),
        format!("https://0.0.0.0:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://127.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://example.com\\@127.0.0.1:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[fd00:ec2::254]/".to_owned(),
        "https://100.100.100.200/".to_owned(),
    ] {
        let failed = send(&notifier, &endpoint(&url)).await.unwrap_err();
        assert_eq!(failed.status, None, "{url}");
    }
    assert_eq!(fake.connections(), 0);
}

#[tokio::test]
async fn topics_and_buses_get_events() {
    let (sns, published) = listening(|_| {
        Answer::ok("<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>")
    })
    .await;
    let (events, put) =
        listening(|_| Answer::json(200, &json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "e" }] }))).await;
    let notifier =
        notifier(false, &[("AWS_ENDPOINT_URL_SNS", &sns.url), ("AWS_ENDPOINT_URL_EVENTBRIDGE", &events.url)]);
    let topic = Target::Sns { topic_arn: "arn:aws:sns:eu-west-1:123456789012:orders.fifo".into() };
    assert_eq!(send(&notifier, &topic).await, Ok(None));
    let form = published.lock().unwrap().remove(0).text().to_owned();
    for part in ["Action=Publish", "orders.fifo", "Subject=execution.failed", "event_type", "MessageGroupId=exe_1", ID]
    {
        assert!(form.contains(part), "{part}: {form}");
    }
    let bus = Target::Eventbridge { event_bus_arn: "arn:aws:events:eu-west-1:123456789012:event-bus/default".into() };
    assert_eq!(send(&notifier, &bus).await, Ok(None));
    let entry = put.lock().unwrap().remove(0).json()["Entries"][0].clone();
    assert_eq!((entry["Source"].as_str(), entry["DetailType"].as_str()), (Some("millrace"), Some("execution.failed")));
    assert_eq!(entry["Resources"], json!(["exe_1"]));
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(detail, json!({ "name": "é", "event_id": ID }));
}

#[tokio::test]
async fn a_topic_that_refuses_says_why() {
    let (sns, _) = listening(|_| {
        Answer::status(
            403,
            "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>not yours</Message></Error></ErrorResponse>",
        )
    })
    .await;
    let topic = Target::Sns { topic_arn: "arn:aws:sns:eu-west-1:123456789012:orders".into() };
    let failed = send(&notifier(false, &[("AWS_ENDPOINT_URL_SNS", &sns.url)]), &topic).await.unwrap_err();
    assert!(failed.reason.contains("not yours"), "{}", failed.reason);
}
