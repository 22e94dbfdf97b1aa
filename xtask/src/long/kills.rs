//! Nothing comes in; whether a separation that is killed at random moments ends with the same bytes goes out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::Rng;
use serde::{Deserialize, Serialize};
use unbraid_io::project::sha256_of_file;

use super::material::{self, Takes};
use super::process::{program, run as start, separate};

/// How often it is killed.
const KILLS: usize = 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) len_secs: usize,
    pub(super) uninterrupted_secs: f64,
    /// When each run was killed, in seconds from its start.
    pub(super) killed_secs: Vec<f64>,
    pub(super) same_bytes: bool,
}

const ARGUMENTS: [&str; 6] = ["-s", "drums,guitar", "--piece", "10", "--format", "flac16"];

pub(super) fn run(work: &Path) -> Result<Found> {
    const LEN_SECS: usize = 120;
    let folder = work.join("kills");
    let len = LEN_SECS * 44_100;
    let recording = material::write(&folder, Takes::of_demo(len)?, 44_100, None)?;
    let whole = folder.join("whole");
    let took = separate(&recording, &whole, &ARGUMENTS)?;
    let out = folder.join("killed");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let mut random = rand::rng();
    let mut killed_secs = Vec::new();
    for _ in 0..20 * KILLS {
        // Moments anywhere in the work of a few pieces, and after it has come on.
        let share = f64::from(random.next_u32()) / f64::from(u32::MAX);
        let after = Duration::from_secs_f64(0.05 + share * took.secs / 5.0);
        let mut command = program();
        command.arg("separate").arg(&recording).arg("-o").arg(&out);
        command.args(ARGUMENTS).arg("--resume");
        let enough = killed_secs.len() >= KILLS;
        let (ran, killed) = start(&mut command, |now| !enough && now >= after)?;
        if !killed {
            break;
        }
        println!("killed after {:.2} s", ran.secs);
        killed_secs.push(ran.secs);
    }
    ensure!(
        killed_secs.len() >= KILLS.min(3),
        "it was hardly ever killed"
    );
    let sum = |out: &Path, stem: &str| {
        sha256_of_file(&out.join("mixture").join(stem).with_extension("flac"))
    };
    let mut same_bytes = true;
    for stem in ["drums", "guitar"] {
        same_bytes &= sum(&whole, stem)? == sum(&out, stem)?;
    }
    ensure!(same_bytes, "the stems differ");
    fs::remove_dir_all(&folder)?;
    Ok(Found {
        len_secs: LEN_SECS,
        uninterrupted_secs: took.secs,
        killed_secs,
        same_bytes,
    })
}
