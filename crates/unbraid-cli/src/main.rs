//! The command line: arguments come in, files and words go out.

mod args;
mod cancel;
mod commands;
mod cost;
mod failure;
mod hints;
mod input;
mod knowledge;
mod offered;
mod output;
mod progress;
mod render;
mod tracks;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::complain;

fn main() -> ExitCode {
    // Clap prints help and usage errors itself, with exit codes 0 and 2.
    let cli = Cli::parse();
    cancel::listen();
    let result = match &cli.command {
        Command::Separate(args) => commands::separate::run(args),
        Command::Factorize(args) => commands::factorize::run(args),
        Command::Group(args) => commands::group::run(args),
        Command::Learn(args) => commands::learn::run(args),
        Command::Refit(args) => commands::refit::run(args),
        Command::Evaluate(args) => commands::evaluate::run(args),
        Command::Compare(args) => commands::compare::run(args),
        Command::Explain(args) => commands::explain::run(args),
        Command::Info(args) => commands::info::run(args),
        Command::Studio(args) => commands::studio::run(args),
        Command::Licenses => {
            commands::licenses::run();
            Ok(())
        }
        Command::Completions(args) => {
            commands::completions::run(args);
            Ok(())
        }
    };
    match result {
        Ok(()) if output::failed() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain!("error: {failure}");
            if let Some(hint) = failure.hint() {
                complain!("hint: {hint}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
