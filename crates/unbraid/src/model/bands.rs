//! Frequencies of bins come in; overlapping bumps that divide them among bands go out.

use std::ops::Range;

/// Bands with soft edges, evenly spaced on the mel scale: what a smooth filter is made of.
///
/// ```text
/// bump_p(f) = cos²(π/2 · (mel(f) − centre_p) / spacing)   within one spacing of the centre, else 0
/// mel(f)    = 2595 · log10(1 + f / 700 Hz)
/// ```
///
/// Every bin lies between two centres, and the two bumps that reach it add up to one; so a filter
/// is the smooth curve through its bands' gains.
#[derive(Debug, Clone, PartialEq)]
pub struct Bands {
    /// How much of a bin the band above it takes; the band below takes the rest.
    upper: Vec<f32>,
    /// The bins between the centres of one band and the next.
    between: Vec<Range<usize>>,
    /// The sum of every bump.
    sums: Vec<f32>,
}

/// Frequency in mel (O'Shaughnessy 1987).
fn mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

impl Bands {
    /// `count` bands (at least two) over `bins` bins that are `bin_hz` apart, from zero to the last bin.
    #[must_use]
    pub fn mel(count: usize, bins: usize, bin_hz: f64) -> Self {
        let count = count.max(2);
        let spacing = mel(bins.saturating_sub(1).max(1) as f64 * bin_hz) / (count - 1) as f64;
        let mut upper = Vec::with_capacity(bins);
        let mut between = vec![0..0; count - 1];
        for bin in 0..bins {
            let place = mel(bin as f64 * bin_hz) / spacing;
            let band = (place as usize).min(count - 2);
            let cosine = (std::f64::consts::FRAC_PI_2 * (place - band as f64)).cos();
            upper.push((1.0 - cosine * cosine) as f32);
            if between[band].is_empty() {
                between[band] = bin..bin;
            }
            between[band].end = bin + 1;
        }
        let mut bands = Self {
            upper,
            between,
            sums: vec![0.0; count],
        };
        let mut sums = vec![0.0; count];
        bands.gather(&vec![1.0; bins], &mut sums);
        bands.sums = sums;
        bands
    }

    /// The number of bands.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sums.len()
    }

    /// The sum of every band's bump over the bins.
    #[must_use]
    pub fn sums(&self) -> &[f32] {
        &self.sums
    }

    /// The smooth curve through the bands' gains: `out[f] = Σ_p bump_p(f) · gains[p]`.
    pub fn spread(&self, gains: &[f32], out: &mut [f32]) {
        for (band, range) in self.between.iter().enumerate() {
            let (low, step) = (gains[band], gains[band + 1] - gains[band]);
            let weights = &self.upper[range.clone()];
            for (out, weight) in out[range.clone()].iter_mut().zip(weights) {
                *out = low + step * weight;
            }
        }
    }

    /// What every band sees of a field: `out[p] = Σ_f bump_p(f) · field[f]`, overwritten.
    pub fn gather(&self, field: &[f32], out: &mut [f32]) {
        const LANES: usize = 16;
        out.fill(0.0);
        for (band, range) in self.between.iter().enumerate() {
            let (field, weights) = (&field[range.clone()], &self.upper[range.clone()]);
            // Sums in lanes, so that they are vectors.
            let (mut whole, mut upper) = ([0.0_f32; LANES], [0.0_f32; LANES]);
            let (fields, field_rest) = field.as_chunks::<LANES>();
            let (lanes, lanes_rest) = weights.as_chunks::<LANES>();
            for (values, weights) in fields.iter().zip(lanes) {
                for lane in 0..LANES {
                    whole[lane] += values[lane];
                    upper[lane] += values[lane] * weights[lane];
                }
            }
            for (lane, (value, weight)) in field_rest.iter().zip(lanes_rest).enumerate() {
                whole[lane] += value;
                upper[lane] += value * weight;
            }
            let whole: f32 = whole.iter().sum();
            let upper: f32 = upper.iter().sum();
            out[band] += (whole - upper).max(0.0);
            out[band + 1] += upper;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bumps_of_every_bin_add_up_to_one() {
        let bands = Bands::mel(30, 1025, 10.77);
        let mut curve = vec![0.0; 1025];
        bands.spread(&[1.0; 30], &mut curve);
        assert!(curve.iter().all(|value| (value - 1.0).abs() < 1e-6));
        assert!((bands.sums().iter().sum::<f32>() - 1025.0).abs() < 1e-2);
    }

    #[test]
    fn gathering_is_the_transpose_of_spreading() {
        let bands = Bands::mel(12, 300, 21.5);
        let gains: Vec<f32> = (0..12).map(|p| ((p * 7) % 5) as f32).collect();
        let field: Vec<f32> = (0..300).map(|f| ((f * 11) % 13) as f32).collect();
        let (mut curve, mut seen) = (vec![0.0; 300], vec![0.0; 12]);
        bands.spread(&gains, &mut curve);
        bands.gather(&field, &mut seen);
        let one: f32 = curve.iter().zip(&field).map(|(a, b)| a * b).sum();
        let other: f32 = seen.iter().zip(&gains).map(|(a, b)| a * b).sum();
        assert!((one - other).abs() < 1e-4 * one, "{one} {other}");
    }
}
