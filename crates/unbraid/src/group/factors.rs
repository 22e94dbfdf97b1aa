//! The factors of a fit and their units come in; a checked view of them goes out.

use ndarray::ArrayView2;

use crate::Error;

/// The factors of a fit, as the grouping sees them.
///
/// # Shapes
///
/// | | shape | meaning |
/// |---|---|---|
/// | `templates` | `(bins, components)` | spectra, ≥ 0; any scale (their sums are usually one) |
/// | `activations` | `(components, frames)` | loudness over time, ≥ 0 |
/// | `gains` | `(components, channels)` | pan gains, ≥ 0, if there are any |
/// | `percussive_shares` | `(components)` | see [`percussive_shares`](crate::group::percussive_shares), if known |
///
/// Bins are `sample_rate / fft_len` Hz apart, the first at 0 Hz; frames are
/// `hop_len / sample_rate` seconds apart.
#[derive(Debug, Clone, Copy)]
pub struct FactorView<'a> {
    /// One spectrum per component, `(bins, components)`.
    pub templates: ArrayView2<'a, f32>,
    /// One course of loudness per component, `(components, frames)`.
    pub activations: ArrayView2<'a, f32>,
    /// One pan gain per component and channel, `(components, channels)`.
    pub gains: Option<ArrayView2<'a, f32>>,
    /// How percussive the mixture is where each component sounds, 0 to 1.
    pub percussive_shares: Option<&'a [f32]>,
    /// In Hz.
    pub sample_rate: u32,
    /// In samples; `bins` is `fft_len / 2 + 1`.
    pub fft_len: usize,
    /// In samples.
    pub hop_len: usize,
}

impl FactorView<'_> {
    /// The number of components.
    #[must_use]
    pub fn components(&self) -> usize {
        self.templates.ncols()
    }

    /// The distance of two bins in Hz.
    #[must_use]
    pub fn bin_hz(&self) -> f64 {
        f64::from(self.sample_rate) / self.fft_len as f64
    }

    /// The distance of two frames in seconds.
    #[must_use]
    pub fn hop_secs(&self) -> f64 {
        self.hop_len as f64 / f64::from(self.sample_rate)
    }

    /// Check shapes and values; every public function that takes the view does so first.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (field, value) in [
            ("sample_rate", self.sample_rate as usize),
            ("stft.fft_len", self.fft_len),
            ("stft.hop_len", self.hop_len),
        ] {
            if value == 0 {
                return Err(Error::config(field, value, "at least 1"));
            }
        }
        let (bins, components) = self.templates.dim();
        let frames = self.activations.ncols();
        for (what, actual) in [
            ("the bins of the templates", bins),
            ("the components", components),
            ("the frames of the activations", frames),
        ] {
            if actual == 0 {
                return Err(Error::TooShort {
                    what,
                    needed: 1,
                    actual,
                });
            }
        }
        let shape = |what, expected: &[usize], actual: &[usize]| {
            if expected == actual {
                Ok(())
            } else {
                Err(Error::Shape {
                    what,
                    expected: expected.to_vec(),
                    actual: actual.to_vec(),
                })
            }
        };
        shape(
            "the templates",
            &[self.fft_len / 2 + 1, components],
            self.templates.shape(),
        )?;
        shape(
            "the activations",
            &[components, frames],
            self.activations.shape(),
        )?;
        if let Some(gains) = self.gains {
            shape("the pan gains", &[components, gains.ncols()], gains.shape())?;
            non_negative("the pan gains", gains)?;
        }
        if let Some(shares) = self.percussive_shares {
            shape("the percussive shares", &[components], &[shares.len()])?;
            if let Some(at) = shares.iter().position(|share| !(0.0..=1.0).contains(share)) {
                return Err(Error::config(
                    "percussive_shares",
                    shares[at],
                    "from 0 to 1 for every component",
                ));
            }
        }
        non_negative("the templates", self.templates)?;
        non_negative("the activations", self.activations)
    }
}

/// Every value finite and at least zero, or an error that says which is not.
pub(crate) fn non_negative(what: &'static str, values: ArrayView2<'_, f32>) -> Result<(), Error> {
    match values
        .indexed_iter()
        .find(|(_, value)| !(value.is_finite() && **value >= 0.0))
    {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::NotNonNegative {
            what,
            value: f64::from(*value),
            at: vec![row, column],
        }),
    }
}
