//! Are the many-to-many queues linearizable? Recorded histories of real threads and processes, kills included, judged.

mod brute;
mod check;
mod executions;
mod history;
mod judged;
mod random;
mod record;
