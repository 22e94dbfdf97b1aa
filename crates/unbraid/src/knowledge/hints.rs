//! Regions drawn by a person and stems of another separator come in; for blocks of frames, what each source may
//! claim of every bin goes out.
//!
//! A claim is relative: the strongest source of a bin has 1, the others what the hints leave them. Where nothing is
//! said, everybody has 1, and nothing changes.

use std::ops::Range;

use ndarray::{Array2, Axis, s};
use serde::{Deserialize, Serialize};

use crate::model::LowRank;
use crate::{Audio, Error, Stft};

/// What a hint leaves to a source at least: a hint can be wrong, and a claim of zero could never be taken back.
const LEAST: f32 = 1e-4;

/// How firm a person's region is unless said otherwise: the other sources keep a tenth of their claim.
pub const REGION_STRENGTH: f32 = 0.9;

/// How firm a stem is unless said otherwise: its shares count as they are.
pub const STEM_STRENGTH: f32 = 1.0;

/// Regions of a recording where a person says a source is.
///
/// # Examples
///
/// ```
/// use unbraid::knowledge::hints::{Area, Regions};
///
/// let regions = Regions {
///     boxes: vec![Area { source: "voice".into(), strength: 0.9, secs: [1.0, 2.5], hz: [200.0, 3000.0] }],
///     strokes: vec![],
/// };
/// assert_eq!(regions.sources(), ["voice"]);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regions {
    /// Rectangles.
    pub boxes: Vec<Area>,
    /// Lines drawn with a brush.
    pub strokes: Vec<Stroke>,
}

/// A rectangle of a recording's spectrogram that belongs to a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// The source's name.
    pub source: String,
    /// What the hint takes from every other source there: 0 is nothing, 1 nearly all.
    #[serde(default = "region_strength")]
    pub strength: f32,
    /// From and to, in seconds.
    pub secs: [f64; 2],
    /// From and to, in Hz.
    pub hz: [f64; 2],
}

/// A line over a recording's spectrogram, drawn with a brush, that belongs to a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stroke {
    /// The source's name.
    pub source: String,
    /// As [`Area::strength`].
    #[serde(default = "region_strength")]
    pub strength: f32,
    /// The corners of the line: seconds and Hz.
    pub points: Vec<[f64; 2]>,
    /// How wide the brush is, in seconds and in Hz.
    pub width: [f64; 2],
}

fn region_strength() -> f32 {
    REGION_STRENGTH
}

impl Regions {
    /// The sources that are named, each once, in order.
    #[must_use]
    pub fn sources(&self) -> Vec<&str> {
        let boxes = self.boxes.iter().map(|area| area.source.as_str());
        let strokes = self.strokes.iter().map(|stroke| stroke.source.as_str());
        let mut names: Vec<&str> = Vec::new();
        for name in boxes.chain(strokes) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether nothing was drawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty() && self.strokes.is_empty()
    }
}

/// The frames and bins that hints are for.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    /// The transform.
    pub stft: &'a Stft,
    /// The sample rate of the recording in Hz.
    pub sample_rate: u32,
    /// The number of frames.
    pub frames: usize,
}

/// Everything that was hinted about the sources of one recording.
///
/// Memory is one byte per bin and frame for each hinted stem, and nothing to speak of for regions.
///
/// # Examples
///
/// ```
/// use unbraid::knowledge::hints::{Area, Grid, Hints, Regions};
/// use unbraid::{Stft, StftConfig};
///
/// let stft = Stft::new(StftConfig::with_fft_len(256))?;
/// let grid = Grid { stft: &stft, sample_rate: 8000, frames: 100 };
/// let area = Area { source: "voice".into(), strength: 0.9, secs: [0.0, 0.1], hz: [0.0, 1000.0] };
/// let regions = Regions { boxes: vec![area], strokes: vec![] };
/// let hints = Hints::new(grid, &["voice", "piano"])?.with_regions(&regions)?;
/// let mut claims = vec![0.0; 2 * 129];
/// assert!(hints.claims(3..4, &mut claims));
/// assert_eq!(claims[0], 1.0); // the voice at 0 Hz
/// assert!((claims[129] - 0.1).abs() < 1e-6); // the piano
/// assert!(!hints.claims(99..100, &mut claims)); // nothing was said of the end
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - N. J. Bryan, G. J. Mysore, *An efficient posterior regularized latent variable model for interactive sound
///   source separation*, ICML 2013: what a person paints weights the posteriors of the sources.
/// - A. Lefèvre, F. Bach, C. Févotte, *Semi-supervised NMF with time-frequency annotations for single-channel
///   source separation*, ISMIR 2012.
#[derive(Debug, Clone)]
pub struct Hints {
    names: Vec<String>,
    bins: usize,
    times_secs: Vec<f64>,
    frequencies_hz: Vec<f64>,
    patches: Vec<Patch>,
    stems: Vec<Leaning>,
    /// Whether anything is said of a frame.
    touched: Vec<bool>,
}

/// A rectangle in frames and bins.
#[derive(Debug, Clone)]
struct Patch {
    source: usize,
    frames: Range<usize>,
    bins: Range<usize>,
    /// What the others keep.
    rest: f32,
}

/// What one stem takes of a recording.
#[derive(Debug, Clone)]
struct Leaning {
    source: usize,
    /// `(frames, bins)`: the share in 1/255.
    shares: Vec<u8>,
    /// For every share: what the source and what the others may claim.
    claims: Vec<[f32; 2]>,
    trust: f32,
}

impl Hints {
    /// No hints yet, for sources of these names.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if there is no source.
    pub fn new<S: AsRef<str>>(grid: Grid<'_>, sources: &[S]) -> Result<Self, Error> {
        if sources.is_empty() {
            return Err(Error::config("sources", "empty", "at least one source"));
        }
        Ok(Self {
            names: sources
                .iter()
                .map(|name| name.as_ref().to_owned())
                .collect(),
            bins: grid.stft.bins(),
            times_secs: grid.stft.times_secs(grid.frames, grid.sample_rate),
            frequencies_hz: grid.stft.frequencies_hz(grid.sample_rate),
            patches: Vec::new(),
            stems: Vec::new(),
            touched: vec![false; grid.frames],
        })
    }

    /// Add what a person drew.
    ///
    /// What lies outside of the recording says nothing. A region smaller than a bin counts for the nearest.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an unknown source, a strength beyond 0 to 1, or a number that is no time or frequency.
    pub fn with_regions(mut self, regions: &Regions) -> Result<Self, Error> {
        for area in &regions.boxes {
            let source = self.source("regions", &area.source)?;
            let rest = rest(area.strength)?;
            self.add_patch(source, area.secs, area.hz, rest)?;
        }
        for stroke in &regions.strokes {
            let source = self.source("regions", &stroke.source)?;
            let rest = rest(stroke.strength)?;
            self.add_stroke(source, stroke, rest)?;
        }
        Ok(self)
    }

    /// Add a stem that another program separated from the recording, as long as the recording.
    ///
    /// Its share of a bin is `|S| / (|S| + |X − S|)` for the recording X. It is trusted as far as it has to do with the
    /// recording at all: where S is part of X their phases agree, and a stem of something else says nothing.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] for an unknown source or a strength that is not from 0 to 4.
    /// - [`Error::Shape`] if it is not as long as the recording.
    pub fn with_stem(
        mut self,
        source: &str,
        stem: &Audio,
        recording: &Audio,
        stft: &Stft,
        strength: f32,
    ) -> Result<Self, Error> {
        let source = self.source("hint", source)?;
        if !(0.0..=4.0).contains(&strength) {
            return Err(Error::config("hint.strength", strength, "from 0 to 4"));
        }
        let shape = |audio: &Audio| vec![audio.len_samples(), audio.sample_rate() as usize];
        if shape(stem) != shape(recording) {
            return Err(Error::Shape {
                what: "the hinted stem (samples, rate)",
                expected: shape(recording),
                actual: shape(stem),
            });
        }
        let (stem, recording) = (downmixed(stem)?, downmixed(recording)?);
        let frames = self.touched.len();
        let mut shares = Vec::with_capacity(frames * self.bins);
        let (mut agreement, mut most) = (0.0_f64, 0.0_f64);
        for start in (0..frames).step_by(BLOCK_FRAMES) {
            let block = start..(start + BLOCK_FRAMES).min(frames);
            let part = stft.forward_block(&stem, block.clone());
            let whole = stft.forward_block(&recording, block);
            for (&s, &x) in part.channel_rows(0).iter().zip(whole.channel_rows(0)) {
                let (inside, outside) = (s.norm(), (x - s).norm());
                let share = if inside + outside > 0.0 {
                    inside / (inside + outside)
                } else {
                    0.5
                };
                shares.push((share * 255.0).round() as u8);
                agreement += f64::from((s * x.conj()).re);
                most += f64::from(inside) * f64::from(x.norm());
            }
        }
        let agreement = if most > 0.0 { agreement / most } else { 0.0 };
        let trust = trust(agreement);
        let power = strength * trust;
        if power <= 0.0 {
            // A stem that says nothing is none, so that it changes no bit.
            self.stems.push(Leaning {
                source,
                shares: Vec::new(),
                claims: Vec::new(),
                trust,
            });
            return Ok(self);
        }
        let claims = (0..=255_u8)
            .map(|share| {
                let share = f32::from(share) / 255.0;
                let largest = share.max(1.0 - share);
                let claim = |share: f32| (share / largest).powf(power).max(LEAST);
                [claim(share), claim(1.0 - share)]
            })
            .collect();
        self.stems.push(Leaning {
            source,
            shares,
            claims,
            trust,
        });
        self.touched.fill(true);
        Ok(self)
    }

    /// How far each hinted stem is trusted, 0 to 1, with its source, in the order given.
    #[must_use]
    pub fn trust(&self) -> Vec<(&str, f32)> {
        let each = self.stems.iter();
        each.map(|stem| (self.names[stem.source].as_str(), stem.trust))
            .collect()
    }

    /// What a person drew, without the stems: sparse and firm enough to steer a fit.
    #[must_use]
    pub fn drawn(&self) -> Self {
        let mut drawn = Self {
            names: self.names.clone(),
            bins: self.bins,
            times_secs: self.times_secs.clone(),
            frequencies_hz: self.frequencies_hz.clone(),
            patches: self.patches.clone(),
            stems: Vec::new(),
            touched: vec![false; self.touched.len()],
        };
        for patch in &self.patches {
            drawn.touched[patch.frames.clone()].fill(true);
        }
        drawn
    }

    /// What the hints say of every component of a model: the mean logarithm of what each source may claim where it
    /// sounds, weighted by its loudness, `(components, sources)`; zeros where nothing is said.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the model has other bins or frames.
    pub fn leanings(&self, model: &LowRank) -> Result<Array2<f64>, Error> {
        let (expected, actual) = ([model.bins(), model.frames()], [self.bins, self.frames()]);
        if expected != actual {
            return Err(Error::Shape {
                what: "the hints (bins, frames)",
                expected: expected.to_vec(),
                actual: actual.to_vec(),
            });
        }
        let mut sums = Array2::<f64>::zeros((model.components(), self.sources()));
        for start in (0..self.frames()).step_by(LEAN_FRAMES) {
            let frames = start..(start + LEAN_FRAMES).min(self.frames());
            let mut claims = vec![1.0; self.sources() * frames.len() * self.bins];
            if !self.claims(frames.clone(), &mut claims) {
                continue;
            }
            let activations = model.activations();
            let rows = activations.slice(s![.., frames.clone()]);
            for (source, plane) in claims.chunks_exact(frames.len() * self.bins).enumerate() {
                let logs = plane.iter().map(|claim| claim.ln()).collect();
                let logs =
                    Array2::from_shape_vec((frames.len(), self.bins), logs).expect("frames × bins");
                // (frames, components): the mean over the template's bins.
                let means = logs.dot(&model.templates());
                for (k, row) in rows.outer_iter().enumerate() {
                    let products = row.iter().zip(means.column(k));
                    sums[[k, source]] += products.map(|(h, m)| f64::from(h * m)).sum::<f64>();
                }
            }
        }
        for (k, mut row) in sums.outer_iter_mut().enumerate() {
            let loudness = f64::from(model.templates().column(k).sum())
                * f64::from(model.activations().row(k).sum());
            if loudness > 0.0 {
                row /= loudness;
            }
        }
        Ok(sums)
    }

    /// The number of sources.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.names.len()
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.touched.len()
    }

    /// The number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Whether nothing is said anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.touched.contains(&true)
    }

    /// Write what each source may claim of the bins of some frames, `(sources, frames, bins)`; or return false, and leave
    /// `claims` alone, where nothing is said of any of them.
    ///
    /// # Panics
    ///
    /// If `claims` is not sources × frames × bins, or a frame does not exist.
    pub fn claims(&self, frames: Range<usize>, claims: &mut [f32]) -> bool {
        if !self.touched[frames.clone()].contains(&true) {
            return false;
        }
        let plane = frames.len() * self.bins;
        assert_eq!(
            claims.len(),
            self.names.len() * plane,
            "sources × frames × bins"
        );
        claims.fill(1.0);
        for stem in self.stems.iter().filter(|stem| !stem.shares.is_empty()) {
            let shares = &stem.shares[frames.start * self.bins..frames.end * self.bins];
            for (source, claims) in claims.chunks_exact_mut(plane).enumerate() {
                let side = usize::from(source != stem.source);
                for (claim, &share) in claims.iter_mut().zip(shares) {
                    *claim *= stem.claims[usize::from(share)][side];
                }
            }
        }
        let mut levelled = self.stems.len() < 2 && self.names.len() > 1;
        for patch in &self.patches {
            let first = patch.frames.start.max(frames.start);
            let end = patch.frames.end.min(frames.end);
            for frame in first..end {
                levelled = false;
                let row = (frame - frames.start) * self.bins;
                for (source, claims) in claims.chunks_exact_mut(plane).enumerate() {
                    if source != patch.source {
                        let row = &mut claims[row..row + self.bins];
                        row[patch.bins.clone()]
                            .iter_mut()
                            .for_each(|claim| *claim *= patch.rest);
                    }
                }
            }
        }
        if !levelled {
            self.level(claims, plane);
        }
        true
    }

    /// Give the strongest source of every bin a claim of one, and the others no less than [`LEAST`].
    fn level(&self, claims: &mut [f32], plane: usize) {
        for cell in 0..plane {
            let at = |source: usize| source * plane + cell;
            let largest =
                (0..self.names.len()).fold(0.0_f32, |most, source| most.max(claims[at(source)]));
            for source in 0..self.names.len() {
                let claim = &mut claims[at(source)];
                let relative = if largest > 0.0 { *claim / largest } else { 1.0 };
                *claim = relative.max(LEAST);
            }
        }
    }

    fn source(&self, field: &'static str, name: &str) -> Result<usize, Error> {
        let found = self.names.iter().position(|known| known == name);
        found.ok_or_else(|| {
            Error::config(
                field,
                format!("for `{name}`"),
                format!("for one of the sources {}", self.names.join(", ")),
            )
        })
    }

    fn add_patch(
        &mut self,
        source: usize,
        secs: [f64; 2],
        hz: [f64; 2],
        rest: f32,
    ) -> Result<(), Error> {
        for [from, to] in [secs, hz] {
            if !(from.is_finite() && to.is_finite() && from <= to) {
                return Err(Error::config(
                    "regions",
                    format!("from {from} to {to}"),
                    "from a number to one that is no smaller",
                ));
            }
        }
        let frames = span(&self.times_secs, secs);
        let bins = span(&self.frequencies_hz, hz);
        if rest < 1.0 && !bins.is_empty() {
            self.touched[frames.clone()].fill(true);
            self.patches.push(Patch {
                source,
                frames,
                bins,
                rest,
            });
        }
        Ok(())
    }

    /// A stroke is a patch per frame: the brush around the line there. Where it crosses itself it counts once.
    fn add_stroke(&mut self, source: usize, stroke: &Stroke, rest: f32) -> Result<(), Error> {
        let [wide_secs, wide_hz] = stroke.width;
        let numbers = stroke.points.iter().flatten().chain(&stroke.width);
        if let Some(number) = numbers.clone().find(|number| !number.is_finite()) {
            return Err(Error::config("regions", number, "finite numbers"));
        }
        if wide_secs < 0.0 || wide_hz < 0.0 || stroke.points.is_empty() {
            return Err(Error::config(
                "regions",
                format!(
                    "{} points, {wide_secs} s × {wide_hz} Hz wide",
                    stroke.points.len()
                ),
                "strokes of at least one point and a width of at least 0",
            ));
        }
        let reach = 0.5 * wide_secs;
        let mut covered: Vec<(usize, Range<usize>)> = Vec::new();
        let lines = stroke.points.windows(2).map(|pair| (pair[0], pair[1]));
        let dot = (stroke.points.len() == 1).then(|| (stroke.points[0], stroke.points[0]));
        for (from, to) in lines.chain(dot) {
            let (from, to) = if from[0] <= to[0] {
                (from, to)
            } else {
                (to, from)
            };
            for frame in span(&self.times_secs, [from[0] - reach, to[0] + reach]) {
                // The part of the line within the brush's reach of this frame.
                let time = self.times_secs[frame];
                let along = |secs: f64| {
                    let share = (secs - from[0]) / (to[0] - from[0]);
                    let share = if share.is_finite() {
                        share.clamp(0.0, 1.0)
                    } else {
                        0.0
                    };
                    from[1] + share * (to[1] - from[1])
                };
                let steep = to[0] - from[0] <= 0.0;
                let (a, b) = if steep {
                    (from[1], to[1])
                } else {
                    (along(time - reach), along(time + reach))
                };
                let hz = [a.min(b) - 0.5 * wide_hz, a.max(b) + 0.5 * wide_hz];
                let bins = span(&self.frequencies_hz, hz);
                if !bins.is_empty() {
                    covered.push((frame, bins));
                }
            }
        }
        covered.sort_by_key(|(frame, bins)| (*frame, bins.start));
        let mut joined: Vec<(usize, Range<usize>)> = Vec::new();
        for (frame, bins) in covered {
            match joined.last_mut() {
                Some((last, before)) if *last == frame && bins.start <= before.end => {
                    before.end = before.end.max(bins.end);
                }
                _ => joined.push((frame, bins)),
            }
        }
        if rest < 1.0 {
            for (frame, bins) in joined {
                self.touched[frame] = true;
                self.patches.push(Patch {
                    source,
                    frames: frame..frame + 1,
                    bins,
                    rest,
                });
            }
        }
        Ok(())
    }
}

/// The mean of the channels.
fn downmixed(audio: &Audio) -> Result<Audio, Error> {
    let mean = audio.samples().mean_axis(Axis(0));
    let mean = mean.expect("audio has at least one channel");
    Audio::new(mean.insert_axis(Axis(0)), audio.sample_rate())
}

/// Frames that are transformed at a time.
const BLOCK_FRAMES: usize = 256;

/// Frames whose claims are held at a time.
const LEAN_FRAMES: usize = 64;

/// What the other sources keep under a hint of this strength.
fn rest(strength: f32) -> Result<f32, Error> {
    if (0.0..=1.0).contains(&strength) {
        Ok((1.0 - strength).max(LEAST))
    } else {
        Err(Error::config("regions.strength", strength, "from 0 to 1"))
    }
}

/// How far a stem is trusted whose phases agree with the recording's so much: a part of the recording reaches at least a
/// half, anything else hardly differs from zero.
fn trust(agreement: f64) -> f32 {
    const NONE: f64 = 0.1;
    const FULL: f64 = 0.4;
    ((agreement - NONE) / (FULL - NONE)).clamp(0.0, 1.0) as f32
}

/// The points of a rising grid within a span; the nearest one if the span lies between two.
fn span(grid: &[f64], [from, to]: [f64; 2]) -> Range<usize> {
    let start = grid.partition_point(|&at| at < from);
    let end = grid.partition_point(|&at| at <= to);
    if start < end || start == grid.len() || end == 0 {
        return start..end;
    }
    let nearest = if grid[start] - to < from - grid[start - 1] {
        start
    } else {
        start - 1
    };
    nearest..nearest + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StftConfig;
    use crate::testsignals::{drums_and_guitar, mix, noise};

    const RATE: u32 = 8000;

    fn stft() -> Stft {
        Stft::new(StftConfig::with_fft_len(256)).unwrap()
    }

    fn hints(stft: &Stft, frames: usize) -> Hints {
        let grid = Grid {
            stft,
            sample_rate: RATE,
            frames,
        };
        Hints::new(grid, &["drums", "guitar"]).unwrap()
    }

    fn stroke(points: &[[f64; 2]], width: [f64; 2]) -> Regions {
        Regions {
            boxes: Vec::new(),
            strokes: vec![Stroke {
                source: "guitar".into(),
                strength: 0.9,
                points: points.to_vec(),
                width,
            }],
        }
    }

    /// The bins that drums may no longer claim, as `(frame, bin)`.
    fn taken(hints: &Hints) -> Vec<(usize, usize)> {
        let mut claims = vec![1.0; 2 * hints.frames() * hints.bins()];
        hints.claims(0..hints.frames(), &mut claims);
        let drums = claims[..hints.frames() * hints.bins()].iter().enumerate();
        drums
            .filter(|(_, claim)| **claim < 1.0)
            .map(|(cell, claim)| {
                assert!((claim - 0.1).abs() < 1e-6, "{claim}");
                (cell / hints.bins(), cell % hints.bins())
            })
            .collect()
    }

    #[test]
    fn a_stroke_covers_the_line_once_even_where_it_crosses_itself() {
        let stft = stft();
        // 8 ms from frame to frame, 31.25 Hz from bin to bin.
        let line = stroke(&[[0.08, 312.5], [0.16, 312.5], [0.08, 312.5]], [0.0, 60.0]);
        let hints = hints(&stft, 50).with_regions(&line).unwrap();
        let expected: Vec<_> = (10..=20).map(|frame| (frame, 10)).collect();
        assert_eq!(taken(&hints), expected);
        assert!(hints.touched[15] && !hints.touched[30]);
    }

    #[test]
    fn a_dot_and_a_box_smaller_than_a_bin_count_for_the_nearest() {
        let stft = stft();
        let dot = stroke(&[[0.0803, 320.0]], [0.0, 1.0]);
        assert_eq!(
            taken(&hints(&stft, 50).with_regions(&dot).unwrap()),
            [(10, 10)]
        );
        let beyond = stroke(&[[9.0, 320.0]], [0.0, 1.0]);
        assert!(hints(&stft, 50).with_regions(&beyond).unwrap().is_empty());
    }

    #[test]
    fn a_stem_of_the_recording_is_trusted_and_one_of_another_is_not() {
        let (drums, guitar) = drums_and_guitar(2.0, RATE);
        let mixture = mix(&[&drums, &guitar]);
        let stft = stft();
        let frames = stft.frames(mixture.len_samples());
        let hinted = |stem: &Audio, strength| {
            hints(&stft, frames).with_stem("drums", stem, &mixture, &stft, strength)
        };
        let right = hinted(&drums, 1.0).unwrap();
        assert_eq!(right.trust(), [("drums", 1.0)]);
        let other = noise(mixture.len_samples(), 77);
        let other = ndarray::Array2::from_shape_vec((1, other.len()), other).unwrap();
        let wrong = hinted(&Audio::new(other, RATE).unwrap(), 1.0).unwrap();
        assert!(wrong.is_empty(), "{:?}", wrong.trust());
        assert!(hinted(&drums, 0.0).unwrap().is_empty());
        let silence = Audio::new(ndarray::Array2::zeros((1, mixture.len_samples())), RATE).unwrap();
        assert!(hinted(&silence, 1.0).unwrap().is_empty());
        // In a hit nearly everything is the drums'; before it next to nothing.
        let mut claims = vec![0.0; 2 * frames * stft.bins()];
        right.claims(0..frames, &mut claims);
        let plane = frames * stft.bins();
        let sum = |frame: usize, source: usize| -> f32 {
            let at = source * plane + frame * stft.bins();
            claims[at..at + stft.bins()].iter().sum()
        };
        assert!(
            sum(32, 0) > 2.0 * sum(32, 1),
            "{} {}",
            sum(32, 0),
            sum(32, 1)
        );
        assert!(
            sum(59, 1) > 2.0 * sum(59, 0),
            "{} {}",
            sum(59, 0),
            sum(59, 1)
        );
    }

    #[test]
    fn what_is_no_hint_is_refused_by_name() {
        let stft = stft();
        let regions = |source: &str, strength, secs, hz| Regions {
            boxes: vec![Area {
                source: source.into(),
                strength,
                secs,
                hz,
            }],
            strokes: Vec::new(),
        };
        for (regions, word) in [
            (regions("flute", 0.9, [0.0, 1.0], [0.0, 1.0]), "flute"),
            (regions("drums", 1.5, [0.0, 1.0], [0.0, 1.0]), "1.5"),
            (
                regions("drums", 0.9, [1.0, 0.5], [0.0, 1.0]),
                "from 1 to 0.5",
            ),
            (regions("drums", 0.9, [0.0, 1.0], [0.0, f64::NAN]), "NaN"),
            (stroke(&[], [0.1, 0.1]), "0 points"),
        ] {
            let error = hints(&stft, 50).with_regions(&regions).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
