//! A maintainer's command comes in; the test run, the cross-check, the quality tables or the remade demo goes out.
//!
//! `cargo xtask help` lists the commands. Nothing here is part of the product.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks through its standard streams"
)]

mod bench;
mod clips;
mod compare;
mod crosscheck;
mod date;
mod demo;
mod drums;
mod files;
mod hints;
mod knowledge;
mod licenses;
mod long;
mod metrics;
mod npm;
mod page;
mod piano;
mod python;
mod quality;
mod score;
mod singer;
mod studio;
mod test;
mod web;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development commands of Unbraid.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check that continuous integration runs, or some of them by name
    Test(test::Arguments),
    /// Compare our figures with those of other people's programs, and write the report
    Crosscheck(crosscheck::Arguments),
    /// Read files of other people's encoders, whole and damaged, and write docs/formats.md
    Files(files::Arguments),
    /// Gather the licences of everything inside the binary, for `unbraid licenses`
    Licenses(licenses::Arguments),
    /// Measure our speed beside that of other people's programs, and write `docs/speed.md`
    Bench(bench::Arguments),
    /// Answer the questions of `bench`, a line each, until there are no more
    #[command(hide = true)]
    BenchWorker,
    /// Separate every clip by every recipe and baseline, and rewrite docs/quality.md
    Quality(quality::Arguments),
    /// Measure how well drums are told from the rest, and write docs/drums.md
    Drums(drums::Arguments),
    /// Train the network that hears drums, from packages of sounds
    TrainDrums(drums::TrainArguments),
    /// Measure what hints, regions and onsets are worth on every clip, and rewrite docs/hints.md
    Hints(hints::Arguments),
    /// Set every method beside the others on the demo and the clips, and rewrite docs/compare.md
    Compare(compare::Arguments),
    /// Compare our metrics with museval and `mir_eval`, time them, and rewrite docs/metrics.md
    Metrics(metrics::Arguments),
    /// Score stored signals for `metrics`, in a process of its own
    #[command(hide = true)]
    MetricsWorker(metrics::worker::Arguments),
    /// Separate recordings of hours, kill and resume, and rewrite docs/long.md
    Long(long::Arguments),
    /// Make the demo clip and its stems anew from the packages they come from
    Demo(demo::Arguments),
    /// Make the built-in piano's templates anew from recorded notes
    Piano(piano::Arguments),
    /// Measure what dictionaries and scores of a piano are worth, and rewrite docs/knowledge.md
    Knowledge(knowledge::Arguments),
    /// Separate mixtures of one singer and one piano in every way, and rewrite docs/singer-and-piano.md
    Singer(singer::Arguments),
    /// Work with the studio in Chromium on the demo and on songs, time it, and write docs/studio.md
    StudioMeasure(studio::Arguments),
    /// Take a picture of every view and state of the studio's page, light and dark, small and large
    StudioPictures(studio::pictures::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Crosscheck(arguments) => crosscheck::run(&arguments),
        Command::Files(arguments) => files::run(&arguments),
        Command::Licenses(arguments) => licenses::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::BenchWorker => bench::worker::run().map(|()| ExitCode::SUCCESS),
        Command::Quality(arguments) => quality::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Drums(arguments) => drums::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::TrainDrums(arguments) => drums::train(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Hints(arguments) => hints::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Compare(arguments) => compare::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Metrics(arguments) => metrics::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::MetricsWorker(arguments) => {
            metrics::worker::run(&arguments).map(|()| ExitCode::SUCCESS)
        }
        Command::Long(arguments) => long::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Demo(arguments) => demo::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Piano(arguments) => piano::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Knowledge(arguments) => knowledge::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Singer(arguments) => singer::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::StudioMeasure(arguments) => studio::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::StudioPictures(arguments) => {
            studio::pictures::run(&arguments).map(|()| ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies below the root of the repository")
        .to_path_buf()
}

/// The folder for what these commands fetch and build; safe to delete.
fn scratch() -> PathBuf {
    root().join("target").join("xtask")
}
