//! A recording comes in; how many learnt templates, bands or combs it takes to describe or to separate it goes out.

use ndarray::{Array2, Axis, s};
use serde::Serialize;

use crate::baseline::{
    Bank, Task, assigned_bank, comb_templates, mean_sdr_db, render, switched_bank,
};
use crate::fit::{Fit, fit};
use crate::model::{LowRank, Start, Update};
use crate::observe::Observer;
use crate::recipe::blind;
use crate::spectrogram::{Channels, Spectrogram};
use crate::{Error, Stft};

/// What is left unexplained with a number of units, as a share of what one unit leaves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankPoint {
    /// Templates, bands or combs.
    pub units: usize,
    /// Templates learnt from the recording.
    pub nmf: f64,
    /// Bands of the mel scale, each shaped by the recording's mean spectrum.
    pub bands: f64,
    /// Combs at the strongest fundamentals, and the mean spectrum as one more unit.
    pub combs: f64,
}

/// Reconstruction error against the number of units, for templates that are learnt and for templates that are
/// drawn up beforehand.
///
/// All have free activations, fitted alike; the error is the fit's divergence over that of one unit. The banks
/// are flattered: they know the recording's mean spectrum.
///
/// # Errors
///
/// [`Error::Config`] for settings that are not allowed, [`Error::Cancelled`] if the observer says so.
pub fn rank_curve(
    task: &Task<'_>,
    counts: &[usize],
    observer: &mut dyn Observer,
) -> Result<Vec<RankPoint>, Error> {
    let stft = task.stft()?;
    let config = &task.config.factorize;
    let rate = task.mixture.sample_rate();
    let spectrogram = Spectrogram::of(
        task.mixture,
        &stft,
        config.quantity,
        Channels::Sum,
        observer,
    )?;
    let values = spectrogram.view().index_axis_move(Axis(0), 0).to_owned();
    let mean = values
        .mean_axis(Axis(1))
        .expect("a spectrogram has at least one frame");
    let most = counts.iter().copied().max().unwrap_or(1);
    let found = task.fundamentals(&stft, &values, most.saturating_sub(1).max(1));
    let fixed = |templates: Array2<f32>, observer: &mut dyn Observer| -> Result<Fit, Error> {
        let start = Start::Templates(templates.view());
        let model = LowRank::free(&spectrogram, templates.ncols(), start, config.blind.seed)?;
        let model = model.with_templates(Update::Fixed);
        fit(model, &spectrogram, &config.blind.fit, observer)
    };
    let one = {
        let mut single = config.blind;
        single.components = 1;
        blind(&spectrogram, &single, observer)?.final_objective()
    };
    let share = |fit: Fit| {
        if one > 0.0 {
            fit.final_objective() / one
        } else {
            0.0
        }
    };
    let mut points = Vec::new();
    for &units in counts {
        let mut learnt = config.blind;
        learnt.components = units;
        let nmf = share(blind(&spectrogram, &learnt, observer)?);
        let bank = Bank::band_pass(&stft, rate, units)?;
        let mut bands = bank.responses().t().to_owned();
        for mut band in bands.columns_mut() {
            band *= &mean;
        }
        // A band between two bins has nothing in it.
        let bands = keep_sounding(&bands);
        let bands = share(fixed(bands, observer)?);
        let combs = found.len().min(units.saturating_sub(1));
        let mut templates = Array2::zeros((stft.bins(), combs + 1));
        templates
            .slice_mut(s![.., ..combs])
            .assign(&comb_templates(&stft, rate, &found[..combs]));
        templates.column_mut(combs).assign(&mean);
        let combs = share(fixed(templates, observer)?);
        points.push(RankPoint {
            units,
            nmf,
            bands,
            combs,
        });
    }
    Ok(points)
}

/// The columns that are not zero throughout.
fn keep_sounding(templates: &Array2<f32>) -> Array2<f32> {
    let kept: Vec<usize> = (0..templates.ncols())
        .filter(|&at| templates.column(at).iter().any(|&value| value > 0.0))
        .collect();
    if kept.is_empty() {
        return Array2::ones((templates.nrows(), 1));
    }
    templates.select(Axis(1), &kept)
}

/// What a bank of band-pass filters reaches with a number of filters, by the true stems' own assignment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FilterSweep {
    /// The number of filters; the last is one per bin of the transform.
    pub filters: usize,
    /// Mean SDR in dB if every filter is given to a source once and for all.
    pub fixed_sdr_db: f64,
    /// Mean SDR in dB if every filter is given anew in every frame.
    pub switched_sdr_db: f64,
    /// The decisions that takes: filters × frames.
    pub switched_decisions: usize,
}

/// How many filters a bank needs: what more and more of them reach.
///
/// # Errors
///
/// [`Error::Config`] if the true stems are not known; those of [`mean_sdr_db`].
pub fn filters_needed(task: &Task<'_>, counts: &[usize]) -> Result<Vec<FilterSweep>, Error> {
    let stft = task.stft()?;
    let rate = task.mixture.sample_rate();
    let mut banks: Vec<Bank> = counts
        .iter()
        .map(|&count| Bank::band_pass(&stft, rate, count))
        .collect::<Result<_, _>>()?;
    banks.push(Bank::every_bin(&stft, rate));
    banks.iter().map(|bank| sweep(bank, &stft, task)).collect()
}

fn sweep(bank: &Bank, stft: &Stft, task: &Task<'_>) -> Result<FilterSweep, Error> {
    let frames = stft.frames(task.mixture.len_samples());
    let members = bank.members_by_energy(stft, task.truths);
    let fixed = assigned_bank(bank, stft, frames, &members)?;
    let switched = switched_bank(bank, stft, task.truths)?;
    let sdr = |stems: Result<Vec<_>, Error>| mean_sdr_db(task.truths, &stems?);
    Ok(FilterSweep {
        filters: bank.filters(),
        fixed_sdr_db: sdr(render(&fixed, task.mixture))?,
        switched_sdr_db: sdr(render(&switched, task.mixture))?,
        switched_decisions: bank.filters() * frames,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeparateConfig;
    use crate::group::parse_sources;
    use crate::testsignals::{drums_and_guitar, mix};

    #[test]
    fn learnt_templates_describe_with_fewer_units_and_more_filters_separate_better() {
        let (drums, guitar) = drums_and_guitar(2.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let truths = [drums, guitar];
        let mut config = SeparateConfig {
            sources: parse_sources("drums,guitar", &[]).unwrap(),
            ..SeparateConfig::default()
        };
        config.factorize.blind.fit.iterations = 40;
        let task = Task::new(&mixture, &truths, &config);
        let curve = rank_curve(&task, &[1, 4], &mut ()).unwrap();
        assert!((curve[0].nmf - 1.0).abs() < 0.05, "{curve:?}");
        assert!(curve[1].nmf < curve[1].bands, "{curve:?}");
        let sweep = filters_needed(&task, &[4, 64]).unwrap();
        assert_eq!(sweep.len(), 3);
        assert!(
            sweep[1].switched_sdr_db > sweep[0].switched_sdr_db,
            "{sweep:?}"
        );
        assert!(
            sweep[2].switched_sdr_db > sweep[2].fixed_sdr_db,
            "{sweep:?}"
        );
    }
}
