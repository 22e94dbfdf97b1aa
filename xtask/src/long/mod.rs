//! The demo clip, repeated and varied for hours, comes in; what separating it takes and is worth goes out, as `docs/long.md`.

mod kills;
pub(crate) mod material;
mod memory;
mod page;
mod peer;
mod process;
mod quality;
mod scale;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use self::scale::Way;
use crate::{clips, date, root, scratch};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to measure anew; the rest of the page stays as it was measured before
    #[arg(required = true)]
    parts: Vec<Part>,
    /// The folder of clips with known stems; the variable `UNBRAID_CLIPS` changes the default
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Where recordings and stems go while they are needed: about 1 GB for an hour
    #[arg(long, value_name = "DIR", default_value_os_t = scratch().join("long"))]
    work: PathBuf,
    /// Use the program as it was built, without building it anew
    #[arg(long)]
    built: bool,
}

/// One part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 10 minutes and an hour by two recipes: memory and time
    Time,
    /// Ten hours, killed once and resumed: half an hour and 10 GB
    Hours,
    /// The same without the network and the fits in parts
    BlindHours,
    /// Ten pieces against one fit, for every recipe
    Quality,
    /// Killed at ten random moments
    Kills,
    /// The memory that `info` foretells, for every recipe
    Memory,
    /// Another program on the same recordings
    Peer,
    /// Nothing: write the page again
    Page,
}

/// Everything that was measured so far.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Results {
    scale: Vec<scale::Row>,
    quality: Vec<quality::Row>,
    kills: Option<kills::Found>,
    memory: Vec<memory::Row>,
    peer: Vec<peer::Row>,
    date: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.built {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--workspace"])
            .current_dir(root())
            .status()?;
        ensure!(built.success(), "the program cannot be built");
    }
    let work = &arguments.work;
    fs::create_dir_all(work)?;
    let stored = root().join("docs/long.json");
    let mut results: Results = match fs::read(&stored) {
        Ok(text) => serde_json::from_slice(&text).context("docs/long.json is damaged")?,
        Err(_) => Results::default(),
    };
    for part in &arguments.parts {
        match part {
            Part::Time => {
                for way in Way::ALL {
                    for secs in [600, 3600] {
                        scale::keep(&mut results.scale, scale::run(work, way, secs, None)?);
                    }
                }
            }
            Part::Hours | Part::BlindHours => {
                let way = match part {
                    Part::Hours => Way::Drums,
                    _ => Way::Blind,
                };
                let row = scale::run(work, way, 36_000, Some(0.3))?;
                scale::keep(&mut results.scale, row);
            }
            Part::Quality => results.quality = quality::run(work, &arguments.clips)?,
            Part::Kills => results.kills = Some(kills::run(work)?),
            Part::Memory => results.memory = memory::run(work)?,
            Part::Peer => results.peer = peer::run(work)?,
            Part::Page => {}
        }
        if *part != Part::Page {
            results.date = date::today();
        }
        fs::write(&stored, serde_json::to_string_pretty(&results)? + "\n")?;
    }
    page::write(&results)
}
