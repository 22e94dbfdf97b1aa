//! Samples of every channel and their rate come in; nothing goes out but themselves.

use ndarray::{Array2, ArrayView2};

use crate::Error;

/// A recording: samples of every channel, and the rate they were taken at.
///
/// # Shapes
///
/// `samples` has shape `(channels, samples)`; full scale is ±1.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::Audio;
///
/// let audio = Audio::new(array![[0.0, 0.5, 1.0]], 44_100)?;
/// assert_eq!((audio.channels(), audio.len_samples()), (1, 3));
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    samples: Array2<f32>,
    sample_rate: u32,
}

impl Audio {
    /// Check samples and take them over.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if `sample_rate` is zero.
    /// - [`Error::TooShort`] if there is no channel or no sample.
    /// - [`Error::NotFinite`] if a sample is NaN or infinite.
    pub fn new(samples: Array2<f32>, sample_rate: u32) -> Result<Self, Error> {
        if sample_rate == 0 {
            return Err(Error::config("sample_rate", sample_rate, "at least 1 Hz"));
        }
        let (channels, len) = samples.dim();
        if channels == 0 {
            return Err(Error::TooShort {
                what: "the channels of the audio",
                needed: 1,
                actual: 0,
            });
        }
        if len == 0 {
            return Err(Error::TooShort {
                what: "the audio",
                needed: 1,
                actual: 0,
            });
        }
        if let Some(((channel, sample), value)) =
            samples.indexed_iter().find(|(_, value)| !value.is_finite())
        {
            let value = f64::from(*value);
            return Err(Error::NotFinite {
                what: "the audio",
                value,
                channel,
                sample,
            });
        }
        // Channels are contiguous everywhere below this line.
        let samples = if samples.is_standard_layout() {
            samples
        } else {
            samples.as_standard_layout().into_owned()
        };
        Ok(Self {
            samples,
            sample_rate,
        })
    }

    /// The samples, `(channels, samples)`.
    #[must_use]
    pub fn samples(&self) -> ArrayView2<'_, f32> {
        self.samples.view()
    }

    /// One channel's samples as a slice.
    ///
    /// # Panics
    ///
    /// If there is no such channel.
    #[must_use]
    pub fn channel(&self, channel: usize) -> &[f32] {
        let len = self.len_samples();
        let all = self
            .samples
            .as_slice()
            .expect("checked to be contiguous when made");
        &all[channel * len..(channel + 1) * len]
    }

    /// The samples, taken out.
    #[must_use]
    pub fn into_samples(self) -> Array2<f32> {
        self.samples
    }

    /// The sample rate in Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.samples.nrows()
    }

    /// The number of samples of each channel.
    #[must_use]
    pub fn len_samples(&self) -> usize {
        self.samples.ncols()
    }

    /// The duration in seconds.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        self.len_samples() as f64 / f64::from(self.sample_rate)
    }

    /// The largest absolute sample value.
    #[must_use]
    pub fn peak(&self) -> f32 {
        self.samples
            .iter()
            .fold(0.0, |peak, sample| peak.max(sample.abs()))
    }
}
