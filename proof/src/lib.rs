//! What a reader runs to repeat rondel's proof: one subcommand a module.

pub mod orderings;
