//! References, estimates and distortion filters come in; the energies of the parts of each
//! estimate go out.
//!
//! Legend, after Vincent, Gribonval and Févotte 2006 and `mir_eval`; all signals are longer than the
//! scored range by the filters' tails:
//!
//! | letter | meaning |
//! |---|---|
//! | `s` | the true reference |
//! | `e` | the estimate |
//! | `own` | the estimate's projection onto delayed versions of the one reference |
//! | `all` | its projection onto delayed versions of all references |

use std::ops::Range;

use rayon::prelude::*;

use super::correlation::{Correlations, transform_len};
use super::filters::{self, Filters};
use super::fourier::{Fourier, Workspace, multiply_add};
use super::signals::Signals;
use crate::Error;

/// Energies of the parts of one estimate, taken as an estimate of one reference.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Energies {
    /// `|s|²`
    pub(super) reference: f64,
    /// `|own|²`
    pub(super) own: f64,
    /// `|all|²`
    pub(super) all: f64,
    /// `|own - s|²`, the spatial (or filtering) distortion.
    pub(super) spatial: f64,
    /// `|all - own|²`, the interference.
    pub(super) interference: f64,
    /// `|e - all|²`, the artifacts.
    pub(super) artifacts: f64,
    /// `|e - s|²`, everything that is wrong with an image.
    pub(super) image_error: f64,
    /// `|e - own|²`, everything that is wrong up to filtering.
    pub(super) filtered_error: f64,
}

impl Energies {
    fn add(&mut self, other: &Self) {
        self.reference += other.reference;
        self.own += other.own;
        self.all += other.all;
        self.spatial += other.spatial;
        self.interference += other.interference;
        self.artifacts += other.artifacts;
        self.image_error += other.image_error;
        self.filtered_error += other.filtered_error;
    }
}

/// Which estimates are scored against which references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairing {
    /// Each estimate against the reference at its place.
    Given,
    /// Each estimate against each reference.
    All,
}

impl Pairing {
    /// The references that an estimate is scored against.
    fn references(self, estimate: usize, sources: usize) -> Range<usize> {
        match self {
            Self::Given => estimate..estimate + 1,
            Self::All => 0..sources,
        }
    }
}

/// The filters of all estimates as spectra, ready to be applied to any range of the signals.
pub(super) struct Projector {
    taps: usize,
    pairing: Pairing,
    fourier: Fourier,
    /// From all reference rows to all estimate rows.
    all: Vec<Planes>,
    /// From the rows of one reference to the rows of one estimate, pair by pair; empty
    /// where there is only one source.
    own: Vec<Planes>,
}

/// A spectrum in two planes, one after the other.
type Planes = Vec<f64>;

impl Projector {
    /// Find the filters and transform them.
    pub(super) fn new(
        correlations: &Correlations,
        (sources, channels): (usize, usize),
        range_len: usize,
        pairing: Pairing,
    ) -> Result<Self, Error> {
        let taps = correlations.taps();
        let fourier = Fourier::new(transform_len(range_len, taps - 1, taps));
        let rows_of =
            |source: usize| (source * channels..(source + 1) * channels).collect::<Vec<_>>();
        let all_rows: Vec<usize> = (0..sources * channels).collect();
        let all_targets: Vec<usize> = (0..correlations.estimate_rows()).collect();
        let (all, own) = rayon::join(
            || {
                let filters = filters::solve(correlations, &all_rows, &all_targets)?;
                Ok(spectra(
                    &fourier,
                    &filters,
                    all_targets.len(),
                    all_rows.len(),
                    taps,
                ))
            },
            || -> Result<Vec<Planes>, Error> {
                if sources == 1 {
                    return Ok(Vec::new());
                }
                // One factorisation per reference serves all estimates scored against it.
                let by_reference: Vec<Vec<Vec<Planes>>> = (0..sources)
                    .into_par_iter()
                    .map(|reference| {
                        let estimates: Vec<usize> = match pairing {
                            Pairing::Given => vec![reference],
                            Pairing::All => (0..sources).collect(),
                        };
                        let targets: Vec<usize> =
                            estimates.iter().flat_map(|&k| rows_of(k)).collect();
                        let filters = filters::solve(correlations, &rows_of(reference), &targets)?;
                        let spectra = spectra(&fourier, &filters, targets.len(), channels, taps);
                        Ok(spectra
                            .chunks(channels * channels)
                            .map(<[Planes]>::to_vec)
                            .collect())
                    })
                    .collect::<Result<_, Error>>()?;
                let pairs = (0..sources).flat_map(|estimate| {
                    pairing
                        .references(estimate, sources)
                        .map(move |reference| (estimate, reference))
                });
                Ok(pairs
                    .flat_map(|(estimate, reference)| {
                        let at = if pairing == Pairing::All { estimate } else { 0 };
                        by_reference[reference][at].clone()
                    })
                    .collect())
            },
        );
        Ok(Self {
            taps,
            pairing,
            fourier,
            all: all?,
            own: own?,
        })
    }

    /// The energies of every pair over some ranges, each as if there were zeros outside.
    ///
    /// The result holds, range by range, the pairs ordered by estimate and then by reference.
    pub(super) fn energies(
        &self,
        references: &dyn Signals,
        estimates: &dyn Signals,
        ranges: &[Range<usize>],
    ) -> Vec<Vec<Energies>> {
        let step = self.fourier.len() - (self.taps - 1);
        let blocks: Vec<(usize, usize)> = ranges
            .iter()
            .enumerate()
            .flat_map(|(at, range)| {
                (0..(range.len() + self.taps - 1).div_ceil(step))
                    .map(move |block| (at, block * step))
            })
            .collect();
        let by_block: Vec<Vec<Energies>> = blocks
            .par_iter()
            .map_init(
                || Scratch::new(self, references, estimates),
                |scratch, &(at, offset)| {
                    let range = &ranges[at];
                    let width = step.min(range.len() + self.taps - 1 - offset);
                    self.block(references, estimates, range, offset, width, scratch)
                },
            )
            .collect();
        // Added up in the order of the blocks, whichever thread was done first.
        let mut sums = vec![Vec::new(); ranges.len()];
        for (&(at, _), energies) in blocks.iter().zip(by_block) {
            let sum: &mut Vec<Energies> = &mut sums[at];
            sum.resize(energies.len(), Energies::default());
            for (sum, energies) in sum.iter_mut().zip(&energies) {
                sum.add(energies);
            }
        }
        sums
    }

    /// The energies of every pair in `width` samples from `offset` within a range.
    fn block(
        &self,
        references: &dyn Signals,
        estimates: &dyn Signals,
        range: &Range<usize>,
        offset: usize,
        width: usize,
        scratch: &mut Scratch,
    ) -> Vec<Energies> {
        let (sources, channels) = (references.sources(), references.channels());
        let (len, bins, tail) = (self.fourier.len(), self.fourier.bins(), self.taps - 1);
        let start = (range.start + offset) as isize;
        // A block begins with the samples that the filters still remember; what the circular
        // convolution makes of those is not used.
        let valid = tail..tail + width;
        for (row, spectrum) in scratch.references.chunks_mut(2 * bins).enumerate() {
            references.read(row, range, start - tail as isize, &mut scratch.samples);
            self.fourier.forward(
                &mut scratch.samples,
                spectrum.split_at_mut(bins),
                &mut scratch.workspace,
            );
        }
        for (row, samples) in scratch.true_samples.chunks_mut(len).enumerate() {
            references.read(row, range, start, &mut samples[..width]);
        }

        let mut energies = Vec::new();
        let mut own_filters = self.own.chunks(channels * channels);
        for estimate in 0..sources {
            for (channel, all) in scratch.all.chunks_mut(len).enumerate() {
                let target = estimate * channels + channel;
                let filters = &self.all[target * sources * channels..][..sources * channels];
                scratch.sum.fill(0.0);
                for (filter, spectrum) in filters.iter().zip(scratch.references.chunks(2 * bins)) {
                    let sum = scratch.sum.split_at_mut(bins);
                    multiply_add(filter.split_at(bins), spectrum.split_at(bins), sum);
                }
                self.fourier
                    .inverse(scratch.sum.split_at(bins), all, &mut scratch.workspace);
                estimates.read(
                    target,
                    range,
                    start,
                    &mut scratch.estimate[channel * len..][..width],
                );
            }
            for reference in self.pairing.references(estimate, sources) {
                let filters = own_filters.next();
                let mut sum = Energies::default();
                for channel in 0..channels {
                    let all = &scratch.all[channel * len..][valid.clone()];
                    let own = if let Some(filters) = filters {
                        let spectra = scratch
                            .references
                            .chunks(2 * bins)
                            .skip(reference * channels);
                        scratch.sum.fill(0.0);
                        for (filter, spectrum) in filters[channel * channels..][..channels]
                            .iter()
                            .zip(spectra)
                        {
                            let sum = scratch.sum.split_at_mut(bins);
                            multiply_add(filter.split_at(bins), spectrum.split_at(bins), sum);
                        }
                        let (spectrum, own) = (scratch.sum.split_at(bins), &mut scratch.own);
                        self.fourier.inverse(spectrum, own, &mut scratch.workspace);
                        &scratch.own[valid.clone()]
                    } else {
                        // With one source both projections are the same.
                        all
                    };
                    let s =
                        &scratch.true_samples[(reference * channels + channel) * len..][..width];
                    let e = &scratch.estimate[channel * len..][..width];
                    sum.add(&measure(s, e, own, all));
                }
                energies.push(sum);
            }
        }
        energies
    }
}

/// The spectra of filters, with the factor of the inverse transform worked in.
fn spectra(
    fourier: &Fourier,
    filters: &Filters,
    targets: usize,
    rows: usize,
    taps: usize,
) -> Vec<Planes> {
    let scale = 1.0 / fourier.len() as f64;
    (0..targets * rows)
        .into_par_iter()
        .map_init(
            || (vec![0.0; fourier.len()], fourier.workspace()),
            |(samples, workspace), at| {
                samples.fill(0.0);
                let filter = filters.taps_of(at / rows, at % rows);
                for (sample, tap) in samples[..taps].iter_mut().zip(filter) {
                    *sample = tap * scale;
                }
                let mut planes = vec![0.0; 2 * fourier.bins()];
                fourier.forward(samples, planes.split_at_mut(fourier.bins()), workspace);
                planes
            },
        )
        .collect()
}

/// Working memory of one thread.
struct Scratch {
    samples: Vec<f64>,
    references: Vec<f64>,
    true_samples: Vec<f64>,
    estimate: Vec<f64>,
    all: Vec<f64>,
    own: Vec<f64>,
    sum: Vec<f64>,
    workspace: Workspace,
}

impl Scratch {
    fn new(projector: &Projector, references: &dyn Signals, estimates: &dyn Signals) -> Self {
        let (len, bins) = (projector.fourier.len(), projector.fourier.bins());
        Self {
            samples: vec![0.0; len],
            references: vec![0.0; references.rows() * 2 * bins],
            true_samples: vec![0.0; references.rows() * len],
            estimate: vec![0.0; estimates.channels() * len],
            all: vec![0.0; estimates.channels() * len],
            own: vec![0.0; len],
            sum: vec![0.0; 2 * bins],
            workspace: projector.fourier.workspace(),
        }
    }
}

/// Energies of the parts of one channel. Four running sums each keep the adders busy.
fn measure(s: &[f64], e: &[f64], own: &[f64], all: &[f64]) -> Energies {
    const LANES: usize = 4;
    let mut sums = [[0.0; LANES]; 8];
    let mut add = |lane: usize, s: f64, e: f64, own: f64, all: f64| {
        let parts = [s, own, all, own - s, all - own, e - all, e - s, e - own];
        for (sum, part) in sums.iter_mut().zip(parts) {
            sum[lane] += part * part;
        }
    };
    let n = s.len();
    let (e, own, all) = (&e[..n], &own[..n], &all[..n]);
    let whole = n - n % LANES;
    for at in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            add(
                lane,
                s[at + lane],
                e[at + lane],
                own[at + lane],
                all[at + lane],
            );
        }
    }
    for at in whole..n {
        add(0, s[at], e[at], own[at], all[at]);
    }
    let [
        reference,
        own,
        all,
        spatial,
        interference,
        artifacts,
        image_error,
        filtered_error,
    ] = sums.map(|sum| sum.iter().sum());
    Energies {
        reference,
        own,
        all,
        spatial,
        interference,
        artifacts,
        image_error,
        filtered_error,
    }
}
