//! One model a file.

mod attach;
mod batch;
mod close;
mod death;
mod full;
mod order;
mod participants;
mod sleep;
mod wait_empty;

/// How much of a model to explore.
#[derive(Clone, Copy)]
enum Explore {
    /// Every interleaving.
    All,
    /// Every interleaving in which a thread is preempted at most this often; it may yield or sleep as often as it likes.
    Preemptions(usize),
}

/// Runs `model` under loom. `LOOM_MAX_PREEMPTIONS` overrides the bound.
fn check(explore: Explore, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    if let (None, Explore::Preemptions(bound)) = (builder.preemption_bound, explore) {
        builder.preemption_bound = Some(bound);
    }
    builder.check(model);
}
