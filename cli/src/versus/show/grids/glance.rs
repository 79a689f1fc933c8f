//! The first table: how much faster than a pipe, how near to the floor, and what it costs.

use super::super::digits::{micros, millions, or_none, ratio, three, times};
use super::super::view::{Kind, Lane, Manner, Trip, View, is_flow, is_trip};
use super::{Cell, Column, Grid, KEPT, Row, figure, name};
use crate::versus::record::TestName;
use rondel_baselines::display_bytes;

/// A transport that stands for those like it, or for itself.
pub(in super::super) struct Champion<'a> {
    pub(in super::super) transport: &'a str,
    pub(in super::super) kind: Kind,
    /// Why it is among them.
    pub(in super::super) standing: &'static str,
}

/// Those that a newcomer wants to see beside each other: the floors, rondel's rings, the pipe, and of all others the fastest of each kind.
pub(in super::super) fn champions<'a>(view: &View<'a>) -> Vec<Champion<'a>> {
    let Some(bytes) = view.main_size(is_trip).or_else(|| view.main_size(is_flow)) else {
        return vec![];
    };
    let mut lanes: Vec<Lane<'a>> = Vec::new();
    for lane in view.lanes(|record| (is_trip(record) || is_flow(record)) && record.key.payload_bytes == bytes) {
        if !lanes.iter().any(|one| one.transport == lane.transport) {
            lanes.push(lane);
        }
    }
    let mut chosen: Vec<Champion> = Vec::new();
    let mut choose = |standing, one: Option<&Lane<'a>>| {
        if let Some(&Lane { transport, kind, .. }) = one {
            chosen.push(Champion { transport, kind, standing });
        }
    };
    let fastest = |is: &dyn Fn(&Lane) -> bool| {
        let those = lanes.iter().filter(|lane| lane.transport != "pipe" && is(lane));
        those.min_by(|one, other| speed(view, one, bytes).total_cmp(&speed(view, other, bytes)))
    };
    for floor in lanes.iter().filter(|lane| lane.kind == Kind::Floor) {
        choose("floor", Some(floor));
    }
    for ring in lanes.iter().filter(|lane| lane.kind == Kind::Rondel) {
        choose("rondel", Some(ring));
    }
    let peers = |threads: bool| {
        move |lane: &Lane| matches!(lane.kind, Kind::Peer | Kind::Other) && (lane.between == "threads") == threads
    };
    choose("fastest crate, processes", fastest(&peers(false)));
    choose("fastest crate, threads", fastest(&peers(true)));
    choose("fastest with a lock", fastest(&|lane| lane.kind == Kind::Guarded));
    choose("kernel", lanes.iter().find(|lane| lane.transport == "pipe"));
    choose("kernel, fastest other", fastest(&|lane| lane.kind == Kind::Kernel));
    chosen
}

/// What one is judged by among its like: its shortest round trip, or the time between two messages where none was measured. Shorter first.
fn speed(view: &View, lane: &Lane, bytes: usize) -> f64 {
    let trip = best_trip(view, lane.transport, bytes, |_| true).map(|trip| trip.p50);
    let flow = || {
        let flows = view.measured(|record| is_flow(record) && record.key.payload_bytes == bytes);
        let rates = flows.filter(|record| record.key.transport == lane.transport).filter_map(|record| record.flow());
        // Behind all that answer.
        rates.map(|flow| 1e12 / flow.rate.max(1.0)).reduce(f64::min)
    };
    trip.or_else(flow).unwrap_or(f64::INFINITY)
}

fn best_trip(view: &View, transport: &str, bytes: usize, is: impl Fn(Manner) -> bool) -> Option<Trip> {
    let trips = view
        .measured(|record| is_trip(record) && record.key.payload_bytes == bytes && record.key.transport == transport);
    trips
        .filter(|record| is(view.lane(record).manner()))
        .filter_map(|record| record.trip())
        .min_by(|one, other| one.p50.total_cmp(&other.p50))
}

pub(super) fn grid(view: &View) -> Option<Grid> {
    let bytes = view.main_size(is_trip).or_else(|| view.main_size(is_flow))?;
    let columns: Vec<Column> = vec![
        name("transport", KEPT),
        name("which is", 40),
        figure("polling, µs", KEPT),
        figure("× floor", 70),
        figure("× pipe", 200),
        figure("asleep, µs", 190),
        figure("× pipe", 60),
        figure("M/s", 180),
        figure("× pipe", 50),
        figure("CPU-s", 170),
    ];
    let rows = champions(view).into_iter().map(|champion| row(view, &champion, bytes)).collect();
    Some(Grid {
        title: format!("At a glance, {}", display_bytes(bytes)),
        about: "Round trips of who polls and of who sleeps: the median, how many times as long as the floor's, and how many times \
                as fast as the pipe's (the pipe that sleeps, as pipes are used). Then a stream without a pause: million messages \
                a second, how many times as many as through the pipe, and the processor time of a million at both ends."
            .to_owned(),
        columns,
        rows,
    })
}

fn row(view: &View, champion: &Champion, bytes: usize) -> Row {
    let name = champion.transport;
    let polling = best_trip(view, name, bytes, |manner| manner != Manner::Sleeps);
    let asleep = best_trip(view, name, bytes, |manner| manner == Manner::Sleeps);
    let flows =
        view.measured(|record| is_flow(record) && record.key.payload_bytes == bytes && record.key.transport == name);
    let flow = flows.filter_map(|record| record.flow()).max_by(|one, other| one.rate.total_cmp(&other.rate));
    let to_pipe = |trip: &Option<Trip>| times(trip.and_then(|trip| view.trip_to_pipe(&trip, bytes)));
    let trip = |trip: &Option<Trip>| or_none(trip.map(|trip| trip.p50), micros);
    let cells: Vec<Cell> = vec![
        name.into(),
        champion.standing.into(),
        trip(&polling).into(),
        times(polling.and_then(|trip| view.trip_to_floor(&trip, bytes))).into(),
        to_pipe(&polling).into(),
        trip(&asleep).into(),
        to_pipe(&asleep).into(),
        or_none(flow.map(|flow| flow.rate), millions).into(),
        times(flow.and_then(|flow| {
            ratio(flow.rate, view.flow("pipe", "park", TestName::Throughput, bytes).map(|pipe| pipe.rate))
        }))
        .into(),
        or_none(flow.map(|flow| flow.cost.cpu_s_per_million), three).into(),
    ];
    Row { kind: champion.kind, cells }
}
