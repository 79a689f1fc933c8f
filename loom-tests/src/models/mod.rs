//! One model a file.

mod attach;
mod batch;
mod bytes;
mod close;
mod death;
mod freed;
mod full;
mod mpmc;
mod order;
mod pair;
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

/// More accesses than any victim here makes: if it is still killed then, it loops.
const MOST_STEPS: u32 = 80;

/// Runs `model` with the victim's life growing step by step, until the victim outlives it. Loom runs `model` once an
/// interleaving, and a victim may die in one and not in another.
fn for_every_death(explore: Explore, model: impl Fn(u32) -> bool + Send + Sync + 'static) {
    let model = std::sync::Arc::new(model);
    for steps in 0..MOST_STEPS {
        let any_killed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (run, killed) = (std::sync::Arc::clone(&model), std::sync::Arc::clone(&any_killed));
        check(explore, move || {
            if run(steps) {
                killed.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        });
        if !any_killed.load(std::sync::atomic::Ordering::Relaxed) {
            assert!(steps > 5, "the victim did nothing");
            return;
        }
    }
    panic!("the victim has not finished after {MOST_STEPS} accesses");
}
