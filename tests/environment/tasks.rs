//! Which task of a child is which function.

use crate::child::Task;

/// Carries out the task of this name.
pub(crate) fn run(name: &str, task: &Task) {
    match name {
        "agent" => crate::agent::child(task),
        "second-of-namespace" => crate::namespaces::child_second(task),
        "fork-into-namespace" => crate::namespaces::child_fork_into_namespace(task),
        "operate-stopped" => crate::replaced::child_operate(task),
        "exec-successor" => crate::forks::child_exec_successor(task),
        "leave-while-holding" => crate::forks::child_leave_while_holding(task),
        "full-tmpfs" => crate::room::child_full_tmpfs(task),
        "without-proc" => crate::room::child_without_proc(task),
        "no-descriptors" => crate::limits::child_descriptors(task),
        "no-address-space" => crate::limits::child_address_space(task),
        "no-mappings" => crate::limits::child_mappings(task),
        unknown => panic!("no task {unknown:?}"),
    }
}
