//! The tables on a terminal, or wherever its output is sent.

use super::super::record::{About, Record, Run};
use super::digits::time;
use super::grids::{self, Grid, KEPT};
use super::view::{Kind, View};
use anstyle::Style;
use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent};
use std::io::{self, IsTerminal, Write};

/// Where the tables go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// None where lines may be as long as they are.
    pub(crate) width: Option<u16>,
    pub(crate) colours: bool,
}

impl Terminal {
    /// What stdout is. Whether it gets colours is asked in the usual ways: `NO_COLOR`, `TERM=dumb`, `CLICOLOR_FORCE` and so on.
    pub(crate) fn of_stdout() -> Self {
        let out = io::stdout();
        let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten();
        Terminal {
            width: size.map(|size| size.ws_col).filter(|columns| *columns > 0),
            colours: anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never,
        }
    }

    /// A text in a style, where there are styles.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.colours && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Lines no longer than this terminal is wide, broken between words.
    pub(super) fn paragraph(&self, text: &str) -> String {
        self.rows(vec![vec![text.to_owned()]])
    }

    /// Names, and beside each what is said of it.
    fn rows(&self, rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING).add_rows(rows.iter().map(|row| row.iter().map(|text| clean(text))));
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if place == 0 { 2 } else { 0 }));
        }
        if let Some(width) = self.width {
            table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.trim_fmt()
    }
}

/// What a file says goes to a terminal, to which some characters are orders.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { char::REPLACEMENT_CHARACTER } else { one }).collect()
}

pub(super) const HEADING: Style = Style::new().bold();
pub(super) const FAINT: Style = Style::new().dimmed();

/// Colours are few: rondel's rows are what this is about, and floors are no means of communication.
fn style(kind: Kind) -> Style {
    match kind {
        Kind::Rondel => Style::new().bold().fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Cyan))),
        Kind::Floor => FAINT,
        _ => Style::new(),
    }
}

pub(crate) fn write(out: &mut impl Write, run: &Run, terminal: &Terminal) -> io::Result<()> {
    let view = View::of(run);
    for (place, line) in describe(&view).into_iter().enumerate() {
        let style = if place == 0 { HEADING } else { Style::new() };
        for line in terminal.paragraph(&line).lines() {
            writeln!(out, "{}", terminal.paint(style, line))?;
        }
    }
    for grid in grids::all(&view) {
        writeln!(out)?;
        write_grid(out, &grid, terminal)?;
    }
    let missing = grids::missing(&view);
    if !missing.is_empty() {
        writeln!(out, "\n{}", terminal.paint(HEADING, "Not measured"))?;
        let rows = missing.into_iter().map(|missing| vec![missing.who, missing.why]).collect();
        writeln!(out, "{}", terminal.rows(rows))?;
    }
    if !run.about.transports.is_empty() {
        writeln!(out, "\n{}", terminal.paint(HEADING, "What each is"))?;
        let told = |about: &super::super::record::AboutTransport| vec![about.name.clone(), about.told()];
        writeln!(out, "{}", terminal.rows(run.about.transports.iter().map(told).collect()))?;
    }
    Ok(())
}

impl super::super::record::AboutTransport {
    /// What is set up, and what this machine grants of it.
    pub(super) fn told(&self) -> String {
        match &self.granted {
            Some(granted) => format!("{}; here {granted}", self.note),
            None => self.note.clone(),
        }
    }
}

/// On what machine and how: first the machine, and then a sentence or two a line.
pub(super) fn describe(view: &View) -> Vec<String> {
    let about = &view.run.about;
    let mut lines = vec![machine(about), method(about)];
    if view.measured(Record::is_crowd).next().is_some() {
        let cores: Vec<String> = about.cores.iter().map(usize::to_string).collect();
        lines.push(format!("Where many send and receive, they are spread over cores {}.", cores.join(", ")));
    }
    lines
}

pub(super) fn machine(about: &About) -> String {
    let About { processor, kernel, near, far, .. } = about;
    format!("{processor} · {kernel} · cores {near} and {far} ({})", placement(about))
}

/// How close the two cores are, in words.
pub(super) fn placement(about: &About) -> &str {
    match about.placement.as_str() {
        "same-core" => "one and the same: the two sides take turns",
        "smt-siblings" => "two threads of one physical core: expect other figures than between cores",
        "same-l3" => "different cores, one L3 cache",
        "same-socket" => "one socket, different L3 caches",
        "across" => "different sockets",
        "unknown" => "their relation is not known",
        other => other,
    }
}

pub(super) fn method(about: &About) -> String {
    let repetitions = match about.repetitions {
        1 => "one repetition".to_owned(),
        many => format!("{many} repetitions in turn"),
    };
    format!(
        "rondel {}, {}. Two sides, each pinned to its core; {repetitions} of {} each after {} of warm-up; the medians are shown. Clock: \
         {} (a reading takes {}, which each round trip includes; the two cores' may lie {} apart). Every message was checked on arrival.",
        about.rondel,
        about.date,
        time(about.measured_ms * 1e6),
        time(about.warm_up_ms * 1e6),
        about.clock,
        time(about.clock_reading_ns),
        time(about.clock_skew_ns),
    )
}

/// A table, its title, and how to read it.
pub(super) fn write_grid(out: &mut impl Write, grid: &Grid, terminal: &Terminal) -> io::Result<()> {
    for line in terminal.paragraph(&grid.title).lines() {
        writeln!(out, "{}", terminal.paint(HEADING, line))?;
    }
    let (drawn, left_out) = fit(grid, terminal.width);
    // A table is framed by three lines, its heading between the first two; the rest are rows, a line each.
    for (place, line) in drawn.lines().enumerate() {
        let row = place.checked_sub(3).and_then(|place| grid.rows.get(place));
        let style = match (place, row) {
            (1, _) => HEADING,
            (_, Some(row)) => style(row.kind),
            _ => FAINT,
        };
        writeln!(out, "{}", terminal.paint(style, line))?;
    }
    let mut about = grid.about.clone();
    if !left_out.is_empty() {
        about.push_str(&format!(" Left out for want of width: {}.", left_out.join(", ")));
    }
    writeln!(out, "{}", terminal.paragraph(&about))
}

/// The table as wide as there is room for: first without what stands in brackets, and then without the columns that are worth least.
/// Says which those are.
fn fit(grid: &Grid, width: Option<u16>) -> (String, Vec<&str>) {
    let all: Vec<usize> = (0..grid.columns.len()).collect();
    let whole = draw(grid, &all, false);
    let Some(width) = width.map(usize::from) else {
        return (whole, vec![]);
    };
    if columns_of(&whole) <= width {
        return (whole, vec![]);
    }
    let mut shown = all.clone();
    let mut drawn = draw(grid, &shown, true);
    while columns_of(&drawn) > width {
        let worst = shown.iter().enumerate().min_by_key(|(_, column)| grid.columns[**column].worth);
        match worst {
            Some((place, &column)) if grid.columns[column].worth < KEPT => _ = shown.remove(place),
            // Names alone do not fit: then lines are longer than the terminal is wide, as it is better than letters below each other.
            _ => break,
        }
        drawn = draw(grid, &shown, true);
    }
    let mut left_out: Vec<&str> = Vec::new();
    for &column in all.iter().filter(|column| !shown.contains(column)) {
        let heading = grid.columns[column].heading.as_str();
        if !left_out.contains(&heading) {
            left_out.push(heading);
        }
    }
    (drawn, left_out)
}

fn columns_of(drawn: &str) -> usize {
    // The frame is made of a character a column.
    drawn.lines().next().map_or(0, |line| line.chars().count())
}

fn draw(grid: &Grid, shown: &[usize], brief: bool) -> String {
    let mut table = Table::new();
    // Lines above, below and under the heading; none between the rows, of which there are many.
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .remove_style(TableComponent::HorizontalLines)
        .remove_style(TableComponent::MiddleIntersections)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(shown.iter().map(|&column| clean(&grid.columns[column].heading)));
    for row in &grid.rows {
        table.add_row(shown.iter().map(|&column| {
            row.cells
                .get(column)
                .map_or_else(String::new, |cell| clean(&if brief { cell.brief().to_owned() } else { cell.long() }))
        }));
    }
    for (column, &place) in table.column_iter_mut().zip(shown) {
        let side = if grid.columns[place].names { CellAlignment::Left } else { CellAlignment::Right };
        column.set_cell_alignment(side);
    }
    table.to_string()
}
