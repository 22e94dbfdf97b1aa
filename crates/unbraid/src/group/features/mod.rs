//! Factors come in; readable numbers about every component go out.

pub(crate) mod activation;
mod mixture;
mod table;
pub(crate) mod template;

use ndarray::{Array1, Axis};
use serde::{Deserialize, Serialize};

pub use self::mixture::{class_shares, percussive_shares};
pub use self::table::Feature;
use super::FactorView;
use crate::Error;
use crate::evidence::Class;

/// What can be read off one component.
///
/// Everything is independent of the component's loudness and, within the resolution of the
/// spectrogram, of its `fft_len` and `hop_len`. "Magnitude" is the template, "energy" its square.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// The share of the template's energy below 200 Hz, 0 to 1.
    pub low_share: f64,
    /// The share of the template's magnitude from 5 kHz up, 0 to 1.
    pub high_share: f64,
    /// The mean frequency, weighted by magnitude, in Hz.
    pub centroid_hz: f64,
    /// The geometric over the arithmetic mean of the energy between 50 Hz and 16 kHz, in dB:
    /// 0 is white, −40 a few thin lines.
    pub flatness_db: f64,
    /// The share of the energy that the best harmonic comb (60 to 1000 Hz) explains beyond
    /// chance, 0 to 1.
    pub harmonicity: f64,
    /// The fundamental of that comb in Hz; 0 if none explains more than chance.
    pub pitch_hz: f64,
    /// The share of the magnitude that stands out of its running median over ±100 Hz, 0 to 1.
    pub peakiness: f64,
    /// The share of the activation's peaks that is gained within 30 ms, 0 to 1: near 1 is struck,
    /// near 0 swells.
    pub attack: f64,
    /// When the mean course after the peaks has fallen to 1/e, in seconds, at most 0.5.
    pub decay_secs: f64,
    /// The logarithm of the squared rises over the squared falls from frame to frame: above 0 rises
    /// faster than it falls, as what is struck or plucked does.
    pub asymmetry: f64,
    /// The kurtosis of the activation: large for rare bursts, 1 to 3 for what always sounds.
    pub kurtosis: f64,
    /// The share of the activation that lies under its running median over ±0.2 s, 0 to 1.
    pub sustained_share: f64,
    /// The share of the frames above a tenth of the activation's maximum, 0 to 1.
    pub active_share: f64,
    /// The correlation of the component's rises with those of all others together, −1 to 1.
    pub synchrony: f64,
    /// How percussive the mixture is where the component sounds, 0 to 1, if that was measured.
    pub percussive_share: Option<f64>,
    /// How much of the component's energy a network hears as drums, 0 to 1, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learnt_share: Option<f64>,
    /// How much of it the network hears as the bass drum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kick_share: Option<f64>,
    /// As snare drums, claps and rims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snare_share: Option<f64>,
    /// As hi-hats and cymbals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cymbals_share: Option<f64>,
    /// As any other drum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percussion_share: Option<f64>,
    /// As a bass instrument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bass_share: Option<f64>,
    /// Where the component is between the channels, −1 (left) to 1 (right), if there are two.
    pub pan: Option<f64>,
}

impl Features {
    /// Note how much of the component's energy a network hears as each of [`Class::ALL`].
    pub(crate) fn hear(&mut self, classes: [f64; Class::ALL.len()]) {
        let [kick, snare, cymbals, percussion, bass, _] = classes;
        self.learnt_share = Some(kick + snare + cymbals + percussion);
        self.kick_share = Some(kick);
        self.snare_share = Some(snare);
        self.cymbals_share = Some(cymbals);
        self.percussion_share = Some(percussion);
        self.bass_share = Some(bass);
    }
}

/// Describe every component; `None` for one that is silent.
///
/// # Errors
///
/// - [`Error::Shape`], [`Error::TooShort`] if the arrays do not fit together or are empty.
/// - [`Error::NotNonNegative`] if a factor holds a negative or non-finite value.
/// - [`Error::Config`] if a unit is zero or a percussive share is not from 0 to 1.
///
/// # Examples
///
/// ```
/// use ndarray::Array2;
/// use unbraid::group::{FactorView, features};
///
/// // A click: all frequencies at once, in one frame.
/// let mut activations = Array2::zeros((1, 100));
/// activations[[0, 50]] = 1.0;
/// let templates = Array2::ones((1025, 1));
/// let factors = FactorView {
///     templates: templates.view(),
///     activations: activations.view(),
///     gains: None,
///     percussive_shares: None,
///     sample_rate: 44_100,
///     fft_len: 2048,
///     hop_len: 512,
/// };
/// let click = features(&factors)?[0].expect("it is not silent");
/// assert_eq!((click.attack, click.sustained_share), (1.0, 0.0));
/// assert!(click.flatness_db > -0.1);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn features(factors: &FactorView<'_>) -> Result<Vec<Option<Features>>, Error> {
    factors.check()?;
    let levels = levels(factors);
    let synchrony = synchrony(factors, &levels);
    let describe = |component: usize| {
        if levels[component] <= 0.0 {
            return None;
        }
        let shape = template::describe(
            factors.templates.index_axis(Axis(1), component),
            factors.bin_hz(),
        );
        let motion = activation::describe(factors.activations.row(component), factors.hop_secs());
        Some(Features {
            low_share: shape.low_share,
            high_share: shape.high_share,
            centroid_hz: shape.centroid_hz,
            flatness_db: shape.flatness_db,
            harmonicity: shape.harmonicity,
            pitch_hz: shape.pitch_hz,
            peakiness: shape.peakiness,
            attack: motion.attack,
            decay_secs: motion.decay_secs,
            asymmetry: motion.asymmetry,
            kurtosis: motion.kurtosis,
            sustained_share: motion.sustained_share,
            active_share: motion.active_share,
            synchrony: synchrony[component],
            percussive_share: factors
                .percussive_shares
                .map(|shares| f64::from(shares[component])),
            learnt_share: None,
            kick_share: None,
            snare_share: None,
            cymbals_share: None,
            percussion_share: None,
            bass_share: None,
            pan: pan(factors, component),
        })
    };
    Ok((0..factors.components()).map(describe).collect())
}

/// The magnitude of every component over all bins, frames and channels.
pub(crate) fn levels(factors: &FactorView<'_>) -> Vec<f64> {
    (0..factors.components())
        .map(|component| {
            let template = sum(factors.templates.column(component).iter());
            let activation = sum(factors.activations.row(component).iter());
            let gain = factors
                .gains
                .map_or(1.0, |gains| sum(gains.row(component).iter()));
            template * activation * gain
        })
        .collect()
}

fn sum<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    values.map(|value| f64::from(*value)).sum()
}

/// For every component, the correlation of its rises with the sum of all others', each in
/// magnitude of the mixture; 0 where either does not move.
fn synchrony(factors: &FactorView<'_>, levels: &[f64]) -> Vec<f64> {
    let own: Vec<Array1<f64>> = (0..factors.components())
        .map(|component| {
            let row = factors.activations.row(component);
            let held = sum(row.iter());
            let scale = if held > 0.0 {
                levels[component] / held
            } else {
                0.0
            };
            activation::rises(row) * scale
        })
        .collect();
    let mut all = Array1::<f64>::zeros(factors.activations.ncols());
    for rises in &own {
        all += rises;
    }
    own.iter()
        .map(|rises| correlation(rises, &(&all - rises)))
        .collect()
}

fn correlation(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    let count = a.len() as f64;
    let (a, b) = (a - a.sum() / count, b - b.sum() / count);
    let scale = (a.dot(&a) * b.dot(&b)).sqrt();
    if scale > 0.0 { a.dot(&b) / scale } else { 0.0 }
}

/// `(right − left) / (right + left)`, for two channels.
fn pan(factors: &FactorView<'_>, component: usize) -> Option<f64> {
    let gains = factors.gains.filter(|gains| gains.ncols() == 2)?;
    let (left, right) = (
        f64::from(gains[[component, 0]]),
        f64::from(gains[[component, 1]]),
    );
    (left + right > 0.0).then(|| (right - left) / (right + left))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these values are exact")]

    use ndarray::{Array2, array};

    use super::*;

    fn view<'a>(templates: &'a Array2<f32>, activations: &'a Array2<f32>) -> FactorView<'a> {
        FactorView {
            templates: templates.view(),
            activations: activations.view(),
            gains: None,
            percussive_shares: None,
            sample_rate: 44_100,
            fft_len: (templates.nrows() - 1) * 2,
            hop_len: 512,
        }
    }

    #[test]
    fn hits_at_the_same_time_are_in_synchrony_and_others_are_not() {
        let templates = Array2::ones((65, 3));
        let mut activations = Array2::zeros((3, 120));
        for hit in (5..120).step_by(20) {
            activations[[0, hit]] = 1.0;
            activations[[1, hit]] = 0.5;
            // The third component is as quiet as it can be heard, and between the hits.
            activations[[2, (hit + 10) % 120]] = 0.01;
        }
        let features = features(&view(&templates, &activations)).unwrap();
        let synchrony = |k: usize| features[k].unwrap().synchrony;
        assert!(
            synchrony(0) > 0.99 && synchrony(1) > 0.99,
            "{} {}",
            synchrony(0),
            synchrony(1)
        );
        assert!(synchrony(2) < 0.0, "{}", synchrony(2));
    }

    #[test]
    fn a_component_alone_is_in_synchrony_with_nothing() {
        let features = features(&view(&Array2::ones((65, 1)), &array![[0.0, 1.0, 0.0]])).unwrap();
        assert_eq!(features[0].unwrap().synchrony, 0.0);
    }

    #[test]
    fn pan_is_read_off_two_channels_only() {
        let (templates, activations) = (Array2::ones((65, 3)), Array2::ones((3, 4)));
        let gains = array![[1.0, 0.0], [1.0, 1.0], [1.0, 3.0]];
        let mut factors = view(&templates, &activations);
        factors.gains = Some(gains.view());
        let pans: Vec<_> = features(&factors)
            .unwrap()
            .iter()
            .map(|f| f.unwrap().pan)
            .collect();
        assert_eq!(pans, [Some(-1.0), Some(0.0), Some(0.5)]);
        let mono = array![[1.0], [1.0], [1.0]];
        factors.gains = Some(mono.view());
        assert_eq!(features(&factors).unwrap()[0].unwrap().pan, None);
    }

    #[test]
    fn a_component_is_silent_if_any_of_its_factors_is() {
        let (mut templates, mut activations) = (Array2::ones((65, 4)), Array2::ones((4, 5)));
        templates.column_mut(1).fill(0.0);
        activations.row_mut(2).fill(0.0);
        let gains = array![[1.0], [1.0], [1.0], [0.0]];
        let mut factors = view(&templates, &activations);
        factors.gains = Some(gains.view());
        let silent: Vec<_> = features(&factors)
            .unwrap()
            .iter()
            .map(Option::is_none)
            .collect();
        assert_eq!(silent, [false, true, true, true]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let (templates, activations) = (Array2::ones((65, 2)), Array2::ones((2, 5)));
        let good = view(&templates, &activations);
        let (three, gains) = (Array2::ones((3, 5)), Array2::ones((3, 2)));
        let negative = array![[1.0, 1.0, 1.0], [1.0, -2.0, 1.0]];
        let empty = Array2::ones((2, 0));
        let cases = [
            (
                FactorView {
                    sample_rate: 0,
                    ..good
                },
                "`sample_rate`",
            ),
            (FactorView { hop_len: 0, ..good }, "`stft.hop_len`"),
            (
                FactorView {
                    fft_len: 64,
                    ..good
                },
                "the templates has shape [65, 2]",
            ),
            (
                FactorView {
                    activations: three.view(),
                    ..good
                },
                "the activations has shape [3, 5]",
            ),
            (
                FactorView {
                    activations: empty.view(),
                    ..good
                },
                "the frames",
            ),
            (
                FactorView {
                    gains: Some(gains.view()),
                    ..good
                },
                "the pan gains has shape [3, 2]",
            ),
            (
                FactorView {
                    activations: negative.view(),
                    ..good
                },
                "the activations holds -2 at [1, 1]",
            ),
            (
                FactorView {
                    percussive_shares: Some(&[0.5]),
                    ..good
                },
                "the percussive shares has shape [1]",
            ),
            (
                FactorView {
                    percussive_shares: Some(&[0.5, 1.5]),
                    ..good
                },
                "`percussive_shares` is 1.5",
            ),
        ];
        for (factors, part) in cases {
            let error = features(&factors).unwrap_err().to_string();
            assert!(error.contains(part), "{error} should contain {part}");
        }
    }
}
