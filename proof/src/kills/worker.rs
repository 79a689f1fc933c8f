//! A process that takes scenarios through their kills, and tells what it finds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::case::Case;
use super::crew::{Desk, Told, Unit};
use super::last_words;
use super::scenario::{Played, Scenario};
use super::walk::{Course, Walk};
use super::whereabouts;

/// No case takes nearly as long: whoever is still at it hangs.
const LONGEST_CASE_SECONDS: u32 = 60;
/// A survivor that stands still for longer than it may is asked again so often: the machine may have had something else to do.
const SECOND_LOOKS: usize = 2;
/// The longest that a survivor may stand still after a kill.
pub(crate) const LONGEST_STALL: Duration = Duration::from_millis(150);

/// Who carries out the units of work.
pub(crate) struct Worker<'a> {
    pub(crate) scenarios: &'a [Box<dyn Scenario>],
    pub(crate) desk: &'a Desk,
    pub(crate) number: usize,
    /// Descriptors that are open when it begins: as many as are open after each unit.
    pub(crate) descriptors: usize,
}

impl Worker<'_> {
    /// Takes unit after unit, until none is left.
    pub(crate) fn work(&self, units: &[Unit]) {
        while let Some((number, unit)) = self.desk.take(units) {
            let scenario = &*self.scenarios[unit.scenario];
            let mut done = Done::default();
            if scenario.walkers() == 2 {
                self.pairs(number, scenario, unit, &mut done);
            } else {
                self.singles(number, scenario, unit, &mut done);
            }
            let open = open_descriptors();
            if open != self.descriptors {
                self.tell_fault(
                    scenario,
                    &[],
                    format!("{} descriptors were open before, now {open}", self.descriptors),
                );
            }
            self.desk.tell(&Told::Done {
                scenario: unit.scenario,
                kills: done.kills,
                cases: unit.part(done.cases),
                length: done.length,
                stall: done.stall,
                late: done.late,
            });
        }
    }

    fn singles(&self, unit_number: usize, scenario: &dyn Scenario, unit: &Unit, done: &mut Done) {
        let Some((course, whole)) = self.survey(unit_number, scenario, None, done) else { return };
        done.cases = course.length + 1;
        let mut least = 0;
        let points = unit.points(course.length, 1).into_iter();
        for instructions in points.filter(|place| !unit.is_thinned() || course.is_due(*place)) {
            let walks = vec![Walk::behind(instructions, &course)];
            let Some(played) = self.play(unit_number, scenario, walks, &[instructions], done) else { continue };
            self.judge(scenario, &[instructions], played, &mut least, whole);
        }
    }

    fn pairs(&self, unit_number: usize, scenario: &dyn Scenario, unit: &Unit, done: &mut Done) {
        let nowhere = Course::default();
        let walks = vec![Walk::survey(), Walk::behind(0, &nowhere)];
        let Some((first, _)) = self.surveyed(unit_number, scenario, walks, 0, done) else { return };
        let places = if scenario.first_is_dead() {
            unit.of(&first.distinguishable())
        } else {
            unit.points(first.length, scenario.stride())
        };
        let all = if scenario.first_is_dead() { first.distinguishable().len() as u64 } else { first.length + 1 };
        for place in places {
            let Some((second, whole)) = self.survey(unit_number, scenario, Some((place, &first)), done) else {
                continue;
            };
            // About: the second's length may depend on where the first was left.
            done.cases = done.cases.max(all * (second.length + 1));
            let mut least = 0;
            for other in unit.inner_points(second.length, scenario.stride()) {
                let walks = vec![Walk::behind(place, &first), Walk::behind(other, &second)];
                let case = [place, other];
                let Some(played) = self.play(unit_number, scenario, walks, &case, done) else { continue };
                self.judge(scenario, &case, played, &mut least, whole);
            }
        }
    }

    /// Lets the last walker walk to its end, and the one before it so far.
    fn survey(
        &self,
        unit: usize,
        scenario: &dyn Scenario,
        first: Option<(u64, &Course)>,
        done: &mut Done,
    ) -> Option<(Course, u64)> {
        let mut walks: Vec<Walk<'_>> = first.iter().map(|(place, course)| Walk::behind(*place, course)).collect();
        walks.push(Walk::survey());
        let last = walks.len() - 1;
        self.surveyed(unit, scenario, walks, last, done)
    }

    /// The course of this walker, and how much is done at its end.
    fn surveyed<'w>(
        &self,
        unit: usize,
        scenario: &dyn Scenario,
        mut walks: Vec<Walk<'w>>,
        which: usize,
        done: &mut Done,
    ) -> Option<(Course, u64)> {
        let numbers = vec![Case::END; walks.len()];
        let played = self.attempt(unit, scenario, &mut walks, &numbers)?;
        done.kills += played.kills;
        let course = walks.swap_remove(which).course();
        done.length = done.length.max(course.length);
        Some((course, played.progress))
    }

    /// One case. A survivor that stood still for too long does so again, or it was the machine.
    fn play(
        &self,
        unit: usize,
        scenario: &dyn Scenario,
        walks: Vec<Walk<'_>>,
        numbers: &[u64],
        done: &mut Done,
    ) -> Option<Played> {
        let again: Vec<_> = walks.iter().map(Walk::again).collect();
        let mut walks = walks;
        let played = self.attempt(unit, scenario, &mut walks, numbers)?;
        done.kills += played.kills;
        done.stall = done.stall.max(played.stall);
        if played.stall <= LONGEST_STALL {
            return Some(played);
        }
        done.late += 1;
        for _ in 0..SECOND_LOOKS {
            let mut walks: Vec<_> = again.iter().map(Walk::again).collect();
            let played = self.attempt(unit, scenario, &mut walks, numbers)?;
            done.kills += played.kills;
            if played.stall <= LONGEST_STALL {
                return Some(played);
            }
        }
        self.tell_fault(scenario, numbers, format!("a survivor stood still for {:?}, each time", played.stall));
        None
    }

    /// Nothing is taken back by a later kill, and nothing shows half-done that is to be whole.
    fn judge(&self, scenario: &dyn Scenario, numbers: &[u64], played: Played, least: &mut u64, whole: u64) {
        let Played { progress, .. } = played;
        if progress < *least {
            self.tell_fault(
                scenario,
                numbers,
                format!("{progress} are done; after an earlier kill {least} were, which is taken back"),
            );
        }
        if progress > whole || scenario.is_whole() && ![0, whole].contains(&progress) {
            self.tell_fault(scenario, numbers, format!("{progress} are done, of an operation that does {whole}"));
        }
        *least = (*least).max(progress);
    }

    fn attempt(&self, unit: usize, scenario: &dyn Scenario, walks: &mut [Walk<'_>], numbers: &[u64]) -> Option<Played> {
        self.desk.note(self.number, unit, numbers);
        // SAFETY: takes an integer; a process that hangs is ended by the signal, which is not handled.
        unsafe { libc::alarm(LONGEST_CASE_SECONDS) };
        let played = catch_unwind(AssertUnwindSafe(|| scenario.play(walks))).ok();
        if let Some(played) = played {
            self.desk.kills.fetch_add(played.kills, Relaxed);
            if !walks.iter().any(Walk::is_lost) {
                return Some(played);
            }
            for walk in &mut *walks {
                *walk = walk.again_on_foot();
            }
            let mut found = self.attempt(unit, scenario, walks, numbers)?;
            found.kills += played.kills;
            return Some(found);
        }
        let said = format!("{}{}", whereabouts::of_all(walks), last_words::take());
        self.tell_fault(scenario, numbers, said);
        None
    }

    fn tell_fault(&self, scenario: &dyn Scenario, numbers: &[u64], said: String) {
        let case = Case { scenario: scenario.name().to_owned(), instructions: numbers.to_vec() };
        self.desk.tell(&Told::Fault { case: case.to_string(), said });
    }
}

/// What came of a unit of work.
#[derive(Default)]
struct Done {
    kills: u64,
    /// How many cases the scenario has.
    cases: u64,
    length: u64,
    stall: Duration,
    late: u64,
}

/// How many descriptors this process has open, one more than it seems: the one that looks.
pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
