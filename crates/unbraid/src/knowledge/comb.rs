//! A fundamental comes in; the template of a harmonic sound goes out, with nothing between its partials.

use ndarray::{Array1, ArrayView1};

use super::inharmonicity::stretched;
use crate::StftConfig;

/// Where the partials of a harmonic sound lie under a transform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comb {
    /// The fundamental, in Hz.
    pub(crate) f0_hz: f64,
    /// How far partials are stretched: partial m lies at `m f0 √(1 + B m²)`.
    pub(crate) inharmonicity: f64,
    /// How far the fundamental may be off, in cents: every partial's lobe is at least so wide.
    pub(crate) spread_cents: f64,
}

/// Partials above this are left out.
const TOP_HZ: f64 = 11_025.0;

impl Comb {
    /// The bins of every partial, with the bin nearest to its middle.
    fn lobes(&self, stft: StftConfig, sample_rate: u32) -> Vec<(std::ops::Range<usize>, f64)> {
        let bins = stft.fft_len / 2 + 1;
        let bin_hz = f64::from(sample_rate) / stft.fft_len as f64;
        // The main lobe of a Hann window is two bins of its own wide on either side.
        let window_hz = 2.0 * f64::from(sample_rate) / stft.window_len as f64;
        (1..)
            .map(|m| stretched(f64::from(m), self.f0_hz, self.inharmonicity))
            .take_while(|&hz| hz < TOP_HZ.min(0.48 * f64::from(sample_rate)))
            .take(60)
            .map(|hz| {
                let wide = window_hz.max(hz * (2.0_f64.powf(self.spread_cents / 1200.0) - 1.0));
                let (low, high) = ((hz - wide) / bin_hz, (hz + wide) / bin_hz);
                let range = low.ceil().max(0.0) as usize..(high.floor() as usize + 1).min(bins);
                (range, hz / bin_hz)
            })
            .collect()
    }

    /// The template, of unit sum: partials that fall off with their number, and zeros between them, which
    /// multiplicative steps leave zeros.
    ///
    /// # References
    ///
    /// S. A. Raczyński, N. Ono, S. Sagayama, *Multipitch analysis with harmonic nonnegative matrix approximation*, ISMIR 2007.
    #[must_use]
    pub(crate) fn template(&self, stft: StftConfig, sample_rate: u32) -> Array1<f32> {
        let mut template = Array1::<f32>::zeros(stft.fft_len / 2 + 1);
        for (m, (bins, middle)) in self.lobes(stft, sample_rate).into_iter().enumerate() {
            let half = 0.5 * bins.len() as f64 + 0.5;
            for bin in bins {
                let lobe = 1.0 - ((bin as f64 - middle).abs() / half).min(0.99);
                let value = (lobe / (m + 1) as f64) as f32;
                template[bin] = template[bin].max(value);
            }
        }
        let sum = template.sum();
        if sum > 0.0 {
            template /= sum;
        }
        template
    }

    /// The same template with the levels of its partials smoothed along their number, since neighbours of one sound are alike:
    /// each becomes the geometric mean of itself and of those beside it, weighted 2 : 1 : 1.
    ///
    /// # References
    ///
    /// E. Vincent, N. Bertin, R. Badeau, *Adaptive harmonic spectral decomposition for multiple pitch estimation*, IEEE TASLP 2010.
    #[must_use]
    pub(crate) fn smoothed(
        &self,
        template: ArrayView1<'_, f32>,
        stft: StftConfig,
        sample_rate: u32,
    ) -> Array1<f32> {
        let lobes = self.lobes(stft, sample_rate);
        let levels: Vec<f32> = lobes
            .iter()
            .map(|(bins, _)| {
                let own = template.slice(ndarray::s![bins.clone()]);
                (own.sum() / bins.len().max(1) as f32).max(1e-9).ln()
            })
            .collect();
        let mut out = template.to_owned();
        for (m, (bins, _)) in lobes.iter().enumerate() {
            let below = levels[m.saturating_sub(1)];
            let above = levels[(m + 1).min(levels.len() - 1)];
            let gain = (0.25 * (below + above) - 0.5 * levels[m]).exp();
            for bin in bins.clone() {
                // Lobes that overlap share their bins with the one that has the bin first.
                if m == 0 || bin >= lobes[m - 1].0.end {
                    out[bin] *= gain;
                }
            }
        }
        let sum = out.sum();
        if sum > 0.0 {
            out /= sum;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMB: Comb = Comb {
        f0_hz: 220.0,
        inharmonicity: 0.0,
        spread_cents: 20.0,
    };

    #[test]
    fn a_comb_has_partials_and_zeros_between_them() {
        let stft = StftConfig::with_fft_len(4096);
        let template = COMB.template(stft, 44_100);
        let bin = |hz: f64| template[(hz * 4096.0 / 44_100.0).round() as usize];
        assert!((template.sum() - 1.0).abs() < 1e-5);
        for m in 1..10 {
            assert!(bin(220.0 * f64::from(m)) > 0.0);
            assert!(bin(220.0 * (f64::from(m) + 0.5)) <= 0.0);
        }
        assert!(bin(220.0) > 2.0 * bin(880.0));
    }

    #[test]
    fn smoothing_fills_a_partial_that_is_missing_and_keeps_the_zeros() {
        let stft = StftConfig::with_fft_len(4096);
        let mut template = COMB.template(stft, 44_100);
        let third = (660.0_f64 * 4096.0 / 44_100.0).round() as usize;
        for bin in third - 6..third + 7 {
            template[bin] *= 0.01;
        }
        let smooth = COMB.smoothed(template.view(), stft, 44_100);
        assert!(smooth[third] > 5.0 * template[third]);
        assert!(smooth[third + 10] <= 0.0);
    }
}
