//! A span of samples comes in; every component's sound in it goes out.

use std::ops::Range;

use ndarray::{Array3, ArrayViewMut3, Axis, s};
use unbraid::sharing::Sharing;
use unbraid::stems::StemBlocks;
use unbraid::stft::Spectrum;
use unbraid::{Audio, Stft};

use crate::failure::Failure;

/// The stems of a recording in a span of it, `(stems, channels, samples)`: what rendering the whole
/// would give there.
///
/// Only frames that reach the span are made, so that any second costs the same.
pub(crate) fn render(
    audio: &Audio,
    sharing: &dyn Sharing,
    span: Range<usize>,
) -> Result<Array3<f32>, Failure> {
    let stft = sharing.stft().config();
    let margin = stft.window_len + stft.hop_len;
    // Cut at a frame's centre, so that the frames of the piece are frames of the whole.
    let first = span.start.saturating_sub(margin) / stft.hop_len;
    let start = first * stft.hop_len;
    let end = (span.end + margin).min(audio.len_samples());
    let samples = audio.samples().slice(s![.., start..end]).to_owned();
    let piece = Audio::new(samples, audio.sample_rate())?;
    let frames = sharing.stft().frames(piece.len_samples());
    let shared = Piece {
        whole: sharing,
        first,
        frames,
    };
    let mut out = Array3::zeros((sharing.sources(), audio.channels(), span.len()));
    let mut at = start;
    for block in StemBlocks::new(&piece, &shared)? {
        let len = block.len_of(Axis(2));
        let (from, to) = (at.max(span.start), (at + len).min(span.end));
        if from < to {
            out.slice_mut(s![.., .., from - span.start..to - span.start])
                .assign(&block.slice(s![.., .., from - at..to - at]));
        }
        at += len;
    }
    Ok(out)
}

/// Some frames of a longer recording's sharing.
#[derive(Debug)]
struct Piece<'a> {
    whole: &'a dyn Sharing,
    first: usize,
    frames: usize,
}

impl Sharing for Piece<'_> {
    fn stft(&self) -> &Stft {
        self.whole.stft()
    }

    fn sources(&self) -> usize {
        self.whole.sources()
    }

    fn channels(&self) -> usize {
        self.whole.channels()
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let frames = frames.start + self.first..frames.end + self.first;
        self.whole.share(spectrum, frames, channel, shares);
    }
}

#[cfg(test)]
mod tests {
    use unbraid::factorize::{FactorizeConfig, factorize};
    use unbraid::sharing::StemsConfig;
    use unbraid::testsignals::{drums_and_guitar, mix};

    use super::*;

    /// Sums of the same values in another order.
    const ROUNDING: f32 = 1e-6;

    #[test]
    fn a_span_sounds_as_it_does_in_the_whole() {
        let (drums, guitar) = drums_and_guitar(2.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let mut config = FactorizeConfig::default();
        config.blind.components = 5;
        config.blind.fit.iterations = 20;
        let factorization = factorize(&mixture, &config, &mut ()).unwrap();
        let members = vec![vec![0], vec![1, 4], vec![2, 3]];
        let stems = StemsConfig {
            residual: true,
            ..StemsConfig::default()
        };
        let whole: Vec<Audio> = factorization.stems(&mixture, &members, stems).unwrap();
        let sharing = factorization.sharing(&members, stems).unwrap();
        let len = mixture.len_samples();
        for span in [0..1000, 5000..8000, 12_345..13_000, len - 500..len, 0..len] {
            let part = render(&mixture, &sharing, span.clone()).unwrap();
            for (set, whole) in whole.iter().enumerate() {
                let expected = &whole.channel(0)[span.clone()];
                let worst = expected
                    .iter()
                    .zip(part.slice(s![set, 0, ..]))
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(
                    worst <= ROUNDING,
                    "stem {set} differs by {worst} in {span:?}"
                );
            }
        }
    }
}
