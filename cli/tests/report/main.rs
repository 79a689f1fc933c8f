//! What is shown of a run: tables, page, pictures, lines and comparisons, made from a run whose figures are invented.
//!
//! They are compiled from the tool's own sources: they know nothing of measuring, and so can be shown what no machine would measure.

// What only the tool itself needs of them.
#[allow(dead_code, unused_imports)]
#[path = "../../src/versus"]
mod versus {
    pub(crate) mod record;
    pub(crate) mod show;
}

mod browser;
mod comparisons;
mod fixture;
mod pages;
mod pictures;
mod tables;
mod terminals;
