//! What the pictures have in common: text, marks, legends and scales.

use super::super::view::Kind;
use super::Room;
use super::palette::{self, Colour, FAINT, GRID, GROUND, INK, SOFT, style_sheet};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::coord::combinators::{IntoLogRange, LogCoord};
use plotters::coord::ranged1d::Ranged;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};
use std::ops::Range;

pub(super) type Point = (i32, i32);
/// Drawing into a string does not fail, but the backend could be another.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// How large text is, in pixels.
pub(super) const TEXT: i32 = 13;

/// A picture in the making.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    pub(super) room: Room,
    pub(super) width: i32,
    pub(super) height: i32,
    /// Where what is drawn begins: below the heading, if there is one, and at the same edge.
    pub(super) top: i32,
    pub(super) left: i32,
}

/// How tall a heading is with what is free below it.
const HEADING: i32 = 44;
/// How far what is drawn stays from the sides of a picture that has a ground of its own.
const EDGE: i32 = 20;

/// Draws a picture. `label` is what is said of it to who cannot see it; one with a `heading` is a file of its own, so it has its ground and
/// its style sheet with it.
pub(super) fn picture(
    room: Room,
    height: i32,
    label: &str,
    heading: Option<&str>,
    paint: impl FnOnce(&Canvas) -> Drawn,
) -> Option<String> {
    let top = if heading.is_some() { HEADING } else { 0 };
    let left = if heading.is_some() { EDGE + 4 } else { 6 };
    let (width, height) = (room.width(), height + top);
    let mut svg = String::new();
    let size = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let canvas =
        Canvas { area: SVGBackend::with_string(&mut svg, size).into_drawing_area(), room, width, height, top, left };
    if let Some(heading) = heading {
        canvas.rectangle((0, 0), (width, height), GROUND, 1.0).ok()?;
        canvas.write((EDGE, 26), heading, &Style { size: 18, bold: true, ..Style::of(INK) }).ok()?;
    }
    paint(&canvas).ok()?;
    canvas.area.present().ok()?;
    drop(canvas);
    // What the backend writes first is known; it has no way to be told of more.
    let svg = svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escaped(label)), 1);
    Some(match heading {
        Some(_) => svg.replacen(">\n", &format!(">\n<style>{}</style>\n", style_sheet("")), 1),
        None => svg,
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// About how many pixels a text is wide: the browser chooses the font, and most are narrower than this.
pub(super) fn width_of(text: &str, size: i32) -> i32 {
    let characters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 1000);
    characters * size * 57 / 100
}

/// How a text is written.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) colour: Colour,
    pub(super) size: i32,
    pub(super) bold: bool,
    pub(super) side: HPos,
}

impl Style {
    pub(super) const fn of(colour: Colour) -> Self {
        Style { colour, size: TEXT, bold: false, side: HPos::Left }
    }

    pub(super) const fn to(self, side: HPos) -> Self {
        Style { side, ..self }
    }
}

/// What stands at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Full,
    Hollow,
    Diamond,
    Square,
    Triangle,
    Cross,
}

impl Canvas<'_> {
    /// Writes a text, its middle at the height of the point.
    pub(super) fn write(&self, at: Point, text: &str, style: &Style) -> Drawn {
        let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
        // The backend divides by this.
        let font = FontDesc::new(FontFamily::SansSerif, f64::from(style.size) * 1.24, weight);
        let colour = style.colour.written();
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(style.side, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), at, style))
    }

    pub(super) fn rectangle(&self, from: Point, to: Point, colour: Colour, opacity: f64) -> Drawn {
        self.area.draw(&Rectangle::new([from, to], colour.written().mix(opacity).filled()))
    }

    pub(super) fn line(&self, points: Vec<Point>, colour: Colour, width: u32, opacity: f64) -> Drawn {
        let style = ShapeStyle { color: colour.written().mix(opacity), filled: false, stroke_width: width };
        self.area.draw(&PathElement::new(points, style))
    }

    pub(super) fn mark(&self, (x, y): Point, mark: Mark, colour: Colour) -> Drawn {
        let full = colour.written().filled();
        match mark {
            Mark::Full => self.area.draw(&Circle::new((x, y), 5, full)),
            Mark::Hollow => {
                self.area.draw(&Circle::new((x, y), 4, GROUND.written().filled()))?;
                self.area.draw(&Circle::new((x, y), 4, colour.written().stroke_width(2)))
            }
            Mark::Diamond => self.area.draw(&Polygon::new([(x - 6, y), (x, y - 6), (x + 6, y), (x, y + 6)], full)),
            Mark::Square => self.rectangle((x - 4, y - 4), (x + 4, y + 4), colour, 1.0),
            Mark::Triangle => self.area.draw(&Polygon::new([(x - 5, y + 4), (x, y - 5), (x + 5, y + 4)], full)),
            Mark::Cross => {
                self.line(vec![(x - 4, y - 4), (x + 4, y + 4)], colour, 2, 1.0)?;
                self.line(vec![(x - 4, y + 4), (x + 4, y - 4)], colour, 2, 1.0)
            }
        }
    }

    /// A line of reference, with its name above.
    pub(super) fn vertical(&self, x: i32, (top, bottom): (i32, i32)) -> Drawn {
        self.line(vec![(x, top), (x, bottom)], GRID, 1, 1.0)
    }

    pub(super) fn horizontal(&self, y: i32, (left, right): (i32, i32)) -> Drawn {
        self.line(vec![(left, y), (right, y)], GRID, 1, 1.0)
    }

    /// Names the places of a scale from left to right. Where there is no room for all, the first and the last stay.
    pub(super) fn names_below(&self, names: &[(i32, String)], y: i32, size: i32) -> Drawn {
        let half = |text: &str| width_of(text, size) / 2 + 3;
        let middle = |(x, text): &(i32, String)| (*x).min(self.width - half(text));
        let end = names.last().map_or(0, |name| middle(name) - half(&name.1));
        let mut free = i32::MIN;
        for (place, name) in names.iter().enumerate() {
            let (x, half, last) = (middle(name), half(&name.1), place + 1 == names.len());
            if x - half >= free && (last || place == 0 || x + half <= end) {
                self.write((x, y), &name.1, &Style { size, ..Style::of(SOFT).to(HPos::Center) })?;
                free = x + half;
            }
        }
        Ok(())
    }

    /// What the colours and the marks mean. Says where the last line ends.
    pub(super) fn legend(&self, entries: &[Entry]) -> Result<i32, DrawingAreaErrorKind<std::io::Error>> {
        let (places, height) = arrange(entries, self.room);
        for ((x, y), (mark, colour, text)) in places.into_iter().zip(entries) {
            let (x, y) = (self.left + x, self.top + y);
            self.mark((x, y), *mark, *colour)?;
            self.write((x + 12, y), text, &Style::of(SOFT))?;
        }
        Ok(self.top + height)
    }
}

/// What one mark or colour means.
pub(super) type Entry = (Mark, Colour, &'static str);

/// Where the entries of a legend stand, in as many lines as it takes, and how tall that is.
fn arrange(entries: &[Entry], room: Room) -> (Vec<Point>, i32) {
    let (mut x, mut y) = (0, 10);
    let mut places = Vec::new();
    for (.., text) in entries {
        let wide = 12 + width_of(text, TEXT) + 18;
        if x > 0 && x + wide > room.width() - 2 * EDGE {
            (x, y) = (0, y + 20);
        }
        places.push((x, y));
        x += wide;
    }
    (places, y + 10)
}

pub(super) fn height_of(legend: &[Entry], room: Room) -> i32 {
    arrange(legend, room).1
}

/// The kinds among these, for a legend.
pub(super) fn kinds(of: impl Iterator<Item = Kind>) -> Vec<Entry> {
    let mut kinds: Vec<Kind> = of.collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(|kind| (Mark::Square, palette::of(kind), kind.meaning())).collect()
}

/// A logarithmic scale: from figures to pixels.
pub(super) struct Scale {
    coordinate: LogCoord<f64>,
    range: Range<f64>,
    pixels: (i32, i32),
}

impl Scale {
    /// Of figures above zero. At least `least` of their largest by their smallest are shown, so that two that are alike do not fill the
    /// picture with what sets them apart.
    pub(super) fn over(
        figures: impl Iterator<Item = f64>,
        pixels: (i32, i32),
        room: (i32, i32),
        least: f64,
    ) -> Option<Self> {
        let (low, high) = figures.filter(|figure| figure.is_finite() && *figure > 0.0).fold(
            None,
            |range: Option<(f64, f64)>, one| {
                Some(range.map_or((one, one), |(low, high)| (low.min(one), high.max(one))))
            },
        )?;
        let middle = (low * high).sqrt();
        let (low, high) = if high / low < least { (middle / least.sqrt(), middle * least.sqrt()) } else { (low, high) };
        // What is to be free at either end is given in pixels: it is for labels.
        let inner = f64::from((pixels.1 - pixels.0).abs() - room.0 - room.1).max(1.0);
        let per_pixel = (high / low).ln() / inner;
        let range = low * (-per_pixel * f64::from(room.0)).exp()..high * (per_pixel * f64::from(room.1)).exp();
        Some(Scale { coordinate: range.clone().log_scale().into(), range, pixels })
    }

    /// The pixel of a figure; that of the nearer end, of one beyond.
    pub(super) fn at(&self, figure: f64) -> i32 {
        self.coordinate.map(&figure.clamp(self.range.start, self.range.end), self.pixels)
    }

    /// Where to mark the scale: at every power of ten, at 2 and 5 times it where these are few.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let decades = (self.range.end / self.range.start).log10();
        let factors: &[f64] = if decades < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let first = self.range.start.log10().floor() as i32;
        let last = self.range.end.log10().ceil() as i32;
        let all = (first..=last).flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
        all.filter(|tick| self.range.contains(tick)).collect()
    }
}

/// Moves heights apart until there are `gap` pixels between any two, each as little as it takes, within the bounds where there is room.
pub(super) fn spread_out(heights: &mut [i32], gap: i32, (top, bottom): (i32, i32)) {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by_key(|&place| heights[place]);
    // Downwards, and whoever was pushed beyond the bottom pushes back.
    let mut free = top;
    for &place in &order {
        heights[place] = heights[place].max(free);
        free = heights[place] + gap;
    }
    let mut free = bottom;
    for &place in order.iter().rev() {
        heights[place] = heights[place].min(free);
        free = heights[place] - gap;
    }
}

/// Lines that are there for comparison only.
pub(super) const BEHIND: Colour = FAINT;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_apart() {
        let mut heights = [50, 52, 10, 51];
        spread_out(&mut heights, 14, (0, 100));
        assert_eq!(heights, [50, 78, 10, 64]);
        let mut low = [95, 96, 97];
        spread_out(&mut low, 14, (0, 100));
        assert_eq!(low, [72, 86, 100]);
        spread_out(&mut [], 14, (0, 100));
    }

    #[test]
    fn a_scale_has_room_at_its_ends() {
        let scale = Scale::over([10.0, 1000.0].into_iter(), (0, 240), (20, 20), 1.0).unwrap();
        assert_eq!([10.0, 100.0, 1000.0].map(|figure| scale.at(figure)), [20, 120, 220]);
        assert_eq!([0.0, 1e9].map(|figure| scale.at(figure)), [0, 240]);
        assert_eq!(
            scale.ticks().iter().map(|tick| tick.round() as i64).collect::<Vec<_>>(),
            [10, 20, 50, 100, 200, 500, 1000]
        );
        // Upwards.
        let scale = Scale::over([1.0, 1e6].into_iter(), (300, 0), (0, 0), 1.0).unwrap();
        assert_eq!([1.0, 1e3, 1e6].map(|figure| scale.at(figure)), [300, 150, 0]);
    }

    #[test]
    fn a_scale_of_one_figure_or_none() {
        let scale = Scale::over([64.0].into_iter(), (0, 200), (0, 0), 10.0).unwrap();
        assert_eq!(scale.at(64.0), 100);
        assert!(Scale::over([0.0, f64::NAN, -1.0].into_iter(), (0, 200), (0, 0), 10.0).is_none());
    }
}
