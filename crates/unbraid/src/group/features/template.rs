//! One template comes in; what its spectrum looks like goes out.

use ndarray::{Array1, ArrayView1};

use crate::analysis::median;

/// The highest frequency that counts as low, in Hz.
const LOW_HZ: f64 = 200.0;
/// The lowest frequency that counts as high, in Hz.
const HIGH_HZ: f64 = 5_000.0;

/// The band in which flatness is measured, in Hz: below is rumble, above codecs cut.
const FLATNESS_HZ: (f64, f64) = (50.0, 16_000.0);
/// Added to every power relative to the mean, so that an empty bin is −60 dB and not −∞.
const FLATNESS_FLOOR: f64 = 1e-6;
/// Half the length of the median that peaks stand out of, in Hz; and at least this many bins,
/// since the main lobe of a Hann window is four bins wide.
const PEAK_HALF_HZ: f64 = 100.0;
const PEAK_HALF_BINS: usize = 3;
/// The lowest fundamental of a comb in Hz, and how many there are and per octave.
const COMB_LOWEST_HZ: f64 = 60.0;
const COMB_COUNT: usize = 197;
const COMBS_PER_OCTAVE: f64 = 48.0;
/// The highest partial of a comb in Hz.
const COMB_TOP_HZ: f64 = 5_000.0;
/// Combs whose teeth cover more than this share of the spectrum say nothing.
const COMB_DENSEST: f64 = 0.9;

/// What one template looks like; see the fields of [`Features`](super::Features) of the same names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub(crate) low_share: f64,
    pub(crate) high_share: f64,
    pub(crate) centroid_hz: f64,
    pub(crate) flatness_db: f64,
    pub(crate) harmonicity: f64,
    pub(crate) pitch_hz: f64,
    pub(crate) peakiness: f64,
}

/// Describe a template that is not silent; its bins are `bin_hz` apart, the first at 0 Hz.
pub(crate) fn describe(template: ArrayView1<'_, f32>, bin_hz: f64) -> Shape {
    // Relative to the largest value, so that squares neither vanish nor overflow.
    let largest = template.fold(0.0_f32, |largest, value| largest.max(*value));
    let template: Array1<f64> = template.mapv(|value| f64::from(value / largest));
    let energy: Array1<f64> = template.mapv(|value| value * value);
    let sum = template.sum();
    let total = energy.sum();
    let hz = |bin: usize| bin as f64 * bin_hz;
    let (harmonicity, pitch_hz) = best_comb(&energy, bin_hz);
    Shape {
        low_share: (0..energy.len())
            .filter(|bin| hz(*bin) < LOW_HZ)
            .map(|bin| energy[bin])
            .sum::<f64>()
            / total,
        high_share: (0..template.len())
            .filter(|bin| hz(*bin) >= HIGH_HZ)
            .map(|bin| template[bin])
            .sum::<f64>()
            / sum,
        centroid_hz: template
            .indexed_iter()
            .map(|(bin, value)| hz(bin) * value)
            .sum::<f64>()
            / sum,
        flatness_db: flatness_db(&energy, bin_hz),
        harmonicity,
        pitch_hz,
        peakiness: peakiness(&template, bin_hz),
    }
}

/// The geometric over the arithmetic mean of the power in [`FLATNESS_HZ`], in dB, at most 0.
fn flatness_db(energy: &Array1<f64>, bin_hz: f64) -> f64 {
    let band: Vec<f64> = energy
        .indexed_iter()
        .filter(|(bin, _)| (FLATNESS_HZ.0..=FLATNESS_HZ.1).contains(&(*bin as f64 * bin_hz)))
        .map(|(_, energy)| *energy)
        .collect();
    let mean = band.iter().sum::<f64>() / band.len().max(1) as f64;
    if mean <= 0.0 {
        return 10.0 * FLATNESS_FLOOR.log10();
    }
    let log_mean = band
        .iter()
        .map(|energy| (energy / mean + FLATNESS_FLOOR).log10())
        .sum::<f64>()
        / band.len() as f64;
    10.0 * log_mean
}

/// How much more of the energy the best harmonic comb holds than chance, from 0 to 1, and its
/// fundamental in Hz (0 if no comb holds more than chance).
///
/// ```text
/// harmonicity = max over f0 of (share − chance) / (1 − chance)
/// share  = energy within one bin of a multiple of f0, up to 5 kHz
/// chance = the part of the bins that the comb covers = 3 bins / f0
/// ```
fn best_comb(energy: &Array1<f64>, bin_hz: f64) -> (f64, f64) {
    let bins = energy.len();
    let mut running = Vec::with_capacity(bins + 1);
    running.push(0.0);
    let mut total = 0.0;
    for energy in energy {
        total += energy;
        running.push(total);
    }
    let top_hz = COMB_TOP_HZ.min((bins - 1) as f64 * bin_hz);
    let mut best = (0.0, 0.0);
    for step in 0..COMB_COUNT {
        let f0 = COMB_LOWEST_HZ * (step as f64 / COMBS_PER_OCTAVE).exp2();
        let chance = (3.0 * bin_hz / f0).min(1.0);
        if chance >= COMB_DENSEST {
            continue;
        }
        let partials = (top_hz / f0) as usize;
        let held: f64 = (1..=partials)
            .map(|partial| {
                let bin = (partial as f64 * f0 / bin_hz + 0.5).floor() as usize;
                let (low, high) = (bin.saturating_sub(1).min(bins), (bin + 2).min(bins));
                running[high] - running[low]
            })
            .sum();
        let score = (held / total - chance) / (1.0 - chance);
        if score > best.0 {
            best = (score, f0);
        }
    }
    (best.0.min(1.0), best.1)
}

/// The share of the template that stands out of its running median over frequency.
fn peakiness(template: &Array1<f64>, bin_hz: f64) -> f64 {
    let half = ((PEAK_HALF_HZ / bin_hz + 0.5).floor() as usize).max(PEAK_HALF_BINS);
    let values: Array1<f32> = template.mapv(|value| value as f32);
    let mut smooth = vec![0.0; values.len()];
    median::running(values.view(), half, &mut smooth);
    let above: f64 = values
        .iter()
        .zip(&smooth)
        .map(|(value, smooth)| f64::from((value - smooth).max(0.0)))
        .sum();
    above / template.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIN_HZ: f64 = 44_100.0 / 2_048.0;
    const BINS: usize = 1_025;

    /// Main lobes of a Hann window at the multiples of `f0`, up to `top_hz`.
    fn comb(f0: f64, top_hz: f64) -> Array1<f32> {
        let mut template = Array1::zeros(BINS);
        for partial in 1..=(top_hz / f0) as usize {
            let at = (partial as f64 * f0 / BIN_HZ).round() as usize;
            template[at] += 1.0;
            template[at - 1] += 0.5;
            template[at + 1] += 0.5;
        }
        template
    }

    #[test]
    fn a_comb_is_harmonic_at_its_pitch_peaky_and_not_flat() {
        let shape = describe(comb(220.0, 5_000.0).view(), BIN_HZ);
        assert!(shape.harmonicity > 0.95, "{shape:?}");
        // A comb an octave below holds the same partials, but more of the rest by chance.
        assert!(
            (shape.pitch_hz / 220.0).log2().abs() < 1.0 / 24.0,
            "{shape:?}"
        );
        assert!(
            shape.peakiness > 0.9 && shape.flatness_db < -15.0,
            "{shape:?}"
        );
        // Only the lower edge of the first partial is below 200 Hz.
        assert!(shape.low_share < 0.01, "{shape:?}");
    }

    #[test]
    fn a_white_template_is_flat_with_its_centroid_in_the_middle() {
        let shape = describe(Array1::ones(BINS).view(), BIN_HZ);
        assert!(shape.flatness_db.abs() < 1e-4, "{shape:?}");
        assert!((shape.centroid_hz - 11_025.0).abs() < 1.0, "{shape:?}");
        assert!(
            shape.harmonicity < 0.05 && shape.peakiness < 1e-6,
            "{shape:?}"
        );
        // Bins from 5 kHz up: 233 of 1025 are below.
        assert!(
            (shape.high_share - 792.0 / 1_025.0).abs() < 1e-9,
            "{shape:?}"
        );
        assert!((shape.low_share - 10.0 / 1_025.0).abs() < 1e-9, "{shape:?}");
    }

    #[test]
    fn a_template_of_one_low_bin_is_all_low() {
        let mut template = Array1::zeros(BINS);
        template[3] = 0.7_f32;
        let shape = describe(template.view(), BIN_HZ);
        assert_eq!((shape.low_share, shape.high_share), (1.0, 0.0));
        assert!((shape.centroid_hz - 3.0 * BIN_HZ).abs() < 1e-9);
    }

    #[test]
    fn scaling_a_template_leaves_its_shape_alone() {
        let template = comb(110.0, 3_000.0) + 0.01;
        let shape = describe(template.view(), BIN_HZ);
        for gain in [1e-30_f32, 1e30] {
            let other = describe((&template * gain).view(), BIN_HZ);
            assert!(
                (shape.harmonicity - other.harmonicity).abs() < 1e-5,
                "{other:?}"
            );
            assert!(
                (shape.flatness_db - other.flatness_db).abs() < 1e-3,
                "{other:?}"
            );
        }
    }

    #[test]
    fn two_bins_are_enough() {
        let shape = describe(Array1::from(vec![0.0, 1.0]).view(), 22_050.0);
        assert!(shape.centroid_hz.is_finite() && shape.flatness_db.is_finite());
    }
}
