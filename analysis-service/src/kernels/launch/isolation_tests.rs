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
        "user": 0, "seccomp": true, "landlock_abi": 7, "uid": true, "hidden_processes": true, "processes": true, "together": true,
        "namespaces": ["mount", "pid", "net"], "read": ["/usr"], "why": {},
        "levels": {"strict": ["a net namespace"], "standard": [], "none": []},
    });
    change(&mut found);
    serde_json::from_value(found).expect("as printed")
}

fn planned(found: Found, forked: bool) -> Result<Plan, LaunchError> {
    let isolation = Isolation { apart: apart(Level::Standard), found: Some(found), users: Arc::default() };
    let path = Path::new("/x");
    isolation.plan(Uuid::nil(), Paths { work_dir: path, sockets: path, tables: path }, forked)
}

fn plan(found: Found, forked: bool) -> Plan {
    planned(found, forked).expect("a plan")
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
fn a_program_of_its_own_enters_by_itself_what_it_can_as_a_user_of_its_own() {
    let plan = plan(found(|_| {}), false);
    assert_eq!(plan.told.layers, ["mount", "net", "uid", "landlock", "seccomp", "capabilities"]);
    assert_eq!(plan.user.map(|user| user.uid()), Some(65_534));
    let json = plan.json.expect("a plan");
    assert_eq!((&json["unshare"], &json["processes"]), (&true.into(), &99.into()));
    assert_eq!(json["layers"]["namespaces"], serde_json::json!(["mount", "net"]));
}

#[test]
fn a_program_that_a_plain_user_starts_enters_no_namespace() {
    let plan = plan(
        found(|found| {
            found["user"] = 20_000.into();
            found["uid"] = false.into();
            found["namespaces"] = serde_json::json!(["user", "mount", "pid"]);
        }),
        false,
    );
    assert_eq!(plan.told.layers, ["landlock", "seccomp", "capabilities"]);
    assert!(plan.flags == 0 && plan.user.is_none());
    let json = plan.json.expect("a plan");
    // They would be counted with the service's own.
    assert_eq!((&json["unshare"], &json["processes"]), (&false.into(), &serde_json::Value::Null));
}

#[test]
fn a_kernel_of_a_service_that_is_root_is_never_root() {
    type Lack = fn(&mut serde_json::Value);
    let lacks: [(&str, Lack); 4] = [
        ("EPERM together", |found| found["together"] = false.into()),
        ("EPERM uid", |found| found["uid"] = false.into()),
        ("EPERM mount", |found| found["namespaces"] = serde_json::json!(["pid", "net"])),
        ("no mount namespace without", |found| found["namespaces"] = serde_json::json!(["user", "mount", "pid"])),
    ];
    for (why, lack) in lacks {
        for forked in [true, false] {
            let found = found(|found| {
                lack(found);
                let step =
                    why.strip_prefix("EPERM ").map(|step| if step == "mount" { "mount_namespace" } else { step });
                found["why"] = step.map_or(serde_json::json!({}), |step| serde_json::json!({step: why}));
            });
            let refused = planned(found, forked).expect_err("its kernels are root").to_string();
            assert!(refused.contains(why) && refused.contains("--kernel-isolation none"), "{refused}");
        }
    }
}

#[test]
fn what_is_missing_first_is_told_and_not_what_follows_from_it() {
    let found = found(|found| {
        found["namespaces"] = serde_json::json!([]);
        found["why"] = serde_json::json!({"mount_namespace": "EPERM", "uid": "its want", "together": "its want"});
    });
    let refused = planned(found, true).expect_err("its kernels are root").to_string();
    assert!(refused.contains("(EPERM)"), "{refused}");
}

#[test]
fn namespaces_that_do_not_go_together_are_left_and_told() {
    let plain = |found: &mut serde_json::Value| {
        found["user"] = 20_000.into();
        found["uid"] = false.into();
        found["namespaces"] = serde_json::json!(["user", "mount", "pid"]);
    };
    let found_apart = found(|found| {
        plain(found);
        found["together"] = false.into();
    });
    assert_eq!(plan(found_apart, true).told.layers, ["landlock", "seccomp", "capabilities"]);
    let plan = plan(found(plain), true);
    assert!(plan.user.is_none(), "a user namespace of one user has no other");
    assert_eq!(plan.json.expect("a plan")["processes"], 99, "the namespace counts for itself");
}

#[test]
fn a_user_that_does_not_hide_its_processes_has_a_namespace_of_them_too() {
    let shown = || found(|found| found["hidden_processes"] = false.into());
    assert_eq!(plan(shown(), true).told.layers, ["mount", "pid", "net", "uid", "landlock", "seccomp", "capabilities"]);
    assert_eq!(plan(shown(), false).told.layers, ["mount", "net", "uid", "landlock", "seccomp", "capabilities"]);
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

#[test]
fn a_kernel_enters_its_control_group_in_every_tree() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).expect("made");
        serde_json::json!({"version": 1, "path": path})
    };
    let trees: Trees =
        serde_json::from_value(serde_json::json!({"cpu": tree("cpu"), "pids": tree("pids")})).expect("trees");
    let limits = GroupLimits { memory_bytes: None, processes: 9, cpu_percent: None };
    let mut plan = plan(found(|_| {}), true);
    plan.enter(&trees.make("k-1", limits).expect("a group"));
    let doors = ["cpu", "pids"].map(|name| folder.path().join(name).join("fenxi-kernel-k-1/tasks"));
    let group = serde_json::json!({"name": "fenxi-kernel-k-1", "trees": 2, "doors": doors});
    assert_eq!(plan.json.expect("a plan")["group"], group);
}
