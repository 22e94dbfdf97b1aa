//! Recordings come in; a folder of stems per recording goes out.

mod batch;
pub(super) mod pieces;
mod stage_two;

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;
use unbraid::group::{Grouping, Kind, Overrides, Source, parse_sources};
use unbraid::knowledge::hints::Clues;
use unbraid::knowledge::onsets::Onset;
use unbraid::knowledge::{Lyrics, Melody};
use unbraid::mask::Render;
use unbraid::recipe::voice_piano::VoicePianoConfig;
use unbraid::recipe::{DrumsConfig, HitsConfig};
use unbraid::recipe::{InformedConfig, Instrument, NOTE_EXPONENT};
use unbraid::resample::resample;
use unbraid::separate::is_singer_and_piano;
use unbraid::separation::Heard;
use unbraid::sharing::StemsConfig;
use unbraid::{Audio, SeparateConfig, separate};
use unbraid_io::audio::{OutputFormat, Span, read_audio};
use unbraid_io::knowledge::{
    read_lyrics, read_melody, read_onsets, write_melody_csv, write_midi, write_notes_csv,
    write_onsets,
};
use unbraid_io::project::{Manifest, write_manifest};

use super::{compact, describe, json, manifest, print_json, print_why};
use crate::args::{EffortArgs, HintArgs, KnowledgeArgs, ModelArgs, SeparateArgs};
use crate::failure::Failure;
use crate::input::{self, Loaded, is_standard};
use crate::output::{self, say};
use crate::progress::Line;
use crate::render::{Original, Rendering, StemFile};
use crate::tracks::Tracks;

/// The name of the stem that no component explains.
const RESIDUAL: &str = "residual";

pub(crate) fn run(args: &SeparateArgs) -> Result<(), Failure> {
    let task = Task::new(args)?;
    if let Some(folder) = &args.stage_two {
        return stage_two::run(&task, folder);
    }
    if is_standard(&args.output) {
        return to_standard_output(&task);
    }
    batch::run(&task, Tracks::of(&args.files, &args.output)?)
}

/// One recording into a folder that appears whole, as the studio wants it.
pub(super) fn into_folder(
    args: &SeparateArgs,
    file: &Path,
    target: &Path,
    line: &mut Line,
) -> Result<Manifest, Failure> {
    let task = Task::new(args)?;
    match &args.stage_two {
        Some(folder) => stage_two::into_folder(&task, folder, file, target, line),
        None => batch::into_folder(&task, file, target, args.common.overwrite, line),
    }
}

/// What is wanted of every recording.
struct Task<'a> {
    args: &'a SeparateArgs,
    sources: Vec<Source>,
    overrides: Overrides,
    known: Knowledge,
    /// When drums are struck, and how single strokes sound.
    onsets: Option<Vec<Onset>>,
    strokes: Vec<(String, Audio)>,
}

/// What a result was made with, for the manifest.
#[derive(Serialize)]
struct Settings<'a> {
    #[serde(flatten)]
    config: &'a SeparateConfig,
    sample_rate: Option<u32>,
    format: OutputFormat,
    minus: Option<&'a str>,
    stem: Option<&'a str>,
    knowledge: &'a KnowledgeArgs,
    onsets: Option<&'a Path>,
    stroke: &'a [String],
    hints: &'a HintArgs,
}

/// What stands beside the library's settings in a manifest: fields of [`Settings`].
const BESIDE: [&str; 8] = [
    "sample_rate",
    "format",
    "minus",
    "stem",
    "knowledge",
    "onsets",
    "stroke",
    "hints",
];

/// The library's settings that a manifest's hold.
pub(super) fn config_of(settings: &Value) -> serde_json::Result<SeparateConfig> {
    let mut settings = settings.clone();
    if let Some(fields) = settings.as_object_mut() {
        fields.retain(|name, _| !BESIDE.contains(&name.as_str()));
    }
    serde_json::from_value(settings)
}

/// The sources to find: those of --sources, or of what else was said.
fn sources(args: &SeparateArgs, overrides: &Overrides) -> Result<Vec<Source>, Failure> {
    let named = overrides.names();
    match (&args.sources, args.minus.as_ref().or(args.stem.as_ref())) {
        (Some(list), _) => Ok(parse_sources(list, &named)?),
        (None, Some(source)) => Ok(parse_sources(source, &named)?),
        (None, None) if !named.is_empty() => Ok(parse_sources(&named.join(","), &named)?),
        (None, None) => Ok(vec![Source::of(Kind::Drums), Source::of(Kind::Rest)]),
    }
}

/// How single strokes sound, as far as the user knows.
pub(super) fn strokes(given: &[String]) -> Result<Vec<(String, Audio)>, Failure> {
    let each = given.iter().map(|given| {
        let Some((source, file)) = given.split_once('=') else {
            return Err(Failure::usage(format!(
                "--stroke is `{given}`, but must be a source and a recording of one stroke, such as snare=snare.wav"
            )));
        };
        let stroke = read_audio(Path::new(file), Span::default())?.audio;
        Ok((source.trim().to_owned(), stroke))
    });
    each.collect()
}

/// What the user knows of the sources, read from files.
pub(super) struct Knowledge {
    instruments: Vec<Instrument>,
    melody: Option<Melody>,
    lyrics: Option<Lyrics>,
}

impl Knowledge {
    pub(super) fn read(knowledge: &KnowledgeArgs, sources: &[Source]) -> Result<Self, Failure> {
        let melody = knowledge.melody.as_deref().map(read_melody).transpose()?;
        let lyrics = knowledge.lyrics.as_deref().map(read_lyrics).transpose()?;
        Ok(Self {
            instruments: knowledge.instruments(sources)?,
            melody,
            lyrics,
        })
    }
}

/// What the command line says of how to separate.
pub(super) struct Asked<'a> {
    pub(super) factorize: &'a ModelArgs,
    pub(super) knowledge: &'a KnowledgeArgs,
    pub(super) known: &'a Knowledge,
    pub(super) effort: &'a EffortArgs,
    pub(super) stems: StemsConfig,
    pub(super) exponent_chosen: bool,
}

/// The settings of the whole chain for a recording of this rate.
pub(super) fn settings(
    asked: &Asked<'_>,
    sources: &[Source],
    overrides: &Overrides,
    sample_rate: u32,
) -> SeparateConfig {
    let mut factorize = asked.factorize.config(sample_rate);
    let quality = if asked.effort.fast {
        let iterations = &mut factorize.blind.fit.iterations;
        *iterations = 50.min(*iterations);
        VoicePianoConfig::fast()
    } else {
        VoicePianoConfig::default()
    };
    let mut config = SeparateConfig {
        factorize,
        sources: sources.to_vec(),
        overrides: overrides.clone(),
        voice_piano: VoicePianoConfig {
            portable: asked.factorize.portable,
            transfer: asked.knowledge.adapt.transfer(),
            adapt_rate: asked.knowledge.adapt.rate(),
            t60_secs: asked.knowledge.t60,
            tuning: quality.tuning && !asked.knowledge.no_tuning,
            ..quality
        },
        drums: DrumsConfig {
            evidence: asked.effort.evidence.into(),
            fits: asked.effort.fits.unwrap_or(DrumsConfig::DEFAULT.fits),
            ..DrumsConfig::DEFAULT
        },
        stems: asked.stems,
        instruments: asked.known.instruments.clone(),
        align: asked.knowledge.align,
        informed: InformedConfig {
            free: asked.knowledge.free,
            tune: !asked.knowledge.no_tuning,
            transfer: asked.knowledge.adapt.transfer(),
            adapt_rate: asked.knowledge.adapt.rate(),
            seed: asked.factorize.seed,
            ..InformedConfig::default()
        },
        onsets: None,
        strokes: Vec::new(),
        clues: Clues::default(),
        hits: HitsConfig::default(),
        melody: asked.known.melody.clone(),
        lyrics: asked.known.lyrics.clone(),
        before: None,
    };
    if !config.instruments.is_empty()
        && !is_singer_and_piano(&config)
        && !asked.exponent_chosen
        && let Render::Ratio { exponent } = &mut config.stems.render
    {
        *exponent = NOTE_EXPONENT;
    }
    config
}

/// The files to write, as sums of the sources' stems.
fn stem_files(args: &SeparateArgs, sources: &[Source]) -> Result<Vec<StemFile>, Failure> {
    let mut names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    if args.stems.residual {
        names.push(RESIDUAL.to_owned());
    }
    let find = |name: &String| {
        names.iter().position(|known| known == name).ok_or_else(|| {
            Failure::usage(format!(
                "`{name}` is none of the stems {}",
                names.join(", ")
            ))
        })
    };
    if let Some(name) = &args.minus {
        let stem = find(name)?;
        let others = (0..names.len()).filter(|&other| other != stem).collect();
        let backing = format!("no_{name}");
        if names.contains(&backing) {
            return Err(Failure::usage(format!(
                "`{backing}` would be written twice"
            )));
        }
        return Ok(vec![
            StemFile {
                name: backing,
                stems: others,
            },
            StemFile {
                name: name.clone(),
                stems: vec![stem],
            },
        ]);
    }
    if let Some(name) = &args.stem {
        return Ok(vec![StemFile {
            name: name.clone(),
            stems: vec![find(name)?],
        }]);
    }
    Ok(StemFile::each(names))
}

impl<'a> Task<'a> {
    /// Check what can be checked before the long work.
    fn new(args: &'a SeparateArgs) -> Result<Self, Failure> {
        let overrides = Overrides::parse(&args.assign)?;
        let sources = sources(args, &overrides)?;
        if args.stems.residual && sources.iter().any(|source| source.name == RESIDUAL) {
            return Err(Failure::usage(
                "a source cannot be called `residual` beside --residual",
            ));
        }
        stem_files(args, &sources)?;
        let task = Self {
            args,
            known: Knowledge::read(&args.knowledge, &sources)?,
            onsets: args.onsets.as_deref().map(read_onsets).transpose()?,
            strokes: strokes(&args.stroke)?,
            sources,
            overrides,
        };
        let sung = task.known.melody.is_some() || task.known.lyrics.is_some();
        if sung && !is_singer_and_piano(&task.config(44_100)) {
            return Err(Failure::usage(
                "--melody and --lyrics are of the singer of one voice and one piano: they go with --sources voice,piano",
            ));
        }
        Ok(task)
    }

    /// The rate at which a recording of this rate is separated.
    fn working_rate(&self, sample_rate: u32) -> u32 {
        self.args.sample_rate.unwrap_or(sample_rate)
    }

    /// The settings for a recording that is separated at this rate.
    fn config(&self, sample_rate: u32) -> SeparateConfig {
        self.config_for(&self.sources, sample_rate)
    }

    /// The same for other sources than those of the task.
    fn config_for(&self, sources: &[Source], sample_rate: u32) -> SeparateConfig {
        let args = self.args;
        let asked = Asked {
            factorize: &args.factorize,
            knowledge: &args.knowledge,
            known: &self.known,
            effort: &args.effort,
            stems: args.stems.config(args.factorize.portable),
            exponent_chosen: args.stems.exponent.is_some(),
        };
        let mut config = settings(&asked, sources, &self.overrides, sample_rate);
        config.onsets.clone_from(&self.onsets);
        config.strokes.clone_from(&self.strokes);
        config
    }

    /// The strokes at the rate at which a recording is separated.
    fn strokes_at(&self, rate: u32) -> Result<Vec<(String, Audio)>, Failure> {
        let at_rate = |(source, stroke): &(String, Audio)| {
            Ok((source.clone(), at_rate(stroke, rate)?.into_owned()))
        };
        self.strokes.iter().map(at_rate).collect()
    }

    /// The settings as the manifest has them.
    fn settings(&self, config: &SeparateConfig) -> Result<Value, Failure> {
        let args = self.args;
        json(&Settings {
            config,
            sample_rate: args.sample_rate,
            format: args.stems.format,
            minus: args.minus.as_deref(),
            stem: args.stem.as_deref(),
            knowledge: &args.knowledge,
            onsets: args.onsets.as_deref(),
            stroke: &args.stroke,
            hints: &args.hints,
        })
    }

    /// Separate one recording into a folder.
    fn one(&self, file: &Path, folder: &Path, line: &mut Line) -> Result<Manifest, Failure> {
        let args = self.args;
        let Loaded {
            recording,
            input,
            metadata,
        } = input::load(file, args.common.span()?)?;
        let original = Original {
            audio: &recording.audio,
            metadata: &metadata,
        };
        let rate = self.working_rate(original.audio.sample_rate());
        let audio = &at_rate(original.audio, rate)?;
        let mut config = self.config(rate);
        config.strokes = self.strokes_at(rate)?;
        config.clues = args.hints.clues(audio, args.common.span()?)?;
        let separation = separate(audio, &config, line)?;
        let rendering = Rendering {
            audio,
            sharing: separation.sharing.as_ref(),
            format: args.stems.format,
            adds_up: config.stems.render != Render::Model,
        };
        let files = stem_files(args, &separation.sources)?;
        let written = rendering.write(folder, &files, &original, line)?;
        if !separation.onsets.is_empty() {
            write_onsets(&folder.join("onsets.csv"), &separation.onsets)?;
        }
        write_heard(folder, &separation.heard)?;
        let (factorization, grouping) = separation.components.unzip();
        let manifest = manifest(
            "separate",
            input,
            self.settings(&config)?,
            factorization
                .as_ref()
                .map(|factorization| &factorization.fit),
            grouping,
            separation.notes,
            written,
        );
        write_manifest(folder, &manifest)?;
        Ok(manifest)
    }
}

/// A recording at the rate at which it is separated.
fn at_rate(audio: &Audio, rate: u32) -> Result<Cow<'_, Audio>, Failure> {
    Ok(if audio.sample_rate() == rate {
        Cow::Borrowed(audio)
    } else {
        Cow::Owned(resample(audio, rate)?)
    })
}

/// Write the music that was heard beside the stems, in forms that --score and --melody read again.
fn write_heard(folder: &Path, heard: &Heard) -> Result<(), Failure> {
    if let Some(score) = &heard.score {
        write_midi(&folder.join("notes.mid"), score)?;
        write_notes_csv(&folder.join("notes.csv"), score)?;
    }
    if let Some(melody) = &heard.melody {
        write_melody_csv(&folder.join("f0.csv"), melody)?;
    }
    Ok(())
}

/// Separate one recording and write a single stem to standard output.
fn to_standard_output(task: &Task<'_>) -> Result<(), Failure> {
    let args = task.args;
    let ([file], true) = (&args.files[..], args.minus.is_some() || args.stem.is_some()) else {
        return Err(Failure::usage(
            "standard output takes one stem of one recording: choose it with --stem or --minus",
        ));
    };
    if args.common.json || args.why {
        return Err(Failure::usage(
            "--json and --why share standard output with the stem",
        ));
    }
    // A header can only be written once the length is known, so the stem is made beside.
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut line = Line::new(&file.display().to_string(), args.common.quiet);
    let manifest = task.one(file, folder.path(), &mut line)?;
    line.finish();
    let path = folder.path().join(&manifest.outputs[0].path);
    let mut stem = File::open(path).context("cannot open the stem that was just made")?;
    output::heard(std::io::copy(&mut stem, &mut std::io::stdout().lock()).map(|_| ()));
    Ok(())
}

fn print(args: &SeparateArgs, file: &Path, target: &Path, written: &Manifest, took: Duration) {
    let secs = took.as_secs_f64();
    say!(
        "{}: {}, separated in {secs:.1} s",
        file.display(),
        describe(&written.input)
    );
    let grouping = written.grouping.as_ref();
    for output in &written.outputs {
        let path = target.join(&output.path);
        let components = grouping.map(|grouping| components_of(&path, grouping));
        say!("  {}{}", path.display(), components.unwrap_or_default());
    }
    for note in written.input.notes.iter().chain(&written.notes) {
        say!("  note: {note}");
    }
    if args.why
        && let Some(grouping) = grouping
    {
        print_why(grouping);
    }
}

/// The components of a written stem, if it is a source's.
fn components_of(path: &Path, grouping: &Grouping) -> String {
    let name = path.file_stem().map(PathBuf::from).unwrap_or_default();
    let source = grouping
        .sources
        .iter()
        .position(|source| Path::new(&source.name) == name);
    source.map_or_else(String::new, |source| {
        format!("  components {}", compact(&grouping.members()[source]))
    })
}
