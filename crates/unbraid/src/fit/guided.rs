//! A tile, and what each source may claim of it, come in; the gradients of the regularised objective go out.
//!
//! A source p sees the others through their claims: its pull, `claim_p V / Γ`, is that of a model `Γ / claim_p`, which is its
//! own model on top of everybody else's. So the kernel does the work, source by source, with the others as its base.
//!
//! Legend: as in `pass`; Γ = floor + `Σ_j claim_j Λ_j`.

use std::ops::Range;

use ndarray::Array2;
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

use super::Guidance;
use super::pass::CHECKED;
use crate::knowledge::hints::Hints;
use crate::model::LowRank;

/// The components of every source, as the kernel wants them.
pub(super) struct Guided<'a> {
    hints: &'a Hints,
    groups: Vec<Group>,
    bins: usize,
}

/// The components of one source.
struct Group {
    source: usize,
    components: Vec<usize>,
    /// One per channel.
    heard: Vec<Templates>,
    /// The templates of one channel, before they are packed.
    unpacked: Vec<f32>,
}

/// What one run of tiles needs.
#[derive(Default)]
pub(super) struct Room {
    /// `(sources, frames, bins)`.
    claims: Vec<f32>,
    /// `(groups, frames, bins)`.
    models: Vec<f32>,
    /// Γ.
    total: Vec<f32>,
    base: Vec<f32>,
    h: Vec<f32>,
    own: Own,
}

/// The gradients by the factors of one source.
#[derive(Default)]
struct Own {
    pull_h: Vec<f32>,
    push_h: Vec<f32>,
    pull_w: Vec<f32>,
    push_w: Vec<f32>,
}

/// Pull and push of either factor, where they are wanted; `(frames, components)` and added to `(components, bins)`.
pub(super) struct Wanted<'g> {
    pub(super) activations: Option<(&'g mut [f32], &'g mut [f32])>,
    pub(super) templates: Option<(&'g mut [f32], &'g mut [f32])>,
}

impl<'a> Guided<'a> {
    pub(super) fn new(guidance: Guidance<'a>, model: &LowRank, isa: Isa) -> Self {
        let bins = model.bins();
        let groups = (0..guidance.hints.sources()).filter_map(|source| {
            let owners = guidance.owners.iter().enumerate();
            let own = owners.filter(|&(_, &owner)| owner == source);
            let components: Vec<usize> = own.map(|(component, _)| component).collect();
            if components.is_empty() {
                return None;
            }
            let unpacked = vec![0.0; components.len() * bins];
            let pack = |_| Templates::new(isa, &unpacked, components.len(), bins).expect(CHECKED);
            Some(Group {
                source,
                heard: (0..model.channels()).map(pack).collect(),
                components,
                unpacked,
            })
        });
        Self {
            hints: guidance.hints,
            groups: groups.collect(),
            bins,
        }
    }

    /// Pack the templates as a channel hears them now, `(components, bins)`.
    pub(super) fn hear(&mut self, channel: usize, templates: &Array2<f32>) {
        for group in &mut self.groups {
            let rows = group.unpacked.chunks_exact_mut(self.bins);
            for (row, &component) in rows.zip(&group.components) {
                let template = templates.row(component);
                row.copy_from_slice(template.to_slice().expect("rows are contiguous"));
            }
            group.heard[channel].repack(&group.unpacked).expect(CHECKED);
        }
    }

    /// The gradients of a tile and its part of the objective; none where no hint touches it.
    #[expect(clippy::too_many_arguments, reason = "all that a tile is")]
    pub(super) fn tile(
        &self,
        kernel: &Kernel,
        tile: &Tile<'_>,
        (channel, frames): (usize, Range<usize>),
        wanted: &mut Wanted<'_>,
        objective: Objective,
        room: &mut Room,
        scratch: &mut Scratch,
    ) -> Option<f64> {
        let (v, h) = (tile.data(), tile.activations());
        let (bins, len, components) = (self.bins, tile.frames(), tile.components());
        let cells = len * bins;
        room.claims.resize(self.hints.sources() * cells, 1.0);
        if !self.hints.claims(frames, &mut room.claims) {
            return None;
        }
        room.models.resize(self.groups.len() * cells, 0.0);
        room.models.fill(0.0);
        room.total.clear();
        room.total.resize(cells, kernel.floor());
        // Λ − Γ: what the claims leave of the model nowhere.
        let mut unclaimed = 0.0;
        for (group, model) in self.groups.iter().zip(room.models.chunks_exact_mut(cells)) {
            gather(h, components, &group.components, &mut room.h);
            kernel
                .add_product(&room.h, &group.heard[channel], model, scratch)
                .expect(CHECKED);
            let claims = &room.claims[group.source * cells..][..cells];
            for ((total, model), claims) in room
                .total
                .chunks_exact_mut(bins)
                .zip(model.chunks_exact_mut(bins))
                .zip(claims.chunks_exact(bins))
            {
                let mut rest = 0.0_f32;
                for ((total, model), claim) in total.iter_mut().zip(model).zip(claims) {
                    let claimed = *claim * *model;
                    *total += claimed;
                    rest += *model - claimed;
                    *model = claimed;
                }
                unclaimed += f64::from(rest);
            }
        }
        let mut value = 0.0;
        if objective == Objective::Compute {
            // The fields go where the bases will be.
            room.base.resize(2 * cells, 0.0);
            let (pull, push) = room.base.split_at_mut(cells);
            value = kernel
                .fields(v, &room.total, pull, push, Objective::Compute)
                .expect(CHECKED)
                + unclaimed;
        }
        if wanted.activations.is_none() && wanted.templates.is_none() {
            return Some(value);
        }
        room.base.resize(cells, 0.0);
        for (group, claimed) in self.groups.iter().zip(room.models.chunks_exact(cells)) {
            let claims = &room.claims[group.source * cells..][..cells];
            let others = room.total.iter().zip(claimed).zip(claims);
            for (base, ((total, claimed), claim)) in room.base.iter_mut().zip(others) {
                *base = ((total - claimed) / claim - kernel.floor()).max(0.0);
            }
            gather(h, components, &group.components, &mut room.h);
            let heard = &group.heard[channel];
            let tile = Tile::new(v, &room.h, heard, Some(&room.base), len).expect(CHECKED);
            group.gradient(kernel, &tile, wanted, components, &mut room.own, scratch);
        }
        Some(value)
    }
}

impl Group {
    /// The gradients by the own factors, put where they belong among all.
    fn gradient(
        &self,
        kernel: &Kernel,
        tile: &Tile<'_>,
        wanted: &mut Wanted<'_>,
        components: usize,
        room: &mut Own,
        scratch: &mut Scratch,
    ) {
        let bins = tile.bins();
        let own = self.components.len();
        let (pull_h, push_h) = (&mut room.pull_h, &mut room.push_h);
        pull_h.resize(tile.frames() * own, 0.0);
        push_h.resize(tile.frames() * own, 0.0);
        let (pull_w, push_w) = (&mut room.pull_w, &mut room.push_w);
        pull_w.clear();
        pull_w.resize(own * bins, 0.0);
        push_w.clear();
        push_w.resize(own, 0.0);
        let skip = Objective::Skip;
        match (&wanted.activations, &wanted.templates) {
            (Some(_), Some(_)) => {
                kernel.gradient_both(tile, (pull_h, push_h), (pull_w, push_w), skip, scratch)
            }
            (Some(_), None) => kernel.gradient_activations(tile, pull_h, push_h, skip, scratch),
            _ => kernel.gradient_templates(tile, pull_w, push_w, skip, scratch),
        }
        .expect(CHECKED);
        if let Some((pull, push)) = &mut wanted.activations {
            for (all, part) in [(pull, pull_h), (push, push_h)] {
                for (all, part) in all.chunks_exact_mut(components).zip(part.chunks_exact(own)) {
                    for (&component, value) in self.components.iter().zip(part) {
                        all[component] = *value;
                    }
                }
            }
        }
        if let Some((pull, push)) = &mut wanted.templates {
            for ((&component, part), sum) in self
                .components
                .iter()
                .zip(pull_w.chunks_exact(bins))
                .zip(push_w)
            {
                let row = &mut pull[component * bins..][..bins];
                row.iter_mut()
                    .zip(part)
                    .for_each(|(all, part)| *all += part);
                push[component] += *sum;
            }
        }
    }
}

/// The activations of some components, frame after frame.
fn gather(h: &[f32], components: usize, wanted: &[usize], out: &mut Vec<f32>) {
    out.clear();
    let frames = h.chunks_exact(components);
    out.extend(frames.flat_map(|frame| wanted.iter().map(|&component| frame[component])));
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use crate::error::Error;
    use crate::fit::{Fit, FitConfig, Guidance, fit, fit_guided, refit, resume};
    use crate::knowledge::hints::{Area, Grid, Hints, Regions};
    use crate::model::{LowRank, Start, Update};
    use crate::reference::{Claims, Factors, Problem};
    use crate::testsignals::noisy_spectrogram;
    use crate::{Spectrogram, Stft, StftConfig};

    const FRAMES: usize = 110;
    const BINS: usize = 33;
    const OWNERS: [usize; 4] = [1, 0, 1, 0];

    /// f32 against f64 over some iterations.
    const ROUNDING: f64 = 2e-5;

    fn area(source: &str, strength: f32, secs: [f64; 2], hz: [f64; 2]) -> Area {
        Area {
            source: source.into(),
            strength,
            secs,
            hz,
        }
    }

    /// Boxes that overlap, in some tiles and not in others.
    fn hints(strength: f32) -> Hints {
        let stft = Stft::new(StftConfig::with_fft_len(2 * (BINS - 1))).unwrap();
        let grid = Grid {
            stft: &stft,
            sample_rate: 8000,
            frames: FRAMES,
        };
        let regions = Regions {
            boxes: vec![
                area("a", strength, [0.0, 0.05], [0.0, 1500.0]),
                area("b", strength, [0.03, 0.06], [1000.0, 4000.0]),
            ],
            strokes: Vec::new(),
        };
        let hints = Hints::new(grid, &["a", "b"]).unwrap();
        hints.with_regions(&regions).unwrap()
    }

    fn claims(hints: &Hints) -> Array3<f64> {
        let mut claims = vec![0.0; 2 * FRAMES * BINS];
        assert!(hints.claims(0..FRAMES, &mut claims));
        let claims = Array3::from_shape_vec((2, FRAMES, BINS), claims).unwrap();
        claims.mapv(f64::from).permuted_axes([0, 2, 1]).to_owned()
    }

    fn start(spectrogram: &Spectrogram) -> LowRank {
        let pan = if spectrogram.channels() > 1 {
            Update::Learn
        } else {
            Update::Fixed
        };
        LowRank::free(spectrogram, 4, Start::Random, 0)
            .unwrap()
            .with_pan(pan)
    }

    fn config(iterations: usize, exact: bool) -> FitConfig {
        FitConfig {
            iterations,
            exact,
            ..FitConfig::default()
        }
    }

    fn never_rises(fit: &Fit) {
        for pair in fit.objective.windows(2) {
            assert!(
                pair[1] <= pair[0] * (1.0 + 2e-6),
                "{} after {}",
                pair[1],
                pair[0]
            );
        }
    }

    #[test]
    fn guided_steps_are_those_of_the_naive_loops_and_never_raise_the_objective() {
        for channels in [1, 2] {
            let spectrogram = noisy_spectrogram(channels, BINS, FRAMES, 3);
            let hints = hints(0.8);
            let guidance = Some(Guidance {
                hints: &hints,
                owners: &OWNERS,
            });
            let mut problem = Problem::new(spectrogram.view().mapv(f64::from), 1.0);
            problem.claims = Some(Claims {
                claims: claims(&hints),
                owners: OWNERS.to_vec(),
            });
            let mut model = start(&spectrogram);
            model.normalize();
            let mut slow = Factors::from(&model);
            let exact = config(6, true);
            let fast = fit_guided(model, &spectrogram, guidance, &exact, &mut ()).unwrap();
            for &objective in &fast.objective {
                let expected = problem.divergence(&slow);
                assert!(
                    (objective / expected - 1.0).abs() < ROUNDING,
                    "{channels} channels: {objective}, naive {expected}"
                );
                problem.iterate(&mut slow);
            }
            never_rises(&fast);
            // The faster scheme minimises the same.
            let joint = config(60, false);
            let fast = fit_guided(start(&spectrogram), &spectrogram, guidance, &joint, &mut ());
            let fast = fast.unwrap();
            never_rises(&fast);
            let expected = problem.divergence(&Factors::from(&fast.model));
            assert!((fast.final_objective() / expected - 1.0).abs() < ROUNDING);
            let plain = fit(start(&spectrogram), &spectrogram, &joint, &mut ()).unwrap();
            let unguided = problem.divergence(&Factors::from(&plain.model));
            assert!(
                expected < 0.999 * unguided,
                "{expected}, without hints {unguided}"
            );
        }
    }

    #[test]
    fn hints_that_say_nothing_change_no_bit() {
        let spectrogram = noisy_spectrogram(1, BINS, FRAMES, 3);
        let plain = fit(
            start(&spectrogram),
            &spectrogram,
            &config(20, false),
            &mut (),
        )
        .unwrap();
        let empty = hints(0.0);
        assert!(empty.is_empty());
        let guidance = Some(Guidance {
            hints: &empty,
            owners: &OWNERS,
        });
        let same = fit_guided(
            start(&spectrogram),
            &spectrogram,
            guidance,
            &config(20, false),
            &mut (),
        );
        assert_eq!(same.unwrap(), plain);
    }

    #[test]
    fn a_fit_that_goes_on_is_the_fit_that_ran_through_to_the_last_bit() {
        let spectrogram = noisy_spectrogram(2, BINS, FRAMES, 5);
        let hints = hints(0.9);
        let guided = Guidance {
            hints: &hints,
            owners: &OWNERS,
        };
        for guidance in [None, Some(guided)] {
            for exact in [false, true] {
                let run = |iterations| {
                    let config = config(iterations, exact);
                    fit_guided(
                        start(&spectrogram),
                        &spectrogram,
                        guidance,
                        &config,
                        &mut (),
                    )
                    .unwrap()
                };
                let through = run(60);
                for first in [0, 1, 5, 9, 10, 11, 12, 25, 37, 38, 39, 40, 59, 60] {
                    let rest = config(60 - first, exact);
                    let resumed = resume(run(first), &spectrogram, guidance, &rest, &mut ());
                    assert_eq!(resumed.unwrap(), through, "after {first}, exact: {exact}");
                }
            }
        }
    }

    #[test]
    fn a_refit_that_goes_on_is_the_refit_that_ran_through() {
        let spectrogram = noisy_spectrogram(1, BINS, FRAMES, 5);
        let hints = hints(0.9);
        let guidance = Some(Guidance {
            hints: &hints,
            owners: &OWNERS,
        });
        let stored = fit(
            start(&spectrogram),
            &spectrogram,
            &config(20, false),
            &mut (),
        )
        .unwrap();
        let run = |n| {
            let model = stored.model.clone();
            refit(model, &spectrogram, guidance, &config(n, false), &mut ()).unwrap()
        };
        let first = run(4);
        never_rises(&run(30));
        let resumed = resume(first, &spectrogram, guidance, &config(26, false), &mut ());
        assert_eq!(resumed.unwrap(), run(30));
    }

    #[test]
    fn hints_need_the_kullback_leibler_divergence_and_a_source_for_every_component() {
        let spectrogram = noisy_spectrogram(1, BINS, FRAMES, 3);
        let hints = hints(0.9);
        let attempt = |beta, owners: &[usize]| {
            let guidance = Some(Guidance {
                hints: &hints,
                owners,
            });
            let config = FitConfig {
                beta,
                ..FitConfig::default()
            };
            fit_guided(
                start(&spectrogram),
                &spectrogram,
                guidance,
                &config,
                &mut (),
            )
            .unwrap_err()
        };
        let error = attempt(0.0, &OWNERS);
        assert!(
            matches!(&error, Error::Config { field: "fit.beta", requirement, .. } if requirement.contains("kl")),
            "{error}"
        );
        assert!(matches!(attempt(1.0, &[0; 3]), Error::Shape { .. }));
        let error = attempt(1.0, &[0, 1, 2, 0]);
        assert!(
            matches!(
                error,
                Error::Config {
                    field: "owners",
                    ..
                }
            ),
            "{error}"
        );
    }
}
