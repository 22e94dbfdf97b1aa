//! What is measured: every row of the tables, in their order.
//!
//! A recipe adds a [`Row`] with [`Way::Recipe`]: a function from a clip and a seed to stems in the order of
//! [`Clip::sources`], or `None` where it does not suit the clip. What else is known of a clip (a score, notes,
//! phonemes) lies in [`Clip::folder`].

use anyhow::Result;
use unbraid::baseline::{Assign, IdealMask, Method, Task, run};
use unbraid::{Audio, SeparateConfig};

use crate::clips::Clip;

/// A row of the tables.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is called; rows are chosen by it.
    pub(super) name: &'static str,
    /// What a reader must know of it.
    pub(super) about: &'static str,
    /// Whether it starts from random values, so that it is averaged over seeds.
    pub(super) seeded: bool,
    way: Way,
}

/// How a row's stems are made.
#[derive(Debug)]
enum Way {
    Baseline(Method),
    Recipe(fn(&Clip, u64) -> Result<Option<Vec<Audio>>>),
}

impl Row {
    const fn baseline(name: &'static str, about: &'static str, method: Method) -> Self {
        Self {
            name,
            about,
            seeded: matches!(method, Method::Nmf(_) | Method::Separate),
            way: Way::Baseline(method),
        }
    }

    /// The stems of a clip, if the row suits it.
    pub(super) fn make(&self, clip: &Clip, seed: u64) -> Result<Option<Vec<Audio>>> {
        match self.way {
            Way::Baseline(method) => {
                let config = config(clip, seed);
                let task = Task::new(&clip.mixture, &clip.truths, &config);
                Ok(Some(run(method, &task, &mut ())?.stems))
            }
            Way::Recipe(make) => make(clip, seed),
        }
    }
}

/// The default settings for a clip's sources.
pub(super) fn config(clip: &Clip, seed: u64) -> SeparateConfig {
    let mut config = SeparateConfig {
        sources: clip.sources.clone(),
        ..SeparateConfig::default()
    };
    config.factorize.blind.seed = seed;
    config
}

fn thirty_two_components(clip: &Clip, seed: u64) -> Result<Option<Vec<Audio>>> {
    let mut config = config(clip, seed);
    config.factorize.blind.components = 32;
    let task = Task::new(&clip.mixture, &clip.truths, &config);
    Ok(Some(
        run(Method::Nmf(Assign::Automatic), &task, &mut ())?.stems,
    ))
}

/// The order of the tables: nothing, filters, other people's methods, ours, and what the answer itself allows.
pub(super) const ROWS: &[Row] = &[
    Row::baseline(
        "scaled mixture",
        "the mixture as every stem",
        Method::Mixture,
    ),
    Row::baseline(
        "band-pass bank",
        "16 bands on the mel scale, grouped as our components are",
        Method::BandPass(Assign::Automatic),
    ),
    Row::baseline(
        "band-pass bank, oracle",
        "the same bands, each given to the true stem that has most of it",
        Method::BandPass(Assign::Oracle),
    ),
    Row::baseline(
        "comb bank",
        "combs at the 16 strongest fundamentals found, grouped as our components are",
        Method::Comb(Assign::Automatic),
    ),
    Row::baseline(
        "comb bank, oracle",
        "the same combs, each given to the true stem that has most of it",
        Method::Comb(Assign::Oracle),
    ),
    Row::baseline(
        "HPSS",
        "median filters (Fitzgerald 2010); the percussive part for the drums, else for the voice",
        Method::Hpss,
    ),
    Row::baseline(
        "REPET-SIM",
        "what repeats against what does not (Rafii and Pardo 2012)",
        Method::RepetSim,
    ),
    Row::baseline(
        "NMF, low frequencies",
        "components grouped by the share of their energy below 200 Hz alone",
        Method::Nmf(Assign::LowFrequency),
    ),
    Row::baseline(
        "NMF, MFCC clusters",
        "components clustered by timbre; the true stems say which cluster is which",
        Method::Nmf(Assign::Mfcc),
    ),
    Row::baseline(
        "NMF, automatic",
        "16 free components, grouped by readable features",
        Method::Nmf(Assign::Automatic),
    ),
    Row {
        name: "NMF, automatic, K = 32",
        about: "the same with 32 components",
        seeded: true,
        way: Way::Recipe(thirty_two_components),
    },
    Row::baseline(
        "**separate**",
        "what `unbraid separate` does for these sources",
        Method::Separate,
    ),
    Row::baseline(
        "NMF, oracle groups",
        "the same components, each given to the true stem that has most of it",
        Method::Nmf(Assign::Oracle),
    ),
    Row::baseline(
        "band-pass bank, switched",
        "16 bands, given anew in every frame by the true stems",
        Method::BandPass(Assign::Switched),
    ),
    Row::baseline(
        "comb bank, switched",
        "16 combs, given anew in every frame by the true stems",
        Method::Comb(Assign::Switched),
    ),
    Row::baseline(
        "ideal binary mask",
        "every bin whole to the true stem that is strongest there",
        Method::IdealMask(IdealMask::Binary),
    ),
    Row::baseline(
        "ideal ratio mask, α = 1",
        "the true stems' magnitudes in proportion",
        Method::IdealMask(IdealMask::Ratio { exponent: 1.0 }),
    ),
    Row::baseline(
        "ideal ratio mask, α = 2",
        "the true stems' powers in proportion",
        Method::IdealMask(IdealMask::Ratio { exponent: 2.0 }),
    ),
    Row::baseline(
        "multichannel Wiener filter",
        "knows the true stems' powers and directions; scored in mono like all",
        Method::MultichannelWiener,
    ),
];
