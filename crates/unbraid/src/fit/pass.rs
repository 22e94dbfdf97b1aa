//! A model and a spectrogram come in; one pass over all tiles steps the model and says what the
//! objective was.
//!
//! Legend: v = spectrogram (frames × bins of a tile), h = activations (frames × components), w =
//! templates as a channel hears them (components × bins); pull and push are the two halves of the
//! gradient (`divergence`).

use std::ops::Range;

use ndarray::{Array2, Axis, Zip};
use rayon::prelude::*;
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

use super::guided::{Guided, Room, Wanted};
use super::step::{Step, scales};
use super::{FitConfig, Guidance, floor};
use crate::Spectrogram;
use crate::divergence::KULLBACK_LEIBLER;
use crate::model::{Column, LowRank, Penalties, Update};

/// Frames of a tile: with 2049 bins its data and model stay in the second-level cache.
const TILE_FRAMES: usize = 48;

/// Runs of tiles that may be worked on at once. Sums are taken within a run and then over the
/// runs in order, so this number, and not the number of threads, decides the rounding.
const RUNS: usize = 16;

/// Values of the runs' sums that a thread adds up at a time.
const ADDED_AT_ONCE: usize = 4096;

/// Why the kernel's own checks cannot fail here.
pub(super) const CHECKED: &str =
    "β, floor and shapes were checked, and the instruction set is detected";

/// In which order the factors step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// One factor after the other, each with the others as they are then.
    Alternating,
    /// All factors from one product of the model as it was before. Only β = 1 without penalties
    /// has a majoriser with such a minimum, and no slow column may be among them.
    Joint,
}

impl Scheme {
    /// The scheme that does the least work and never raises the objective.
    pub(super) fn fastest(beta: f64, model: &LowRank) -> Self {
        let columns = model.columns();
        let whole = |update: Update| !matches!(update, Update::Adapt { .. });
        let plain = |column: &Column| {
            column.penalties == Penalties::default()
                && whole(column.templates)
                && whole(column.activations)
                && whole(column.pan)
        };
        let several = |column: &Column| {
            let pan = if model.channels() > 1 {
                column.pan
            } else {
                Update::Fixed
            };
            let factors = [column.templates, column.activations, pan];
            factors.iter().filter(|&&f| f != Update::Fixed).count() > 1
        };
        if beta == KULLBACK_LEIBLER && columns.iter().all(plain) && columns.iter().any(several) {
            Self::Joint
        } else {
            Self::Alternating
        }
    }
}

/// Everything that stays the same from iteration to iteration, and the memory they share.
pub(super) struct Pass<'a> {
    data: Data<'a>,
    step: Step,
    learns_activations: bool,
    learns_templates: bool,
    learns_pan: bool,
    /// The templates as each channel hears them, packed for the kernel.
    heard: Vec<Templates>,
    /// Templates times the gains of one channel, before they are packed: (components × bins).
    unpacked: Array2<f32>,
    runs: Vec<Run>,
}

/// What is to be explained, and by which arithmetic.
struct Data<'a> {
    spectrogram: &'a Spectrogram,
    kernel: Kernel,
    guided: Option<Guided<'a>>,
}

/// What one run of tiles needs.
struct Run {
    frames: Range<usize>,
    scratch: Scratch,
    room: Room,
    sums: Sums,
    /// The two halves of the gradient by the activations of one tile.
    pull: Vec<f32>,
    push: Vec<f32>,
    /// The same, of a further channel.
    more_pull: Vec<f32>,
    more_push: Vec<f32>,
}

/// The two halves of the gradient by one factor, and the divergence met on the way.
struct Sums {
    /// One `(components × bins)` plane per channel.
    pull: Vec<Vec<f32>>,
    /// The same; for β = 1, where it is the same in all bins, one value per component.
    push: Vec<Vec<f32>>,
    divergence: f64,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        spectrogram: &'a Spectrogram,
        config: &FitConfig,
        model: &LowRank,
        guidance: Option<Guidance<'a>>,
    ) -> Self {
        let floor = floor(spectrogram);
        let isa = if config.portable {
            Isa::Portable
        } else {
            Isa::detect()
        };
        let kernel = Kernel::with_isa(isa, config.beta, floor).expect(CHECKED);
        let columns = model.columns();
        let learns_activations = columns.iter().any(|c| c.activations != Update::Fixed);
        let learns_templates = columns.iter().any(|c| c.templates != Update::Fixed);
        let learns_pan = model.channels() > 1 && columns.iter().any(|c| c.pan != Update::Fixed);
        let (components, bins) = (model.components(), model.bins());
        let planes = if learns_templates || learns_pan || !learns_activations {
            model.channels()
        } else {
            0
        };
        let push_width = if config.beta == KULLBACK_LEIBLER {
            1
        } else {
            bins
        };
        let unpacked = Array2::zeros((components, bins));
        let heard = (0..model.channels())
            .map(|_| {
                let values = unpacked.as_slice().expect("a new array is contiguous");
                Templates::new(isa, values, components, bins).expect(CHECKED)
            })
            .collect();
        let runs = runs(model.frames())
            .into_iter()
            .map(|frames| Run::new(frames, components, planes, bins, push_width))
            .collect();
        Self {
            data: Data {
                spectrogram,
                kernel,
                guided: guidance.map(|guidance| Guided::new(guidance, model, isa)),
            },
            step: Step::new(spectrogram, config.beta, model),
            learns_activations,
            learns_templates,
            learns_pan,
            heard,
            unpacked,
            runs,
        }
    }

    /// Divergence and penalties.
    pub(super) fn objective(&mut self, model: &LowRank) -> f64 {
        self.hear(model);
        let Self {
            data, heard, runs, ..
        } = self;
        let sums: Vec<f64> = runs
            .par_iter_mut()
            .map(|run| {
                let mut sum = 0.0;
                for frames in tiles(run.frames.clone()) {
                    let h = rows(&model.activations, &frames);
                    for (channel, w) in heard.iter().enumerate() {
                        let tile = data.tile(channel, frames.clone(), h, w);
                        sum += run.objective(data, &tile, (channel, frames.clone()));
                    }
                }
                sum
            })
            .collect();
        sums.iter().sum::<f64>() + self.step.penalty(model)
    }

    /// Step every factor that is learnt; return the objective before the step.
    ///
    /// `damping` shortens the steps of the templates, for penalties without a majoriser.
    pub(super) fn iterate(&mut self, model: &mut LowRank, scheme: Scheme, damping: f32) -> f64 {
        let penalty = self.step.penalty(model);
        let divergence = match scheme {
            Scheme::Alternating => self.alternate(model, damping),
            Scheme::Joint => self.step_jointly(model),
        };
        model.normalize();
        divergence + penalty
    }

    fn alternate(&mut self, model: &mut LowRank, damping: f32) -> f64 {
        self.hear(model);
        if self.learns_activations {
            self.step_activations_and_sum(model, Scheme::Alternating);
        } else {
            self.sum_for_templates(model);
        }
        let divergence = self.add_up();
        if self.learns_templates {
            let sums = &self.runs[0].sums;
            let (pull, push) = heard_to_shared(sums, &model.pan_gains);
            self.step.templates(model, &pull, &push, damping);
        }
        if self.learns_pan {
            self.hear(model);
            self.sum_for_templates(model);
            self.add_up();
            let sums = &self.runs[0].sums;
            self.step.pan_gains(model, &sums.pull, &sums.push);
        }
        divergence
    }

    /// All factors from one product; see [`Scheme::Joint`].
    fn step_jointly(&mut self, model: &mut LowRank) -> f64 {
        self.hear(model);
        self.step_activations_and_sum(model, Scheme::Joint);
        let divergence = self.add_up();
        let sums = &self.runs[0].sums;
        let (pull, push) = heard_to_shared(sums, &model.pan_gains);
        let scales = scales(model);
        // The gains first: their gradient holds the templates as they were.
        if self.learns_pan {
            self.step.pan_gains(model, &sums.pull, &sums.push);
        }
        if self.learns_templates {
            self.step.templates(model, &pull, &push, 1.0);
        }
        self.step.keep_scales(model, &scales);
        divergence
    }

    /// In one pass over the data: step the activations of each tile, and sum the gradient by the
    /// templates, with the activations as they are then or, jointly, as they were.
    fn step_activations_and_sum(&mut self, model: &mut LowRank, scheme: Scheme) {
        let components = model.components();
        let (joint, templates) = (scheme == Scheme::Joint, self.learns_templates);
        let Self {
            data,
            heard,
            runs,
            step,
            ..
        } = self;
        let step = step.for_activations(model);
        let run_len = runs[0].frames.len() * components;
        let all = model
            .activations
            .as_slice_mut()
            .expect("activations are contiguous");
        all.par_chunks_mut(run_len)
            .zip(runs)
            .for_each(|(run_rows, run)| {
                run.sums.clear();
                let start = run.frames.start;
                for frames in tiles(run.frames.clone()) {
                    let len = frames.len() * components;
                    let first = (frames.start - start) * components;
                    let h = &mut run_rows[first..first + len];
                    for (channel, w) in heard.iter().enumerate() {
                        let tile = data.tile(channel, frames.clone(), h, w);
                        run.gradient(data, &tile, (channel, frames.clone()), joint);
                    }
                    step.tile(frames.start, h, &run.pull[..len], &run.push[..len]);
                    if templates && !joint {
                        for (channel, w) in heard.iter().enumerate() {
                            let tile = data.tile(channel, frames.clone(), h, w);
                            let at = (channel, frames.clone());
                            run.add_templates(data, &tile, at, Objective::Skip);
                        }
                    }
                }
            });
    }

    /// The gradient by the templates of every channel.
    fn sum_for_templates(&mut self, model: &LowRank) {
        let Self {
            data, heard, runs, ..
        } = self;
        runs.par_iter_mut().for_each(|run| {
            run.sums.clear();
            for frames in tiles(run.frames.clone()) {
                let h = rows(&model.activations, &frames);
                for (channel, w) in heard.iter().enumerate() {
                    let tile = data.tile(channel, frames.clone(), h, w);
                    let at = (channel, frames.clone());
                    run.add_templates(data, &tile, at, Objective::Compute);
                }
            }
        });
    }

    /// Add the sums of the runs in their order to those of the first; return the divergence.
    fn add_up(&mut self) -> f64 {
        let (total, rest) = self
            .runs
            .split_first_mut()
            .expect("there is at least one frame");
        // Every value is a sum of its own, so they may be cut among threads as one likes.
        let add = |total: &mut [Vec<f32>], part: fn(&Sums) -> &[Vec<f32>]| {
            for (plane, total) in total.iter_mut().enumerate() {
                let pieces = total.par_chunks_mut(ADDED_AT_ONCE).enumerate();
                pieces.for_each(|(piece, total)| {
                    for run in &*rest {
                        let part = &part(&run.sums)[plane][piece * ADDED_AT_ONCE..];
                        total.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
                    }
                });
            }
        };
        add(&mut total.sums.pull, |sums| &sums.pull);
        add(&mut total.sums.push, |sums| &sums.push);
        for run in &*rest {
            total.sums.divergence += run.sums.divergence;
        }
        total.sums.divergence
    }

    /// Pack the templates as each channel hears them now.
    fn hear(&mut self, model: &LowRank) {
        let channels = self.heard.iter_mut().zip(model.pan_gains.outer_iter());
        for (channel, (heard, gains)) in channels.enumerate() {
            let gains = gains.insert_axis(Axis(1));
            Zip::from(&mut self.unpacked)
                .and(&model.templates)
                .and_broadcast(&gains)
                .for_each(|heard, w, gain| *heard = w * gain);
            let values = self.unpacked.as_slice().expect("it was made contiguous");
            heard.repack(values).expect(CHECKED);
            if let Some(guided) = &mut self.data.guided {
                guided.hear(channel, &self.unpacked);
            }
        }
    }
}

impl Run {
    fn new(
        frames: Range<usize>,
        components: usize,
        planes: usize,
        bins: usize,
        push_width: usize,
    ) -> Self {
        let tile = vec![0.0; TILE_FRAMES * components];
        Self {
            frames,
            scratch: Scratch::default(),
            room: Room::default(),
            sums: Sums {
                pull: vec![vec![0.0; components * bins]; planes],
                push: vec![vec![0.0; components * push_width]; planes],
                divergence: 0.0,
            },
            pull: tile.clone(),
            push: tile.clone(),
            more_pull: tile.clone(),
            more_push: tile,
        }
    }

    /// The gradient by the activations of a tile, all channels added, and, jointly, that by the
    /// templates.
    fn gradient(
        &mut self,
        data: &Data<'_>,
        tile: &Tile<'_>,
        at: (usize, Range<usize>),
        joint: bool,
    ) {
        let len = tile.frames() * tile.components();
        let channel = at.0;
        // The kernel overwrites: further channels are computed beside and added.
        let (pull, push) = if channel == 0 {
            (&mut self.pull[..len], &mut self.push[..len])
        } else {
            (&mut self.more_pull[..len], &mut self.more_push[..len])
        };
        let (sums, scratch) = (&mut self.sums, &mut self.scratch);
        let templates = joint.then(|| (&mut sums.pull[channel][..], &mut sums.push[channel][..]));
        let wanted = Wanted {
            activations: Some((pull, push)),
            templates,
        };
        sums.divergence += data.gradient(
            tile,
            at,
            wanted,
            Objective::Compute,
            &mut self.room,
            scratch,
        );
        if channel > 0 {
            for (sum, more) in [
                (&mut self.pull, &self.more_pull),
                (&mut self.push, &self.more_push),
            ] {
                sum[..len]
                    .iter_mut()
                    .zip(more)
                    .for_each(|(sum, more)| *sum += more);
            }
        }
    }

    /// Add the gradient by the templates of a tile.
    fn add_templates(
        &mut self,
        data: &Data<'_>,
        tile: &Tile<'_>,
        at: (usize, Range<usize>),
        objective: Objective,
    ) {
        let (sums, scratch) = (&mut self.sums, &mut self.scratch);
        let wanted = Wanted {
            activations: None,
            templates: Some((&mut sums.pull[at.0], &mut sums.push[at.0])),
        };
        sums.divergence += data.gradient(tile, at, wanted, objective, &mut self.room, scratch);
    }

    /// The divergence of a tile.
    fn objective(&mut self, data: &Data<'_>, tile: &Tile<'_>, at: (usize, Range<usize>)) -> f64 {
        let wanted = Wanted {
            activations: None,
            templates: None,
        };
        let (room, scratch) = (&mut self.room, &mut self.scratch);
        data.gradient(tile, at, wanted, Objective::Compute, room, scratch)
    }
}

impl Sums {
    fn clear(&mut self) {
        let planes = self.pull.iter_mut().chain(&mut self.push);
        planes.for_each(|plane| plane.fill(0.0));
        self.divergence = 0.0;
    }
}

impl Data<'_> {
    /// What is wanted of a tile, with the hints where there are any; returns the divergence.
    fn gradient(
        &self,
        tile: &Tile<'_>,
        (channel, frames): (usize, Range<usize>),
        mut wanted: Wanted<'_>,
        objective: Objective,
        room: &mut Room,
        scratch: &mut Scratch,
    ) -> f64 {
        let kernel = &self.kernel;
        if let Some(guided) = &self.guided {
            let at = (channel, frames);
            let value = guided.tile(kernel, tile, at, &mut wanted, objective, room, scratch);
            if let Some(value) = value {
                return value;
            }
        }
        match (wanted.activations, wanted.templates) {
            (Some((pull_h, push_h)), Some(templates)) => {
                kernel.gradient_both(tile, (pull_h, push_h), templates, objective, scratch)
            }
            (Some((pull, push)), None) => {
                kernel.gradient_activations(tile, pull, push, objective, scratch)
            }
            (None, Some((pull, push))) => {
                kernel.gradient_templates(tile, pull, push, objective, scratch)
            }
            (None, None) => Ok(kernel.divergence(tile, scratch)),
        }
        .expect(CHECKED)
    }

    fn tile<'t>(
        &'t self,
        channel: usize,
        frames: Range<usize>,
        h: &'t [f32],
        templates: &'t Templates,
    ) -> Tile<'t> {
        let len = frames.len();
        Tile::new(
            self.spectrogram.rows(channel, frames),
            h,
            templates,
            None,
            len,
        )
        .expect(CHECKED)
    }
}

/// Some frames of activations.
fn rows<'h>(activations: &'h Array2<f32>, frames: &Range<usize>) -> &'h [f32] {
    let components = activations.ncols();
    let all = activations.as_slice().expect("activations are contiguous");
    &all[frames.start * components..frames.end * components]
}

/// Cut all frames into runs of whole tiles, the first the longest.
pub(super) fn runs(frames: usize) -> Vec<Range<usize>> {
    let len = frames.div_ceil(TILE_FRAMES).div_ceil(RUNS) * TILE_FRAMES;
    (0..frames)
        .step_by(len.max(1))
        .map(|start| start..(start + len).min(frames))
        .collect()
}

/// Cut a run into tiles.
pub(super) fn tiles(run: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    run.clone()
        .step_by(TILE_FRAMES)
        .map(move |start| start..(start + TILE_FRAMES).min(run.end))
}

/// From the gradient by the templates each channel hears to that by the shared ones, of as many
/// values per component.
fn heard_to_shared(sums: &Sums, pan_gains: &Array2<f32>) -> (Vec<f32>, Vec<f32>) {
    let share = |planes: &[Vec<f32>]| {
        let mut shared = vec![0.0; planes[0].len()];
        let width = shared.len() / pan_gains.ncols();
        for (plane, gains) in planes.iter().zip(pan_gains.outer_iter()) {
            for ((shared, plane), gain) in shared
                .chunks_exact_mut(width)
                .zip(plane.chunks_exact(width))
                .zip(gains)
            {
                shared
                    .iter_mut()
                    .zip(plane)
                    .for_each(|(shared, value)| *shared += gain * value);
            }
        }
        shared
    };
    (share(&sums.pull), share(&sums.push))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Start;
    use crate::testsignals::{noisy_spectrogram, positive};

    #[test]
    fn runs_and_tiles_cover_every_frame_once_in_order() {
        for frames in [1, 47, 48, 49, 767, 768, 769, 10_000] {
            let runs = runs(frames);
            assert!(runs.len() <= RUNS, "{frames}");
            let covered: Vec<usize> = runs.iter().cloned().flat_map(tiles).flatten().collect();
            assert_eq!(covered, (0..frames).collect::<Vec<_>>());
            assert!(runs.iter().all(|run| run.len() <= runs[0].len()));
        }
    }

    #[test]
    fn a_joint_step_is_that_of_expectation_maximization() {
        // Probabilistic latent semantic analysis by loops in f64.
        let (bins, frames, components) = (37, 101, 3);
        for channels in [1, 2] {
            let spectrogram = noisy_spectrogram(channels, bins, frames, 11);
            let start = LowRank::free(&spectrogram, components, Start::Random, 4).unwrap();
            let gains = positive((components, channels), 5);
            let mut start = start.with_pan_gains(gains.view()).unwrap();
            start.normalize();
            assert_eq!(Scheme::fastest(1.0, &start), Scheme::Joint);
            let mut stepped = start.clone();
            let mut pass = Pass::new(&spectrogram, &FitConfig::default(), &start, None);
            pass.iterate(&mut stepped, Scheme::Joint, 1.0);

            let mut w = Array2::<f64>::zeros((bins, components));
            let mut h = Array2::<f64>::zeros((components, frames));
            let mut g = Array2::<f64>::zeros((components, channels));
            let mut total = vec![0.0; components];
            let at = |x: ndarray::ArrayView2<'_, f32>, i, j| f64::from(x[[i, j]]);
            for ((c, f, t), &v) in spectrogram.view().indexed_iter() {
                let part = |k| {
                    at(start.pan_gains(), k, c)
                        * at(start.templates(), f, k)
                        * at(start.activations(), k, t)
                };
                let model = f64::from(floor(&spectrogram)) + (0..components).map(part).sum::<f64>();
                for (k, total) in total.iter_mut().enumerate() {
                    let share = f64::from(v) * part(k) / model;
                    w[[f, k]] += share;
                    h[[k, t]] += share / channels as f64;
                    g[[k, c]] += share * channels as f64;
                    *total += share;
                }
            }
            for (k, total) in total.into_iter().enumerate() {
                w.column_mut(k).mapv_inplace(|w| w / total);
                g.row_mut(k).mapv_inplace(|g| g / total);
            }
            // Sums over some hundred f32 terms.
            let near = |found: ndarray::ArrayView2<'_, f32>, expected: &Array2<f64>| {
                for (index, &expected) in expected.indexed_iter() {
                    let found = f64::from(found[index]);
                    let ratio = found / expected;
                    assert!((ratio - 1.0).abs() < 1e-4, "{index:?}: {found} {expected}");
                }
            };
            near(stepped.templates(), &w);
            near(stepped.activations(), &h);
            near(stepped.pan_gains(), &g);
        }
    }
}
