//! How far a victim gets.

use std::collections::HashMap;

use super::victim::{CALLS_OF_PAUSE, Stop, Victim};
use super::whereabouts::is_of_clock;

/// Gives up on an operation that is still not over after so many instructions.
const MOST_INSTRUCTIONS: u64 = 5_000_000;

/// What is known of an operation from having been through it once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// Instructions from its beginning to its end.
    pub(crate) length: u64,
    /// Which of them are system calls: there one may go quickly.
    calls: Vec<u64>,
    /// The address of each instruction, and how often it has come past there since the last system call.
    places: Vec<(u64, u64)>,
    /// It asks the kernel nothing, not even for the time: it is the same each time.
    is_repeatable: bool,
    /// Behind which of them others could see a difference, where the survey has watched for that.
    changes: Vec<u64>,
}

impl Course {
    /// The instructions behind which a kill leaves something that no earlier one leaves: changes of shared memory, and system calls.
    pub(crate) fn distinguishable(&self) -> Vec<u64> {
        let calls = self.calls.iter().map(|call| call + 1);
        let mut all: Vec<u64> = [0, self.length].into_iter().chain(calls).chain(self.changes.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Course {
    /// A place on the way that is reached with a breakpoint, so that the fewest stops are left: the instructions to there, its
    /// address, and how often the breakpoint is passed before.
    fn shortcut(&self, from: u64, goal: u64) -> Option<(u64, u64, u64)> {
        let stops = |steps: u64| {
            let &(address, times) = self.places.get(steps as usize)?;
            // What comes from the kernel may be read in more turns of a loop, or fewer, from run to run: there only a place that is come past for the first
            // time is sure to be the one that is meant. And which way the clock's own code takes is up to the time.
            let is_sure = self.is_repeatable || times == 0 && !is_of_clock(address);
            is_sure.then_some((times * STOPS_A_PASS + goal - steps, steps, address, times))
        };
        let (fewest, steps, address, times) = (from + 1..=goal).filter_map(stops).min()?;
        (fewest < goal - from).then_some((steps, address, times))
    }
}

/// To go past a breakpoint once takes one stop at it, and one behind its instruction.
const STOPS_A_PASS: u64 = 2;

/// An operation of more instructions is a long one: what takes so many happens in the process, and in the kernel.
const LONG: u64 = 8_000;
/// Of a long one every instruction counts that is so near to a system call …
const NEAR: u64 = 16;
/// … and of the others every so-manieth. No divisor of the number of parts, so that each has its share.
const STRIDE: u64 = 31;

impl Course {
    /// Whether a kill behind so many instructions is one that has to be: each, but of a long operation.
    pub(crate) fn is_due(&self, place: u64) -> bool {
        let next = self.calls.partition_point(|&call| call + NEAR < place);
        let is_near = self.calls.get(next).is_some_and(|&call| call <= place + NEAR);
        self.length <= LONG || is_near || place % STRIDE == 0 || place == self.length
    }
}

/// The way of one victim through its operation, to where it is to be left.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    goal: Goal<'a>,
    /// Instructions that it has carried out.
    steps: u64,
    over: bool,
    /// The address where it was left.
    address: Option<u64>,
    /// Without short cuts.
    on_foot: bool,
    /// A short cut has led somewhere else.
    lost: bool,
}

#[derive(Debug)]
enum Goal<'a> {
    /// The end, with a look at every instruction.
    Survey(Course),
    /// Behind so many instructions.
    Behind(u64, &'a Course),
}

impl<'a> Walk<'a> {
    /// To the end, to see how long it is.
    pub(crate) fn survey() -> Self {
        Self::new(Goal::Survey(Course::default()))
    }

    /// To behind so many instructions of an operation that takes this course; to its end if that comes first.
    pub(crate) fn behind(instructions: u64, course: &'a Course) -> Self {
        Self::new(Goal::Behind(instructions, course))
    }

    fn new(goal: Goal<'a>) -> Self {
        Self { goal, steps: 0, over: false, address: None, on_foot: false, lost: false }
    }

    /// Whether it goes to the end, to see how long the way is.
    pub(crate) fn is_survey(&self) -> bool {
        matches!(self.goal, Goal::Survey(_))
    }

    /// The same way, from its beginning.
    pub(crate) fn again(&self) -> Self {
        match &self.goal {
            Goal::Survey(_) => Self::survey(),
            Goal::Behind(instructions, course) => Self::behind(*instructions, course),
        }
    }

    /// The same way, from its beginning, without short cuts.
    pub(crate) fn again_on_foot(&self) -> Self {
        Self { on_foot: true, ..self.again() }
    }

    /// Whether a short cut has led to the operation's end instead of where it should: this time it has taken another course.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Leads the victim, which has paused before its operation.
    pub(crate) fn lead(&mut self, victim: &mut Victim<'_>) {
        self.lead_watched(victim, || false);
    }

    /// The same; a survey asks behind each instruction whether something has changed that others can see.
    pub(crate) fn lead_watched(&mut self, victim: &mut Victim<'_>, mut has_changed: impl FnMut() -> bool) {
        match &mut self.goal {
            Goal::Survey(course) => {
                let mut passed = HashMap::new();
                while !self.over {
                    if victim.is_at_call() {
                        course.calls.push(self.steps);
                        passed.clear();
                    }
                    if let Some(address) = victim.address() {
                        let times = passed.entry(address).or_insert(0);
                        course.places.push((address, *times));
                        *times += 1;
                    }
                    self.over = victim.step() == Stop::Paused;
                    self.steps += 1;
                    if has_changed() {
                        course.changes.push(self.steps);
                    }
                    assert!(self.steps < MOST_INSTRUCTIONS, "not over after {MOST_INSTRUCTIONS} instructions");
                }
                course.length = self.steps;
                // The pause at its end makes calls, but they are behind all that is done.
                course.is_repeatable = course.calls.len() <= CALLS_OF_PAUSE
                    && !course.places.iter().any(|(address, _)| is_of_clock(*address));
            }
            Goal::Behind(goal, course) => {
                let goal = *goal;
                // The last system call that is to be made: two stops each, before and behind.
                let calls = course.calls.partition_point(|&call| call < goal);
                for &call in &course.calls[..calls] {
                    self.over = victim.go_to_call() == Stop::Paused || victim.go_to_call() == Stop::Paused;
                    self.steps = call + 1;
                    if self.over {
                        return;
                    }
                }
                let shortcut = if self.on_foot { None } else { course.shortcut(self.steps, goal) };
                if let Some((steps, address, times)) = shortcut {
                    self.over = victim.go_to(address, times) == Stop::Paused;
                    self.lost = self.over;
                    self.steps = steps;
                }
                while self.steps < goal && !self.over {
                    self.over = victim.step() == Stop::Paused;
                    self.steps += 1;
                }
            }
        }
        self.address = victim.address();
    }

    /// How many instructions the victim has carried out.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the operation was over before the goal was reached.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Where the victim was left, if that is known.
    pub(crate) fn address(&self) -> Option<u64> {
        self.address
    }

    /// What a survey has found.
    pub(crate) fn course(self) -> Course {
        match self.goal {
            Goal::Survey(course) => course,
            Goal::Behind(_, course) => course.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;
    use crate::kills::page::Page;
    use crate::kills::permission;
    use crate::kills::victim::pause;

    #[test]
    fn of_a_long_operation_all_is_due_that_is_near_a_call() {
        let course = Course { length: 20_000, calls: vec![100, 9_000], ..Course::default() };
        for call in [100, 9_000] {
            assert!((call - NEAR..=call + NEAR).all(|place| course.is_due(place)));
            assert!((call + NEAR + 1..call + NEAR + 1 + STRIDE).filter(|place| course.is_due(*place)).count() == 1);
        }
        assert!(course.is_due(0) && course.is_due(course.length) && !course.is_due(9_000 - NEAR - 1));
        let course = Course { length: LONG, calls: Vec::new(), ..Course::default() };
        assert!((0..=LONG).all(|place| course.is_due(place)));
    }

    /// A breakpoint is a short cut and nothing else: it leaves the victim where so many single steps do, in loops, too, and behind calls.
    #[test]
    fn a_short_cut_leads_to_the_same_place() {
        if let Err(refused) = permission::ask() {
            eprintln!("passed over: {refused}");
            return;
        }
        let counts = Page::<[AtomicU64; 8]>::new().expect("a page of memory");
        let live = || {
            pause();
            for lap in 0..3 {
                for (number, count) in counts.iter().enumerate() {
                    // Relaxed: read by the parent, which has seen this process stop.
                    count.fetch_add(black_box(number as u64 * lap + 1), Relaxed);
                }
                // SAFETY: takes nothing.
                unsafe { libc::getppid() };
            }
            pause();
        };
        let read = || counts.each_ref().map(|count| count.swap(0, Relaxed));
        let mut surveyed = Walk::survey();
        surveyed.lead(&mut Victim::start(live));
        let course = surveyed.course();
        let whole = read();
        assert_eq!(course.calls.len(), 3 + 2, "one a lap, and those of the pause: {:?}", course.calls);
        let mut short = 0;
        for goal in 0..=course.length {
            let mut stepped = Victim::start(live);
            let is_over = (0..goal).any(|_| stepped.step() == Stop::Paused);
            let (place, left) = (stepped.address(), read());
            let mut walk = Walk::behind(goal, &course);
            let mut victim = Victim::start(live);
            walk.lead(&mut victim);
            assert_eq!((walk.is_over(), victim.address(), read()), (is_over, place, left), "after {goal}");
            assert_eq!(walk.steps(), goal);
            short += u64::from(course.shortcut(0, goal).is_some());
        }
        assert!(cfg!(not(target_arch = "x86_64")) || short > course.length / 2, "{short} short cuts");
        assert_eq!(whole[1], 1 + 2 + 3);
    }
}
