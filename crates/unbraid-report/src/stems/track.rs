//! Samples of one track come in; the envelope and the spectrogram to draw go out.

use ndarray::{Array1, Array2, ArrayView2};
use realfft::RealFftPlanner;

use crate::Error;
use crate::frame;
use crate::geometry::Axis;
use crate::raster::{AreaMean, Coverage, envelope};

/// Frames overlap by three quarters where that is not more than this many per pixel.
const FRAMES_PER_PIXEL: f64 = 4.0;

/// What all tracks of a picture are drawn on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Of a panel, in units.
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) fft_len: usize,
    pub(super) frequency: Axis,
    pub(super) sample_rate: u32,
}

/// A track, reduced to pixels.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// The least and the greatest sample of all channels, per pixel of the waveform.
    pub(super) envelope: Vec<(f32, f32)>,
    pub(super) sample_peak: f32,
    /// Mean magnitude, `(rows from the lowest, columns)`.
    pub(super) magnitudes: Array2<f32>,
    pub(super) magnitude_peak: f32,
}

/// The power of two nearest to 46 ms: 2048 samples at 44.1 kHz.
pub(super) fn fft_len(sample_rate: u32) -> usize {
    let exponent = (0.046 * f64::from(sample_rate)).log2().round();
    2_usize.pow(exponent.clamp(4.0, 16.0) as u32)
}

impl Track {
    /// Reduce checked samples `(channels, samples)`.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] if a transform fails, which checked samples rule out.
    pub(super) fn new(samples: &ArrayView2<'_, f32>, grid: &Grid) -> Result<Self, Error> {
        let columns = frame::pixels(grid.width);
        let mut merged = vec![(f32::INFINITY, f32::NEG_INFINITY); columns];
        for channel in samples.rows() {
            let own = envelope(&channel, columns);
            for (all, own) in merged.iter_mut().zip(own) {
                *all = (all.0.min(own.0), all.1.max(own.1));
            }
        }
        let sample_peak = samples.fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        let magnitudes = magnitudes(samples, grid, columns)?;
        let magnitude_peak = magnitudes.fold(0.0_f32, |peak, value| peak.max(*value));
        Ok(Self {
            envelope: merged,
            sample_peak,
            magnitudes,
            magnitude_peak,
        })
    }
}

/// The spectrogram on the pixels of its panel, one frame in memory at a time.
fn magnitudes(
    samples: &ArrayView2<'_, f32>,
    grid: &Grid,
    columns: usize,
) -> Result<Array2<f32>, Error> {
    let fft_len = grid.fft_len;
    let (channels, len) = samples.dim();
    // Long recordings need fewer frames, but every sample stays under at least two of them.
    let wanted = len as f64 / (FRAMES_PER_PIXEL * columns as f64);
    let hop_len = (wanted as usize).clamp(fft_len / 4, fft_len / 2);
    let frames = (len - 1) / hop_len + 2;

    let bin_hz = f64::from(grid.sample_rate) / fft_len as f64;
    let bins = Coverage::new(
        frame::pixels(grid.height),
        (0..=fft_len / 2 + 1).map(|edge| grid.frequency.position((edge as f64 - 0.5) * bin_hz)),
    );
    let frame_edge = |edge: usize| (edge as f64 - 0.5) * hop_len as f64 / len as f64;
    let times = Coverage::new(columns, (0..=frames).map(frame_edge));

    let window: Vec<f32> = (0..fft_len)
        .map(|n| {
            (std::f64::consts::PI * (n as f64 + 0.5) / fft_len as f64)
                .sin()
                .powi(2) as f32
        })
        .collect();
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(fft_len);
    let (mut windowed, mut spectrum) = (fft.make_input_vec(), fft.make_output_vec());
    let mut scratch = fft.make_scratch_vec();
    let mut magnitude = Array1::<f32>::zeros(fft_len / 2 + 1);
    let mut pixels = AreaMean::new(&bins, &times);
    for frame in 0..frames {
        magnitude.fill(0.0);
        for channel in samples.rows() {
            // Centred on its time; silence before the start and after the end.
            let start = (frame * hop_len).saturating_sub(fft_len / 2);
            let end = (frame * hop_len + fft_len / 2).min(len);
            let before = (fft_len / 2).saturating_sub(frame * hop_len);
            windowed.fill(0.0);
            let part = channel.slice(ndarray::s![start..end.max(start)]);
            for ((value, weight), sample) in windowed[before..]
                .iter_mut()
                .zip(&window[before..])
                .zip(part)
            {
                *value = weight * sample;
            }
            fft.process_with_scratch(&mut windowed, &mut spectrum, &mut scratch)
                .map_err(|error| Error::Encode {
                    reason: error.to_string(),
                })?;
            for (sum, bin) in magnitude.iter_mut().zip(&spectrum) {
                // Not `norm`: `hypot` guards against overflow that samples cannot reach, slowly.
                *sum += bin.norm_sqr().sqrt() / channels as f32;
            }
        }
        pixels.add_frame(frame, &magnitude.view());
    }
    Ok(pixels.into_pixels())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(sample_rate: u32) -> Grid {
        let fft_len = fft_len(sample_rate);
        let frequency = Axis::frequency(sample_rate, fft_len);
        Grid {
            width: 400.0,
            height: 100.0,
            fft_len,
            frequency,
            sample_rate,
        }
    }

    #[test]
    fn the_window_is_about_46_ms() {
        let cases = [
            (8_000, 512),
            (44_100, 2048),
            (48_000, 2048),
            (96_000, 4096),
            (1, 16),
        ];
        for (rate, expected) in cases {
            assert_eq!(fft_len(rate), expected, "{rate} Hz");
        }
    }

    #[test]
    fn a_tone_is_drawn_at_its_frequency_and_time() {
        let (rate, hz) = (16_000, 1_000.0);
        let grid = grid(rate);
        // One second, the tone in its second half.
        let samples = Array2::from_shape_fn((2, 16_000), |(_, n)| {
            let angle = std::f32::consts::TAU * hz * n as f32 / rate as f32;
            if n >= 8_000 { 0.5 * angle.sin() } else { 0.0 }
        });
        let track = Track::new(&samples.view(), &grid).unwrap();
        let (rows, columns) = track.magnitudes.dim();
        let column = track.magnitudes.column(columns * 3 / 4);
        let loudest = (0..rows)
            .max_by(|a, b| column[*a].total_cmp(&column[*b]))
            .unwrap();
        let expected = grid.frequency.position(1_000.0) * rows as f64;
        assert!(
            (loudest as f64 - expected).abs() <= 1.5,
            "row {loudest}, expected {expected}"
        );
        assert!(track.magnitudes[[loudest, columns / 4]] < 1e-6 * column[loudest]);
        assert!((track.sample_peak - 0.5).abs() < 1e-3);
    }

    #[test]
    fn opposite_channels_do_not_cancel() {
        let samples = Array2::from_shape_fn((2, 4_000), |(channel, n)| {
            (n as f32 * 0.5).sin() * if channel == 0 { 1.0 } else { -1.0 }
        });
        let track = Track::new(&samples.view(), &grid(8_000)).unwrap();
        assert!(track.magnitude_peak > 1.0);
    }
}
