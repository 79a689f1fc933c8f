//! Throughput by the size of the messages: a line for each transport that matters, and behind them all others.

use super::super::digits::trimmed;
use super::super::grids::champions;
use super::super::view::{Kind, View, is_flow};
use super::Room;
use super::canvas::{BEHIND, Canvas, Drawn, Mark, Scale, Style, kinds, picture, spread_out, width_of};
use super::palette::{self, SOFT};
use plotters::style::text_anchor::HPos;
use rondel_baselines::display_bytes;
use std::collections::BTreeMap;

pub(super) const CAPTION: &str = "How many bytes a second arrive when a stream of messages is sent without a pause, one at a time. Both \
    scales go by tens. Of each transport the better way of waiting is drawn at each size. Where a line flattens, messages are so large that \
    to make, copy and check them is all that counts, and all transports come together; on the left, where each message costs a fixed price, \
    they lie far apart. The pale lines are the others.";

struct Line<'a> {
    name: &'a str,
    kind: Kind,
    /// Bytes a second by size.
    points: BTreeMap<usize, f64>,
    matters: bool,
}

fn lines<'a>(view: &View<'a>) -> Vec<Line<'a>> {
    let champions = champions(view);
    let mut lines: Vec<Line> = Vec::new();
    for record in view.measured(is_flow) {
        let Some(flow) = record.flow().filter(|flow| flow.bytes > 0.0) else {
            continue;
        };
        let lane = view.lane(record);
        let line = match lines.iter().position(|line| line.name == lane.transport) {
            Some(place) => &mut lines[place],
            None => {
                let matters = champions.iter().any(|champion| champion.transport == lane.transport);
                lines.push(Line { name: lane.transport, kind: lane.kind, points: BTreeMap::new(), matters });
                let last = lines.len() - 1;
                &mut lines[last]
            }
        };
        let best = line.points.entry(record.key.payload_bytes).or_insert(flow.bytes);
        *best = best.max(flow.bytes);
    }
    // Those that matter are drawn over the others.
    lines.sort_by_key(|line| line.matters);
    lines
}

pub(super) fn title(view: &View) -> Option<String> {
    // Of one size there is no line; the tables say it all.
    (view.sizes(is_flow).len() > 1 && !lines(view).is_empty()).then(|| "Throughput by size of message".to_owned())
}

pub(super) fn draw(view: &View, room: Room, label: &str, heading: Option<&str>) -> Option<String> {
    title(view)?;
    let lines = lines(view);
    picture(room, room.pick(540, 500), label, heading, |canvas| {
        let below = canvas.legend(&kinds(lines.iter().map(|line| line.kind)))?;
        body(canvas, &lines, below + 10)
    })
}

/// Marks of lines that have one colour.
const MARKS: [Mark; 4] = [Mark::Full, Mark::Square, Mark::Triangle, Mark::Diamond];

fn body(canvas: &Canvas, lines: &[Line], top: i32) -> Drawn {
    let size = canvas.room.pick(13, 11);
    let important = || lines.iter().filter(|line| line.matters);
    let labels = important().map(|line| width_of(line.name, size)).max().unwrap_or(0);
    let (left, right) = (canvas.left + width_of("100 MB/s", size) + 14, canvas.width - labels - 22);
    let bottom = canvas.height - 34;
    let sizes = lines.iter().flat_map(|line| line.points.keys().map(|bytes| *bytes as f64));
    let rates = lines.iter().flat_map(|line| line.points.values().copied());
    let (Some(across), Some(up)) =
        (Scale::over(sizes, (left, right), (14, 10), 4.0), Scale::over(rates, (bottom, top), (10, 10), 10.0))
    else {
        return Ok(());
    };
    for tick in up.ticks() {
        let y = up.at(tick);
        canvas.horizontal(y, (left, right))?;
        canvas.write((left - 8, y), &bytes_a_second(tick), &Style { size, ..Style::of(SOFT).to(HPos::Right) })?;
    }
    let mut sizes: Vec<usize> = lines.iter().flat_map(|line| line.points.keys().copied()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let names: Vec<(i32, String)> =
        sizes.into_iter().map(|bytes| (across.at(bytes as f64), display_bytes(bytes))).collect();
    for (x, _) in &names {
        canvas.vertical(*x, (top, bottom))?;
    }
    canvas.names_below(&names, bottom + 16, size)?;
    let mut of_kind: BTreeMap<Kind, usize> = BTreeMap::new();
    // Where each line that matters ends, for its name.
    let mut ends: BTreeMap<i32, Vec<(&Line, i32)>> = BTreeMap::new();
    for line in lines {
        let points: Vec<_> = line.points.iter().map(|(bytes, rate)| (across.at(*bytes as f64), up.at(*rate))).collect();
        if !line.matters {
            canvas.line(points.clone(), BEHIND, 1, 1.0)?;
            if let [only] = points[..] {
                canvas.mark(only, Mark::Full, BEHIND)?;
            }
            continue;
        }
        let earlier = of_kind.entry(line.kind).or_default();
        let mark = MARKS[*earlier % MARKS.len()];
        *earlier += 1;
        let colour = palette::of(line.kind);
        canvas.line(points.clone(), colour, if line.kind == Kind::Rondel { 3 } else { 2 }, 1.0)?;
        for point in &points {
            canvas.mark(*point, mark, colour)?;
        }
        if let Some((x, y)) = points.last() {
            ends.entry(*x).or_default().push((line, *y));
        }
    }
    for (x, ends) in ends {
        let mut heights: Vec<i32> = ends.iter().map(|(_, y)| *y).collect();
        spread_out(&mut heights, size + 3, (top + 4, bottom - 4));
        for ((line, _), y) in ends.into_iter().zip(heights) {
            let bold = line.kind == Kind::Rondel;
            canvas.write((x + 11, y), line.name, &Style { size, bold, ..Style::of(palette::of(line.kind)) })?;
        }
    }
    Ok(())
}

fn bytes_a_second(rate: f64) -> String {
    match rate {
        _ if rate < 1e6 => format!("{} kB/s", trimmed(rate / 1e3)),
        _ if rate < 1e9 => format!("{} MB/s", trimmed(rate / 1e6)),
        _ => format!("{} GB/s", trimmed(rate / 1e9)),
    }
}
