//! A factorisation comes in; what the page shows of it goes out.

use std::sync::Arc;

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde_json::{Value, json};
use unbraid::Audio;
use unbraid::evidence::Class;
use unbraid::factorize::Factorization;
use unbraid::group::{Feature, Grouping, Kind, notes_of_components};
use unbraid::knowledge::Note;
use unbraid::knowledge::hints::Hints;
use unbraid::sharing::{Sharing, StemsConfig};

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
    rows: Rows,
    /// How much of every component the network hears as each class, `(components, classes)`.
    pub(crate) classes: Array2<f32>,
    /// Every component as a source of its own: what is played.
    pub(crate) sounds: Arc<dyn Sharing>,
}

/// What was drawn, and whose every component is.
pub(crate) struct Drawn<'a> {
    pub(crate) hints: &'a Hints,
    pub(crate) owners: &'a [usize],
}

impl Fitted {
    pub(crate) fn new(
        revision: usize,
        factorization: Factorization,
        audio: &Audio,
        classes: Option<Array2<f32>>,
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
        let expected = (each.len(), Class::ALL.len());
        let classes = match classes {
            Some(classes) if classes.dim() == expected => classes,
            _ => heard(&factorization, audio)?,
        };
        Ok(Self {
            revision,
            factorization,
            templates,
            loudness,
            rows,
            classes,
            sounds: Arc::new(sounds),
        })
    }

    pub(crate) fn components(&self) -> usize {
        self.factorization.fit.model.components()
    }

    /// For every set of components, its share of one tile of the picture, 255 being all of it;
    /// columns and rows as in [`Picture::tile`]. What was drawn counts as it does in what is heard.
    pub(crate) fn shares(
        &self,
        picture: &Picture,
        width: usize,
        index: usize,
        sets: &[Vec<usize>],
        drawn: &Drawn<'_>,
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
                // Of several frames the one in the middle says what was drawn.
                let claims = self.claims(drawn.hints, usize::midpoint(start, end - 1));
                for component in 0..components {
                    let gain: f32 = (start..end)
                        .map(|frame| activations[[component, frame]])
                        .sum();
                    let claim = |row: usize| match &claims {
                        Some(claims) => gain * claims[drawn.owners[component] * ROWS + row],
                        None => gain,
                    };
                    let template = self.templates.row(component);
                    for (row, (total, w)) in total.iter_mut().zip(template).enumerate() {
                        *total += claim(row) * w;
                    }
                    for (set, model) in models.chunks_mut(ROWS).enumerate() {
                        if membership[set][component] {
                            for (row, (model, w)) in model.iter_mut().zip(template).enumerate() {
                                *model += claim(row) * w;
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

    /// What each source may claim of the rows of a frame, `(sources, ROWS)`, if something was drawn there.
    fn claims(&self, hints: &Hints, frame: usize) -> Option<Vec<f32>> {
        let mut claims = vec![1.0; hints.sources() * hints.bins()];
        hints.claims(frame..frame + 1, &mut claims).then(|| {
            let mut rows = vec![0.0; hints.sources() * ROWS];
            for (claims, rows) in claims.chunks(hints.bins()).zip(rows.chunks_mut(ROWS)) {
                self.rows.means(claims, rows);
            }
            rows
        })
    }

    /// The notes of the components that have a pitch and are no drums.
    pub(crate) fn notes(&self, grouping: &Grouping) -> Vec<Note> {
        let features = grouping.components.iter().map(|decision| {
            let kind = grouping.sources[decision.source].kind;
            let struck = kind.is_some_and(Kind::is_percussive);
            decision.features.as_ref().filter(|_| !struck)
        });
        notes_of_components(&self.factorization.factors(), features)
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

    /// Everything in words and numbers; `sound` changes with what components sound like.
    pub(crate) fn describe(&self, grouping: &Grouping, sound: usize) -> Value {
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
            "sound": sound,
            "written": self.notes(grouping),
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

/// How much of every component the network hears as each class.
fn heard(factorization: &Factorization, audio: &Audio) -> Result<Array2<f32>, Failure> {
    let spectrogram = factorization.spectrogram(audio, &mut ())?;
    let heard = factorization.hear(&spectrogram);
    Ok(factorization.classes(&spectrogram, &heard)?)
}
