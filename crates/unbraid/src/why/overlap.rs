//! True stems come in; how much they sound in the same bins goes out.

use ndarray::Array2;
use serde::Serialize;

use crate::baseline::energy;
use crate::{Audio, Error, Stft};

/// Two sources both sound where the weaker is within this of the stronger, in dB.
pub const AUDIBLE_DB: f64 = 20.0;

/// How much of the recording's energy lies where more than one source sounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overlap {
    /// The share in frames in which at least two sources sound.
    pub frames: f64,
    /// The share in bins in which at least two sources sound.
    pub bins: f64,
    /// The share that a binary mask of every bin gives to the right source: 1 if no two ever met.
    pub strongest: f64,
}

/// Measure the overlap of true stems.
///
/// ```text
/// bins      = Σ_ft E[f,t] [second largest E_j[f,t] > 10^(−20/10) · largest] / Σ_ft E[f,t]
/// strongest = Σ_ft max_j E_j[f,t] / Σ_ft E[f,t]          E = Σ_j E_j,  E_j = Σ_c |S_j[c,f,t]|²
/// ```
///
/// `frames` is the same with the energies of whole frames.
///
/// # Errors
///
/// [`Error::Shape`] if the stems differ in shape, [`Error::TooShort`] if there are none.
pub fn overlap(stft: &Stft, truths: &[Audio]) -> Result<Overlap, Error> {
    let Some(first) = truths.first() else {
        return Err(Error::TooShort {
            what: "the list of true stems",
            needed: 1,
            actual: 0,
        });
    };
    crate::baseline::check_truths(first, truths)?;
    let energies: Vec<Array2<f32>> = truths
        .iter()
        .map(|truth| energy(&stft.forward(truth)))
        .collect();
    let (frames, bins) = energies[0].dim();
    let threshold = 10.0_f64.powf(-AUDIBLE_DB / 10.0);
    let (mut total, mut both, mut strongest, mut both_frames) = (0.0, 0.0, 0.0, 0.0);
    for frame in 0..frames {
        let mut sums = vec![0.0; truths.len()];
        for bin in 0..bins {
            let each = energies
                .iter()
                .map(|energy| f64::from(energy[[frame, bin]]));
            for (sum, value) in sums.iter_mut().zip(each.clone()) {
                *sum += value;
            }
            let (sum, largest, second) = ranked(each);
            total += sum;
            strongest += largest;
            if second > threshold * largest {
                both += sum;
            }
        }
        let (sum, largest, second) = ranked(sums.into_iter());
        if second > threshold * largest {
            both_frames += sum;
        }
    }
    let share = |part: f64| if total > 0.0 { part / total } else { 0.0 };
    Ok(Overlap {
        frames: share(both_frames),
        bins: share(both),
        strongest: share(strongest),
    })
}

/// The sum, the largest and the second largest.
fn ranked(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    values.fold((0.0, 0.0, 0.0), |(sum, largest, second), value| {
        if value > largest {
            (sum + value, value, largest)
        } else {
            (sum + value, largest, f64::max(second, value))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StftConfig;
    use ndarray::Array2;

    #[test]
    fn tones_far_apart_share_frames_but_no_bins_and_equal_tones_share_both() {
        let tone = |hz: f32| {
            let samples = Array2::from_shape_fn((1, 8000), |(_, n)| {
                (std::f32::consts::TAU * hz * n as f32 / 8000.0).sin()
            });
            Audio::new(samples, 8000).unwrap()
        };
        let stft = Stft::new(StftConfig::with_fft_len(1024)).unwrap();
        let apart = overlap(&stft, &[tone(500.0), tone(2000.0)]).unwrap();
        assert!(apart.frames > 0.99 && apart.bins < 0.01, "{apart:?}");
        assert!(apart.strongest > 0.99, "{apart:?}");
        let same = overlap(&stft, &[tone(500.0), tone(500.0)]).unwrap();
        assert!(
            same.bins > 0.99 && (same.strongest - 0.5).abs() < 1e-6,
            "{same:?}"
        );
    }
}
