//! A stem that another program separated comes in; how much of every bin it gives to its source goes out, as far as
//! that can be believed.

use std::ops::Range;

use ndarray::{Array2, Axis};

use super::LEAST;
use crate::{Audio, Error, Stft};

/// How firm a stem is unless said otherwise.
pub const STEM_STRENGTH: f32 = 1.0;

/// A source's stem by another program, as long as the recording.
#[derive(Debug, Clone, PartialEq)]
pub struct HintedStem {
    /// The source's name.
    pub source: String,
    /// The stem.
    pub audio: Audio,
    /// How much it counts, 0 to 4: 0 is nothing, 1 as it is.
    pub strength: f32,
}

impl HintedStem {
    /// Whether it is as long as the recording, and its strength one that is allowed.
    pub(super) fn check(&self, recording: &Audio) -> Result<(), Error> {
        if !(0.0..=4.0).contains(&self.strength) {
            return Err(Error::config("hint.strength", self.strength, "from 0 to 4"));
        }
        let shape = |audio: &Audio| vec![audio.len_samples(), audio.sample_rate() as usize];
        if shape(&self.audio) != shape(recording) {
            return Err(Error::Shape {
                what: "the hinted stem (samples, rate)",
                expected: shape(recording),
                actual: shape(&self.audio),
            });
        }
        Ok(())
    }
}

/// How far a hinted stem is believed, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    /// The source's name.
    pub source: String,
    /// Whether the stem is part of the recording, 0 to 1: where it is, their phases agree.
    pub part: f32,
    /// How often a bin that is heard as the source's has a larger share in the stem than one that is heard as another's:
    /// 1 always, 0.5 by chance, 0 never. None before it was compared with anything.
    pub agreement: Option<f32>,
    /// The stem's share where the source is silent and where it is alone: 0 and 1 if nothing leaks.
    pub range: [f32; 2],
}

impl Trust {
    /// How much of its strength the stem keeps, 0 to 1.
    #[must_use]
    pub fn overall(&self) -> f32 {
        let agrees = self.agreement.map_or(1.0, |agreement| {
            ((agreement - NO_AGREEMENT) / (AGREEMENT - NO_AGREEMENT)).clamp(0.0, 1.0)
        });
        self.part * agrees
    }
}

/// An agreement that says nothing: a little above chance.
const NO_AGREEMENT: f32 = 0.55;

/// An agreement that is believed entirely.
const AGREEMENT: f32 = 0.65;

/// Frames that are transformed at a time.
const BLOCK_FRAMES: usize = 256;

/// Shares are stored in so many steps.
const STEPS: f32 = 65_535.0;

/// Claims are looked up in a table of so many.
const TABLE: usize = 1024;

/// Levels of what is heard, and of what a stem says, that are compared.
const HEARD: usize = 64;
const SAID: usize = 256;

/// The share of the loudness that is surely the source's, or surely not: a quarter at either end.
const SURE: f64 = 0.25;

/// What one stem takes of a recording.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) source: usize,
    /// `(frames, bins)`, in [`STEPS`].
    shares: Vec<u16>,
    /// For every share: what the source and what the others may claim; none where the stem says nothing.
    table: Vec<[f32; 2]>,
    strength: f32,
    pub(super) trust: Trust,
}

impl Evidence {
    /// Its share of a bin is that of the stem S in the recording X, where both point the same way:
    ///
    /// ```text
    /// share = Re(S · conj(X)) / |X|²,   from 0 to 1
    /// ```
    ///
    /// For a stem that is a mask times the recording, it is the mask.
    pub(super) fn new(
        source: usize,
        stem: &HintedStem,
        recording: &Audio,
        stft: &Stft,
        frames: usize,
    ) -> Result<Self, Error> {
        stem.check(recording)?;
        let (said, recording) = (downmixed(&stem.audio)?, downmixed(recording)?);
        let mut shares = Vec::with_capacity(frames * stft.bins());
        let (mut agreement, mut most) = (0.0_f64, 0.0_f64);
        for start in (0..frames).step_by(BLOCK_FRAMES) {
            let block = start..(start + BLOCK_FRAMES).min(frames);
            let part = stft.forward_block(&said, block.clone());
            let whole = stft.forward_block(&recording, block);
            for (&s, &x) in part.channel_rows(0).iter().zip(whole.channel_rows(0)) {
                let along = (s * x.conj()).re;
                let power = x.norm_sqr();
                let share = if power > 0.0 { along / power } else { 0.5 };
                shares.push((share.clamp(0.0, 1.0) * STEPS).round() as u16);
                agreement += f64::from(along);
                most += f64::from(s.norm()) * f64::from(x.norm());
            }
        }
        let agreement = if most > 0.0 { agreement / most } else { 0.0 };
        let mut evidence = Self {
            source,
            shares,
            table: Vec::new(),
            strength: stem.strength,
            trust: Trust {
                source: stem.source.clone(),
                part: part(agreement),
                agreement: None,
                range: [0.0, 1.0],
            },
        };
        evidence.tabulate();
        Ok(evidence)
    }

    /// Whether it says nothing.
    pub(super) fn is_mute(&self) -> bool {
        self.table.is_empty()
    }

    /// How much of what is heard without it still counts beside it.
    pub(super) fn weight(&self) -> f32 {
        self.strength.min(1.0) * self.trust.overall()
    }

    /// Write what the source and the others may claim.
    fn tabulate(&mut self) {
        self.table.clear();
        let power = self.strength * self.trust.overall();
        if power <= 0.0 {
            self.shares = Vec::new();
            return;
        }
        let [low, high] = self.trust.range;
        self.table = (0..TABLE)
            .map(|at| {
                let share = (at as f32 + 0.5) / TABLE as f32;
                let share = ((share - low) / (high - low)).clamp(0.0, 1.0);
                let largest = share.max(1.0 - share);
                let claim = |share: f32| (share / largest).powf(power).max(LEAST);
                [claim(share), claim(1.0 - share)]
            })
            .collect();
    }

    /// Multiply claims of some frames, `(sources, frames, bins)`.
    pub(super) fn claim(&self, frames: Range<usize>, bins: usize, claims: &mut [f32]) {
        let shares = &self.shares[frames.start * bins..frames.end * bins];
        for (source, claims) in claims.chunks_exact_mut(shares.len()).enumerate() {
            let side = usize::from(source != self.source);
            for (claim, &share) in claims.iter_mut().zip(shares) {
                *claim *= self.table[(usize::from(share) * TABLE) >> 16][side];
            }
        }
    }
}

/// What is heard of the recording beside what its stems say: a histogram of loudness for each of them.
#[derive(Debug)]
pub(super) struct Comparison(Vec<Array2<f64>>);

impl Comparison {
    pub(super) fn new(stems: &[Evidence]) -> Self {
        Self(stems.iter().map(|_| Array2::zeros((HEARD, SAID))).collect())
    }

    /// Add some frames: what is heard as each source, `(sources, frames, bins)`, and how loud the recording is there.
    pub(super) fn add(
        &mut self,
        stems: &[Evidence],
        frames: &Range<usize>,
        heard: &[f32],
        loudness: &[f32],
    ) {
        for (stem, histogram) in stems.iter().zip(&mut self.0) {
            if stem.is_mute() {
                continue;
            }
            let bins = loudness.len() / frames.len();
            let said = &stem.shares[frames.start * bins..frames.end * bins];
            let heard = &heard[stem.source * loudness.len()..][..loudness.len()];
            for ((&heard, &said), &loudness) in heard.iter().zip(said).zip(loudness) {
                let row = ((heard * HEARD as f32) as usize).min(HEARD - 1);
                histogram[[row, (usize::from(said) * SAID) >> 16]] += f64::from(loudness);
            }
        }
    }

    /// Believe each stem as far as it agrees with what is heard, and take out what leaks.
    pub(super) fn conclude(&self, stems: &mut [Evidence]) {
        for (stem, histogram) in stems.iter_mut().zip(&self.0) {
            let total = histogram.sum();
            if stem.is_mute() || total <= 0.0 {
                continue;
            }
            let rows: Vec<_> = histogram.outer_iter().map(|row| row.to_owned()).collect();
            let others = surest(rows.iter(), SURE * total);
            let own = surest(rows.iter().rev(), SURE * total);
            let mut below = 0.0;
            let mut above = 0.0;
            for (own, others) in own.iter().zip(&others) {
                above += own * (below + 0.5 * others);
                below += others;
            }
            let pairs = own.iter().sum::<f64>() * below;
            stem.trust.agreement = (pairs > 0.0).then(|| (above / pairs) as f32);
            let range = [quantile(&others, 0.25), quantile(&own, 0.75)];
            if range[1] - range[0] > 1.5 / SAID as f32 {
                stem.trust.range = range;
            }
            stem.tabulate();
        }
    }
}

/// What the stem says in the first rows, up to a loudness.
fn surest<'a>(rows: impl Iterator<Item = &'a ndarray::Array1<f64>>, loudness: f64) -> Vec<f64> {
    let mut sum = vec![0.0; SAID];
    let mut left = loudness;
    for row in rows {
        let here = row.sum();
        if here <= 0.0 {
            continue;
        }
        let share = (left / here).min(1.0);
        sum.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += share * value);
        left -= here;
        if left <= 0.0 {
            break;
        }
    }
    sum
}

/// The share below which so much of the loudness lies.
fn quantile(loudness: &[f64], share: f64) -> f32 {
    let wanted = share * loudness.iter().sum::<f64>();
    let mut sum = 0.0;
    for (at, value) in loudness.iter().enumerate() {
        if sum + value >= wanted && *value > 0.0 {
            let inside = ((wanted - sum) / value) as f32;
            return (at as f32 + inside) / SAID as f32;
        }
        sum += value;
    }
    1.0
}

/// The mean of the channels.
fn downmixed(audio: &Audio) -> Result<Audio, Error> {
    let mean = audio.samples().mean_axis(Axis(0));
    let mean = mean.expect("audio has at least one channel");
    Audio::new(mean.insert_axis(Axis(0)), audio.sample_rate())
}

/// How far a stem is part of the recording whose phases agree with the recording's so much: a part reaches at least a
/// half, anything else hardly differs from zero.
fn part(agreement: f64) -> f32 {
    const NONE: f64 = 0.1;
    const FULL: f64 = 0.4;
    ((agreement - NONE) / (FULL - NONE)).clamp(0.0, 1.0) as f32
}
