//! The colours, on a light ground and on a dark one. On either, all that is written in them can be read (4.5 to 1, at the least).

use super::super::view::Kind;
use plotters::style::RGBColor;

/// A colour as it is written into a picture. No two are the same: the style sheet tells them apart by what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour {
    light: (u8, u8, u8),
    dark: (u8, u8, u8),
}

impl Colour {
    pub(super) const fn written(self) -> RGBColor {
        RGBColor(self.light.0, self.light.1, self.light.2)
    }
}

pub(super) const GROUND: Colour = Colour { light: (0xFF, 0xFF, 0xFF), dark: (0x16, 0x1B, 0x22) };
pub(super) const INK: Colour = Colour { light: (0x1C, 0x23, 0x2C), dark: (0xE8, 0xED, 0xF2) };
pub(super) const SOFT: Colour = Colour { light: (0x5C, 0x67, 0x74), dark: (0x9D, 0xA9, 0xB6) };
pub(super) const GRID: Colour = Colour { light: (0xE4, 0xE8, 0xED), dark: (0x2A, 0x32, 0x3C) };
/// Of lines that are there for comparison only.
pub(super) const FAINT: Colour = Colour { light: (0xCD, 0xD4, 0xDC), dark: (0x3D, 0x47, 0x53) };
const FLOOR: Colour = Colour { light: (0x6B, 0x74, 0x80), dark: (0xA4, 0xAD, 0xB8) };
const RONDEL: Colour = Colour { light: (0xCB, 0x3A, 0x1E), dark: (0xFF, 0x80, 0x62) };
const PEER: Colour = Colour { light: (0x1F, 0x6F, 0xC2), dark: (0x6C, 0xB2, 0xFF) };
const GUARDED: Colour = Colour { light: (0x84, 0x50, 0xBA), dark: (0xC5, 0xA0, 0xF2) };
const KERNEL: Colour = Colour { light: (0x0F, 0x7A, 0x5E), dark: (0x4C, 0xC9, 0xA6) };
const OTHER: Colour = Colour { light: (0x8A, 0x62, 0x12), dark: (0xE0, 0xB4, 0x55) };

const ALL: [Colour; 11] = [GROUND, INK, SOFT, GRID, FAINT, FLOOR, RONDEL, PEER, GUARDED, KERNEL, OTHER];

pub(super) const fn of(kind: Kind) -> Colour {
    match kind {
        Kind::Floor => FLOOR,
        Kind::Rondel => RONDEL,
        Kind::Peer => PEER,
        Kind::Guarded => GUARDED,
        Kind::Kernel => KERNEL,
        Kind::Other => OTHER,
    }
}

fn hex((red, green, blue): (u8, u8, u8)) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// The same colours for whatever stands around the pictures: `--ground`, `--ink` and so on, and one for each kind.
pub(in super::super) fn variables() -> String {
    let named = [("ground", GROUND), ("ink", INK), ("soft", SOFT), ("grid", GRID), ("faint", FAINT)];
    let all = || named.into_iter().chain(Kind::ALL.into_iter().map(|kind| (kind.name(), of(kind))));
    let light: String = all().map(|(name, colour)| format!("--{name}:{};", hex(colour.light))).collect();
    let dark: String = all().map(|(name, colour)| format!("--{name}:{};", hex(colour.dark))).collect();
    format!(
        ":root{{color-scheme:light dark;{light}--page:#F5F6F8}}\n@media (prefers-color-scheme:dark){{:root{{{dark}--page:#0D1117}}}}"
    )
}

/// What makes the pictures within `scope` (a selector, or nothing) follow light and dark.
pub(in super::super) fn style_sheet(scope: &str) -> String {
    let ground = |colour: (u8, u8, u8)| format!("{scope} text{{stroke:{}}}", hex(colour));
    let mut sheet = format!(
        "{scope} text{{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;\
         font-variant-numeric:tabular-nums;\
         paint-order:stroke;stroke-width:4px;stroke-linejoin:round}}\n{}\n\
         {scope} polyline,{scope} line{{stroke-linejoin:round;stroke-linecap:round}}\n\
         @media (prefers-color-scheme:dark){{\n{}\n",
        ground(GROUND.light),
        ground(GROUND.dark)
    );
    for Colour { light, dark } in ALL {
        let (light, dark) = (hex(light), hex(dark));
        sheet.push_str(&format!(
            "{scope} [fill=\"{light}\"]{{fill:{dark}}}{scope} [stroke=\"{light}\"]{{stroke:{dark}}}\n"
        ));
    }
    sheet.push('}');
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance((red, green, blue): (u8, u8, u8)) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(one: (u8, u8, u8), other: (u8, u8, u8)) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn what_is_written_can_be_read() {
        for colour in ALL.into_iter().filter(|colour| ![GROUND, GRID, FAINT].contains(colour)) {
            assert!(contrast(colour.light, GROUND.light) >= 4.5, "{colour:?} on light");
            assert!(contrast(colour.dark, GROUND.dark) >= 4.5, "{colour:?} on dark");
        }
    }

    #[test]
    fn no_two_are_written_alike() {
        for (place, one) in ALL.iter().enumerate() {
            assert!(ALL.iter().skip(place + 1).all(|other| one.light != other.light), "{one:?}");
        }
    }
}
