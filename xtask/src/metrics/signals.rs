//! A clip or a number comes in; references and estimates to score go out.

use anyhow::Result;
use ndarray::{Array2, Array3, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unbraid::baseline::{Assign, Method, Task, run};
use unbraid::{Audio, SeparateConfig};

use crate::clips::Clip;

/// References and estimates, `(sources, channels, samples)`.
#[derive(Debug)]
pub(super) struct Signals {
    pub(super) name: String,
    pub(super) sample_rate: u32,
    pub(super) references: Array3<f32>,
    pub(super) estimates: Array3<f32>,
}

impl Signals {
    pub(super) fn secs(&self) -> f64 {
        self.references.len_of(Axis(2)) as f64 / f64::from(self.sample_rate)
    }
}

/// Noises through resonances in stereo; estimates too quiet, with some of the next source and a noise of their own.
pub(super) fn generated(sources: usize, secs: usize) -> Signals {
    let sample_rate = 44_100;
    let shape = (sources, 2, secs * sample_rate as usize);
    let (mut references, mut estimates) = (Array3::zeros(shape), Array3::zeros(shape));
    for source in 0..sources {
        references
            .index_axis_mut(Axis(0), source)
            .assign(&resonance(source as u64, shape.2));
    }
    for source in 0..sources {
        let mut estimate = resonance(100 + source as u64, shape.2) * 0.05;
        estimate.scaled_add(0.9, &references.index_axis(Axis(0), source));
        estimate.scaled_add(0.1, &references.index_axis(Axis(0), (source + 1) % sources));
        estimates.index_axis_mut(Axis(0), source).assign(&estimate);
    }
    Signals {
        name: format!("generated, {sources} sources"),
        sample_rate,
        references,
        estimates,
    }
}

/// A clip's true stems, and what sixteen components grouped by them make of it.
pub(super) fn of_clip(clip: &Clip) -> Result<Signals> {
    let config = SeparateConfig {
        sources: clip.sources.clone(),
        ..SeparateConfig::default()
    };
    let task = Task::new(&clip.mixture, &clip.truths, &config);
    let stems = run(Method::Nmf(Assign::Oracle), &task, &mut ())?.stems;
    let all = |stems: &[Audio]| {
        let (channels, len) = clip.mixture.samples().dim();
        let mut all = Array3::zeros((stems.len(), channels, len));
        for (mut plane, stem) in all.outer_iter_mut().zip(stems) {
            plane.assign(&stem.samples());
        }
        all
    };
    Ok(Signals {
        name: clip.name.clone(),
        sample_rate: clip.mixture.sample_rate(),
        references: all(&clip.truths),
        estimates: all(&stems),
    })
}

fn resonance(seed: u64, len: usize) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let near = 2.0 * 0.95 * (0.1 + 0.3 * seed as f32 % 2.0).cos();
    let mut out = Array2::zeros((2, len));
    for channel in 0..2 {
        let (mut last, mut before) = (0.0_f32, 0.0_f32);
        for sample in out.slice_mut(s![channel, ..]) {
            let now = rng.random_range(-0.05..0.05) + near * last - 0.9025 * before;
            (before, last) = (last, now);
            *sample = now;
        }
    }
    out
}
