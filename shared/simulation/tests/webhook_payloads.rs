//! Real payloads of GitHub, signed as it signs them, through the receiver: `make webhook-payloads`.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_app::patterns::Pattern;
use millrace_app::ports::{Ports, Secret, SecretStore};
use millrace_app::webhooks::{Question, Receiver, Request, envelope, get_event, read_body, receive};
use millrace_simulation::MemoryPorts;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "a secret";

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

fn request(name: &str, delivery: &str, kind: &str, body: String) -> Request {
    let signature = format!("sha256={}", signature(body.as_bytes()));
    let headers = [
        ("content-type", kind),
        ("x-github-event", name),
        ("x-github-delivery", delivery),
        ("x-hub-signature-256", signature.as_str()),
    ];
    Request { headers: headers.into_iter().collect(), query: String::new(), body: body.into_bytes() }
}

/// The pattern that asks for each text, number, truth value and null of a payload, where it stands.
fn pattern_of(value: &Value) -> Option<Value> {
    let Value::Object(members) = value else { return None };
    let asks = members.iter().filter_map(|(name, value)| match value {
        Value::Object(_) => Some((name.clone(), pattern_of(value)?)),
        Value::Array(items) => {
            let first = items.iter().find(|item| !item.is_array())?;
            Some((name.clone(), pattern_of(first).unwrap_or_else(|| json!([first]))))
        }
        value => Some((name.clone(), json!([value]))),
    });
    let asks: serde_json::Map<String, Value> = asks.filter(|(_, asked)| *asked != json!([{}])).collect();
    (!asks.is_empty()).then_some(Value::Object(asks))
}

#[tokio::test]
#[ignore = "make webhook-payloads gets them"]
async fn every_example_is_taken_and_found_again() {
    let folder = std::env::var("MILLRACE_WEBHOOK_EXAMPLES").expect("the folder of @octokit/webhooks-examples");
    let ports = MemoryPorts::new(1);
    ports.secrets().put("webhooks/github", &Secret::new(SECRET)).await.unwrap();
    let receiver = Receiver::new("local", true);
    let (mut taken, mut asked, mut matched) = (0, 0, 0);
    for release in ["api.github.com", "ghes-31", "ghes-32", "ghes-33", "ghes-34", "ghes-35"] {
        let text = std::fs::read_to_string(format!("{folder}/{release}/index.json")).unwrap();
        let kinds: Vec<Value> = serde_json::from_str(&text).unwrap();
        for kind in &kinds {
            let name = kind.get("name").and_then(Value::as_str).unwrap();
            for (number, example) in kind.get("examples").and_then(Value::as_array).unwrap().iter().enumerate() {
                let forms = [
                    ("application/json", example.to_string()),
                    ("application/x-www-form-urlencoded", format!("payload={}", encoded(&example.to_string()))),
                ];
                for (media_type, body) in forms {
                    let delivery = format!("{release} {name} {number} {media_type}");
                    let request = request(name, &delivery, media_type, body);
                    let received = receive(&ports, &receiver, None, &request).await;
                    let received = received.unwrap_or_else(|error| unreachable!("{delivery}: {error}"));
                    if name == "ping" {
                        assert_eq!(received.question, Some(Question::Ping));
                        asked += 1;
                        continue;
                    }
                    let id = &received.events.first().unwrap().id;
                    let event = get_event(&ports, "local", id).await.unwrap();
                    assert_eq!((event.kind.as_str(), event.delivery_id.as_str()), (name, delivery.as_str()));
                    let detail = read_body(&ports, &event).await.unwrap().unwrap();
                    assert_eq!(&detail, example, "{delivery}");
                    let seen = envelope(&event, detail);
                    if let Some(Ok(pattern)) = pattern_of(&seen).map(|pattern| Pattern::parse(&pattern)) {
                        assert!(pattern.matches(&seen), "{delivery}");
                        matched += 1;
                    }
                    let mut tampered = request;
                    tampered.body.push(b' ');
                    assert!(receive(&ports, &receiver, None, &tampered).await.is_err(), "{delivery}");
                    taken += 1;
                }
            }
        }
    }
    println!("{taken} payloads taken, {asked} pings answered, {matched} patterns made of payloads matched them");
    // What is left makes patterns over the limit, or has an empty object.
    assert!(taken > 1_000 && asked > 0 && matched > 1_000, "{taken} {asked} {matched}");
}
