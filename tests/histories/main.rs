//! Are the many-to-many queues linearizable? Recorded histories of real threads and processes, kills included, judged.
//!
//! A crowd of participants works on a tiny queue, [`record`]s what it calls and what it is answered, and when; [`check`]
//! says whether a first-in-first-out queue could have answered so. What judges is judged itself: by hand-made histories
//! ([`judged`]), by random ones and by brute force ([`random`]), and by queues that are broken on purpose ([`runs`]).
//!
//! Which histories come about is up to the scheduler; the seed decides only what is tried. Nothing here asserts a time.

mod brute;
mod check;
mod crowd;
mod executions;
mod history;
mod judged;
mod known;
mod mpmc;
mod plan;
mod process;
mod random;
mod record;
mod runs;
mod shared;
mod subject;
