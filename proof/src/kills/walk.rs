//! How far a victim gets.

use super::victim::{Stop, Victim};

/// Gives up on an operation that is still not over after so many instructions.
const MOST_INSTRUCTIONS: u64 = 5_000_000;

/// What is known of an operation from having been through it once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// Instructions from its beginning to its end.
    pub(crate) length: u64,
    /// Which of them are system calls: there one may go quickly.
    calls: Vec<u64>,
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

/// The way of one victim through its operation, to where it is to be left.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    goal: Goal<'a>,
    /// Instructions that it has carried out.
    steps: u64,
    over: bool,
    /// The address where it was left.
    address: Option<u64>,
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
        Self { goal, steps: 0, over: false, address: None }
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

    /// Leads the victim, which has paused before its operation.
    pub(crate) fn lead(&mut self, victim: &mut Victim<'_>) {
        self.lead_watched(victim, || false);
    }

    /// The same; a survey asks behind each instruction whether something has changed that others can see.
    pub(crate) fn lead_watched(&mut self, victim: &mut Victim<'_>, mut has_changed: impl FnMut() -> bool) {
        match &mut self.goal {
            Goal::Survey(course) => {
                while !self.over {
                    if victim.is_at_call() {
                        course.calls.push(self.steps);
                    }
                    self.over = victim.step() == Stop::Paused;
                    self.steps += 1;
                    if has_changed() {
                        course.changes.push(self.steps);
                    }
                    assert!(self.steps < MOST_INSTRUCTIONS, "not over after {MOST_INSTRUCTIONS} instructions");
                }
                course.length = self.steps;
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
                while self.steps < goal && !self.over {
                    self.over = victim.step() == Stop::Paused;
                    self.steps += 1;
                }
            }
        }
        self.address = victim.address();
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
