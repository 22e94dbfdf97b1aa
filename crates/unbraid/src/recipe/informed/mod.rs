//! A recording and instruments that are known come in; each of them, and the free rest, go out.
//!
//! ```text
//! dictionary → completed, tuned ┬→ rounds of  fit → hear which notes sound → allow those alone
//! score, if there is one        ┘                 → last fit → shares, and the notes heard
//! ```

mod free;
mod part;

use ndarray::s;
use serde::{Deserialize, Serialize};

use crate::factorize::Factorization;
use crate::fit::{Fit, FitConfig, NotePrices, fit};
use crate::group::{FactorView, Overrides, Source, group};
use crate::knowledge::{Dictionary, HearConfig, Score, Tolerance, built_in_piano};
use crate::observe::Observer;
use crate::separation::Heard;
use crate::sharing::{Components, Explanation, StemsConfig};
use crate::spectrogram::{Channels, Quantity};
use crate::{Audio, Error, Separation, Spectrogram, Stft, StftConfig};
use free::Free;
use part::{Part, Times};

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

/// What free components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FreeKind {
    /// Any templates.
    #[default]
    Plain,
    /// Combs along a scale of fundamentals, whose partials' levels are learnt, and smooth.
    Harmonic,
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switches one idea off, to see what it is worth"
)]
pub struct InformedConfig {
    /// The number of free components for what no dictionary covers. A voice wants many: its pitch glides.
    pub free: usize,
    /// What they are.
    pub free_kind: FreeKind,
    /// Whether one transfer function is learnt for every instrument and its room: for dictionaries of another instrument.
    pub transfer: bool,
    /// How far every template follows the recording by itself, as the exponent of its steps from 0 to 1: for such, with a score.
    pub adapt_rate: f32,
    /// Whether the sustain pedal of a score is believed.
    pub pedal: bool,
    /// Without a score: whether attack and decay are coupled by finding each note's path through its slices.
    pub coupled: bool,
    /// What such a note pays for.
    pub prices: NotePrices,
    /// How far a recording may be from the notes that were found so.
    pub heard_tolerance: Tolerance,
    /// Whether the tuning of every instrument is estimated.
    pub tune: bool,
    /// Tunings up to so many cents are tried; at the edge they are not believed. Half a semitone off could be either way.
    pub most_cents: f32,
    /// How notes are heard.
    pub hear: HearConfig,
    /// Rounds of hearing notes.
    pub rounds: usize,
    /// Iterations of each fit.
    pub iterations: usize,
    /// Without a score: the most layers of loudness that notes are looked for in ([`Dictionary::with_layers`]).
    pub most_layers: usize,
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
            free_kind: FreeKind::Plain,
            transfer: false,
            adapt_rate: 0.0,
            pedal: true,
            coupled: true,
            prices: NotePrices::default(),
            heard_tolerance: Tolerance::heard(),
            tune: true,
            most_cents: 50.0,
            hear: HearConfig::default(),
            rounds: 2,
            iterations: 30,
            most_layers: 4,
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
    let sample_rate = audio.sample_rate();
    let stft = Stft::new(task.stft.unwrap_or_else(|| note_stft(sample_rate)))?;
    let spectrogram = Spectrogram::of(audio, &stft, Quantity::Magnitude, Channels::Sum, observer)?;
    let scene = Scene {
        audio,
        spectrogram: &spectrogram,
        stft: &stft,
        task,
        config,
    };
    let mut notes = Vec::new();
    let mut parts = Vec::new();
    for instrument in task.instruments {
        parts.push(scene.part(instrument)?);
    }
    if config.tune {
        for part in &mut parts {
            let cents = part.tune(&spectrogram, config, observer)?;
            if cents.abs() > 1.5 {
                part.dictionary = part.dictionary.retuned(cents)?;
                notes.push(format!(
                    "{} is tuned {cents:+.0} cents beside its dictionary",
                    task.sources[part.source].name
                ));
            }
        }
    }
    let mut free = Free::new(&scene);
    let to_hear = parts.iter().any(|part| part.score.is_none());
    let transfer = config.transfer;
    let smooth = config.free_kind == FreeKind::Harmonic;
    let mut rounds = if to_hear { config.rounds } else { 0 };
    let coupling = to_hear && config.coupled;
    rounds += usize::from(coupling);
    if transfer || smooth {
        rounds = rounds.max(2);
    }
    let mut fitted = scene.fit(&parts, &free, observer)?;
    for round in 1..=rounds {
        let mut first = 0;
        for part in &mut parts {
            let place = first..first + part.kept.len();
            first = place.end;
            if transfer {
                part.learn_transfer(&fitted, place.clone(), &spectrogram, scene.bin_hz());
            }
            if part.score.is_some() || part.kept.is_empty() {
                continue;
            }
            if coupling && round == rounds {
                part.couple(&fitted, place, &spectrogram, scene.times(), config);
            } else {
                let model = &fitted.model;
                let own = model.activations().slice_move(s![place, ..]).to_owned();
                part.hear(own.view(), scene.times(), config);
            }
        }
        free.follow(&fitted.model, first, &scene);
        fitted = scene.fit(&parts, &free, observer)?;
    }
    scene.finish(&parts, fitted, notes)
}

/// What all steps look at.
struct Scene<'a> {
    audio: &'a Audio,
    spectrogram: &'a Spectrogram,
    stft: &'a Stft,
    task: &'a Task<'a>,
    config: &'a InformedConfig,
}

impl Scene<'_> {
    fn bin_hz(&self) -> f64 {
        f64::from(self.audio.sample_rate()) / self.stft.config().fft_len as f64
    }

    fn times(&self) -> Times {
        let rate = f64::from(self.audio.sample_rate());
        Times {
            hop_secs: self.stft.config().hop_len as f64 / rate,
            window_secs: self.stft.config().window_len as f64 / rate,
        }
    }

    /// An instrument's part.
    fn part(&self, instrument: &Instrument) -> Result<Part, Error> {
        let (sources, config) = (self.task.sources, self.config);
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
        if (instrument.dictionary.as_ref()).is_some_and(Dictionary::is_of_filters) {
            let requirement = "of spectra here; filters of a singer serve the sources voice,piano";
            return Err(Error::config("dictionary", "of filters", requirement));
        }
        let (stft, sample_rate) = (self.stft.config(), self.audio.sample_rate());
        let whole = match &instrument.dictionary {
            Some(dictionary) if instrument.score.is_none() => dictionary
                .with_layers(config.most_layers)
                .at(stft, sample_rate)?,
            Some(dictionary) => dictionary.at(stft, sample_rate)?,
            None => built_in_piano(stft, sample_rate)?,
        };
        let mut known = whole.completed(21..=108, 3.0, config.inharmonicity)?;
        if config.velocities_between > 0 {
            known = known.with_velocities_between(config.velocities_between)?;
        }
        let mut score = instrument.score.clone();
        if let Some(score) = score.as_mut().filter(|_| !config.pedal) {
            score.pedals.clear();
        }
        Ok(Part::new(
            source,
            known,
            score,
            self.spectrogram,
            self.times(),
            config,
        ))
    }

    /// Fit all parts side by side, the free components last.
    fn fit(&self, parts: &[Part], free: &Free, observer: &mut dyn Observer) -> Result<Fit, Error> {
        let mut terms = Vec::new();
        for part in parts.iter().filter(|part| !part.kept.is_empty()) {
            terms.push(part.term(self.spectrogram, self.config)?);
        }
        terms.extend(free.term(self)?);
        let mut terms = terms.into_iter();
        let Some(mut model) = terms.next() else {
            let requirement = "at least 1 where no note of a dictionary may sound";
            return Err(Error::config("free", 0, requirement));
        };
        for term in terms {
            model = model.stack(&term)?;
        }
        let config = FitConfig {
            iterations: self.config.iterations,
            exact: true,
            ..FitConfig::default()
        };
        fit(model, self.spectrogram, &config, observer)
    }

    /// Shares and notes.
    fn finish(
        &self,
        parts: &[Part],
        fitted: Fit,
        mut notes: Vec<String>,
    ) -> Result<Separation, Error> {
        let (task, config, stft) = (self.task, self.config, self.stft);
        let sample_rate = self.audio.sample_rate();
        let sources = task.sources;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); sources.len()];
        let mut heard = Score::default();
        let mut first = 0;
        for part in parts {
            let last = first + part.kept.len();
            members[part.source].extend(first..last);
            let activations = fitted.model.activations();
            let own = activations.slice(s![first..last, ..]);
            let name = sources[part.source].name.clone();
            heard.add_track(name, part.notes(own, self.times(), config));
            first = last;
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
            scale: self.spectrogram.scale(),
        };
        let sharing = Components::new(explanation, &members, task.stems)?;
        Ok(Separation {
            sources: sources.to_vec(),
            onsets: Vec::new(),
            components: None::<(Factorization, crate::group::Grouping)>,
            heard: Heard {
                score: Some(heard),
                melody: None,
            },
            notes,
            sharing: Box::new(sharing),
        })
    }
}
