//! What is planned for a kernel, from what a machine gives.

use super::*;

fn apart(level: Level) -> Apart {
    Apart {
        level,
        uid_first: 300_000,
        processes_max: 99,
        tmp_max_bytes: 7,
        open_files_max: 4096,
        cpu_max_percent: None,
    }
}

fn found(change: impl FnOnce(&mut serde_json::Value)) -> Found {
    let mut found = serde_json::json!({
        "seccomp": true, "landlock_abi": 7, "uid": true, "hidden_processes": true, "processes": true, "together": true,
        "namespaces": ["mount", "pid", "net"], "read": ["/usr"], "why": {},
        "levels": {"strict": ["a net namespace"], "standard": [], "none": []},
    });
    change(&mut found);
    serde_json::from_value(found).expect("as printed")
}

fn plan(found: Found, forked: bool) -> Plan {
    let isolation = Isolation { apart: apart(Level::Standard), found: Some(found), users: Arc::default() };
    let path = Path::new("/x");
    isolation.plan(Uuid::nil(), Paths { work_dir: path, sockets: path, tables: path }, forked).expect("a plan")
}

#[test]
fn all_that_a_machine_gives_is_taken() {
    let plan = plan(found(|_| {}), true);
    assert_eq!(plan.told.layers, ["mount", "net", "uid", "landlock", "seccomp", "capabilities"]);
    assert_eq!(plan.flags, 0x4002_0000);
    assert_eq!(plan.user.map(|user| user.uid()), Some(65_534));
    let json = plan.json.expect("a plan");
    assert_eq!(json["processes"], 99);
    assert_eq!(json["layers"]["uid"], 65_534);
}

#[test]
fn a_program_of_its_own_enters_no_namespace_and_stays_the_services_user() {
    let plan = plan(found(|_| {}), false);
    assert_eq!(plan.told.layers, ["landlock", "seccomp", "capabilities"]);
    assert!(plan.flags == 0 && plan.user.is_none());
    // They would be counted with the service's own.
    assert_eq!(plan.json.expect("a plan")["processes"], serde_json::Value::Null);
}

#[test]
fn namespaces_that_do_not_go_together_are_left_and_told() {
    let plan = plan(found(|found| found["together"] = false.into()), true);
    assert_eq!(plan.told.layers, ["landlock", "seccomp", "capabilities"]);
    let user = found(|found| found["namespaces"] = serde_json::json!(["user", "mount", "pid"]));
    let isolation = Isolation { apart: apart(Level::Standard), found: Some(user), users: Arc::default() };
    let path = Path::new("/x");
    let plan = isolation.plan(Uuid::nil(), Paths { work_dir: path, sockets: path, tables: path }, true);
    let plan = plan.expect("a plan");
    assert!(plan.user.is_none(), "a user namespace of one user has no other");
    assert_eq!(plan.json.expect("a plan")["processes"], 99, "the namespace counts for itself");
}

#[test]
fn without_a_user_that_hides_its_processes_a_namespace_does() {
    let plan = plan(found(|found| found["hidden_processes"] = false.into()), true);
    assert_eq!(plan.told.layers, ["mount", "pid", "net", "landlock", "seccomp", "capabilities"]);
}

#[test]
fn a_level_that_cannot_be_had_names_what_is_missing() {
    assert_eq!(found(|_| {}).missing(Level::Strict), ["a net namespace"]);
    assert!(found(|_| {}).missing(Level::Standard).is_empty());
}

#[test]
fn a_network_is_given_only_to_a_kernel_with_a_namespace_of_its_own() {
    let obstacle = |found: Option<Found>, forked| {
        let isolation = Isolation { apart: apart(Level::Standard), found, users: Arc::default() };
        isolation.network_obstacle(forked)
    };
    assert_eq!(obstacle(Some(found(|_| {})), true), None);
    let said = |found, forked| obstacle(found, forked).expect("an obstacle");
    assert!(said(Some(found(|_| {})), false).contains("forked"));
    assert!(said(None, true).contains("--kernel-isolation"));
    let without = found(|found| {
        found["namespaces"] = serde_json::json!(["mount"]);
        found["why"] = serde_json::json!({"net_namespace": "EPERM"});
    });
    assert_eq!(said(Some(without), true), "a net namespace: EPERM");
    assert!(said(Some(found(|found| found["together"] = false.into())), true).starts_with("a net namespace"));
}
