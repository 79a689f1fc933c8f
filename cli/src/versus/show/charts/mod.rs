//! The pictures: SVG that needs neither a script nor a font of its own.
//!
//! They are drawn by plotters, with nothing but its SVG backend: then it brings no fonts, no C library and no clock, and text stays text.
//! Of the others that were looked at, `charming` has a script draw the picture when the page is opened, `kuva` wants a newer compiler
//! than this project does, and `plotlib` has no logarithmic axes. The marks of the scales are chosen here: those that plotters chooses for a
//! logarithmic scale are not round.
//!
//! A colour is written into the picture as it looks on a light ground. A style sheet has another for each on a dark one, and finds it by
//! the colour that is written there: so what knows no style sheets still shows a picture.

mod canvas;
mod flows;
mod load;
mod palette;
mod trips;

use super::super::record::Run;
use super::view::View;

pub(super) use palette::{style_sheet, variables};

/// One of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The main one: how long a message and its answer take, by mechanism.
    RoundTrips,
    /// Throughput by the size of the messages.
    Throughput,
    /// Delays by how many messages a second are sent.
    UnderLoad,
}

impl Which {
    pub(crate) const ALL: [Which; 3] = [Which::RoundTrips, Which::Throughput, Which::UnderLoad];
}

/// A picture, and what is written beside it.
pub(super) struct Chart {
    pub(super) title: String,
    /// How to read it.
    pub(super) caption: String,
    pub(super) wide: String,
    /// The same for a screen on which the wide one could not be read.
    pub(super) narrow: String,
}

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Wide,
    Narrow,
}

impl Room {
    const fn width(self) -> i32 {
        match self {
            Room::Wide => 960,
            Room::Narrow => 400,
        }
    }

    /// One of two numbers.
    const fn pick<T: Copy>(self, wide: T, narrow: T) -> T {
        match self {
            Room::Wide => wide,
            Room::Narrow => narrow,
        }
    }
}

/// What is drawn of a run. None if the run has nothing to draw.
pub(super) fn chart(view: &View, which: Which) -> Option<Chart> {
    let (title, caption) = match which {
        Which::RoundTrips => (trips::title(view)?, trips::caption(view)),
        Which::Throughput => (flows::title(view)?, flows::CAPTION.to_owned()),
        Which::UnderLoad => (load::title(view)?, load::CAPTION.to_owned()),
    };
    let picture = |room| draw(view, which, room, &title, None);
    Some(Chart { caption, wide: picture(Room::Wide)?, narrow: picture(Room::Narrow)?, title })
}

/// A picture as a file of its own, with its title, a ground of its own and colours for light and dark. Of a run that has nothing to draw,
/// a picture that says so.
pub(crate) fn standalone(run: &Run, which: Which) -> String {
    let view = View::of(run);
    let title = match which {
        Which::RoundTrips => trips::title(&view),
        Which::Throughput => flows::title(&view),
        Which::UnderLoad => load::title(&view),
    };
    let title = title.unwrap_or_else(|| "Nothing of this was measured".to_owned());
    let drawn = draw(&view, which, Room::Wide, &title, Some(&title));
    drawn.or_else(|| canvas::picture(Room::Wide, 20, &title, Some(&title), |_| Ok(()))).unwrap_or_default()
}

fn draw(view: &View, which: Which, room: Room, label: &str, heading: Option<&str>) -> Option<String> {
    match which {
        Which::RoundTrips => trips::draw(view, room, label, heading),
        Which::Throughput => flows::draw(view, room, label, heading),
        Which::UnderLoad => load::draw(view, room, label, heading),
    }
}
