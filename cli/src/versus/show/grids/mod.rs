//! The tables, before anybody has decided how they look: on a terminal and on a page they hold the same.

mod flows;
mod glance;
mod load;
mod notes;
mod trips;

use super::view::{Kind, Lane, View};

pub(super) use glance::champions;
pub(super) use notes::missing;

/// One table.
pub(super) struct Grid {
    pub(super) title: String,
    /// How to read it.
    pub(super) about: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

/// What one column holds.
pub(super) struct Column {
    pub(super) heading: String,
    /// Names stand to the left. Figures stand to the right, so that their digits line up.
    pub(super) names: bool,
    /// Where there is no room for all columns, the one that is worth least goes first. Those worth [`KEPT`] never do.
    pub(super) worth: u8,
}

/// What a column is worth that is never left out.
pub(super) const KEPT: u8 = u8::MAX;

/// What is said of one transport.
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) cells: Vec<Cell>,
}

/// One figure or name.
pub(super) struct Cell {
    pub(super) text: String,
    /// What stands in brackets behind it where there is room.
    pub(super) aside: Option<String>,
    /// What stands for it where there is none.
    pub(super) short: Option<String>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell { text, aside: None, short: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::from(text.to_owned())
    }
}

impl Cell {
    fn with_aside(text: String, aside: Option<String>) -> Self {
        Cell { aside, ..Cell::from(text) }
    }

    /// With all that there is room for.
    pub(super) fn long(&self) -> String {
        match &self.aside {
            Some(aside) => format!("{} ({aside})", self.text),
            None => self.text.clone(),
        }
    }

    /// In as little room as it can do with.
    pub(super) fn brief(&self) -> &str {
        self.short.as_deref().unwrap_or(&self.text)
    }
}

fn name(heading: &str, worth: u8) -> Column {
    Column { heading: heading.to_owned(), names: true, worth }
}

fn figure(heading: impl Into<String>, worth: u8) -> Column {
    Column { heading: heading.into(), names: false, worth }
}

/// The first two columns of a table that has a row for each transport and way of waiting.
fn lane_columns() -> Vec<Column> {
    vec![name("transport", KEPT), name("wait", KEPT)]
}

fn lane_cells(lane: &Lane) -> Vec<Cell> {
    vec![lane.transport.into(), lane.wait.into()]
}

/// A table with sizes as columns. The larger ones are left out first, but the largest last of them: it is the other end of the scale.
fn size_columns(sizes: &[usize]) -> impl Iterator<Item = Column> {
    let last = sizes.len().saturating_sub(1);
    sizes.iter().enumerate().map(move |(place, &bytes)| {
        let worth = if place == last { 150 } else { 149 - u8::try_from(place).unwrap_or(99).min(99) };
        figure(rondel_baselines::display_bytes(bytes), worth)
    })
}

/// All tables of a run, in the order in which they are shown. One that would have no rows is not among them.
pub(super) fn all(view: &View) -> Vec<Grid> {
    let mut grids: Vec<Grid> = Vec::new();
    grids.extend(glance::grid(view));
    grids.extend(trips::one_size(view));
    grids.extend(trips::by_size(view));
    grids.extend(flows::by_size(view));
    grids.extend(flows::cost(view));
    grids.extend(flows::bytes_by_size(view));
    grids.extend(flows::handover(view));
    grids.extend(flows::batches(view));
    grids.extend(flows::crowds(view));
    grids.extend(load::overview(view));
    grids.extend(load::each_rate(view));
    grids.retain(|grid| !grid.rows.is_empty());
    grids
}
