//! Round trips.

use super::super::digits::{NONE, micros, ratio, spread, three, times};
use super::super::view::{Lane, Manner, Trip, View, is_trip};
use super::{Cell, Grid, KEPT, Row, figure, lane_cells, lane_columns, name, size_columns};
use rondel_baselines::display_bytes;

/// Every figure, of messages of one size. The fastest first, whosever it is.
pub(super) fn one_size(view: &View) -> Option<Grid> {
    let bytes = view.main_size(is_trip)?;
    let mut found: Vec<(Lane, Trip)> = view
        .lanes(|record| is_trip(record) && record.key.payload_bytes == bytes)
        .into_iter()
        .filter_map(|lane| Some((lane, view.trip(lane.transport, lane.wait, bytes)?)))
        .collect();
    found.sort_by(|(_, one), (_, other)| one.p50.total_cmp(&other.p50));
    let mut columns = vec![name("transport", KEPT), name("between", 30), name("wait", KEPT)];
    columns.extend([
        figure("p50", KEPT),
        figure("of repetitions", 20),
        figure("p99", 80),
        figure("p99.9", 60),
        figure("max", 40),
        figure("× floor", 90),
        figure("× pipe", 100),
        figure("× futex", 50),
        figure("CPU-s", 95),
        figure("switches", 70),
    ]);
    Some(Grid {
        title: format!("Round trips, {}, in µs", display_bytes(bytes)),
        about: "× floor: how many times as long as the floor's. × pipe: how many times as fast as the pipe's that sleeps. × futex, of \
                who sleeps: how many times as long as the bare futex's. CPU-s and switches: the processor time and the changes of \
                process that a million of them cost, at both ends together."
            .to_owned(),
        columns,
        rows: found.iter().map(|(lane, trip)| row(view, lane, trip, bytes)).collect(),
    })
}

fn row(view: &View, lane: &Lane, trip: &Trip, bytes: usize) -> Row {
    let futex = view.trip("futex", "park", bytes).map(|futex| futex.p50);
    let to_futex = if lane.manner() == Manner::Sleeps { times(ratio(trip.p50, futex)) } else { NONE.to_owned() };
    let cells: Vec<Cell> = vec![
        lane.transport.into(),
        lane.between.into(),
        lane.wait.into(),
        micros(trip.p50).into(),
        spread(trip.low, trip.high, micros).into(),
        micros(trip.p99).into(),
        micros(trip.p999).into(),
        micros(trip.max).into(),
        times(view.trip_to_floor(trip, bytes)).into(),
        times(view.trip_to_pipe(trip, bytes)).into(),
        to_futex.into(),
        three(trip.cost.cpu_s_per_million).into(),
        three(trip.cost.switches_per_million).into(),
    ];
    Row { kind: lane.kind, cells }
}

/// The medians at all sizes, where there are several.
pub(super) fn by_size(view: &View) -> Option<Grid> {
    let sizes = view.sizes(is_trip);
    if sizes.len() < 2 {
        return None;
    }
    let mut columns = lane_columns();
    columns.extend(size_columns(&sizes));
    let rows = view.lanes(is_trip).into_iter().map(|lane| {
        let mut cells = lane_cells(&lane);
        cells.extend(sizes.iter().map(|&bytes| match view.trip(lane.transport, lane.wait, bytes) {
            Some(trip) => Cell::with_aside(
                micros(trip.p50),
                view.trip_to_pipe(&trip, bytes).map(|times_as_fast| format!("{}×", times(Some(times_as_fast)))),
            ),
            None => NONE.into(),
        }));
        Row { kind: lane.kind, cells }
    });
    Some(Grid {
        title: "Round trips by size, medians in µs".to_owned(),
        about: "In brackets how many times as fast as the pipe's that sleeps, at the same size. Every word is made and checked."
            .to_owned(),
        columns,
        rows: rows.collect(),
    })
}
