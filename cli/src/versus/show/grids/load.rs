//! Delays of messages that are sent when their time has come.

use super::super::digits::{micros, or_none, percent, rate, spread, three};
use super::super::view::{Delays, Lane, View, is_paced};
use super::{Cell, Grid, KEPT, Row, figure, lane_cells, lane_columns};
use rondel_baselines::display_bytes;

/// The size that is shown: there is but one, as a rule.
fn size(view: &View) -> Option<usize> {
    view.main_size(is_paced)
}

fn delays(view: &View, lane: &Lane, bytes: usize, rate: u64) -> Option<Delays> {
    view.delays(lane.transport, lane.wait, bytes, rate)
}

/// In place of a delay that never stops growing.
fn behind(delays: &Delays) -> Cell {
    let arrived = rate(delays.arrived);
    Cell { short: Some(format!("✗ {arrived}")), ..Cell::from(format!("cannot keep up: {arrived}")) }
}

/// A column for each rate.
pub(super) fn overview(view: &View) -> Option<Grid> {
    let bytes = size(view)?;
    let rates = view.rates();
    let mut columns = lane_columns();
    // The highest rates tell transports apart; so the lowest go first.
    columns.extend(
        rates
            .iter()
            .enumerate()
            .map(|(place, &asked)| figure(rate(asked as f64), 100 + u8::try_from(place).unwrap_or(99).min(99))),
    );
    let rows = view.lanes(|record| is_paced(record) && record.key.payload_bytes == bytes).into_iter().map(|lane| {
        let mut cells = lane_cells(&lane);
        cells.extend(rates.iter().map(|&asked| match delays(view, &lane, bytes, asked) {
            Some(found) if found.kept_up() => Cell {
                short: Some(micros(found.p50)),
                ..Cell::from(format!("{} / {}", micros(found.p50), or_none(found.p99, micros)))
            },
            Some(found) => behind(&found),
            None => super::super::digits::NONE.into(),
        }));
        Row { kind: lane.kind, cells }
    });
    Some(Grid {
        title: format!("Under load, {}: delay one way in µs, p50 / p99, by messages a second", display_bytes(bytes)),
        about: "From the moment at which a message was due to its arrival, so that one that is sent late counts as late. Cannot keep up \
                (✗): less than 95 % of what was to be sent arrived; beside it how much did, and its delay would only tell how long was measured."
            .to_owned(),
        columns,
        rows: rows.collect(),
    })
}

/// A table for each rate.
pub(super) fn each_rate(view: &View) -> Vec<Grid> {
    let Some(bytes) = size(view) else {
        return vec![];
    };
    view.rates().into_iter().map(|asked| one_rate(view, bytes, asked)).collect()
}

fn one_rate(view: &View, bytes: usize, asked: u64) -> Grid {
    let mut found: Vec<(Lane, Delays)> = view
        .lanes(|record| is_paced(record) && record.key.payload_bytes == bytes)
        .into_iter()
        .filter_map(|lane| Some((lane, delays(view, &lane, bytes, asked)?)))
        .collect();
    // By the median; who cannot keep up behind all that can, the best of them first.
    let rank = |delays: &Delays| if delays.kept_up() { (0, delays.p50) } else { (1, -delays.arrived) };
    found.sort_by(|(_, one), (_, other)| {
        let (one, other) = (rank(one), rank(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    let mut columns = lane_columns();
    columns.extend([
        figure("p50", KEPT),
        figure("of repetitions", 20),
        figure("p99", 150),
        figure("p99.9", 140),
        figure("p99.99", 70),
        figure("max", 80),
        figure("receiver's CPU", 130),
        figure("switches", 30),
    ]);
    let rows = found.iter().map(|(lane, delays)| {
        let mut cells = lane_cells(lane);
        if delays.kept_up() {
            cells.push(micros(delays.p50).into());
            cells.push(spread(delays.low, delays.high, micros).into());
            cells.extend([delays.p99, delays.p999, delays.p9999].map(|delay| or_none(delay, micros).into()));
            cells.push(micros(delays.max).into());
        } else {
            cells.push(behind(delays));
            cells.extend((0..5).map(|_| super::super::digits::NONE.into()));
        }
        cells.push(percent(delays.share()).into());
        cells.push(three(delays.cost.switches_per_million).into());
        Row { kind: lane.kind, cells }
    });
    Grid {
        title: format!("Under load, {}, {}: delay one way in µs", display_bytes(bytes), rate(asked as f64)),
        about: "A percentile of which there were too few messages has no figure. The processor time is the receiver's alone, as a share of \
                one core; switches are for a million messages."
            .to_owned(),
        columns,
        rows: rows.collect(),
    }
}
