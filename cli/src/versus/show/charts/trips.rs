//! Round trips: a row for each transport, a mark for each way of waiting.

use super::super::digits::{round_time, time};
use super::super::view::{Kind, Manner, Trip, View, is_trip};
use super::Room;
use super::canvas::{Canvas, Drawn, Mark, Scale, Style, TEXT, height_of, kinds, picture, width_of};
use super::palette::{self, FAINT, SOFT};
use plotters::style::text_anchor::HPos;
use rondel_baselines::display_bytes;

/// How to read it: no more than there is to see.
pub(super) fn caption(view: &View) -> String {
    let mut caption = "A message goes and its answer comes back; the median of that, on a scale on which each power of ten takes as much room. \
        A full mark polls and keeps a core busy, a hollow one sleeps until it is woken"
        .to_owned();
    let bytes = view.main_size(is_trip).unwrap_or(0);
    if view.lanes(is_trip).iter().any(|lane| lane.manner() == Manner::Both) {
        caption.push_str(", a diamond polls for a while and then sleeps");
    }
    caption.push_str(". The pale bar behind a mark reaches from the lowest to the highest repetition.");
    if view.trip("floor", "spin", bytes).is_some() {
        caption.push_str(
            " Nothing that hands a message to another core and waits for one back on another line can be faster than the floor: what lies left of its \
             line was measured while the machine was quicker.",
        );
    }
    if view.trip("pipe", "park", bytes).is_some() {
        caption.push_str(" What lies right of the pipe's line is slower than a pipe.");
    }
    caption
}

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
/// Above the rows, for the names of the lines of reference, and below them for the scale.
const HEAD: i32 = 34;
const FOOT: i32 = 28;

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
    let height = height_of(&legend, room) + HEAD + i32::try_from(rows.len()).ok()? * ROW + FOOT;
    picture(room, height, label, heading, |canvas| {
        let below = canvas.legend(&legend)?;
        body(canvas, view, &rows, bytes, below + HEAD)
    })
}

fn body(canvas: &Canvas, view: &View, rows: &[Row], bytes: usize, top: i32) -> Drawn {
    let size = canvas.room.pick(TEXT, 12);
    let names = rows.iter().map(|row| width_of(row.name, size)).max().unwrap_or(0);
    let (left, right) = (canvas.left + names + 16, canvas.width - 12);
    let bottom = top + i32::try_from(rows.len()).unwrap_or(0) * ROW;
    let label = width_of("999 ns", size) + 14;
    let trips = || rows.iter().flat_map(|row| row.trips.iter().map(|(_, trip)| trip));
    // One repetition that went astray is not worth half of the picture.
    let most = trips().map(|trip| trip.p50).fold(0.0, f64::max) * 2.0;
    let figures = trips().flat_map(|trip| [trip.p50, trip.low, trip.high.min(most)]);
    let Some(scale) = Scale::over(figures, (left, right), (label, label), 10.0) else {
        return Ok(());
    };
    let ticks: Vec<(i32, String)> = scale.ticks().into_iter().map(|tick| (scale.at(tick), round_time(tick))).collect();
    for (x, _) in &ticks {
        canvas.vertical(*x, (top - 4, bottom))?;
    }
    canvas.names_below(&ticks, bottom + 14, size)?;
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
