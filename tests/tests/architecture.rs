//! Which crates may depend on which: what keeps builds short and the interpreter pure.

#![expect(clippy::expect_used, reason = "these are tests")]

use std::path::Path;
use std::process::Command;

/// Every crate that `package` is built from, its tests aside.
fn built_from(package: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--package", package])
        .current_dir(root)
        .output()
        .expect("cargo tree runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).expect("UTF-8");
    text.lines().filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
}

fn assert_without(package: &str, unwanted: &[&str]) {
    let crates = built_from(package);
    let found: Vec<&String> =
        crates.iter().filter(|name| unwanted.iter().any(|unwanted| name.starts_with(unwanted))).collect();
    assert!(found.is_empty(), "{package} is built from {found:?}");
}

const LAMBDAS: [&str; 15] = [
    "millrace-api",
    "millrace-pm-agent",
    "millrace-dev-agent",
    "millrace-qa-agent",
    "millrace-ops-agent",
    "millrace-integrations-function",
    "millrace-functions-function",
    "millrace-model-worker",
    "millrace-notifier",
    "millrace-orchestrator",
    "millrace-scheduler",
    "millrace-webhook",
    "millrace-trigger",
    "millrace-authorizer",
    "millrace-websocket",
];

#[test]
fn the_local_server_does_not_compile_the_ports_on_aws() {
    assert_without("millrace-cli", &["aws-", "millrace-aws", "lambda_"]);
}

#[test]
fn the_lambdas_do_not_compile_the_aws_sdk() {
    for lambda in LAMBDAS {
        assert_without(lambda, &["aws-", "openssl-sys", "native-tls"]);
    }
}

#[test]
fn the_lambdas_do_not_compile_sqlite() {
    for lambda in LAMBDAS {
        assert_without(lambda, &["rusqlite", "libsqlite3", "millrace-sqlite"]);
    }
}

#[test]
fn who_is_no_agent_does_without_them() {
    for lambda in [
        "millrace-api",
        "millrace-integrations-function",
        "millrace-functions-function",
        "millrace-model-worker",
        "millrace-orchestrator",
        "millrace-authorizer",
        "millrace-websocket",
    ] {
        assert_without(lambda, &["millrace-agents", "tree-sitter"]);
    }
}

#[test]
fn who_runs_no_functions_does_without_a_sandbox() {
    // The QA agent runs projects' tests in it.
    let with_sandbox = ["millrace-functions-function", "millrace-qa-agent"];
    for lambda in LAMBDAS.into_iter().filter(|lambda| !with_sandbox.contains(lambda)) {
        assert_without(lambda, &["millrace-sandbox", "millrace-functions", "rquickjs", "swc"]);
    }
}

#[test]
fn the_use_cases_know_no_store_and_no_http() {
    assert_without(
        "millrace-app",
        &["millrace-client", "rusqlite", "axum", "hyper", "tokio", "millrace-sqlite", "millrace-aws"],
    );
}

#[test]
fn the_interpreter_is_pure() {
    assert_without("millrace-asl", &["tokio", "async", "futures", "rand", "getrandom", "hyper", "chrono", "tracing"]);
}

#[test]
fn only_tests_use_the_simulation() {
    for package in LAMBDAS.into_iter().chain(["millrace-cli"]) {
        assert_without(package, &["millrace-simulation", "proptest"]);
    }
}
