//! A recording comes in; its waveform and the tiles of its spectrogram go out.

use ndarray::Axis;
use rayon::prelude::*;
use unbraid::{Audio, Stft, StftConfig};

use crate::failure::Failure;
use crate::rows::{ROWS, Rows};

/// Columns of a tile.
pub(crate) const TILE: usize = 256;

/// A level of 255 is this many decibels; one step less is [`STEP_DB`] less.
pub(crate) const TOP_DB: f32 = 0.0;
pub(crate) const STEP_DB: f32 = 0.5;

/// Frames transformed at a time.
const BLOCK_FRAMES: usize = 256;

/// Columns of the waveform.
pub(crate) const WAVEFORM: usize = 4096;

/// The spectrogram at several widths, and the waveform.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) rows: Rows,
    pub(crate) frames: usize,
    pub(crate) hop_secs: f64,
    /// Levels in steps below full scale, `(columns × ROWS)` for every width; each has half the columns of the one before.
    levels: Vec<Vec<u8>>,
    /// Lowest and highest sample of every column, over all channels.
    pub(crate) waveform: Vec<(f32, f32)>,
    /// The loudest level, in decibels.
    pub(crate) peak_db: f32,
}

impl Picture {
    pub(crate) fn of(audio: &Audio) -> Result<Self, Failure> {
        let config = StftConfig::for_sample_rate(audio.sample_rate());
        let stft = Stft::new(config)?;
        let rows = Rows::new(audio.sample_rate(), config.fft_len);
        let frames = stft.frames(audio.len_samples());
        let mut finest = vec![0_u8; frames * ROWS];
        // A sine of full scale has this magnitude.
        let full = stft_gain(&stft);
        for start in (0..frames).step_by(BLOCK_FRAMES) {
            let block = start..(start + BLOCK_FRAMES).min(frames);
            let spectrum = stft.forward_block(audio, block.clone());
            let view = spectrum.view();
            finest[block.start * ROWS..block.end * ROWS]
                .par_chunks_mut(ROWS)
                .enumerate()
                .for_each_init(
                    || (vec![0.0_f32; stft.bins()], vec![0.0_f32; ROWS]),
                    |(powers, values), (frame, out)| {
                        powers.fill(0.0);
                        for channel in view.axis_iter(Axis(0)) {
                            for (power, value) in powers.iter_mut().zip(channel.column(frame)) {
                                *power += value.norm_sqr();
                            }
                        }
                        rows.peaks(powers, values);
                        let scale = 1.0 / (full * full * view.len_of(Axis(0)) as f32);
                        for (out, value) in out.iter_mut().zip(values) {
                            *out = level(*value * scale);
                        }
                    },
                );
        }
        let peak = finest.iter().copied().max().unwrap_or(0);
        let mut levels = vec![finest];
        while levels[levels.len() - 1].len() > TILE * ROWS {
            let finer = &levels[levels.len() - 1];
            levels.push(halved(finer));
        }
        Ok(Self {
            rows,
            frames,
            hop_secs: config.hop_len as f64 / f64::from(audio.sample_rate()),
            levels,
            waveform: waveform(audio),
            peak_db: TOP_DB - STEP_DB * f32::from(255 - peak),
        })
    }

    /// The number of widths.
    pub(crate) fn widths(&self) -> usize {
        self.levels.len()
    }

    /// One tile, column after column, each from the lowest frequency up; columns behind the end are
    /// zero.
    pub(crate) fn tile(&self, width: usize, index: usize) -> Option<Vec<u8>> {
        let level = self.levels.get(width)?;
        let start = index
            .checked_mul(TILE * ROWS)
            .filter(|&at| at < level.len())?;
        let end = (start + TILE * ROWS).min(level.len());
        let mut tile = level[start..end].to_vec();
        tile.resize(TILE * ROWS, 0);
        Some(tile)
    }
}

/// The magnitude that a full-scale sine has in its bin: half the sum of the window.
fn stft_gain(stft: &Stft) -> f32 {
    let len = stft.config().window_len;
    let ones = ndarray::Array2::ones((1, 2 * len));
    // Frame in the middle of a constant: bin 0 holds the whole sum.
    let Ok(audio) = Audio::new(ones, 1) else {
        return 1.0;
    };
    let frame = len / stft.config().hop_len;
    0.5 * stft.forward_block(&audio, frame..frame + 1).view()[[0, 0, 0]].norm()
}

fn level(power: f32) -> u8 {
    if power <= 0.0 {
        return 0;
    }
    let steps = (10.0 * power.log10() - TOP_DB) / STEP_DB;
    // A float out of range saturates.
    (255.0 + steps).round() as u8
}

/// Half the columns: the louder of every two, so that a click stays visible at any width.
fn halved(finer: &[u8]) -> Vec<u8> {
    finer
        .par_chunks(2 * ROWS)
        .flat_map_iter(|pair| {
            let (left, right) = pair.split_at(ROWS);
            (0..ROWS).map(move |row| left[row].max(right.get(row).copied().unwrap_or(0)))
        })
        .collect()
}

fn waveform(audio: &Audio) -> Vec<(f32, f32)> {
    let len = audio.len_samples();
    let columns = WAVEFORM.min(len);
    (0..columns)
        .into_par_iter()
        .map(|column| {
            let (start, end) = (column * len / columns, (column + 1) * len / columns);
            let mut bounds = (0.0_f32, 0.0_f32);
            for channel in 0..audio.channels() {
                for &sample in &audio.channel(channel)[start..end] {
                    bounds = (bounds.0.min(sample), bounds.1.max(sample));
                }
            }
            bounds
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, secs: f32) -> Audio {
        let samples = ndarray::Array2::from_shape_fn((2, (secs * 44_100.0) as usize), |(_, n)| {
            (std::f32::consts::TAU * hz * n as f32 / 44_100.0).sin()
        });
        Audio::new(samples, 44_100).unwrap()
    }

    #[test]
    fn a_full_scale_sine_is_at_zero_decibels_at_every_width() {
        let picture = Picture::of(&sine(1000.0, 12.0)).unwrap();
        assert!(picture.peak_db.abs() <= 1.5, "{}", picture.peak_db);
        assert!(picture.widths() >= 2);
        for width in 0..picture.widths() {
            let tile = picture.tile(width, 0).unwrap();
            let column = &tile[20 * ROWS..21 * ROWS];
            let row = (0..ROWS).max_by_key(|&row| column[row]).unwrap();
            let octaves = (picture.rows.high_hz / picture.rows.low_hz).log2();
            let expected = (1000.0 / picture.rows.low_hz).log2() / octaves * ROWS as f64;
            assert!((row as f64 - expected).abs() < 3.0, "{row} for {expected}");
        }
    }

    #[test]
    fn tiles_end_where_the_recording_ends() {
        let picture = Picture::of(&sine(440.0, 1.0)).unwrap();
        assert_eq!(picture.widths(), 1);
        assert!(picture.tile(0, 1).is_none() && picture.tile(9, 0).is_none());
        assert!(picture.tile(0, usize::MAX).is_none());
        assert!(
            picture.tile(0, 0).unwrap()[picture.frames * ROWS..]
                .iter()
                .all(|&level| level == 0)
        );
        assert!(picture.waveform.iter().any(|&(_, high)| high > 0.9));
    }
}
