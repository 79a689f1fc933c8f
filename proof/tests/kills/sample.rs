//! Every operation is killed somewhere, from some states and in some companies, others each time.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tool::{kills, succeed};

/// None of these may drop out unseen.
const OPERATIONS: &[&str] = &[
    "bytes/abandon",
    "bytes/attach-consumer",
    "bytes/attach-producer",
    "bytes/batch",
    "bytes/batch-abandoned",
    "bytes/close-consumer",
    "bytes/close-producer",
    "bytes/commit-less",
    "bytes/fill-buf",
    "bytes/keep",
    "bytes/peek",
    "bytes/pop",
    "bytes/pop-batch-all",
    "bytes/pop-batch-none",
    "bytes/pop-batch-part",
    "bytes/pop-into",
    "bytes/pop-into-too-short",
    "bytes/pop-parked",
    "bytes/pop-pod",
    "bytes/push",
    "bytes/push-after-abandoned",
    "bytes/push-parked",
    "bytes/push-pod",
    "bytes/push-vectored",
    "bytes/read",
    "bytes/read-part",
    "bytes/reserve",
    "bytes/reserve-parked",
    "bytes/wait-until-empty",
    "bytes/write",
    "bytes/write-vectored",
    "mpmc/attach-consumer",
    "mpmc/attach-producer",
    "mpmc/attach-refused",
    "mpmc/clone-consumer",
    "mpmc/clone-producer",
    "mpmc/close-consumer",
    "mpmc/close-producer",
    "mpmc/dead-guard+recover",
    "mpmc/dead-push+recover",
    "mpmc/dead-recover+recover",
    "mpmc/frozen-pop+pop",
    "mpmc/frozen-pop+recover",
    "mpmc/frozen-push+pop",
    "mpmc/frozen-push+push",
    "mpmc/guard",
    "mpmc/guard-held",
    "mpmc/inherit",
    "mpmc/participants",
    "mpmc/pop",
    "mpmc/pop-parked",
    "mpmc/pop-slice",
    "mpmc/pop-waiting-woken",
    "mpmc/push",
    "mpmc/push-parked",
    "mpmc/push-slice",
    "mpmc/push-waiting-woken",
    "mpmc/recover",
    "mpmc/recover-producer",
    "mpmc/recover-ring",
    "mpmc/stuck-consumer",
    "mpmc/stuck-producer",
    "segments/anonymous",
    "segments/attach",
    "segments/create",
    "segments/create-or-attach",
    "segments/create-without-nameless-files",
    "segments/detach",
    "segments/detach-and-unlink",
    "segments/from-fd",
    "segments/inherit",
    "segments/inherited",
    "segments/list",
    "segments/receive",
    "segments/send",
    "segments/unlink",
    "segments/unlink-listed",
    "spsc/attach-consumer",
    "spsc/attach-producer",
    "spsc/close-consumer",
    "spsc/close-producer",
    "spsc/guard",
    "spsc/guard-kept",
    "spsc/peek",
    "spsc/pop",
    "spsc/pop-parked",
    "spsc/pop-slice",
    "spsc/push",
    "spsc/push-parked",
    "spsc/push-slice",
    "spsc/wait-until-empty",
];

#[test]
fn every_operation_survives_a_kill_somewhere() {
    let Some(account) = succeed(kills(["--scenarios", "2", "--sample", "1", "--json"])) else { return };
    let account: Value = serde_json::from_str(&account).expect("an account");
    assert_eq!((&account["faults"], &account["complete"]), (&Value::from(0), &Value::from(true)), "{account}");
    let operations = account["operations"].as_object().expect("operations");
    for name in OPERATIONS {
        let operation = operations.get(*name).unwrap_or_else(|| panic!("{name} is not among them"));
        let number = |key: &str| operation[key].as_u64().unwrap_or_else(|| panic!("{name}: no {key}"));
        // Of each scenario one goes to its end, and another one stops before it.
        assert!(number("kills") >= 2 * number("scenarios"), "{name}: {operation}");
        assert!(number("longest") > 20, "{name} was not stepped through: {operation}");
    }
    let scenarios: u64 = operations.values().filter_map(|operation| operation["scenarios"].as_u64()).sum();
    assert!(account["kills"].as_u64() >= Some(2 * scenarios), "{account}");
}

#[test]
fn a_list_names_each_scenario_once() {
    let list = succeed(kills(["--list"])).expect("nobody is stepped");
    let names: BTreeSet<&str> = list.lines().collect();
    assert_eq!(names.len(), list.lines().count(), "a case has one name");
    for operation in OPERATIONS {
        assert!(names.iter().any(|name| name.starts_with(&format!("{operation}/"))), "{operation}");
    }
    let some = succeed(kills(["--list", "--only", "bytes/push/,spsc/peek/"])).expect("nobody is stepped");
    assert!(some.lines().all(|name| name.starts_with("bytes/push/") || name.starts_with("spsc/peek/")), "{some}");
    assert!(some.lines().count() < names.len());
}

/// What a fault prints can be given back.
#[test]
fn a_case_is_repeated() {
    for (case, says) in [
        ("spsc/push/one/awake@17", "left behind 17 instructions, "),
        ("bytes/push/one/awake@end", "its operation was over"),
        ("segments/create/nothing-name/rival@100", "left behind 100 instructions"),
    ] {
        let Some(told) = succeed(kills(["--case", case])) else { return };
        assert!(told.contains(says) && told.contains("survived: "), "{case}: {told}");
    }
}
