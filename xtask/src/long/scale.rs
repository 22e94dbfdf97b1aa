//! A length comes in; the time and memory of separating a recording so long go out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use unbraid_io::project::read_manifest;

use super::material::{self, Takes};
use super::process::{program, run as start};

/// What the recording is separated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Way {
    /// As usual: the network, and fits in parts.
    #[default]
    Drums,
    /// Free components alone.
    Blind,
}

impl Way {
    pub(super) const ALL: [Self; 2] = [Self::Drums, Self::Blind];

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Drums => &[],
            Self::Blind => &["--evidence", "features"],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Drums => "drums and the rest",
            Self::Blind => "blind (`--evidence features`)",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) way: Way,
    pub(super) len_secs: usize,
    pub(super) secs: f64,
    pub(super) most_bytes: u64,
    pub(super) pieces: usize,
    /// After how many seconds it was killed, if it was.
    pub(super) killed_secs: Option<f64>,
    pub(super) sdr_db: Vec<f64>,
    pub(super) recording_bytes: u64,
    pub(super) stems_bytes: u64,
    /// The most that the journal and the stems took together.
    pub(super) most_disk_bytes: u64,
}

/// Replace the row of the same length and way.
pub(super) fn keep(rows: &mut Vec<Row>, row: Row) {
    rows.retain(|old| (old.len_secs, old.way) != (row.len_secs, row.way));
    rows.push(row);
    rows.sort_by_key(|row| (row.way as usize, row.len_secs));
}

/// Separate so many seconds; killed after a share of the pieces and resumed, if that is asked for.
pub(super) fn run(work: &Path, way: Way, len_secs: usize, killed: Option<f64>) -> Result<Row> {
    const RATE: u32 = 44_100;
    let folder = work.join(format!("{len_secs}s"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let len = len_secs * RATE as usize;
    println!("{len_secs} s: writing the recording");
    let recording = material::write(&folder, Takes::of_demo(len)?, RATE, None)?;
    let out = folder.join("out");
    let pieces = out.join(".mixture.pieces");
    let usual = ["-s", "drums,guitar", "--format", "flac16"];
    let arguments = [&usual[..], way.arguments()].concat();
    let mut most_disk = 0;
    let mut disk = |now: Duration, checked: &mut Duration| {
        if now > *checked + Duration::from_secs(2) {
            *checked = now;
            most_disk = most_disk.max(bytes_of(&out));
        }
    };
    let (mut secs, mut most, mut killed_secs) = (0.0, 0, None);
    if let Some(share) = killed {
        let about = (len_secs as f64 / 300.0).ceil();
        let wanted = pieces.join(format!("{:05}.partial", (share * about) as usize));
        let mut checked = Duration::ZERO;
        let mut command = program();
        command.arg("separate").arg(&recording).arg("-o").arg(&out);
        let (took, was_killed) = start(command.args(&arguments), |now| {
            disk(now, &mut checked);
            wanted.exists()
        })?;
        (secs, most) = (took.secs, took.most_bytes);
        killed_secs = was_killed.then_some(took.secs);
        println!("killed after {secs:.0} s");
    }
    let mut checked = Duration::ZERO;
    let mut command = program();
    command.arg("separate").arg(&recording).arg("-o").arg(&out);
    command.args(arguments).arg("--resume");
    let (took, _) = start(&mut command, |now| {
        disk(now, &mut checked);
        false
    })?;
    secs += took.secs;
    let target = out.join("mixture");
    let manifest = read_manifest(&target)?;
    let words = manifest.notes.first().map_or("", String::as_str);
    let pieces = words
        .split(' ')
        .find_map(|word| word.parse().ok())
        .unwrap_or(1);
    let stems = ["drums", "guitar"].map(|stem| target.join(stem).with_extension("flac"));
    println!("{secs:.1} s, {} MB", most.max(took.most_bytes) / 1_000_000);
    let row = Row {
        way,
        len_secs,
        secs,
        most_bytes: most.max(took.most_bytes),
        pieces,
        killed_secs,
        sdr_db: material::sdr(Takes::of_demo(len)?, &stems)?,
        recording_bytes: fs::metadata(&recording).context("no recording")?.len(),
        stems_bytes: stems
            .iter()
            .filter_map(|stem| Some(fs::metadata(stem).ok()?.len()))
            .sum(),
        most_disk_bytes: most_disk,
    };
    fs::remove_dir_all(&folder)?;
    Ok(row)
}

/// All files in a folder.
fn bytes_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_of(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
