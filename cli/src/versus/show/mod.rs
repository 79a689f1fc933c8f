//! What is shown of a finished run, whether it was made just now or is read from a file.

pub(crate) mod charts;
pub(crate) mod compare;
pub(crate) mod html;
pub(crate) mod lines;
pub(crate) mod table;

mod advice;
mod digits;
mod grids;
mod view;
