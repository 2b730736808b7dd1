//! What keys are spelt like, and that no owner reaches into another's.

use super::*;

#[test]
fn keys_are_spelt_as_the_contract_says() {
    let id = ProjectId::derived("p");
    let text = |key: RecordKey| format!("{}/{}", key.partition, key.sort);
    assert_eq!(text(project(&id)), format!("PROJECT#{id}/METADATA"));
    assert_eq!(text(file(&id, "src/main.py")), format!("PROJECT#{id}/FILE#src/main.py"));
    assert_eq!(text(plan(&id, &PlanId::derived("x"))), format!("PROJECT#{id}/PLAN#{}", PlanId::derived("x")));
    assert_eq!(text(test(&id, &TestId::derived("x"))), format!("PROJECT#{id}/TEST#{}", TestId::derived("x")));
    assert_eq!(text(event(&id, &EventId::derived("x"))), format!("PROJECT#{id}/EVENT#{}", EventId::derived("x")));
    let modified = ModificationId::derived("x");
    assert_eq!(text(modification(&id, &modified)), format!("PROJECT#{id}/MOD#{modified}"));
    let deployed = DeploymentId::derived("x");
    assert_eq!(text(deployment(&id, &deployed)), format!("PROJECT#{id}/DEPLOY#{deployed}"));
    assert_eq!(artifacts::file(&id, "ab"), format!("projects/{id}/files/ab"));
    assert_eq!(artifacts::deployment(&id, "shop", "0123456789abcdef"), format!("deployments/{id}/shop-0123456789ab"));
}

#[test]
fn no_owner_reaches_into_anothers_keys() {
    for plain in ["local", "aws:123456789012", "arn:aws:iam::1:user/a+b=c,d.e@f-g_h", "oidc:élodie"] {
        assert_eq!(escaped(plain), plain);
        assert_eq!(owner_projects(plain), format!("OWNER#{plain}#PROJECT"));
    }
    let names = ["a", "a#PROJECT", "a#EXECUTION#ATTRIBUTE", "a%23PROJECT", "a%2523PROJECT", "a#", "#a", "a%", "%"];
    let mut partitions = Vec::new();
    for name in names {
        partitions.extend([
            owner_projects(name),
            owner_projects_of_status(name, "PROJECT"),
            owner_executions(name),
            owner_executions_of_attribute(name, "x", "PROJECT"),
            project_functions(name, "x#PROJECT"),
            owner_keys(name),
            limit(name, "x").partition,
            limit(name, "a#x").partition,
        ]);
    }
    let distinct: std::collections::BTreeSet<_> = partitions.iter().collect();
    assert_eq!(distinct.len(), partitions.len(), "{partitions:?}");
}

#[test]
fn what_is_due_now_sorts_up_to_the_bound() {
    let now = Timestamp::from_millis(1_000);
    assert!(by_time(now, "prj_zzz") < due_to(now));
    assert!(by_time(Timestamp::from_millis(1_001), "prj_000") > due_to(now));
}
