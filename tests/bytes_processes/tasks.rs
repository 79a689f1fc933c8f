//! Which task of a child is which function.

use crate::child::Task;

/// Carries out the task of this name.
pub(crate) fn run(name: &str, task: &Task) {
    match name {
        "storm" => crate::storm::child_storm(task),
        unknown => panic!("no task {unknown:?}"),
    }
}
