//! Clips with known stems come in; how well they are separated, by two programs' count, goes out.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use ndarray::Array2;
use serde::Deserialize;
use unbraid::baseline::{IdealMask, IdealMasks, component_energies, members_by_energy};
use unbraid::factorize::{Factorization, FactorizeConfig, factorize};
use unbraid::group::Overrides;
use unbraid::mask::Render;
use unbraid::sharing::StemsConfig;
use unbraid::stems::StemBlocks;
use unbraid::{Audio, Stft, StftConfig};

use super::other::{Other, Question};
use super::report::{Section, small, table, within};
use crate::clips::Clip;
use crate::score::{Spread, downmix, ours_mono};

/// Seeds that are averaged.
const SEEDS: u64 = 5;

/// How far `unbraid::evaluate` may be from `mir_eval`, in dB.
const TOLERANCE_DB: f64 = 1e-3;

/// What must be reached: clip, row, dB.
const REQUIRED: [(&str, Row, f64); 2] = [
    ("drums-guitar-groove", Row::Oracle, 11.5),
    ("drums-guitar-groove", Row::Automatic, 7.5),
];

/// A way to make stems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Mixture,
    Oracle,
    OracleModel,
    Automatic,
    AutomaticModel,
    RatioMask,
}

impl Row {
    const ALL: [Self; 6] = [
        Self::Mixture,
        Self::Automatic,
        Self::AutomaticModel,
        Self::Oracle,
        Self::OracleModel,
        Self::RatioMask,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Mixture => "mixture as every estimate",
            Self::Automatic => "automatic grouping, masks",
            Self::AutomaticModel => "automatic grouping, `--render model`",
            Self::Oracle => "oracle grouping, masks",
            Self::OracleModel => "oracle grouping, `--render model`",
            Self::RatioMask => "oracle ratio mask, α = 1",
        }
    }
}

/// One clip's stems in mono and the row they count for.
struct Estimate {
    row: Row,
    stems: Array2<f32>,
}

#[derive(Deserialize)]
struct Answer {
    /// For every estimate the SDR of every source.
    sdr_db: Vec<Vec<f64>>,
}

/// What a row of a clip came to.
struct Figure {
    row: Row,
    ours: Spread,
    theirs: Spread,
    /// Between both programs, of one estimate's mean over the sources.
    difference_db: f64,
}

pub(super) fn section(other: &Other, clips: &[Clip]) -> Result<Section> {
    let mut body = format!(
        "Mean SDR over the sources in dB, by BSS Eval 3 sources with filters of 512 samples, whole file, mono \
         downmix, fixed order; drums against everything else. Default settings (K = {}, {} iterations), seeds \
         0–{}: mean (least–largest). Both programs score the same samples and may differ by {} dB. *Oracle \
         grouping* gives every component to the true stem that has most of the energy under its mask; the \
         *oracle ratio mask* is made of the true stems' magnitudes. `--render model` is the textbook's way: the \
         model itself with the mixture's phase. The weights of the automatic grouping were learnt from other recordings, but one \
         of them is another song by the author of the guitars in the demo and in `drums-guitar-*`.\n",
        FactorizeConfig::default().blind.components,
        FactorizeConfig::default().blind.fit.iterations,
        SEEDS - 1,
        small(TOLERANCE_DB),
    );
    let mut failures = Vec::new();
    let mut requirements = Vec::new();
    for clip in clips {
        let figures = figures(other, clip)?;
        let mut rows = Vec::new();
        for Figure {
            row,
            ours,
            theirs,
            difference_db,
        } in &figures
        {
            rows.push(vec![
                row.name().to_owned(),
                shown(*ours),
                shown(*theirs),
                small(*difference_db),
            ]);
            if !within(*difference_db, TOLERANCE_DB) {
                failures.push(format!(
                    "{}, {}: unbraid::evaluate and mir_eval differ by {} dB",
                    clip.name,
                    row.name(),
                    small(*difference_db)
                ));
            }
            for (_, _, least) in REQUIRED
                .iter()
                .filter(|(name, required, _)| *name == clip.name && required == row)
            {
                let reached = theirs.mean;
                requirements.push(vec![
                    format!("{}, {}", clip.name, row.name()),
                    format!("{least:.1}"),
                    format!("{reached:.2}"),
                ]);
                if !within(*least, reached) {
                    failures.push(format!(
                        "{}, {}: {reached:.2} dB, required {least:.1}",
                        clip.name,
                        row.name()
                    ));
                }
            }
        }
        let heads = [
            "stems",
            "unbraid::evaluate",
            "mir_eval",
            "largest difference",
        ];
        let _ = write!(body, "\n### {}\n\n{}", clip.name, table(&heads, &rows));
    }
    if !requirements.is_empty() {
        let heads = ["requirement", "at least", "reached"];
        let _ = write!(body, "\n{}", table(&heads, &requirements));
    }
    Ok(Section {
        title: "Separation quality",
        body,
        failures,
    })
}

fn shown(Spread { mean, min, max }: Spread) -> String {
    let [mean, min, max] = [mean, min, max].map(decibels);
    // Rows without seeds, or whose seeds agree to what is shown.
    if min == max {
        mean
    } else {
        format!("{mean} ({min}–{max})")
    }
}

/// Two decimals; what rounds to zero has no sign.
fn decibels(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" {
        "0.00".to_owned()
    } else {
        text
    }
}

fn figures(other: &Other, clip: &Clip) -> Result<Vec<Figure>> {
    println!("quality: {}", clip.name);
    let truths = downmix(&clip.truths);
    let estimates = estimates(clip)?;
    let ours: Vec<f64> = estimates
        .iter()
        .map(|estimate| ours_mono(&truths, &estimate.stems))
        .collect::<Result<_>>()
        .with_context(|| clip.name.clone())?;
    let theirs = mir_eval(other, &truths, &estimates)?;

    let figure = |row: Row| {
        let of_row = |figures: &[f64]| -> Vec<f64> {
            let all = estimates.iter().zip(figures);
            all.filter(|(estimate, _)| estimate.row == row)
                .map(|(_, &figure)| figure)
                .collect()
        };
        let (ours, theirs) = (of_row(&ours), of_row(&theirs));
        let differences = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
        let figure = Figure {
            row,
            ours: Spread::of(&ours),
            theirs: Spread::of(&theirs),
            difference_db: differences.fold(0.0, f64::max),
        };
        println!("  {}: {}", row.name(), shown(figure.ours));
        figure
    };
    Ok(Row::ALL.into_iter().map(figure).collect())
}

/// The stems of every row and seed.
fn estimates(clip: &Clip) -> Result<Vec<Estimate>> {
    let mixture = &clip.mixture;
    let estimate = |row, stems: &[Audio]| Estimate {
        row,
        stems: downmix(stems),
    };
    let stft = Stft::new(StftConfig::for_sample_rate(mixture.sample_rate()))?;
    let untouched = vec![mixture.clone(); clip.truths.len()];
    let masked = ratio_mask(&stft, mixture, &clip.truths)?;
    let mut estimates = vec![
        estimate(Row::Mixture, &untouched),
        estimate(Row::RatioMask, &masked),
    ];
    for seed in 0..SEEDS {
        let mut config = FactorizeConfig::default();
        config.blind.seed = seed;
        let factorization = factorize(mixture, &config, &mut ())?;
        let grouping = factorization.group(&clip.sources, &Overrides::none())?;
        let automatic = grouping.members();
        let oracle = oracle_groups(&factorization, clip)?;
        for (row, members, render) in [
            (Row::Oracle, &oracle, StemsConfig::default().render),
            (Row::OracleModel, &oracle, Render::Model),
            (Row::Automatic, &automatic, StemsConfig::default().render),
            (Row::AutomaticModel, &automatic, Render::Model),
        ] {
            let stems = render_stems(&factorization, mixture, members, render)?;
            estimates.push(estimate(row, &stems));
        }
    }
    Ok(estimates)
}

/// The stems of the ideal ratio mask of magnitudes.
fn ratio_mask(stft: &Stft, mixture: &Audio, truths: &[Audio]) -> Result<Vec<Audio>> {
    let masks = IdealMasks::new(stft, mixture, truths, IdealMask::Ratio { exponent: 1.0 })?;
    Ok(StemBlocks::new(mixture, &masks)?.collect_audio()?)
}

/// Every component to the true stem that has most of the energy under its mask.
pub(super) fn oracle_groups(factorization: &Factorization, clip: &Clip) -> Result<Vec<Vec<usize>>> {
    let energies = component_energies(factorization, &clip.mixture, &clip.truths)?;
    Ok(members_by_energy(&energies))
}

/// Stems of given groups.
pub(super) fn render_stems(
    factorization: &Factorization,
    mixture: &Audio,
    members: &[Vec<usize>],
    render: Render,
) -> Result<Vec<Audio>> {
    let config = StemsConfig {
        render,
        ..StemsConfig::default()
    };
    Ok(factorization.stems(mixture, members, config)?)
}

/// The mean SDR of every estimate by `mir_eval`.
fn mir_eval(other: &Other, truths: &Array2<f32>, estimates: &[Estimate]) -> Result<Vec<f64>> {
    let question = Question::new()?;
    question.put("references", truths)?;
    for (number, estimate) in estimates.iter().enumerate() {
        question.put(&format!("estimates{number:03}"), &estimate.stems)?;
    }
    let answer: Answer = other.ask("quality", &question, &())?;
    anyhow::ensure!(
        answer.sdr_db.len() == estimates.len(),
        "mir_eval lost an estimate"
    );
    let mean = |sources: &Vec<f64>| sources.iter().sum::<f64>() / sources.len() as f64;
    Ok(answer.sdr_db.iter().map(mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_shown_only_where_the_seeds_differ() {
        assert_eq!(shown(Spread::of(&[1.0, 2.0])), "1.50 (1.00–2.00)");
        assert_eq!(shown(Spread::of(&[-0.001])), "0.00");
    }
}
