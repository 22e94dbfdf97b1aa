//! Spectra of any resolution come in; energies in the network's bands go out, and shares of bands
//! come back as shares of bins.

/// The resolution the network was trained at: bins of a 4096-point transform at 44.1 kHz.
const BIN_HZ: f64 = 44_100.0 / 4096.0;

/// Runs of bands: how many bins they cover together, and how many each takes.
const RUNS: [(usize, usize); 4] = [(256, 1), (256, 2), (512, 4), (1024, 16)];

/// The number of bands.
pub(super) const BANDS: usize = 256 + 128 + 128 + 64;

/// How the bins of a transform and the bands overlap.
#[derive(Debug, Clone)]
pub(super) struct Bands {
    /// Of each band: the first bin, and how much of that and the following bins lies in it.
    overlaps: Vec<(usize, Vec<f32>)>,
    /// Of each bin: the band that holds its center; the last one above all bands.
    band_of: Vec<usize>,
}

impl Bands {
    pub(super) fn new(bins: usize, bin_hz: f64) -> Self {
        let mut edges = vec![-0.5];
        for (covered, width) in RUNS {
            for _ in 0..covered / width {
                edges.push(edges.last().expect("it starts with one") + width as f64);
            }
        }
        // In bins of the transform at hand, whose bin k reaches from k − 1/2 to k + 1/2.
        let ratio = BIN_HZ / bin_hz;
        let overlaps = edges
            .windows(2)
            .map(|edge| {
                let (low, high) = (edge[0] * ratio, edge[1] * ratio);
                let first = (low + 0.5).floor().max(0.0) as usize;
                let last = ((high + 0.5).ceil() as usize).min(bins);
                let parts = (first..last).map(|k| {
                    let (from, to) = (k as f64 - 0.5, k as f64 + 0.5);
                    (high.min(to) - low.max(from)).max(0.0) as f32
                });
                (first, parts.collect())
            })
            .collect();
        let band_of = (0..bins)
            .map(|k| {
                let place = k as f64 / ratio;
                let above = edges.partition_point(|&edge| edge <= place);
                (above.max(1) - 1).min(BANDS - 1)
            })
            .collect();
        Self { overlaps, band_of }
    }

    /// The energy in each band of one frame's powers, relative to the band's width.
    pub(super) fn densities(&self, powers: &[f32], out: &mut [f32]) {
        for ((out, (first, parts)), width) in out.iter_mut().zip(&self.overlaps).zip(widths()) {
            let inside = powers.get(*first..).unwrap_or_default();
            let energy: f32 = inside.iter().zip(parts).map(|(p, part)| p * part).sum();
            *out = energy / width;
        }
    }

    pub(super) fn band_of(&self, bin: usize) -> usize {
        self.band_of[bin]
    }
}

fn widths() -> impl Iterator<Item = f32> {
    RUNS.into_iter()
        .flat_map(|(covered, width)| std::iter::repeat_n(width as f32, covered / width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_at_the_trained_resolution_are_runs_of_bins() {
        let bands = Bands::new(2049, BIN_HZ);
        let powers: Vec<f32> = (0..2049).map(|k| k as f32).collect();
        let mut out = vec![0.0; BANDS];
        bands.densities(&powers, &mut out);
        assert_eq!(&out[..3], [0.0, 1.0, 2.0]);
        assert_eq!(out[256..258], [256.5, 258.5]);
        assert_eq!(out[BANDS - 1..], [f32::midpoint(2032.0, 2047.0)]);
        assert_eq!(bands.band_of(257), 256);
        assert_eq!(bands.band_of(2048), BANDS - 1);
    }

    #[test]
    fn energy_is_kept_at_other_resolutions() {
        for (bins, bin_hz) in [(1025, 22_050.0 / 2048.0), (2049, 48_000.0 / 4096.0)] {
            let bands = Bands::new(bins, bin_hz);
            // White up to 10 kHz: every band below has the same density.
            let below = |k: usize| {
                if (k as f64) * bin_hz < 10_000.0 {
                    1.0
                } else {
                    0.0
                }
            };
            let powers: Vec<f32> = (0..bins).map(below).collect();
            let mut out = vec![0.0; BANDS];
            bands.densities(&powers, &mut out);
            let expected = (BIN_HZ / bin_hz) as f32;
            for (band, density) in out[1..480].iter().enumerate() {
                assert!(
                    (density - expected).abs() < 1e-3 * expected,
                    "band {}: {density} is not {expected} at {bin_hz} Hz a bin",
                    band + 1
                );
            }
        }
    }
}
