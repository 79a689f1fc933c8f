//! Streams without a pause: one at a time, handed over, in batches, and between many.

use super::super::digits::{NONE, millions, or_none, ratio, spread, three, times};
use super::super::view::{Flow, Lane, View, is_batch, is_flow, is_handover};
use super::{Cell, Grid, KEPT, Row, figure, lane_cells, lane_columns, name, size_columns};
use crate::versus::record::{Key, Record, TestName};
use rondel_baselines::display_bytes;
use std::collections::BTreeSet;

pub(super) fn by_size(view: &View) -> Option<Grid> {
    grid_by_size(
        view,
        is_flow,
        TestName::Throughput,
        "Throughput by size, million messages a second",
        "In brackets how many times as many as through the pipe that sleeps, at the same size. Every word is made and checked.",
        |flow| millions(flow.rate),
        true,
    )
}

pub(super) fn bytes_by_size(view: &View) -> Option<Grid> {
    grid_by_size(
        view,
        is_flow,
        TestName::Throughput,
        "Throughput by size, GB a second",
        "The same streams. Where a row grows no more, memory is the limit, and no other transport will help.",
        |flow| three(flow.bytes / 1e9),
        false,
    )
}

pub(super) fn handover(view: &View) -> Option<Grid> {
    grid_by_size(
        view,
        is_handover,
        TestName::Handover,
        "Handing over by size, million messages a second",
        "Messages lie ready in a private buffer and are received into another that nobody reads: what the transport itself takes.",
        |flow| millions(flow.rate),
        true,
    )
}

fn grid_by_size(
    view: &View,
    which: fn(&Record) -> bool,
    test: TestName,
    title: &str,
    about: &str,
    write: impl Fn(&Flow) -> String,
    beside_pipe: bool,
) -> Option<Grid> {
    let sizes = view.sizes(which);
    if sizes.is_empty() {
        return None;
    }
    let mut columns = lane_columns();
    columns.extend(size_columns(&sizes));
    let rows = view.lanes(which).into_iter().map(|lane| {
        let mut cells = lane_cells(&lane);
        cells.extend(sizes.iter().map(|&bytes| match view.flow(lane.transport, lane.wait, test, bytes) {
            Some(flow) => {
                let to_pipe = if beside_pipe { view.flow_to_pipe(&flow, test, bytes) } else { None };
                Cell::with_aside(write(&flow), to_pipe.map(|to_pipe| format!("{}×", times(Some(to_pipe)))))
            }
            None => NONE.into(),
        }));
        Row { kind: lane.kind, cells }
    });
    Some(Grid { title: title.to_owned(), about: about.to_owned(), columns, rows: rows.collect() })
}

/// What a stream costs, so that no one thinks that spinning is free.
pub(super) fn cost(view: &View) -> Option<Grid> {
    let bytes = view.main_size(is_flow)?;
    let mut columns = lane_columns();
    columns.extend([
        figure("M/s", KEPT),
        figure("of repetitions", 20),
        figure("CPU-s", 200),
        figure("cores busy", 150),
        figure("switches", 140),
        figure("× pipe, CPU-s", 50),
    ]);
    let pipe = view.flow("pipe", "park", TestName::Throughput, bytes).map(|flow| flow.cost.cpu_s_per_million);
    let rows = view.lanes(is_flow).into_iter().filter_map(|lane| {
        let flow = view.flow(lane.transport, lane.wait, TestName::Throughput, bytes)?;
        let mut cells = lane_cells(&lane);
        cells.extend([
            millions(flow.rate).into(),
            spread(flow.low, flow.high, millions).into(),
            three(flow.cost.cpu_s_per_million).into(),
            Cell::from(format!("{:.2}", flow.cost.cpu_s_per_million * flow.rate / 1e6)),
            three(flow.cost.switches_per_million).into(),
            times(ratio(flow.cost.cpu_s_per_million, pipe)).into(),
        ]);
        Some(Row { kind: lane.kind, cells })
    });
    Some(Grid {
        title: format!("What a stream costs, {}", display_bytes(bytes)),
        about: "Of a million messages, both ends together: seconds of processor time, and how often a core was given to somebody else. \
                Cores busy: how many were at work on average. Who spins keeps them busy even when nothing comes."
            .to_owned(),
        columns,
        rows: rows.collect(),
    })
}

pub(super) fn batches(view: &View) -> Option<Grid> {
    let shapes: BTreeSet<(usize, usize)> =
        view.measured(is_batch).filter_map(|record| Some((record.key.payload_bytes, record.key.batch?))).collect();
    if shapes.is_empty() {
        return None;
    }
    let flow = |lane: &Lane, bytes: usize, batch: usize| {
        view.record(&Key {
            batch: Some(batch),
            ..super::super::view::key(lane.transport, lane.wait, TestName::Throughput, bytes)
        })?
        .flow()
    };
    let mut columns = lane_columns();
    let worth = |place: usize| 149 - u8::try_from(place).unwrap_or(99).min(99);
    columns.extend(
        shapes
            .iter()
            .enumerate()
            .map(|(place, (bytes, batch))| figure(format!("{batch} × {}", display_bytes(*bytes)), worth(place))),
    );
    let rows = view.lanes(is_batch).into_iter().map(|lane| {
        let mut cells = lane_cells(&lane);
        cells.extend(shapes.iter().map(|&(bytes, batch)| match flow(&lane, bytes, batch) {
            Some(found) => {
                let pipes =
                    view.lanes(is_batch).into_iter().find(|lane| lane.transport == "pipe" && lane.wait == "park");
                let pipe = pipes.and_then(|pipe| flow(&pipe, bytes, batch)).map(|pipe| pipe.rate);
                Cell::with_aside(millions(found.rate), ratio(found.rate, pipe).map(|r| format!("{}×", times(Some(r)))))
            }
            None => NONE.into(),
        }));
        Row { kind: lane.kind, cells }
    });
    Some(Grid {
        title: "In batches, million messages a second".to_owned(),
        about: "At the head of a column how many messages go in one call, and of what size. In brackets how many times as many as \
                through the pipe that sleeps, in batches too."
            .to_owned(),
        columns,
        rows: rows.collect(),
    })
}

pub(super) fn crowds(view: &View) -> Option<Grid> {
    let mut found: Vec<&Record> = view.measured(Record::is_crowd).collect();
    let shape = |key: &Key| (key.payload_bytes, key.producers, key.consumers);
    // Stable: within one shape the run's own order stays.
    found.sort_by_key(|record| shape(&record.key));
    if found.is_empty() {
        return None;
    }
    let to_queue = |record: &Record, rate: f64| {
        let like = |other: &&&Record| {
            other.key.transport == "array-queue" && other.key.batch.is_none() && shape(&other.key) == shape(&record.key)
        };
        ratio(rate, found.iter().find(like).and_then(|other| other.flow()).map(|flow| flow.rate))
    };
    let rows = found.iter().filter_map(|record| {
        let flow = record.flow()?;
        let key = &record.key;
        let lane = view.lane(record);
        let cells: Vec<Cell> = vec![
            format!("{}p{}c", key.producers.unwrap_or(1), key.consumers.unwrap_or(1)).into(),
            display_bytes(key.payload_bytes).into(),
            lane.transport.into(),
            lane.between.into(),
            lane.wait.into(),
            or_none(key.batch.map(|batch| batch as f64), |batch| batch.to_string()).into(),
            millions(flow.rate).into(),
            spread(flow.low, flow.high, millions).into(),
            times(to_queue(record, flow.rate)).into(),
            three(flow.cost.cpu_s_per_million).into(),
        ];
        Some(Row { kind: lane.kind, cells })
    });
    let rows = rows.collect();
    Some(Grid {
        title: "Many to many, million messages a second through all consumers together".to_owned(),
        about: "2p2c: two send and two receive. Ratios are to array-queue between as many, one at a time: it has no batches.".to_owned(),
        columns: vec![
            name("many", KEPT),
            name("bytes", 30),
            name("transport", KEPT),
            name("between", 40),
            name("wait", KEPT),
            figure("batch", 150),
            figure("M/s", KEPT),
            figure("of repetitions", 20),
            figure("× array-queue", 140),
            figure("CPU-s", 130),
        ],
        rows,
    })
}
