//! The `rondel-proof` tool.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rondel_proof::kills;

/// Repeats, on this machine, what is said of rondel's robustness.
#[derive(Parser)]
#[command(name = "rondel-proof", version, about, arg_required_else_help = true)]
struct Tool {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Kills(kills::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Tool::parse().command {
        Command::Kills(arguments) => kills::run(&arguments),
    }
}
