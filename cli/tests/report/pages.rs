//! The page.

use crate::fixture;
use crate::versus::show::{charts, html, table};

/// Where a person finds what the tests have made, to look at it.
pub(crate) fn keep(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn draft() {
    let run = fixture::run();
    keep("page.html", &html::page(&run));
    keep("page-small.html", &html::page(&fixture::only(|k| k.transport == "pipe" && k.payload_bytes == 8)));
    for which in charts::Which::ALL {
        keep(&format!("{which:?}.svg"), &charts::standalone(&run, which));
    }
    for width in [80, 100, 120, 200] {
        let mut out = Vec::new();
        table::write(&mut out, &run, &table::Terminal { width: Some(width), colours: false }).unwrap();
        keep(&format!("table-{width}.txt"), &String::from_utf8(out).unwrap());
    }
}
