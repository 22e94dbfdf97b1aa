//! A time between onsets comes in; how well two sources on one pitch can be separated then goes out.

use serde::Serialize;
use std::f32::consts::TAU;

use ndarray::{Array2, ArrayView2};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::mean_purity;
use crate::baseline::{Assign, IdealMask, Method, Task, component_energies, members, run};
use crate::evaluate::si_sdr;
use crate::factorize::factorize;
use crate::group::parse_sources;
use crate::observe::Observer;
use crate::{Audio, Error, SeparateConfig};

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
    /// Every note of each source as loud as it likes, within ±9 dB: V has rank two, but many pairs of templates
    /// span it, and nothing says which pair is the two sources (Donoho and Stodden 2003).
    Varied,
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
                Playing::Same => 1.0,
                Playing::Varied => 10.0_f32.powf((uniform() - 0.5) * 18.0 / 20.0),
            })
            .collect();
        let samples = Array2::from_shape_fn((1, len), |(_, n)| {
            let time = n as f32 / rate - 0.1 - delay;
            if time < 0.0 {
                return 0.0;
            }
            let (beat, since) = ((time / BEAT) as usize, time % BEAT);
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
            let energies = component_energies(&factorization, &mixture, &truths)?;
            let groups = members(&factorization, Assign::Oracle, &task)?;
            let sharing = factorization.sharing(&groups, config.stems)?;
            let stems = crate::baseline::render(&sharing, &mixture)?;
            let ideal = Method::IdealMask(IdealMask::Ratio { exponent: 1.0 });
            let masked = run(ideal, &task, observer)?.stems;
            let weight = 1.0 / seeds as f64;
            mean.nmf_sdr_db += weight * mean_si_sdr_db(&truths, &stems, &mixture)?;
            mean.ideal_sdr_db += weight * mean_si_sdr_db(&truths, &masked, &mixture)?;
            mean.purity += weight * mean_purity(&energies);
        }
        found.push(mean);
    }
    Ok(found)
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
