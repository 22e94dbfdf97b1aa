//! A time between onsets comes in; how well two sources on one pitch can be separated then goes out.

use serde::Serialize;
use std::f32::consts::TAU;

use ndarray::{Array2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::mean_purity;
use crate::baseline::{
    IdealMask, IdealMasks, Method, Task, component_energies, energies_under, members_by_energy, run,
};
use crate::evaluate::si_sdr;
use crate::factorize::{Factorization, factorize};
use crate::fit::{Fit, fit};
use crate::group::parse_sources;
use crate::model::LowRank;
use crate::observe::Observer;
use crate::recipe::{BlindConfig, blind};
use crate::sharing::StemsConfig;
use crate::spectrogram::{Quantity, Spectrogram};
use crate::{Audio, Error, SeparateConfig, Stft, StftConfig};

/// The rate of the made signals in Hz.
pub const SAMPLE_RATE: u32 = 22_050;
const SECS: f32 = 8.0;
const PITCH_HZ: f32 = 220.0;
/// From note to note in seconds.
const BEAT: f32 = 0.8;

/// How the two sources play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Playing {
    /// Every note alike: with onsets together, both sources rise and fall as one, and V has rank one.
    Same,
    /// Every note of each source as loud as it likes, within ±9 dB.
    Varied,
    /// Notes alike, but each source rests in one of four: each can be heard alone.
    Rests,
}

/// Two sources that play one pitch in one rhythm, the second `gap_secs` behind the first.
///
/// Both have the same attack and decay; only their spectra differ (one falls off as 1/m, the other has its
/// strength around the sixth partial).
#[must_use]
pub fn two_on_one_pitch(gap_secs: f64, playing: Playing, seed: u64) -> [Audio; 2] {
    let rate = SAMPLE_RATE as f32;
    let len = (SECS * rate) as usize;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = || (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
    [0_usize, 1].map(|source| {
        let delay = if source == 0 { 0.0 } else { gap_secs as f32 };
        let partials: Vec<(f32, f32)> = (1_u8..=12)
            .map(f32::from)
            .map(|m| {
                let weight = if source == 0 {
                    1.0 / m
                } else {
                    0.6 * (-((m - 6.0) / 2.5).powi(2)).exp() + 0.15
                };
                (weight, TAU * uniform())
            })
            .collect();
        let gains: Vec<f32> = (0..=(SECS / BEAT) as usize)
            .map(|_| match playing {
                Playing::Same | Playing::Rests => 1.0,
                Playing::Varied => 10.0_f32.powf((uniform() - 0.5) * 18.0 / 20.0),
            })
            .collect();
        let samples = Array2::from_shape_fn((1, len), |(_, n)| {
            let time = n as f32 / rate - 0.1 - delay;
            if time < 0.0 {
                return 0.0;
            }
            let (beat, since) = ((time / BEAT) as usize, time % BEAT);
            if playing == Playing::Rests && beat % 4 == 1 + 2 * source {
                return 0.0;
            }
            let envelope = (since / 0.005).min(1.0) * (-since / 0.2).exp();
            let tone: f32 = partials
                .iter()
                .enumerate()
                .map(|(m, (weight, phase))| {
                    weight * (TAU * PITCH_HZ * (m + 1) as f32 * time + phase).sin()
                })
                .sum();
            0.12 * gains[beat.min(gains.len() - 1)] * envelope * tone
        });
        Audio::new(samples, SAMPLE_RATE).expect("sums of finite sines")
    })
}

/// How well two sources on one pitch came apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OnsetGap {
    /// From the onset of the first to that of the second, in seconds.
    pub gap_secs: f64,
    /// How they played.
    pub playing: Playing,
    /// Mean SI-SDR of the best grouping of two components, in dB.
    pub nmf_sdr_db: f64,
    /// Mean SI-SDR of the ideal ratio mask, in dB.
    pub ideal_sdr_db: f64,
    /// How much of the components' energy belongs to their main sources, 0.5 to 1.
    pub purity: f64,
}

/// Separate two sources on one pitch by two components, for several times between their onsets.
///
/// Components are given to the sources by the true stems, so that only the factorisation can fail.
/// Figures are means over `seeds` starts. With identical onsets and loudness both activations are the same
/// row: V has rank one, and no factorisation can tell the sources apart.
///
/// # References
///
/// - D. Donoho, V. Stodden, *When does non-negative matrix factorization give a correct decomposition into
///   parts?*, NIPS 2003.
///
/// # Errors
///
/// [`Error::Cancelled`] if the observer says so.
pub fn onset_gaps(
    gaps_secs: &[f64],
    playing: Playing,
    seeds: u64,
    observer: &mut dyn Observer,
) -> Result<Vec<OnsetGap>, Error> {
    let mut found = Vec::new();
    for &gap_secs in gaps_secs {
        let mut mean = OnsetGap {
            gap_secs,
            playing,
            nmf_sdr_db: 0.0,
            ideal_sdr_db: 0.0,
            purity: 0.0,
        };
        for seed in 0..seeds {
            let truths = two_on_one_pitch(gap_secs, playing, seed);
            let samples = &truths[0].samples() + &truths[1].samples();
            let mixture = Audio::new(samples, SAMPLE_RATE)?;
            let mut config = SeparateConfig {
                sources: parse_sources("one=guitar,other=piano", &[])?,
                ..SeparateConfig::default()
            };
            config.factorize.blind.components = 2;
            config.factorize.blind.seed = seed;
            let task = Task::new(&mixture, &truths, &config);
            let factorization = factorize(&mixture, &config.factorize, observer)?;
            let apart = parted(&factorization, &mixture, &truths, config.stems)?;
            let ideal = Method::IdealMask(IdealMask::Ratio { exponent: 1.0 });
            let masked = run(ideal, &task, observer)?.stems;
            let weight = 1.0 / seeds as f64;
            mean.nmf_sdr_db += weight * apart.sdr_db;
            mean.ideal_sdr_db += weight * mean_si_sdr_db(&truths, &masked, &mixture)?;
            mean.purity += weight * apart.purity;
        }
        found.push(mean);
    }
    Ok(found)
}

/// How far two components part two sources, if the true stems say which is whose.
struct Parted {
    sdr_db: f64,
    purity: f64,
}

fn parted(
    factorization: &Factorization,
    mixture: &Audio,
    truths: &[Audio],
    stems: StemsConfig,
) -> Result<Parted, Error> {
    let energies = component_energies(factorization, mixture, truths)?;
    let members = members_by_energy(&energies);
    let stems = factorization.stems(mixture, &members, stems)?;
    Ok(Parted {
        sdr_db: mean_si_sdr_db(truths, &stems, mixture)?,
        purity: mean_purity(&energies),
    })
}

/// What two components make of two sources that always begin together, beside what the truth would.
///
/// Divergences are shares of what one component leaves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Together {
    /// How they played.
    pub playing: Playing,
    /// Whether V is the magnitude of the sum, where partials interfere, or the sum of the magnitudes, where they do not.
    pub interfering: bool,
    /// What the truth leaves: the true mean spectrum and the true loudness of each source.
    pub truth_left: f64,
    /// What a fit that starts at the truth leaves.
    pub fitted_left: f64,
    /// What the best of several random starts leaves.
    pub random_left: f64,
    /// How pure the ideal ratio mask's two halves are, 0.5 to 1.
    pub ideal_purity: f64,
    /// How pure the components of the fit that starts at the truth are.
    pub fitted_purity: f64,
    /// How pure the components from random starts are.
    pub random_purity: f64,
    /// Mean SI-SDR of the components from random starts, in dB.
    pub random_sdr_db: f64,
}

/// Why do identical onsets defeat a factorisation: does a fit miss the truth, or does V prefer something else?
///
/// Both sources play one pitch with identical onsets: alike, with varied loudness, or with rests. V is what is heard, or what would be
/// heard if partials on one frequency added up without interfering. Two components are fitted from random starts, of which the
/// best of `restarts + 1` counts, and from the true spectra and loudness. If the truth leaves less than random starts do, they miss
/// it. If it leaves as much, V does not decide. If it leaves more, V itself speaks for another explanation.
///
/// Figures are means over `seeds` pairs of sources.
///
/// # Errors
///
/// [`Error::Cancelled`] if the observer says so.
pub fn together(
    playing: Playing,
    interfering: bool,
    restarts: usize,
    seeds: u64,
    observer: &mut dyn Observer,
) -> Result<Together, Error> {
    let mut mean = Together {
        playing,
        interfering,
        truth_left: 0.0,
        fitted_left: 0.0,
        random_left: 0.0,
        ideal_purity: 0.0,
        fitted_purity: 0.0,
        random_purity: 0.0,
        random_sdr_db: 0.0,
    };
    for seed in 0..seeds {
        let truths = two_on_one_pitch(0.0, playing, seed);
        let mixture = Audio::new(&truths[0].samples() + &truths[1].samples(), SAMPLE_RATE)?;
        let stft = Stft::new(StftConfig::for_sample_rate(SAMPLE_RATE))?;
        let magnitudes = |audio: &Audio| {
            stft.forward(audio)
                .view()
                .mapv(realfft::num_complex::Complex::norm)
        };
        let each = [magnitudes(&truths[0]), magnitudes(&truths[1])];
        let values = if interfering {
            magnitudes(&mixture)
        } else {
            &each[0] + &each[1]
        };
        let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude)?;
        let mut config = BlindConfig {
            components: 1,
            seed,
            ..BlindConfig::default()
        };
        let one = blind(&spectrogram, &config, observer)?.final_objective();
        config.components = 2;
        config.restarts = restarts;
        let random = blind(&spectrogram, &config, observer)?;
        let fitted = {
            let mut templates = Array2::zeros((stft.bins(), 2));
            let mut activations = Array2::zeros((2, values.len_of(Axis(2))));
            for (source, each) in each.iter().enumerate() {
                let plane = each.index_axis(Axis(0), 0);
                let total = plane.sum();
                templates
                    .column_mut(source)
                    .assign(&(&plane.sum_axis(Axis(1)) / total));
                let loudness = plane.sum_axis(Axis(0)) / spectrogram.scale();
                activations.row_mut(source).assign(&loudness);
            }
            let model = LowRank::from_factors("truth", templates.view(), activations.view(), 1)?;
            fit(model, &spectrogram, &config.fit, observer)?
        };
        let weight = 1.0 / seeds as f64;
        mean.truth_left += weight * fitted.objective.first().copied().unwrap_or(f64::NAN) / one;
        mean.fitted_left += weight * fitted.final_objective() / one;
        mean.random_left += weight * random.final_objective() / one;
        let ideal = IdealMasks::new(&stft, &mixture, &truths, IdealMask::Ratio { exponent: 1.0 })?;
        mean.ideal_purity += weight * mean_purity(&energies_under(&ideal, &mixture, &truths)?);
        let parted = |fit: Fit| {
            let factorization = Factorization {
                stft: stft.clone(),
                sample_rate: SAMPLE_RATE,
                quantity: Quantity::Magnitude,
                scale: spectrogram.scale(),
                fit,
                percussive_shares: Vec::new(),
                rank: None,
            };
            parted(&factorization, &mixture, &truths, StemsConfig::default())
        };
        let (random, fitted) = (parted(random)?, parted(fitted)?);
        mean.fitted_purity += weight * fitted.purity;
        mean.random_purity += weight * random.purity;
        mean.random_sdr_db += weight * random.sdr_db;
    }
    Ok(mean)
}

/// A source without a component has the mixture, which is the best guess left.
fn mean_si_sdr_db(truths: &[Audio], stems: &[Audio], mixture: &Audio) -> Result<f64, Error> {
    let truths: Vec<ArrayView2<'_, f32>> = truths.iter().map(Audio::samples).collect();
    let stems: Vec<ArrayView2<'_, f32>> = stems
        .iter()
        .map(|stem| if stem.peak() > 0.0 { stem } else { mixture })
        .map(Audio::samples)
        .collect();
    let ratios = si_sdr(&truths, &stems)?;
    Ok(ratios.iter().map(|ratios| ratios.sdr_db).sum::<f64>() / ratios.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_components_explain_identical_onsets_better_than_the_truth_does() {
        let found = together(Playing::Varied, false, 0, 1, &mut ()).unwrap();
        assert!(found.random_left < found.truth_left, "{found:?}");
        assert!(found.random_purity < found.ideal_purity - 0.03, "{found:?}");
    }

    #[test]
    fn onsets_together_cannot_be_told_apart_and_onsets_apart_can() {
        let gap = |gap_secs| onset_gaps(&[gap_secs], Playing::Same, 1, &mut ()).unwrap()[0];
        let (together, apart) = (gap(0.0), gap(0.3));
        assert!(
            apart.nmf_sdr_db > together.nmf_sdr_db + 5.0,
            "{apart:?} {together:?}"
        );
        assert!(
            apart.purity > together.purity + 0.1,
            "{apart:?} {together:?}"
        );
    }
}
