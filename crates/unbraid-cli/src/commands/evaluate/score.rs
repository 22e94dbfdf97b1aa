//! The files of one track come in; the scores of its sources go out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;
use ndarray::{ArrayView2, s};
use unbraid::evaluate::{
    BssEvalConfig, FrameConfig, FrameScores, FramewiseScores, Matching, Ratios, Sample,
    ScaleInvariantRatios, bss_eval_images, bss_eval_images_framewise, bss_eval_sources,
    bss_eval_sources_framewise, si_sdr, v4,
};
use unbraid_io::audio::Span;

use super::load::{Held, Loader};
use super::pairs::{Pair, Pairing};
use crate::args::{DownmixArg, MeasureArgs, MetricArg};
use crate::failure::Failure;

/// A frame of `mir_eval` and `SiSEC` 2016, in seconds.
const LONG_FRAME_SECS: f64 = 30.0;
/// A frame of museval, in seconds.
const SHORT_FRAME_SECS: f64 = 1.0;

/// How to score, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) metric: MetricArg,
    /// Window and hop in seconds; without, the recording is scored as a whole.
    pub(super) framewise: Option<(f64, f64)>,
    pub(super) permute: bool,
    pub(super) downmix: DownmixArg,
    pub(super) pad: bool,
    pub(super) baseline: bool,
    pub(super) span: Span,
}

impl Settings {
    pub(super) fn new(args: &MeasureArgs, baseline: bool, span: Span) -> Result<Self, Failure> {
        for (flag, given) in [("--window", args.window), ("--hop", args.hop)] {
            if let Some(secs) = given
                && !(secs.is_finite() && secs > 0.0)
            {
                return Err(Failure::usage(format!(
                    "{flag} is {secs}, but must be above 0"
                )));
            }
        }
        let is_v4 = args.metric == MetricArg::V4;
        let window = args.window.unwrap_or(if is_v4 {
            SHORT_FRAME_SECS
        } else {
            LONG_FRAME_SECS
        });
        let hop = args
            .hop
            .unwrap_or(if is_v4 { window } else { window / 2.0 });
        let framewise = is_v4 || args.framewise || args.window.is_some() || args.hop.is_some();
        let usual = match args.metric {
            MetricArg::V3 => DownmixArg::Mono,
            MetricArg::V3Images | MetricArg::V4 => DownmixArg::None,
        };
        Ok(Self {
            metric: args.metric,
            framewise: framewise.then_some((window, hop)),
            permute: args.permute,
            downmix: args.downmix.unwrap_or(usual),
            pad: args.pad,
            baseline,
            span,
        })
    }

    /// Such as `BSS Eval 3 sources, whole recording, mono`.
    pub(super) fn describe(&self) -> String {
        let metric = match self.metric {
            MetricArg::V3 => "BSS Eval 3 sources",
            MetricArg::V3Images => "BSS Eval 3 images",
            MetricArg::V4 => "BSS Eval 4",
        };
        let frames = match self.framewise {
            None => "whole recording".to_owned(),
            Some((window, hop)) => format!("median of frames of {window} s every {hop} s"),
        };
        let channels = match self.downmix {
            DownmixArg::Mono => "mono",
            DownmixArg::None => "all channels",
        };
        let order = if self.permute { ", best order" } else { "" };
        format!("{metric}, {frames}, {channels}{order}")
    }

    fn frames(&self, sample_rate: u32) -> Option<FrameConfig> {
        let samples = |secs: f64| ((secs * f64::from(sample_rate)).round() as usize).max(1);
        self.framewise.map(|(window, hop)| FrameConfig {
            window_len: samples(window),
            hop_len: samples(hop),
        })
    }
}

/// All measures of one estimate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measures {
    pub(super) ratios: Ratios,
    pub(super) scale_invariant: ScaleInvariantRatios,
}

impl Measures {
    /// Names and values in dB, in the order of tables.
    pub(super) fn values(&self) -> Vec<(&'static str, f64)> {
        let ratios = &self.ratios;
        let scale_invariant = &self.scale_invariant;
        let mut values = vec![("SDR", ratios.sdr_db)];
        values.extend(ratios.isr_db.map(|isr_db| ("ISR", isr_db)));
        values.extend([
            ("SIR", ratios.sir_db),
            ("SAR", ratios.sar_db),
            ("SI-SDR", scale_invariant.sdr_db),
            ("SI-SIR", scale_invariant.sir_db),
            ("SI-SAR", scale_invariant.sar_db),
        ]);
        values
    }

    fn improvement_over(&self, baseline: &Self) -> Self {
        Self {
            ratios: self.ratios.improvement_over(&baseline.ratios),
            scale_invariant: self
                .scale_invariant
                .improvement_over(&baseline.scale_invariant),
        }
    }
}

/// One source's scores.
#[derive(Debug, Clone)]
pub(super) struct SourceScores {
    pub(super) name: String,
    pub(super) references: Vec<PathBuf>,
    /// What it was matched with.
    pub(super) estimates: Vec<PathBuf>,
    pub(super) measures: Measures,
    /// Those of the mixture in its place.
    pub(super) baseline: Option<Measures>,
    /// Frame by frame; one frame if the recording was scored as a whole.
    pub(super) frames: Vec<FrameRatios>,
}

impl SourceScores {
    pub(super) fn improvement(&self) -> Option<Measures> {
        self.baseline
            .map(|baseline| self.measures.improvement_over(&baseline))
    }
}

/// One source in one frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameRatios {
    pub(super) time_secs: f64,
    pub(super) duration_secs: f64,
    pub(super) ratios: Option<Ratios>,
}

/// One track's scores.
#[derive(Debug, Clone)]
pub(super) struct TrackMeasures {
    pub(super) sources: Vec<SourceScores>,
    pub(super) mixture: Option<PathBuf>,
    pub(super) sample_rate: u32,
    pub(super) channels: usize,
    pub(super) len_samples: usize,
    pub(super) frames: usize,
    pub(super) frames_scored: usize,
    pub(super) notes: Vec<String>,
}

/// Score one track; `step` hears what is being done, and may end it.
pub(super) fn score(
    pairing: &Pairing,
    settings: &Settings,
    step: &mut dyn FnMut(&'static str) -> Result<(), Failure>,
) -> Result<TrackMeasures, Failure> {
    match settings.downmix {
        DownmixArg::Mono => score_as::<f64>(pairing, settings, step),
        DownmixArg::None => score_as::<f32>(pairing, settings, step),
    }
}

fn score_as<T: Held>(
    pairing: &Pairing,
    settings: &Settings,
    step: &mut dyn FnMut(&'static str) -> Result<(), Failure>,
) -> Result<TrackMeasures, Failure> {
    step("reading")?;
    let mut loader = Loader::new(settings);
    let pairs = &pairing.pairs;
    let load = |loader: &mut Loader<'_>, of: fn(&Pair) -> &[PathBuf], may_pad| {
        let arrays = pairs.iter().map(|pair| loader.sum::<T>(of(pair), may_pad));
        arrays.collect::<Result<Vec<_>, _>>()
    };
    let references = load(&mut loader, |pair| &pair.references, false)?;
    let estimates = load(&mut loader, |pair| &pair.estimates, true)?;
    let mixture = match pairing.mixture.as_ref().filter(|_| settings.baseline) {
        Some(path) => {
            let mut samples = loader.one::<T>(path, true)?;
            // Scales do not matter to most measures. To those of images they do, and the mixture is no
            // estimate of a source unless it is about as loud.
            samples.mapv_inplace(|sample| sample.divided_by(pairs.len() as f64));
            Some((path.clone(), samples))
        }
        None => None,
    };
    let sample_rate = loader.sample_rate().unwrap_or(1);
    let references: Vec<_> = references.iter().map(|samples| samples.view()).collect();
    let estimates: Vec<_> = estimates.iter().map(|samples| samples.view()).collect();

    step("scoring")?;
    let own = measure(
        &references,
        &estimates,
        settings,
        settings.permute,
        sample_rate,
    )
    .map_err(|error| {
        naming(error, |what, index| {
            let pair = &pairs[index];
            (if what == "reference" {
                &pair.references
            } else {
                &pair.estimates
            })
            .clone()
        })
    })?;
    let baseline = match &mixture {
        Some((path, samples)) => {
            step("mixture")?;
            let same: Vec<_> = pairs.iter().map(|_| samples.view()).collect();
            let scores = measure(&references, &same, settings, false, sample_rate)
                .map_err(|error| naming(error, |_, _| vec![path.clone()]))?;
            Some(scores)
        }
        None => None,
    };

    let mut notes = pairing.notes.clone();
    if pairs.len() == 1 {
        notes.push("with one source there is no interference, so SIR is infinite".to_owned());
    }
    let (channels, len_samples) = references[0].dim();
    let secs = |samples: usize| samples as f64 / f64::from(sample_rate);
    let sources = pairs
        .iter()
        .enumerate()
        .map(|(source, pair)| SourceScores {
            name: pair.name.clone(),
            references: pair.references.clone(),
            estimates: pairs[own.order[source]].estimates.clone(),
            measures: own.measures[source],
            baseline: baseline.as_ref().map(|scores| scores.measures[source]),
            frames: own
                .frames
                .frames
                .iter()
                .map(|frame| FrameRatios {
                    time_secs: secs(frame.start_samples),
                    duration_secs: secs(frame.len_samples),
                    ratios: frame.sources.as_ref().map(|ratios| ratios[source]),
                })
                .collect(),
        })
        .collect();
    Ok(TrackMeasures {
        sources,
        mixture: mixture.map(|(path, _)| path),
        sample_rate,
        channels,
        len_samples,
        frames: own.frames.frames.len(),
        frames_scored: own.frames.frames_scored(),
        notes,
    })
}

/// The scores of one list of estimates.
struct Measured {
    measures: Vec<Measures>,
    frames: FramewiseScores,
    order: Vec<usize>,
}

fn measure<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    settings: &Settings,
    permute: bool,
    sample_rate: u32,
) -> Result<Measured, unbraid::Error> {
    let config = BssEvalConfig {
        matching: if permute {
            Matching::BestSir
        } else {
            Matching::Given
        },
        ..BssEvalConfig::default()
    };
    let (ratios, frames) = if let Some(frames) = settings.frames(sample_rate) {
        let scores = match settings.metric {
            MetricArg::V3 => bss_eval_sources_framewise(references, estimates, &frames, &config),
            MetricArg::V3Images => {
                bss_eval_images_framewise(references, estimates, &frames, &config)
            }
            MetricArg::V4 => v4::bss_eval(references, estimates, &frames, &config),
        }?;
        (scores.median(), scores)
    } else {
        let scores = match settings.metric {
            MetricArg::V3 => bss_eval_sources(references, estimates, &config),
            MetricArg::V3Images | MetricArg::V4 => bss_eval_images(references, estimates, &config),
        }?;
        let whole = FrameScores {
            start_samples: 0,
            len_samples: references[0].ncols(),
            permutation: scores.permutation,
            sources: Some(scores.sources.clone()),
        };
        let frames = vec![whole];
        (scores.sources, FramewiseScores { frames })
    };
    let order = usual_order(&frames).unwrap_or_else(|| (0..references.len()).collect());
    let ordered: Vec<_> = order
        .iter()
        .map(|&estimate| estimates[estimate].slice(s![.., ..]))
        .collect();
    let scale_invariant = si_sdr(references, &ordered)?;
    let measures = ratios
        .into_iter()
        .zip(scale_invariant)
        .map(|(ratios, scale_invariant)| Measures {
            ratios,
            scale_invariant,
        })
        .collect();
    Ok(Measured {
        measures,
        frames,
        order,
    })
}

/// The order of the estimates that most scored frames agree on.
fn usual_order(scores: &FramewiseScores) -> Option<Vec<usize>> {
    let mut counts: BTreeMap<&[usize], usize> = BTreeMap::new();
    for frame in scores.frames.iter().filter(|frame| frame.sources.is_some()) {
        *counts.entry(&frame.permutation).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    let usual = counts.into_iter().find(|(_, count)| *count == most);
    usual.map(|(order, _)| order.to_vec())
}

/// Put files in the place of numbers.
fn naming(error: unbraid::Error, files: impl Fn(&str, usize) -> Vec<PathBuf>) -> Failure {
    match error {
        unbraid::Error::Silent { what, index } => {
            let files: Vec<String> = files(what, index)
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Failure::Other(anyhow!(
                "the {what} {} is silent (its channels add up to zero in every sample), and the \
                 measures are not defined then: leave this source out of the references and the \
                 estimates, or choose another part with --start and --duration",
                files.join(" + ")
            ))
        }
        other => other.into(),
    }
}
