//! What may be asked for, and what is said of what may not.

use super::{run, text, torture};

#[test]
fn an_unknown_ring_is_answered_with_the_known_ones() {
    let output = run(&mut torture(&["--rings", "spsc,token"]));
    assert!(!output.status.success() && output.stdout.is_empty());
    let told = text(&output.stderr);
    assert!(told.contains("'token'") && told.contains("[possible values: spsc, mpmc, bytes]"), "{told}");
}

#[test]
fn what_is_no_duration_is_refused() {
    for argument in ["--for", "--stall"] {
        let output = run(&mut torture(&[argument, "soon"]));
        assert!(!output.status.success() && text(&output.stderr).contains("'soon'"), "{}", text(&output.stderr));
    }
}

#[test]
fn the_seed_says_which_ring_it_is() {
    let output = run(&mut torture(&["--seed", "1", "--rings", "spsc"]));
    assert!(
        !output.status.success() && text(&output.stderr).contains("cannot be used with"),
        "{}",
        text(&output.stderr)
    );
}
