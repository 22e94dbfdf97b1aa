//! A recording and a mask come in; the recording through the mask goes out, or the mask under another transform.

use ndarray::{Array2, Axis};

use crate::stft::OverlapAdd;
use crate::{Audio, Error, Stft};

/// Frames that are worked on at a time.
const BLOCK_FRAMES: usize = 256;

/// The type of a bin.
type Bin = realfft::num_complex::Complex<f32>;

/// The mean of the channels.
pub(super) fn mono(audio: &Audio) -> Result<Audio, Error> {
    let mean = audio.samples().mean_axis(Axis(0));
    let mean = mean.expect("audio has at least one channel");
    Audio::new(mean.insert_axis(Axis(0)), audio.sample_rate())
}

/// One channel through a mask of its lowest bins, `(frames, bins)`; the bins above are `above`.
pub(super) fn through(
    mono: &Audio,
    stft: &Stft,
    mask: &Array2<f32>,
    above: f32,
) -> Result<Audio, Error> {
    let (frames, bins) = (mask.nrows(), stft.bins());
    let mut overlap = OverlapAdd::new(stft, mono.len_samples());
    let mut samples = Vec::with_capacity(mono.len_samples());
    for start in (0..frames).step_by(BLOCK_FRAMES) {
        let block = start..(start + BLOCK_FRAMES).min(frames);
        let spectrum = stft.forward_block(mono, block.clone());
        let mut weights = vec![above; block.len() * bins];
        for (weights, mask) in weights
            .chunks_exact_mut(bins)
            .zip(mask.outer_iter().skip(start))
        {
            weights.iter_mut().zip(mask).for_each(|(out, x)| *out = *x);
        }
        samples.extend_from_slice(overlap.push_weighted(spectrum.channel_rows(0), &weights));
    }
    let shape = (1, samples.len());
    let samples = Array2::from_shape_vec(shape, samples).expect("one row of all samples");
    Audio::new(samples, mono.sample_rate())
}

/// What `of` says of every bin of a part and of the whole, both of one channel: `(frames, bins)`, the lowest `bins`.
fn compared(
    part: &Audio,
    whole: &Audio,
    stft: &Stft,
    bins: usize,
    of: impl Fn(Bin, Bin) -> f32,
) -> Array2<f32> {
    let frames = stft.frames(whole.len_samples());
    let mut out = Array2::zeros((frames, bins));
    for start in (0..frames).step_by(BLOCK_FRAMES) {
        let block = start..(start + BLOCK_FRAMES).min(frames);
        let part = stft.forward_block(part, block.clone());
        let whole = stft.forward_block(whole, block.clone());
        let rows = part
            .channel_rows(0)
            .chunks_exact(stft.bins())
            .zip(whole.channel_rows(0).chunks_exact(stft.bins()));
        for (frame, (part, whole)) in block.zip(rows) {
            for ((out, s), x) in out.row_mut(frame).iter_mut().zip(part).zip(whole) {
                *out = of(*s, *x);
            }
        }
    }
    out
}

/// The magnitude's share that a part has of every bin: `|S| / (|S| + |X − S|)`.
pub(super) fn share_of(
    part: &Audio,
    whole: &Audio,
    stft: &Stft,
    bins: usize,
) -> Result<Array2<f32>, Error> {
    Ok(compared(&mono(part)?, &mono(whole)?, stft, bins, |s, x| {
        let (inside, outside) = (s.norm(), (x - s).norm());
        inside / (inside + outside).max(f32::MIN_POSITIVE)
    }))
}

/// The mask that comes nearest to a part: the real gain from 0 to 1 that leaves the least of it, `Re(S X*) / |X|²`.
pub(super) fn gain_of(part: &Audio, whole: &Audio, stft: &Stft, bins: usize) -> Array2<f32> {
    compared(part, whole, stft, bins, |s, x| {
        ((s * x.conj()).re / x.norm_sqr().max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)
    })
}
