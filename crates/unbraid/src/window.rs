//! A window's name comes in; its samples go out.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The taper that cuts one frame out of a signal.
///
/// All windows are periodic (DFT-even), as spectral analysis wants them
/// (Harris, *On the use of windows for harmonic analysis with the DFT*, Proc. IEEE 1978).
///
/// | window | main lobe (bins) | highest side lobe | take it for |
/// |---|---|---|---|
/// | `Hann` | 4 | −31 dB | nearly everything: the default |
/// | `Sine` | 3 | −23 dB | half-overlapping frames (the square root of Hann) |
/// | `Hamming` | 4 | −43 dB | neighbours of nearly equal strength |
/// | `Blackman` | 6 | −58 dB | weak partials beside strong ones |
/// | `Rectangular` | 2 | −13 dB | frames that do not overlap |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// Raised cosine.
    #[default]
    Hann,
    /// Raised cosine on a pedestal.
    Hamming,
    /// Three-term cosine sum.
    Blackman,
    /// Half a period of a sine; its square is Hann's window.
    Sine,
    /// No taper.
    Rectangular,
}

impl Window {
    /// Every window.
    pub const ALL: [Self; 5] = [
        Self::Hann,
        Self::Hamming,
        Self::Blackman,
        Self::Sine,
        Self::Rectangular,
    ];

    /// The window's `len` samples, between 0 and 1.
    ///
    /// # Examples
    ///
    /// ```
    /// let hann = unbraid::Window::Hann.samples(4);
    /// assert!(hann.iter().zip([0.0, 0.5, 1.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-15));
    /// ```
    #[must_use]
    pub fn samples(self, len: usize) -> Vec<f64> {
        let value = |n: usize| {
            // A single sample has no place to taper: it is the window's middle.
            let x = if len == 1 { 0.5 } else { n as f64 / len as f64 };
            match self {
                Self::Hann => 0.5 - 0.5 * (2.0 * PI * x).cos(),
                Self::Hamming => 0.54 - 0.46 * (2.0 * PI * x).cos(),
                Self::Blackman => 0.42 - 0.5 * (2.0 * PI * x).cos() + 0.08 * (4.0 * PI * x).cos(),
                Self::Sine => (PI * x).sin(),
                Self::Rectangular => 1.0,
            }
        };
        // Blackman's first sample is a rounding error below zero.
        (0..len).map(|n| value(n).max(0.0)).collect()
    }

    /// Its name, as it is written and read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hann => "hann",
            Self::Hamming => "hamming",
            Self::Blackman => "blackman",
            Self::Sine => "sine",
            Self::Rectangular => "rectangular",
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Window {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|window| window.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                Error::config("stft.window", name, format!("one of {names}"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for window in Window::ALL {
            assert_eq!(window.to_string().parse(), Ok(window));
        }
        assert!("hannn".parse::<Window>().is_err());
    }

    #[test]
    fn windows_lie_between_zero_and_one_and_peak_in_the_middle() {
        for window in Window::ALL {
            for len in [1, 2, 3, 16, 1024] {
                let samples = window.samples(len);
                assert!(
                    samples.iter().all(|w| (0.0..=1.0 + 1e-12).contains(w)),
                    "{window} {len}"
                );
                assert!(
                    samples[len / 2] > 0.99 || len == 3,
                    "{window} {len}: {samples:?}"
                );
            }
        }
    }

    #[test]
    fn the_square_of_sine_is_hann() {
        for (sine, hann) in Window::Sine
            .samples(64)
            .iter()
            .zip(Window::Hann.samples(64))
        {
            assert!((sine * sine - hann).abs() < 1e-14);
        }
    }
}
