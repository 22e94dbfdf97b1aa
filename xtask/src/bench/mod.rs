//! Tracks come in; `docs/speed.md` goes out: our speed beside that of other people's programs in the same run.
//!
//! `bench.py` asks in turn the other programs and us (a [`worker`] in a process of its own, built for speed),
//! and writes the page.

mod track;
pub(crate) mod worker;

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::python::{call, interpreter, script};
use crate::{root, scratch};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Measure only these parts: iterations, threads, memory, goal, pipeline, growth, precision, instructions
    #[arg(value_name = "PART")]
    parts: Vec<String>,

    /// Short tracks and one round: shows that it works, not how fast anything is
    #[arg(long)]
    quick: bool,

    /// Write the page from the figures of earlier runs, and measure nothing
    #[arg(long, conflicts_with_all = ["parts", "quick"])]
    page: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let build = [
        "build",
        "--release",
        "--quiet",
        "-p",
        "xtask",
        "-p",
        "unbraid-cli",
    ];
    call(Command::new("cargo").args(build).current_dir(root()))?;
    let folder = scratch().join("bench");
    let tracks = track::make(&folder, if arguments.quick { 6.0 } else { 180.0 })?;
    let release = root().join("target").join("release");
    let mut command = Command::new(interpreter("bench")?);
    command
        .arg(script("bench.py"))
        .arg("--worker")
        .arg(release.join("xtask"))
        .arg("--unbraid")
        .arg(release.join("unbraid"))
        .arg("--folder")
        .arg(&folder)
        .arg("--docs")
        .arg(root().join("docs"))
        .args(arguments.quick.then_some("--quick"))
        .args(arguments.page.then_some("--page"))
        .arg("--tracks")
        .args(tracks);
    for part in &arguments.parts {
        command.args(["--part", part]);
    }
    // An environment may hold back the linear algebra of Python to what old processors have.
    for variable in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"] {
        command.env_remove(variable);
    }
    call(&mut command)
}

/// Where the clips with true stems are.
fn clips() -> std::path::PathBuf {
    std::env::var_os("UNBRAID_CLIPS").map_or_else(
        || root().join(Path::new("../shared/clips")),
        std::path::PathBuf::from,
    )
}
