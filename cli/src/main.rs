//! The `rondel` tool.

mod pipelines;
mod segments;
mod torture;
mod versus;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

use pipelines::Ending;

/// Sends streams through rondel's rings, compares them with the kernel's ways of handing messages over, kills their users, and looks after
/// named segments.
#[derive(Parser)]
#[command(name = "rondel", version, about, arg_required_else_help = true)]
struct Tool {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Send(pipelines::Send),
    #[command(name = "recv")]
    Receive(pipelines::Receive),
    Versus(versus::Arguments),
    Torture(torture::Torture),
    #[command(name = "torture-episode", hide = true)]
    Episode(torture::Episode),
    List(segments::List),
    Unlink(segments::Unlink),
}

fn main() -> ExitCode {
    let outcome = match Tool::parse().command {
        Command::Send(arguments) => pipelines::send(&arguments),
        Command::Receive(arguments) => pipelines::receive(&arguments),
        Command::Versus(arguments) => versus::run(&arguments).map(|()| Ending::Complete),
        Command::Torture(arguments) => torture::run(&arguments),
        Command::Episode(arguments) => torture::episode(&arguments).map(|()| Ending::Complete),
        Command::List(arguments) => segments::list(&arguments).map(|()| Ending::Complete),
        Command::Unlink(arguments) => segments::unlink(&arguments).map(|()| Ending::Complete),
    };
    match outcome {
        Ok(Ending::Complete) => ExitCode::SUCCESS,
        Ok(Ending::Signal(signal)) => pipelines::end_by(signal),
        // The reader of the output has seen enough (`rondel versus --json | head -1`): no failure of this tool.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rondel: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
