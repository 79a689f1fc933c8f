//! One page that tells all of a run. It needs nothing from anywhere: no script, no font, no picture of another file.

use super::super::record::Run;
use super::advice::{advice, headlines};
use super::charts::{Chart, Which, chart, style_sheet, variables};
use super::grids::{self, Grid, missing};
use super::table::{machine, method};
use super::view::{Kind, View, is_flow, is_paced, is_trip};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeSet;

/// The tables that are open when the page is; the others open at a click.
const OPEN: usize = 2;

/// Columns worth less than this are for wide screens.
const SPARE: u8 = 50;

pub(crate) fn page(run: &Run) -> String {
    let view = View::of(run);
    let style = format!("{}\n{}\n{}", variables(), include_str!("page.css"), style_sheet(".chart"));
    let charts: Vec<Chart> = Which::ALL.into_iter().filter_map(|which| chart(&view, which)).collect();
    let mut grids = grids::all(&view).into_iter();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Whatever slips into the page, nothing is fetched and nothing runs.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                link rel="icon" href="data:,";
                title { "rondel versus everything else, " (run.about.date) }
                style { (PreEscaped(style)) }
            }
            body {
                header {
                    h1 { strong { "rondel" } " versus everything else" }
                    p.machine { (machine(&run.about)) }
                    p.method { (method(&run.about)) }
                    (figures(&view))
                }
                main {
                    @if let Some(first) = grids.next() { section { h2 { (first.title) } (table(&first)) } }
                    (when_not(&view))
                    @for chart in &charts { (figure(chart)) }
                    section {
                        h2 { "All figures" }
                        @for (place, grid) in grids.enumerate() {
                            details open[place < OPEN - 1] { summary { h3 { (grid.title) } } (table(&grid)) }
                        }
                    }
                    (not_measured(&view))
                    (what_each_is(run))
                    (again(&view))
                }
            }
        }
    };
    page.into_string()
}

/// The few figures that a reader takes along.
fn figures(view: &View) -> Markup {
    let told = headlines(view);
    html! {
        @if !told.is_empty() {
            ul.headlines { @for (figure, what) in told { li { b { (figure) } " " span { (what) } } } }
        }
    }
}

fn when_not(view: &View) -> Markup {
    let reasons = advice(view);
    html! {
        @if !reasons.is_empty() {
            section.when-not {
                h2 { "When not to use rondel" }
                ul { @for reason in reasons { li { strong { (reason.when) } " " (reason.because) } } }
            }
        }
    }
}

fn figure(chart: &Chart) -> Markup {
    html! {
        section {
            h2 { (chart.title) }
            figure.chart {
                div.wide { (PreEscaped(&chart.wide)) }
                div.narrow { (PreEscaped(&chart.narrow)) }
                figcaption { (chart.caption) }
            }
        }
    }
}

fn table(grid: &Grid) -> Markup {
    // What is worth little is not shown on a phone.
    let side = |column: usize| match grid.columns.get(column) {
        Some(column) if column.names => {
            if column.worth < SPARE {
                "name spare"
            } else {
                "name"
            }
        }
        Some(column) if column.worth < SPARE => "figure spare",
        _ => "figure",
    };
    // The dot in a row's colour stands at the transport's name, in whichever column that is.
    let dotted = grid.columns.iter().position(|column| column.heading == "transport").unwrap_or(0);
    html! {
        // A table that is wider than the screen is pushed about by itself; with a keyboard, too.
        div.scroll tabindex="0" role="region" aria-label=(grid.title) {
            table {
                thead { tr { @for (place, column) in grid.columns.iter().enumerate() { th scope="col" class=(side(place)) { (column.heading) } } } }
                tbody {
                    @for row in &grid.rows {
                        tr class=(row.kind.name()) {
                            @for (place, cell) in row.cells.iter().enumerate() {
                                td class=(side(place)) {
                                    @if place == dotted { i.dot aria-hidden="true" {} }
                                    (cell.text)
                                    @if let Some(aside) = &cell.aside { " " small { "(" (aside) ")" } }
                                }
                            }
                        }
                    }
                }
            }
        }
        p.about { (grid.about) }
    }
}

fn not_measured(view: &View) -> Markup {
    let missing = missing(view);
    html! {
        @if !missing.is_empty() {
            section {
                h2 { "Not measured" }
                dl { @for one in missing { div { dt { (one.who) } dd { (one.why) } } } }
            }
        }
    }
}

fn what_each_is(run: &Run) -> Markup {
    let view = View::of(run);
    html! {
        @if !run.about.transports.is_empty() {
            section {
                h2 { "What each is" }
                dl {
                    @for about in &run.about.transports {
                        div class=(view.kind(&about.name).name()) {
                            dt { i.dot aria-hidden="true" {} (about.name) " " small { (about.between) } }
                            dd { (about.told()) }
                        }
                    }
                }
                p.about {
                    "Dots: "
                    @for kind in Kind::ALL.into_iter().filter(|kind| run.about.transports.iter().any(|about| view.kind(&about.name) == *kind)) {
                        span class=(kind.name()) { i.dot aria-hidden="true" {} (kind.meaning()) } " "
                    }
                }
            }
        }
    }
}

/// How to do it again, and how to compare.
fn again(view: &View) -> Markup {
    let about = &view.run.about;
    let tests: BTreeSet<usize> =
        view.sizes(|record| is_trip(record) || is_flow(record) || is_paced(record)).into_iter().collect();
    let sizes: Vec<String> = tests.iter().map(usize::to_string).collect();
    // A file of an older version does not say.
    let command = match about.command.as_str() {
        "" => "cargo run --release -p rondel-cli -- versus",
        command => command,
    };
    html! {
        section {
            h2 { "How to repeat it" }
            p { "In a clone of rondel, on a machine that has nothing else to do:" }
            pre { code {
                (command) " --html report.html\n"
                (command) " --json > run.jsonl\n"
                (command) " --baseline run.jsonl"
            } }
            p.about {
                "The first writes a page like this one, the second keeps the figures, and the third sets a later run beside them. "
                @if !sizes.is_empty() { "Measured were messages of " (sizes.join(", ")) " bytes; " code { "--sizes" } " chooses among them. " }
                "What each figure means, and where its clock starts and stops, is in "
                code { "docs/benchmarking.md" } "."
            }
        }
    }
}
