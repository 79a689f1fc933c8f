//! `rondel list` and `rondel unlink` as their users run them.

use std::process::{Command, Output};

use rondel::spsc::Ring;

fn rondel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rondel")).args(arguments).output().expect("the tool starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_segment_in_use_is_listed_with_its_holder_and_not_unlinked_by_the_way() {
    let name = format!("cli-test-{}", std::process::id());
    let ring = Ring::<u64>::builder()
        .capacity(100)
        .schema(0xab)
        .unlink_on_drop(true)
        .create(name.as_str())
        .expect("a fresh name");
    let producer = ring.producer().expect("nobody else");

    let listed = text(&rondel(&["list"]).stdout);
    let from = listed.find(&name).unwrap_or_else(|| panic!("`{name}` is not in\n{listed}"));
    let entry = &listed[from..];
    for part in ["spsc", "8 B", "100", "0xab", "600", &format!("producer: {}", std::process::id()), "consumer: never"] {
        assert!(entry.contains(part), "no `{part}` in\n{listed}");
    }

    let refused = rondel(&["unlink", &name]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("in use"), "{}", text(&refused.stderr));
    let attach = || Ring::<u64>::builder().schema(0xab).attach(name.as_str());
    attach().expect("the name must still be there");

    drop(producer);
    let removed = rondel(&["unlink", &name]);
    assert_eq!(text(&removed.stdout), format!("removed {name}\n"), "{}", text(&removed.stderr));
    attach().expect_err("the name must be gone");
}

#[test]
fn an_unknown_name_is_refused_before_anything_is_removed() {
    let name = format!("cli-test-kept-{}", std::process::id());
    let _ring = Ring::<u64>::builder().capacity(1).unlink_on_drop(true).create(name.as_str()).expect("a fresh name");
    let refused = rondel(&["unlink", &name, "no-such-segment"]);
    assert!(!refused.status.success());
    let told = text(&refused.stderr);
    assert!(told.contains("no-such-segment") && told.contains(&name), "{told}");
    Ring::<u64>::attach(name.as_str()).expect("the other name must still be there");
}
