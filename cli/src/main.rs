//! The `rondel` tool.
fn main() {}
