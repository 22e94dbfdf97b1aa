//! A way of sharing a recording out comes in; masks of eight bits go out.

use std::f32::consts::PI;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use ndarray::{Array3, ArrayView2, Axis, s};
use unbraid::Audio;
use unbraid::sharing::Sharing;

/// Frames shared out at a time.
const BLOCK: usize = 64;

/// Shares above this apart are other masks, and not another order of additions.
const SAME: f32 = 1e-3;

/// Every source's mask in steps; the last one's is what the others leave.
///
/// ```text
/// share = sin²(π/2 · level / 255)
/// ```
///
/// Steps are finest near 0 and 1, where the ear hears them: the first is at −88 dB.
#[derive(Debug)]
pub(super) struct Masks {
    /// `(channel, source) → (frames, bins)`, all sources but the last.
    levels: Vec<Vec<u8>>,
    channels: usize,
    bins: usize,
}

impl Masks {
    pub(super) fn of(audio: &Audio, sharing: &dyn Sharing) -> Self {
        let (channels, bins) = (sharing.channels().min(2), sharing.stft().bins());
        let kept = sharing.sources() - 1;
        let mut levels = vec![Vec::with_capacity(sharing.frames() * bins); channels * kept];
        each_block(audio, sharing, |channel, shares| {
            for source in 0..kept {
                let rows = shares.index_axis(Axis(0), source);
                levels[channel * kept + source].extend(rows.iter().map(|&share| level(share)));
            }
        });
        Self {
            levels,
            channels,
            bins,
        }
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Whether another way of sharing gives the same masks.
    pub(super) fn are_of(&self, audio: &Audio, other: &dyn Sharing) -> bool {
        let same_grid = other.stft().bins() == self.bins
            && other.channels().min(2) == self.channels
            && self
                .levels
                .iter()
                .all(|levels| levels.len() == other.frames() * self.bins)
            && (other.sources() - 1) * self.channels == self.levels.len();
        if !same_grid {
            return false;
        }
        let mut worst = 0.0_f32;
        let kept = other.sources() - 1;
        let mut at = vec![0; self.channels];
        each_block(audio, other, |channel, shares| {
            let block = shares.len_of(Axis(1)) * self.bins;
            for source in 0..kept {
                let mine = &self.levels[channel * kept + source][at[channel]..at[channel] + block];
                let theirs: ArrayView2<'_, f32> = shares.index_axis(Axis(0), source);
                for (&mine, &theirs) in mine.iter().zip(theirs) {
                    let step = share(level(theirs).saturating_add(1)) - share(level(theirs));
                    worst = worst.max((share(mine) - theirs).abs() - step);
                }
            }
            at[channel] += block;
        });
        worst < SAME
    }

    /// Source after source, frame after frame, compressed (zlib).
    pub(super) fn packed(&self) -> Vec<u8> {
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
        for levels in &self.levels {
            packer.write_all(levels).expect("a vector takes everything");
        }
        packer.finish().expect("a vector takes everything")
    }
}

/// Ask for the shares of every block of every channel, at most two: `(sources, frames, bins)`.
fn each_block(audio: &Audio, sharing: &dyn Sharing, mut see: impl FnMut(usize, &Array3<f32>)) {
    let (frames, stft) = (sharing.frames(), sharing.stft());
    for start in (0..frames).step_by(BLOCK) {
        let block = start..(start + BLOCK).min(frames);
        let spectrum = stft.forward_block(audio, block.clone());
        for channel in 0..sharing.channels().min(2) {
            let mut shares = Array3::zeros((sharing.sources(), block.len(), stft.bins()));
            let mut view = shares.slice_mut(s![.., .., ..]);
            sharing.share(&spectrum, block.clone(), channel, &mut view);
            see(channel, &shares);
        }
    }
}

fn level(share: f32) -> u8 {
    let angle = share.clamp(0.0, 1.0).sqrt().asin();
    (255.0 * 2.0 / PI * angle).round() as u8
}

fn share(level: u8) -> f32 {
    (PI / 2.0 * f32::from(level) / 255.0).sin().powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_fine_at_the_ends_and_come_back() {
        for step in 0..=255 {
            assert_eq!(level(share(step)), step);
        }
        assert!(share(1) < 1e-4 && share(254) > 1.0 - 1e-4);
        assert_eq!((level(0.0), level(1.0), level(1.5)), (0, 255, 255));
    }
}
