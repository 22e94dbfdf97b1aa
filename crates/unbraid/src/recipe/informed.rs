//! A recording and instruments that are known come in; each of them, and the free rest, go out.
//!
//! Tuning first, then notes: rounds of *fit → hear which notes sound → allow those alone → fit*.

use ndarray::{Array2, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

use crate::factorize::Factorization;
use crate::fit::{Fit, FitConfig, fit};
use crate::group::{FactorView, Overrides, Source, group};
use crate::knowledge::{Atom, Dictionary, Score, Tolerance, built_in_piano};
use crate::model::{LowRank, Penalties, Start, Update};
use crate::observe::Observer;
use crate::separation::Heard;
use crate::sharing::{Components, Explanation, StemsConfig};
use crate::spectrogram::{Channels, Quantity};
use crate::{Audio, Error, Separation, Spectrogram, Stft, StftConfig};

/// An instrument that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Instrument {
    /// The source whose sound it is.
    pub source: String,
    /// How its notes sound; without, as those of the piano that comes with the program.
    pub dictionary: Option<Dictionary>,
    /// The notes it plays, if they are known.
    pub score: Option<Score>,
}

/// What is to be found, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The sources to find.
    pub sources: &'a [Source],
    /// Those of them that are known.
    pub instruments: &'a [Instrument],
    /// What a person decided of the others.
    pub overrides: &'a Overrides,
    /// The transform; without it, [`note_stft`].
    pub stft: Option<StftConfig>,
    /// Masks → stems.
    pub stems: StemsConfig,
}

/// Settings of the informed recipe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InformedConfig {
    /// The number of free components for what no dictionary covers. A voice wants many: its pitch glides.
    pub free: usize,
    /// Whether the tuning of every instrument is estimated.
    pub tune: bool,
    /// The most cents that it may be off.
    pub most_cents: f32,
    /// A note sounds where it has more than this share of the loudest note within a second.
    pub threshold: f32,
    /// Rounds of hearing notes.
    pub rounds: usize,
    /// Iterations of each fit.
    pub iterations: usize,
    /// Layers of loudness that are made between each two that were learnt.
    pub velocities_between: usize,
    /// Whether inharmonicity moves the partials of notes that are made from their neighbours.
    pub inharmonicity: bool,
    /// How far a recording may be from its score.
    pub tolerance: Tolerance,
    /// The seed of everything random.
    pub seed: u64,
}

impl Default for InformedConfig {
    fn default() -> Self {
        Self {
            free: 60,
            tune: true,
            most_cents: 60.0,
            threshold: 0.1,
            rounds: 2,
            iterations: 30,
            velocities_between: 0,
            inharmonicity: true,
            tolerance: Tolerance::default(),
            seed: 0,
        }
    }
}

/// The mask exponent that suits known notes beside free components: 0.3 to 0.5 dB better than 1.
pub const NOTE_EXPONENT: f32 = 1.5;

/// The transform that suits notes side by side: a Hann window over the power of two nearest to 186 ms, an eighth of it
/// as hop.
#[must_use]
pub fn note_stft(sample_rate: u32) -> StftConfig {
    let usual = StftConfig::for_sample_rate(sample_rate);
    StftConfig {
        hop_len: usual.hop_len,
        ..StftConfig::with_fft_len(2 * usual.fft_len)
    }
}

/// Explain a recording by instruments that are known and free components.
///
/// Sources that no instrument is of share the free components: all of them go to the only one, or are grouped if there
/// are several.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed, or an instrument whose source is not among `sources`.
/// - [`Error::Analysis`] if a dictionary is of another transform and cannot be made anew.
/// - [`Error::Cancelled`] if the observer says so.
pub fn informed(
    audio: &Audio,
    task: &Task<'_>,
    config: &InformedConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    let sources = task.sources;
    let sample_rate = audio.sample_rate();
    let stft = Stft::new(task.stft.unwrap_or_else(|| note_stft(sample_rate)))?;
    let spectrogram = Spectrogram::of(audio, &stft, Quantity::Magnitude, Channels::Sum, observer)?;
    let hop_secs = stft.config().hop_len as f64 / f64::from(sample_rate);
    let mut notes = Vec::new();
    let mut parts = Vec::new();
    for instrument in task.instruments {
        let source = sources
            .iter()
            .position(|source| source.name == instrument.source);
        let Some(source) = source else {
            let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
            return Err(Error::config(
                "dictionary",
                format!("of `{}`", instrument.source),
                format!("of one of the sources {}", names.join(", ")),
            ));
        };
        let whole = match &instrument.dictionary {
            Some(dictionary) => dictionary.at(stft.config(), sample_rate)?,
            None => built_in_piano(stft.config(), sample_rate)?,
        };
        let known = whole.completed(21..=108, 3.0, config.inharmonicity)?;
        let known = if config.velocities_between > 0 {
            known.with_velocities_between(config.velocities_between)?
        } else {
            known
        };
        parts.push(Part::new(
            source,
            known,
            instrument.score.as_ref(),
            &spectrogram,
            hop_secs,
            config,
        ));
    }
    if config.tune {
        for part in &mut parts {
            let cents = part.tune(&spectrogram, config, observer)?;
            if cents.abs() > 1.5 {
                part.dictionary = part.dictionary.retuned(cents)?;
                notes.push(format!(
                    "{} is tuned {cents:+.0} cents beside its dictionary",
                    sources[part.source].name
                ));
            }
        }
    }
    let rounds = if parts.iter().all(|part| part.fixed) {
        0
    } else {
        config.rounds
    };
    let mut found: Option<Fit> = None;
    for round in 0..=rounds {
        let model = assemble(&parts, &spectrogram, config)?;
        let fitted = fit(model, &spectrogram, &fit_config(config), observer)?;
        let mut first = 0;
        for part in &mut parts {
            let last = first + part.kept.len();
            if round < rounds && !part.fixed {
                let own = fitted
                    .model
                    .activations()
                    .slice(s![first..last, ..])
                    .to_owned();
                part.hear(own.view(), hop_secs, config);
            }
            first = last;
        }
        found = Some(fitted);
    }
    let fitted = found.expect("there is at least one round");
    finish(
        &parts,
        fitted,
        (&stft, sample_rate, &spectrogram),
        task,
        notes,
    )
}

fn fit_config(config: &InformedConfig) -> FitConfig {
    FitConfig {
        iterations: config.iterations,
        exact: true,
        ..FitConfig::default()
    }
}

/// One instrument in the model.
struct Part {
    /// Which source it is.
    source: usize,
    dictionary: Dictionary,
    /// The atoms in use.
    kept: Vec<usize>,
    /// Where each of them may sound, `(kept, frames)`.
    allowed: Array2<bool>,
    /// Whether that is known and not to be heard.
    fixed: bool,
}

impl Part {
    fn new(
        source: usize,
        dictionary: Dictionary,
        score: Option<&Score>,
        spectrogram: &Spectrogram,
        hop_secs: f64,
        config: &InformedConfig,
    ) -> Self {
        let frames = spectrogram.frames();
        let atoms = dictionary.atoms().len();
        let allowed = score.map_or_else(
            || Array2::from_elem((atoms, frames), true),
            |score| score.allowed(dictionary.atoms(), frames, hop_secs, &config.tolerance),
        );
        let mut part = Self {
            source,
            dictionary,
            kept: (0..atoms).collect(),
            allowed,
            fixed: score.is_some(),
        };
        part.prune();
        part
    }

    /// Leave out the atoms that may sound nowhere.
    fn prune(&mut self) {
        let used: Vec<usize> = (0..self.kept.len())
            .filter(|&row| self.allowed.row(row).iter().any(|&allowed| allowed))
            .collect();
        self.kept = used.iter().map(|&row| self.kept[row]).collect();
        self.allowed = self.allowed.select(Axis(0), &used);
    }

    fn atoms(&self) -> Vec<&Atom> {
        self.kept
            .iter()
            .map(|&k| &self.dictionary.atoms()[k])
            .collect()
    }

    /// How many cents sharper than its dictionary the instrument is.
    ///
    /// The divergence of every third frame for tunings ten cents apart, each with the atoms that are most active
    /// and a few free components for the rest; a parabola through the least.
    fn tune(
        &self,
        spectrogram: &Spectrogram,
        config: &InformedConfig,
        observer: &mut dyn Observer,
    ) -> Result<f32, Error> {
        const EVERY: usize = 3;
        const STEP_CENTS: f32 = 10.0;
        const MOST_ATOMS: usize = 160;
        const FREE: usize = 8;
        /// Share of the divergence that another tuning must save.
        const LEAST_GAIN: f64 = 0.005;
        let thin = spectrogram.view().slice_move(s![.., .., ..;EVERY]);
        if thin.len_of(Axis(2)) <= FREE || self.kept.is_empty() {
            return Ok(0.0);
        }
        let thin = Spectrogram::from_values(thin, Quantity::Magnitude)?;
        if thin.mean() <= 0.0 {
            return Ok(0.0);
        }
        let allowed = self.allowed.slice(s![.., ..;EVERY]).to_owned();
        let settings = FitConfig {
            iterations: 10,
            exact: true,
            ..FitConfig::default()
        };
        let mut model = |dictionary: &Dictionary, kept: &[usize], allowed: &Array2<bool>| {
            let part = known_part("known", dictionary, kept, allowed, &thin)?;
            let free = LowRank::free(&thin, FREE, Start::Random, config.seed)?;
            fit(part.stack(&free)?, &thin, &settings, observer)
        };
        let first = model(&self.dictionary, &self.kept, &allowed)?;
        let loudness = first.model.activations().sum_axis(Axis(1));
        let mut order: Vec<usize> = (0..self.kept.len()).collect();
        order.sort_by(|&a, &b| loudness[b].total_cmp(&loudness[a]));
        order.truncate(MOST_ATOMS);
        order.sort_unstable();
        let kept: Vec<usize> = order.iter().map(|&row| self.kept[row]).collect();
        let allowed = allowed.select(Axis(0), &order);
        let steps = (config.most_cents / STEP_CENTS).round() as i32;
        let mut costs = Vec::new();
        for step in -steps..=steps {
            let cents = step as f32 * STEP_CENTS;
            let retuned = self.dictionary.select(&kept).retuned(cents)?;
            let all: Vec<usize> = (0..kept.len()).collect();
            costs.push((cents, model(&retuned, &all, &allowed)?.final_objective()));
        }
        let best = (0..costs.len())
            .min_by(|&a, &b| costs[a].1.total_cmp(&costs[b].1))
            .unwrap_or(0);
        // A least cost at the edge is no tuning: the free components took over. Nor is one that is hardly lower than
        // that of the dictionary as it is.
        let inner = best > 0 && best + 1 < costs.len();
        if !inner || costs[best].1 > (1.0 - LEAST_GAIN) * costs[steps as usize].1 {
            return Ok(0.0);
        }
        let (a, b, c) = (costs[best - 1].1, costs[best].1, costs[best + 1].1);
        let offset = 0.5 * (a - c) / (a - 2.0 * b + c).max(1e-12);
        Ok(costs[best].0 + STEP_CENTS * offset.clamp(-0.5, 0.5) as f32)
    }

    /// Hear which notes sound, and allow those alone.
    fn hear(&mut self, activations: ArrayView2<'_, f32>, hop_secs: f64, config: &InformedConfig) {
        let roll = piano_roll(&self.atoms(), activations, hop_secs, config.threshold);
        for (row, &atom) in self.kept.iter().enumerate() {
            let Some(key) = self.dictionary.atoms()[atom].key() else {
                continue;
            };
            let sounds = roll.row(usize::from(key));
            self.allowed
                .row_mut(row)
                .iter_mut()
                .zip(sounds)
                .for_each(|(allowed, &sounds)| *allowed &= sounds);
        }
        self.prune();
    }
}

/// Which of 128 keys sound when, `(keys, frames)`: where a note's activations, all slices and layers together, exceed
/// a share of the loudest note's within a second, gaps and blips of five frames of 23 ms taken away, widened by
/// three frames before and after.
fn piano_roll(
    atoms: &[&Atom],
    activations: ArrayView2<'_, f32>,
    hop_secs: f64,
    threshold: f32,
) -> Array2<bool> {
    const AROUND_SECS: f64 = 1.0;
    const GAP_SECS: f64 = 0.116;
    const WIDER_SECS: f64 = 0.07;
    let frames = activations.ncols();
    let mut level = Array2::<f32>::zeros((128, frames));
    for (atom, row) in atoms.iter().zip(activations.outer_iter()) {
        if let Some(key) = atom.key() {
            let mut sum = level.row_mut(usize::from(key));
            sum += &row;
        }
    }
    let in_frames = |secs: f64| (secs / hop_secs).round().max(1.0) as usize;
    let (around, gap, wider) = (
        in_frames(AROUND_SECS),
        in_frames(GAP_SECS),
        in_frames(WIDER_SECS),
    );
    let loudest: Vec<f32> = (0..frames)
        .map(|t| level.column(t).iter().fold(0.0_f32, |most, &x| most.max(x)))
        .collect();
    let local: Vec<f32> = (0..frames)
        .map(|t| {
            let span = &loudest[t.saturating_sub(around)..(t + around + 1).min(frames)];
            span.iter().fold(0.0_f32, |most, &x| most.max(x))
        })
        .collect();
    let mut roll = Array2::from_elem((128, frames), false);
    for (level, mut sounds) in level.outer_iter().zip(roll.outer_iter_mut()) {
        let mut on: Vec<bool> = level
            .iter()
            .zip(&local)
            .map(|(&x, &most)| x > threshold * most)
            .collect();
        fill_runs(&mut on, false, gap);
        fill_runs(&mut on, true, gap);
        for (t, &on) in on.iter().enumerate() {
            if on {
                sounds
                    .slice_mut(s![t.saturating_sub(wider)..(t + wider + 1).min(frames)])
                    .fill(true);
            }
        }
    }
    roll
}

/// Turn runs of `value` that are shorter than `least` into the other value; those at the ends stay.
fn fill_runs(values: &mut [bool], value: bool, least: usize) {
    let mut begin = 0;
    while begin < values.len() {
        let len = values[begin..]
            .iter()
            .take_while(|&&x| x == values[begin])
            .count();
        let inner = begin > 0 && begin + len < values.len();
        if values[begin] == value && len < least && inner {
            values[begin..begin + len].fill(!value);
        }
        begin += len;
    }
}

/// Fixed templates, and activations that start level where they are allowed.
fn known_part(
    name: &str,
    dictionary: &Dictionary,
    kept: &[usize],
    allowed: &Array2<bool>,
    spectrogram: &Spectrogram,
) -> Result<LowRank, Error> {
    let templates = dictionary.templates().select(Axis(1), kept);
    let level = spectrogram.mean() * spectrogram.bins() as f32 / (2 * kept.len().max(1)) as f32;
    let start = Array2::from_elem((kept.len(), spectrogram.frames()), level);
    let part = LowRank::from_factors(name, templates.view(), start.view(), spectrogram.channels())?
        .with_templates(Update::Fixed)
        .with_pan(Update::Fixed);
    part.allow(allowed.view())
}

/// All parts side by side, the free components last.
fn assemble(
    parts: &[Part],
    spectrogram: &Spectrogram,
    config: &InformedConfig,
) -> Result<LowRank, Error> {
    let mut model: Option<LowRank> = None;
    for part in parts {
        if part.kept.is_empty() {
            continue;
        }
        let known = known_part(
            "known",
            &part.dictionary,
            &part.kept,
            &part.allowed,
            spectrogram,
        )?;
        model = Some(match model {
            Some(model) => model.stack(&known)?,
            None => known,
        });
    }
    let free = config.free.min(spectrogram.frames());
    if free > 0 {
        let free = LowRank::free(spectrogram, free, Start::Random, config.seed)?
            .with_pan(Update::Fixed)
            .with_penalties(Penalties::default());
        model = Some(match model {
            Some(model) => model.stack(&free)?,
            None => free,
        });
    }
    model.ok_or_else(|| {
        Error::config(
            "free",
            0,
            "at least 1 where no note of a dictionary may sound",
        )
    })
}

fn finish(
    parts: &[Part],
    fitted: Fit,
    (stft, sample_rate, spectrogram): (&Stft, u32, &Spectrogram),
    task: &Task<'_>,
    mut notes: Vec<String>,
) -> Result<Separation, Error> {
    let sources = task.sources;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); sources.len()];
    let mut first = 0;
    for part in parts {
        members[part.source].extend(first..first + part.kept.len());
        first += part.kept.len();
    }
    let free: Vec<usize> = (first..fitted.model.components()).collect();
    let others: Vec<usize> = (0..sources.len())
        .filter(|&source| parts.iter().all(|part| part.source != source))
        .collect();
    match others[..] {
        [] => notes.push(
            "free components explain what no dictionary does, and are shared out with it"
                .to_owned(),
        ),
        [only] => members[only].extend(&free),
        _ if !free.is_empty() => {
            let wanted: Vec<Source> = others
                .iter()
                .map(|&source| sources[source].clone())
                .collect();
            let config = stft.config();
            let view = FactorView {
                templates: fitted.model.templates().slice_move(s![.., first..]),
                activations: fitted.model.activations().slice_move(s![first.., ..]),
                gains: None,
                percussive_shares: None,
                sample_rate,
                fft_len: config.fft_len,
                hop_len: config.hop_len,
            };
            let grouping = group(&view, &wanted, task.overrides)?;
            for (&source, own) in others.iter().zip(grouping.members()) {
                members[source].extend(own.iter().map(|k| k + first));
            }
        }
        _ => {}
    }
    let explanation = Explanation {
        stft,
        model: &fitted.model,
        quantity: Quantity::Magnitude,
        scale: spectrogram.scale(),
    };
    let sharing = Components::new(explanation, &members, task.stems)?;
    Ok(Separation {
        sources: sources.to_vec(),
        components: None::<(Factorization, crate::group::Grouping)>,
        heard: Heard::default(),
        notes,
        sharing: Box::new(sharing),
    })
}
