//! What came of all the kills.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::crew::Told;
use super::scenario::Scenario;
use super::worker::LONGEST_STALL;

/// So many faults of a scenario are told, the others counted.
const MOST_OF_ONE_SCENARIO: u64 = 2;
/// Of so many scenarios.
const MOST_SCENARIOS: usize = 12;

/// The ring and the operation, with which a scenario's name begins.
pub(super) fn operation(name: &str) -> String {
    name.split('/').take(2).collect::<Vec<_>>().join("/")
}

/// Sums, by the operation.
#[derive(Serialize)]
pub(crate) struct Account {
    /// All the scenarios were gone through; if not, somebody has interrupted it.
    complete: bool,
    kills: u64,
    /// In parts that were interrupted; in no sum.
    kills_under_way: u64,
    /// How many cases there are, with no step and no sample; of two victims about so many.
    cases: u64,
    faults: u64,
    /// How many each scenario has, where there are any.
    faulty_scenarios: BTreeMap<String, u64>,
    longest_stall_millis: f64,
    /// Stalls beyond the bound that did not come again when the case was repeated.
    late: u64,
    operations: BTreeMap<String, Sum>,
    /// Which operation a scenario belongs to.
    #[serde(skip)]
    names: Vec<String>,
}

#[derive(Default, Serialize)]
struct Sum {
    kills: u64,
    /// How many cases there are, with no step and no sample; of two victims about so many.
    cases: u64,
    scenarios: u64,
    /// Instructions of the longest scenario.
    longest: u64,
    #[serde(skip)]
    stall: Duration,
    stall_millis: f64,
    late: u64,
}

impl Account {
    pub(crate) fn new(scenarios: &[Box<dyn Scenario>]) -> Self {
        let names: Vec<String> = scenarios.iter().map(|scenario| operation(scenario.name())).collect();
        let mut operations: BTreeMap<String, Sum> = BTreeMap::new();
        for name in &names {
            operations.entry(name.clone()).or_default().scenarios += 1;
        }
        let faulty_scenarios = BTreeMap::new();
        Self {
            complete: true,
            kills: 0,
            kills_under_way: 0,
            cases: 0,
            faults: 0,
            faulty_scenarios,
            longest_stall_millis: 0.0,
            late: 0,
            operations,
            names,
        }
    }

    /// Counts a fault; whether it is one that is to be told: a broken promise shows at thousands of instructions.
    pub(crate) fn fault(&mut self, case: &str) -> bool {
        self.faults += 1;
        let scenario = case.split('@').next().unwrap_or(case);
        let faults = self.faulty_scenarios.entry(scenario.to_owned()).or_default();
        *faults += 1;
        *faults <= MOST_OF_ONE_SCENARIO && self.faulty_scenarios.len() <= MOST_SCENARIOS
    }

    /// Somebody has asked for the end before it, after so many kills.
    pub(crate) fn interrupted(&mut self, kills: u64) {
        self.complete = false;
        self.kills_under_way = kills.saturating_sub(self.kills);
    }

    pub(crate) fn add(&mut self, told: Told) {
        let Told::Done { scenario, kills, cases, length, stall, late } = told else { return };
        let millis = stall.as_secs_f64() * 1e3;
        let Some(sum) = self.names.get(scenario).and_then(|name| self.operations.get_mut(name)) else { return };
        sum.kills += kills;
        sum.cases += cases;
        self.cases += cases;
        sum.longest = sum.longest.max(length);
        sum.stall = sum.stall.max(stall);
        sum.stall_millis = sum.stall_millis.max(millis);
        sum.late += late;
        self.kills += kills;
        self.late += late;
        self.longest_stall_millis = self.longest_stall_millis.max(millis);
    }

    pub(crate) fn faults(&self) -> u64 {
        self.faults
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.faults == 0
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        table.set_header(["operation", "scenarios", "instructions, at most", "cases", "kills", "longest stall"]);
        for (name, sum) in &self.operations {
            table.add_row([
                name.clone(),
                sum.scenarios.to_string(),
                sum.longest.to_string(),
                sum.cases.to_string(),
                sum.kills.to_string(),
                format!("{:.1} ms", sum.stall_millis),
            ]);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        writeln!(f, "{table}\n")?;
        for (scenario, faults) in self.faulty_scenarios.iter().take(MOST_SCENARIOS) {
            writeln!(f, "{faults} faults of {scenario}")?;
        }
        if let Some(others) = self.faulty_scenarios.len().checked_sub(MOST_SCENARIOS).filter(|others| *others > 0) {
            writeln!(f, "and faults of {others} other scenarios: --json names them all")?;
        }
        if !self.complete {
            let kills = self.kills_under_way;
            writeln!(f, "INTERRUPTED: the account is of what was done until then; {kills} kills more were under way")?;
        }
        let survived =
            if self.is_clean() { "all of them survived".to_owned() } else { format!("{} FAULTS", self.faults) };
        writeln!(
            f,
            "{} cases, {} kills, {survived}; longest stall {:.1} ms",
            self.cases, self.kills, self.longest_stall_millis
        )?;
        if self.late > 0 {
            let bound = LONGEST_STALL.as_millis();
            writeln!(
                f,
                "{} stalls of more than {bound} ms, none of which came again: the machine was busy",
                self.late
            )?;
        }
        Ok(())
    }
}
