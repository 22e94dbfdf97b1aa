//! References and estimates come in; their correlations at all lags that a filter of a given
//! length can see go out.
//!
//! Legend, after Vincent, Gribonval and Févotte 2006, section III.B, with all channels of all
//! references numbered through as rows:
//!
//! | letter | meaning |
//! |---|---|
//! | `taps` | length of the distortion filters |
//! | `s_i[n]` | sample `n` of reference row `i` |
//! | `e_k[n]` | sample `n` of estimate row `k` |
//! | `auto(i, j)[lag + taps - 1]` | sum over `n` of `s_i[n] s_j[n + lag]`, lags from `1 - taps` to `taps - 1` |
//! | `cross(i, k)[lag]` | sum over `n` of `s_i[n] e_k[n + lag]`, lags from 0 to `taps - 1` |
//!
//! The signals are cut into blocks; the products of their spectra are added up over all blocks and
//! turned back into correlations once, at the end. So the memory needed does not depend on
//! the length of the signals, and rounding errors stay at the level of a short transform.

use std::ops::Range;

use rayon::prelude::*;

use super::fourier::{Fourier, conjugate_multiply_add};
use super::signals::Signals;

/// How many blocks are transformed before their products are added up.
const BLOCKS_PER_BATCH: usize = 16;
/// How many bins of all pairs one thread adds up at a time: all their spectra of one batch then
/// fit into a core's own cache.
const BINS_PER_TILE: usize = 64;
/// Blocks this many times as long as the filters spend little on overlap.
const BLOCK_PER_FILTER: usize = 16;
/// Shorter transforms than this waste time on calls.
const LEAST_BLOCK: usize = 4096;

/// Correlations of the references with each other and with the estimates.
pub(super) struct Correlations {
    taps: usize,
    estimate_rows: usize,
    auto: Vec<Vec<f64>>,
    cross: Vec<Vec<f64>>,
}

impl Correlations {
    /// Correlations of reference rows `i ≥ j` at lags `1 - taps ..= taps - 1`.
    pub(super) fn auto(&self, i: usize, j: usize) -> &[f64] {
        debug_assert!(i >= j, "only the lower triangle is kept");
        &self.auto[i * (i + 1) / 2 + j]
    }

    /// Correlations of a reference row with an estimate row at lags `0 .. taps`.
    pub(super) fn cross(&self, i: usize, k: usize) -> &[f64] {
        &self.cross[i * self.estimate_rows + k]
    }

    /// The sum of squares of a reference row.
    pub(super) fn energy(&self, i: usize) -> f64 {
        self.auto(i, i)[self.taps - 1]
    }

    /// Whether a reference row is a copy of an earlier one, sample by sample.
    pub(super) fn repeats(&self, row: usize, earlier: usize) -> bool {
        // Equal samples go through equal sums; different ones cannot correlate as much.
        self.auto(row, row) == self.auto(earlier, earlier)
            && self.auto(row, earlier)[self.taps - 1].to_bits() == self.energy(row).to_bits()
    }

    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    pub(super) fn estimate_rows(&self) -> usize {
        self.estimate_rows
    }
}

/// Correlate the samples in `range`, as if there were zeros outside.
pub(super) fn correlate(
    references: &dyn Signals,
    estimates: &dyn Signals,
    range: &Range<usize>,
    taps: usize,
) -> Correlations {
    let plan = Plan::new(references.rows(), estimates.rows(), range.len(), taps);
    let blocks = range.len().div_ceil(plan.block_len);
    let batch_len = BLOCKS_PER_BATCH.min(blocks);
    let mut spectra = vec![0.0; plan.slots.len() * batch_len * 2 * plan.bins()];
    let mut sums = vec![0.0; plan.bins().div_ceil(BINS_PER_TILE) * plan.tile_len()];
    for first in (0..blocks).step_by(batch_len) {
        let batch = batch_len.min(blocks - first);
        let spectra = &mut spectra[..plan.slots.len() * batch * 2 * plan.bins()];
        plan.transform(references, estimates, range, first, batch, spectra);
        plan.add_products(spectra, batch, &mut sums);
    }

    let mut auto = plan.lags(&sums);
    let cross = auto.split_off(plan.auto_pairs());
    for i in 0..plan.rows {
        make_symmetric(&mut auto[i * (i + 1) / 2 + i]);
    }
    Correlations {
        taps,
        estimate_rows: estimates.rows(),
        auto,
        cross,
    }
}

/// One spectrum that a block needs.
#[derive(Clone, Copy)]
enum Slot {
    /// A reference, the block alone.
    Alone(usize),
    /// A reference with `taps - 1` samples of its past and future.
    ReferenceInContext(usize),
    /// An estimate with the same.
    EstimateInContext(usize),
}

/// What is transformed and which products are added up.
struct Plan {
    rows: usize,
    taps: usize,
    fourier: Fourier,
    /// Samples by which one block is after the other.
    block_len: usize,
    slots: Vec<Slot>,
    /// Pairs of slots whose product of spectra is wanted: first those of references, then those of
    /// references and estimates.
    pairs: Vec<(usize, usize)>,
}

impl Plan {
    fn new(rows: usize, estimate_rows: usize, len: usize, taps: usize) -> Self {
        let overlap = 2 * (taps - 1);
        let fourier = Fourier::new(transform_len(len, overlap, taps));
        let slots = (0..rows)
            .map(Slot::Alone)
            .chain((0..rows).map(Slot::ReferenceInContext))
            .chain((0..estimate_rows).map(Slot::EstimateInContext))
            .collect();
        let pairs = (0..rows)
            .flat_map(|i| (0..=i).map(move |j| (i, rows + j)))
            .chain((0..rows).flat_map(|i| (0..estimate_rows).map(move |k| (i, 2 * rows + k))))
            .collect();
        Self {
            rows,
            taps,
            block_len: fourier.len() - overlap,
            fourier,
            slots,
            pairs,
        }
    }

    fn bins(&self) -> usize {
        self.fourier.bins()
    }

    fn auto_pairs(&self) -> usize {
        self.rows * (self.rows + 1) / 2
    }

    /// Numbers in the sums of one tile: both planes of all pairs.
    fn tile_len(&self) -> usize {
        self.pairs.len() * 2 * BINS_PER_TILE
    }

    /// The spectra of `batch` blocks from block `first` on, slot by slot and then block by block.
    fn transform(
        &self,
        references: &dyn Signals,
        estimates: &dyn Signals,
        range: &Range<usize>,
        first: usize,
        batch: usize,
        spectra: &mut [f64],
    ) {
        spectra
            .par_chunks_mut(2 * self.bins())
            .enumerate()
            .for_each_init(
                || (vec![0.0; self.fourier.len()], self.fourier.workspace()),
                |(samples, workspace), (at, spectrum)| {
                    let start = (range.start + (first + at % batch) * self.block_len) as isize;
                    let context = start - (self.taps as isize - 1);
                    match self.slots[at / batch] {
                        Slot::Alone(row) => {
                            let (block, after) = samples.split_at_mut(self.block_len);
                            references.read(row, range, start, block);
                            after.fill(0.0);
                        }
                        Slot::ReferenceInContext(row) => {
                            references.read(row, range, context, samples);
                        }
                        Slot::EstimateInContext(row) => {
                            estimates.read(row, range, context, samples);
                        }
                    }
                    self.fourier
                        .forward(samples, spectrum.split_at_mut(self.bins()), workspace);
                },
            );
    }

    /// Add the products of all pairs in `batch` blocks to the sums.
    ///
    /// A thread owns its bins over all blocks and adds the blocks up in their order: the sum is the
    /// same on any number of threads.
    fn add_products(&self, spectra: &[f64], batch: usize, sums: &mut [f64]) {
        let bins = self.bins();
        sums.par_chunks_mut(self.tile_len())
            .enumerate()
            .for_each(|(tile, sums)| {
                let from = tile * BINS_PER_TILE;
                let width = BINS_PER_TILE.min(bins - from);
                let planes = |slot: usize, block: usize| {
                    let spectrum = &spectra[(slot * batch + block) * 2 * bins..][..2 * bins];
                    (
                        &spectrum[from..from + width],
                        &spectrum[bins + from..bins + from + width],
                    )
                };
                for (&(x, y), sum) in self.pairs.iter().zip(sums.chunks_mut(2 * BINS_PER_TILE)) {
                    let (sum_re, sum_im) = sum.split_at_mut(BINS_PER_TILE);
                    for block in 0..batch {
                        let sum = (&mut sum_re[..width], &mut sum_im[..width]);
                        conjugate_multiply_add(planes(x, block), planes(y, block), sum);
                    }
                }
            });
    }

    /// Turn the sums of all pairs into correlations at the lags that are kept.
    fn lags(&self, sums: &[f64]) -> Vec<Vec<f64>> {
        let bins = self.bins();
        (0..self.pairs.len())
            .into_par_iter()
            .map_init(
                || {
                    (
                        vec![0.0; 2 * bins],
                        vec![0.0; self.fourier.len()],
                        self.fourier.workspace(),
                    )
                },
                |(spectrum, samples, workspace), pair| {
                    for bin in 0..bins {
                        let tile = &sums[bin / BINS_PER_TILE * self.tile_len()..];
                        let sum = &tile[pair * 2 * BINS_PER_TILE..][..2 * BINS_PER_TILE];
                        spectrum[bin] = sum[bin % BINS_PER_TILE];
                        spectrum[bins + bin] = sum[BINS_PER_TILE + bin % BINS_PER_TILE];
                    }
                    self.fourier
                        .inverse(spectrum.split_at(bins), samples, workspace);
                    let scale = 1.0 / self.fourier.len() as f64;
                    // Place `taps - 1` holds the lag of zero.
                    let first = if pair < self.auto_pairs() {
                        0
                    } else {
                        self.taps - 1
                    };
                    samples[first..2 * self.taps - 1]
                        .iter()
                        .map(|value| value * scale)
                        .collect()
                },
            )
            .collect()
    }
}

/// The correlations of a row with itself are the same at opposite lags; rounding may say otherwise.
fn make_symmetric(lags: &mut [f64]) {
    let last = lags.len() - 1;
    for at in 0..lags.len() / 2 {
        lags[at] = lags[last - at];
    }
}

/// The length of transform for signals of a length.
pub(super) fn transform_len(len: usize, overlap: usize, taps: usize) -> usize {
    let long = (BLOCK_PER_FILTER * taps)
        .max(LEAST_BLOCK)
        .next_power_of_two();
    long.min((len + overlap).next_power_of_two()).max(2)
}
