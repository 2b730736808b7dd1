//! The contract of `SecretStore`, `Clock` and `IdSource`.

use std::collections::HashSet;
use std::time::Duration;

use millrace_app::ids::{ExecutionId, ProjectId};
use millrace_app::ports::{Clock as _, IdSource as _, Ports as _, Secret, SecretStore as _};

use super::{ContractEnv, ODD_TEXTS, eventually, fresh};

/// Stored, replaced, removed, whatever they hold.
pub async fn secrets_are_kept<E: ContractEnv>(env: &E) {
    let (secrets, name) = (env.ports().secrets(), format!("contract/{}/api-key", fresh(env)));
    for text in ODD_TEXTS {
        let secret = Secret::new(text);
        secrets.put(&name, &secret).await.unwrap();
        eventually(env, "the secret", async || {
            secrets.get(&name).await.unwrap().filter(|stored| *stored == secret).map(drop)
        })
        .await;
    }
    secrets.delete(&name).await.unwrap();
    eventually(env, "the removal", async || secrets.get(&name).await.unwrap().is_none().then_some(())).await;
}

/// What was never stored is `None`; removing it is no error.
pub async fn missing_secrets_are_none<E: ContractEnv>(env: &E) {
    let (secrets, name) = (env.ports().secrets(), format!("contract/{}/missing", fresh(env)));
    assert_eq!(secrets.get(&name).await.unwrap(), None);
    secrets.delete(&name).await.unwrap();
}

/// Never before an earlier answer.
pub async fn the_clock_does_not_go_back<E: ContractEnv>(env: &E) {
    let mut latest = env.ports().clock().now();
    for _ in 0..10_000 {
        let now = env.ports().clock().now();
        assert!(now >= latest, "{now} after {latest}");
        latest = now;
    }
}

/// It shows the time that passes.
pub async fn time_passes<E: ContractEnv>(env: &E) {
    let before = env.ports().clock().now();
    env.pass_time(Duration::from_secs(2)).await;
    let passed = env.ports().clock().now().millis() - before.millis();
    assert!((1_900..10_000).contains(&passed), "{passed} ms instead of 2000");
}

/// Whoever sleeps wakes up, not before the time where the clock moves by itself.
pub async fn a_sleep_ends<E: ContractEnv>(env: &E) {
    let clock = env.ports().clock();
    let before = clock.now();
    clock.sleep(Duration::from_millis(20)).await;
    let passed = clock.now().millis() - before.millis();
    assert!(passed == 0 || passed >= 15, "{passed} ms instead of 20");
}

/// Sixteen bytes, other ones each time, each of them random.
pub async fn randomness_does_not_repeat<E: ContractEnv>(env: &E) {
    let drawn: HashSet<[u8; 16]> = (0..2_000).map(|_| env.ports().ids().random()).collect();
    assert_eq!(drawn.len(), 2_000);
    for place in 0..16 {
        let values: HashSet<u8> = drawn.iter().map(|bytes| bytes[place]).collect();
        assert!(values.len() > 200, "byte {place} has only {} values", values.len());
    }
}

/// An id reads back as itself and sorts after those of earlier milliseconds.
pub async fn ids_are_well_formed_and_sort_by_time<E: ContractEnv>(env: &E) {
    let mut latest = ProjectId::new(env.ports());
    for _ in 0..5 {
        env.pass_time(Duration::from_millis(5)).await;
        let id = ProjectId::new(env.ports());
        assert!(id > latest, "{id} after {latest}");
        assert_eq!(id.as_str().parse::<ProjectId>(), Ok(id.clone()));
        assert!(id.as_str().parse::<ExecutionId>().is_err());
        latest = id;
    }
    let ids: HashSet<ExecutionId> = (0..1_000).map(|_| ExecutionId::new(env.ports())).collect();
    assert_eq!(ids.len(), 1_000);
}
