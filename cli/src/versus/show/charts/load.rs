//! Delays under load: a small picture for each percentile, and in each a line for each transport that matters.

use super::super::digits::{rate, round_time};
use super::super::view::{Delays, Kind, Lane, Manner, View, is_paced};
use super::Room;
use super::canvas::{Canvas, Drawn, Mark, Scale, Style, height_of, kinds, picture, spread_out, width_of};
use super::palette::{self, INK, SOFT};
use plotters::style::text_anchor::HPos;
use rondel_baselines::display_bytes;

pub(super) const CAPTION: &str = "From the moment at which a message was due to its arrival, by how many are sent a second. The first \
    picture shows the delay that half of the messages stay below; the others, what the unlucky ones wait: one in a hundred, one in a \
    thousand, the one that waited longest. All have the same scales. A line that runs up to a cross cannot keep up: from that rate on less \
    than 95 % of what is sent arrives, and the delay grows for as long as it goes on. Of each group the transport and way of waiting is \
    drawn that keeps up with the most and is the quickest of these.";

struct Line<'a> {
    lane: Lane<'a>,
    points: Vec<Delays>,
}

impl Line<'_> {
    fn name(&self) -> String {
        format!("{}, {}", self.lane.transport, self.lane.wait)
    }
}

/// One of each group that a newcomer wants to see beside the others.
fn lines<'a>(view: &View<'a>) -> Vec<Line<'a>> {
    let Some(bytes) = view.main_size(is_paced) else {
        return vec![];
    };
    let rates = view.rates();
    let all: Vec<Line> = view
        .lanes(|record| is_paced(record) && record.key.payload_bytes == bytes)
        .into_iter()
        .map(|lane| {
            let points = rates.iter().filter_map(|&rate| view.delays(lane.transport, lane.wait, bytes, rate)).collect();
            Line { lane, points }
        })
        .collect();
    let sleeps = |lane: &Lane| lane.manner() == Manner::Sleeps;
    let pipe = |lane: &Lane| lane.transport == "pipe";
    let peer = |lane: &Lane| matches!(lane.kind, Kind::Peer | Kind::Other);
    let threads = |lane: &Lane| lane.between == "threads";
    let groups: [&dyn Fn(&Lane) -> bool; 9] = [
        &|lane| lane.kind == Kind::Rondel && !sleeps(lane),
        &|lane| lane.kind == Kind::Rondel && sleeps(lane),
        &|lane| peer(lane) && !threads(lane),
        &|lane| peer(lane) && threads(lane),
        &|lane| lane.kind == Kind::Guarded,
        &|lane| pipe(lane) && !sleeps(lane),
        &|lane| pipe(lane) && sleeps(lane),
        &|lane| lane.kind == Kind::Kernel && !pipe(lane),
        &|lane| lane.kind == Kind::Floor,
    ];
    let rank = |line: &&Line| {
        let kept: Vec<&Delays> = line.points.iter().filter(|delays| delays.kept_up()).collect();
        let most = kept.iter().map(|delays| delays.asked).fold(0.0, f64::max);
        (-most, kept.first().map_or(f64::INFINITY, |delays| delays.p50))
    };
    groups
        .into_iter()
        .filter_map(|group| {
            let best = all.iter().filter(|line| group(&line.lane)).min_by(|one, other| {
                let (one, other) = (rank(one), rank(other));
                one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
            })?;
            Some(Line { lane: best.lane, points: best.points.clone() })
        })
        .collect()
}

/// How far those that cannot keep up with one rate stand apart.
const FAN: i32 = 10;

type Percentile = (&'static str, fn(&Delays) -> Option<f64>);

const PERCENTILES: [Percentile; 4] = [
    ("p50: half wait no longer", |delays| Some(delays.p50)),
    ("p99: all but 1 in 100", |delays| delays.p99),
    ("p99.9: all but 1 in 1000", |delays| delays.p999),
    ("the longest", |delays| Some(delays.max)),
];

pub(super) fn title(view: &View) -> Option<String> {
    let bytes = view.main_size(is_paced)?;
    (!lines(view).is_empty()).then(|| format!("Delay under load, {} one way", display_bytes(bytes)))
}

pub(super) fn draw(view: &View, room: Room, label: &str, heading: Option<&str>) -> Option<String> {
    title(view)?;
    let lines = lines(view);
    let tall = 300;
    let legend = kinds(lines.iter().map(|line| line.lane.kind));
    picture(room, height_of(&legend, room) + room.pick(2, 4) * tall, label, heading, |canvas| {
        let below = canvas.legend(&legend)?;
        let across = room.pick(2, 1);
        for (place, percentile) in (0..).zip(&PERCENTILES) {
            let wide = canvas.width / across;
            let corner = (place % across * wide, below + place / across * tall);
            panel(canvas, &lines, percentile, corner, (wide, tall))?;
        }
        Ok(())
    })
}

fn panel(
    canvas: &Canvas,
    lines: &[Line],
    (title, delay): &Percentile,
    (x0, y0): (i32, i32),
    (wide, tall): (i32, i32),
) -> Drawn {
    let size = 12;
    let delay = |delays: &Delays| delay(delays).filter(|delay| *delay > 0.0);
    let labels = lines.iter().map(|line| width_of(&line.name(), size)).max().unwrap_or(0);
    let (left, right) = (x0 + 62, x0 + wide - labels - 20);
    let (top, bottom) = (y0 + 46, y0 + tall - 34);
    canvas.write((x0 + canvas.left, y0 + 20), title, &Style { bold: true, ..Style::of(INK) })?;
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let kept = || points().filter(|delays| delays.kept_up());
    // The same for all percentiles, so that they can be compared.
    let delays = kept().flat_map(|delays| PERCENTILES.iter().filter_map(|(_, delay)| delay(delays)));
    // Those that fail at one rate stand beside each other there.
    let fail = |line: &Line| line.points.iter().find(|delays| !delays.kept_up()).map(|delays| delays.asked);
    let fan = lines.iter().filter(|line| fail(line).is_some()).count();
    let fan = i32::try_from(fan.saturating_sub(1)).unwrap_or(0) * FAN / 2;
    let across = Scale::over(points().map(|delays| delays.asked), (left, right), (12, fan + 6), 4.0);
    let up = Scale::over(delays, (bottom, top), (8, 16), 10.0);
    let Some(across) = across else {
        return Ok(());
    };
    let mut asked: Vec<f64> = points().map(|delays| delays.asked).collect();
    asked.sort_by(f64::total_cmp);
    asked.dedup();
    let rates: Vec<(i32, String)> = asked.into_iter().map(|asked| (across.at(asked), rate(asked))).collect();
    for (x, _) in &rates {
        canvas.vertical(*x, (top, bottom))?;
    }
    canvas.names_below(&rates, bottom + 15, size - 1)?;
    for tick in up.iter().flat_map(Scale::ticks) {
        let y = up.as_ref().map_or(bottom, |up| up.at(tick));
        canvas.horizontal(y, (left, right))?;
        canvas.write((left - 7, y), &round_time(tick), &Style { size: size - 1, ..Style::of(SOFT).to(HPos::Right) })?;
    }
    let mut names: Vec<(String, Kind, i32)> = Vec::new();
    let mut failed = 0;
    for line in lines {
        let colour = palette::of(line.lane.kind);
        let mark = if line.lane.manner() == Manner::Sleeps { Mark::Hollow } else { Mark::Full };
        let good: Vec<(i32, i32)> = line
            .points
            .iter()
            .filter(|delays| delays.kept_up())
            .filter_map(|delays| Some((across.at(delays.asked), up.as_ref()?.at(delay(delays)?))))
            .collect();
        let width = if line.lane.kind == Kind::Rondel { 3 } else { 2 };
        canvas.line(good.clone(), colour, width, 1.0)?;
        let mut end = good.last().copied();
        if let Some(asked) = fail(line) {
            let cross = (across.at(asked) + failed * FAN - fan, top);
            failed += 1;
            canvas.line(end.into_iter().chain([cross]).collect(), colour, 1, 0.55)?;
            canvas.mark(cross, Mark::Cross, colour)?;
            end = end.or(Some(cross));
        }
        for point in &good {
            canvas.mark(*point, mark, colour)?;
        }
        if let Some((_, y)) = end {
            names.push((line.name(), line.lane.kind, y));
        }
    }
    // All names stand in one column, since lines end anywhere.
    let mut heights: Vec<i32> = names.iter().map(|(.., y)| *y).collect();
    spread_out(&mut heights, size + 3, (top, bottom));
    for ((name, kind, ..), y) in names.iter().zip(heights) {
        let style = Style { size, bold: *kind == Kind::Rondel, ..Style::of(palette::of(*kind)) };
        canvas.write((right + 12, y), name, &style)?;
    }
    Ok(())
}
