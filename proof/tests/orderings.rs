//! The committed table of orderings is that of today's source: no ordering, fence or wake-up is added to the protocol, moved or dropped
//! without its entry. That the entries are true is what `cargo run --release -p rondel-proof -- orderings` shows.

#[test]
fn the_table_has_an_entry_for_each_ordering_fence_and_wake_up() {
    let stale = rondel_proof::orderings::stale().expect("the source, and its table");
    assert!(stale.is_empty(), "run `cargo run --release -p rondel-proof -- orderings --write`:\n{}", stale.join("\n"));
}
