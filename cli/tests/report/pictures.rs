//! The pictures: well-formed, all within their frames, and in colours that follow light and dark.

use crate::fixture;
use crate::pages::keep;
use crate::versus::record::{Finding, Run};
use crate::versus::show::charts::{Which, standalone};
use crate::versus::show::html;
use roxmltree::{Document, Node};

/// The pictures of a run: those that stand alone, and those of the page, wide and narrow.
fn all(run: &Run) -> Vec<String> {
    let page = html::page(run);
    let of_page = page.split("<svg ").skip(1).map(|rest| {
        let (picture, _) = rest.split_once("</svg>").unwrap();
        format!("<svg {picture}</svg>")
    });
    Which::ALL.into_iter().map(|which| standalone(run, which)).chain(of_page).collect()
}

fn number(node: Node, name: &str) -> f64 {
    let text = node.attribute(name).unwrap_or_else(|| panic!("{node:?} has no {name}"));
    text.parse().unwrap_or_else(|_| panic!("{name} is {text}"))
}

/// Left, top, right, bottom of what a node draws. Of a text, what it would take in a font as wide as is likely.
fn reach(node: Node) -> Option<[f64; 4]> {
    let points = |text: &str| -> Vec<(f64, f64)> {
        let pairs = text.split_whitespace().map(|pair| pair.split_once(',').unwrap());
        pairs.map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).collect()
    };
    Some(match node.tag_name().name() {
        "circle" => {
            let [x, y, r] = ["cx", "cy", "r"].map(|name| number(node, name));
            [x - r, y - r, x + r, y + r]
        }
        "rect" => {
            let [x, y, wide, tall] = ["x", "y", "width", "height"].map(|name| number(node, name));
            assert!(wide >= 0.0 && tall >= 0.0, "{node:?}");
            [x, y, x + wide, y + tall]
        }
        "line" => {
            let [x1, y1, x2, y2] = ["x1", "y1", "x2", "y2"].map(|name| number(node, name));
            [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)]
        }
        "polyline" | "polygon" => {
            let points = points(node.attribute("points").unwrap());
            let edge = |of: fn(&(f64, f64)) -> f64, least: bool| {
                points.iter().map(of).reduce(if least { f64::min } else { f64::max })
            };
            [edge(|p| p.0, true)?, edge(|p| p.1, true)?, edge(|p| p.0, false)?, edge(|p| p.1, false)?]
        }
        "text" => {
            let size = number(node, "font-size");
            let wide = node.text().unwrap().trim().chars().count() as f64 * size * 0.56;
            let (x, y) = (number(node, "x"), number(node, "y"));
            let left = match node.attribute("text-anchor").unwrap() {
                "end" => x - wide,
                "middle" => x - wide / 2.0,
                _ => x,
            };
            [left, y - size / 2.0, left + wide, y + size / 2.0]
        }
        _ => return None,
    })
}

fn check(picture: &str) {
    let document = Document::parse(picture).unwrap_or_else(|error| panic!("{error}: {picture}"));
    let frame = document.root_element();
    let (wide, tall) = (number(frame, "width"), number(frame, "height"));
    assert_eq!(frame.attribute("viewBox").unwrap(), format!("0 0 {wide} {tall}"));
    assert_eq!(frame.attribute("role"), Some("img"));
    assert!(!frame.attribute("aria-label").unwrap().is_empty());
    for node in document.descendants().filter(Node::is_element) {
        for attribute in node.attributes() {
            for word in ["NaN", "inf"] {
                assert!(!attribute.value().contains(word), "{node:?}: {attribute:?}");
            }
        }
        if let Some(reach @ [left, top, right, bottom]) = reach(node) {
            let inside = left >= 0.0 && top >= 0.0 && right <= wide && bottom <= tall;
            assert!(inside, "{node:?} {:?} is at {reach:?}, beyond {wide} by {tall}", node.text());
        }
    }
}

#[test]
fn all_is_within_its_frame() {
    let pictures = all(&fixture::run());
    assert_eq!(pictures.len(), 9);
    pictures.iter().for_each(|picture| check(picture));
}

#[test]
fn no_two_texts_lie_on_each_other() {
    for picture in all(&fixture::run()) {
        let document = Document::parse(&picture).unwrap();
        let texts: Vec<(&str, [f64; 4])> = document
            .descendants()
            .filter(|node| node.has_tag_name("text") || node.tag_name().name() == "text")
            .filter_map(|node| Some((node.text()?.trim(), reach(node)?)))
            .collect();
        for (place, (one, [l1, t1, r1, b1])) in texts.iter().enumerate() {
            for (other, [l2, t2, r2, b2]) in &texts[place + 1..] {
                // Letters are lower than their line.
                let apart = r1 <= l2 || r2 <= l1 || *b1 - 2.0 <= *t2 || *b2 - 2.0 <= *t1;
                assert!(
                    apart,
                    "`{one}` and `{other}` lie on each other in {}",
                    document.root_element().attribute("aria-label").unwrap()
                );
            }
        }
    }
}

#[test]
fn every_transport_is_in_the_main_picture() {
    let picture = standalone(&fixture::run(), Which::RoundTrips);
    let document = Document::parse(&picture).unwrap();
    let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    // What only streams has no round trip.
    for name in fixture::names().into_iter().filter(|name| *name != "memcpy") {
        assert!(texts.contains(&name), "{name} is not in {texts:?}");
    }
}

#[test]
fn every_colour_has_another_in_the_dark() {
    for which in Which::ALL {
        let picture = standalone(&fixture::run(), which);
        keep(&format!("{which:?}.svg"), &picture);
        let document = Document::parse(&picture).unwrap();
        let style =
            document.descendants().find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "style"))).unwrap();
        let (_, dark) = style.text().unwrap().split_once("@media (prefers-color-scheme:dark){").unwrap();
        let mut colours = 0;
        for node in document.descendants().filter(Node::is_element) {
            for name in ["fill", "stroke"] {
                if let Some(colour) = node.attribute(name).filter(|colour| *colour != "none") {
                    assert!(dark.contains(&format!("[{name}=\"{colour}\"]{{{name}:#")), "{name}={colour}");
                    colours += 1;
                }
            }
        }
        assert!(colours > 50, "{which:?} has but {colours}");
    }
}

#[test]
fn odd_figures_stay_within_the_frame() {
    let mut run = fixture::run();
    for (place, record) in run.records.iter_mut().enumerate() {
        match &mut record.finding {
            // A repetition in which somebody else had the core, a clock that told nothing, and what took no time.
            Finding::RoundTrip { p50_ns, p50_min_ns, p50_max_ns, .. } => match place % 5 {
                0 => *p50_max_ns = 4e10,
                1 => *p50_min_ns = 0.0,
                2 => *p50_ns = 0.0,
                _ => {}
            },
            Finding::Throughput { messages_per_s, bytes_per_s, .. } if place % 7 == 0 => {
                (*messages_per_s, *bytes_per_s) = (0.0, 0.0);
            }
            Finding::Paced { p50_ns, p99_ns, max_ns, arrived_per_s, .. } => match place % 5 {
                0 => (*p50_ns, *p99_ns) = (0.0, None),
                1 => *max_ns = 3e10,
                2 => *arrived_per_s = 0.0,
                _ => {}
            },
            _ => {}
        }
    }
    all(&run).iter().for_each(|picture| check(picture));
}

#[test]
fn pictures_of_little() {
    let runs = [
        fixture::only(|key| key.transport == "pipe" && key.payload_bytes == 8),
        fixture::only(|key| key.transport == "spsc" && key.wait == "spin"),
        fixture::only(|key| key.transport == "pipe" && key.rate_per_s.is_some_and(|rate| rate <= 1000)),
        // Only those that cannot keep up.
        fixture::only(|key| key.transport == "pipe" && key.rate_per_s.is_some_and(|rate| rate >= 10_000_000)),
    ];
    for (run, pictures) in runs.iter().zip([1, 3, 1, 1]) {
        let all = all(run);
        all.iter().for_each(|picture| check(picture));
        assert_eq!(all.len() - 3, 2 * pictures, "wide and narrow, of what there is");
    }
    // Of nothing a file of its own says so, and the page has none.
    let nothing = all(&fixture::only(|_| false));
    assert!(nothing.len() == 3 && nothing.iter().all(|picture| picture.contains("Nothing of this was measured")));
    nothing.iter().for_each(|picture| check(picture));
}
