//! Which task of a child is which function.

use crate::child::Task;

/// Carries out the task of this name.
pub(crate) fn run(name: &str, task: &Task) {
    match name {
        "send-million" => crate::million::child_send(task),
        "receive-million" => crate::million::child_receive(task),
        "produce-until-killed" => crate::killed::child_produce(task),
        "consume-until-killed" => crate::killed::child_consume(task),
        "hold-role" => crate::peers::child_hold_role(task),
        "produce-ten" => crate::ends::child_produce_ten(task),
        "consume-ten" => crate::ends::child_consume_ten(task),
        "produce-when-told" => crate::stopped::child_produce(task),
        "consume-when-told" => crate::stopped::child_consume(task),
        "ring-across-fork" => crate::forked::child_ring(task),
        "handle-across-fork" => crate::forked::child_handle(task),
        "fork-and-wait" => crate::forked::child_fork_and_wait(task),
        "ask-after-peer" => crate::races::child_ask(task),
        "echo" => crate::wakes::child_echo(task),
        "one-thread-busy" => crate::busy::child_one_thread(task),
        "exchange-busy" => crate::busy::child_exchange(task),
        "step-through" => crate::every_instruction::child_step(task),
        unknown => panic!("no task {unknown:?}"),
    }
}
