//! A factorisation comes in; what the page shows of it goes out.

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde_json::{Value, json};
use unbraid::Audio;
use unbraid::factorize::Factorization;
use unbraid::group::{Feature, Grouping};
use unbraid::sharing::{Components, StemsConfig};

use crate::failure::Failure;
use crate::loudness::gram;
use crate::picture::{Picture, TILE};
use crate::rows::{ROWS, Rows};

/// A factorisation, prepared for looking at it.
#[derive(Debug)]
pub(crate) struct Fitted {
    /// Which state of the project it is; counts up.
    pub(crate) revision: usize,
    pub(crate) factorization: Factorization,
    /// Templates on the rows of the picture, `(components, ROWS)`.
    templates: Array2<f32>,
    loudness: Array2<f64>,
    /// Every component as a source of its own: what is played.
    pub(crate) sounds: Components,
}

impl Fitted {
    pub(crate) fn new(
        revision: usize,
        factorization: Factorization,
        audio: &Audio,
    ) -> Result<Self, Failure> {
        let model = &factorization.fit.model;
        let rows = Rows::new(audio.sample_rate(), factorization.stft.config().fft_len);
        let mut templates = Array2::zeros((model.components(), ROWS));
        for (template, mut out) in model
            .templates()
            .columns()
            .into_iter()
            .zip(templates.rows_mut())
        {
            let template = template.to_vec();
            rows.means(&template, out.as_slice_mut().expect("rows are contiguous"));
        }
        let loudness = gram(audio, &factorization);
        let each: Vec<Vec<usize>> = (0..model.components()).map(|k| vec![k]).collect();
        let sounds = factorization.sharing(&each, StemsConfig::default())?;
        Ok(Self {
            revision,
            factorization,
            templates,
            loudness,
            sounds,
        })
    }

    pub(crate) fn components(&self) -> usize {
        self.factorization.fit.model.components()
    }

    /// For every set of components, its share of one tile of the picture, 255 being all of it;
    /// columns and rows as in [`Picture::tile`].
    pub(crate) fn shares(
        &self,
        picture: &Picture,
        width: usize,
        index: usize,
        sets: &[Vec<usize>],
    ) -> Vec<u8> {
        let activations = self.factorization.fit.model.activations();
        let (components, frames) = activations.dim();
        let hop_secs = f64::from(self.factorization.stft.config().hop_len as u32)
            / f64::from(self.factorization.sample_rate);
        let columns_per_pixel = (1_usize << width) as f64 * picture.hop_secs / hop_secs;
        let mut membership = vec![vec![false; components]; sets.len()];
        for (row, set) in membership.iter_mut().zip(sets) {
            for &component in set {
                row[component] = true;
            }
        }
        let columns: Vec<Vec<u8>> = (0..TILE)
            .into_par_iter()
            .map(|column| {
                let mut out = vec![0_u8; sets.len() * ROWS];
                let at = (index * TILE + column) as f64 * columns_per_pixel;
                let start = at.round() as usize;
                if start >= frames {
                    return out;
                }
                let end = ((at + columns_per_pixel).round() as usize).clamp(start + 1, frames);
                let mut total = vec![f32::MIN_POSITIVE; ROWS];
                let mut models = vec![0.0_f32; sets.len() * ROWS];
                for component in 0..components {
                    let gain: f32 = (start..end)
                        .map(|frame| activations[[component, frame]])
                        .sum();
                    let template = self.templates.row(component);
                    for (total, w) in total.iter_mut().zip(template) {
                        *total += gain * w;
                    }
                    for (set, model) in models.chunks_mut(ROWS).enumerate() {
                        if membership[set][component] {
                            for (model, w) in model.iter_mut().zip(template) {
                                *model += gain * w;
                            }
                        }
                    }
                }
                for (out, model) in out.chunks_mut(ROWS).zip(models.chunks(ROWS)) {
                    for ((out, model), total) in out.iter_mut().zip(model).zip(&total) {
                        *out = (255.0 * model / total).round() as u8;
                    }
                }
                out
            })
            .collect();
        let mut planes = Vec::with_capacity(sets.len() * TILE * ROWS);
        for set in 0..sets.len() {
            for column in &columns {
                planes.extend_from_slice(&column[set * ROWS..(set + 1) * ROWS]);
            }
        }
        planes
    }

    /// Templates `(components, ROWS)`, then activations `(components, frames)`, as they sound: a template's largest
    /// value is one, an activation is the level of its loudest row.
    pub(crate) fn factors(&self) -> Vec<u8> {
        let activations = self.factorization.fit.model.activations();
        let peaks: Vec<f32> = self
            .templates
            .rows()
            .into_iter()
            .map(|row| row.iter().copied().fold(f32::MIN_POSITIVE, f32::max))
            .collect();
        let mut bytes = Vec::new();
        for (row, peak) in self.templates.rows().into_iter().zip(&peaks) {
            bytes.extend(row.iter().flat_map(|value| (value / peak).to_le_bytes()));
        }
        for (row, peak) in activations.axis_iter(Axis(0)).zip(&peaks) {
            bytes.extend(row.iter().flat_map(|value| (value * peak).to_le_bytes()));
        }
        bytes
    }

    /// Everything in words and numbers.
    pub(crate) fn describe(&self, grouping: &Grouping) -> Value {
        let components: Vec<Value> = grouping
            .components
            .iter()
            .enumerate()
            .map(|(component, decision)| {
                let features: Vec<Value> = decision
                    .features
                    .iter()
                    .flat_map(|features| {
                        Feature::ALL.into_iter().filter_map(move |feature| {
                            let value = feature.of(features)?;
                            Some(json!({ "name": feature.name(), "words": feature.words(value) }))
                        })
                    })
                    .collect();
                json!({
                    "source": decision.source,
                    "automatic": decision.automatic,
                    "decidedBy": decision.decided_by,
                    "posteriors": decision.posteriors,
                    "evidence": decision.evidence.iter().map(|part| json!({
                        "words": part.words, "logOdds": part.log_odds,
                    })).collect::<Vec<_>>(),
                    "features": features,
                    "why": grouping.why(component),
                })
            })
            .collect();
        let (fit, stft) = (&self.factorization.fit, self.factorization.stft.config());
        json!({
            "revision": self.revision,
            "frames": fit.model.frames(),
            "hopSecs": f64::from(stft.hop_len as u32) / f64::from(self.factorization.sample_rate),
            "iterations": fit.iterations(),
            "objective": [fit.objective.first(), fit.objective.last()],
            "components": components,
            "notes": grouping.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "loudness": self.loudness.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
        })
    }
}
