//! What rondel survives, shown and not claimed: each subcommand of `rondel-proof` repeats one part of it on the reader's machine.

pub mod kills;
pub mod orderings;
