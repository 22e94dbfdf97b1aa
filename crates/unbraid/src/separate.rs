//! A recording comes in; its stems go out: the whole chain in one place.

use serde::{Deserialize, Serialize};

use crate::factorize::{FactorizeConfig, factorize};
use crate::group::{Kind, Overrides, Source};
use crate::knowledge::{Dictionary, Lyrics, Melody, Score};
use crate::mask::Render;
use crate::observe::Observer;
use crate::recipe::voice_piano::{Known, VoicePianoConfig, voice_piano};
use crate::recipe::{DrumEvidence, DrumsConfig, DrumsTask, drums};
use crate::recipe::{InformedConfig, Instrument, Task, informed};
use crate::separation::Heard;
use crate::sharing::StemsConfig;
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
    /// How they are used.
    pub informed: InformedConfig,
    /// What pitch is sung, for one singer and one piano.
    #[serde(skip)]
    pub melody: Option<Melody>,
    /// Which words are sung, for one singer and one piano.
    #[serde(skip)]
    pub lyrics: Option<Lyrics>,
    /// The voice as another program separated it, for one singer and one piano: evidence for the pitch.
    #[serde(skip)]
    pub voice_stem: Option<Audio>,
}

impl SeparateConfig {
    /// The dictionary of the first instrument that is known, if it has one.
    fn dictionary(&self) -> Option<&Dictionary> {
        self.instruments.first()?.dictionary.as_ref()
    }

    /// The score of the first instrument that is known, if it has one.
    fn score(&self) -> Option<&Score> {
        self.instruments.first()?.score.as_ref()
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
    if is_singer_and_piano(config) {
        return singer_and_piano(audio, config, observer);
    }
    let drummed = config
        .sources
        .iter()
        .any(|source| source.kind == Some(Kind::Drums));
    if drummed
        && config.instruments.is_empty()
        && config.drums.evidence == DrumEvidence::Learnt
        && config.stems.render != Render::Model
    {
        let task = DrumsTask {
            sources: &config.sources,
            overrides: &config.overrides,
            factorize: &config.factorize,
            stems: config.stems,
        };
        return drums(audio, &task, &config.drums, observer);
    }
    let piano = lone_piano(config);
    let instruments = if config.instruments.is_empty() {
        piano.as_slice()
    } else {
        &config.instruments
    };
    if instruments.is_empty() {
        return blind(audio, config, observer);
    }
    let task = Task {
        sources: &config.sources,
        instruments,
        overrides: &config.overrides,
        stft: None,
        stems: config.stems,
    };
    informed(audio, &task, &config.informed, observer)
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
    let known = config
        .instruments
        .iter()
        .all(|known| known.source == piano.name);
    !by_hand && known && (sung(a) && played(b) || played(a) && sung(b))
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
    let known = Known {
        piano: config.dictionary(),
        score: config.score(),
        tolerance: config.informed.tolerance,
        melody: config.melody.as_ref(),
        lyrics: config.lyrics.as_ref(),
        stem: config.voice_stem.as_ref(),
    };
    let mut found = voice_piano(audio, &known, &config.voice_piano, observer)?;
    let voice_first = config.sources[0].kind == Some(Kind::Voice);
    found.sharing = found.sharing.rendered(config.stems.render, voice_first);
    Ok(Separation {
        sources: config.sources.clone(),
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
    let factorization = factorize(audio, &config.factorize, observer)?;
    let grouping = factorization.group(&config.sources, &config.overrides)?;
    let sharing = factorization.sharing(&grouping.members(), config.stems)?;
    Ok(Separation {
        sources: grouping.sources.clone(),
        notes: grouping.notes.iter().map(ToString::to_string).collect(),
        components: Some((factorization, grouping)),
        heard: Heard::default(),
        sharing: Box::new(sharing),
    })
}
