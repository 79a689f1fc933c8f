//! The `rondel-proof` tool.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rondel_proof::{kills, orderings};

/// Repeats, on this machine, what is said of rondel's robustness.
#[derive(Parser)]
#[command(name = "rondel-proof", version, about, arg_required_else_help = true)]
struct Tool {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kills a process behind every single instruction of every operation, and has the others go on.
    Kills(kills::Arguments),
    /// Weakens every atomic ordering, removes every fence and drops every wake-up of the protocol, one at a time, and runs the loom models.
    Orderings(orderings::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Tool::parse().command {
        Command::Kills(arguments) => kills::run(&arguments),
        Command::Orderings(arguments) => orderings::run(&arguments),
    }
}
