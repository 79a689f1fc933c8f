//! Which task of a child is which function.

use crate::child::Task;

/// Carries out the task of this name.
pub(crate) fn run(name: &str, task: &Task) {
    match name {
        "storm" => crate::storm::child_storm(task),
        "step-through" => crate::every_instruction::child_step(task),
        "send-million" => crate::million::child_send(task),
        "receive-million" => crate::million::child_receive(task),
        "hold-role" => crate::peers::child_hold_role(task),
        "produce-ten" => crate::ends::child_produce_ten(task),
        "consume-ten" => crate::ends::child_consume_ten(task),
        "produce-when-told" => crate::stopped::child_produce(task),
        "consume-when-told" => crate::stopped::child_consume(task),
        "sleep-until-woken" => crate::wakes::child_sleep(task),
        "ring-across-fork" => crate::forked::child_ring(task),
        "handle-across-fork" => crate::forked::child_handles(task),
        "one-thread-busy" => crate::busy::child_one_thread(task),
        "exchange-busy" => crate::busy::child_exchange(task),
        "meet-corruption" => crate::corrupted::child_meet(task),
        unknown => panic!("no task {unknown:?}"),
    }
}
