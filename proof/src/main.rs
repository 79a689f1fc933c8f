//! The commands that repeat rondel's proof.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rondel_proof::orderings;

/// Repeats rondel's proof on this machine.
#[derive(Parser)]
#[command(name = "rondel-proof", version)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Weakens every atomic ordering, removes every fence and drops every wake-up of the protocol, one at a time, and runs the loom models.
    Orderings(orderings::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse().what {
        What::Orderings(arguments) => orderings::run(&arguments),
    }
}
