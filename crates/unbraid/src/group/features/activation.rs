//! One row of activations comes in; how its loudness moves over time goes out.

use ndarray::{Array1, ArrayView1};

use crate::analysis::median;

/// A peak reaches this share of the row's maximum.
const PEAK_SHARE: f64 = 0.2;
/// A peak is the highest value within this time, in seconds.
const PEAK_SECS: f64 = 0.05;
/// An attack is what is gained within this time before the peak, in seconds.
const ATTACK_SECS: f64 = 0.03;
/// No decay is followed for longer than this, in seconds.
pub(super) const LONGEST_DECAY_SECS: f64 = 0.5;
/// Half the length of the median that holds what is sustained, in seconds.
const SUSTAIN_HALF_SECS: f64 = 0.2;
/// A component sounds where it is above this share of its maximum.
const ACTIVE_SHARE: f64 = 0.1;
/// Added to the squared rises and falls of a row of maximum one: a row without either is even.
const ASYMMETRY_FLOOR: f64 = 1e-6;
/// Rows whose variance is below this (at maximum one) are constant.
const CONSTANT: f64 = 1e-12;

/// How one row moves; see the fields of [`Features`](super::Features) of the same names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    pub(crate) attack: f64,
    pub(crate) decay_secs: f64,
    pub(crate) asymmetry: f64,
    pub(crate) kurtosis: f64,
    pub(crate) sustained_share: f64,
    pub(crate) active_share: f64,
}

/// Describe a row that is not silent; its frames are `hop_secs` apart.
pub(crate) fn describe(activations: ArrayView1<'_, f32>, hop_secs: f64) -> Motion {
    let row = relative(activations);
    let peaks = peaks(&row, frames(PEAK_SECS, hop_secs));
    let (mut up, mut down) = (ASYMMETRY_FLOOR, ASYMMETRY_FLOOR);
    let mut before = 0.0;
    for value in &row {
        let step: f64 = value - before;
        *(if step > 0.0 { &mut up } else { &mut down }) += step * step;
        before = *value;
    }
    Motion {
        attack: attack(&row, &peaks, frames(ATTACK_SECS, hop_secs)),
        decay_secs: decay_secs(&row, &peaks, hop_secs),
        asymmetry: (up / down).ln(),
        kurtosis: kurtosis(&row),
        sustained_share: sustained_share(&row, frames(SUSTAIN_HALF_SECS, hop_secs)),
        active_share: row.iter().filter(|value| **value > ACTIVE_SHARE).count() as f64
            / row.len() as f64,
    }
}

/// The rises of a row from frame to frame, in its own unit; falls count as zero.
pub(crate) fn rises(activations: ArrayView1<'_, f32>) -> Array1<f64> {
    let mut before = 0.0;
    activations.mapv(|value| {
        let rise = (f64::from(value) - before).max(0.0);
        before = f64::from(value);
        rise
    })
}

/// The row relative to its maximum.
fn relative(activations: ArrayView1<'_, f32>) -> Array1<f64> {
    let largest = activations.fold(0.0_f32, |largest, value| largest.max(*value));
    activations.mapv(|value| f64::from(value / largest))
}

/// A time in frames, at least one.
fn frames(secs: f64, hop_secs: f64) -> usize {
    ((secs / hop_secs + 0.5).floor() as usize).max(1)
}

/// The frames that are high, above all within `near` frames before and below none within `near` after.
fn peaks(row: &Array1<f64>, near: usize) -> Vec<usize> {
    (0..row.len())
        .filter(|&at| {
            let before = at.saturating_sub(near)..at;
            let after = at + 1..row.len().min(at + near + 1);
            row[at] > PEAK_SHARE
                && before.into_iter().all(|other| row[at] > row[other])
                && after.into_iter().all(|other| row[at] >= row[other])
        })
        .collect()
}

/// The share of the peaks' height gained within the last `len` frames before them.
fn attack(row: &Array1<f64>, peaks: &[usize], len: usize) -> f64 {
    let height: f64 = peaks.iter().map(|peak| row[*peak]).sum();
    let gained: f64 = peaks
        .iter()
        .map(|&peak| (row[peak] - if peak >= len { row[peak - len] } else { 0.0 }).max(0.0))
        .sum();
    if height > 0.0 { gained / height } else { 0.0 }
}

/// When the mean course after the peaks falls below 1/e, in seconds, at most
/// [`LONGEST_DECAY_SECS`].
fn decay_secs(row: &Array1<f64>, peaks: &[usize], hop_secs: f64) -> f64 {
    let threshold = (-1.0_f64).exp();
    let mut before = 1.0;
    for lag in 1..=frames(LONGEST_DECAY_SECS, hop_secs) {
        let (mut left, mut height) = (0.0, 0.0);
        for &peak in peaks.iter().filter(|peak| **peak + lag < row.len()) {
            left += row[peak + lag].min(row[peak]);
            height += row[peak];
        }
        if height == 0.0 {
            break;
        }
        let course = left / height;
        if course < threshold {
            let part = (before - threshold) / (before - course);
            return ((lag as f64 - 1.0 + part) * hop_secs).min(LONGEST_DECAY_SECS);
        }
        before = course;
    }
    LONGEST_DECAY_SECS
}

/// The fourth central moment over the squared variance: 1 for on and off in equal parts, 3 for
/// Gaussian noise, large for rare bursts.
fn kurtosis(row: &Array1<f64>) -> f64 {
    let count = row.len() as f64;
    let mean = row.sum() / count;
    let moment = |order: i32| {
        row.iter()
            .map(|value| (value - mean).powi(order))
            .sum::<f64>()
            / count
    };
    let variance = moment(2);
    if variance > CONSTANT {
        moment(4) / (variance * variance)
    } else {
        1.0
    }
}

/// The share of the row that lies under its running median over time.
fn sustained_share(row: &Array1<f64>, half: usize) -> f64 {
    let values: Array1<f32> = row.mapv(|value| value as f32);
    let mut smooth = vec![0.0; values.len()];
    median::running(values.view(), half, &mut smooth);
    let under: f64 = values
        .iter()
        .zip(&smooth)
        .map(|(value, smooth)| f64::from(value.min(*smooth)))
        .sum();
    under / row.sum()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these values are exact")]

    use super::*;

    const HOP_SECS: f64 = 0.01;

    /// Every `period` frames a jump to one that falls by 1/e in `decay` frames.
    fn hits(period: usize, decay: f64) -> Array1<f32> {
        Array1::from_shape_fn(400, |frame| {
            (-((frame % period) as f64) / decay).exp() as f32
        })
    }

    #[test]
    fn hits_attack_at_once_and_decay_in_their_time() {
        for decay in [3.0, 6.0, 12.0] {
            let motion = describe(hits(100, decay).view(), HOP_SECS);
            assert!(motion.attack > 0.99, "{motion:?}");
            // Linear interpolation of an exponential is off by less than a tenth of a frame.
            assert!(
                (motion.decay_secs - decay * HOP_SECS).abs() < 1e-3,
                "{motion:?}"
            );
            assert!(motion.asymmetry > 0.5, "{motion:?}");
            assert!(motion.sustained_share < 0.05 * decay, "{motion:?}");
        }
    }

    #[test]
    fn a_slow_swell_has_no_attack_and_no_decay() {
        let swell = Array1::from_shape_fn(400, |frame| {
            (1.0 - (std::f64::consts::TAU * frame as f64 / 200.0).cos()) as f32
        });
        let motion = describe(swell.view(), HOP_SECS);
        assert!(motion.attack < 0.01, "{motion:?}");
        assert_eq!(motion.decay_secs, LONGEST_DECAY_SECS);
        assert!(motion.asymmetry.abs() < 0.1, "{motion:?}");
        assert!(motion.sustained_share > 0.95, "{motion:?}");
    }

    #[test]
    fn a_constant_row_is_all_sustained() {
        let motion = describe(Array1::from_elem(100, 3.0).view(), HOP_SECS);
        assert_eq!(
            (motion.sustained_share, motion.active_share, motion.kurtosis),
            (1.0, 1.0, 1.0)
        );
    }

    #[test]
    fn kurtosis_counts_how_rare_a_burst_is() {
        // One frame in n: kurtosis (1 − 3p + 3p²)/(p(1 − p)) with p = 1/n.
        let mut row = Array1::zeros(100);
        row[40] = 2.0_f32;
        let p = 0.01;
        let expected = (1.0 - 3.0 * p + 3.0 * p * p) / (p * (1.0 - p));
        assert!((describe(row.view(), HOP_SECS).kurtosis - expected).abs() < 1e-9);
        assert!((describe(row.view(), HOP_SECS).active_share - p).abs() < 1e-12);
    }

    #[test]
    fn the_unit_of_a_row_does_not_matter() {
        let row = hits(50, 5.0);
        assert_eq!(
            describe(row.view(), HOP_SECS),
            describe((&row * 1024.0).view(), HOP_SECS)
        );
    }

    #[test]
    fn rises_start_from_silence_and_leave_falls_out() {
        let row = Array1::from(vec![1.0, 3.0, 2.0, 2.5]);
        assert_eq!(rises(row.view()).to_vec(), [1.0, 2.0, 0.0, 0.5]);
    }

    #[test]
    fn one_frame_is_enough() {
        let motion = describe(Array1::from(vec![0.3]).view(), HOP_SECS);
        assert_eq!((motion.attack, motion.active_share), (1.0, 1.0));
    }
}
