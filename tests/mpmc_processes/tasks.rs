//! Which task of a child is which function.

use crate::child::Task;

/// Carries out the task of this name.
pub(crate) fn run(name: &str, task: &Task) {
    match name {
        "storm" => crate::storm::child_storm(task),
        "step" => crate::every_change::child_step(task),
        "consume-when-told" => crate::sleepers::child_consume_when_told(task),
        "attach-and-wait" => crate::ends::child_attach_and_wait(task),
        "hold-guards" => crate::places::child_hold_guards(task),
        "one-thread-busy" => crate::busy::child_one_thread(task),
        "exchange-busy" => crate::busy::child_exchange(task),
        unknown => panic!("no task {unknown:?}"),
    }
}
