//! Free components for what no instrument covers: any templates, or combs.

use ndarray::{Array2, s};

use super::{FreeKind, Scene};
use crate::Error;
use crate::knowledge::Comb;
use crate::model::{LowRank, Start, Update};

/// Free components, and what they start from.
pub(super) struct Free {
    count: usize,
    combs: Vec<Comb>,
    /// `(bins, count)`, for combs.
    templates: Array2<f32>,
}

/// The fundamentals of combs.
const LOWEST_HZ: f64 = 80.0;
const HIGHEST_HZ: f64 = 1100.0;

impl Free {
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let count = scene.config.free.min(scene.spectrogram.frames());
        let combs: Vec<Comb> = match scene.config.free_kind {
            FreeKind::Plain => Vec::new(),
            FreeKind::Harmonic => {
                let octaves = (HIGHEST_HZ / LOWEST_HZ).log2();
                let step = octaves / count.max(2) as f64;
                (0..count)
                    .map(|k| Comb {
                        f0_hz: LOWEST_HZ * (k as f64 * step).exp2(),
                        inharmonicity: 0.0,
                        spread_cents: 600.0 * step,
                    })
                    .collect()
            }
        };
        let (stft, rate) = (scene.stft.config(), scene.audio.sample_rate());
        let mut templates = Array2::zeros((scene.spectrogram.bins(), combs.len()));
        for (mut column, comb) in templates.columns_mut().into_iter().zip(&combs) {
            column.assign(&comb.template(stft, rate));
        }
        Self {
            count,
            combs,
            templates,
        }
    }

    /// The term of the model, if there are any.
    pub(super) fn term(&self, scene: &Scene<'_>) -> Result<Option<LowRank>, Error> {
        if self.count == 0 {
            return Ok(None);
        }
        let start = if self.combs.is_empty() {
            Start::Random
        } else {
            Start::Templates(self.templates.view())
        };
        let free = LowRank::free(scene.spectrogram, self.count, start, scene.config.seed)?;
        Ok(Some(free.with_pan(Update::Fixed)))
    }

    /// Go on from what combs have learnt, made smooth; other components start anew, since what they took from a note is not
    /// theirs to keep.
    pub(super) fn follow(&mut self, model: &LowRank, first: usize, scene: &Scene<'_>) {
        let (stft, rate) = (scene.stft.config(), scene.audio.sample_rate());
        for (k, comb) in self.combs.iter().enumerate() {
            let templates = model.templates();
            let learnt = templates.slice(s![.., first + k]);
            let smooth = comb.smoothed(learnt, stft, rate);
            self.templates.column_mut(k).assign(&smooth);
        }
    }
}
