//! Round trips: a row for each transport, a mark for each way of waiting.

use super::super::digits::{round_time, time};
use super::super::view::{Kind, Manner, Trip, View, is_trip};
use super::Room;
use super::canvas::{Canvas, Drawn, Mark, Scale, Style, TEXT, kinds, picture, width_of};
use super::palette::{self, FAINT, SOFT};
use plotters::style::text_anchor::HPos;
use rondel_baselines::display_bytes;

pub(super) const CAPTION: &str = "A message goes and its answer comes back; the median of that. Each step of the scale is ten times the one \
    before it. A full mark polls and keeps a core busy, a hollow one sleeps until it is woken, a diamond polls for a while and then sleeps. \
    The pale bar behind a mark reaches from the lowest to the highest repetition. What lies left of the floor's line is no means of \
    communication; what lies right of the pipe's line is slower than a pipe.";

/// What is drawn of a transport: its fastest round trip in each manner of waiting.
struct Row<'a> {
    name: &'a str,
    kind: Kind,
    trips: Vec<(Manner, Trip)>,
}

impl Row<'_> {
    fn best(&self) -> f64 {
        self.trips.iter().map(|(_, trip)| trip.p50).fold(f64::INFINITY, f64::min)
    }
}

fn rows<'a>(view: &View<'a>, bytes: usize) -> Vec<Row<'a>> {
    let mut rows: Vec<Row> = Vec::new();
    for lane in view.lanes(|record| is_trip(record) && record.key.payload_bytes == bytes) {
        let Some(trip) = view.trip(lane.transport, lane.wait, bytes).filter(|trip| trip.p50 > 0.0) else {
            continue;
        };
        let manner = lane.manner();
        let row = match rows.iter().position(|row| row.name == lane.transport) {
            Some(place) => &mut rows[place],
            None => {
                rows.push(Row { name: lane.transport, kind: lane.kind, trips: vec![] });
                let last = rows.len() - 1;
                &mut rows[last]
            }
        };
        match row.trips.iter_mut().find(|(one, _)| *one == manner) {
            Some((_, other)) if other.p50 <= trip.p50 => {}
            Some((_, other)) => *other = trip,
            None => row.trips.push((manner, trip)),
        }
    }
    rows.sort_by(|one, other| one.best().total_cmp(&other.best()));
    rows
}

pub(super) fn title(view: &View) -> Option<String> {
    let bytes = view.main_size(is_trip)?;
    (!rows(view, bytes).is_empty()).then(|| format!("Round trips of {} by mechanism", display_bytes(bytes)))
}

fn mark(manner: Manner) -> Mark {
    match manner {
        Manner::Polls => Mark::Full,
        Manner::Both => Mark::Diamond,
        Manner::Sleeps => Mark::Hollow,
    }
}

const ROW: i32 = 23;
/// Below the rows, for the scale.
const FOOT: i32 = 34;

pub(super) fn draw(view: &View, room: Room, label: &str, heading: Option<&str>) -> Option<String> {
    let bytes = view.main_size(is_trip)?;
    let rows = rows(view, bytes);
    let manners = [(Manner::Polls, "polls"), (Manner::Both, "polls, then sleeps"), (Manner::Sleeps, "sleeps")];
    let mut legend: Vec<_> = manners
        .into_iter()
        .filter(|(manner, _)| rows.iter().any(|row| row.trips.iter().any(|(one, _)| one == manner)))
        .map(|(manner, text)| (mark(manner), SOFT, text))
        .collect();
    legend.extend(kinds(rows.iter().map(|row| row.kind)));
    // The lines of the legend, and above the rows the names of the lines of reference.
    let lines = room.pick(2, 4);
    let height = lines * 20 + 30 + i32::try_from(rows.len()).ok()? * ROW + FOOT;
    picture(room, height, label, heading, |canvas| {
        let below = canvas.legend(&legend, canvas.top, true)?;
        body(canvas, view, &rows, bytes, below + 26)
    })
}

fn body(canvas: &Canvas, view: &View, rows: &[Row], bytes: usize, top: i32) -> Drawn {
    let size = canvas.room.pick(TEXT, 12);
    let names = rows.iter().map(|row| width_of(row.name, size)).max().unwrap_or(0);
    let (left, right) = (names + 22, canvas.width - 12);
    let bottom = top + i32::try_from(rows.len()).unwrap_or(0) * ROW;
    let label = width_of("999 ns", size) + 14;
    let medians = || rows.iter().flat_map(|row| row.trips.iter().map(|(_, trip)| trip.p50));
    let Some(scale) = Scale::over(medians(), (left, right), (label, label), 10.0) else {
        return Ok(());
    };
    for tick in scale.ticks() {
        let x = scale.at(tick);
        canvas.vertical(x, (top - 4, bottom))?;
        canvas.write((x, bottom + 14), &round_time(tick), &Style::of(SOFT).to(HPos::Center))?;
    }
    let references = [("floor", "spin", "floor"), ("pipe", "park", "pipe, asleep")];
    for (place, (transport, wait, name)) in references.into_iter().enumerate() {
        if let Some(trip) = view.trip(transport, wait, bytes).filter(|trip| trip.p50 > 0.0) {
            let x = scale.at(trip.p50);
            canvas.line(vec![(x, top - 8), (x, bottom)], FAINT, 2, 1.0)?;
            let side = if place == 0 { HPos::Left } else { HPos::Right };
            let beside = if place == 0 { x - 2 } else { (x + 2).max(left + width_of(name, size)) };
            canvas.write((beside, top - 17), name, &Style { size, ..Style::of(SOFT).to(side) })?;
        }
    }
    for (place, row) in rows.iter().enumerate() {
        let y = top + i32::try_from(place).unwrap_or(0) * ROW + ROW / 2;
        one_row(canvas, row, &scale, left, y, size)?;
    }
    Ok(())
}

fn one_row(canvas: &Canvas, row: &Row, scale: &Scale, left: i32, y: i32, size: i32) -> Drawn {
    let colour = palette::of(row.kind);
    let name = Style { size, bold: row.kind == Kind::Rondel, ..Style::of(colour).to(HPos::Right) };
    canvas.write((left - 10, y), row.name, &name)?;
    let mut trips: Vec<&(Manner, Trip)> = row.trips.iter().collect();
    trips.sort_by(|(_, one), (_, other)| one.p50.total_cmp(&other.p50));
    let places: Vec<i32> = trips.iter().map(|(_, trip)| scale.at(trip.p50)).collect();
    if let (Some(first), Some(last)) = (places.first(), places.last()) {
        canvas.line(vec![(*first, y), (*last, y)], colour, 1, 0.35)?;
    }
    let ends = |trip: &Trip| (scale.at(trip.low.min(trip.p50)), scale.at(trip.high.max(trip.p50)));
    for (_, trip) in &trips {
        let (from, to) = ends(trip);
        canvas.rectangle((from, y - 4), (to.max(from + 1), y + 4), colour, 0.22)?;
    }
    // The slower lie below: the faster are what a reader looks for.
    for ((manner, _), x) in trips.iter().zip(&places).rev() {
        canvas.mark((*x, y), mark(*manner), colour)?;
    }
    let figure = Style { size: size - 1, ..Style::of(SOFT) };
    if let (Some((_, fastest)), Some((_, slowest))) = (trips.first(), trips.last()) {
        // One figure is enough where the marks lie so close that a second would say the same.
        let apart = places.last().unwrap_or(&0) - places.first().unwrap_or(&0) > 24;
        if apart {
            canvas.write((ends(fastest).0.min(places[0] - 5) - 5, y), &time(fastest.p50), &figure.to(HPos::Right))?;
        }
        let text = if apart { time(slowest.p50) } else { time(fastest.p50) };
        let x = ends(slowest).1.max(places.last().copied().unwrap_or(0) + 5) + 5;
        let fits = x + width_of(&text, size) <= canvas.width;
        // A repetition far off leaves no room to the right of its bar.
        let x = if fits { x } else { canvas.width - width_of(&text, size) };
        canvas.write((x, y), &text, &figure)?;
    }
    Ok(())
}
