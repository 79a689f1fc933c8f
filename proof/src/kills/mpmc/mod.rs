//! The operations of `rondel::mpmc`.

mod act;
mod in_kernel;
mod ledger;
mod outlive;
mod ring;
mod single;
mod sleeping;
mod stage;
mod two;
mod watch;

use rondel::mpmc::OnConsumerDeath::{Discard, Redeliver};

use self::act::{Act, Role};
use self::in_kernel::{InKernel, Moment};
use self::single::{Company, Single};
use self::stage::{Fill, Prior, Setting};
use self::two::{First, Two};
use super::scenario::Scenario;

/// Every operation, from every state, in every company that makes sense.
pub(crate) fn scenarios() -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    everywhere(&mut all);
    after_others(&mut all);
    frozen(&mut all);
    dead(&mut all);
    for act in [act::PUSH_WAITING, act::POP_WAITING] {
        for moment in [Moment::Asleep, Moment::Woken] {
            for rival in [false, true] {
                all.push(Box::new(InKernel::new(act, moment, rival)));
            }
        }
    }
    all
}

/// What depends on how full the ring is.
fn everywhere(all: &mut Vec<Box<dyn Scenario>>) {
    let producers = [act::PUSH, act::PUSH_PARKED, act::PUSH_SLICE, act::CLOSE_PRODUCER, act::STUCK_PRODUCER];
    let consumers = [
        act::POP,
        act::POP_PARKED,
        act::POP_SLICE,
        act::GUARD,
        act::GUARD_HELD,
        act::CLOSE_CONSUMER,
        act::STUCK_CONSUMER,
    ];
    for act in producers.into_iter().chain(consumers) {
        let sides = act.role == Role::Producer;
        for fill in Fill::ALL {
            for wrap in [false, true] {
                for policy in [Redeliver, Discard] {
                    if sides && policy == Discard {
                        continue;
                    }
                    let setting = Setting { fill, wrap, policy, ..Setting::PLAIN };
                    for company in companies(act, fill) {
                        all.push(Box::new(Single::new(act, setting, *company)));
                    }
                }
            }
        }
    }
}

/// Only who has nothing to do can be asleep.
fn companies(act: Act, fill: Fill) -> &'static [Company] {
    use Company::{Alone, Asleep, Awake, RivalAsleep, TwoAsleep};
    match (act.role, fill) {
        (Role::Producer, Fill::Empty) => &[Alone, Awake, Asleep, TwoAsleep],
        (Role::Consumer, Fill::Full) => &[Alone, Awake, Asleep, TwoAsleep, RivalAsleep],
        (Role::Consumer, Fill::One) => &[Alone, Awake, RivalAsleep],
        _ => &[Alone, Awake],
    }
}

/// What depends on who was there before.
fn after_others(all: &mut Vec<Box<dyn Scenario>>) {
    use Prior::{Claimed, ClaimedFirst, Closed, Dead, Held, HeldAndClaimed, Nobody, Void};
    let mut add = |act: Act, fill: Fill, prior: Prior, tight: bool, companies: &[Company]| {
        let policies: &[_] = if matches!(prior, Held | HeldAndClaimed) { &[Redeliver, Discard] } else { &[Redeliver] };
        for &policy in policies {
            if act.name == act::ATTACH_REFUSED.name && policy == Discard {
                // Then nothing waits there.
                continue;
            }
            for &company in companies {
                let setting = Setting { fill, policy, prior, tight, ..Setting::PLAIN };
                all.push(Box::new(Single::new(act, setting, company)));
            }
        }
    };
    const BOTH: &[Company] = &[Company::Alone, Company::Awake];
    const AWAKE: &[Company] = &[Company::Awake];
    for act in [act::ATTACH_PRODUCER, act::ATTACH_CONSUMER] {
        add(act, Fill::One, Nobody, false, BOTH);
        add(act, Fill::One, Closed, true, AWAKE);
        add(act, Fill::One, Dead, true, AWAKE);
        add(act, Fill::NearlyFull, Claimed, true, AWAKE);
    }
    add(act::ATTACH_CONSUMER, Fill::NearlyFull, Held, true, AWAKE);
    add(act::INHERIT, Fill::NearlyFull, Held, true, AWAKE);
    add(act::ATTACH_REFUSED, Fill::NearlyFull, Held, true, AWAKE);
    add(act::CLONE_PRODUCER, Fill::One, Nobody, false, AWAKE);
    add(act::CLONE_CONSUMER, Fill::One, Nobody, false, AWAKE);
    for act in [act::RECOVER_RING, act::RECOVER_PRODUCER, act::RECOVER, act::POP_PARKED] {
        for prior in [Claimed, Held, HeldAndClaimed] {
            add(act, Fill::NearlyFull, prior, false, BOTH);
        }
        add(act, Fill::NearlyFull, ClaimedFirst, false, BOTH);
    }
    for act in [act::POP, act::POP_SLICE, act::POP_PARKED, act::GUARD, act::GUARD_HELD] {
        add(act, Fill::NearlyFull, Void, false, BOTH);
    }
    for act in [act::POP, act::POP_SLICE, act::GUARD, act::GUARD_HELD] {
        add(act, Fill::NearlyFull, ClaimedFirst, false, BOTH);
    }
    for act in [act::PUSH, act::PUSH_SLICE, act::PUSH_PARKED] {
        // Nothing can be pushed where a dead one's message lies.
        add(act, Fill::Full, Held, false, BOTH);
        add(act, Fill::NearlyFull, Claimed, false, BOTH);
    }
    for act in [act::STUCK_PRODUCER, act::STUCK_CONSUMER, act::PARTICIPANTS] {
        add(act, Fill::NearlyFull, HeldAndClaimed, false, BOTH);
    }
}

/// One is stopped in the middle of something, another one is killed. The strides are such that no two operations take more than some
/// ten thousand kills: of long ones, only every so-manieth instruction of each.
fn frozen(all: &mut Vec<Box<dyn Scenario>>) {
    let mut add = |first: Act, second: Act, setting: Setting, stride: u64| {
        all.push(Box::new(Two::new(First::Frozen, first, second, setting, stride)));
    };
    let with = |fill, prior| Setting { fill, prior, ..Setting::PLAIN };
    let empty = with(Fill::Empty, Prior::Nobody);
    let one = with(Fill::One, Prior::Nobody);
    let three = with(Fill::NearlyFull, Prior::Nobody);
    // Two producers; a batch against a single one.
    add(act::PUSH, act::PUSH, empty, 1);
    add(act::PUSH, act::PUSH, three, 1);
    add(act::PUSH, act::PUSH_SLICE, empty, 2);
    add(act::PUSH_SLICE, act::PUSH, empty, 2);
    add(act::PUSH_SLICE, act::PUSH_SLICE, empty, 3);
    // Two consumers, after the same message, or one after the other.
    for policy in [Redeliver, Discard] {
        add(act::POP, act::POP, Setting { policy, ..one }, 2);
        add(act::POP, act::POP, Setting { policy, ..three }, 2);
        add(act::POP, act::POP_SLICE, Setting { policy, ..three }, 2);
        add(act::POP_SLICE, act::POP, Setting { policy, ..three }, 3);
        add(act::GUARD, act::GUARD, Setting { policy, ..one }, 3);
        add(act::POP, act::RECOVER, Setting { policy, ..with(Fill::NearlyFull, Prior::Held) }, 4);
        add(act::RECOVER, act::RECOVER, Setting { policy, ..with(Fill::One, Prior::Held) }, 13);
        add(act::GUARD_HELD, act::RECOVER, Setting { policy, ..three }, 5);
        add(act::RECOVER, act::GUARD_HELD, Setting { policy, ..with(Fill::NearlyFull, Prior::Held) }, 7);
    }
    // A producer and a consumer, either way.
    add(act::PUSH, act::POP, empty, 2);
    add(act::PUSH, act::POP, one, 2);
    add(act::POP, act::PUSH, one, 1);
    add(act::POP, act::PUSH, with(Fill::Full, Prior::Nobody), 2);
    add(act::GUARD, act::PUSH, with(Fill::Full, Prior::Nobody), 4);
    add(act::PUSH, act::POP_SLICE, three, 2);
    // Somebody who looks for the dead, and somebody who lives.
    add(act::PUSH, act::RECOVER, with(Fill::One, Prior::Claimed), 3);
    add(act::RECOVER, act::PUSH, with(Fill::One, Prior::Claimed), 3);
    add(act::RECOVER_RING, act::RECOVER_RING, with(Fill::NearlyFull, Prior::HeldAndClaimed), 13);
    add(act::CLOSE_PRODUCER, act::RECOVER, with(Fill::NearlyFull, Prior::HeldAndClaimed), 7);
    add(act::CLOSE_CONSUMER, act::RECOVER, with(Fill::NearlyFull, Prior::HeldAndClaimed), 7);
    add(act::RECOVER, act::CLOSE_CONSUMER, with(Fill::NearlyFull, Prior::HeldAndClaimed), 7);
    // Two who want the same place: whoever lives gets it.
    let last = |prior| Setting { tight: true, ..with(Fill::NearlyFull, prior) };
    add(act::ATTACH_CONSUMER, act::ATTACH_IF_FREE, last(Prior::Closed), 101);
    add(act::ATTACH_CONSUMER, act::ATTACH_IF_FREE, last(Prior::Dead), 101);
    add(act::ATTACH_CONSUMER, act::ATTACH_IF_FREE, last(Prior::Held), 101);
    add(act::ATTACH_CONSUMER, act::RECOVER_RING, last(Prior::Held), 29);
    add(act::RECOVER_RING, act::ATTACH_CONSUMER, last(Prior::Held), 29);
}

/// One dies, another one comes to settle what it has left, and dies over it.
fn dead(all: &mut Vec<Box<dyn Scenario>>) {
    let mut add = |first: Act, second: Act, setting: Setting, stride: u64| {
        all.push(Box::new(Two::new(First::Dead, first, second, setting, stride)));
    };
    let with = |fill, policy| Setting { fill, policy, ..Setting::PLAIN };
    for act in [act::PUSH, act::PUSH_SLICE] {
        for second in [act::RECOVER, act::RECOVER_RING, act::RECOVER_PRODUCER] {
            add(act, second, with(Fill::One, Redeliver), 1);
        }
        add(act, act::POP, with(Fill::Empty, Redeliver), 1);
        add(act, act::POP_SLICE, with(Fill::Empty, Redeliver), 1);
    }
    for policy in [Redeliver, Discard] {
        for act in [act::POP, act::POP_SLICE, act::GUARD, act::RECOVER] {
            for second in [act::RECOVER, act::RECOVER_RING] {
                add(act, second, with(Fill::NearlyFull, policy), 1);
            }
        }
        let held = Setting { prior: Prior::Held, ..with(Fill::NearlyFull, policy) };
        add(act::RECOVER, act::RECOVER, held, 1);
        add(act::RECOVER_RING, act::RECOVER, held, 1);
        // The heir dies, and its heir.
        let last = Setting { tight: true, ..held };
        add(act::INHERIT, act::INHERIT, last, 7);
        add(act::INHERIT, act::RECOVER_RING, last, 1);
    }
    let claimed = Setting { prior: Prior::Claimed, ..with(Fill::One, Redeliver) };
    add(act::RECOVER_RING, act::RECOVER_RING, claimed, 1);
    let last = Setting { tight: true, ..claimed };
    add(act::ATTACH_PRODUCER, act::ATTACH_PRODUCER, last, 7);
}
