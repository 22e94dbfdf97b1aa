//! Signals come in; our scores of them beside museval's and `mir_eval`'s, with the time and memory that each takes, go out
//! as `docs/metrics.md`.

mod page;
mod signals;
pub(crate) mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use ndarray_npy::write_npy;
use serde::{Deserialize, Serialize};

use crate::python::{interpreter, script};
use crate::{clips, root};
use signals::{Signals, generated, of_clip};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of clips with known stems, beside the demo's, left out if it does not exist;
    /// the variable `UNBRAID_CLIPS` changes the default
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// The length of the track that is timed, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    secs: usize,
    /// Time these measures only; the others take minutes
    #[arg(
        long,
        value_name = "MEASURES",
        value_delimiter = ',',
        default_value = "v4,sources,images"
    )]
    timed: Vec<Measure>,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/metrics.md"))]
    output: PathBuf,
}

/// A version of BSS Eval that somebody else has as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    V4,
    Sources,
    Images,
}

impl Measure {
    const ALL: [Self; 3] = [Self::V4, Self::Sources, Self::Images];

    /// As the script and the worker are asked for it.
    fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::Sources => "sources",
            Self::Images => "images",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::V4 => "BSS Eval 4, frames of 1 s",
            Self::Sources => "BSS Eval 3, sources, mono",
            Self::Images => "BSS Eval 3, images",
        }
    }

    fn peer(self) -> &'static str {
        match self {
            Self::V4 => "museval",
            Self::Sources | Self::Images => "mir_eval",
        }
    }
}

/// Ratios as `(sources, frames)`, in dB; nothing where a frame has no score.
type Ratios = Vec<Vec<Option<f64>>>;

/// Scores, and what they took.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    secs: f64,
    cpu_secs: f64,
    peak_mb: f64,
    scores: Scores,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Scores {
    sdr: Ratios,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    isr: Option<Ratios>,
    sir: Ratios,
    sar: Ratios,
}

impl Scores {
    /// The largest difference of any ratio of any source in any frame, in dB, and how many there are.
    fn difference(&self, other: &Self) -> (f64, usize) {
        let mut worst = 0.0_f64;
        let mut count = 0;
        let empty = Ratios::new();
        let isr = |scores: &Self| scores.isr.clone().unwrap_or_else(|| empty.clone());
        for (ours, theirs) in [
            (self.sdr.clone(), other.sdr.clone()),
            (isr(self), isr(other)),
            (self.sir.clone(), other.sir.clone()),
            (self.sar.clone(), other.sar.clone()),
        ] {
            let (ours, theirs) = (ours.concat(), theirs.concat());
            if ours.len() != theirs.len() {
                return (f64::INFINITY, count);
            }
            for pair in ours.into_iter().zip(theirs) {
                worst = worst.max(match pair {
                    (None, None) => continue,
                    (Some(a), Some(b)) if a.total_cmp(&b).is_eq() => 0.0,
                    (Some(a), Some(b)) => (a - b).abs(),
                    _ => f64::INFINITY,
                });
                count += 1;
            }
        }
        (worst, count)
    }
}

/// Some signals, scored by both.
#[derive(Debug)]
struct Agreement {
    name: String,
    sources: usize,
    secs: f64,
    /// The largest difference and the number of ratios, for each of [`Measure::ALL`].
    differences: Vec<(f64, usize)>,
}

/// A measure, timed.
#[derive(Debug)]
struct Timed {
    measure: Measure,
    /// The one in the middle of three runs.
    ours: Answer,
    theirs: Answer,
}

/// How far apart scores may be, in dB.
const TOLERANCE_DB: f64 = 1e-3;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let python = interpreter("metrics")?;
    let ask = |measure: &str, folder: &Path| -> Result<String> {
        said(
            Command::new(&python)
                .arg(script("metrics.py"))
                .arg(measure)
                .arg(folder),
        )
    };
    let packages: Vec<(String, String)> = serde_json::from_str(&ask("about", Path::new("."))?)?;

    let mut agreements = Vec::new();
    let mut signals = vec![generated(4, 12)];
    for clip in clips::find(&arguments.clips)? {
        signals.push(of_clip(&clip)?);
    }
    for signals in &signals {
        let folder = stored(signals)?;
        let mut differences = Vec::new();
        for measure in Measure::ALL {
            let theirs: Answer = serde_json::from_str(&ask(measure.name(), folder.path())?)?;
            let ours = worker::scores(measure, folder.path())?;
            differences.push(ours.difference(&theirs.scores));
        }
        println!("{}: {differences:?}", signals.name);
        agreements.push(Agreement {
            name: signals.name.clone(),
            sources: signals.references.len_of(ndarray::Axis(0)),
            secs: signals.secs(),
            differences,
        });
    }

    let mut timed = Vec::new();
    let track = generated(4, arguments.secs);
    let folder = stored(&track)?;
    for &measure in &arguments.timed {
        let mut ours: Vec<Answer> = (0..3)
            .map(|_| {
                let mut worker = Command::new(std::env::current_exe()?);
                worker
                    .arg("metrics-worker")
                    .arg(measure.name())
                    .arg(folder.path());
                Ok(serde_json::from_str(&said(&mut worker)?)?)
            })
            .collect::<Result<_>>()?;
        ours.sort_by(|a, b| a.secs.total_cmp(&b.secs));
        let theirs: Answer = serde_json::from_str(&ask(measure.name(), folder.path())?)?;
        let ours = ours.swap_remove(1);
        println!(
            "{}: {:.2} s, {} {:.2} s",
            measure.about(),
            ours.secs,
            measure.peer(),
            theirs.secs
        );
        timed.push(Timed {
            measure,
            ours,
            theirs,
        });
    }
    let page = page::page(&packages, &agreements, &timed, arguments.secs);
    fs::write(&arguments.output, page)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    println!("wrote {}", arguments.output.display());
    let worst = agreements
        .iter()
        .flat_map(|agreement| &agreement.differences)
        .fold(0.0_f64, |worst, (difference, _)| worst.max(*difference));
    ensure!(
        worst <= TOLERANCE_DB,
        "scores differ by {worst} dB, allowed are {TOLERANCE_DB}"
    );
    Ok(())
}

/// The signals where the script and the worker find them.
fn stored(signals: &Signals) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    write_npy(folder.path().join("references.npy"), &signals.references)?;
    write_npy(folder.path().join("estimates.npy"), &signals.estimates)?;
    let settings = serde_json::json!({ "sample_rate": signals.sample_rate });
    fs::write(folder.path().join("settings.json"), settings.to_string())?;
    Ok(folder)
}

/// What a command prints.
fn said(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .output()
        .with_context(|| format!("cannot run {shown}"))?;
    ensure!(
        output.status.success(),
        "{shown} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_scores_stand_in_the_peers_shape_and_differences_are_found() {
        let folder = stored(&generated(2, 2)).unwrap();
        for measure in Measure::ALL {
            let mut scores = worker::scores(measure, folder.path()).unwrap();
            let text = serde_json::to_string(&scores).unwrap();
            let same: Scores = serde_json::from_str(&text).unwrap();
            let (worst, count) = scores.difference(&same);
            let frames = if measure == Measure::V4 { 2 } else { 1 };
            let ratios = if measure == Measure::Sources { 3 } else { 4 };
            assert!(
                worst < 1e-9 && count == 2 * frames * ratios,
                "{worst} {count}"
            );
            scores.sir[1][0] = Some(0.0);
            assert!(scores.difference(&same).0 > 1.0);
            scores.sir[1][0] = None;
            assert!(scores.difference(&same).0.is_infinite());
        }
    }
}
