//! The page: whole, by itself, and true to the run.

use crate::fixture;
use crate::versus::record::{Finding, Run, TestName};
use crate::versus::show::{html, lines};
use scraper::{Html, Selector};
use std::path::{Path, PathBuf};

/// Where a person finds what the tests have made, to look at it.
pub(crate) fn keep(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn text_of(element: &scraper::ElementRef) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What holds of the page of any run.
fn check(run: &Run) -> Html {
    let text = html::page(run);
    let page = Html::parse_document(&text);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    // Nothing runs and nothing is fetched.
    assert!(select(&page, "script, iframe, object, embed, img, video, base, form").is_empty());
    for element in select(&page, "*") {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on"), "{name}={value}");
            let names_another = ["src", "href", "srcset", "action", "data", "poster", "xlink:href"].contains(&name);
            assert!(!names_another || value.starts_with("data:"), "{name}={value}");
            assert!(!value.contains("NaN") && !value.contains("inf,"), "{name}={value}");
        }
    }
    let elsewhere = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in ["http:", "https:", "url(", "@import", "NaN"] {
        assert!(!elsewhere.contains(word), "{word}");
    }
    // Nothing is empty, and every row has a cell for each heading.
    for table in select(&page, "table") {
        let of = |selector: &str| table.select(&Selector::parse(selector).unwrap()).count();
        let (columns, rows, cells) = (of("th"), of("tbody tr"), of("td"));
        assert!(columns > 0 && rows > 0 && cells == rows * columns, "{columns} {rows} {cells}");
    }
    for section in select(&page, "section, figure, ul, dl") {
        assert!(!text_of(&section).is_empty());
    }
    page
}

#[test]
fn the_page_is_whole_and_by_itself() {
    let run = fixture::run();
    keep("page.html", &html::page(&run));
    let page = check(&run);
    let told: Vec<String> = select(&page, "dt").iter().map(text_of).collect();
    let rows: Vec<String> = select(&page, "td").iter().map(text_of).collect();
    for name in fixture::names() {
        assert!(rows.iter().any(|cell| cell == name), "{name} is in no table");
        assert!(told.iter().any(|cell| cell.starts_with(name)), "{name} has no note");
    }
    let headings: Vec<String> = select(&page, "h2").iter().map(text_of).collect();
    assert_eq!(
        headings,
        [
            "At a glance, 64 B",
            "When not to use rondel",
            "Round trips of 64 B by mechanism",
            "Throughput by size of message",
            "Delay under load, 64 B one way",
            "All figures",
            "Not measured",
            "What each is",
            "How to repeat it"
        ]
    );
    assert_eq!(select(&page, "figure.chart").len(), 3);
    // What a machine is called may look like markup.
    assert!(text_of(&select(&page, ".machine")[0]).starts_with("An Imagined Processor <8> & Co. at"));
    assert!(text_of(&select(&page, "pre")[0]).contains("versus --cores 2,3 --html report.html"));
    // The same run gives the same page.
    assert_eq!(html::page(&run), html::page(&run));
}

#[test]
fn a_page_of_little_has_no_empty_places() {
    keep("page-of-little.html", &html::page(&fixture::only(|key| key.transport == "pipe" && key.payload_bytes == 8)));
    let only_pipe = check(&fixture::only(|key| key.transport == "pipe" && key.payload_bytes == 8));
    let headings: Vec<String> = select(&only_pipe, "h2").iter().map(text_of).collect();
    assert_eq!(
        headings,
        ["At a glance, 8 B", "Round trips of 8 B by mechanism", "All figures", "What each is", "How to repeat it"]
    );
    assert!(select(&only_pipe, ".headlines").is_empty(), "nothing of rondel's was measured");
    for test in [TestName::RoundTrip, TestName::Throughput, TestName::Handover, TestName::Paced] {
        check(&fixture::only(|key| key.test == test));
    }
    for name in fixture::names() {
        check(&fixture::only(|key| key.transport == name));
    }
    check(&fixture::only(|_| false));
}

#[test]
fn when_not_to_use_it_is_said_in_the_runs_own_figures() {
    let run = fixture::run();
    let page = check(&run);
    let said: Vec<String> = select(&page, ".when-not li").iter().map(text_of).collect();
    let starts = [
        "A pipe may be as good as it needs to be. At 10 k/s of 64 B half arrive within 29.2 µs, 99 of 100 within 58.9 µs, and",
        "Spinning is not free. At 1 k/s of 64 B half arrive within 167 ns through spsc, spinning, and the receiver takes 100 %",
        "Where both sides sleep, little is gained. A round trip of 64 B then takes 50.8 µs through bytes and 56.6 µs through a pipe",
        "With large messages copying is what counts. Of 8 B the best of rondel's rings carries 76.3 times",
        "Where messages may wait for one another, a pipe can take many at once. In batches it carries 34.3 M/s of 64 B;",
        "Something else is faster. rtrb between threads carries 250 M/s of 8 B where spsc carries 170 M/s",
        "Below the floor nothing helps. To move a cache line to the other core and one back takes 422 ns",
    ];
    assert_eq!(said.len(), starts.len(), "{said:?}");
    for (said, start) in said.iter().zip(starts) {
        assert!(said.starts_with(start), "{said}");
    }
    // Nobody is said to be faster who is not.
    let mut slow = run.clone();
    for record in slow.records.iter_mut().filter(|record| record.key.transport != "spsc") {
        if let Finding::Throughput { messages_per_s, .. } = &mut record.finding {
            *messages_per_s /= 1000.0;
        }
    }
    let page = check(&slow);
    assert!(!select(&page, ".when-not li").iter().any(|said| text_of(said).contains("Something else")));
}

#[test]
fn a_page_of_a_file_is_that_of_the_run() {
    let run = fixture::run();
    let mut file = Vec::new();
    lines::write(&mut file, &run).unwrap();
    assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), run.records.len() + 1);
    let read = lines::read(&file[..]).unwrap();
    assert_eq!(read, run);
    assert_eq!(html::page(&read), html::page(&run));
}
