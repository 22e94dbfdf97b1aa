//! A spectrogram and how much of it each group starts from come in; one model with a part per group goes out.

use ndarray::{Array3, Axis};

use super::groups::{Group, Groups};
use super::{DrumsConfig, DrumsTask};
use crate::evidence::Class;
use crate::fit::{FitConfig, fit};
use crate::model::{LowRank, Start, Update};
use crate::observe::Observer;
use crate::{Error, Spectrogram};

/// One kind of drums, or a bass, is that much less varied than all drums, or everything else.
const SHARE_OF_ONE: usize = 3;

/// The number of components of a group's part.
pub(super) fn components(group: &Group, config: &DrumsConfig) -> usize {
    let [drums, rest] = config.part_components;
    match group.classes[..] {
        [Class::Bass] => rest.div_ceil(SHARE_OF_ONE),
        [one] if Class::DRUMS.contains(&one) => drums.div_ceil(SHARE_OF_ONE),
        _ if group
            .classes
            .iter()
            .all(|class| Class::DRUMS.contains(class)) =>
        {
            drums
        }
        _ => rest,
    }
}

/// Fit free components to each group's share of the spectrogram, `(groups, frames, bins)`, then all to the whole of it.
pub(super) fn fit_parts(
    spectrogram: &Spectrogram,
    shares: &Array3<f32>,
    groups: &Groups,
    config: &DrumsConfig,
    seed: u64,
    task: &DrumsTask<'_>,
    observer: &mut dyn Observer,
) -> Result<LowRank, Error> {
    let settings = |iterations| FitConfig {
        iterations,
        tolerance: None,
        ..task.factorize.blind.fit
    };
    let mut whole: Option<LowRank> = None;
    for (group, share) in groups.iter().zip(shares.axis_iter(Axis(0))) {
        let values: Array3<f32> = &spectrogram.view() * &share.t();
        let values = Spectrogram::from_values(values.view(), spectrogram.quantity())?;
        let count = components(group, config).min(spectrogram.frames());
        let start = LowRank::free(&values, count, Start::Random, seed)?.named(&group.name);
        let start = if spectrogram.channels() > 1 {
            start.with_pan(Update::Learn)
        } else {
            start
        };
        let mut part = fit(start, &values, &settings(config.part_iterations), observer)?.model;
        // The part's values were scaled by themselves: back to those of the whole.
        part.scale_activations(values.scale());
        whole = Some(match whole {
            None => part,
            Some(others) => others.stack(&part)?,
        });
    }
    let whole = whole.ok_or(Error::TooShort {
        what: "the groups of sources",
        needed: 1,
        actual: 0,
    })?;
    let joint = FitConfig {
        exact: true,
        ..settings(config.joint_iterations)
    };
    Ok(fit(whole, spectrogram, &joint, observer)?.model)
}
