//! A recording comes in; its stems go out: the whole chain in one place.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::factorize::{FactorizeConfig, factorize_after};
use crate::fit::FitConfig;
use crate::group::{Basis, Kind, Overrides, Source, group_by};
use crate::knowledge::hints::{Clues, Grid};
use crate::knowledge::onsets::Onset;
use crate::knowledge::{Dictionary, Lyrics, Melody, Score, Tolerance, align};
use crate::mask::Render;
use crate::observe::Observer;
use crate::recipe::voice_piano::{Known, VoicePianoConfig, voice_piano};
use crate::recipe::{DrumEvidence, DrumsConfig, DrumsTask, WarmStart, drums};
use crate::recipe::{HitsConfig, HitsTask, hits};
use crate::recipe::{InformedConfig, Instrument, Task, informed};
use crate::refit::under_hints;
use crate::separation::Heard;
use crate::sharing::{StemsConfig, check_render};
use crate::{Audio, Error, Separation};

/// Settings of the whole chain.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeparateConfig {
    /// Audio → spectrum → spectrogram → model → fit.
    pub factorize: FactorizeConfig,
    /// The sources to find.
    pub sources: Vec<Source>,
    /// What a person decided.
    pub overrides: Overrides,
    /// One singer and one piano.
    pub voice_piano: VoicePianoConfig,
    /// Drums against others.
    pub drums: DrumsConfig,
    /// Masks → stems.
    pub stems: StemsConfig,
    /// Sources whose sound is known.
    #[serde(skip)]
    pub instruments: Vec<Instrument>,
    /// Whether their scores are moved into the recording's time.
    pub align: bool,
    /// How they are used.
    pub informed: InformedConfig,
    /// When drums are struck, if that is known.
    #[serde(skip)]
    pub onsets: Option<Vec<Onset>>,
    /// How single strokes of drums sound, if that is known: a source's name and a recording.
    #[serde(skip)]
    pub strokes: Vec<(String, Audio)>,
    /// Drums from each other, by their strokes.
    pub hits: HitsConfig,
    /// What is known of where sources are.
    #[serde(skip)]
    pub clues: Clues,
    /// What pitch is sung, for one singer and one piano.
    #[serde(skip)]
    pub melody: Option<Melody>,
    /// Which words are sung, for one singer and one piano.
    #[serde(skip)]
    pub lyrics: Option<Lyrics>,
    /// Where free components start, if a piece of the same recording went before: they stay the same components. Other
    /// models than those of free components learn every piece anew.
    #[serde(skip)]
    pub before: Option<WarmStart>,
}

impl SeparateConfig {
    /// What is known of the first source of a kind, if anything is.
    fn instrument(&self, kind: Kind) -> Option<&Instrument> {
        let mut sources = self.sources.iter();
        let source = sources.find(|source| source.kind == Some(kind))?;
        let mut known = self.instruments.iter();
        known.find(|known| known.source == source.name)
    }
}

/// Take a recording apart.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed.
/// - [`Error::Cancelled`] if the observer says so.
///
/// # Examples
///
/// ```
/// use unbraid::group::parse_sources;
/// use unbraid::testsignals::{drums_and_guitar, mix};
/// use unbraid::{SeparateConfig, separate};
///
/// let (drums, guitar) = drums_and_guitar(2.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let config = SeparateConfig { sources: parse_sources("drums,guitar", &[])?, ..Default::default() };
/// let separation = separate(&mixture, &config, &mut ())?;
/// let stems = separation.stems(&mixture)?.collect_audio()?;
/// assert_eq!(stems.len(), 2);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn separate(
    audio: &Audio,
    config: &SeparateConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    if !config.clues.is_empty() {
        check_render(config.stems.render)?;
        let names: Vec<&str> = config.sources.iter().map(|it| it.name.as_str()).collect();
        config.clues.check(&names, audio)?;
    }
    let (config, told) = scores_in_time(audio, config)?;
    let mut separation = by_recipe(audio, &config, observer)?;
    separation.notes.extend(told);
    let components = separation.components.as_ref();
    if let Some(rank) = components.and_then(|(factorization, _)| factorization.rank.as_ref()) {
        separation.notes.push(rank.to_string());
    }
    if config.factorize.stft.is_some()
        && matches!(recipe(&config), Recipe::Hits | Recipe::SingerAndPiano)
    {
        let unused = "the transform that was asked for is not used: these sources have transforms of their own";
        separation.notes.push(unused.to_owned());
    }
    with_clues(separation, audio, &config, observer)
}

/// With the scores in the recording's time, and what the user should know of that. They are of one piece of music: what
/// moves one moves all.
fn scores_in_time<'a>(
    audio: &Audio,
    config: &'a SeparateConfig,
) -> Result<(Cow<'a, SeparateConfig>, Option<String>), Error> {
    let mut whole = Score::default();
    for score in config.instruments.iter().filter_map(|it| it.score.as_ref()) {
        whole.notes.extend(&score.notes);
        whole.pedals.extend(&score.pedals);
    }
    let unmoved = (Cow::Borrowed(config), None);
    if whole.notes.is_empty() || !config.align {
        return Ok(unmoved);
    }
    whole
        .pedals
        .sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
    let alignment = align(audio, &whole)?;
    let told = format!(
        "the score's notes were moved by {:.2} s (median) into the recording's time",
        alignment.moved_secs(&whole)
    );
    let mut config = config.clone();
    for score in config
        .instruments
        .iter_mut()
        .filter_map(|it| it.score.as_mut())
    {
        *score = score.aligned(&alignment);
    }
    config.informed.tolerance = Tolerance::aligned();
    Ok((Cow::Owned(config), Some(told)))
}

/// Weigh the clues of `config` into what was found without them ([`under_hints`]): the second half of [`separate`].
///
/// # Errors
///
/// As [`separate`].
pub fn with_clues(
    separation: Separation,
    audio: &Audio,
    config: &SeparateConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    if config.clues.is_empty() {
        return Ok(separation);
    }
    let grid = Grid {
        stft: separation.sharing.stft(),
        sample_rate: audio.sample_rate(),
        frames: separation.sharing.frames(),
    };
    let names: Vec<&str> = separation
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    let hints = config.clues.on(grid, &names, audio)?;
    let fit = FitConfig {
        iterations: config.factorize.blind.fit.iterations.min(HINTED_ITERATIONS),
        ..config.factorize.blind.fit
    };
    under_hints(separation, audio, hints, config.stems, &fit, observer)
}

/// Iterations under a person's regions, after the fit without them had its own.
const HINTED_ITERATIONS: usize = 30;

/// What the recipe that suits the sources makes of the recording.
fn by_recipe(
    audio: &Audio,
    config: &SeparateConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    match recipe(config) {
        Recipe::SingerAndPiano => singer_and_piano(audio, config, observer),
        Recipe::Hits => {
            if !config.overrides.is_empty() || !config.instruments.is_empty() {
                let requirement = "none beside onsets or strokes, whose model has neither components nor dictionaries";
                return Err(Error::config("assign", "given", requirement));
            }
            let task = HitsTask {
                sources: &config.sources,
                onsets: config.onsets.as_deref(),
                strokes: &config.strokes,
                seed: config.factorize.blind.seed,
                stems: config.stems,
            };
            hits(audio, &task, &config.hits, observer)
        }
        Recipe::Drums => {
            let task = DrumsTask {
                sources: &config.sources,
                overrides: &config.overrides,
                factorize: &config.factorize,
                before: config.before.as_ref(),
                regions: &config.clues.regions,
                stems: config.stems,
            };
            drums(audio, &task, &config.drums, observer)
        }
        Recipe::Informed => {
            let piano = lone_piano(config);
            let instruments = if config.instruments.is_empty() {
                piano.as_slice()
            } else {
                &config.instruments
            };
            let task = Task {
                sources: &config.sources,
                instruments,
                overrides: &config.overrides,
                stft: config.factorize.stft,
                stems: config.stems,
            };
            informed(audio, &task, &config.informed, observer)
        }
        Recipe::Blind => blind(audio, config, observer),
    }
}

/// Whether it is known when drums are struck, or how they sound.
fn told(config: &SeparateConfig) -> bool {
    config.onsets.is_some() || !config.strokes.is_empty()
}

/// What a recording is separated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// Free components, grouped.
    Blind,
    /// Drums of which it is known when they are struck, or how they sound ([`hits`]).
    Hits,
    /// Drums and the rest, told apart by learnt evidence ([`drums`]).
    Drums,
    /// Instruments whose sound is known ([`informed`]).
    Informed,
    /// One singer and one piano ([`voice_piano`](crate::recipe::voice_piano)).
    SingerAndPiano,
}

/// The recipe for what is asked.
#[must_use]
pub fn recipe(config: &SeparateConfig) -> Recipe {
    let drummed = config
        .sources
        .iter()
        .any(|source| source.kind.is_some_and(Kind::is_percussive));
    if told(config) {
        Recipe::Hits
    } else if is_singer_and_piano(config) {
        Recipe::SingerAndPiano
    } else if !config.instruments.is_empty() {
        Recipe::Informed
    } else if drummed
        && config.drums.evidence == DrumEvidence::Learnt
        && config.stems.render != Render::Model
    {
        Recipe::Drums
    } else if lone_piano(config).is_some() {
        Recipe::Informed
    } else {
        Recipe::Blind
    }
}

/// A piano beside one other source, of which nothing is known: it is taken to sound like the one that comes with the program.
fn lone_piano(config: &SeparateConfig) -> Option<Instrument> {
    let [a, b] = &config.sources[..] else {
        return None;
    };
    let played = |source: &Source| source.kind == Some(Kind::Piano);
    let by_hand = !config.overrides.names().is_empty();
    if by_hand || played(a) == played(b) {
        return None;
    }
    let piano = if played(a) { a } else { b };
    Some(Instrument {
        source: piano.name.clone(),
        dictionary: None,
        score: None,
    })
}

/// Whether it is one voice and one piano that are to be found: both then have a model of their own.
#[must_use]
pub fn is_singer_and_piano(config: &SeparateConfig) -> bool {
    let sung = |source: &Source| source.kind == Some(Kind::Voice);
    let played = |source: &Source| source.kind == Some(Kind::Piano);
    let by_hand = !config.overrides.names().is_empty();
    let [a, b] = &config.sources[..] else {
        return false;
    };
    let piano = if played(a) { a } else { b };
    // Of the voice its filters may be known; a dictionary of its spectra is for another recipe.
    let filters = |known: &Instrument| {
        let dictionary = known.dictionary.as_ref();
        known.score.is_none() && dictionary.is_some_and(Dictionary::is_of_filters)
    };
    let known = config
        .instruments
        .iter()
        .all(|known| known.source == piano.name || filters(known));
    !by_hand && known && (sung(a) && played(b) || played(a) && sung(b))
}

/// The voice as another program separated it, if it is hinted and counts: evidence for the pitch.
fn hinted_voice<'a>(config: &'a SeparateConfig, audio: &Audio) -> Option<&'a Audio> {
    let mut sources = config.sources.iter();
    let voice = sources.find(|source| source.kind == Some(Kind::Voice))?;
    let mut stems = config.clues.stems.iter();
    let hinted = stems.find(|stem| stem.source == voice.name && stem.strength > 0.0)?;
    (hinted.audio.channels() == audio.channels()).then_some(&hinted.audio)
}

/// One voice and one piano: a model of each.
fn singer_and_piano(
    audio: &Audio,
    config: &SeparateConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    config.stems.render.check()?;
    if config.stems.render == Render::Model {
        let requirement =
            "ratio or binary for a voice and a piano, whose masks are means of several";
        return Err(Error::config("stems.render", "model", requirement));
    }
    if config.stems.residual {
        let requirement = "false for a voice and a piano: their masks leave nothing over";
        return Err(Error::config("stems.residual", true, requirement));
    }
    let piano = config.instrument(Kind::Piano);
    let voice = config.instrument(Kind::Voice);
    let known = Known {
        piano: piano.and_then(|known| known.dictionary.as_ref()),
        voice: voice.and_then(|known| known.dictionary.as_ref()),
        score: piano.and_then(|known| known.score.as_ref()),
        tolerance: config.informed.tolerance,
        melody: config.melody.as_ref(),
        lyrics: config.lyrics.as_ref(),
        stem: hinted_voice(config, audio),
    };
    let mut found = voice_piano(audio, &known, &config.voice_piano, observer)?;
    let voice_first = config.sources[0].kind == Some(Kind::Voice);
    found.sharing = found.sharing.rendered(config.stems.render, voice_first);
    Ok(Separation {
        sources: config.sources.clone(),
        onsets: Vec::new(),
        notes: found.notes(),
        components: None,
        heard: Heard {
            score: Some(found.score),
            melody: Some(found.melody),
        },
        sharing: Box::new(found.sharing),
    })
}

/// Free components, grouped: what suits any sources, for want of something better.
fn blind(
    audio: &Audio,
    config: &SeparateConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    let before = config.before.as_ref();
    let (factorization, _) = factorize_after(before, audio, &config.factorize, observer)?;
    let basis = match config.drums.evidence {
        DrumEvidence::None => Basis::Percussive,
        DrumEvidence::Features | DrumEvidence::Learnt => Basis::Features,
    };
    let mut grouping = group_by(
        &factorization.factors(),
        &config.sources,
        &config.overrides,
        basis,
    )?;
    if let Some(before) = before {
        grouping.go_on_from(before.posteriors.view());
    }
    let sharing = factorization.sharing(&grouping.members(), config.stems)?;
    Ok(Separation {
        sources: grouping.sources.clone(),
        onsets: Vec::new(),
        notes: grouping.notes.iter().map(ToString::to_string).collect(),
        components: Some((factorization, grouping)),
        heard: Heard::default(),
        sharing: Box::new(sharing),
    })
}
