//! Ways to tell drums from the rest, from nothing to the whole recipe, and what an oracle would reach.

use std::path::Path;

use anyhow::{Context, Result};
use ndarray::{Array2, Axis};
use unbraid::baseline::{Assign, IdealMask, Method, Task, run};
use unbraid::evaluate::{BssEvalConfig, bss_eval_sources};
use unbraid::group::parse_sources;
use unbraid::recipe::{DrumEvidence, DrumsConfig};
use unbraid::{Audio, SeparateConfig, separate};
use unbraid_io::audio::{Span, read_audio};

use super::{Kinds, name_of};
use crate::clips::Clip;
use crate::score::{downmix, rows};

/// A way to get two stems.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    how: How,
}

/// What makes the stems.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Baseline(Method, usize),
    Recipe(DrumsConfig),
}

const fn baseline(name: &'static str, about: &'static str, method: Method, k: usize) -> Way {
    Way {
        name,
        about,
        how: How::Baseline(method, k),
    }
}

const fn recipe(name: &'static str, about: &'static str, config: DrumsConfig) -> Way {
    Way {
        name,
        about,
        how: How::Recipe(config),
    }
}

const BOTH: DrumsConfig = DrumsConfig::DEFAULT;

/// The name of the default.
pub(super) const DEFAULT: &str = "**averaged**";
pub(super) const MIXTURE: &str = "mixture";
pub(super) const ORACLE_GROUPS: &str = "oracle groups";
pub(super) const ORACLE_MASK: &str = "oracle mask";

/// In the order of the tables.
pub(super) const WAYS: &[Way] = &[
    baseline(MIXTURE, "the mixture as both stems", Method::Mixture, 16),
    baseline("HPSS", "median filters", Method::Hpss, 16),
    recipe(
        "by eye",
        "`--evidence none`: 16 components, each where median filters put most of it",
        DrumsConfig {
            evidence: DrumEvidence::None,
            ..BOTH
        },
    ),
    recipe(
        "features",
        "`--evidence features`: 16 components, grouped by the additive model of readable features",
        DrumsConfig {
            evidence: DrumEvidence::Features,
            ..BOTH
        },
    ),
    recipe(
        "network",
        "the network's shares as the mask",
        DrumsConfig {
            network_weight: 1.0,
            fits: 0,
            ..BOTH
        },
    ),
    recipe(
        "classified",
        "components of two factorisations, grouped by what the network hears in them; the mean of both masks",
        DrumsConfig {
            network_weight: 0.0,
            fits: 0,
            ..BOTH
        },
    ),
    recipe(
        "both",
        "the mean of these two in log-odds",
        DrumsConfig { fits: 0, ..BOTH },
    ),
    recipe(
        "in parts",
        "a part for the drums and one for the rest, started from both",
        DrumsConfig { fits: 1, ..BOTH },
    ),
    recipe(
        DEFAULT,
        "`--evidence learnt`, the default: the mean of the masks of several such fits",
        BOTH,
    ),
    baseline(
        ORACLE_GROUPS,
        "32 components, each given to the true stem that has most of it",
        Method::Nmf(Assign::Oracle),
        32,
    ),
    baseline(
        ORACLE_MASK,
        "the true stems' magnitudes in proportion",
        Method::IdealMask(IdealMask::Ratio { exponent: 1.0 }),
        16,
    ),
];

impl Way {
    /// Settings as JSON.
    pub(super) fn given(json: &str) -> Result<Self> {
        let config = serde_json::from_str(json).with_context(|| format!("--settings {json}"))?;
        Ok(recipe(json.to_owned().leak(), "as given", config))
    }

    /// A way that has no name.
    pub(super) fn of(how: How) -> Self {
        Self {
            name: "",
            about: "",
            how,
        }
    }

    /// The stems of drums and rest.
    pub(super) fn make(&self, clip: &Clip) -> Result<Vec<Audio>> {
        let components = match self.how {
            How::Baseline(_, components) => components,
            How::Recipe(_) => SeparateConfig::default().factorize.blind.components,
        };
        self.make_with(clip, components)
    }

    /// The same from so many components.
    pub(super) fn make_with(&self, clip: &Clip, components: usize) -> Result<Vec<Audio>> {
        let mut config = SeparateConfig {
            sources: clip.sources.clone(),
            ..SeparateConfig::default()
        };
        config.factorize.blind.components = components;
        match self.how {
            How::Baseline(method, _) => {
                let task = Task::new(&clip.mixture, &clip.truths, &config);
                Ok(run(method, &task, &mut ())?.stems)
            }
            How::Recipe(drums) => {
                config.drums = drums;
                let separation = separate(&clip.mixture, &config, &mut ())?;
                Ok(separation.stems(&clip.mixture)?.collect_audio()?)
            }
        }
    }
}

/// BSS Eval has no answer for silence; a whisper far below 16 bits has one, and a bad one.
pub(super) fn audible(truths: &Array2<f32>, mut stems: Array2<f32>) -> Array2<f32> {
    for (mut stem, truth) in stems.outer_iter_mut().zip(truths.outer_iter()) {
        if stem.iter().all(|sample| *sample == 0.0) {
            let rest = truths.sum_axis(Axis(0)) - truth;
            stem.assign(&(rest * 1e-6));
        }
    }
    stems
}

/// The kinds of drums in the drums' stem of a mixture, and in the mixture.
pub(super) fn kinds_of_drums(folder: &Path) -> Result<Vec<Kinds>> {
    let read = |path: &str| -> Result<Audio> {
        Ok(read_audio(&folder.join(path), Span::default())?.audio)
    };
    let drums = read("drums.wav")?;
    let sounding = |audio: &Audio| {
        let energy: f64 = audio.samples().iter().map(|&x| f64::from(x * x)).sum();
        energy / audio.samples().len() as f64
    };
    let floor = 1e-3 * sounding(&drums);
    let mut names = Vec::new();
    let mut truths = Vec::new();
    for kind in ["kick", "snare", "cymbals", "percussion"] {
        let truth = read(&format!("parts/{kind}.wav"))?;
        if sounding(&truth) > floor {
            names.push(kind);
            truths.push(truth);
        }
    }
    if names.len() < 2 {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    let stem = kinds_in(&drums, &truths, &names)?;
    all.push(Kinds {
        name: format!("{}, drums alone", name_of(folder)),
        sources: names.iter().map(|name| (*name).to_owned()).collect(),
        rows: stem,
    });
    names.push("rest");
    truths.push(read("rest.wav")?);
    all.push(Kinds {
        name: name_of(folder),
        sources: names.iter().map(|name| (*name).to_owned()).collect(),
        rows: kinds_in(&read("mixture.wav")?, &truths, &names)?,
    });
    Ok(all)
}

/// SDR of every source by every way.
fn kinds_in(
    mixture: &Audio,
    truths: &[Audio],
    names: &[&str],
) -> Result<Vec<(&'static str, Vec<f64>)>> {
    let ways = [
        ("mixture", How::Baseline(Method::Mixture, 16)),
        (
            "by eye",
            How::Recipe(DrumsConfig {
                evidence: DrumEvidence::Features,
                ..BOTH
            }),
        ),
        (
            "network",
            How::Recipe(DrumsConfig {
                network_weight: 1.0,
                fits: 0,
                ..BOTH
            }),
        ),
        (DEFAULT, How::Recipe(BOTH)),
        (
            ORACLE_GROUPS,
            How::Baseline(Method::Nmf(Assign::Oracle), 32),
        ),
        (
            ORACLE_MASK,
            How::Baseline(Method::IdealMask(IdealMask::Ratio { exponent: 1.0 }), 16),
        ),
    ];
    let clip = Clip {
        name: String::new(),
        mixture: mixture.clone(),
        truths: truths.to_vec(),
        sources: parse_sources(&names.join(","), &[])?,
        folder: std::path::PathBuf::new(),
    };
    let mono = downmix(truths);
    let score = |how: How| -> Result<Vec<f64>> {
        let stems = audible(&mono, downmix(&Way::of(how).make(&clip)?));
        let scores = bss_eval_sources(&rows(&mono), &rows(&stems), &BssEvalConfig::default())?;
        Ok(scores.sources.iter().map(|ratios| ratios.sdr_db).collect())
    };
    ways.into_iter()
        .map(|(name, how)| Ok((name, score(how)?)))
        .collect()
}
