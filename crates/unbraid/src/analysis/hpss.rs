//! A spectrogram comes in; how percussive each of its values looks goes out, by median filters
//! along time and along frequency.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::median::{self, LANES};
use crate::Error;

/// The lengths of the two median filters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Half the length of the filter along time, in seconds. Longer lets shorter notes count as
    /// percussive; start at 0.25.
    pub half_secs: f64,
    /// Half the length of the filter along frequency, in Hz. Start at 170.
    pub half_hz: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            half_secs: 0.25,
            half_hz: 170.0,
        }
    }
}

/// The percussive share of every value of a spectrogram, from 0 to 1.
///
/// ```text
/// share[f,t] = percussive² / (percussive² + harmonic²)
/// harmonic[f,t]   = median over time of the spectrogram around (f, t)
/// percussive[f,t] = median over frequency of the spectrogram around (f, t)
/// ```
///
/// A sound that holds its pitch draws horizontal lines, which survive the median along time; a
/// hit draws vertical ones, which survive the median along frequency. Where both medians are
/// zero the share is one half: nothing is known.
///
/// Beyond the edges the first and last values go on, so that a note that sounds to the end, or a
/// hit that reaches down to the lowest bin, is seen whole.
///
/// # Shapes
///
/// | | shape | meaning |
/// |---|---|---|
/// | `spectrogram` | `(bins, frames)` | magnitudes ≥ 0 |
/// | result | the same | share from 0 to 1 |
///
/// `bin_hz` is the distance of two bins in Hz, `hop_secs` that of two frames in seconds.
///
/// # Errors
///
/// [`Error::Config`] if `bin_hz`, `hop_secs` or a filter's length is not a finite number above
/// zero.
///
/// # Examples
///
/// ```
/// use ndarray::Array2;
/// use unbraid::analysis::hpss;
///
/// let mut spectrogram = Array2::zeros((65, 101));
/// spectrogram.row_mut(20).fill(1.0); // a held pitch
/// spectrogram.column_mut(50).fill(1.0); // a click
/// let settings = hpss::Settings::default();
/// let share = hpss::percussive_share(spectrogram.view(), 43.0, 0.0116, &settings)?;
/// assert!(share[[20, 5]] < 0.1 && share[[60, 50]] > 0.9);
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - D. Fitzgerald, *Harmonic/percussive separation using median filtering*, Proc. of the 13th Int. Conference on
///   Digital Audio Effects, 2010.
pub fn percussive_share(
    spectrogram: ArrayView2<'_, f32>,
    bin_hz: f64,
    hop_secs: f64,
    settings: &Settings,
) -> Result<Array2<f32>, Error> {
    let fields = [
        ("hpss.bin_hz", bin_hz),
        ("hpss.hop_secs", hop_secs),
        ("hpss.half_hz", settings.half_hz),
        ("hpss.half_secs", settings.half_secs),
    ];
    for (field, value) in fields {
        if !(value.is_finite() && value > 0.0) {
            return Err(Error::config(field, value, "a finite number above 0"));
        }
    }
    let half_frames = ((settings.half_secs / hop_secs).round() as usize).max(1);
    let half_bins = ((settings.half_hz / bin_hz).round() as usize).max(1);

    let (bins, frames) = spectrogram.dim();
    // Along frequency first; columns become rows, so that every thread writes whole slices.
    let mut columns = vec![0.0; bins * frames];
    columns
        .par_chunks_mut(LANES * bins.max(1))
        .enumerate()
        .for_each(|(block, out)| {
            let frame = |lane: usize| (block * LANES + lane).min(frames - 1);
            median::running_across(
                bins,
                half_bins,
                |bin| std::array::from_fn(|lane| spectrogram[[bin, frame(lane)]]),
                |bin, medians| {
                    let places = out.iter_mut().skip(bin).step_by(bins);
                    places.zip(medians).for_each(|(place, m)| *place = m);
                },
            );
        });
    let mut shares = vec![0.0; bins * frames];
    shares
        .par_chunks_mut(LANES * frames.max(1))
        .enumerate()
        .for_each(|(block, out)| {
            let bin = |lane: usize| (block * LANES + lane).min(bins - 1);
            median::running_across(
                frames,
                half_frames,
                |frame| std::array::from_fn(|lane| spectrogram[[bin(lane), frame]]),
                |frame, medians| {
                    let places = out.iter_mut().skip(frame).step_by(frames);
                    for ((lane, place), harmonic) in places.enumerate().zip(medians) {
                        *place = ratio(columns[frame * bins + bin(lane)], harmonic);
                    }
                },
            );
        });
    let shape = || Error::Shape {
        what: "the shares",
        expected: vec![bins, frames],
        actual: vec![],
    };
    Array2::from_shape_vec((bins, frames), shares).map_err(|_| shape())
}

/// `a² / (a² + b²)`, taken relative to the larger one so that neither squares to zero or infinity.
fn ratio(a: f32, b: f32) -> f32 {
    let largest = a.max(b);
    if largest <= 0.0 {
        return 0.5;
    }
    let (a, b) = (a / largest, b / largest);
    a * a / (a * a + b * b)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these values are exact")]

    use super::*;

    #[test]
    fn a_line_in_time_is_harmonic_and_a_line_in_frequency_is_percussive() {
        let mut spectrogram = Array2::from_elem((129, 200), 1e-3);
        spectrogram.row_mut(30).fill(1.0);
        spectrogram.column_mut(90).fill(1.0);
        let share =
            percussive_share(spectrogram.view(), 43.0, 0.0116, &Settings::default()).unwrap();
        assert!(share[[30, 20]] < 1e-4, "held pitch: {}", share[[30, 20]]);
        assert!(share[[100, 90]] > 0.999, "click: {}", share[[100, 90]]);
        assert!(
            (share[[100, 20]] - 0.5).abs() < 1e-6,
            "floor: {}",
            share[[100, 20]]
        );
    }

    #[test]
    fn scaling_the_spectrogram_leaves_the_shares_alone() {
        let spectrogram = Array2::from_shape_fn((40, 60), |(f, t)| ((f * 7 + t * 13) % 11) as f32);
        let settings = Settings::default();
        let share = percussive_share(spectrogram.view(), 43.0, 0.0116, &settings).unwrap();
        for gain in [1e-25_f32, 1e25] {
            let scaled = spectrogram.mapv(|value| value * gain);
            let other = percussive_share(scaled.view(), 43.0, 0.0116, &settings).unwrap();
            let worst = share
                .iter()
                .zip(&other)
                .fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 1e-5, "gain {gain}: {worst}");
        }
    }

    #[test]
    fn silence_is_neither() {
        let share = percussive_share(
            Array2::zeros((9, 9)).view(),
            43.0,
            0.01,
            &Settings::default(),
        );
        assert!(share.unwrap().iter().all(|share| *share == 0.5));
    }

    #[test]
    fn lengths_that_are_not_above_zero_are_refused_by_name() {
        let view = Array2::zeros((3, 3));
        for (bin_hz, hop_secs, half_secs, half_hz, field) in [
            (0.0, 0.01, 0.25, 170.0, "hpss.bin_hz"),
            (43.0, f64::NAN, 0.25, 170.0, "hpss.hop_secs"),
            (43.0, 0.01, -1.0, 170.0, "hpss.half_secs"),
            (43.0, 0.01, 0.25, f64::INFINITY, "hpss.half_hz"),
        ] {
            let settings = Settings { half_secs, half_hz };
            let error = percussive_share(view.view(), bin_hz, hop_secs, &settings).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}
