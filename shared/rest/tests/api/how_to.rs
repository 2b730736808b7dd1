//! The examples of the how-to pages, in order, over one server.

use millrace_simulation::pages::{Example, contains, examples};

use crate::support::Server;

#[tokio::test]
async fn the_examples_of_run_a_workflow_work() {
    assert!(run("run-a-workflow").await >= 15);
}

#[tokio::test]
async fn the_examples_of_control_executions_work() {
    assert_eq!(run("control-executions").await, 8);
}

#[tokio::test]
async fn the_examples_of_limit_executions_work() {
    assert_eq!(run("limit-executions").await, 9);
}

#[tokio::test]
async fn the_examples_of_schedules_work() {
    assert_eq!(run("schedules").await, 7);
}

#[tokio::test]
async fn the_examples_of_queues_work() {
    assert_eq!(run("queues").await, 4);
}

/// Runs the examples of a page. Answers how many calls there were.
async fn run(page: &str) -> usize {
    let server = Server::new();
    let (mut last, mut ran) = (None, 0);
    for example in examples(page).unwrap() {
        match example {
            Example::Call { method, target, headers, body } => {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                server.tick();
                let answer = server.call(&method, &target, &headers, body.as_ref()).await;
                let told = String::from_utf8_lossy(&answer.bytes).into_owned();
                assert!(answer.status.is_success(), "{method} {target}: {told}");
                (last, ran) = (Some(answer), ran + 1);
            }
            Example::Answer(part) => {
                let whole = last.as_ref().unwrap().json();
                assert!(contains(&whole, &part), "{part}\n{whole}");
            }
        }
    }
    ran
}
