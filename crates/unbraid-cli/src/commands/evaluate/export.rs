//! Scores come in; JSON of our own and museval's goes out.

use serde::Serialize;
use serde_json::{Map, Value};
use unbraid::evaluate::Ratios;
use unbraid_io::metrics::{Frame, FrameMetrics, Target, TrackScores};

use super::Outcome;
use super::score::{FrameRatios, Measures, Settings, SourceScores, TrackMeasures};
use super::table::Median;
use crate::args::{DownmixArg, MetricArg};

/// Everything that `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    metric: &'static str,
    window_secs: Option<f64>,
    hop_secs: Option<f64>,
    downmix: &'static str,
    permute: bool,
    tracks: Vec<TrackReport>,
    /// For data sets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    medians: Vec<MedianReport>,
    notes: Vec<String>,
    failed: Vec<FailedReport>,
}

#[derive(Debug, Serialize)]
struct TrackReport {
    track: String,
    sample_rate: u32,
    channels: usize,
    len_samples: usize,
    frames: usize,
    frames_scored: usize,
    mixture: Option<String>,
    targets: Vec<TargetReport>,
    notes: Vec<String>,
}

/// A target as museval has it, and more.
#[derive(Debug, Serialize)]
struct TargetReport {
    name: String,
    references: Vec<String>,
    estimates: Vec<String>,
    scores: Map<String, Value>,
    baseline: Option<Map<String, Value>>,
    improvement: Option<Map<String, Value>>,
    frames: Vec<FrameReport>,
}

#[derive(Debug, Serialize)]
struct FrameReport {
    time: f64,
    duration: f64,
    metrics: Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct MedianReport {
    name: String,
    tracks: usize,
    scores: Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct FailedReport {
    track: String,
    message: String,
}

impl Report {
    pub(super) fn new(
        settings: &Settings,
        outcomes: &[Outcome],
        medians: &[Median],
        notes: &[String],
        failed: &[(String, String)],
    ) -> Self {
        Self {
            metric: match settings.metric {
                MetricArg::V3 => "v3",
                MetricArg::V3Images => "v3-images",
                MetricArg::V4 => "v4",
            },
            window_secs: settings.framewise.map(|(window, _)| window),
            hop_secs: settings.framewise.map(|(_, hop)| hop),
            downmix: match settings.downmix {
                DownmixArg::Mono => "mono",
                DownmixArg::None => "none",
            },
            permute: settings.permute,
            tracks: outcomes.iter().map(TrackReport::new).collect(),
            medians: medians
                .iter()
                .map(|median| MedianReport {
                    name: median.name.clone(),
                    tracks: median.tracks,
                    scores: decibels(median.values.iter().map(|(name, value)| (&**name, *value))),
                })
                .collect(),
            notes: notes.to_vec(),
            failed: failed
                .iter()
                .map(|(track, message)| FailedReport {
                    track: track.clone(),
                    message: message.clone(),
                })
                .collect(),
        }
    }
}

impl TrackReport {
    fn new(outcome: &Outcome) -> Self {
        let scored = &outcome.scored;
        Self {
            track: outcome.label.clone(),
            sample_rate: scored.sample_rate,
            channels: scored.channels,
            len_samples: scored.len_samples,
            frames: scored.frames,
            frames_scored: scored.frames_scored,
            mixture: scored
                .mixture
                .as_ref()
                .map(|path| path.display().to_string()),
            targets: scored.sources.iter().map(TargetReport::new).collect(),
            notes: scored.notes.clone(),
        }
    }
}

impl TargetReport {
    fn new(source: &SourceScores) -> Self {
        let paths = |paths: &[std::path::PathBuf]| -> Vec<String> {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        let measured = |measures: Measures| decibels(measures.values());
        Self {
            name: source.name.clone(),
            references: paths(&source.references),
            estimates: paths(&source.estimates),
            scores: measured(source.measures),
            baseline: source.baseline.map(measured),
            improvement: source.improvement().map(measured),
            frames: source.frames.iter().map(FrameReport::new).collect(),
        }
    }
}

impl FrameReport {
    fn new(frame: &FrameRatios) -> Self {
        let metrics = frame_metrics(frame.ratios.as_ref());
        let mut named = vec![
            ("SDR", metrics.sdr_db),
            ("SIR", metrics.sir_db),
            ("SAR", metrics.sar_db),
        ];
        // The sources version has none; a frame without scores could have had one.
        if frame.ratios.is_none_or(|ratios| ratios.isr_db.is_some()) {
            named.push(("ISR", metrics.isr_db));
        }
        let values = named.into_iter();
        Self {
            time: frame.time_secs,
            duration: frame.duration_secs,
            metrics: decibels(values.map(|(name, value)| (name, value.unwrap_or(f64::NAN)))),
        }
    }
}

/// Named numbers as JSON, which has `null` for what is not finite.
fn decibels<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Map<String, Value> {
    values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

fn frame_metrics(ratios: Option<&Ratios>) -> FrameMetrics {
    ratios.map_or_else(FrameMetrics::default, |ratios| FrameMetrics {
        sdr_db: Some(ratios.sdr_db),
        sir_db: Some(ratios.sir_db),
        sar_db: Some(ratios.sar_db),
        isr_db: ratios.isr_db,
    })
}

/// A track's scores as museval keeps them.
pub(super) fn museval(scored: &TrackMeasures) -> TrackScores {
    let target = |source: &SourceScores| Target {
        name: source.name.clone(),
        frames: source
            .frames
            .iter()
            .map(|frame| Frame {
                time_secs: frame.time_secs,
                duration_secs: frame.duration_secs,
                metrics: frame_metrics(frame.ratios.as_ref()),
            })
            .collect(),
    };
    TrackScores {
        targets: scored.sources.iter().map(target).collect(),
    }
}
