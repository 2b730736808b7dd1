//! Walks every route of the description as everybody who must not get in. The list is the description's own, so a new route is
//! in it by itself.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use millrace_app::Timestamp;
use millrace_app::functions::{Functions, Settings};
use millrace_app::identity::{self, IssuedKey, Manager, NewKey, Role};
use millrace_app::ports::{Clock, Ports};
use millrace_identity::{Authenticator, IdentityConfig};
use millrace_rest::{AuthMode, FunctionsService, RestConfig, openapi, router_with_functions};
use millrace_simulation::ScriptedRuntime;
use millrace_sqlite::{LocalClock, ManualClock, Options, SqlitePorts};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What nobody need show anything for, and why that is right. Whatever else says so in the description is a mistake.
const OPEN: [&str; 7] = [
    // What answers and what not, and how many functions ran; nothing of anybody.
    "GET /health",
    // The same for everybody, and public.
    "GET /openapi.json",
    "GET /errors/{code}",
    // Who has no key yet asks how to get one; the issuer says who they are.
    "GET /api/sign-in",
    "POST /api/sign-in/token",
    // Its own signature says who sends it.
    "POST /webhooks",
    "POST /webhooks/{source}",
];

/// Lists, and what is the same for everybody: there is nothing of another owner's to be asked for.
const NOBODYS: [&str; 2] = ["GET /api/templates/{id}", "GET /api/v1/functions/health"];

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    text: String,
}

struct World {
    ports: SqlitePorts,
    clock: ManualClock,
    router: Router,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(1_780_000_000_000));
        let options = Options { clock: LocalClock::manual(clock.clone()), ..Options::default() };
        let ports = SqlitePorts::in_memory_with(options).unwrap();
        let functions = Functions::new(ScriptedRuntime::default(), Settings::default());
        let service = FunctionsService { functions, patience: None };
        let config = RestConfig { auth_mode: AuthMode::Required, access_keys: true, ..RestConfig::default() };
        let router = router_with_functions(ports.clone(), service, config);
        let config = IdentityConfig { account: "000000000000".to_owned(), ..IdentityConfig::default() };
        let router = millrace_identity::before(router, Authenticator::new(ports.clone(), config));
        Self { ports, clock, router }
    }

    async fn key(&self, owner: &str, role: Role, expires_at: Option<Timestamp>) -> IssuedKey {
        self.new_key(owner, role, expires_at, false).await
    }

    async fn new_key(&self, owner: &str, role: Role, expires_at: Option<Timestamp>, operator: bool) -> IssuedKey {
        let manager = Manager { owner: owner.to_owned(), operator };
        let name = "test".to_owned();
        let new = NewKey { owner: None, name, role, operator, expires_at, access_key: false };
        identity::create_key(&self.ports, &manager, new).await.unwrap()
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body, text }
    }

    async fn as_key(&self, method: &str, path: &str, key: &str, body: Option<&Value>) -> Answer {
        let authorization = format!("Bearer {key}");
        self.call(method, path, &[("authorization", &authorization), ("if-match", "*")], body).await
    }

    async fn made(&self, method: &str, path: &str, key: &str, body: Value) -> Value {
        let answer = self.as_key(method, path, key, Some(&body)).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        answer.body
    }
}

struct Operation {
    name: String,
    method: String,
    path: String,
    role: Option<Role>,
    /// Only for operators, whose role is [`Role::Admin`].
    operator: bool,
    example: Option<Value>,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let name = format!("{method} {path}");
            let ways = operation["security"].as_array().unwrap_or_else(|| panic!("{name} says nothing of its callers"));
            let mut roles: Vec<&str> = Vec::new();
            for way in ways {
                for (scheme, needed) in way.as_object().unwrap() {
                    assert!(document["components"]["securitySchemes"][scheme].is_object(), "{name}: {scheme}");
                    roles.extend(needed.as_array().unwrap().iter().map(|role| role.as_str().unwrap()));
                }
            }
            roles.dedup();
            let operator = roles == ["operator"];
            let role = match roles.as_slice() {
                [] => None,
                ["operator"] => Some(Role::Admin),
                [one] => Some(one.parse().unwrap()),
                more => panic!("{name}: {more:?}"),
            };
            assert_eq!(role.is_none(), OPEN.contains(&name.as_str()), "{name}: is it open, and should it be?");
            let content = &operation["requestBody"]["content"]["application/json"]["schema"];
            let schema = content["$ref"].as_str().and_then(|at| document.pointer(at.trim_start_matches('#')));
            let example = operation["requestBody"]
                .is_object()
                .then(|| schema.and_then(|schema| schema.get("example")).cloned().unwrap_or_else(|| json!({})));
            all.push(Operation { name, method, path: path.clone(), role, operator, example });
        }
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

/// A path of things that nobody has.
fn nowhere(path: &str) -> String {
    path.replace("{path}", "a/b").replace('{', "x-").replace('}', "")
}

fn assert_problem(answer: &Answer, name: &str, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{name}");
    assert_eq!(answer.body["code"], code, "{name}");
    for inside in ["sqlite", "panicked", "src/", ".rs", "SELECT", "thread", "rusqlite", "APIKEY#", "OWNER#"] {
        assert!(!answer.text.contains(inside), "{name} tells {inside}: {}", answer.text);
    }
}

#[tokio::test]
async fn who_is_not_known_gets_in_nowhere() {
    let world = World::new();
    let good = world.key("ann", Role::Admin, None).await;
    let another = world.key("ann", Role::Admin, None).await;
    let revoked = world.key("ann", Role::Admin, None).await;
    let manager = Manager { owner: "ann".to_owned(), operator: false };
    identity::revoke_key(&world.ports, &manager, &revoked.key.id).await.unwrap();
    let now = world.ports.clock().now();
    let expired = world.key("ann", Role::Admin, Some(now.plus_millis(1))).await;
    world.clock.advance(Duration::from_secs(1));
    // The id of one key with the rest of another.
    let (good, another) = (good.text.expose(), another.text.expose());
    let mixed = format!("{}{}", &good[..35], &another[35..]);
    let upper = good.to_uppercase();
    let bearer = |text: &str| vec![("authorization".to_owned(), format!("Bearer {text}"))];
    let as_header = |text: &str| vec![("x-api-key".to_owned(), text.to_owned())];
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.";
    let wrong: Vec<(&str, Vec<(String, String)>)> = vec![
        ("no key", vec![]),
        ("an empty key", bearer("")),
        ("a wrong key", bearer(&mixed)),
        ("a wrong key in the other header", as_header(&mixed)),
        ("a key in capitals", bearer(&upper)),
        ("a cut key", bearer(&good[..93])),
        ("nonsense", bearer("nonsense")),
        ("a token of nobody", bearer(none)),
        ("another scheme", vec![("authorization".to_owned(), format!("Basic {good}"))]),
        ("two keys", [bearer(good), as_header(another)].concat()),
        ("the same header twice", [bearer(good), bearer(good)].concat()),
        ("a revoked key", bearer(revoked.text.expose())),
        ("an expired key", bearer(expired.text.expose())),
        // What API Gateway would tell the function, told by the caller.
        ("a forged owner", vec![("x-amzn-request-context".to_owned(), r#"{"authorizer":{"lambda":{"owner":"ann"}}}"#.to_owned())]),
        ("a signature", vec![(
            "authorization".to_owned(),
            "AWS4-HMAC-SHA256 Credential=AKID/20260529/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0".to_owned(),
        )]),
    ];
    for operation in operations().iter().filter(|operation| operation.role.is_some()) {
        for (who, headers) in &wrong {
            let name = format!("{} with {who}", operation.name);
            let headers: Vec<(&str, &str)> = headers.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let path = nowhere(&operation.path);
            let answer = world.call(&operation.method, &path, &headers, operation.example.as_ref()).await;
            assert_problem(&answer, &name, 401, "unauthorized");
            assert_eq!(answer.headers["www-authenticate"], "Bearer", "{name}");
        }
        // Not even what is wrong with a body is told.
        let broken = Request::builder().method(operation.method.as_str()).uri(nowhere(&operation.path));
        let broken = broken.header("content-type", "application/json").body(Body::from("{")).unwrap();
        assert_eq!(world.router.clone().oneshot(broken).await.unwrap().status(), 401, "{}", operation.name);
    }
}

#[tokio::test]
async fn too_small_a_role_is_told_what_is_missing() {
    let world = World::new();
    for operation in operations() {
        let Some(needed) = operation.role else { continue };
        for role in Role::ALL {
            let key = world.key("ann", role, None).await;
            let key = key.text.expose();
            let path = nowhere(&operation.path);
            let answer = world.as_key(&operation.method, &path, key, operation.example.as_ref()).await;
            let name = format!("{} as {role}", operation.name);
            if role < needed {
                assert_problem(&answer, &name, 403, "forbidden");
                assert!(answer.body["detail"].as_str().unwrap().contains(needed.name()), "{name}");
            } else if operation.operator {
                // Not even whether there is such a thing is told.
                assert_problem(&answer, &name, 403, "forbidden");
                assert!(answer.body["detail"].as_str().unwrap().contains("operator"), "{name}");
                let key = world.new_key("ann", role, None, true).await;
                let body = operation.example.as_ref();
                let answer = world.as_key(&operation.method, &path, key.text.expose(), body).await;
                assert_eq!(answer.status, 404, "{name}, an operator: {}", answer.text);
            } else {
                assert!(!matches!(answer.status.as_u16(), 401 | 403), "{name}: {}", answer.text);
            }
        }
    }
}

/// Who may run what is there brings no definition of their own: its tasks could do whatever an admin's do.
#[tokio::test]
async fn who_may_run_writes_no_definitions() {
    let world = World::new();
    let (admin, runner) = (world.key("ann", Role::Admin, None).await, world.key("ann", Role::Run, None).await);
    let (admin, runner) = (admin.text.expose(), runner.text.expose());
    let fail = json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "Bad" } } });
    world.made("POST", "/api/workflows", admin, json!({ "name": "shop", "definition": fail })).await;
    let failed = world.made("POST", "/api/workflows/shop/executions", runner, json!({})).await;
    let id = failed["id"].as_str().unwrap();
    let pass = json!({ "StartAt": "F", "States": { "F": { "Type": "Pass", "End": true } } });
    let filter = json!({ "workflow": "shop" });
    for (path, body) in [
        (format!("/api/executions/{id}/redrive"), json!({ "definition": pass })),
        (format!("/api/executions/{id}/fork"), json!({ "sequence": 0, "name": "again", "definition": pass })),
        ("/api/executions/bulk".to_owned(), json!({ "action": "redrive", "filter": filter, "definition": pass })),
        ("/api/projects".to_owned(), json!({ "template_id": "python-cli", "workflow": pass.to_string() })),
    ] {
        let refused = world.as_key("POST", &path, runner, Some(&body)).await;
        assert_problem(&refused, &path, 403, "forbidden");
        let taken = world.as_key("POST", &path, admin, Some(&body)).await;
        assert_ne!(taken.status, 403, "{path}: {}", taken.text);
    }
    let failed = world.made("POST", "/api/workflows/shop/executions", runner, json!({})).await;
    world.made("POST", &format!("/api/executions/{}/redrive", failed["id"].as_str().unwrap()), runner, json!({})).await;
}

#[tokio::test]
async fn open_routes_tell_nothing_of_anybody() {
    let world = World::new();
    world.key("a-very-private-owner", Role::Admin, None).await;
    for operation in operations().iter().filter(|operation| operation.role.is_none()) {
        let path = operation.path.replace("{code}", "not-found").replace("{source}", "github");
        let answer = world.call(&operation.method, &path, &[], operation.example.as_ref()).await;
        assert_eq!(answer.status.is_success(), operation.method == "GET", "{}: {}", operation.name, answer.text);
        assert!(!answer.text.contains("a-very-private-owner"), "{}", operation.name);
    }
}

/// A key of another owner sees nothing of what there is: each route with a name in its path answers as if there were no such
/// thing, letter for letter.
#[tokio::test]
async fn another_owner_s_things_are_not_there() {
    let world = World::new();
    let (ann, bob) = (world.key("ann", Role::Admin, None).await, world.key("bob", Role::Admin, None).await);
    let (ann_key, bob_key) = (ann.text.expose().to_owned(), bob.text.expose().to_owned());
    let body = json!({ "template_id": "python-cli", "parameters": { "name": "xx" } });
    let project = world.made("POST", "/api/projects", &ann_key, body).await["id"].as_str().unwrap().to_owned();
    let wait = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 60, "End": true } } });
    let body = json!({ "name": "flow", "definition": wait });
    let workflow = world.made("POST", "/api/workflows", &ann_key, body.clone()).await;
    let workflow = workflow["id"].as_str().unwrap().to_owned();
    // The same name is free for another owner, and gives them something of their own.
    let theirs = world.made("POST", "/api/workflows", &bob_key, body).await;
    assert_ne!(theirs["id"], json!(workflow));
    let path = format!("/api/workflows/{workflow}/executions");
    let started = world.made("POST", &path, &ann_key, json!({ "name": "one", "input": {} })).await;
    let execution = started["id"].as_str().unwrap().to_owned();
    let body = json!({ "function_name": "greet", "code": "export async function handler() {}" });
    world.made("POST", "/api/functions/projects/shop", &ann_key, body).await;
    world.made("PUT", "/api/limits/db", &ann_key, json!({ "concurrency": 1 })).await;

    let body = json!({ "name": "nightly", "expression": "rate(1 day)", "workflow": "flow" });
    world.made("POST", "/api/schedules", &ann_key, body).await;
    let body = json!({ "name": "pushes", "pattern": { "source": ["github"] }, "workflow": "flow" });
    let rule = world.made("POST", "/api/webhooks/rules", &ann_key, body).await["id"].as_str().unwrap().to_owned();
    let target = json!({ "type": "https", "url": "https://example.com/hook" });
    let body = json!({ "name": "all", "target": target });
    let subscription =
        world.made("POST", "/api/subscriptions", &ann_key, body).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/subscriptions/{subscription}/test");
    let delivery = world.as_key("POST", &path, &ann_key, None).await.body["id"].as_str().unwrap().to_owned();

    // What names what in a path, and the same of what nobody has.
    let real_and_not = |path: &str| -> Option<(String, String)> {
        let swap = |name: &str, real: &str, none: &str| (path.replace(name, real), path.replace(name, none));
        let (real, none) = match path {
            path if path.starts_with("/api/projects/{id}") => swap("{id}", &project, "prj_01arz3ndektsv4rrffq69g5fav"),
            path if path.starts_with("/api/workflows/{id}") => {
                swap("{id}", &workflow, "wfl_01arz3ndektsv4rrffq69g5fav")
            }
            path if path.starts_with("/api/executions/{id}") => {
                swap("{id}", &execution, "exe_01arz3ndektsv4rrffq69g5fav")
            }
            path if path.starts_with("/api/keys/{id}") => {
                swap("{id}", ann.key.id.as_str(), "key_01arz3ndektsv4rrffq69g5fav")
            }
            path if path.starts_with("/api/limits/{key}") => swap("{key}", "db", "other"),
            path if path.contains("{projectId}/{name}") => {
                let (real, none) = swap("{name}", "greet", "other");
                (real.replace("{projectId}", "shop"), none.replace("{projectId}", "shop"))
            }
            path if path.starts_with("/_functions/{name}") => swap("{name}", "greet", "other"),
            path if path.contains("{projectId}") => swap("{projectId}", "shop", "other"),
            path if path.starts_with("/api/schedules/{name}") => swap("{name}", "nightly", "other"),
            path if path.starts_with("/api/subscriptions/{id}") => {
                swap("{id}", &subscription, "sub_01arz3ndektsv4rrffq69g5fav")
            }
            path if path.starts_with("/api/webhooks/rules/{id}") => {
                swap("{id}", &rule, "whr_01arz3ndektsv4rrffq69g5fav")
            }
            _ => return None,
        };
        let fill = |path: String| {
            path.replace("{name}", "xx").replace("{path}", "src/main.py").replace("{delivery}", &delivery)
        };
        Some((fill(real), fill(none)))
    };
    let mut seen = 0;
    for operation in operations() {
        let is_nobodys = NOBODYS.contains(&operation.name.as_str()) || operation.operator;
        if operation.role.is_none() || !operation.path.contains('{') || is_nobodys {
            continue;
        }
        let Some((real, none)) = real_and_not(&operation.path) else {
            // Of these nothing is there before somebody outside did something; they are tried beside their own routes.
            let elsewhere = ["/api/tasks/", "/api/ai/tasks/", "/api/webhooks/events/", "/api/reports/"];
            let is_elsewhere = elsewhere.iter().any(|prefix| operation.path.starts_with(prefix));
            assert!(is_elsewhere, "{}: say here how it names what belongs to somebody", operation.name);
            continue;
        };
        // These make something of the caller's own under any name, or forget it.
        let makes = [
            "PUT /api/limits/{key}",
            "PUT /api/schedules/{name}",
            "DELETE /api/limits/{key}",
            "POST /api/functions/projects/{projectId}",
        ];
        if makes.contains(&operation.name.as_str()) {
            continue;
        }
        let body = operation.example.clone();
        let foreign = world.as_key(&operation.method, &real, &bob_key, body.as_ref()).await;
        let absent = world.as_key(&operation.method, &none, &bob_key, body.as_ref()).await;
        assert_eq!(foreign.status, absent.status, "{}: {} {}", operation.name, foreign.text, absent.text);
        let lists = ["GET /api/functions/projects/{projectId}", "GET /api/v1/projects/{projectId}/functions"];
        if !lists.contains(&operation.name.as_str()) {
            // A body that is not right is told first, and the same way for both.
            assert!(matches!(foreign.status.as_u16(), 400 | 404), "{}: {}", operation.name, foreign.text);
            seen += usize::from(foreign.status == 404);
        }
        if lists.contains(&operation.name.as_str()) {
            assert_eq!(foreign.body["items"], json!([]), "{}", operation.name);
        }
        let hide = |text: &str, path: &str| {
            let mut text = text.replace(path, "PATH").replace("\\\"db\\\"", "\\\"NAME\\\"");
            for (real, none) in [
                (project.as_str(), "prj_01arz3ndektsv4rrffq69g5fav"),
                (workflow.as_str(), "wfl_01arz3ndektsv4rrffq69g5fav"),
                (execution.as_str(), "exe_01arz3ndektsv4rrffq69g5fav"),
                (ann.key.id.as_str(), "key_01arz3ndektsv4rrffq69g5fav"),
                ("greet", "other"),
                ("nightly", "other"),
                (rule.as_str(), "whr_01arz3ndektsv4rrffq69g5fav"),
                (subscription.as_str(), "sub_01arz3ndektsv4rrffq69g5fav"),
            ] {
                text = text.replace(real, "NAME").replace(none, "NAME");
            }
            text
        };
        if foreign.status == 404 {
            let (mut one, mut other) = (foreign.body.clone(), absent.body.clone());
            for body in [&mut one, &mut other] {
                body.as_object_mut().unwrap().remove("request_id");
                body.as_object_mut().unwrap().remove("instance");
            }
            assert_eq!(hide(&one.to_string(), &real), hide(&other.to_string(), &none), "{}", operation.name);
        }
    }
    assert!(seen > 40, "{seen}");
    // Nothing of it shows in a list, either, and all is still there for its owner.
    for list in ["/api/projects", "/api/executions", "/api/keys", "/api/limits"] {
        let page = world.as_key("GET", list, &bob_key, None).await;
        assert!(
            !page.text.contains(&project) && !page.text.contains(&execution) && !page.text.contains("ann"),
            "{list}"
        );
    }
    for path in [
        format!("/api/projects/{project}"),
        format!("/api/workflows/{workflow}"),
        format!("/api/executions/{execution}"),
        "/api/functions/shop/greet".to_owned(),
    ] {
        let answer = world.as_key("GET", &path, &ann_key, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_key_may_call_so_often() {
    let world = World::new();
    let limit = millrace_identity::RateLimit { per_second: 1, burst: 2 };
    let config = IdentityConfig { rate_limit: Some(limit), ..IdentityConfig::default() };
    let functions = Functions::new(ScriptedRuntime::default(), Settings::default());
    let service = FunctionsService { functions, patience: None };
    let router = router_with_functions(world.ports.clone(), service, RestConfig::default());
    let router = millrace_identity::before(router, Authenticator::new(world.ports.clone(), config));
    let world = World { router, ..world };
    let (one, two) = (world.key("ann", Role::Read, None).await, world.key("ann", Role::Read, None).await);
    let call = async |key: &str| world.as_key("GET", "/api/caller", key, None).await;
    let first = call(one.text.expose()).await;
    assert_eq!((first.status.as_u16(), first.headers["ratelimit"].to_str().unwrap()), (200, "\"default\";r=1;t=2"));
    assert_eq!(first.headers["ratelimit-policy"], "\"default\";q=2;w=2");
    assert_eq!(call(one.text.expose()).await.status, 200);
    let third = call(one.text.expose()).await;
    assert_problem(&third, "the third", 429, "too-many-requests");
    assert_eq!(third.headers["retry-after"], "2");
    assert_eq!(call(two.text.expose()).await.status, 200, "another key has its own");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(call(one.text.expose()).await.headers["retry-after"], "1");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(call(one.text.expose()).await.status, 200);
    // Who tries keys is told the same, whatever they try, and good keys go on.
    assert_eq!(call("millrace_nonsense").await.status, 401);
    assert_eq!(call("millrace_nonsense").await.status, 401);
    assert_eq!(call("millrace_nonsense").await.status, 429);
    assert_eq!(call(two.text.expose()).await.status, 200);
}
