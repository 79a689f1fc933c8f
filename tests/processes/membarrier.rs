//! Where a sandbox refuses membarrier or the futex: slower, and nothing is lost.

use crate::million::{MILLION, run};
use crate::scratch::Directory;

fn exchange(count: u64, sender: &str, receiver: &str) {
    let directory = Directory::new(&format!("membarrier-{sender}-{receiver}"));
    let _ring = directory.create(200);
    run(&directory, count, ["park", "single", "even", sender], ["park", "single", "even", receiver]);
}

#[test]
fn a_million_parked_messages_where_nobody_may_register() {
    exchange(MILLION, "register", "register");
}

#[test]
fn a_million_parked_messages_where_the_heavy_fence_is_refused() {
    exchange(MILLION, "expedited", "expedited");
}

/// The two sides need not live in the same sandbox: each fence has to get along with each other one.
#[test]
fn parked_messages_between_different_sandboxes() {
    for sender in ["none", "register", "expedited", "membarrier"] {
        for receiver in ["none", "register", "expedited", "membarrier"] {
            exchange(MILLION / 10, sender, receiver);
        }
    }
}

/// Without futexes nobody can be woken; short sleeps do.
#[test]
fn parked_messages_where_the_futex_is_refused() {
    exchange(MILLION / 100, "futex", "futex");
    exchange(MILLION / 100, "none", "futex");
    exchange(MILLION / 100, "futex", "none");
}
