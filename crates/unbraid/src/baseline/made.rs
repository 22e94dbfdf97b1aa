//! A task comes in; the stems of every method that has no file of its own go out.

use ndarray::Array2;

use super::bank::{Bank, assigned_bank, switched_bank};
use super::cluster::{by_low_frequency, by_mfcc};
use super::oracle::{energies_under, members_by_energy};
use super::repet::{Settings as RepetSettings, repeating_share};
use super::written::one_against_rest;
use super::{Assign, Cost, Outcome, Task};
use crate::analysis::hpss;
use crate::factorize::{Factorization, factorize};
use crate::group::{FactorView, Kind, Overrides, group, percussive_shares};
use crate::observe::Observer;
use crate::sharing::{Sharing, StemsConfig};
use crate::stems::StemBlocks;
use crate::{Audio, Error, Stft};

/// The percussive part for one source, the harmonic for the others.
pub(super) fn hpss_against_rest(
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let (spectrogram, bin_hz, hop_secs) = seen(task, stft, observer)?;
    let settings = hpss::Settings::default();
    let share = hpss::percussive_share(spectrogram.view(), bin_hz, hop_secs, &settings)?;
    // Drums are percussive; of pitched sources a voice, which never holds its pitch quite still.
    let percussive = task.source_of(&[Kind::Drums, Kind::Voice]).unwrap_or(0);
    let rows = share.t().as_standard_layout().into_owned();
    // Two lengths of filters, and the exponent.
    let cost = Cost {
        knobs: 3,
        decisions: 1,
        ..Cost::default()
    };
    let sources = task.sources().len();
    outcome(
        &one_against_rest(stft, rows, percussive, sources),
        task,
        cost,
    )
}

/// What does not repeat for one source, what does for the others.
pub(super) fn repet_against_rest(
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let (spectrogram, bin_hz, hop_secs) = seen(task, stft, observer)?;
    let settings = RepetSettings::default();
    let repeats = repeating_share(spectrogram.view(), bin_hz, hop_secs, &settings)?;
    // The voice stands out against what repeats; without one, what is not drums does.
    let kinds = [
        Kind::Voice,
        Kind::Guitar,
        Kind::Piano,
        Kind::Bass,
        Kind::Rest,
    ];
    let stands_out = task.source_of(&kinds).unwrap_or(0);
    let rows = repeats.mapv(|repeats| 1.0 - repeats);
    let cost = Cost {
        knobs: 4,
        decisions: 1,
        ..Cost::default()
    };
    let sources = task.sources().len();
    outcome(
        &one_against_rest(stft, rows, stands_out, sources),
        task,
        cost,
    )
}

/// The spectrogram and the distances of its bins and frames.
fn seen(
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<(Array2<f32>, f64, f64), Error> {
    let rate = f64::from(task.mixture.sample_rate());
    let config = stft.config();
    let (bin_hz, hop_secs) = (rate / config.fft_len as f64, config.hop_len as f64 / rate);
    Ok((task.spectrogram(stft, observer)?, bin_hz, hop_secs))
}

pub(super) fn outcome(
    sharing: &dyn Sharing,
    task: &Task<'_>,
    cost: Cost,
) -> Result<Outcome, Error> {
    let stems = render(sharing, task.mixture)?;
    Ok(Outcome {
        stems,
        cost: Some(cost),
    })
}

/// The stems of a way of sharing.
pub(crate) fn render(sharing: &dyn Sharing, mixture: &Audio) -> Result<Vec<Audio>, Error> {
    StemBlocks::new(mixture, sharing)?.collect_audio()
}

/// Stems of a bank; `(tuned, knobs)` is what it took to draw it up.
pub(super) fn banked(
    bank: &Bank,
    assign: Assign,
    given: Option<&[Vec<usize>]>,
    (tuned, knobs): (usize, usize),
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let frames = stft.frames(task.mixture.len_samples());
    let mut cost = Cost {
        free_parameters: tuned,
        decisions: bank.filters(),
        knobs,
    };
    if assign == Assign::Switched {
        cost.decisions *= frames;
        let switched = switched_bank(bank, stft, task.known_truths()?)?;
        return outcome(&switched, task, cost);
    }
    let members = match assign {
        Assign::Given => match given {
            Some(members) if members.len() == task.sources().len() => members.to_vec(),
            _ => {
                return Err(Error::config(
                    "baseline.assignment",
                    "not given",
                    "the filters of every source (--assign-bands or --assign-combs, such as `drums=12-15`)",
                ));
            }
        },
        Assign::Oracle => bank.members_by_energy(stft, task.known_truths()?),
        _ => grouped(bank, task, stft, observer)?,
    };
    outcome(&assigned_bank(bank, stft, frames, &members)?, task, cost)
}

/// The filters of a bank, grouped as if they were components.
fn grouped(
    bank: &Bank,
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Vec<Vec<usize>>, Error> {
    let (spectrogram, bin_hz, hop_secs) = seen(task, stft, observer)?;
    let templates = bank.responses().t().as_standard_layout().into_owned();
    let activations = bank.outputs(spectrogram.view());
    let config = stft.config();
    let mut factors = FactorView {
        templates: templates.view(),
        activations: activations.view(),
        gains: None,
        percussive_shares: None,
        sample_rate: task.mixture.sample_rate(),
        fft_len: config.fft_len,
        hop_len: config.hop_len,
    };
    let settings = hpss::Settings::default();
    let percussive = hpss::percussive_share(spectrogram.view(), bin_hz, hop_secs, &settings)?;
    let shares = percussive_shares(&factors, spectrogram.view(), percussive.view())?;
    factors.percussive_shares = Some(&shares);
    Ok(group(&factors, task.sources(), &Overrides::none())?.members())
}

pub(super) fn nmf(
    assign: Assign,
    task: &Task<'_>,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let factorization = factorize(task.mixture, &task.config.factorize, observer)?;
    let members = members(&factorization, assign, task)?;
    let sharing = factorization.sharing(&members, task.config.stems)?;
    outcome(&sharing, task, nmf_cost(&factorization))
}

/// The components of every source by one way of grouping.
///
/// # Errors
///
/// As [`run`](super::run).
pub fn members(
    factorization: &Factorization,
    assign: Assign,
    task: &Task<'_>,
) -> Result<Vec<Vec<usize>>, Error> {
    let templates = factorization.fit.model.templates();
    let sources = task.sources();
    let bin_hz = factorization.factors().bin_hz();
    match assign {
        Assign::Oracle => Ok(members_by_energy(&component_energies(
            factorization,
            task.mixture,
            task.known_truths()?,
        )?)),
        Assign::LowFrequency => {
            let [low, high] = by_low_frequency(templates, bin_hz);
            let mut members = vec![Vec::new(); sources.len()];
            let lowest = task.source_of(&[Kind::Drums, Kind::Bass, Kind::Piano, Kind::Rest]);
            let lowest = lowest.unwrap_or(0);
            let other = (0..sources.len())
                .find(|&other| other != lowest)
                .unwrap_or(lowest);
            members[lowest].extend(low);
            members[other].extend(high);
            Ok(members)
        }
        Assign::Mfcc => {
            let seed = task.config.factorize.blind.seed;
            let clusters = by_mfcc(templates, bin_hz, sources.len(), seed);
            let energies = component_energies(factorization, task.mixture, task.known_truths()?)?;
            let of = |cluster: usize, source: usize| -> f64 {
                clusters[cluster]
                    .iter()
                    .map(|&k| energies[[k, source]])
                    .sum()
            };
            let order = crate::evaluate::best_order(sources.len(), of);
            Ok(order
                .into_iter()
                .map(|cluster| clusters[cluster].clone())
                .collect())
        }
        Assign::Given | Assign::Switched | Assign::Automatic => {
            let overrides = &task.config.overrides;
            Ok(factorization.group(sources, overrides)?.members())
        }
    }
}

/// The energy of every true source under every component's mask, `(components, sources)`.
///
/// # Errors
///
/// Those of [`energies_under`].
pub fn component_energies(
    factorization: &Factorization,
    mixture: &Audio,
    truths: &[Audio],
) -> Result<Array2<f64>, Error> {
    let components = factorization.fit.model.components();
    let each: Vec<Vec<usize>> = (0..components).map(|component| vec![component]).collect();
    let units = factorization.sharing(&each, StemsConfig::default())?;
    energies_under(&units, mixture, truths)
}

pub(super) fn nmf_cost(factorization: &Factorization) -> Cost {
    let model = &factorization.fit.model;
    Cost {
        free_parameters: model.components() * (model.bins() + model.frames()),
        decisions: model.components(),
        // The number of components, β, the iterations, the transform.
        knobs: 4,
    }
}
