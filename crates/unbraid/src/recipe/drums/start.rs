//! What the network hears and grouped components come in; how much of every bin each group starts from goes out.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, Axis, s};

use super::groups::Groups;
use crate::evidence::ClassShares;
use crate::model::LowRank;

/// Nobody is so certain that the others could not be heard.
const LEAST: f32 = 1e-3;

/// Frames that are worked on at a time.
const BLOCK_FRAMES: usize = 64;

/// A fit whose components were given to groups.
pub(super) struct Opinion<'a> {
    pub(super) model: &'a LowRank,
    /// Of each component.
    pub(super) group_of: Vec<usize>,
}

impl Opinion<'_> {
    /// Add the templates and activations of each group's components: products of them are the groups' models.
    fn factors(&self, groups: usize) -> Vec<(Array2<f32>, Array2<f32>)> {
        (0..groups)
            .map(|group| {
                let all = 0..self.group_of.len();
                let members: Vec<usize> = all.filter(|&k| self.group_of[k] == group).collect();
                let templates = self.model.templates().select(Axis(1), &members);
                (
                    templates.t().as_standard_layout().into_owned(),
                    self.model.activations().select(Axis(0), &members),
                )
            })
            .collect()
    }
}

/// `z`, `(groups, frames, bins)`: the weighted mean of the network and the opinions' mean in log-odds, adding up to one.
pub(super) fn started(
    heard: &ClassShares,
    groups: &Groups,
    opinions: &[Opinion<'_>],
    network_weight: f32,
) -> Array3<f32> {
    let (bins, frames) = heard.dim();
    let mut z = Array3::<f32>::zeros((groups.len(), frames, bins));
    let own = network_weight;
    let (count, asked) = (groups.len() as f32, opinions.len().max(1) as f32);
    let opinions: Vec<_> = opinions.iter().map(|it| it.factors(groups.len())).collect();
    z.axis_chunks_iter_mut(Axis(1), BLOCK_FRAMES)
        .into_par_iter()
        .enumerate()
        .for_each(|(block, mut z)| {
            let rows = z.len_of(Axis(1));
            let span = block * BLOCK_FRAMES..block * BLOCK_FRAMES + rows;
            let mut grouped = Array3::<f32>::zeros(z.raw_dim());
            for opinion in &opinions {
                let mut models = Array3::<f32>::zeros(z.raw_dim());
                for ((templates, activations), mut model) in
                    opinion.iter().zip(models.outer_iter_mut())
                {
                    let activations = activations.slice(s![.., span.clone()]);
                    ndarray::linalg::general_mat_mul(
                        1.0,
                        &activations.t(),
                        templates,
                        0.0,
                        &mut model,
                    );
                }
                add_shares(&models, &mut grouped);
            }
            for (group, mut z) in groups.iter().zip(z.outer_iter_mut()) {
                heard.write(&group.classes, span.clone(), &mut z);
            }
            // What nobody owns speaks for all alike.
            let unowned = z
                .sum_axis(Axis(0))
                .mapv(|owned| (1.0 - owned).max(0.0) / count);
            for mut z in z.outer_iter_mut() {
                z += &unowned;
            }
            z.zip_mut_with(&grouped, |network, &grouped| {
                let (heard, grouped) = (network.max(LEAST), (grouped / asked).max(LEAST));
                *network = (own * heard.ln() + (1.0 - own) * grouped.ln()).exp();
            });
            normalize(&mut z);
        });
    z
}

/// Add each model's share of their sum; where all are silent, equal shares.
fn add_shares(models: &Array3<f32>, shares: &mut Array3<f32>) {
    let total = models.sum_axis(Axis(0));
    let equal = 1.0 / models.len_of(Axis(0)) as f32;
    for (model, mut share) in models.outer_iter().zip(shares.outer_iter_mut()) {
        ndarray::Zip::from(&mut share)
            .and(model)
            .and(&total)
            .for_each(|share, &model, &total| {
                *share += if total > 0.0 { model / total } else { equal };
            });
    }
}

fn normalize(z: &mut ndarray::ArrayViewMut3<'_, f32>) {
    let total = z.sum_axis(Axis(0));
    for mut plane in z.outer_iter_mut() {
        plane /= &total;
    }
}
