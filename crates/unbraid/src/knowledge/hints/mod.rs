//! Regions drawn by a person and stems of another separator come in; for blocks of frames, what each source may
//! claim of every bin goes out.
//!
//! A claim is relative: the strongest source of a bin has 1, the others what the hints leave them. Where nothing is
//! said, everybody has 1, and nothing changes.

mod needs;
mod regions;
mod stem;

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayView3, s};

use crate::model::LowRank;
use crate::{Audio, Error, Stft, StftConfig};
use needs::Needs;
use regions::{Axes, Patch};
use stem::{Comparison, Evidence};

pub use regions::{Area, REGION_STRENGTH, Regions, Stroke};
pub use stem::{HintedStem, STEM_STRENGTH, Trust};

/// What a hint leaves to a source at least: a hint can be wrong, and a claim of zero could never be taken back.
const LEAST: f32 = 1e-4;

/// What was said of the sources of a recording, before it is known on which transform it is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clues {
    /// What a person drew.
    pub regions: Regions,
    /// What another program separated.
    pub stems: Vec<HintedStem>,
}

impl Clues {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty() && self.stems.is_empty()
    }

    /// Whether they can be said of these sources of this recording: what can be told before the long work.
    ///
    /// # Errors
    ///
    /// Those of [`Clues::on`].
    pub fn check<S: AsRef<str>>(&self, sources: &[S], recording: &Audio) -> Result<(), Error> {
        let stft = Stft::new(StftConfig::for_sample_rate(recording.sample_rate()))?;
        let grid = Grid {
            stft: &stft,
            sample_rate: recording.sample_rate(),
            frames: stft.frames(recording.len_samples()),
        };
        let hints = Hints::new(grid, sources)?.with_regions(&self.regions)?;
        for stem in &self.stems {
            hints.source("hint", &stem.source)?;
            stem.check(recording)?;
        }
        Ok(())
    }

    /// What they say of the frames and bins of one transform of the recording.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] for an unknown source, a strength that is not allowed, or a number that is no time or frequency.
    /// - [`Error::Shape`] if a stem is not as long as the recording, or has another rate.
    pub fn on<S: AsRef<str>>(
        &self,
        grid: Grid<'_>,
        sources: &[S],
        recording: &Audio,
    ) -> Result<Hints, Error> {
        let mut hints = Hints::new(grid, sources)?.with_regions(&self.regions)?;
        for stem in &self.stems {
            hints = hints.with_stem(stem, recording, grid.stft)?;
        }
        Ok(hints)
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
/// Memory is two bytes per bin and frame for each hinted stem, and nothing to speak of for regions.
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
    stems: Vec<Evidence>,
    /// Whether a person drew something in a frame.
    drawn: Vec<bool>,
    /// How many regions were drawn.
    regions: usize,
    /// How many of them ask for no more than is heard without them.
    heard_anyway: usize,
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
            drawn: vec![false; grid.frames],
            regions: 0,
            heard_anyway: 0,
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
        let axes = Axes {
            times_secs: &self.times_secs,
            frequencies_hz: &self.frequencies_hz,
        };
        let mut patches = regions::patches(regions, &axes, |name| self.source("regions", name))?;
        for patch in &mut patches {
            self.drawn[patch.frames.clone()].fill(true);
            patch.region += self.regions;
        }
        self.patches.extend(patches);
        self.regions += regions.boxes.len() + regions.strokes.len();
        Ok(self)
    }

    /// Add a stem that another program separated from the recording, as long as the recording.
    ///
    /// It is trusted as far as it has to do with the recording at all: where it is part of it their phases agree, and a stem of
    /// something else says nothing. [`Hints::compared`] finds out more.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] for an unknown source or a strength that is not from 0 to 4.
    /// - [`Error::Shape`] if it is not as long as the recording.
    pub fn with_stem(
        mut self,
        stem: &HintedStem,
        recording: &Audio,
        stft: &Stft,
    ) -> Result<Self, Error> {
        let source = self.source("hint", &stem.source)?;
        let evidence = Evidence::new(source, stem, recording, stft, self.frames())?;
        self.stems.push(evidence);
        Ok(self)
    }

    /// Compare the stems with what is heard without them, and believe them as far as they agree.
    ///
    /// In the quarter of the recording's loudness that is most surely the source's, its stem must have larger shares than
    /// in the quarter that is most surely not: a stem of another source, or one that tells nothing apart, is not used. What
    /// it has there is what the source gets where it is alone, and what leaks where it is silent; claims are stretched
    /// between these two.
    ///
    /// `heard` gives some frames' shares of the sources `(sources, frames, bins)`, by any means, and the loudness
    /// of the recording there `(frames, bins)`.
    ///
    /// # Errors
    ///
    /// What `heard` returns.
    pub fn compared(
        mut self,
        mut heard: impl FnMut(
            Range<usize>,
            &mut dyn FnMut(ArrayView3<'_, f32>, ArrayView2<'_, f32>),
        ) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        if self.stems.iter().all(Evidence::is_mute) {
            return Ok(self);
        }
        let mut comparison = Comparison::new(&self.stems);
        let (frames, stems) = (self.frames(), &self.stems);
        for start in (0..frames).step_by(LEAN_FRAMES) {
            let block = start..(start + LEAN_FRAMES).min(frames);
            heard(block.clone(), &mut |shares, loudness| {
                let shares = shares.as_standard_layout();
                let loudness = loudness.as_standard_layout();
                comparison.add(
                    stems,
                    &block,
                    shares.as_slice().expect("standard layout"),
                    loudness.as_slice().expect("standard layout"),
                );
            })?;
        }
        comparison.conclude(&mut self.stems);
        Ok(self)
    }

    /// Let regions change no more than they have to, given what is heard without them (`heard` as for [`Hints::compared`]).
    ///
    /// A region's source is to have its strength's share of the sound in it at least: the others give way as far as that
    /// takes, and no further than the strength says. Regions whose source has as much anyway say nothing more.
    ///
    /// # Errors
    ///
    /// What `heard` returns.
    pub fn as_needed(
        mut self,
        mut heard: impl FnMut(
            Range<usize>,
            &mut dyn FnMut(ArrayView3<'_, f32>, ArrayView2<'_, f32>),
        ) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let (frames, patches) = (self.frames(), &self.patches);
        let mut needs = Needs::new(self.regions);
        for start in (0..frames).step_by(LEAN_FRAMES) {
            let block = start..(start + LEAN_FRAMES).min(frames);
            if self.drawn[block.clone()].contains(&true) {
                heard(block.clone(), &mut |shares, loudness| {
                    needs.add(patches, &block, shares, loudness);
                })?;
            }
        }
        let before = self.regions_that_speak();
        needs.conclude(&mut self.patches);
        self.patches.retain(|patch| patch.rest < 1.0);
        self.heard_anyway = before - self.regions_that_speak();
        self.drawn.fill(false);
        for patch in &self.patches {
            self.drawn[patch.frames.clone()].fill(true);
        }
        Ok(self)
    }

    /// How far each hinted stem is believed, in the order given.
    pub fn trust(&self) -> impl Iterator<Item = &Trust> {
        self.stems.iter().map(|stem| &stem.trust)
    }

    /// What a user should know of how far stems are believed.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let note = |trust: &Trust| {
            let source = &trust.source;
            if trust.part <= 0.0 {
                return Some(format!(
                    "the stem hinted for `{source}` is no part of the recording, and not used"
                ));
            }
            match trust.agreement {
                Some(agreement) if trust.overall() <= 0.0 => Some(format!(
                    "the stem hinted for `{source}` is not used: it has more of the bins that sound like `{source}` in only {:.0} % of \
                     all comparisons{}",
                    100.0 * agreement,
                    if agreement < 0.45 {
                        "; is it another source's?"
                    } else {
                        ""
                    }
                )),
                _ if trust.overall() < 1.0 => Some(format!(
                    "the stem hinted for `{source}` is trusted to {:.0} %",
                    100.0 * trust.overall()
                )),
                _ if trust.range[0] > 0.1 => Some(format!(
                    "{:.0} % of the others leak into the stem hinted for `{source}`, and are taken out",
                    100.0 * trust.range[0]
                )),
                _ => None,
            }
        };
        let mut notes: Vec<String> = self.trust().filter_map(note).collect();
        if self.heard_anyway > 0 {
            notes.push(format!(
                "{} of {} regions change nothing: their sources have as much of them without being told",
                self.heard_anyway, self.regions
            ));
        }
        notes
    }

    /// How much what is heard without the hints still counts beside them, 0 to 1; 1 where there are no stems.
    #[must_use]
    pub fn own_weight(&self) -> f32 {
        let stems = self.stems.iter().filter(|stem| !stem.is_mute());
        let most = stems.map(Evidence::weight).fold(0.0, f32::max);
        1.0 - (1.0 - BESIDE_A_STEM) * most
    }

    /// What a person drew, without the stems: sparse and firm enough to steer a fit.
    #[must_use]
    pub fn drawn(&self) -> Self {
        Self {
            stems: Vec::new(),
            ..self.clone()
        }
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
        self.drawn.len()
    }

    /// The number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Whether nothing is said anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.speak_of(0..self.frames())
    }

    fn regions_that_speak(&self) -> usize {
        // Those of a region follow each other.
        let mut numbers: Vec<usize> = self.patches.iter().map(|patch| patch.region).collect();
        numbers.dedup();
        numbers.len()
    }

    /// Whether anything is said of some frames.
    fn speak_of(&self, frames: Range<usize>) -> bool {
        self.stems.iter().any(|stem| !stem.is_mute()) || self.drawn[frames].contains(&true)
    }

    /// Write what each source may claim of the bins of some frames, `(sources, frames, bins)`; or return false, and leave
    /// `claims` alone, where nothing is said of any of them.
    ///
    /// # Panics
    ///
    /// If `claims` is not sources × frames × bins, or a frame does not exist.
    pub fn claims(&self, frames: Range<usize>, claims: &mut [f32]) -> bool {
        if !self.speak_of(frames.clone()) {
            return false;
        }
        let plane = frames.len() * self.bins;
        assert_eq!(
            claims.len(),
            self.names.len() * plane,
            "sources × frames × bins"
        );
        claims.fill(1.0);
        for stem in self.stems.iter().filter(|stem| !stem.is_mute()) {
            stem.claim(frames.clone(), self.bins, claims);
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
}

/// Frames whose claims are held at a time.
const LEAN_FRAMES: usize = 64;

/// How much what is heard still counts beside a stem that is believed: two opinions, each counting once, would be twice as
/// sure as either.
const BESIDE_A_STEM: f32 = 0.5;

#[cfg(test)]
mod tests;
