//! A model and a spectrogram come in; one pass over all tiles steps the model and says what the
//! objective was.
//!
//! Legend: v = spectrogram (frames × bins of a tile), h = activations (frames × components), w =
//! templates as a channel hears them (components × bins); pull and push are the two halves of the
//! gradient (`divergence`).

use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

use super::step::Step;
use super::{FitConfig, floor};
use crate::Spectrogram;
use crate::model::{LowRank, Update};

/// Frames of a tile: with 2049 bins its data and model stay in the second-level cache.
const TILE_FRAMES: usize = 48;

/// Runs of tiles that may be worked on at once. Sums are taken within a run and then over the
/// runs in order, so this number, and not the number of threads, decides the rounding.
const RUNS: usize = 16;

/// Why the kernel's own checks cannot fail here.
const CHECKED: &str = "β, floor and shapes were checked, and the instruction set is detected";

/// Everything that stays the same from iteration to iteration.
pub(super) struct Pass<'a> {
    spectrogram: &'a Spectrogram,
    kernel: Kernel,
    step: Step,
    learns_activations: bool,
    learns_templates: bool,
    learns_pan: bool,
}

/// The two halves of the gradient by one factor, and the divergence met on the way.
struct Sums {
    /// One `(components × bins)` plane per channel.
    pull: Vec<Vec<f32>>,
    push: Vec<Vec<f32>>,
    divergence: f64,
}

impl<'a> Pass<'a> {
    pub(super) fn new(spectrogram: &'a Spectrogram, config: &FitConfig, model: &LowRank) -> Self {
        let floor = floor(spectrogram);
        let isa = if config.portable {
            Isa::Portable
        } else {
            Isa::detect()
        };
        let kernel = Kernel::with_isa(isa, config.beta, floor).expect(CHECKED);
        let columns = model.columns();
        Self {
            spectrogram,
            kernel,
            step: Step::new(spectrogram, config.beta, model),
            learns_activations: columns.iter().any(|c| c.activations != Update::Fixed),
            learns_templates: columns.iter().any(|c| c.templates != Update::Fixed),
            learns_pan: model.channels() > 1 && columns.iter().any(|c| c.pan != Update::Fixed),
        }
    }

    /// Divergence and penalties.
    pub(super) fn objective(&self, model: &LowRank) -> f64 {
        let heard = self.heard(model);
        let sums: Vec<f64> = runs(model.frames())
            .into_par_iter()
            .map(|run| {
                let mut scratch = Scratch::default();
                let mut sum = 0.0;
                for frames in tiles(run) {
                    let h = rows(&model.activations, &frames);
                    for (channel, w) in heard.iter().enumerate() {
                        let tile = self.tile(channel, frames.clone(), h, w);
                        sum += self.kernel.divergence(&tile, &mut scratch);
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
    pub(super) fn iterate(&self, model: &mut LowRank, damping: f32) -> f64 {
        let penalty = self.step.penalty(model);
        let sums = self.step_activations_and_sum(model);
        if self.learns_templates {
            let (pull, push) = heard_to_shared(&sums, &model.pan_gains);
            self.step.templates(model, &pull, &push, damping);
        }
        if self.learns_pan {
            let sums = self.sum_for_templates(model);
            self.step.pan_gains(model, &sums.pull, &sums.push);
        }
        model.normalize();
        sums.divergence + penalty
    }

    /// In one pass over the data: step the activations of each tile, and sum the gradient by the
    /// templates with the activations as they are then.
    fn step_activations_and_sum(&self, model: &mut LowRank) -> Sums {
        if !self.learns_activations {
            return self.sum_for_templates(model);
        }
        let heard = self.heard(model);
        let components = model.components();
        let step = self.step.for_activations(model);
        let runs = runs(model.frames());
        let run_len = runs[0].len() * components;
        let all = model
            .activations
            .as_slice_mut()
            .expect("activations are contiguous");
        let parts: Vec<Sums> = all
            .par_chunks_mut(run_len)
            .zip(runs)
            .map(|(run_rows, run)| {
                let mut scratch = Scratch::default();
                let mut sums = self.no_sums(components);
                let mut pull = vec![0.0; TILE_FRAMES * components];
                let (mut push, mut more_pull, mut more_push) =
                    (pull.clone(), pull.clone(), pull.clone());
                let start = run.start;
                for frames in tiles(run) {
                    let len = frames.len() * components;
                    let first = (frames.start - start) * components;
                    let h = &mut run_rows[first..first + len];
                    let (pull, push) = (&mut pull[..len], &mut push[..len]);
                    for (channel, w) in heard.iter().enumerate() {
                        let tile = self.tile(channel, frames.clone(), h, w);
                        // The kernel overwrites: further channels are computed beside and added.
                        let (to_pull, to_push) = if channel == 0 {
                            (&mut *pull, &mut *push)
                        } else {
                            (&mut more_pull[..len], &mut more_push[..len])
                        };
                        sums.divergence += self
                            .kernel
                            .gradient_activations(
                                &tile,
                                to_pull,
                                to_push,
                                Objective::Compute,
                                &mut scratch,
                            )
                            .expect(CHECKED);
                        if channel > 0 {
                            pull.iter_mut()
                                .zip(&more_pull)
                                .for_each(|(sum, more)| *sum += more);
                            push.iter_mut()
                                .zip(&more_push)
                                .for_each(|(sum, more)| *sum += more);
                        }
                    }
                    step.tile(frames.start, h, pull, push);
                    if self.learns_templates {
                        for (channel, w) in heard.iter().enumerate() {
                            let tile = self.tile(channel, frames.clone(), h, w);
                            let (pull, push) = (&mut sums.pull[channel], &mut sums.push[channel]);
                            self.kernel
                                .gradient_templates(
                                    &tile,
                                    pull,
                                    push,
                                    Objective::Skip,
                                    &mut scratch,
                                )
                                .expect(CHECKED);
                        }
                    }
                }
                sums
            })
            .collect();
        add_up(parts)
    }

    /// The gradient by the templates of every channel.
    fn sum_for_templates(&self, model: &LowRank) -> Sums {
        let heard = self.heard(model);
        let parts: Vec<Sums> = runs(model.frames())
            .into_par_iter()
            .map(|run| {
                let mut scratch = Scratch::default();
                let mut sums = self.no_sums(model.components());
                for frames in tiles(run) {
                    let h = rows(&model.activations, &frames);
                    for (channel, w) in heard.iter().enumerate() {
                        let tile = self.tile(channel, frames.clone(), h, w);
                        let (pull, push) = (&mut sums.pull[channel], &mut sums.push[channel]);
                        sums.divergence += self
                            .kernel
                            .gradient_templates(&tile, pull, push, Objective::Compute, &mut scratch)
                            .expect(CHECKED);
                    }
                }
                sums
            })
            .collect();
        add_up(parts)
    }

    fn no_sums(&self, components: usize) -> Sums {
        let plane = vec![0.0; components * self.spectrogram.bins()];
        let planes = vec![plane; self.spectrogram.channels()];
        Sums {
            pull: planes.clone(),
            push: planes,
            divergence: 0.0,
        }
    }

    /// The templates as each channel hears them, packed for the kernel.
    fn heard(&self, model: &LowRank) -> Vec<Templates> {
        (0..self.spectrogram.channels())
            .map(|channel| {
                let heard = model.templates_heard(channel);
                let values = heard.as_slice().expect("a new array is contiguous");
                Templates::new(self.kernel.isa(), values, model.components(), model.bins())
                    .expect(CHECKED)
            })
            .collect()
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
fn runs(frames: usize) -> Vec<Range<usize>> {
    let len = frames.div_ceil(TILE_FRAMES).div_ceil(RUNS) * TILE_FRAMES;
    (0..frames)
        .step_by(len.max(1))
        .map(|start| start..(start + len).min(frames))
        .collect()
}

/// Cut a run into tiles.
fn tiles(run: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    run.clone()
        .step_by(TILE_FRAMES)
        .map(move |start| start..(start + TILE_FRAMES).min(run.end))
}

/// Add the sums of the runs in their order.
fn add_up(parts: Vec<Sums>) -> Sums {
    parts
        .into_iter()
        .reduce(|mut total, part| {
            for (total, part) in [(&mut total.pull, &part.pull), (&mut total.push, &part.push)] {
                for (total, part) in total.iter_mut().flatten().zip(part.iter().flatten()) {
                    *total += part;
                }
            }
            total.divergence += part.divergence;
            total
        })
        .expect("there is at least one frame")
}

/// From the gradient by the templates each channel hears to that by the shared ones.
fn heard_to_shared(sums: &Sums, pan_gains: &Array2<f32>) -> (Vec<f32>, Vec<f32>) {
    let share = |planes: &[Vec<f32>]| {
        let mut shared = vec![0.0; planes[0].len()];
        let bins = shared.len() / pan_gains.ncols();
        for (plane, gains) in planes.iter().zip(pan_gains.outer_iter()) {
            for ((shared, plane), gain) in shared
                .chunks_exact_mut(bins)
                .zip(plane.chunks_exact(bins))
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
}
