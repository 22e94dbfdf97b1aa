//! Stored signals come in; our scores, and what they took, go out: a process of its own, so that its memory can be told.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use ndarray::{Array3, ArrayView2, Axis};
use ndarray_npy::read_npy;
use serde_json::Value;
use unbraid::evaluate::{
    BssEvalConfig, FrameConfig, Ratios, Sample, bss_eval_images, bss_eval_sources, v4,
};

use super::{Answer, Measure, Scores};

/// What to score.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    measure: Measure,
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let signals = Signals::read(&arguments.folder)?;
    let (started, used) = (Instant::now(), cpu_secs());
    let scores = signals.scores(arguments.measure)?;
    let answer = Answer {
        secs: started.elapsed().as_secs_f64(),
        cpu_secs: cpu_secs() - used,
        peak_mb: peak_mb(),
        scores,
    };
    println!("{}", serde_json::to_string(&answer)?);
    Ok(())
}

/// Our scores of stored signals.
pub(super) fn scores(measure: Measure, folder: &Path) -> Result<Scores> {
    Signals::read(folder)?.scores(measure)
}

struct Signals {
    references: Array3<f32>,
    estimates: Array3<f32>,
    sample_rate: u32,
}

impl Signals {
    fn read(folder: &Path) -> Result<Self> {
        let settings: Value = serde_json::from_slice(&fs::read(folder.join("settings.json"))?)?;
        let sample_rate = settings["sample_rate"].as_u64().context("no sample rate")?;
        Ok(Self {
            references: read_npy(folder.join("references.npy"))?,
            estimates: read_npy(folder.join("estimates.npy"))?,
            sample_rate: u32::try_from(sample_rate)?,
        })
    }

    fn scores(&self, measure: Measure) -> Result<Scores> {
        let config = BssEvalConfig::default();
        let (references, estimates) = (views(&self.references), views(&self.estimates));
        let frames: Vec<Option<Vec<Ratios>>> = match measure {
            Measure::V4 => {
                let frames = FrameConfig::one_second(self.sample_rate);
                let scores = v4::bss_eval(&references, &estimates, &frames, &config)?;
                scores
                    .frames
                    .into_iter()
                    .map(|frame| frame.sources)
                    .collect()
            }
            Measure::Images => {
                vec![Some(
                    bss_eval_images(&references, &estimates, &config)?.sources,
                )]
            }
            Measure::Sources => {
                let mono = |all: &Array3<f32>| {
                    let wide = all.mapv(f64::from);
                    wide.mean_axis(Axis(1))
                        .expect("a channel")
                        .insert_axis(Axis(1))
                };
                let (references, estimates) = (mono(&self.references), mono(&self.estimates));
                let (references, estimates) = (views(&references), views(&estimates));
                vec![Some(
                    bss_eval_sources(&references, &estimates, &config)?.sources,
                )]
            }
        };
        let each = |ratio: &dyn Fn(&Ratios) -> f64| -> super::Ratios {
            (0..references.len())
                .map(|source| {
                    let of = |frame: &Option<Vec<Ratios>>| {
                        frame.as_ref().map(|sources| ratio(&sources[source]))
                    };
                    frames.iter().map(of).collect()
                })
                .collect()
        };
        Ok(Scores {
            sdr: each(&|ratios| ratios.sdr_db),
            isr: (measure != Measure::Sources)
                .then(|| each(&|ratios| ratios.isr_db.unwrap_or(f64::NAN))),
            sir: each(&|ratios| ratios.sir_db),
            sar: each(&|ratios| ratios.sar_db),
        })
    }
}

fn views<T: Sample>(all: &Array3<T>) -> Vec<ArrayView2<'_, T>> {
    all.outer_iter().collect()
}

/// The most memory this process ever held, where the system tells.
fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1e3
}

/// Processor time of this process, where the system tells: fields 14 and 15 of its `stat`, in hundredths of a second.
fn cpu_secs() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name before may hold spaces; it ends with the last bracket.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: Vec<f64> = fields
        .skip(11)
        .take(2)
        .filter_map(|it| it.parse().ok())
        .collect();
    ticks.iter().sum::<f64>() / 100.0
}
