//! Recordings come in; a folder of stems per recording goes out.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use unbraid::group::{Grouping, Kind, Overrides, Source, parse_sources};
use unbraid::mask::Render;
use unbraid::recipe::DrumsConfig;
use unbraid::recipe::voice_piano::VoicePianoConfig;
use unbraid::recipe::{InformedConfig, Instrument, NOTE_EXPONENT};
use unbraid::separate::is_singer_and_piano;
use unbraid::separation::Heard;
use unbraid::{SeparateConfig, separate};
use unbraid_io::Error as IoError;
use unbraid_io::atomic::OutputFolder;
use unbraid_io::knowledge::{
    read_dictionary, read_lyrics, read_melody, read_score, write_melody_csv, write_midi,
    write_notes_csv,
};
use unbraid_io::project::{Manifest, write_manifest};

use super::{compact, describe, json, manifest, print_json, print_why};
use crate::args::SeparateArgs;
use crate::failure::Failure;
use crate::input::{self, is_standard};
use crate::progress::Line;
use crate::render::{Rendering, StemFile};

/// The name of the stem that no component explains.
const RESIDUAL: &str = "residual";

pub(crate) fn run(args: &SeparateArgs) -> Result<(), Failure> {
    let overrides = Overrides::parse(&args.assign)?;
    let sources = sources(args, &overrides)?;
    if args.stems.residual && sources.iter().any(|source| source.name == RESIDUAL) {
        return Err(Failure::usage(
            "a source cannot be called `residual` beside --residual",
        ));
    }
    // Before the long work: every wanted stem is one of the sources.
    stem_files(args, &sources)?;
    if is_standard(&args.output) {
        return to_standard_output(args, &sources, &overrides);
    }
    let tracks = input::tracks(&args.files)?;
    if !args.common.overwrite {
        for (_, track) in &tracks {
            let path = args.output.join(track);
            if path.exists() {
                return Err(IoError::Exists { path }.into());
            }
        }
    }
    let mut manifests = Vec::new();
    for (file, track) in &tracks {
        let target = args.output.join(track);
        let folder = OutputFolder::create(&target, args.common.overwrite)?;
        let mut line = Line::new(&file.display().to_string(), args.common.quiet);
        let written = one(args, file, folder.path(), &sources, &overrides, &mut line)?;
        folder.commit()?;
        line.finish();
        if args.common.json {
            manifests.push(written);
        } else if !args.common.quiet {
            print(args, file, &target, &written, &line);
        }
    }
    if args.common.json {
        print_json(&manifests)
    } else {
        Ok(())
    }
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

/// What the user knows of the sources.
fn instruments(args: &SeparateArgs, sources: &[Source]) -> Result<Vec<Instrument>, Failure> {
    let mut instruments: Vec<Instrument> = Vec::new();
    for given in &args.knowledge.dictionary {
        let (source, file) = match given.split_once('=') {
            Some((source, file)) => (Some(source.trim().to_owned()), file),
            None => (None, given.as_str()),
        };
        let dictionary = read_dictionary(Path::new(file))?;
        let source = source.unwrap_or_else(|| dictionary.kind().to_owned());
        if !sources.iter().any(|known| known.name == source) {
            let names: Vec<&str> = sources.iter().map(|known| known.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "--dictionary is for `{source}`, which is none of the sources {}",
                names.join(", ")
            )));
        }
        if instruments.iter().any(|known| known.source == source) {
            return Err(Failure::usage(format!("`{source}` has two dictionaries")));
        }
        instruments.push(Instrument {
            source,
            dictionary: Some(dictionary),
            score: None,
        });
    }
    if instruments.is_empty() && !args.knowledge.score.is_empty() {
        let mut pianos = sources
            .iter()
            .filter(|known| known.kind == Some(Kind::Piano));
        if let (Some(piano), None) = (pianos.next(), pianos.next()) {
            instruments.push(Instrument {
                source: piano.name.clone(),
                dictionary: None,
                score: None,
            });
        }
    }
    for given in &args.knowledge.score {
        let (source, file) = match given.split_once('=') {
            Some((source, file)) if instruments.iter().any(|known| known.source == source) => {
                (Some(source), file)
            }
            _ => (None, given.as_str()),
        };
        let score = read_score(Path::new(file))?;
        let several = instruments.len() > 1;
        let found = instruments
            .iter_mut()
            .find(|known| source.is_none_or(|source| known.source == source));
        match found {
            Some(_) if source.is_none() && several => {
                return Err(Failure::usage(format!(
                    "--score {file} is for one of several dictionaries: say which, such as --score piano={file}"
                )));
            }
            Some(instrument) => instrument.score = Some(score),
            None => {
                return Err(Failure::usage(
                    "--score says what an instrument plays, and needs to know how it sounds: add --dictionary (a piano alone needs none)",
                ));
            }
        }
    }
    Ok(instruments)
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

/// Separate one recording into a folder.
fn one(
    args: &SeparateArgs,
    file: &Path,
    folder: &Path,
    sources: &[Source],
    overrides: &Overrides,
    line: &mut Line,
) -> Result<Manifest, Failure> {
    let (recording, input) = input::read(file, args.common.span()?)?;
    let audio = &recording.audio;
    let mut factorize = args.factorize.config(audio.sample_rate());
    let quality = if args.fast {
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
            portable: args.factorize.portable,
            ..quality
        },
        drums: DrumsConfig {
            evidence: args.evidence.into(),
            ..DrumsConfig::default()
        },
        stems: args.stems.config(args.factorize.portable),
        instruments: instruments(args, sources)?,
        informed: InformedConfig {
            free: args.knowledge.free,
            tune: !args.knowledge.no_tuning,
            seed: args.factorize.seed,
            ..InformedConfig::default()
        },
        melody: args
            .knowledge
            .melody
            .as_deref()
            .map(read_melody)
            .transpose()?,
        lyrics: args
            .knowledge
            .lyrics
            .as_deref()
            .map(read_lyrics)
            .transpose()?,
        voice_stem: None,
    };
    if is_singer_and_piano(&config) {
        let voice = sources
            .iter()
            .find(|source| source.kind == Some(Kind::Voice));
        let voice = voice.map(|source| source.name.as_str());
        config.voice_stem = voice
            .map(|name| args.hints.stem_of(name, audio, args.common.span()?))
            .transpose()?
            .flatten();
    } else if config.melody.is_some() || config.lyrics.is_some() {
        return Err(Failure::usage(
            "--melody and --lyrics are of the singer of one voice and one piano: they go with --sources voice,piano",
        ));
    }
    if !config.instruments.is_empty()
        && !is_singer_and_piano(&config)
        && args.stems.exponent.is_none()
        && let Render::Ratio { exponent } = &mut config.stems.render
    {
        *exponent = NOTE_EXPONENT;
    }
    let separation = separate(audio, &config, line)?;
    let separation = args.hints.weigh(
        separation,
        audio,
        args.common.span()?,
        config.stems,
        &config.factorize.blind.fit,
        line,
    )?;
    let rendering = Rendering {
        audio,
        sharing: separation.sharing.as_ref(),
        format: args.stems.format,
    };
    let files = stem_files(args, &separation.sources)?;
    let written = rendering.write(folder, &files, line)?;
    write_heard(folder, &separation.heard)?;
    let (factorization, grouping) = separation.components.unzip();
    let manifest = manifest(
        "separate",
        input,
        json(&config)?,
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
fn to_standard_output(
    args: &SeparateArgs,
    sources: &[Source],
    overrides: &Overrides,
) -> Result<(), Failure> {
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
    let manifest = one(args, file, folder.path(), sources, overrides, &mut line)?;
    line.finish();
    let path = folder.path().join(&manifest.outputs[0].path);
    let mut stem = File::open(path).context("cannot open the stem that was just made")?;
    std::io::copy(&mut stem, &mut std::io::stdout().lock())
        .context("cannot write standard output")?;
    Ok(())
}

fn print(args: &SeparateArgs, file: &Path, target: &Path, written: &Manifest, line: &Line) {
    let secs = line.elapsed().as_secs_f64();
    println!(
        "{}: {}, separated in {secs:.1} s",
        file.display(),
        describe(&written.input)
    );
    let grouping = written.grouping.as_ref();
    for output in &written.outputs {
        let path = target.join(&output.path);
        let components = grouping.map(|grouping| components_of(&path, grouping));
        println!("  {}{}", path.display(), components.unwrap_or_default());
    }
    for note in written.input.notes.iter().chain(&written.notes) {
        println!("  note: {note}");
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
